//! Linux: loads the BPF programs, reads their rings, decodes their records, and probes what this kernel allows.
//!
//! Does: everything that needs a kernel interface of its own. All `unsafe` of the product is here.
//! Never: decides what an event means, asks a container runtime, or prints.
//!
//! Start at [`Observer::start`]; [`decode()`] turns a record into an event; [`probe()`] serves `yagura doctor`.

mod calls;
mod cgroup;
mod cursor;
pub mod decode;
mod fanotify;
mod guard;
mod losses;
mod mounts;
mod observer;
mod probe;
mod programs;
mod records;
mod seccomp;
mod written;

pub use calls::{CallBudget, CallFilter, OpenClasses, TellError};
pub use cgroup::{
    CgroupError, CgroupGuard, CgroupInstalled, CgroupShortfall, NetworkKind, cut_network,
    cut_networks, is_cut, probe_cgroup, refused_packets, rejoin_network, remove_cgroup_pins,
};
pub use decode::{DecodeError, decode};
pub use fanotify::{
    Answer, ExecGate, ExecQuestion, GateError, GateOptions, LeftOut, LeftOutReason, MarkError,
    Marked, NamespaceError, probe_exec_gate,
};
pub use guard::{
    Guard, GuardBackend, GuardError, GuardProgram, GuardRing, Guarded, KernelQuestion, PinnedGuard,
    RowJudge, Stopping, loaded_guard_programs, means_of, programs_of,
};
pub use mounts::{MountError, ensure_bpffs, ensure_tracefs};
pub use observer::{ObserveError, Observer, Reader, StartError, wall_minus_boot_ns};
pub use probe::{Capability, Means, probe};
pub use programs::{INTERPRETERS, PROGRAMS, Program};
pub use seccomp::{
    AGENT_PING, AGENT_PONG, AgentConfig, AgentCounts, AgentError, Fallback, NAMESPACE_FLAGS,
    SeccompAgent, SeccompAnswer, SeccompCall, SeccompContainer, SeccompQuestion,
};
pub use written::{ClosesSeen, WrittenError};
