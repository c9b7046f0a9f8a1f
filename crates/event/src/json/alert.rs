//! An alert as JSON.
//!
//! Every text that a container, a runtime or a file may have chosen is escaped and bounded here, so that one alert is
//! one line of a bounded length whatever happened in the container.

use super::denial::DenialJson;
use super::detection::DetectionJson;
use super::escaped::{CUT, bounded};
use super::scan::ScanJson;
use crate::{
    Action, Alert, AlertProcess, AlertStatus, Category, Cloud, Container, DriftEvidence, DriftKind,
    DriftVector, FileId, Pod, PolicyEvidence, Provenance, Provider, Runtime, Severity, Text,
    WallTime, WriterEvidence, WrittenHow, escape,
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// Bytes of a path before escaping: Linux's PATH_MAX. Stops names of the length of a file from filling the output.
const PATH_BYTES_MAX: usize = 4096;
/// Bytes of a name, label or other short text before escaping.
const NAME_BYTES_MAX: usize = 1024;
/// Characters of an explanation or gap: many times what the pipeline writes.
const SENTENCES_CHARS_MAX: usize = 16 * 1024;
/// Bytes of all arguments of a process before escaping; execve takes megabytes.
const ARGV_BYTES_MAX: usize = 8 * 1024;
/// Bytes of all arguments of an ancestor or writer before escaping.
const ANCESTOR_ARGV_BYTES_MAX: usize = 1024;
/// Arguments of a process: stops a hundred thousand empty ones.
const ARGUMENTS_MAX: usize = 512;
/// Ancestors in one alert: stops chains made by a fork bomb.
pub const ANCESTORS_MAX: usize = 64;
/// Labels of a pod in one alert.
const LABELS_MAX: usize = 256;
/// Gaps in one alert.
const GAPS_MAX: usize = 64;

/// An alert of Yagura. One line of JSON each. Control characters, invisible characters, backslashes and bytes that are
/// not UTF-8 stand in every text as `\n`, `\xNN`, `\u{N}` or `\\`; what is too long ends in `…[cut]`. Later versions may
/// add fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(title = "Yagura alert")]
pub struct AlertJson {
    /// 32 hexadecimal digits: the same for the same finding in the same input, unique otherwise.
    pub id: String,
    /// When it happened: RFC 3339, UTC, nanoseconds.
    #[schemars(extend("format" = "date-time"))]
    pub time: String,
    /// Name of the detection rule.
    pub rule: String,
    /// Catalogue key; empty for rules that name none.
    pub key: String,
    /// Category of the catalogue.
    #[schemars(extend("enum" = Category::ALL.map(Category::as_str)))]
    pub category: &'static str,
    /// How much it matters. `urgent` is what other products call high.
    #[schemars(extend("enum" = [Severity::Reminder.as_str(), Severity::Suspicious.as_str(), Severity::Urgent.as_str()]))]
    pub severity: &'static str,
    /// Where the alert stands.
    #[schemars(extend("enum" = [AlertStatus::Unhandled.as_str(), AlertStatus::AutoBlocked.as_str()]))]
    pub status: &'static str,
    /// What happened, in one line.
    pub title: String,
    /// What happened and why it is a finding, in sentences.
    pub explanation: String,
    /// What to do about it.
    pub remedy: String,
    /// MITRE ATT&CK techniques, such as `T1059.004`.
    pub techniques: Vec<String>,
    /// How often the same was seen so far. A repeat comes as the same alert, by `id`, with a higher count.
    pub count: u64,
    /// When it was seen last: RFC 3339, UTC, nanoseconds.
    #[schemars(extend("format" = "date-time"))]
    pub last_time: String,
    /// What was done.
    #[schemars(extend("enum" = [Action::Alerted.as_str(), Action::Blocked.as_str(), Action::Killed.as_str()]))]
    pub action: &'static str,
    /// Name of the node.
    pub node: String,
    /// Name of the cluster; null if not configured.
    pub cluster: Option<String>,
    /// The node's cloud; null if not configured and not found.
    pub cloud: Option<CloudJson>,
    /// The container; null for findings in audit and Windows logs.
    pub container: Option<ContainerJson>,
    /// The pod; null for a container outside Kubernetes or one whose pod is unknown, which `gaps` then says.
    pub pod: Option<PodJson>,
    /// The process; null for findings that are not about one.
    pub process: Option<ProcessJson>,
    /// Why it is drift; null for other findings.
    pub drift: Option<DriftJson>,
    /// Which rule of the drift policy decided, or which defence rule; null for other findings.
    pub policy: Option<PolicyJson>,
    /// Why a detection rule matched; null for drift.
    pub detection: Option<DetectionJson>,
    /// What was found in a file's content; null for findings that are not about that.
    pub scan: Option<ScanJson>,
    /// What the process was kept from, or would have been if the rule did not only watch; null for other findings.
    pub denial: Option<DenialJson>,
    /// Alerts of one story have the same: it is the `id` of the first of them.
    pub incident: String,
    /// What could not be learned or done, one sentence each. Empty if nothing is missing.
    pub gaps: Vec<String>,
}

/// A cloud and an account of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Cloud")]
pub struct CloudJson {
    /// The provider.
    #[schemars(extend("enum" = Provider::ALL.map(Provider::as_str)))]
    pub provider: &'static str,
    /// Subscription, account or project; empty if unknown.
    pub account: String,
}

/// A container. Texts are empty if unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Container")]
pub struct ContainerJson {
    /// Full id given by the runtime; without a known runtime the name of its cgroup, or `ns-` and the number of its mount namespace.
    pub id: String,
    /// Kubernetes' container name, Docker's or Podman's name, or runc's id.
    pub name: String,
    /// Image reference as the user wrote it.
    pub image: String,
    /// Digest of the image's configuration.
    pub image_id: String,
    /// Digest of the image's manifest.
    pub image_digest: String,
    /// What started it.
    #[schemars(extend("enum" = [
        Runtime::Containerd.as_str(), Runtime::CriO.as_str(), Runtime::Docker.as_str(), Runtime::Podman.as_str(),
        Runtime::Runc.as_str(), Runtime::Crun.as_str(), Runtime::Unknown.as_str(),
    ]))]
    pub runtime: &'static str,
    /// Whether it was started privileged; null if that could not be told.
    pub privileged: Option<bool>,
}

/// A pod of Kubernetes. Texts are empty if unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Pod")]
pub struct PodJson {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.uid`.
    pub uid: String,
    /// Labels at the time the pod was started.
    pub labels: BTreeMap<String, String>,
}

/// A program in a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Program")]
pub struct ProgramJson {
    /// Process id in the host's pid namespace. With `start_time` it names one process, also after the id was used again.
    pub pid: u32,
    /// When the process started: RFC 3339, UTC, nanoseconds.
    #[schemars(extend("format" = "date-time"))]
    pub start_time: String,
    /// Path of the executable in the container.
    pub exe: String,
    /// Arguments.
    pub argv: Vec<String>,
    /// Whether arguments are missing or cut.
    pub argv_truncated: bool,
    /// Working directory.
    pub cwd: String,
    /// Real user id in the host's user namespace.
    pub uid: u32,
    /// Name of the user in the container; null if its password file names none.
    pub user: Option<String>,
}

/// The process that a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Process")]
pub struct ProcessJson {
    /// The process itself.
    #[serde(flatten)]
    pub program: ProgramJson,
    /// Its ancestors up to the container's first process, nearest first. A process that ran several programs stands there once for each.
    pub ancestors: Vec<ProgramJson>,
}

/// Why something is drift.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Drift")]
pub struct DriftJson {
    /// The way that describes best how it came to run.
    #[schemars(extend("enum" = DriftVector::ALL.map(DriftVector::as_str)))]
    pub vector: &'static str,
    /// Every way that applies, the main one first.
    #[schemars(extend("items" = { "type": "string", "enum": DriftVector::ALL.map(DriftVector::as_str) }))]
    pub vectors: Vec<&'static str>,
    /// What kind of file: `binary`, `library` or `script`. A policy's `kinds` name the same in the plural.
    #[schemars(extend("enum" = DriftKind::ALL.map(DriftKind::singular)))]
    pub kind: &'static str,
    /// Where the file comes from.
    #[schemars(extend("enum" = Provenance::DRIFTED.map(Provenance::as_str)))]
    pub provenance: &'static str,
    /// Path of the file in the container; for an anonymous memory file `memfd:` and its name.
    pub path: String,
    /// Which file.
    pub file: FileJson,
    /// The layer or file system that the file stands on, in words.
    pub layer: &'static str,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 of the content, 64 hexadecimal digits; null if unknown.
    pub sha256: Option<String>,
    /// Why the digest is unknown; null if it is known.
    pub sha256_missing: Option<&'static str>,
    /// The image file that it is a copy of, or that it replaced; null if neither.
    pub image_path: Option<String>,
    /// Who wrote the file; null if that was not seen.
    pub written_by: Option<WriterJson>,
}

/// A file on a mounted file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "File")]
pub struct FileJson {
    /// The kernel's number of the mounted file system.
    pub device: u32,
    /// Inode number.
    pub inode: u64,
}

/// Who wrote a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Writer")]
pub struct WriterJson {
    /// The process that last opened the file for writing.
    #[serde(flatten)]
    pub program: ProgramJson,
    /// When it did: RFC 3339, UTC, nanoseconds.
    #[schemars(extend("format" = "date-time"))]
    pub time: String,
    /// What kind of writer it is.
    #[schemars(extend("enum" = [WrittenHow::Downloaded.as_str(), WrittenHow::Built.as_str(), WrittenHow::Other.as_str()]))]
    pub how: &'static str,
}

/// The rule that decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Policy")]
pub struct PolicyJson {
    /// Name of the rule.
    pub rule: String,
    /// Position of the rule in the policy, the first is 0.
    pub index: usize,
    /// Version of the policy.
    pub version: u64,
    /// What the rule asks for. Where this says `block` and the alert's `action` says `alerted`, `gaps` says why.
    #[schemars(extend("enum" = ["alert", "block"]))]
    pub action: &'static str,
}

impl From<&Alert> for AlertJson {
    fn from(alert: &Alert) -> AlertJson {
        let pod = alert
            .container
            .as_ref()
            .and_then(|container| container.pod.as_ref());
        AlertJson {
            id: name(&alert.id),
            time: rfc3339(alert.time),
            rule: name(&alert.rule),
            key: name(&alert.key),
            category: alert.category.as_str(),
            severity: alert.severity.as_str(),
            status: alert.status.as_str(),
            title: name(&alert.title),
            explanation: sentences(&alert.explanation),
            remedy: sentences(&alert.remedy),
            techniques: alert.techniques.iter().take(LABELS_MAX).map(name).collect(),
            count: alert.count,
            last_time: rfc3339(alert.last_time),
            action: alert.action.as_str(),
            node: name(&alert.node.name),
            cluster: alert.node.cluster.as_deref().map(name),
            cloud: alert.node.cloud.as_ref().map(CloudJson::from),
            container: alert.container.as_deref().map(ContainerJson::from),
            pod: pod.map(PodJson::from),
            process: alert.process.as_ref().map(|process| ProcessJson {
                program: ProgramJson::new(process, ARGV_BYTES_MAX),
                ancestors: ancestors(alert),
            }),
            drift: alert.drift.as_ref().map(DriftJson::from),
            policy: alert.policy.as_ref().map(PolicyJson::from),
            detection: alert.detection.as_ref().map(DetectionJson::from),
            scan: alert.scan.as_ref().map(ScanJson::from),
            denial: alert.denial.as_ref().map(DenialJson::from),
            incident: name(&alert.incident),
            gaps: gaps(alert),
        }
    }
}

impl From<&Cloud> for CloudJson {
    fn from(cloud: &Cloud) -> CloudJson {
        CloudJson {
            provider: cloud.provider.as_str(),
            account: name(&cloud.account),
        }
    }
}

impl From<&Container> for ContainerJson {
    fn from(container: &Container) -> ContainerJson {
        ContainerJson {
            id: name(&container.id),
            name: name(&container.name),
            image: name(&container.image),
            image_id: name(&container.image_id),
            image_digest: name(&container.image_digest),
            runtime: container.runtime.as_str(),
            privileged: container.privileged,
        }
    }
}

impl From<&Pod> for PodJson {
    fn from(pod: &Pod) -> PodJson {
        let labels = pod.labels.iter().take(LABELS_MAX);
        PodJson {
            name: name(&pod.name),
            namespace: name(&pod.namespace),
            uid: name(&pod.uid),
            labels: labels
                .map(|(key, value)| (name(key), name(value)))
                .collect(),
        }
    }
}

impl ProgramJson {
    pub(super) fn new(process: &AlertProcess, argv_bytes_max: usize) -> ProgramJson {
        let (argv, cut) = arguments(&process.argv, argv_bytes_max);
        ProgramJson {
            pid: process.key.pid,
            start_time: rfc3339(process.start_time),
            exe: path(&process.exe),
            argv,
            argv_truncated: process.argv_truncated || cut,
            cwd: path(&process.cwd),
            uid: process.uid,
            user: process
                .user
                .as_ref()
                .map(|user| bounded(user.as_bytes(), NAME_BYTES_MAX)),
        }
    }
}

impl From<&DriftEvidence> for DriftJson {
    fn from(drift: &DriftEvidence) -> DriftJson {
        let vectors = drift.vectors.iter().take(DriftVector::ALL.len());
        DriftJson {
            vector: drift.vector.as_str(),
            vectors: vectors.map(|vector| vector.as_str()).collect(),
            kind: drift.kind.singular(),
            provenance: drift.provenance.as_str(),
            path: path(&drift.path),
            file: FileJson::from(drift.file),
            layer: drift.layer,
            size: drift.size,
            sha256: drift.sha256.map(|digest| digest.to_string()),
            sha256_missing: drift.sha256_missing,
            image_path: drift.image_path.as_ref().map(path),
            written_by: drift.written_by.as_ref().map(WriterJson::from),
        }
    }
}

impl From<FileId> for FileJson {
    fn from(file: FileId) -> FileJson {
        FileJson {
            device: file.dev,
            inode: file.ino,
        }
    }
}

impl From<&WriterEvidence> for WriterJson {
    fn from(writer: &WriterEvidence) -> WriterJson {
        WriterJson {
            program: ProgramJson::new(&writer.process, ANCESTOR_ARGV_BYTES_MAX),
            time: rfc3339(writer.time),
            how: writer.how.as_str(),
        }
    }
}

impl From<&PolicyEvidence> for PolicyJson {
    fn from(policy: &PolicyEvidence) -> PolicyJson {
        PolicyJson {
            rule: name(&policy.rule),
            index: policy.index,
            version: policy.version,
            action: policy.action,
        }
    }
}

fn ancestors(alert: &Alert) -> Vec<ProgramJson> {
    let shown = alert.ancestors.iter().take(ANCESTORS_MAX);
    shown
        .map(|ancestor| ProgramJson::new(ancestor, ANCESTOR_ARGV_BYTES_MAX))
        .collect()
}

/// The alert's gaps, and what this form of it leaves out.
fn gaps(alert: &Alert) -> Vec<String> {
    let mut gaps: Vec<String> = alert
        .gaps
        .iter()
        .take(GAPS_MAX)
        .map(|gap| sentences(gap))
        .collect();
    let pod = alert
        .container
        .as_ref()
        .and_then(|container| container.pod.as_ref());
    let labels = pod.map_or(0, |pod| pod.labels.len());
    for (what, count, max) in [
        ("gaps", alert.gaps.len(), GAPS_MAX),
        ("ancestors", alert.ancestors.len(), ANCESTORS_MAX),
        ("pod labels", labels, LABELS_MAX),
    ] {
        if count > max {
            gaps.push(format!("{} more {what} are not shown", count - max));
        }
    }
    gaps
}

/// Arguments within the bounds, and whether some are missing or cut.
fn arguments(argv: &[Text], bytes_max: usize) -> (Vec<String>, bool) {
    let mut left = bytes_max;
    let mut shown = Vec::new();
    for argument in argv {
        if shown.len() == ARGUMENTS_MAX || (left == 0 && !argument.is_empty()) {
            break;
        }
        shown.push(bounded(argument.as_bytes(), left));
        left = left.saturating_sub(argument.as_bytes().len());
    }
    let whole = shown.len() == argv.len()
        && argv.iter().map(|a| a.as_bytes().len()).sum::<usize>() <= bytes_max;
    (shown, !whole)
}

pub(super) fn path(text: &Text) -> String {
    bounded(text.as_bytes(), PATH_BYTES_MAX)
}

pub(super) fn name(text: impl AsRef<str>) -> String {
    bounded(text.as_ref().as_bytes(), NAME_BYTES_MAX)
}

/// Sentences that are escaped already where they quote somebody: a backslash stays one. A control character that
/// slipped through does not.
pub(super) fn sentences(text: &str) -> String {
    let (head, cut) = match text.char_indices().nth(SENTENCES_CHARS_MAX) {
        Some((end, _)) => (text.get(..end).unwrap_or_default(), CUT),
        None => (text, ""),
    };
    let parts: Vec<_> = head
        .split('\\')
        .map(|part| escape(part.as_bytes()))
        .collect();
    parts.join("\\") + cut
}

/// RFC 3339 in UTC with nine digits of the second.
pub fn rfc3339(time: WallTime) -> String {
    // Every i64 of nanoseconds is within jiff's years -9999 to 9999.
    Timestamp::from_nanosecond(i128::from(time.0))
        .map(|time| format!("{time:.9}"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_bounded_together() {
        let argv = |texts: &[&str]| texts.iter().map(|t| Text::from(*t)).collect::<Vec<_>>();
        assert_eq!(
            arguments(&argv(&["ab", "c"]), 3),
            (vec!["ab".to_owned(), "c".to_owned()], false)
        );
        assert_eq!(
            arguments(&argv(&["ab", "cd", "e"]), 3),
            (vec!["ab".to_owned(), "c…[cut]".to_owned()], true)
        );
        assert_eq!(
            arguments(&argv(&["abc", "", "d"]), 3),
            (vec!["abc".to_owned(), String::new()], true)
        );
        let many = vec![Text::default(); ARGUMENTS_MAX + 1];
        assert_eq!(arguments(&many, 3).0.len(), ARGUMENTS_MAX);
        assert!(arguments(&many, 3).1);
    }
}
