//! What the kernel side reports, decoded.

use crate::{
    CallEvent, CgroupId, ContainerKey, Credentials, DenialEvent, Drop, FileFacts, MonotonicNs,
    ProcessKey, ProgramKey, Stream, Text,
};
use serde::{Deserialize, Serialize};

/// One record of the kernel side. All belong to a process of a container; processes outside never leave the kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum KernelEvent {
    /// A program began, or was already running when the sensor started.
    Exec(Box<ExecEvent>),
    /// A file that may not be the image's was mapped executable.
    Map(Box<MapEvent>),
    /// An interpreter opened a file that may not be the image's.
    Script(Box<ScriptEvent>),
    /// A process changed its user, groups or capabilities.
    Credentials(CredentialsEvent),
    /// A process changed its namespaces or root directory.
    Namespaces(NamespacesEvent),
    /// A system call ended.
    Call(Box<CallEvent>),
    /// A process ended.
    Exit(ExitEvent),
    /// The kernel side lost something since the last such event.
    Loss(LossEvent),
    /// A file that had been opened for writing was closed.
    Written(Box<WrittenEvent>),
    /// A process was kept from something.
    Denied(Box<DenialEvent>),
}

impl KernelEvent {
    /// When it happened.
    pub fn time(&self) -> MonotonicNs {
        match self {
            KernelEvent::Exec(event) => event.base.time,
            KernelEvent::Map(event) => event.base.time,
            KernelEvent::Script(event) => event.base.time,
            KernelEvent::Credentials(event) => event.base.time,
            KernelEvent::Namespaces(event) => event.base.time,
            KernelEvent::Call(event) => event.base.time,
            KernelEvent::Exit(event) => event.base.time,
            KernelEvent::Loss(event) => event.time,
            KernelEvent::Written(event) => event.base.time,
            KernelEvent::Denied(event) => event.base.time,
        }
    }
}

/// Yes/no facts about a process at the time of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct BaseFlags(pub u32);

impl BaseFlags {
    /// The process was running before the sensor looked; time is its start.
    pub const EXISTING: u32 = 1 << 0;
    /// The container runtime's own stage: a process on its way into the container that still has the host's root.
    pub const RUNTIME_STAGE: u32 = 1 << 1;
    /// The process's root directory is not the root of its mount namespace (chroot).
    pub const CHROOT: u32 = 1 << 2;
    /// The process has run in the container and now has the host's root file system.
    pub const HOST_ROOT: u32 = 1 << 3;
    /// The process is pid 1 of its pid namespace.
    pub const INIT: u32 = 1 << 4;
    /// The process came into the container from outside rather than by fork from a process of it.
    pub const ENTERED: u32 = 1 << 5;
    /// The program is an interpreter by the kernel side's list.
    pub const INTERPRETER: u32 = 1 << 6;
    /// At the end of a process: its executable had no name any more.
    pub const EXE_DELETED: u32 = 1 << 7;

    /// Whether all bits of `flag` are set.
    pub fn has(self, flag: u32) -> bool {
        self.0 & flag == flag
    }
}

/// What every event carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Base {
    /// When.
    pub time: MonotonicNs,
    /// The container's handle.
    pub container: ContainerKey,
    /// The cgroup that the process is in now.
    pub cgroup: CgroupId,
    /// The process.
    pub process: ProcessKey,
    /// The program that runs in it; for an exec, the new one.
    pub program: ProgramKey,
    /// Yes/no facts.
    pub flags: BaseFlags,
}

/// The root directory of a mount namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct RootId {
    /// Device number of its superblock.
    pub dev: u32,
    /// Inode number.
    pub ino: u64,
    /// Superblock magic number.
    pub magic: u32,
}

/// Who last opened a file for writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Writer {
    /// The program that opened it.
    pub program: ProgramKey,
    /// When.
    pub time: MonotonicNs,
}

/// A program began.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ExecEvent {
    /// Common facts.
    pub base: Base,
    /// Process that forked this one and still is its parent; after the parent's end, whoever adopted it.
    pub parent: ProcessKey,
    /// The program that this one was started from: what the same process ran before, or, for the first exec of a
    /// process, what its nearest ancestor with a program of its own ran. Zero at the container's border.
    pub started_from: ProgramKey,
    /// Pid in the innermost pid namespace.
    pub inner_pid: u32,
    /// Who it runs as.
    pub credentials: Credentials,
    /// Inode number of the mount namespace.
    pub mount_namespace: u32,
    /// Inode number of the pid namespace.
    pub pid_namespace: u32,
    /// Inode number of the user namespace.
    pub user_namespace: u32,
    /// Session id in the initial pid namespace.
    pub session: u32,
    /// Process group id in the initial pid namespace.
    pub process_group: u32,
    /// Device number of the controlling terminal, zero without one.
    pub tty: u32,
    /// Name of the process (`comm`), at most 15 bytes: what the kernel made of `filename`.
    pub name: Text,
    /// Standard input, output and error.
    pub streams: [Stream; 3],
    /// Environment: `NAME`, or `NAME=value` for the variables whose value can change what a program runs
    /// (`LD_PRELOAD` and the like). Other values never leave the decoder.
    pub environment: Vec<Text>,
    /// Whether variables are missing.
    pub environment_truncated: bool,
    /// Root of its mount namespace.
    pub root: RootId,
    /// The executable that the kernel mapped: for a script, its interpreter.
    pub file: FileFacts,
    /// The path that was given to execve.
    pub filename: Text,
    /// The path of the executable as resolved through `#!` lines; equals `filename` unless a script was executed.
    pub interpreter: Text,
    /// Arguments, cut at the record's bound.
    pub argv: Vec<Text>,
    /// Whether arguments are missing.
    pub argv_truncated: bool,
    /// Working directory.
    pub cwd: Text,
    /// Standard input, where that is a regular file that may not be the image's and the program an interpreter.
    pub stdin: Option<FileFacts>,
}

/// A file was mapped executable.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MapEvent {
    /// Common facts.
    pub base: Base,
    /// Root of the mount namespace.
    pub root: RootId,
    /// The mapped file.
    pub file: FileFacts,
}

/// An interpreter opened a file for reading.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ScriptEvent {
    /// Common facts.
    pub base: Base,
    /// Root of the mount namespace.
    pub root: RootId,
    /// The opened file.
    pub file: FileFacts,
}

/// A process closed a file that it had opened for writing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WrittenEvent {
    /// Common facts of the process that closed it. Its end may be told before. What the kernel closed in its stead (left in a
    /// message or with io_uring when its holder died) has the start time zero and the cgroup zero, and the program that last
    /// opened the file for writing, if that is known.
    pub base: Base,
    /// Root of the mount namespace.
    pub root: RootId,
    /// The file as it was when it was closed for the last time. It is flagged as being written if others than the closed one
    /// still have it open for writing.
    pub file: FileFacts,
}

/// A process changed its credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CredentialsEvent {
    /// Common facts.
    pub base: Base,
    /// What they are now.
    pub credentials: Credentials,
}

/// A process changed its namespaces or its root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NamespacesEvent {
    /// Common facts.
    pub base: Base,
    /// Inode number of the mount namespace.
    pub mount_namespace: u32,
    /// Inode number of the pid namespace for children.
    pub pid_namespace: u32,
    /// Inode number of the user namespace.
    pub user_namespace: u32,
    /// Root of its mount namespace.
    pub root: RootId,
}

/// A process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ExitEvent {
    /// Common facts.
    pub base: Base,
    /// Status as in wait(2).
    pub status: i32,
}

/// The kernel side lost something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossEvent {
    /// When it was noticed.
    pub time: MonotonicNs,
    /// What was lost.
    pub dropped: Drop,
}
