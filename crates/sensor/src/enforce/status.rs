//! What is enforced, as commands and tests read it.

use super::enforcer::{Enforcer, Guarded};
use serde::{Deserialize, Serialize};
use yagura_event::{Behaviour, CellAction, DenialOutcome, DriftKind};
use yagura_policy::Compiled;

/// What a node enforces.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EnforcementStatus {
    /// How behaviours are denied in the kernel: `bpf-lsm` or `signal`.
    pub backend: String,
    /// Version of the policies in force.
    pub policy_version: u64,
    /// Whether everything was released on this node.
    pub released: bool,
    /// What was denied, by behaviour or kind of drift, and outcome.
    pub denials: Vec<DenialCount>,
    /// What could not be done, and how often.
    pub shortfalls: Vec<Shortfall>,
    /// Containers that rules are enforced on or watch.
    pub containers: Vec<EnforcedContainer>,
}

/// How often something was denied.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DenialCount {
    /// The behaviour, or `drift-binaries` and the like.
    pub what: String,
    /// `blocked`, `killed` or `watched`.
    pub outcome: String,
    /// By what means.
    pub means: String,
    /// How often.
    pub count: u64,
}

/// Something that could not be done.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shortfall {
    /// What, in words.
    pub what: String,
    /// How often.
    pub count: u64,
}

/// What is enforced on one container.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EnforcedContainer {
    /// The runtime's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The pod's namespace, empty outside Kubernetes.
    pub namespace: String,
    /// The pod's name, empty outside Kubernetes.
    pub pod: String,
    /// Image reference.
    pub image: String,
    /// Whether it was released.
    pub released: bool,
    /// What is enforced, and how.
    pub enforced: Vec<EnforcedItem>,
    /// What of the rules is not enforced as written, in words.
    pub gaps: Vec<String>,
}

/// One behaviour or kind of drift on one container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnforcedItem {
    /// The behaviour, or `drift-binaries` and the like.
    pub what: String,
    /// Name of the rule.
    pub rule: String,
    /// `deny` or `watch`.
    pub action: String,
    /// What becomes of it here: `blocked`, `killed`, `watched` or `not-stopped`.
    pub outcome: String,
    /// By what means.
    pub means: Vec<String>,
}

/// Every container on which something is enforced or watched, in the order of their ids. Of containers with one id, such as
/// one that was started again and one that ended a moment ago, the newest comes first.
pub(super) fn containers(enforcer: &Enforcer) -> Vec<EnforcedContainer> {
    let mut guarded: Vec<&Guarded> = enforcer.containers.values().collect();
    guarded.sort_by_key(|guarded| std::cmp::Reverse(guarded.met));
    let mut containers: Vec<EnforcedContainer> = guarded
        .into_iter()
        .filter_map(|guarded| container(enforcer, guarded))
        .collect();
    containers.sort_by(|one, other| one.id.cmp(&other.id));
    containers
}

fn container(enforcer: &Enforcer, guarded: &Guarded) -> Option<EnforcedContainer> {
    let container = guarded.news.container.as_ref()?;
    let compiled = guarded.compiled.as_ref().filter(|c| !c.row.is_empty())?;
    let pod = container.pod.as_ref();
    let gaps = compiled.gaps.iter().map(ToString::to_string);
    Some(EnforcedContainer {
        id: container.id.clone(),
        name: container.name.clone(),
        namespace: pod.map(|pod| pod.namespace.clone()).unwrap_or_default(),
        pod: pod.map(|pod| pod.name.clone()).unwrap_or_default(),
        image: container.image.clone(),
        released: guarded.released || enforcer.released,
        enforced: behaviours(enforcer, guarded, compiled)
            .chain(drift(enforcer, guarded, compiled))
            .collect(),
        gaps: gaps.chain(guarded.shortfalls.iter().cloned()).collect(),
    })
}

fn rule(compiled: &Compiled, number: u32) -> String {
    let rule = compiled.rules.iter().find(|rule| rule.number == number);
    rule.map(|rule| rule.name.clone()).unwrap_or_default()
}

/// Behaviours that a rule denies or watches, each by the rule that asks for the most.
fn behaviours<'e>(
    enforcer: &'e Enforcer,
    guarded: &'e Guarded,
    compiled: &'e Compiled,
) -> impl Iterator<Item = EnforcedItem> + 'e {
    let slots = &compiled.row.defence;
    Behaviour::ALL.iter().filter_map(move |behaviour| {
        let denying = slots.iter().find(|slot| slot.deny.contains(*behaviour));
        let watching = || slots.iter().find(|slot| slot.watch.contains(*behaviour));
        let (slot, action) = match denying {
            Some(slot) => (slot, "deny"),
            None => (watching()?, "watch"),
        };
        let key = guarded.news.membership.container;
        let id = guarded.news.container.as_deref().map_or("", |c| &c.id);
        let (outcome, means) = enforcer.means.of_behaviour(*behaviour, key, id);
        Some(EnforcedItem {
            what: behaviour.as_str().to_owned(),
            rule: rule(compiled, slot.rule),
            action: action.to_owned(),
            outcome: match action {
                "deny" => outcome.to_owned(),
                _ => DenialOutcome::Watched.as_str().to_owned(),
            },
            means: means.iter().map(ToString::to_string).collect(),
        })
    })
}

/// Kinds of drift that a rule denies, whatever their origin.
fn drift<'e>(
    enforcer: &'e Enforcer,
    guarded: &'e Guarded,
    compiled: &'e Compiled,
) -> impl Iterator<Item = EnforcedItem> + 'e {
    DriftKind::ALL.into_iter().filter_map(move |kind| {
        let cells = compiled.row.drift.get(kind as usize)?;
        let denying = cells.iter().find(|cell| cell.action == CellAction::Deny);
        let watching = || cells.iter().find(|cell| cell.action == CellAction::Watch);
        let (cell, action) = match denying {
            Some(cell) => (cell, "deny"),
            None => (watching()?, "watch"),
        };
        let key = guarded.news.membership.container;
        let (outcome, means) = enforcer.means.of_drift(kind, key);
        Some(EnforcedItem {
            what: format!("drift-{kind}"),
            rule: rule(compiled, cell.rule),
            action: action.to_owned(),
            outcome: match action {
                "deny" => outcome.as_str().to_owned(),
                _ => DenialOutcome::Watched.as_str().to_owned(),
            },
            means: means.iter().map(ToString::to_string).collect(),
        })
    })
}
