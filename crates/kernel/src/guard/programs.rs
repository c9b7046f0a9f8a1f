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
    /// What is not prevented without it; empty for programs without which there is no guard.
    pub without: &'static [Behaviour],
    required: bool,
    only_with: Option<&'static str>,
}

impl GuardProgram {
    /// The hooks that the kernel must have for it: its own, and one without which it would say what is not so.
    pub(super) fn hooks(&self) -> impl Iterator<Item = &'static str> {
        [Some(self.hook), self.only_with].into_iter().flatten()
    }

    /// Whether there is no guard without it.
    pub fn is_required(&self) -> bool {
        self.required
    }

    const fn required(name: &'static str, hook: &'static str) -> GuardProgram {
        GuardProgram {
            name,
            hook,
            without: &[],
            required: true,
            only_with: None,
        }
    }

    const fn optional(
        name: &'static str,
        hook: &'static str,
        without: &'static [Behaviour],
    ) -> GuardProgram {
        GuardProgram {
            name,
            hook,
            without,
            required: false,
            only_with: None,
        }
    }

    const fn only_with(mut self, hook: &'static str) -> GuardProgram {
        self.only_with = Some(hook);
        self
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

/// What a file can be made to by a name alone.
const HOST_FILES: &[Behaviour] = &[
    Behaviour::HostJobs,
    Behaviour::HostAccounts,
    Behaviour::HostPreload,
    Behaviour::KubeletFiles,
];

const LSM: &[GuardProgram] = &[
    GuardProgram::required("guard_fork", "tp_btf/sched_process_fork"),
    GuardProgram::required("guard_exec", "tp_btf/sched_process_exec"),
    GuardProgram::required("enforce_integrity", "tp_btf/sys_exit"),
    GuardProgram::required("enforce_exec", "lsm/bprm_check_security"),
    GuardProgram::required("enforce_mmap", "lsm/mmap_file"),
    GuardProgram::required("enforce_mprotect", "lsm/file_mprotect"),
    GuardProgram::required("enforce_open", "lsm/file_open"),
    GuardProgram::required("enforce_transfer", "lsm/file_permission"),
    GuardProgram::required("note_truncated", "lsm/path_truncate"),
    GuardProgram::required("note_file_truncated", "lsm/file_truncate"),
    // What is known of a file that was copied up would be wrong where a change of its content is not met.
    GuardProgram::required("note_copy_up", "lsm/inode_copy_up").only_with("lsm/path_truncate"),
    GuardProgram::optional("enforce_mount", "lsm/sb_mount", &[Behaviour::Mount]),
    GuardProgram::optional("enforce_move_mount", "lsm/move_mount", &[Behaviour::Mount]),
    GuardProgram::optional("enforce_remount", "lsm/sb_remount", &[Behaviour::Mount]),
    GuardProgram::optional(
        "enforce_pivot_root",
        "lsm/sb_pivotroot",
        &[Behaviour::PivotRoot],
    ),
    GuardProgram::optional("enforce_bpf", "lsm/bpf", &[Behaviour::Bpf]),
    GuardProgram::optional(
        "enforce_perf",
        "lsm/perf_event_open",
        &[Behaviour::PerfEvent],
    ),
    GuardProgram::optional(
        "enforce_user_namespace",
        "lsm/userns_create",
        &[Behaviour::NamespaceCreation],
    ),
    GuardProgram::optional("enforce_key_alloc", "lsm/key_alloc", &[Behaviour::Keyring]),
    GuardProgram::optional("enforce_key", "lsm/key_permission", &[Behaviour::Keyring]),
    GuardProgram::optional(
        "enforce_uring_poll",
        "lsm/uring_sqpoll",
        &[Behaviour::IoUring],
    ),
    GuardProgram::optional(
        "enforce_uring_creds",
        "lsm/uring_override_creds",
        &[Behaviour::IoUring],
    ),
    GuardProgram::optional("enforce_node", "lsm/path_mknod", &[Behaviour::DeviceNode]),
    GuardProgram::optional(
        "enforce_inode_node",
        "lsm/inode_mknod",
        &[Behaviour::DeviceNode],
    ),
    GuardProgram::optional(
        "enforce_symlink",
        "lsm/inode_symlink",
        &[Behaviour::PlantedLink],
    ),
    GuardProgram::optional("enforce_link", "lsm/inode_link", HOST_FILES),
    GuardProgram::optional("enforce_rename", "lsm/inode_rename", HOST_FILES),
    GuardProgram::optional(
        "enforce_program_rights",
        "lsm/bprm_creds_from_file",
        &[Behaviour::PrivilegeGain],
    ),
    GuardProgram::optional(
        "enforce_rights",
        "lsm/task_fix_setuid",
        &[Behaviour::PrivilegeGain],
    ),
    GuardProgram::optional(
        "enforce_ptrace",
        "lsm/ptrace_access_check",
        &[Behaviour::ProcessOutside, Behaviour::ProcessMemory],
    ),
    GuardProgram::optional(
        "enforce_read_file",
        "lsm/kernel_read_file",
        &[Behaviour::KernelModule],
    ),
    GuardProgram::optional(
        "enforce_load_data",
        "lsm/kernel_load_data",
        &[Behaviour::KernelModule],
    ),
    GuardProgram::optional(
        "enforce_unix",
        "lsm/unix_stream_connect",
        &[Behaviour::RuntimeSocket],
    ),
    GuardProgram::optional(
        "enforce_anonymous",
        "lsm/inode_init_security_anon",
        &[Behaviour::Userfaultfd],
    ),
    GuardProgram::optional("enforce_right", "lsm/capable", &[Behaviour::NamespaceEntry]),
];

/// What a backend does about a behaviour that a rule denies, where the kernel takes all its programs.
pub fn means_of(backend: GuardBackend, behaviour: Behaviour) -> Stopping {
    match backend {
        GuardBackend::Lsm => lsm_means(behaviour),
        GuardBackend::Signal => signal_means(behaviour),
    }
}

/// What hooks refuse, and what is left to signals beside them.
fn lsm_means(behaviour: Behaviour) -> Stopping {
    use Behaviour as B;
    match behaviour {
        B::Integrity => Stopping::Killed(EnforcementMeans::KillAtCall),
        _ => Stopping::Blocked(EnforcementMeans::BpfLsm),
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
