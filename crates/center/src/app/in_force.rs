//! What sensors are to have in force, made of what is stored.

use super::fleet;
use super::policy;
use super::protection;
use crate::http::Problem;
use crate::http::dto::catalogue::RuleSwitch;
use crate::http::dto::words::ProtectionLevel;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use yagura_event::WallTime;
use yagura_policy::set;
use yagura_store::{
    Actor, DocumentKind, NodeFilter, PAGE_ROWS_MAX, PageRequest, Store, StoreError,
};

/// The id of the document that holds the user's rules.
pub(crate) const USER_RULES: &str = "rules.yaml";

/// The id of the document that holds the last change of a node's protection level.
const LAST_LEVEL: &str = "last-protection-level";

/// Versions of what sensors are to have: a document's grows with every change of anything that it is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Versions {
    /// Policies.
    pub(crate) policies: u64,
    /// Detection rules.
    pub(crate) rules: u64,
    /// Switches.
    pub(crate) settings: u64,
}

impl Versions {
    /// Whether that version of that kind is the newest.
    pub(crate) fn is_current(&self, kind: &str, version: u64) -> bool {
        match kind {
            "policies" => version == self.policies,
            "rules" => version == self.rules,
            "settings" => version == self.settings,
            _ => false,
        }
    }
}

/// The newest versions. The first is 1: there is always something in force.
///
/// # Errors
/// [`StoreError`]
pub(crate) async fn versions(store: &Store) -> Result<Versions, StoreError> {
    let mut counts = [0_u64; 5];
    let kinds = [
        DocumentKind::DriftPolicy,
        DocumentKind::DefencePolicy,
        DocumentKind::Setting,
        DocumentKind::UserRule,
        DocumentKind::DetectionSettings,
    ];
    for (count, kind) in counts.iter_mut().zip(kinds) {
        let changes = store.documents(kind).changes().await?;
        *count = u64::try_from(changes).unwrap_or_default();
    }
    let [drift, defence, setting, user, switches] = counts;
    Ok(Versions {
        policies: 1 + drift + defence + setting,
        rules: 1 + user + switches,
        settings: 1 + setting,
    })
}

/// Drift policy and defence rules as one file. Defence rules are left out while container escape prevention is off.
///
/// # Errors
/// [`Problem`] if the database is away, or what is stored can't be read.
pub(crate) async fn policies(store: &Store) -> Result<String, Problem> {
    let drift = store
        .documents(DocumentKind::DriftPolicy)
        .get(policy::CURRENT)
        .await?;
    let defence = store
        .documents(DocumentKind::DefencePolicy)
        .get(policy::CURRENT)
        .await?;
    let drift = policy::stored_drift(drift.as_ref())?;
    let prevents = protection::switches(store)
        .await?
        .1
        .container_escape_prevention;
    let rules = match prevents {
        true => policy::stored_defence(defence.as_ref())?,
        false => yagura_policy::PolicySet::default(),
    };
    Ok(set::print(&rules.with_drift(drift)))
}

/// The user's rules, and the rules that are switched on or off against what their files say, as one file.
///
/// # Errors
/// [`StoreError`]
pub(crate) async fn rules(store: &Store) -> Result<String, StoreError> {
    let user = store
        .documents(DocumentKind::UserRule)
        .get(USER_RULES)
        .await?;
    let mut text = user
        .as_ref()
        .and_then(|document| document.body.get("text")?.as_str())
        .unwrap_or_default()
        .to_owned();
    let switches = store
        .documents(DocumentKind::DetectionSettings)
        .all()
        .await?;
    let overrides: String = switches
        .iter()
        .filter_map(|document| {
            let switch: RuleSwitch = serde_json::from_value(document.body.clone()).ok()?;
            Some(switched(&document.id, &switch))
        })
        .collect();
    if !overrides.is_empty() {
        if !text.trim().is_empty() {
            text.push_str("\n---\n");
        }
        text.push_str(&overrides);
    }
    Ok(text)
}

/// An entry of a rule file that switches one rule.
fn switched(name: &str, switch: &RuleSwitch) -> String {
    let name = Value::from(name);
    let enabled = switch.enabled;
    format!("- rule: {name}\n  enabled: {enabled}\n  override: {{enabled: replace}}\n")
}

/// Switches, and the nodes whose protection is not whole, as sensors take them.
///
/// # Errors
/// [`Problem`] if the database is away.
pub(crate) async fn settings(store: &Store) -> Result<String, Problem> {
    let (_, switches) = protection::switches(store).await?;
    let mut levels = BTreeMap::new();
    let mut request = PageRequest::first(PAGE_ROWS_MAX);
    loop {
        let page = store.nodes().list(&NodeFilter::default(), &request).await?;
        for node in page.items {
            let level = fleet::level(&node);
            if level != ProtectionLevel::HostAndContainer {
                levels.insert(node.report.id, level.as_str());
            }
        }
        match page.next {
            Some(next) => request = PageRequest::after(PAGE_ROWS_MAX, next),
            None => break,
        }
    }
    Ok(json!({ "protection": switches, "levels": levels }).to_string())
}

/// Notes that a node's protection level was set: it counts as a change of the settings, of which sensors are told.
///
/// # Errors
/// [`Problem`] if the database is away.
pub(crate) async fn note_level(
    store: &Store,
    node: &str,
    level: &str,
    actor: &Actor,
    now: WallTime,
) -> Result<(), Problem> {
    let body = json!({ "node": node, "level": level });
    let settings = store.documents(DocumentKind::Setting);
    let noted = settings.put(LAST_LEVEL, &body, "", actor, now).await;
    noted
        .map(drop)
        .map_err(|error| Problem::of_update(error, "setting", |_| Value::Null))
}
