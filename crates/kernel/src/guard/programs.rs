//! The guard's programs, and what each backend does about each behaviour.

use crate::guard::GuardBackend;
use yagura_event::{Behaviour, EnforcementMeans};

/// A program of the guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuardProgram {
    /// Its function in `bpf/programs/guard/`.
    pub name: &'static str,
    /// Where it attaches.
    pub hook: &'static str,
    /// What is not prevented without it.
    pub without: &'static [Behaviour],
    /// What else is not, as one line for people; empty if nothing.
    pub without_else: &'static str,
    required: bool,
}

impl GuardProgram {
    /// Whether there is no guard without it.
    pub fn is_required(&self) -> bool {
        self.required
    }

    const fn required(name: &'static str, hook: &'static str) -> GuardProgram {
        GuardProgram {
            name,
            hook,
            without: &[],
            without_else: "anything",
            required: true,
        }
    }
}

/// What a backend does about something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stopping {
    /// It is refused before it takes effect.
    Blocked(EnforcementMeans),
    /// The process is ended before it can use what it has got.
    Killed(EnforcementMeans),
    /// The process is ended, but what the call itself does is done.
    KilledAfterEffect(EnforcementMeans),
    /// Nothing: why, as one line for people.
    NotStopped(&'static str),
}

/// Every program of a backend but those that are run once, in the order in which they are attached: first what inherits,
/// then what begins.
pub fn programs_of(backend: GuardBackend) -> &'static [GuardProgram] {
    match backend {
        GuardBackend::Signal => SIGNAL,
        GuardBackend::Lsm => LSM,
    }
}

const SIGNAL: &[GuardProgram] = &[
    GuardProgram::required("guard_fork", "tp_btf/sched_process_fork"),
    GuardProgram::required("guard_exec", "tp_btf/sched_process_exec"),
    GuardProgram::required("guard_call", "tp_btf/sys_exit"),
];

const LSM: &[GuardProgram] = &[];

/// What a backend does about a behaviour that a rule denies, where the kernel takes all its programs.
pub fn means_of(backend: GuardBackend, behaviour: Behaviour) -> Stopping {
    match backend {
        GuardBackend::Lsm => Stopping::Blocked(EnforcementMeans::BpfLsm),
        GuardBackend::Signal => signal_means(behaviour),
    }
}

/// What a signal at the end of a call can and cannot do.
fn signal_means(behaviour: Behaviour) -> Stopping {
    use Behaviour as B;
    let at_call = EnforcementMeans::KillAtCall;
    match behaviour {
        // At the exec, before the program's first instruction.
        B::RuntimeTools | B::PrivilegeGain | B::LeakedDescriptor => {
            Stopping::Killed(EnforcementMeans::KillAtExec)
        }
        // The call only hands out what it could be done with.
        B::NamespaceEntry
        | B::NamespaceCreation
        | B::ProcessOutside
        | B::Integrity
        | B::CorePattern
        | B::ModprobePath
        | B::UeventHelper
        | B::BinfmtMisc
        | B::ReleaseAgent
        | B::Sysrq
        | B::KernelSettings
        | B::BlockDevice
        | B::KernelMemory
        | B::RuntimeSocket
        | B::HostJobs
        | B::HostAccounts
        | B::HostPreload
        | B::KubeletFiles
        | B::RuntimeBinary
        | B::FileHandle
        | B::HostRoot
        | B::CgroupExit
        | B::FilesystemContext
        | B::Bpf
        | B::PerfEvent
        | B::Userfaultfd
        | B::IoUring
        | B::PortAccess => Stopping::Killed(at_call),
        // It does it itself.
        B::DeviceNode
        | B::Mount
        | B::PivotRoot
        | B::KernelModule
        | B::Kexec
        | B::Keyring
        | B::ProcessMemory
        | B::SpliceReadOnly => Stopping::KilledAfterEffect(at_call),
        B::PlantedLink => {
            Stopping::NotStopped("where a link is made can't be told when the call has ended")
        }
    }
}
