//! Whitelist rules: alerts that nobody needs to see.

use super::alert_actions::OPEN;
use super::alert_view::{document, summary};
use super::alerts::find;
use crate::auth::{Caller, new_id};
use crate::clock;
use crate::http::dto::common::NamedCount;
use crate::http::dto::document::AlertDocument;
use crate::http::dto::whitelist::{
    WhitelistCondition, WhitelistDraft, WhitelistPreview, WhitelistProposal, WhitelistRuleBody,
    WhitelistRuleList,
};
use crate::http::dto::words::{WhitelistField, WhitelistOperator};
use crate::http::{Problem, etag};
use crate::start::Center;
use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use yagura_event::WallTime;
use yagura_store::{
    Alert, AlertFilter, AlertStatus, Document, DocumentKind, Hit, HitKind, NewAlert, PAGE_ROWS_MAX,
    PageRequest, StatusChange, UpdateError, Version,
};

/// Conditions of one rule.
const CONDITIONS_MAX: usize = 20;
/// Characters of a condition's value.
const VALUE_CHARS_MAX: usize = 1024;
/// Characters of a rule's, owner's or node's name.
const NAME_CHARS_MAX: usize = 256;
/// Characters of a reason.
const REASON_CHARS_MAX: usize = 2000;
/// Nodes of one rule.
const NODES_MAX: usize = 100;
/// Bytes of a compiled pattern: a pattern can't fill memory.
const PATTERN_BYTES_MAX: usize = 1024 * 1024;
/// Past alerts that a preview looks at.
const EXAMINED_MAX: usize = 2000;
/// Alerts that a preview shows.
const SAMPLE: usize = 10;

/// A rule as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Stored {
    draft: WhitelistDraft,
    created_by: String,
    created_at: String,
}

/// The rules in force, compiled.
#[derive(Debug, Default)]
pub(crate) struct Whitelist {
    by_rule: HashMap<String, Vec<Compiled>>,
}

#[derive(Debug)]
struct Compiled {
    id: String,
    conditions: Vec<(WhitelistField, Test)>,
    nodes: Vec<String>,
    expires: Option<WallTime>,
}

#[derive(Debug)]
enum Test {
    Contains(String, bool),
    Equals(String, bool),
    Matches(Regex),
}

impl Test {
    /// Whether a field's values pass. A field without a value passes no test: what is not known silences nothing.
    fn holds(&self, values: &[String]) -> bool {
        match self {
            _ if values.is_empty() => false,
            Test::Contains(wanted, true) => values.iter().any(|value| value.contains(wanted)),
            Test::Contains(wanted, false) => !values.iter().any(|value| value.contains(wanted)),
            Test::Equals(wanted, true) => values.contains(wanted),
            Test::Equals(wanted, false) => !values.contains(wanted),
            Test::Matches(pattern) => values.iter().any(|value| pattern.is_match(value)),
        }
    }
}

impl Compiled {
    fn new(id: &str, draft: &WhitelistDraft) -> Result<Compiled, Problem> {
        let mut conditions = Vec::with_capacity(draft.conditions.len());
        for (index, condition) in draft.conditions.iter().enumerate() {
            let value = condition.value.clone();
            let test = match condition.operator {
                WhitelistOperator::Contains => Test::Contains(value, true),
                WhitelistOperator::NotContains => Test::Contains(value, false),
                WhitelistOperator::Equals => Test::Equals(value, true),
                WhitelistOperator::NotEquals => Test::Equals(value, false),
                WhitelistOperator::Regex => {
                    let built = RegexBuilder::new(&value)
                        .size_limit(PATTERN_BYTES_MAX)
                        .build();
                    let field = format!("conditions.{index}.value");
                    Test::Matches(
                        built.map_err(|error| Problem::invalid(field, error.to_string()))?,
                    )
                }
            };
            conditions.push((condition.field, test));
        }
        Ok(Compiled {
            id: id.to_owned(),
            conditions,
            nodes: draft.nodes.clone(),
            expires: clock::read_optional("expires_at", draft.expires_at.as_deref())?,
        })
    }

    fn covers(&self, facts: &Facts<'_>) -> bool {
        (self.nodes.is_empty() || self.nodes.iter().any(|node| node == facts.node))
            && self
                .conditions
                .iter()
                .all(|(field, test)| test.holds(&facts.values(*field)))
    }
}

/// What of an alert conditions test.
#[derive(Debug)]
struct Facts<'a> {
    node: &'a str,
    cluster: &'a str,
    namespace: &'a str,
    pod: &'a str,
    container: &'a str,
    image: &'a str,
    document: AlertDocument,
}

impl<'a> Facts<'a> {
    fn of(alert: &'a Alert) -> Facts<'a> {
        Facts {
            node: &alert.node,
            cluster: &alert.cluster,
            namespace: &alert.namespace,
            pod: &alert.pod,
            container: &alert.container,
            image: &alert.image,
            document: document(alert),
        }
    }

    fn of_new(alert: &'a NewAlert) -> Facts<'a> {
        Facts {
            node: &alert.node,
            cluster: &alert.cluster,
            namespace: &alert.namespace,
            pod: &alert.pod,
            container: &alert.container,
            image: &alert.image,
            document: serde_json::from_str(&alert.document).unwrap_or_default(),
        }
    }

    fn values(&self, field: WhitelistField) -> Vec<String> {
        let document = &self.document;
        let process = document.process.as_ref();
        let one = |text: &str| Some(text.to_owned());
        let value = match field {
            WhitelistField::ContainerName => one(self.container),
            WhitelistField::ImageName => one(self.image),
            WhitelistField::Namespace => one(self.namespace),
            WhitelistField::PodName => one(self.pod),
            WhitelistField::ClusterName => one(self.cluster),
            WhitelistField::NodeName => one(self.node),
            WhitelistField::ProcessPath => process.map(|process| process.exe.clone()),
            WhitelistField::CommandLine => process.map(|process| process.argv.join(" ")),
            WhitelistField::ParentPath => process
                .and_then(|process| process.ancestors.first())
                .map(|parent| parent.exe.clone()),
            WhitelistField::UserName => process.and_then(|process| process.user.clone()),
            WhitelistField::FilePath => self.file_path(),
            WhitelistField::FileSha256 => self.file_sha256(),
            WhitelistField::RemoteAddress => {
                // What a file has as its name is a path.
                let mut named = self.facts_named(&["fd.sip", "fd.rip", "fd.name"]);
                named.retain(|name| !name.starts_with('/'));
                return named;
            }
            WhitelistField::K8sUser => return self.facts_named(&["ka.user.name"]),
        };
        value.filter(|text| !text.is_empty()).into_iter().collect()
    }

    fn file_path(&self) -> Option<String> {
        let drift = self.document.drift.as_ref().map(|drift| drift.path.clone());
        let scan = self.document.scan.as_ref().map(|scan| scan.path.clone());
        let denial = self.document.denial.as_ref();
        let denied = denial.map(|denial| denial.file.clone());
        drift.or(scan).or(denied).or_else(|| {
            let named = self.facts_named(&["fs.path.name", "fd.name"]);
            named.into_iter().find(|name| name.starts_with('/'))
        })
    }

    fn file_sha256(&self) -> Option<String> {
        let drift = self
            .document
            .drift
            .as_ref()
            .and_then(|drift| drift.sha256.clone());
        let scan = self
            .document
            .scan
            .as_ref()
            .and_then(|scan| scan.sha256.clone());
        drift.or(scan)
    }

    fn facts_named(&self, names: &[&str]) -> Vec<String> {
        let events = self
            .document
            .detection
            .iter()
            .flat_map(|detection| &detection.events);
        let values = events.flat_map(|event| {
            let named = names.iter().filter_map(|name| event.facts.get(*name));
            named.filter(|value| !value.is_empty()).cloned()
        });
        values.collect()
    }
}

impl Whitelist {
    /// Compiles what is stored.
    pub(crate) fn of(documents: &[Document]) -> Whitelist {
        let mut whitelist = Whitelist::default();
        for document in documents {
            let Ok(stored) = serde_json::from_value::<Stored>(document.body.clone()) else {
                tracing::error!(rule = document.id, "a stored whitelist rule can't be read");
                continue;
            };
            if !stored.draft.enabled {
                continue;
            }
            match Compiled::new(&document.id, &stored.draft) {
                Ok(compiled) => whitelist
                    .by_rule
                    .entry(stored.draft.rule)
                    .or_default()
                    .push(compiled),
                Err(_) => {
                    tracing::error!(rule = document.id, "a stored whitelist rule can't be used");
                }
            }
        }
        whitelist
    }

    /// Id of the rule that covers an alert.
    pub(crate) fn covering(&self, alert: &NewAlert, now: WallTime) -> Option<&str> {
        let rules = self.by_rule.get(&alert.rule)?;
        let facts = Facts::of_new(alert);
        let counts = |rule: &&Compiled| rule.expires.is_none_or(|expires| expires > now);
        let covering = rules.iter().filter(counts).find(|rule| rule.covers(&facts));
        covering.map(|rule| rule.id.as_str())
    }
}

fn check(draft: &WhitelistDraft) -> Result<(), Problem> {
    let bounded = |field: &str, text: &str, chars_max: usize| match text.chars().count() > chars_max
    {
        true => Err(Problem::invalid(
            field,
            format!("has more than {chars_max} characters"),
        )),
        false => Ok(()),
    };
    if draft.rule.is_empty() {
        return Err(Problem::invalid("rule", "is empty"));
    }
    if draft.conditions.is_empty() || draft.conditions.len() > CONDITIONS_MAX {
        return Err(Problem::invalid("conditions", "has 1 to 20 conditions"));
    }
    if draft.nodes.len() > NODES_MAX {
        return Err(Problem::invalid("nodes", "has more than 100 nodes"));
    }
    bounded("rule", &draft.rule, NAME_CHARS_MAX)?;
    bounded("owner", &draft.owner, NAME_CHARS_MAX)?;
    bounded("reason", &draft.reason, REASON_CHARS_MAX)?;
    for (index, condition) in draft.conditions.iter().enumerate() {
        let field = format!("conditions.{index}.value");
        bounded(&field, &condition.value, VALUE_CHARS_MAX)?;
        if condition.value.is_empty() {
            return Err(Problem::invalid(field, "is empty"));
        }
    }
    Ok(())
}

/// All rules with their hits.
///
/// # Errors
/// [`Problem`] if the database is away.
pub(crate) async fn list(center: &Center) -> Result<WhitelistRuleList, Problem> {
    let documents = center
        .store()
        .documents(DocumentKind::WhitelistRule)
        .all()
        .await?;
    let hits = hits(center).await?;
    let mut items: Vec<_> = documents
        .iter()
        .filter_map(|document| shown(document, hits.get(&document.id)))
        .collect();
    items.sort_by(|a, b| b.created_at.cmp(&a.created_at));
    Ok(WhitelistRuleList { items })
}

async fn hits(center: &Center) -> Result<HashMap<String, Hit>, Problem> {
    let hits = center.store().hits().list(HitKind::Whitelist).await?;
    Ok(hits.into_iter().map(|hit| (hit.id.clone(), hit)).collect())
}

fn shown(document: &Document, hit: Option<&Hit>) -> Option<WhitelistRuleBody> {
    let stored: Stored = serde_json::from_value(document.body.clone()).ok()?;
    let draft = stored.draft;
    let expires = draft.expires_at.as_deref();
    let expires = clock::read_optional("expires_at", expires).ok().flatten();
    Some(WhitelistRuleBody {
        id: document.id.clone(),
        etag: etag(document.version.0),
        rule: draft.rule,
        conditions: draft.conditions,
        nodes: draft.nodes,
        owner: draft.owner,
        reason: draft.reason,
        expired: expires.is_some_and(|time| time <= clock::now()),
        expires_at: draft.expires_at,
        enabled: draft.enabled,
        hits: hit.map_or(0, |hit| u64::try_from(hit.hits).unwrap_or_default()),
        last_hit_at: hit.map(|hit| clock::shown(hit.last)),
        created_by: stored.created_by,
        created_at: stored.created_at,
    })
}

fn refused(error: UpdateError<Document>) -> Problem {
    Problem::of_update(error, "whitelist rule", |current| {
        let current = shown(current, None);
        serde_json::to_value(current).unwrap_or_default()
    })
}

async fn found(center: &Center, id: &str) -> Result<Document, Problem> {
    let document = center
        .store()
        .documents(DocumentKind::WhitelistRule)
        .get(id)
        .await?;
    document.ok_or_else(|| Problem::not_found("whitelist rule"))
}

/// One rule.
///
/// # Errors
/// [`Problem`] if there is none.
pub(crate) async fn get(
    center: &Center,
    id: &str,
) -> Result<(Version, WhitelistRuleBody), Problem> {
    let document = found(center, id).await?;
    let hits = hits(center).await?;
    let rule = shown(&document, hits.get(id)).ok_or_else(Problem::internal)?;
    Ok((document.version, rule))
}

/// Makes a rule.
///
/// # Errors
/// [`Problem`] if it can't be used.
pub(crate) async fn create(
    center: &Center,
    caller: &Caller,
    draft: WhitelistDraft,
) -> Result<WhitelistRuleBody, Problem> {
    check(&draft)?;
    let id = new_id()?;
    let compiled = Compiled::new(&id, &draft)?;
    let now = clock::now();
    let stored = Stored {
        draft,
        created_by: caller.name.clone(),
        created_at: clock::shown(now),
    };
    let body = serde_json::to_value(&stored).unwrap_or_default();
    let documents = center.store().documents(DocumentKind::WhitelistRule);
    let reason = &stored.draft.reason;
    let document = documents
        .create(&id, &body, reason, &caller.actor(), now)
        .await;
    let document = document.map_err(refused)?;
    center.forget_whitelist().await;
    if stored.draft.apply_to_open && stored.draft.enabled {
        apply(center, caller, &compiled, &stored.draft).await?;
    }
    shown(&document, None).ok_or_else(Problem::internal)
}

/// Changes a rule.
///
/// # Errors
/// [`Problem`] if it can't be used, or was changed meanwhile.
pub(crate) async fn update(
    center: &Center,
    caller: &Caller,
    id: &str,
    expected: Version,
    draft: WhitelistDraft,
) -> Result<(Version, WhitelistRuleBody), Problem> {
    check(&draft)?;
    let compiled = Compiled::new(id, &draft)?;
    let old = found(center, id).await?;
    let mut stored: Stored = serde_json::from_value(old.body).map_err(|_| Problem::internal())?;
    stored.draft = draft;
    let body = serde_json::to_value(&stored).unwrap_or_default();
    let documents = center.store().documents(DocumentKind::WhitelistRule);
    let reason = &stored.draft.reason;
    documents
        .update(id, expected, &body, reason, &caller.actor(), clock::now())
        .await
        .map_err(refused)?;
    center.forget_whitelist().await;
    if stored.draft.apply_to_open && stored.draft.enabled {
        apply(center, caller, &compiled, &stored.draft).await?;
    }
    get(center, id).await
}

/// Removes a rule. Alerts that it covered stay whitelisted.
///
/// # Errors
/// [`Problem`] if there is none.
pub(crate) async fn delete(center: &Center, caller: &Caller, id: &str) -> Result<(), Problem> {
    let document = found(center, id).await?;
    let documents = center.store().documents(DocumentKind::WhitelistRule);
    documents
        .delete(id, document.version, "", &caller.actor(), clock::now())
        .await
        .map_err(refused)?;
    center.forget_whitelist().await;
    Ok(())
}

/// Marks alerts that are open and covered.
async fn apply(
    center: &Center,
    caller: &Caller,
    rule: &Compiled,
    draft: &WhitelistDraft,
) -> Result<(), Problem> {
    let change = StatusChange {
        status: AlertStatus::Whitelisted,
        note: draft.reason.clone(),
        reference: rule.id.clone(),
    };
    let filter = AlertFilter {
        rules: vec![draft.rule.clone()],
        statuses: OPEN.to_vec(),
        scope: caller.scope(),
        ..AlertFilter::default()
    };
    for alert in newest(center, &filter).await? {
        if rule.covers(&Facts::of(&alert)) {
            let alerts = center.store().alerts();
            alerts
                .set_status(&alert.id, None, &change, &caller.actor(), clock::now())
                .await
                .map_err(|error| Problem::of_update(error, "alert", |_| Value::Null))?;
        }
    }
    Ok(())
}

async fn newest(center: &Center, filter: &AlertFilter) -> Result<Vec<Alert>, Problem> {
    let mut alerts = Vec::new();
    let mut request = PageRequest::first(PAGE_ROWS_MAX);
    while alerts.len() < EXAMINED_MAX {
        let page = center.store().alerts().list(filter, &request).await?;
        alerts.extend(page.items);
        match page.next {
            Some(next) => request = PageRequest::after(PAGE_ROWS_MAX, next),
            None => break,
        }
    }
    Ok(alerts)
}

/// Says which past alerts a rule would have silenced.
///
/// # Errors
/// [`Problem`] if it can't be used.
pub(crate) async fn preview(
    center: &Center,
    caller: &Caller,
    draft: &WhitelistDraft,
) -> Result<WhitelistPreview, Problem> {
    check(draft)?;
    let rule = Compiled::new("", draft)?;
    let filter = AlertFilter {
        rules: vec![draft.rule.clone()],
        scope: caller.scope(),
        ..AlertFilter::default()
    };
    let alerts = newest(center, &filter).await?;
    let silenced: Vec<&Alert> = alerts
        .iter()
        .filter(|alert| rule.covers(&Facts::of(alert)))
        .collect();
    let mut by_node: BTreeMap<&str, u64> = BTreeMap::new();
    for alert in &silenced {
        *by_node.entry(&alert.node).or_default() += 1;
    }
    let mut warnings = Vec::new();
    if alerts.is_empty() {
        warnings.push("there were no alerts of this rule yet".to_owned());
    } else if silenced.len() == alerts.len() && alerts.len() > 1 {
        warnings.push("this silences every alert of the rule so far".to_owned());
    }
    if draft.expires_at.is_none() {
        warnings.push("this never expires".to_owned());
    }
    Ok(WhitelistPreview {
        silenced: silenced.len() as u64,
        examined: alerts.len() as u64,
        sample: silenced
            .iter()
            .take(SAMPLE)
            .map(|alert| summary(alert))
            .collect(),
        by_node: by_node
            .into_iter()
            .map(|(name, count)| NamedCount {
                name: name.to_owned(),
                count,
            })
            .collect(),
        warnings,
    })
}

/// Proposes the narrowest rule for an alert: what runs where, by its content if that is known.
///
/// # Errors
/// [`Problem`] if there is no such alert.
pub(crate) async fn propose(
    center: &Center,
    caller: &Caller,
    id: &str,
) -> Result<WhitelistProposal, Problem> {
    let alert = find(center, caller, id).await?;
    let facts = Facts::of(&alert);
    let fields = WhitelistField::ALL.iter().copied();
    let candidates: Vec<WhitelistCondition> = fields
        .filter_map(|field| {
            let value = facts.values(field).into_iter().next()?;
            let fits = value.chars().count() <= VALUE_CHARS_MAX;
            fits.then_some(WhitelistCondition {
                field,
                operator: WhitelistOperator::Equals,
                value,
            })
        })
        .collect();
    let wanted = [
        WhitelistField::ImageName,
        WhitelistField::Namespace,
        WhitelistField::ContainerName,
        WhitelistField::ProcessPath,
        WhitelistField::CommandLine,
        WhitelistField::FilePath,
        WhitelistField::FileSha256,
        WhitelistField::RemoteAddress,
        WhitelistField::K8sUser,
    ];
    let narrow = candidates
        .iter()
        .filter(|condition| wanted.contains(&condition.field));
    Ok(WhitelistProposal {
        draft: WhitelistDraft {
            rule: alert.rule.clone(),
            conditions: narrow.cloned().collect(),
            nodes: Vec::new(),
            owner: caller.name.clone(),
            reason: String::new(),
            expires_at: None,
            enabled: true,
            apply_to_open: true,
        },
        candidates,
    })
}
