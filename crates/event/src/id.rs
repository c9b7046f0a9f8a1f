//! Identities that must not be mixed up, each a type of its own.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Nanoseconds of `CLOCK_BOOTTIME`: never goes back, runs on through suspend.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct MonotonicNs(pub u64);

impl MonotonicNs {
    /// The span from `earlier` to `self` in nanoseconds, zero if `earlier` is later.
    pub fn since(self, earlier: MonotonicNs) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Nanoseconds since 1970-01-01T00:00:00Z by the node's clock.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct WallTime(pub i64);

/// A cgroup v2 id: the inode number of its directory.
///
/// Source: `bpf_get_current_cgroup_id()`, bpf-helpers(7).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct CgroupId(pub u64);

/// The kernel side's handle for one container, stable from its first process to its last.
///
/// It is made when the first process of the container is seen and then inherited at fork, so
/// that a process that leaves its cgroup or namespaces still carries it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct ContainerKey(pub u64);

/// A process: its pid in the initial pid namespace **and** its start time, so that it is never
/// confused with a later process that got the same pid.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct ProcessKey {
    /// Thread group id in the initial pid namespace.
    pub pid: u32,
    /// Start of the thread group leader in nanoseconds of `CLOCK_BOOTTIME`.
    pub start_ns: u64,
}

impl fmt::Display for ProcessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.pid, self.start_ns)
    }
}

/// One program in a process: a process that execs twice runs two programs.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct ProgramKey {
    /// Thread group id in the initial pid namespace.
    pub pid: u32,
    /// When the program was exec'd, in nanoseconds of `CLOCK_BOOTTIME`; for a process that was there before the
    /// sensor, its start time.
    pub exec_ns: u64,
}
