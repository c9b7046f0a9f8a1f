//! What is enforced, as commands and tests read it.

use serde::{Deserialize, Serialize};

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
