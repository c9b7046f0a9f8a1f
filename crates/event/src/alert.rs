//! What leaves the pipeline.

use crate::{
    Container, DriftKind, DriftVector, MonotonicNs, Node, ProcessKey, Provenance, Sha256, Text,
    WallTime, WrittenHow,
};
use std::sync::Arc;

/// How much an alert matters, in the catalogue's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Good to know.
    Reminder,
    /// To be looked at.
    Suspicious,
    /// To be acted on now: the "high" of other products.
    Urgent,
}

impl Severity {
    /// The name in alerts.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Reminder => "reminder",
            Severity::Suspicious => "suspicious",
            Severity::Urgent => "urgent",
        }
    }
}

/// Category of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// Binary drift.
    Drift,
}

impl Category {
    /// The name in alerts.
    pub fn as_str(self) -> &'static str {
        match self {
            Category::Drift => "drift",
        }
    }
}

/// Where an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlertStatus {
    /// Nobody has looked at it.
    Unhandled,
    /// The sensor stopped what it reports.
    AutoBlocked,
}

impl AlertStatus {
    /// The name in alerts.
    pub fn as_str(self) -> &'static str {
        match self {
            AlertStatus::Unhandled => "unhandled",
            AlertStatus::AutoBlocked => "auto-blocked",
        }
    }
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Reported only.
    Alerted,
    /// Stopped before it took effect.
    Blocked,
    /// Ended after it began.
    Killed,
}

impl Action {
    /// The name in alerts.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Alerted => "alerted",
            Action::Blocked => "blocked",
            Action::Killed => "killed",
        }
    }
}

/// A process as an alert shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlertProcess {
    /// Pid and start time.
    pub key: ProcessKey,
    /// Start of the process by the node's clock.
    pub start_time: WallTime,
    /// Path of the executable in the container.
    pub exe: Text,
    /// Arguments.
    pub argv: Vec<Text>,
    /// Whether arguments are missing.
    pub argv_truncated: bool,
    /// Working directory.
    pub cwd: Text,
    /// Real user id.
    pub uid: u32,
    /// Name of the user in the container, if its password file names one.
    pub user: Option<Text>,
}

/// Who wrote a drifted file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriterEvidence {
    /// The process that last opened the file for writing.
    pub process: AlertProcess,
    /// When it did.
    pub time: WallTime,
    /// What kind of writer it is.
    pub how: WrittenHow,
}

/// Why something is drift.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriftEvidence {
    /// The vector that describes it best.
    pub vector: DriftVector,
    /// Every vector that applies, the main one first.
    pub vectors: Vec<DriftVector>,
    /// What kind of file.
    pub kind: DriftKind,
    /// Where the file comes from.
    pub provenance: Provenance,
    /// Path of the drifted file in the container.
    pub path: Text,
    /// Device number and inode of the file.
    pub file: crate::FileId,
    /// The layer or file system it stands on, in words.
    pub layer: &'static str,
    /// Size in bytes.
    pub size: u64,
    /// Digest of its content; why not, where it is unknown, is in `sha256_missing`.
    pub sha256: Option<Sha256>,
    /// Why the digest is unknown.
    pub sha256_missing: Option<&'static str>,
    /// The image file that it is a copy of, or that it replaced.
    pub image_path: Option<Text>,
    /// Who wrote it, where that was seen.
    pub written_by: Option<WriterEvidence>,
}

/// Which rule decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyEvidence {
    /// Name of the rule.
    pub rule: String,
    /// Position in the policy, the first is 0.
    pub index: usize,
    /// Version of the policy.
    pub version: u64,
    /// What the rule asks for: `alert` or `block`.
    pub action: &'static str,
}

/// A finding, complete: nothing needs to be looked up to understand it.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// The same for the same finding in the same input, unique otherwise: 32 hexadecimal digits.
    pub id: String,
    /// When it happened, by the node's clock.
    pub time: WallTime,
    /// The same on the monotonic clock.
    pub monotonic: MonotonicNs,
    /// Name of the detection rule.
    pub rule: &'static str,
    /// Catalogue key.
    pub key: &'static str,
    /// Category of the catalogue.
    pub category: Category,
    /// How much it matters.
    pub severity: Severity,
    /// Where it stands.
    pub status: AlertStatus,
    /// One line.
    pub title: &'static str,
    /// Sentences: what happened and why it is a finding. Already escaped.
    pub explanation: String,
    /// What was done.
    pub action: Action,
    /// Node, cluster, cloud.
    pub node: Arc<Node>,
    /// The container; without a known runtime only its id is filled.
    pub container: Arc<Container>,
    /// The process that ran the file.
    pub process: AlertProcess,
    /// Its ancestors up to the container's first process, nearest first. A process that ran several programs stands there once for each.
    pub ancestors: Vec<AlertProcess>,
    /// Why it is drift.
    pub drift: DriftEvidence,
    /// Which rule of the policy decided.
    pub policy: PolicyEvidence,
    /// What could not be learned or done, in words.
    pub gaps: Vec<String>,
}
