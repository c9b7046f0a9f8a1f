//! Seccomp notification: system calls of containers wait for an answer from here.
//!
//! A runtime that starts a container whose seccomp profile says `SCMP_ACT_NOTIFY` for some calls hands the listener for
//! them to the socket in the profile's `listenerPath`. [`SeccompAgent`] is behind that socket.
//!
//! An answer rests on the number of a call and on what its registers hold, never on memory that they point to: another
//! thread could change that between the answer and the kernel's own look at it. For the same reason "continue" means no
//! more than "not refused": seccomp_unotify(2) on `SECCOMP_USER_NOTIF_FLAG_CONTINUE`. So [`SeccompQuestion`] has no way
//! to that memory.
//!
//! When the agent ends, in whatever way, the kernel fails the calls of all containers that it answered for with ENOSYS.
//! That is on purpose: a container that was asked about stays without those calls, instead of being free to make them.

mod agent;
mod calls;
mod listener;
mod state;

pub use agent::{AgentConfig, AgentCounts, AgentError, Fallback, SeccompAgent};
pub use calls::{NAMESPACE_FLAGS, SeccompCall};
pub use state::SeccompContainer;

use listener::Listener;
use std::sync::Arc;
use yagura_event::Behaviour;

/// What the agent is asked on a connection by whoever only wants to know whether it is there.
pub const AGENT_PING: &[u8] = b"ping\n";
/// What it answers to that.
pub const AGENT_PONG: &[u8] = b"yagura seccomp agent 1\n";

/// A system call that waits for an answer.
#[derive(Debug)]
pub struct SeccompQuestion {
    /// The container, as its runtime told.
    pub container: Arc<SeccompContainer>,
    /// The calling thread, in the pid namespace of this process.
    pub pid: u32,
    /// The kernel's name for the convention by which the call was made (`AUDIT_ARCH_X86_64` and so on).
    pub arch: u32,
    /// The call's number in that convention.
    pub number: u32,
    /// Its arguments as the registers held them.
    pub arguments: [u64; 6],
    listener: Arc<Listener>,
    id: u64,
}

/// The answer to a [`SeccompQuestion`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SeccompAnswer {
    /// The kernel carries the call out, with all its own checks.
    Continue,
    /// The call fails with this error number, a positive one such as 1 for EPERM.
    Errno(u16),
}

impl SeccompAnswer {
    /// "Not permitted": the call fails with EPERM.
    pub const REFUSED: SeccompAnswer = SeccompAnswer::Errno(1);
}

impl SeccompQuestion {
    /// Which call it is; `None` for one that the wrapper never asks to be notified of.
    pub fn call(&self) -> Option<SeccompCall> {
        SeccompCall::of(self.arch, self.number)
    }

    /// The behaviour that the call amounts to by its number and registers, if they make it more than ordinary.
    ///
    /// [`Behaviour::ProcessOutside`] stands for tracing whatever process; [`SeccompQuestion::target_pid`] names it.
    pub fn behaviour(&self) -> Option<Behaviour> {
        self.call()?.behaviour(&self.arguments)
    }

    /// The process that is to be traced or written to, in the pid namespace of the caller.
    pub fn target_pid(&self) -> Option<u32> {
        let argument = self.call()?.target_argument()?;
        u32::try_from(*self.arguments.get(argument)?).ok()
    }

    /// Whether the call still waits. What was read about [`SeccompQuestion::pid`] elsewhere is about this caller only if
    /// this holds afterwards: its number may have gone to another process meanwhile.
    pub fn is_waiting(&self) -> bool {
        self.listener.is_waiting(self.id)
    }
}
