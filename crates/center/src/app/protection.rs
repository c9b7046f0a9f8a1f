//! The container protection settings: switches, what they need, and which nodes they leave out.

use super::fleet;
use super::policy;
use crate::auth::Caller;
use crate::clock;
use crate::http::dto::common::NamedCount;
use crate::http::dto::settings::{
    Prerequisite, ProtectionChange, ProtectionSettings, ProtectionSwitches,
};
use crate::http::dto::words::ProtectionLevel;
use crate::http::{Problem, etag};
use crate::start::Center;
use serde_json::Value;
use yagura_policy::defence::{CONTAINER_ESCAPE, shipped};
use yagura_policy::{PolicySet, set};
use yagura_store::{DocumentKind, Store, StoreError, UpdateError, Version};

/// The id of the document that holds the switches.
const SWITCHES: &str = "protection";
/// Names of nodes that are listed as left out.
const LEFT_OUT_MAX: usize = 100;

/// The switches with their version; 0 is what holds before anybody set them: detection on, all prevention off.
///
/// # Errors
/// [`StoreError`]
pub(crate) async fn switches(store: &Store) -> Result<(Version, ProtectionSwitches), StoreError> {
    let stored = store.documents(DocumentKind::Setting).get(SWITCHES).await?;
    let Some(stored) = stored else {
        let from_the_start = ProtectionSwitches {
            k8s_threat_detection: true,
            ..ProtectionSwitches::default()
        };
        return Ok((Version(0), from_the_start));
    };
    let switches = serde_json::from_value(stored.body).unwrap_or_else(|error| {
        tracing::error!(error = %error, "the stored protection settings can't be read");
        ProtectionSwitches::default()
    });
    Ok((stored.version, switches))
}

async fn defence_rules(center: &Center) -> Result<PolicySet, Problem> {
    let stored = policy::stored(center, DocumentKind::DefencePolicy).await?;
    policy::stored_defence(stored.as_ref())
}

/// The settings.
///
/// # Errors
/// [`Problem`] if the database is away.
pub(crate) async fn get(
    center: &Center,
    caller: &Caller,
) -> Result<(Version, ProtectionSettings), Problem> {
    let (version, switches) = switches(center.store()).await?;
    let nodes = fleet::all_nodes(center, caller).await?;
    let rules = defence_rules(center).await?;
    let has_rule = rules.defence().iter().any(|rule| rule.enabled);
    let count = |level: &ProtectionLevel| NamedCount {
        name: level.as_str().to_owned(),
        count: nodes
            .iter()
            .filter(|node| fleet::level(node) == *level)
            .count() as u64,
    };
    let left_out: Vec<String> = nodes
        .iter()
        .filter(|node| fleet::level(node) != ProtectionLevel::HostAndContainer)
        .map(|node| node.report.name.clone())
        .collect();
    let audit = !center
        .store()
        .documents(DocumentKind::Cluster)
        .all()
        .await?
        .is_empty();
    let settings = ProtectionSettings {
        etag: etag(version.0),
        prerequisites: prerequisites(&switches, has_rule, left_out.len() < nodes.len(), audit),
        levels: ProtectionLevel::ALL.iter().map(count).collect(),
        nodes_left_out_count: left_out.len() as u64,
        nodes_left_out: left_out.into_iter().take(LEFT_OUT_MAX).collect(),
        needs_defence_rule: switches.container_escape_prevention && !has_rule,
        offered_rule: CONTAINER_ESCAPE.to_owned(),
        switches,
    };
    Ok((version, settings))
}

fn prerequisites(
    switches: &ProtectionSwitches,
    has_rule: bool,
    has_node: bool,
    has_audit: bool,
) -> Vec<Prerequisite> {
    const ESCAPE: &str = "container_escape_prevention";
    const DETECTION: &str = "k8s_threat_detection";
    let row = |switch: &str, needs: &str, met: bool, explanation: &str| Prerequisite {
        switch: switch.to_owned(),
        needs: needs.to_owned(),
        met,
        explanation: explanation.to_owned(),
    };
    vec![
        row(
            ESCAPE,
            "host-defence",
            has_host_defence(switches),
            "Needs \"malicious host behaviour\" or \"website backdoor\" to be on.",
        ),
        row(
            ESCAPE,
            "defence-rule",
            has_rule,
            "Takes effect only through defence rules: without an enabled one nothing is stopped.",
        ),
        row(
            ESCAPE,
            "node-level",
            has_node,
            "Acts on nodes with the protection level \"host and container\".",
        ),
        row(
            DETECTION,
            "audit-source",
            has_audit,
            "Sees the Kubernetes API only where a cluster sends its audit events here.",
        ),
    ]
}

fn has_host_defence(switches: &ProtectionSwitches) -> bool {
    switches.malicious_host_behaviour || switches.website_backdoor
}

/// Changes the switches.
///
/// # Errors
/// [`Problem`] if a prerequisite is missing, or somebody changed them meanwhile.
pub(crate) async fn save(
    center: &Center,
    caller: &Caller,
    expected: Version,
    change: &ProtectionChange,
) -> Result<(Version, ProtectionSettings), Problem> {
    if change.switches.container_escape_prevention && !has_host_defence(&change.switches) {
        return Err(Problem::invalid(
            "switches.container_escape_prevention",
            "needs malicious_host_behaviour or website_backdoor to be on",
        ));
    }
    let body = serde_json::to_value(&change.switches).unwrap_or_default();
    let documents = center.store().documents(DocumentKind::Setting);
    let (actor, now) = (caller.actor(), clock::now());
    let saved = match expected.0 {
        0 => documents.create(SWITCHES, &body, "", &actor, now).await,
        _ => {
            documents
                .update(SWITCHES, expected, &body, "", &actor, now)
                .await
        }
    };
    match saved {
        Ok(_) => {}
        Err(UpdateError::Exists | UpdateError::Stale { .. } | UpdateError::NotFound) => {
            let (_, current) = get(center, caller).await?;
            return Err(Problem::stale(
                serde_json::to_value(current).unwrap_or_default(),
            ));
        }
        Err(error) => return Err(Problem::of_update(error, "setting", |_| Value::Null)),
    }
    if change.create_offered_rule {
        offer(center, caller).await?;
    }
    center.policies_changed();
    get(center, caller).await
}

/// Makes the ready-made rule, in observe mode, where it is not there.
async fn offer(center: &Center, caller: &Caller) -> Result<(), Problem> {
    let stored = policy::stored(center, DocumentKind::DefencePolicy).await?;
    let version = stored
        .as_ref()
        .map_or(Version(0), |document| document.version);
    let old = policy::stored_defence(stored.as_ref())?;
    let new = old
        .clone()
        .with_defence(shipped().defence().iter().cloned());
    if new == old {
        return Ok(());
    }
    let comment = "the ready-made rule, with the switch of container escape prevention";
    let kind = DocumentKind::DefencePolicy;
    policy::save(
        center,
        caller,
        kind,
        version,
        &set::print(&new),
        comment,
        |_| Value::Null,
    )
    .await?;
    Ok(())
}
