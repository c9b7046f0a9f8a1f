//! What leaves the pipeline.

use crate::{
    Container, DenialOutcome, Denied, DriftKind, DriftVector, EnforcementMeans, Finding,
    MonotonicNs, Node, ProcessKey, Provenance, ScanReason, Sha256, Text, WallTime, WrittenHow,
};
use std::borrow::Cow;
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
    /// Kubernetes' own objects and accounts.
    K8s,
    /// Connections.
    Network,
    /// Malicious programs.
    Malware,
    /// Webshells.
    Webshell,
    /// What programs do.
    Process,
    /// Container escape and gain of rights.
    Escape,
    /// Binary drift.
    Drift,
    /// Rules that name no key of the catalogue.
    Custom,
}

impl Category {
    /// Every category.
    pub const ALL: [Category; 8] = [
        Category::K8s,
        Category::Network,
        Category::Malware,
        Category::Webshell,
        Category::Process,
        Category::Escape,
        Category::Drift,
        Category::Custom,
    ];

    /// The name in alerts.
    pub fn as_str(self) -> &'static str {
        match self {
            Category::K8s => "k8s",
            Category::Network => "network",
            Category::Malware => "malware",
            Category::Webshell => "webshell",
            Category::Process => "process",
            Category::Escape => "escape",
            Category::Drift => "drift",
            Category::Custom => "custom",
        }
    }

    /// The category of a catalogue key such as `proc.java`.
    pub fn of_key(key: &str) -> Category {
        match key.split('.').next() {
            Some("k8s") => Category::K8s,
            Some("net") => Category::Network,
            Some("malware") => Category::Malware,
            Some("webshell") => Category::Webshell,
            Some("proc") => Category::Process,
            Some("escape") => Category::Escape,
            Some("drift") => Category::Drift,
            _ => Category::Custom,
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

/// What scanning a file found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanEvidence {
    /// Path of the file in the container.
    pub path: Text,
    /// Device number and inode of the file.
    pub file: crate::FileId,
    /// Size in bytes.
    pub size: u64,
    /// Digest of its content.
    pub sha256: Option<Sha256>,
    /// TLSH digest of its content.
    pub fuzzy: Option<String>,
    /// Why it was scanned.
    pub reason: ScanReason,
    /// What was found that made this alert.
    pub finding: Finding,
    /// What else was found in the file.
    pub others: Vec<Finding>,
    /// Who wrote it, where that was seen.
    pub written_by: Option<WriterEvidence>,
    /// Processes that ran it, at most 16: the first is the alert's own.
    pub run_by: Vec<AlertProcess>,
}

/// What a process was kept from, or would have been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DenialEvidence {
    /// What.
    pub denied: Denied,
    /// What became of it.
    pub outcome: DenialOutcome,
    /// By what means.
    pub means: EnforcementMeans,
    /// Path of the executable of the process, as the kernel side told it.
    pub exe: Text,
    /// Path of the file that it acted on or that was to run; empty if there is none.
    pub file: Text,
    /// What it acted on where that is no file: the name of a socket, a file system, a module; empty otherwise.
    pub target: Text,
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

/// A test of a condition, or several joined, with what made it true.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConditionEvidence {
    /// The condition as it stands in the rule; for joined ones `and`, `or` or `not`.
    pub text: String,
    /// Whether it held; `None` if that could not be told.
    pub holds: Option<bool>,
    /// The value that the field had, already escaped.
    pub value: Option<String>,
    /// The parts.
    pub parts: Vec<ConditionEvidence>,
}

/// An event behind a finding.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventEvidence {
    /// When it happened.
    pub time: WallTime,
    /// What kind of event: `evt.type`.
    pub kind: String,
    /// The step of a sequence that it made, empty otherwise.
    pub step: String,
    /// Names and values of its fields, already escaped.
    pub facts: Vec<(String, String)>,
}

/// Why a rule matched.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DetectionEvidence {
    /// Where the event came from: `syscall`, `container`, `k8s_audit`, `windows`.
    pub source: &'static str,
    /// Priority in Falco's words.
    pub priority: &'static str,
    /// Tags of the rule.
    pub tags: Vec<String>,
    /// The rule's output with its fields filled in, already escaped.
    pub output: String,
    /// The condition with the values that made it true.
    pub condition: ConditionEvidence,
    /// The events, the earliest first; the last is the one that completed the match.
    pub events: Vec<EventEvidence>,
    /// The catalogue's label in Japanese, empty for rules without one.
    pub title_ja: String,
}

/// A finding, complete: nothing needs to be looked up to understand it.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// The same for the same finding in the same input, unique otherwise: 32 hexadecimal digits.
    pub id: String,
    /// When it happened, by the node's clock; for audit and log records by theirs.
    pub time: WallTime,
    /// The same on the monotonic clock; zero for audit and log records.
    pub monotonic: MonotonicNs,
    /// Name of the detection rule.
    pub rule: Cow<'static, str>,
    /// Catalogue key, empty for rules that name none.
    pub key: Cow<'static, str>,
    /// Category of the catalogue.
    pub category: Category,
    /// How much it matters.
    pub severity: Severity,
    /// Where it stands.
    pub status: AlertStatus,
    /// One line.
    pub title: Cow<'static, str>,
    /// Sentences: what happened and why it is a finding. Already escaped.
    pub explanation: String,
    /// What to do about it.
    pub remedy: String,
    /// MITRE ATT&CK techniques.
    pub techniques: Vec<String>,
    /// What was done.
    pub action: Action,
    /// How often the same was seen, this one included. Repeats of a finding come as the same alert, with a higher count.
    pub count: u64,
    /// When it was seen last.
    pub last_time: WallTime,
    /// Node, cluster, cloud.
    pub node: Arc<Node>,
    /// The container; without a known runtime only its id is filled. `None` for audit and log records.
    pub container: Option<Arc<Container>>,
    /// The process.
    pub process: Option<AlertProcess>,
    /// Its ancestors up to the container's first process, nearest first. A process that ran several programs stands there once for each.
    pub ancestors: Vec<AlertProcess>,
    /// Why it is drift, if it is.
    pub drift: Option<DriftEvidence>,
    /// Which rule decided, for drift and for what was denied.
    pub policy: Option<PolicyEvidence>,
    /// Why a detection rule matched, if one did.
    pub detection: Option<DetectionEvidence>,
    /// What was found in a file's content, if that is what it is about.
    pub scan: Option<ScanEvidence>,
    /// What the process was kept from, if it was.
    pub denial: Option<DenialEvidence>,
    /// Alerts of one story have the same: it is the id of the first of them.
    pub incident: String,
    /// What could not be learned or done, in words.
    pub gaps: Vec<String>,
}

impl Alert {
    /// The container's id; empty for findings that are not about one.
    pub fn container_id(&self) -> &str {
        self.container
            .as_ref()
            .map_or("", |container| &container.id)
    }
}
