//! Incidents: the story that alerts tell together.

use super::alert_view::{document, severity_shown, summary};
use crate::auth::Caller;
use crate::clock;
use crate::http::dto::common::PageQuery;
use crate::http::dto::document::{AlertDocument, AlertProgram};
use crate::http::dto::incident::{
    Graph, GraphEdge, GraphNode, IncidentDetail, IncidentPage, IncidentQuery, IncidentSummary,
    TimelineEntry,
};
use crate::http::{Problem, page};
use crate::start::Center;
use std::collections::{BTreeMap, BTreeSet};
use yagura_store::{
    Alert, AlertFilter, Incident, IncidentFilter, IncidentStatus, PAGE_ROWS_MAX, PageRequest,
};

/// Things of one graph: more can't be looked at.
const GRAPH_NODES_MAX: usize = 500;
/// Points of one timeline.
const TIMELINE_MAX: usize = 2000;
/// Characters of a label or a fact.
const LABEL_CHARS_MAX: usize = 300;

/// Incidents, those seen last first.
///
/// # Errors
/// [`Problem`] if the query can't be used.
pub(crate) async fn list(
    center: &Center,
    caller: &Caller,
    query: &IncidentQuery,
) -> Result<IncidentPage, Problem> {
    let statuses = match query.open {
        None => Vec::new(),
        Some(true) => vec![IncidentStatus::Open, IncidentStatus::Handling],
        Some(false) => vec![IncidentStatus::Closed],
    };
    let filter = IncidentFilter {
        statuses,
        clusters: query.cluster.iter().cloned().collect(),
        scope: caller.scope(),
        ..IncidentFilter::default()
    };
    let request = page(&PageQuery {
        cursor: query.cursor.clone(),
        limit: query.limit,
    })?;
    let page = center.store().incidents().list(&filter, &request).await?;
    let mut items = Vec::new();
    for incident in page.items {
        if query
            .node
            .as_ref()
            .is_some_and(|node| *node != incident.node)
        {
            continue;
        }
        let alerts = alerts_of(center, caller, &incident.id).await?;
        let whole = Some(&incident).filter(|_| filter.scope.is_none());
        items.push(summarised(&incident.id, whole, &alerts));
    }
    Ok(IncidentPage {
        items,
        next_cursor: page.next.map(|cursor| cursor.to_string()),
    })
}

async fn alerts_of(center: &Center, caller: &Caller, id: &str) -> Result<Vec<Alert>, Problem> {
    let filter = AlertFilter {
        incidents: vec![id.to_owned()],
        scope: caller.scope(),
        ..AlertFilter::default()
    };
    let request = PageRequest::first(PAGE_ROWS_MAX);
    let alerts = center.store().alerts();
    Ok(alerts.list_oldest_first(&filter, &request).await?.items)
}

fn summarised(id: &str, incident: Option<&Incident>, alerts: &[Alert]) -> IncidentSummary {
    let worst = alerts.iter().max_by_key(|alert| alert.severity);
    let names = |name: &dyn Fn(&Alert) -> String| -> Vec<String> {
        let all: BTreeSet<String> = alerts.iter().map(name).collect();
        all.into_iter().filter(|name| !name.is_empty()).collect()
    };
    let open = |alert: &&Alert| super::alert_actions::OPEN.contains(&alert.status);
    let first = alerts.iter().map(|alert| alert.time).min();
    let last = alerts.iter().map(|alert| alert.last_time).max();
    IncidentSummary {
        id: id.to_owned(),
        title: worst.map(|alert| alert.title.clone()).unwrap_or_default(),
        title_ja: worst
            .map(|alert| summary(alert).title_ja)
            .unwrap_or_default(),
        severity: severity_shown(
            worst.map_or(yagura_event::Severity::Reminder, |alert| alert.severity),
        ),
        alerts: incident.map_or(alerts.len() as u64, |incident| {
            u64::try_from(incident.alerts).unwrap_or_default()
        }),
        open: alerts.iter().filter(open).count() as u64,
        first_time: first.map(clock::shown).unwrap_or_default(),
        last_time: last.map(clock::shown).unwrap_or_default(),
        nodes: names(&|alert| alert.node.clone()),
        cluster: alerts
            .first()
            .map(|alert| alert.cluster.clone())
            .unwrap_or_default(),
        containers: names(&|alert| alert.container.clone()),
    }
}

/// An incident with its story.
///
/// # Errors
/// [`Problem`] if there is none that the caller may see.
pub(crate) async fn get(
    center: &Center,
    caller: &Caller,
    id: &str,
) -> Result<IncidentDetail, Problem> {
    let alerts = alerts_of(center, caller, id).await?;
    if alerts.is_empty() {
        return Err(Problem::not_found("incident"));
    }
    // How many alerts it has where a caller may not look is nothing to them.
    let incident = match caller.scope() {
        None => center.store().incidents().get(id).await?,
        Some(_) => None,
    };
    let mut story = Story::default();
    for alert in &alerts {
        story.tell(alert, &document(alert));
    }
    story.timeline.sort_by(|a, b| a.time.cmp(&b.time));
    story.timeline.truncate(TIMELINE_MAX);
    Ok(IncidentDetail {
        summary: summarised(id, incident.as_ref(), &alerts),
        alerts: alerts.iter().map(summary).collect(),
        timeline: story.timeline,
        graph: Graph {
            nodes: story.nodes.into_values().collect(),
            edges: story.edges.into_iter().map(edge).collect(),
            truncated: story.truncated,
        },
    })
}

fn edge((from, to, kind): (String, String, &'static str)) -> GraphEdge {
    GraphEdge {
        from,
        to,
        kind: kind.to_owned(),
    }
}

/// A story that is put together.
#[derive(Debug, Default)]
struct Story {
    nodes: BTreeMap<String, GraphNode>,
    edges: BTreeSet<(String, String, &'static str)>,
    timeline: Vec<TimelineEntry>,
    truncated: bool,
}

impl Story {
    fn tell(&mut self, alert: &Alert, document: &AlertDocument) {
        let machine = self.node(alert, "machine", &alert.node, &alert.node, Vec::new());
        let place = match alert.container_id.as_str() {
            "" => machine,
            container => {
                let facts = vec![
                    alert.image.clone(),
                    format!("{} {}", alert.namespace, alert.pod),
                ];
                let label = match alert.container.is_empty() {
                    true => container,
                    false => &alert.container,
                };
                let container = self.node(alert, "container", container, label, facts);
                self.link(&machine, &container, "contains");
                container
            }
        };
        let process = document
            .process
            .as_ref()
            .and_then(|p| self.process(alert, &place, p));
        let subject = process.clone().or(place).unwrap_or_default();
        self.files(alert, document, process.as_ref());
        self.peers(alert, document, &subject);
        self.timeline.push(TimelineEntry {
            time: clock::shown(alert.time),
            kind: "alert".to_owned(),
            text: alert.title.clone(),
            alert: alert.id.clone(),
            node: subject,
        });
    }

    /// The chain of programs above a process, and the process.
    fn process(
        &mut self,
        alert: &Alert,
        place: &Option<String>,
        process: &AlertProgram,
    ) -> Option<String> {
        let mut above: Option<String> = None;
        for program in process
            .ancestors
            .iter()
            .rev()
            .chain(std::iter::once(process))
        {
            let key = format!("{}@{}/{}", program.pid, program.start_time, program.exe);
            let facts = vec![cut(&program.argv.join(" ")), format!("pid {}", program.pid)];
            let node = self.node(alert, "process", &key, &program.exe, facts);
            match &above {
                Some(parent) => {
                    let parent = Some(parent.clone());
                    self.link(&parent, &node, "started");
                }
                None => self.link(place, &node, "contains"),
            }
            above = node;
        }
        self.timeline.push(TimelineEntry {
            time: process.start_time.clone(),
            kind: "process".to_owned(),
            text: cut(&format!(
                "{} started: {}",
                process.exe,
                process.argv.join(" ")
            )),
            alert: alert.id.clone(),
            node: above.clone().unwrap_or_default(),
        });
        above
    }

    fn files(&mut self, alert: &Alert, document: &AlertDocument, process: Option<&String>) {
        let drift = document.drift.as_ref();
        let drift = drift.map(|d| {
            (
                &d.path,
                &d.sha256,
                d.written_by.as_ref(),
                d.provenance.clone(),
            )
        });
        let scan = document.scan.as_ref();
        let scan = scan.map(|s| (&s.path, &s.sha256, s.written_by.as_ref(), s.family.clone()));
        for (path, sha256, writer, fact) in drift.into_iter().chain(scan) {
            let facts = vec![fact, sha256.clone().unwrap_or_default()];
            let key = format!("{}{path}", alert.container_id);
            let file = self.node(alert, "file", &key, path, facts);
            self.link(&process.cloned(), &file, "executed");
            if let Some(writer) = writer {
                let key = format!("{}@{}/{}", writer.pid, writer.start_time, writer.exe);
                let node = self.node(
                    alert,
                    "process",
                    &key,
                    &writer.exe,
                    vec![cut(&writer.argv.join(" "))],
                );
                self.link(&node, &file, "wrote");
                if let Some(time) = &writer.time {
                    self.timeline.push(TimelineEntry {
                        time: time.clone(),
                        kind: "file".to_owned(),
                        text: cut(&format!("{} wrote {path}", writer.exe)),
                        alert: alert.id.clone(),
                        node: file.unwrap_or_default(),
                    });
                }
            }
        }
    }

    /// Other machines and accounts that events name.
    fn peers(&mut self, alert: &Alert, document: &AlertDocument, subject: &str) {
        let events = document
            .detection
            .iter()
            .flat_map(|detection| &detection.events);
        for event in events {
            let fact = |name: &str| event.facts.get(name).filter(|value| !value.is_empty());
            let from = Some(subject.to_owned()).filter(|subject| !subject.is_empty());
            if let Some(peer) = fact("fd.sip").or_else(|| fact("fd.rip")) {
                let node = self.node(alert, "peer", peer, peer, Vec::new());
                self.link(&from, &node, "connected");
                self.point(
                    alert,
                    &event.time,
                    "network",
                    &format!("connection with {peer}"),
                    node,
                );
            }
            if let Some(user) = fact("ka.user.name") {
                let node = self.node(alert, "account", user, user, Vec::new());
                let verb = fact("ka.verb").cloned().unwrap_or_default();
                let uri = fact("ka.uri").cloned().unwrap_or_default();
                self.link(&node, &from, "requested");
                self.point(
                    alert,
                    &event.time,
                    "audit",
                    &format!("{user}: {verb} {uri}"),
                    node,
                );
            }
        }
    }

    fn point(&mut self, alert: &Alert, time: &str, kind: &str, text: &str, node: Option<String>) {
        self.timeline.push(TimelineEntry {
            time: time.to_owned(),
            kind: kind.to_owned(),
            text: cut(text),
            alert: alert.id.clone(),
            node: node.unwrap_or_default(),
        });
    }

    /// A thing; `None` if there are too many.
    fn node(
        &mut self,
        alert: &Alert,
        kind: &str,
        key: &str,
        label: &str,
        facts: Vec<String>,
    ) -> Option<String> {
        let id = format!("{kind}:{}:{key}", alert.node);
        if !self.nodes.contains_key(&id) && self.nodes.len() >= GRAPH_NODES_MAX {
            self.truncated = true;
            return None;
        }
        let node = self.nodes.entry(id.clone()).or_insert_with(|| GraphNode {
            id: id.clone(),
            kind: kind.to_owned(),
            label: cut(label),
            facts: facts
                .into_iter()
                .filter(|fact| !fact.trim().is_empty())
                .collect(),
            alerts: Vec::new(),
        });
        if !node.alerts.contains(&alert.id) {
            node.alerts.push(alert.id.clone());
        }
        Some(id)
    }

    fn link(&mut self, from: &Option<String>, to: &Option<String>, kind: &'static str) {
        if let (Some(from), Some(to)) = (from, to) {
            self.edges.insert((from.clone(), to.clone(), kind));
        }
    }
}

fn cut(text: &str) -> String {
    text.chars().take(LABEL_CHARS_MAX).collect()
}
