//! What a sensor reported, as `yagura schema alert` describes it.
//!
//! Everything has a default: a sensor that is older or newer than the center may leave out or add fields.

use super::words::CloudProvider;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// An alert as its sensor reported it. Texts are escaped.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct AlertDocument {
    /// What happened and why it is a finding, in sentences.
    pub explanation: String,
    /// What to do about it.
    pub remedy: String,
    /// MITRE ATT&CK techniques.
    pub techniques: Vec<String>,
    /// The node's cloud.
    pub cloud: Option<CloudBody>,
    /// The container.
    pub container: Option<AlertContainer>,
    /// The pod.
    pub pod: Option<AlertPod>,
    /// The process, its ancestors nearest first.
    pub process: Option<AlertProgram>,
    /// Why it is drift.
    pub drift: Option<AlertDrift>,
    /// Which rule of a policy decided.
    pub policy: Option<AlertPolicy>,
    /// Why a detection rule matched.
    pub detection: Option<AlertDetection>,
    /// What was found in a file.
    pub scan: Option<AlertScan>,
    /// What the process was kept from.
    pub denial: Option<AlertDenial>,
    /// What could not be learned or done.
    pub gaps: Vec<String>,
}

/// A cloud and an account of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CloudBody {
    /// Provider.
    pub provider: CloudProvider,
    /// Subscription, account or project; empty if unknown.
    pub account: String,
}

/// A container.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct AlertContainer {
    /// Full id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Image reference.
    pub image: String,
    /// Digest of the image's configuration.
    pub image_id: String,
    /// Digest of the image's manifest.
    pub image_digest: String,
    /// What started it.
    pub runtime: String,
    /// Whether it was started privileged.
    pub privileged: Option<bool>,
}

/// A pod.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct AlertPod {
    /// Name.
    pub name: String,
    /// Namespace.
    pub namespace: String,
    /// Uid.
    pub uid: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// A program in a process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct AlertProgram {
    /// Process id on the host.
    pub pid: u32,
    /// When the process started.
    #[schema(format = DateTime)]
    pub start_time: String,
    /// Path of the executable in the container.
    pub exe: String,
    /// Arguments.
    pub argv: Vec<String>,
    /// Whether arguments are missing.
    pub argv_truncated: bool,
    /// Working directory.
    pub cwd: String,
    /// User id on the host.
    pub uid: u32,
    /// Name of the user in the container.
    pub user: Option<String>,
    /// Its ancestors, nearest first; empty for a program that stands in such a list.
    #[schema(no_recursion)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ancestors: Vec<AlertProgram>,
    /// For the writer of a file: when it wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// For the writer of a file: `downloaded`, `built` or `other`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub how: Option<String>,
}

/// Why something is drift.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct AlertDrift {
    /// The main vector.
    pub vector: String,
    /// Every vector.
    pub vectors: Vec<String>,
    /// `binary`, `library` or `script`.
    pub kind: String,
    /// Where the file comes from.
    pub provenance: String,
    /// Path in the container.
    pub path: String,
    /// Which file.
    pub file: AlertFile,
    /// Layer or file system, in words.
    pub layer: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of the content.
    pub sha256: Option<String>,
    /// Why the digest is unknown.
    pub sha256_missing: Option<String>,
    /// The image file that it copies or replaced.
    pub image_path: Option<String>,
    /// Who wrote it.
    pub written_by: Option<AlertProgram>,
}

/// A file on a file system.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct AlertFile {
    /// Number of the file system.
    pub device: u32,
    /// Inode number.
    pub inode: u64,
}

/// The rule that decided.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct AlertPolicy {
    /// Name.
    pub rule: String,
    /// Position, from 0.
    pub index: u32,
    /// Version of the policy.
    pub version: u64,
    /// `alert` or `block`.
    pub action: String,
}

/// Why a detection rule matched.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct AlertDetection {
    /// Where events came from.
    pub source: String,
    /// Priority in Falco's words.
    pub priority: String,
    /// Tags.
    pub tags: Vec<String>,
    /// Output with its fields filled in.
    pub output: String,
    /// The condition with the values that made it true.
    pub condition: AlertCondition,
    /// The events, the earliest first.
    pub events: Vec<AlertEvent>,
    /// The catalogue's label in Japanese.
    pub title_ja: String,
}

/// A condition and its parts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct AlertCondition {
    /// The condition; `and`, `or` or `not` for joined ones.
    pub text: String,
    /// Whether it held; null if that could not be told.
    pub holds: Option<bool>,
    /// The value of its field.
    pub value: Option<String>,
    /// Its parts.
    #[schema(no_recursion)]
    pub parts: Vec<AlertCondition>,
}

/// An event.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct AlertEvent {
    /// When.
    #[schema(format = DateTime)]
    pub time: String,
    /// Kind.
    pub kind: String,
    /// Step of a sequence.
    pub step: String,
    /// Fields.
    pub facts: BTreeMap<String, String>,
}

/// What was found in a file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct AlertScan {
    /// Path in the container.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256.
    pub sha256: Option<String>,
    /// TLSH digest.
    pub tlsh: Option<String>,
    /// Why it was scanned.
    pub reason: String,
    /// Catalogue key.
    pub key: String,
    /// Family.
    pub family: String,
    /// How sure, 1 to 100.
    pub score: u8,
    /// What found it.
    pub engine: String,
    /// The rule, list or language that found it.
    pub scan_rule: String,
    /// Why.
    pub reasons: Vec<String>,
    /// Who wrote it.
    pub written_by: Option<AlertProgram>,
    /// Who ran it.
    pub run_by: Vec<AlertProgram>,
}

/// What a process was kept from, or would have been.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct AlertDenial {
    /// Behaviour; null for drift.
    pub behaviour: Option<String>,
    /// Its dimension; null for drift.
    pub dimension: Option<String>,
    /// Kind of file; null for behaviours.
    pub kind: Option<String>,
    /// `blocked`, `killed` or `watched`.
    pub outcome: String,
    /// By what means.
    pub means: String,
    /// Executable.
    pub exe: String,
    /// File.
    pub file: String,
    /// What else it acted on.
    pub target: String,
}
