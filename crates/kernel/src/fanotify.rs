//! fanotify: the kernel asks before it executes a file of a container, and the file does not run if the answer is no.
//!
//! The one means without BPF LSM that refuses a program before any of it runs. What it does not see:
//! * file systems that are mounted after [`ExecGate::mark`], until it is called again; for a process that made itself a
//!   mount namespace, with the pid of that process. The container's root (if it is an overlay) and its own tmpfs are marked
//!   whole and need that not: they are seen through every mount and namespace. Volumes of the host are seen through the
//!   container's mounts only, since the host's programs would be asked about otherwise;
//! * memory files (memfd), which stand on a mount of the kernel's own;
//! * FUSE and what is mounted below it: whoever serves it could keep the sensor waiting;
//! * libraries, and scripts that an interpreter opens by itself: only execve and the loaders it starts are asked about;
//! * processes in the host's mount namespace: they are let through without being looked at.
//!
//! Nobody waits for ever. Every question has a deadline, kept by a thread that does nothing else; a question that the
//! sensor fails to answer by then is answered as [`GateOptions::unanswered`] says and counted. When the gate is dropped, or
//! its process dies in whatever way, the kernel lets everyone go on who waits.

mod group;
mod marks;
mod mountinfo;
mod namespace;
mod question;
mod watch;

use group::{Change, Group, Scope};
use namespace::MountNamespace;
use question::{Asking, Shared};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};
use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;
use yagura_event::{Drop as Lost, FileFacts};

pub use marks::{LeftOut, LeftOutReason, MarkError, Marked};
pub use namespace::NamespaceError;

/// What the process that asks is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The file may run.
    Allow,
    /// The file does not run: "operation not permitted".
    Deny,
}

/// A process is about to execute a file, as a program, an interpreter or a loader, and waits.
///
/// Meanwhile the process holds the lock of its own credentials: who traces it or writes its attributes waits for the answer.
#[derive(Debug)]
pub struct ExecQuestion<'a> {
    /// The process; zero if this pid namespace does not see it.
    pub pid: u32,
    /// The very file, open for reading. What is behind it can't be changed any more by renaming.
    pub file: BorrowedFd<'a>,
    /// What the kernel says of the file. The generation is not known here, and of the flags only those for overlays and
    /// deleted files; the device number of an overlay over several file systems may be a layer's.
    pub facts: FileFacts,
}

/// How the gate waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateOptions {
    /// Longest time for which a program's start may be held up; [`GateOptions::DEADLINE_MIN`] at least.
    pub deadline: Duration,
    /// What is said if no answer is found in that time.
    pub unanswered: Answer,
}

impl GateOptions {
    /// The shortest deadline: below, a busy machine would answer instead of the sensor.
    pub const DEADLINE_MIN: Duration = Duration::from_millis(20);
}

impl Default for GateOptions {
    /// Half a second, then the file may run: a sensor that hangs must not stop a container.
    fn default() -> GateOptions {
        GateOptions {
            deadline: Duration::from_millis(500),
            unanswered: Answer::Allow,
        }
    }
}

/// Why there is no gate.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// The kernel makes no group that may answer.
    #[error("fanotify cannot be used")]
    Group(#[source] io::Error),
    /// The kernel does not ask before it executes (before Linux 5.0, or built without).
    #[error("kernel does not ask before it executes a file")]
    Asks(#[source] io::Error),
    /// The host's mount namespace is unknown.
    #[error("host's mount namespace cannot be looked up")]
    Host(#[source] rustix::io::Errno),
    /// A thread could not be started.
    #[error("thread for answers cannot be started")]
    Thread(#[source] io::Error),
}

/// Holds up every file that containers execute until a callback has said whether it may run.
///
/// Questions of this process and of processes outside containers are answered by the gate itself, so that the sensor can't
/// wait for itself.
#[derive(Debug)]
pub struct ExecGate {
    shared: Arc<Shared>,
}

impl ExecGate {
    /// Begins to answer; nothing is asked before [`ExecGate::mark`].
    ///
    /// `decide` is called on several threads at once. It may read the file, but must not wait for the process that asks. If
    /// it panics, the question counts as unanswered.
    ///
    /// # Errors
    /// [`GateError`] if the kernel or the rights do not allow it; nothing stays.
    pub fn start(
        options: GateOptions,
        decide: impl Fn(&ExecQuestion<'_>) -> Answer + Send + Sync + 'static,
    ) -> Result<ExecGate, GateError> {
        let group = Group::new().map_err(GateError::Group)?;
        let host = MountNamespace::of_host().map_err(GateError::Host)?;
        let options = GateOptions {
            deadline: options.deadline.max(GateOptions::DEADLINE_MIN),
            ..options
        };
        let shared =
            Shared::new(group, host, options, Box::new(decide)).map_err(GateError::Thread)?;
        // From here the gate's end stops the threads that have begun.
        let gate = ExecGate {
            shared: Arc::new(shared),
        };
        watch::start(&gate.shared).map_err(GateError::Thread)?;
        Ok(gate)
    }

    /// Has the kernel ask about everything that runs from the mounts that a process sees, which must not be in the host's
    /// mount namespace. Called again, it finds the mounts that have been added since.
    ///
    /// # Errors
    /// [`MarkError`] if nothing could be marked. Single mounts that could not are told in the result.
    pub fn mark(&self, pid: u32) -> Result<Marked, MarkError> {
        marks::change(&self.shared.group, Change::Add, pid)
    }

    /// Stops asking about the mounts that a process sees. When a container ends, the kernel does so by itself.
    ///
    /// # Errors
    /// As [`ExecGate::mark`].
    pub fn unmark(&self, pid: u32) -> Result<Marked, MarkError> {
        marks::change(&self.shared.group, Change::Remove, pid)
    }

    /// Takes the counts of questions that were not answered properly since the last call: `TimedOut` by the deadline,
    /// `Closed` where the callback panicked or the file could not be looked at, `Full` where the kernel had no descriptor left
    /// to ask with (and denied).
    pub fn take_losses(&self) -> Vec<Lost> {
        self.shared.losses.take()
    }
}

impl Drop for ExecGate {
    fn drop(&mut self) {
        self.shared.close();
    }
}

/// Tries whether this kernel asks before it executes a file, on an empty file system that nobody else sees.
///
/// # Errors
/// [`GateError::Group`] or [`GateError::Asks`]: why not.
pub fn probe_exec_gate() -> Result<(), GateError> {
    let group = Group::new().map_err(GateError::Group)?;
    let place = own_file_system().map_err(|error| GateError::Asks(error.into()))?;
    let path = CString::new(format!("/proc/self/fd/{}", place.as_raw_fd()))
        .map_err(|error| GateError::Asks(error.into()))?;
    group
        .mark(Change::Add, Scope::FileSystem, &path)
        .map_err(GateError::Asks)
}

/// Makes a tmpfs that is mounted nowhere.
fn own_file_system() -> Result<OwnedFd, rustix::io::Errno> {
    let context = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_create(&context)?;
    fsmount(
        &context,
        FsMountFlags::FSMOUNT_CLOEXEC,
        MountAttrFlags::empty(),
    )
}

/// What decides.
type Decide = Box<dyn Fn(&ExecQuestion<'_>) -> Answer + Send + Sync>;

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("group", &self.group)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// How many questions and threads there are.
#[derive(Debug, Default)]
struct Ledger {
    /// By number, which grows with time: the first is the next to be due.
    asking: std::collections::BTreeMap<u64, Asking>,
    asked_total: u64,
    /// Threads that answer.
    working: usize,
    /// Threads whose question was answered in their stead and that have not come back.
    stuck: usize,
}
