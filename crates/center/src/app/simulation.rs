//! What another policy would have made of what happened, and of what is asked.

use super::alert_view::document;
use crate::auth::Caller;
use crate::clock;
use crate::http::Problem;
use crate::http::dto::document::{AlertDocument, AlertProgram};
use crate::http::dto::trial::{SimulatedAlert, SimulatedRule, SimulationResult, TestSubject};
use crate::start::Center;
use std::collections::BTreeMap;
use std::time::Duration;
use yagura_event::{
    Behaviour, Category, CellAction, Cloud, Container, DriftKind, Node, Pod, Provenance, Provider,
    Sha256, WallTime,
};
use yagura_policy::PolicySet;
use yagura_policy::defence::{self, DefenceSubject};
use yagura_policy::drift::{self, DriftPolicy, Verdict};
use yagura_store::{Alert, AlertFilter, PAGE_ROWS_MAX, PageRequest};

/// Alerts that a simulation judges: ten seconds of work at most.
const EXAMINED_MAX: usize = 20_000;
/// Changed alerts that are shown.
const SAMPLE: usize = 50;
/// Days of history.
const DAYS_MAX: u32 = 90;
/// Programs above the process that a test names.
const ANCESTORS_MAX: usize = 64;

/// A process in a container, owned, to be asked about.
#[derive(Debug)]
pub(crate) struct Subject {
    node: Node,
    container: Option<Container>,
    program: Vec<u8>,
    parent: Option<Vec<u8>>,
    ancestors: Vec<Vec<u8>>,
    kind: DriftKind,
    provenance: Provenance,
    sha256: Option<Sha256>,
    behaviour: Option<Behaviour>,
    file: Option<Vec<u8>>,
    now: WallTime,
}

fn asked_node(asked: &TestSubject) -> Node {
    Node {
        name: asked.node.clone(),
        cluster: asked.cluster.clone(),
        cloud: asked.provider.map(|provider| Cloud {
            provider: Provider::from_name(provider.as_str()).unwrap_or(Provider::OnPremises),
            account: asked.account.clone(),
        }),
    }
}

fn asked_container(asked: &TestSubject) -> Container {
    let pod = (!asked.namespace.is_empty() || !asked.pod.is_empty()).then(|| Pod {
        name: asked.pod.clone(),
        namespace: asked.namespace.clone(),
        labels: asked.labels.clone().into_iter().collect(),
        ..Pod::default()
    });
    Container {
        id: "asked".to_owned(),
        name: asked.container.clone(),
        image: asked.image.clone(),
        pod,
        ..Container::default()
    }
}

impl Subject {
    /// What a caller asks about.
    ///
    /// # Errors
    /// [`Problem`] that names the field that can't be used.
    pub(crate) fn read(asked: &TestSubject) -> Result<Subject, Problem> {
        if asked.ancestors.len() > ANCESTORS_MAX {
            return Err(Problem::invalid(
                "subject.ancestors",
                "has more than 64 entries",
            ));
        }
        let kind = match asked.kind.as_str() {
            "" => DriftKind::Binaries,
            word => DriftKind::ALL
                .into_iter()
                .find(|kind| kind.as_str() == word)
                .ok_or_else(|| Problem::invalid("subject.kind", "is no kind of file"))?,
        };
        let provenance = match asked.provenance.as_str() {
            "" => Provenance::Written,
            word => provenance(word)
                .ok_or_else(|| Problem::invalid("subject.provenance", "is no provenance"))?,
        };
        let sha256 = match asked.sha256.as_str() {
            "" => None,
            text => Some(
                text.parse()
                    .map_err(|_| Problem::invalid("subject.sha256", "is no SHA-256"))?,
            ),
        };
        let behaviour = match asked.behaviour.as_str() {
            "" => None,
            word => Some(
                Behaviour::from_name(word)
                    .ok_or_else(|| Problem::invalid("subject.behaviour", "is no behaviour"))?,
            ),
        };
        let bytes = |text: &String| text.clone().into_bytes();
        let some = |text: &String| (!text.is_empty()).then(|| bytes(text));
        let parent = some(&asked.parent).or_else(|| asked.ancestors.first().map(bytes));
        let mut ancestors: Vec<Vec<u8>> = asked.ancestors.iter().map(bytes).collect();
        if ancestors.is_empty() {
            ancestors.extend(parent.clone());
        }
        Ok(Subject {
            node: asked_node(asked),
            container: Some(asked_container(asked)),
            program: bytes(&asked.process),
            parent,
            ancestors,
            kind,
            provenance,
            sha256,
            behaviour,
            file: some(&asked.file),
            now: clock::now(),
        })
    }

    /// What an alert was about; `None` if it is about neither drift nor a behaviour.
    fn of(alert: &Alert, document: &AlertDocument) -> Option<Subject> {
        let process = document.process.as_ref();
        let ancestors: &[AlertProgram] = process.map_or(&[], |process| &process.ancestors);
        let above: Vec<Vec<u8>> = ancestors
            .iter()
            .map(|p| p.exe.clone().into_bytes())
            .collect();
        let drift = document.drift.as_ref();
        let denial = document.denial.as_ref();
        let behaviour =
            denial.and_then(|denial| Behaviour::from_name(denial.behaviour.as_deref()?));
        let program = match (drift, denial) {
            (Some(drift), _) => drift.path.clone(),
            (None, Some(denial)) if behaviour.is_some() => denial.exe.clone(),
            _ => return None,
        };
        let singular = drift.map(|drift| drift.kind.clone()).unwrap_or_default();
        let file = denial
            .map(|denial| denial.file.clone())
            .filter(|file| !file.is_empty());
        Some(Subject {
            node: node_of(alert, document),
            container: container_of(alert, document),
            program: program.into_bytes(),
            parent: above.first().cloned(),
            ancestors: above,
            kind: DriftKind::ALL
                .into_iter()
                .find(|kind| kind.singular() == singular)
                .unwrap_or(DriftKind::Binaries),
            provenance: drift
                .and_then(|drift| provenance(&drift.provenance))
                .unwrap_or(Provenance::Written),
            sha256: drift.and_then(|drift| drift.sha256.as_deref()?.parse().ok()),
            behaviour,
            file: file.map(String::into_bytes),
            now: clock::now(),
        })
    }

    fn above(&self) -> Vec<&[u8]> {
        self.ancestors.iter().map(Vec::as_slice).collect()
    }

    /// Lends itself to a question about drift.
    pub(crate) fn drift<T>(&self, ask: impl FnOnce(&yagura_policy::Subject<'_>) -> T) -> T {
        let above = self.above();
        ask(&yagura_policy::Subject {
            node: &self.node,
            container: self.container.as_ref(),
            kind: self.kind,
            provenance: self.provenance,
            path: &self.program,
            sha256: self.sha256,
            parent: self.parent.as_deref(),
            ancestors: (!above.is_empty()).then_some(above.as_slice()),
            now: self.now,
        })
    }

    /// Lends itself to a question about a behaviour.
    ///
    /// # Errors
    /// [`Problem`] if no behaviour was named.
    pub(crate) fn defence<T>(
        &self,
        ask: impl FnOnce(&DefenceSubject<'_>) -> T,
    ) -> Result<T, Problem> {
        let behaviour = self
            .behaviour
            .ok_or_else(|| Problem::invalid("subject.behaviour", "is missing"))?;
        let above = self.above();
        Ok(ask(&DefenceSubject {
            node: &self.node,
            container: self.container.as_ref(),
            behaviour,
            program: Some(&self.program),
            parent: self.parent.as_deref(),
            ancestors: (!above.is_empty()).then_some(above.as_slice()),
            file: self.file.as_deref(),
            now: self.now,
        }))
    }
}

fn provenance(word: &str) -> Option<Provenance> {
    Provenance::DRIFTED
        .into_iter()
        .find(|provenance| provenance.as_str() == word)
}

fn node_of(alert: &Alert, document: &AlertDocument) -> Node {
    let cluster = Some(alert.cluster.clone()).filter(|cluster| !cluster.is_empty());
    Node {
        name: alert.node.clone(),
        cluster,
        cloud: document.cloud.as_ref().map(|cloud| Cloud {
            provider: Provider::from_name(cloud.provider.as_str()).unwrap_or(Provider::OnPremises),
            account: cloud.account.clone(),
        }),
    }
}

fn container_of(alert: &Alert, document: &AlertDocument) -> Option<Container> {
    let container = document.container.as_ref()?;
    Some(Container {
        id: alert.container_id.clone(),
        name: container.name.clone(),
        image: container.image.clone(),
        image_id: container.image_id.clone(),
        image_digest: container.image_digest.clone(),
        privileged: container.privileged,
        pod: document.pod.as_ref().map(|pod| Pod {
            name: pod.name.clone(),
            namespace: pod.namespace.clone(),
            uid: pod.uid.clone(),
            labels: pod.labels.clone().into_iter().collect(),
        }),
        ..Container::default()
    })
}

/// What a policy says of an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Said {
    verdict: &'static str,
    rule: String,
    reports: bool,
    blocks: bool,
}

fn drift_says(policy: &DriftPolicy, subject: &Subject) -> Said {
    subject.drift(|asked| {
        let decision = drift::decide(policy, asked);
        let rule = policy.rules().get(decision.rule.index);
        let node = &subject.node.name;
        Said {
            verdict: decision.verdict.as_str(),
            rule: decision.rule.name.to_owned(),
            reports: decision.verdict.reports(),
            blocks: decision.verdict == Verdict::Block
                && rule.is_none_or(|rule| rule.blocks_on(node)),
        }
    })
}

fn defence_says(set: &PolicySet, subject: &Subject) -> Option<Said> {
    let said = subject.defence(|asked| {
        let decision = defence::decide(set.defence(), asked);
        let rule = decision.rule.map(|rule| rule.name.to_owned());
        Said {
            verdict: match decision.action {
                CellAction::Deny => "deny",
                CellAction::Watch => "watch",
                CellAction::None => "nothing",
            },
            rule: rule.unwrap_or_default(),
            reports: decision.action != CellAction::None,
            blocks: decision.action == CellAction::Deny,
        }
    });
    said.ok()
}

/// Counts what is different.
#[derive(Debug, Default)]
struct Tally {
    result: SimulationResult,
    rules: BTreeMap<String, SimulatedRule>,
}

impl Tally {
    fn rule(&mut self, name: &str) -> &mut SimulatedRule {
        let rule = self.rules.entry(name.to_owned()).or_default();
        name.clone_into(&mut rule.rule);
        rule
    }

    fn add(&mut self, alert: &Alert, before: &Said, after: &Said) {
        self.result.examined += 1;
        let weight = alert.count.max(1);
        let (appears, vanishes) = (
            !before.reports && after.reports,
            before.reports && !after.reports,
        );
        let newly_blocked = !before.blocks && after.blocks;
        if before.reports {
            self.rule(&before.rule).before += weight;
        }
        if after.reports {
            self.rule(&after.rule).after += weight;
        }
        if vanishes {
            self.result.vanish += weight;
            self.rule(&before.rule).vanish += weight;
        }
        if appears {
            self.result.appear += weight;
            self.rule(&after.rule).appear += weight;
        }
        if newly_blocked {
            self.result.newly_blocked += weight;
            self.rule(&after.rule).newly_blocked += weight;
        }
        if before != after && self.result.sample.len() < SAMPLE {
            let words = |said: &Said| match said.rule.is_empty() {
                true => said.verdict.to_owned(),
                false => format!("{} by {}", said.verdict, said.rule),
            };
            self.result.sample.push(SimulatedAlert {
                alert: alert.id.clone(),
                title: alert.title.clone(),
                before: words(before),
                after: words(after),
            });
        }
    }

    fn finish(mut self, limits: &[&str]) -> SimulationResult {
        self.result.rules = self.rules.into_values().collect();
        self.result.limits = limits.iter().map(|text| (*text).to_owned()).collect();
        self.result
    }
}

async fn history(
    center: &Center,
    caller: &Caller,
    category: Option<Category>,
    days: u32,
) -> Result<(Vec<Alert>, bool), Problem> {
    if !(1..=DAYS_MAX).contains(&days) {
        return Err(Problem::invalid("days", "is not between 1 and 90"));
    }
    let span = Duration::from_secs(u64::from(days) * 24 * 60 * 60);
    let filter = AlertFilter {
        categories: category.into_iter().collect(),
        from: Some(clock::minus(clock::now(), span)),
        scope: caller.scope(),
        ..AlertFilter::default()
    };
    let mut alerts = Vec::new();
    let mut request = PageRequest::first(PAGE_ROWS_MAX);
    loop {
        let page = center.store().alerts().list(&filter, &request).await?;
        alerts.extend(page.items);
        match page.next {
            Some(_) if alerts.len() >= EXAMINED_MAX => return Ok((alerts, true)),
            Some(next) => request = PageRequest::after(PAGE_ROWS_MAX, next),
            None => return Ok((alerts, false)),
        }
    }
}

/// Judges stored drift under two policies.
///
/// # Errors
/// [`Problem`] if the span is out of range.
pub(crate) async fn drift(
    center: &Center,
    caller: &Caller,
    old: &DriftPolicy,
    new: &DriftPolicy,
    days: u32,
) -> Result<SimulationResult, Problem> {
    let (alerts, truncated) = history(center, caller, Some(Category::Drift), days).await?;
    let mut tally = Tally::default();
    tally.result.truncated = truncated;
    for alert in &alerts {
        if let Some(subject) = Subject::of(alert, &document(alert)) {
            let (before, after) = (drift_says(old, &subject), drift_says(new, &subject));
            tally.add(alert, &before, &after);
        }
    }
    Ok(tally.finish(&[
        "drift that was ignored or allowed when it happened was not stored: what of it would alert now is not counted",
        "rules are judged as of now: what has expired since counts as expired",
    ]))
}

/// Judges stored denials and watched behaviours under two sets of defence rules.
///
/// # Errors
/// As [`drift`].
pub(crate) async fn defence(
    center: &Center,
    caller: &Caller,
    old: &PolicySet,
    new: &PolicySet,
    days: u32,
) -> Result<SimulationResult, Problem> {
    let (alerts, truncated) = history(center, caller, None, days).await?;
    let mut tally = Tally::default();
    tally.result.truncated = truncated;
    for alert in &alerts {
        let subject = Subject::of(alert, &document(alert)).filter(|s| s.behaviour.is_some());
        let Some(subject) = subject else {
            continue;
        };
        if let (Some(before), Some(after)) =
            (defence_says(old, &subject), defence_says(new, &subject))
        {
            tally.add(alert, &before, &after);
        }
    }
    Ok(tally.finish(&[
        "behaviours that no rule watched when they happened were not stored: what of them would alert now is not counted",
    ]))
}
