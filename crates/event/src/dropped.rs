//! Loss is data: every discard goes through these values.

use serde::{Deserialize, Serialize};

/// Where something was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DropPlace {
    /// The ring of exec-class events.
    ExecRing,
    /// The ring of volume events.
    VolumeRing,
    /// The ring of system calls that come in volume.
    CallRing,
    /// A container's budget of system calls that come in volume.
    ContainerBudget,
    /// A BPF program, before a record could be made.
    Program,
    /// Decoding of a record.
    Decode,
    /// The pipeline's tables and queues.
    Pipeline,
    /// The queue of files to be read.
    Inspector,
    /// The queue of containers to be looked up.
    Runtimes,
    /// The recording.
    Recording,
    /// The output of alerts.
    Output,
    /// The queue of files to be scanned.
    Scanner,
    /// The ring of denials.
    EnforcementRing,
    /// A question of the kernel's whether a file may run.
    Fanotify,
    /// The queue of the thread that enforces.
    Enforcer,
    /// A question of the kernel's whether a system call may be made.
    SeccompAgent,
}

impl DropPlace {
    /// The name in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            DropPlace::ExecRing => "exec_ring",
            DropPlace::VolumeRing => "volume_ring",
            DropPlace::CallRing => "call_ring",
            DropPlace::ContainerBudget => "container_budget",
            DropPlace::Program => "program",
            DropPlace::Decode => "decode",
            DropPlace::Pipeline => "pipeline",
            DropPlace::Inspector => "inspector",
            DropPlace::Scanner => "scanner",
            DropPlace::Runtimes => "runtimes",
            DropPlace::Recording => "recording",
            DropPlace::Output => "output",
            DropPlace::EnforcementRing => "enforcement_ring",
            DropPlace::Fanotify => "fanotify",
            DropPlace::Enforcer => "enforcer",
            DropPlace::SeccompAgent => "seccomp_agent",
        }
    }
}

/// Why it was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DropReason {
    /// No space: the reader was slower than the writer.
    Full,
    /// The per-process storage could not be made.
    NoStorage,
    /// The bytes were not what they claimed to be.
    Malformed,
    /// An entry made room for a newer one.
    Evicted,
    /// An answer did not come in time; the event was judged without it.
    TimedOut,
    /// A process opened more candidate scripts, or a container made more calls in a time, than are looked at.
    Budget,
    /// The other side was gone.
    Closed,
}

impl DropReason {
    /// The name in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            DropReason::Full => "full",
            DropReason::NoStorage => "no_storage",
            DropReason::Malformed => "malformed",
            DropReason::Evicted => "evicted",
            DropReason::TimedOut => "timed_out",
            DropReason::Budget => "budget",
            DropReason::Closed => "closed",
        }
    }
}

/// So many things were lost at one place for one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Drop {
    /// Where.
    pub place: DropPlace,
    /// Why.
    pub reason: DropReason,
    /// How many.
    pub count: u64,
}

/// Sums of drops by place and reason.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LossCounters {
    counts: std::collections::BTreeMap<(DropPlace, DropReason), u64>,
}

impl LossCounters {
    /// Adds a drop.
    pub fn add(&mut self, drop: Drop) {
        if drop.count > 0 {
            let sum = self.counts.entry((drop.place, drop.reason)).or_default();
            *sum = sum.saturating_add(drop.count);
        }
    }

    /// All sums that are not zero, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = Drop> + '_ {
        self.counts.iter().map(|(&(place, reason), &count)| Drop {
            place,
            reason,
            count,
        })
    }

    /// The sum of everything.
    pub fn total(&self) -> u64 {
        self.counts
            .values()
            .fold(0, |sum, count| sum.saturating_add(*count))
    }
}
