//! What is enforced on a container: plain rows that policies are compiled into and that the kernel side decides by.

use crate::behaviour::{Behaviour, BehaviourSet};
use crate::drift::{DriftKind, Provenance};
use crate::file::FileFacts;
use crate::id::{CgroupId, ContainerKey};
use crate::kernel_event::Base;
use crate::text::Text;
use crate::{MonotonicNs, ProcessKey};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a program or a file has to be called to be let through.
///
/// A text without slash is compared with the base name, one with a slash with the whole path; `*` stands for any bytes,
/// `/` among them, and `?` for one. An anonymous memory file is never matched by a whole path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct AllowRow {
    /// The program that acts; for drift, the file that is to run. Empty: any.
    pub program: String,
    /// The program that started it. Empty: any.
    pub parent: String,
    /// A program somewhere above it. Empty: any.
    pub ancestor: String,
    /// The file that it acts on. Empty: any. Never set for drift.
    pub file: String,
}

impl AllowRow {
    /// Bytes of one text that the kernel side compares; longer ones can't be enforced there.
    pub const TEXT_BYTES_MAX: usize = 127;
}

/// One defence rule in a container's row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DefenceSlot {
    /// Number by which the rule is told in denials.
    pub rule: u32,
    /// What it denies.
    pub deny: BehaviourSet,
    /// What it only tells of.
    pub watch: BehaviourSet,
    /// What it lets through.
    pub allow: Vec<AllowRow>,
}

/// Where the kernel side can say by itself that a file comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum OriginClass {
    /// Written into the container's layer: by whom and from what, only user space can tell.
    Layer = 0,
    /// On another file system.
    Volume = 1,
    /// An anonymous memory file.
    Memfd = 2,
    /// A file without a name.
    Deleted = 3,
}

impl OriginClass {
    /// Every class, in the order of its number.
    pub const ALL: [OriginClass; 4] = [
        OriginClass::Layer,
        OriginClass::Volume,
        OriginClass::Memfd,
        OriginClass::Deleted,
    ];

    /// The provenances that a file of this class may turn out to have.
    pub fn provenances(self) -> &'static [Provenance] {
        match self {
            OriginClass::Layer => &[
                Provenance::Copied,
                Provenance::Modified,
                Provenance::PackageManager,
                Provenance::Written,
            ],
            OriginClass::Volume => &[Provenance::Volume],
            OriginClass::Memfd => &[Provenance::Memfd],
            OriginClass::Deleted => &[Provenance::Deleted],
        }
    }
}

/// What is done about a kind of drift of one origin.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DriftCell {
    /// What is done.
    pub action: CellAction,
    /// Number by which the rule is told in denials.
    pub rule: u32,
    /// What the rule lets through.
    pub allow: Vec<AllowRow>,
}

/// What the kernel side does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[repr(u8)]
pub enum CellAction {
    /// Nothing.
    #[default]
    None = 0,
    /// Lets it happen, and tells.
    Watch = 1,
    /// Denies it, and tells.
    Deny = 2,
}

/// Everything that is enforced on one container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EnforcementRow {
    /// Defence rules in whose scope the container is; at most [`EnforcementRow::SLOTS_MAX`].
    pub defence: Vec<DefenceSlot>,
    /// By kind of file ([`DriftKind::ALL`]) and class of origin ([`OriginClass::ALL`]).
    pub drift: [[DriftCell; 4]; 3],
}

impl EnforcementRow {
    /// Defence rules that a row has room for.
    pub const SLOTS_MAX: usize = 8;
    /// Entries of allow lists that one rule has room for in the kernel.
    pub const ALLOW_MAX: usize = 64;

    /// Whether nothing is denied or told.
    pub fn is_empty(&self) -> bool {
        self.defence
            .iter()
            .all(|slot| slot.deny.is_empty() && slot.watch.is_empty())
            && self
                .drift
                .iter()
                .flatten()
                .all(|cell| cell.action == CellAction::None)
    }

    /// What is done about drift of a kind and class.
    pub fn cell(&self, kind: DriftKind, class: OriginClass) -> Option<&DriftCell> {
        let row = self.drift.get(kind as usize)?;
        row.get(class as usize)
    }

    /// What any rule denies.
    pub fn denied(&self) -> BehaviourSet {
        BehaviourSet(self.defence.iter().fold(0, |bits, slot| bits | slot.deny.0))
    }
}

/// How the kernel side knows the processes of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Membership {
    /// The container.
    pub container: ContainerKey,
    /// Its own cgroup (v2), zero if it has none of its own.
    pub cgroup: CgroupId,
    /// Inode number of its mount namespace.
    pub mount_namespace: u32,
}

/// By what means something is enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum EnforcementMeans {
    /// BPF LSM: denied in the kernel.
    BpfLsm = 1,
    /// A signal before the program's first instruction.
    KillAtExec = 2,
    /// A signal at the end of the system call, before the process runs on.
    KillAtCall = 3,
    /// fanotify: the kernel asks the sensor before it executes a file.
    Fanotify = 4,
    /// cgroup BPF: connections.
    CgroupConnect = 5,
    /// cgroup BPF: device nodes.
    CgroupDevice = 6,
    /// cgroup BPF: kernel settings.
    CgroupSysctl = 7,
    /// seccomp notification, placed by the runtime wrapper.
    SeccompNotify = 9,
    /// A signal from the sensor, after the fact.
    KillBySensor = 10,
}

impl EnforcementMeans {
    /// Every means.
    pub const ALL: [EnforcementMeans; 9] = [
        EnforcementMeans::BpfLsm,
        EnforcementMeans::KillAtExec,
        EnforcementMeans::KillAtCall,
        EnforcementMeans::Fanotify,
        EnforcementMeans::CgroupConnect,
        EnforcementMeans::CgroupDevice,
        EnforcementMeans::CgroupSysctl,
        EnforcementMeans::SeccompNotify,
        EnforcementMeans::KillBySensor,
    ];

    /// The name in output.
    pub fn as_str(self) -> &'static str {
        match self {
            EnforcementMeans::BpfLsm => "bpf-lsm",
            EnforcementMeans::KillAtExec => "kill-at-exec",
            EnforcementMeans::KillAtCall => "kill-at-call",
            EnforcementMeans::Fanotify => "fanotify",
            EnforcementMeans::CgroupConnect => "cgroup-connect",
            EnforcementMeans::CgroupDevice => "cgroup-device",
            EnforcementMeans::CgroupSysctl => "cgroup-sysctl",
            EnforcementMeans::SeccompNotify => "seccomp-notify",
            EnforcementMeans::KillBySensor => "kill-by-sensor",
        }
    }

    /// The means of that number.
    pub fn from_number(number: u8) -> Option<EnforcementMeans> {
        EnforcementMeans::ALL
            .into_iter()
            .find(|means| *means as u8 == number)
    }
}

impl fmt::Display for EnforcementMeans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum DenialOutcome {
    /// Refused before it took effect: the process was told "not permitted".
    Blocked = 1,
    /// The process was ended, before it could use what it had got.
    Killed = 2,
    /// Let happen: the rule only watches.
    Watched = 3,
}

impl DenialOutcome {
    /// The name in output.
    pub fn as_str(self) -> &'static str {
        match self {
            DenialOutcome::Blocked => "blocked",
            DenialOutcome::Killed => "killed",
            DenialOutcome::Watched => "watched",
        }
    }
}

/// What was denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Denied {
    /// A behaviour that a defence rule covers.
    Behaviour(Behaviour),
    /// The execution of a file that is not the image's.
    Drift(DriftKind, OriginClass),
}

/// A process was kept from something, or would have been if the rule did not only watch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DenialEvent {
    /// The process. Its program key is zero: whoever receives it knows what the process runs.
    pub base: Base,
    /// What.
    pub denied: Denied,
    /// What became of it.
    pub outcome: DenialOutcome,
    /// By what means.
    pub means: EnforcementMeans,
    /// The rule's number in the row, as [`DefenceSlot::rule`] and [`DriftCell::rule`] have it.
    pub rule: u32,
    /// Name of the process (`comm`).
    pub name: Text,
    /// Path of its executable.
    pub exe: Text,
    /// The file that it acted on or that was to run, if there is one.
    pub file: Option<FileFacts>,
    /// What it acted on where that is no file: the name of a socket, a file system, a module, the pid of a process.
    pub target: Text,
}

/// The rule behind a denial, as alerts name it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DenialRule {
    /// Name.
    pub name: String,
    /// Position among the rules of its kind, the first is 0.
    pub index: usize,
    /// Version of the policies.
    pub version: u64,
    /// Whether it asks for blocking rather than telling alone.
    pub blocks: bool,
}

/// What a rule came to for a container as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContainerVerdict {
    /// Its image is at risk, and the rule asks for telling alone.
    ImageAtRisk,
    /// Its image is at risk, and it was stopped at once.
    ImageStopped,
    /// Its image is at risk and it should have been stopped, but was not.
    ImageNotStopped,
    /// Its workload crashes over and over because of the rule, which only tells of it from now on.
    FuseBlown,
}

/// What was decided about a container as a whole, to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerRuling {
    /// When.
    pub time: MonotonicNs,
    /// The container.
    pub container: ContainerKey,
    /// Its first process.
    pub process: ProcessKey,
    /// What.
    pub verdict: ContainerVerdict,
    /// By which rule.
    pub rule: DenialRule,
    /// What could not be told or done, in words; empty if nothing.
    pub gap: String,
}
