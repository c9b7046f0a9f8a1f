//! `vm.memfd_noexec`: the kernel's own setting against programs in memory files, set for one container.
//!
//! The setting belongs to a pid namespace (Linux 6.3 and later). It is written by a child that enters the container's for
//! it. That child is there for some microseconds, as a process of the host's that the container's processes see; it can't be
//! dumped, and holds nothing open but the setting. With the setting, a memory file can't be executed (EACCES) and can't be
//! made executable; asking for one that can fails. Those that were made before run on.

#![expect(
    unsafe_code,
    reason = "entering a namespace and forking have no safe interface"
)]

use rustix::fs::{AtFlags, CWD, Mode, OFlags, StatxFlags, open, openat, statx};
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::thread;

/// The setting's file. Which namespace it speaks of is decided by who reads and writes it.
const SETTING: &str = "/proc/sys/vm/memfd_noexec";
/// Inode number of the first pid namespace. Source: `include/linux/proc_ns.h` PROC_PID_INIT_INO, since Linux 3.8.
const FIRST_NAMESPACE: u64 = 0xefff_fffc;
/// Lowest exit code of the child that says which step failed; below are values of the setting.
const FAILED_FIRST: i32 = 16;

/// What a pid namespace allows of memory files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum MemfdExec {
    /// They can be executed: the kernel's default.
    Allowed = 0,
    /// They can't, unless asked for as executable.
    OnDemand = 1,
    /// They can't.
    Denied = 2,
}

impl MemfdExec {
    const ALL: [MemfdExec; 3] = [MemfdExec::Allowed, MemfdExec::OnDemand, MemfdExec::Denied];

    fn from_number(number: i32) -> Option<MemfdExec> {
        MemfdExec::ALL
            .into_iter()
            .find(|level| i32::from(*level as u8) == number)
    }
}

/// What was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemfdChange {
    /// Inode number of the pid namespace. Containers of a pod may share one: the setting is then that of all of them.
    pub pid_namespace: u32,
    /// What was set before; to be given to [`restore_memfd_exec`].
    pub before: MemfdExec,
    /// What is set now, as read back.
    pub now: MemfdExec,
}

/// Why the setting could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum MemfdError {
    /// The kernel has no such setting (before Linux 6.3).
    #[error("kernel has no {SETTING} (Linux 6.3 and later)")]
    Unsupported(#[source] io::Error),
    /// The process's pid namespace could not be looked up: it may have ended.
    #[error("pid namespace of process {pid} cannot be looked up")]
    Lookup {
        /// The process.
        pid: u32,
        /// What the kernel said.
        source: Errno,
    },
    /// The process is in the host's pid namespace, whose setting is not touched.
    #[error("process {pid} is in the host's pid namespace")]
    HostNamespace {
        /// The process.
        pid: u32,
    },
    /// The pid namespace could not be entered.
    #[error("pid namespace of process {pid} cannot be entered")]
    Enter {
        /// The process.
        pid: u32,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel refused the value. Before Linux 6.6 it can't be lowered again, and never below that of the namespace above.
    #[error("kernel refused {SETTING}={value}")]
    Refused {
        /// The value.
        value: u8,
    },
    /// What was read back is no value of the setting.
    #[error("{SETTING} could not be read back")]
    Unreadable,
    /// The child ended by something else.
    #[error("child that writes {SETTING} ended with status {status}")]
    Child {
        /// Its status, as in wait(2).
        status: i32,
    },
}

/// Keeps a container's processes from making memory files that could be executed.
///
/// `pid` is a process of the container's. The setting ends with the container.
///
/// # Errors
/// [`MemfdError`]; the setting is then what it was, but for `Unreadable` and `Child`. Containers with the host's pid
/// namespace are refused.
pub fn deny_memfd_exec(pid: u32) -> Result<MemfdChange, MemfdError> {
    change(pid, MemfdExec::Denied)
}

/// Gives the setting the value that it had before.
///
/// # Errors
/// As [`deny_memfd_exec`]; `Refused` where the kernel does not lower the value again.
pub fn restore_memfd_exec(pid: u32, before: MemfdExec) -> Result<MemfdChange, MemfdError> {
    change(pid, before)
}

/// Whether the kernel has the setting.
///
/// # Errors
/// [`MemfdError::Unsupported`] if it has not, or it may not be written.
pub fn probe_memfd_exec() -> Result<(), MemfdError> {
    open_setting().map(drop)
}

fn open_setting() -> Result<OwnedFd, MemfdError> {
    open(SETTING, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
        .map_err(|error| MemfdError::Unsupported(error.into()))
}

fn change(pid: u32, level: MemfdExec) -> Result<MemfdChange, MemfdError> {
    let setting = open_setting()?;
    let lookup = |source| MemfdError::Lookup { pid, source };
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let process = open(format!("/proc/{pid}"), flags, Mode::empty()).map_err(lookup)?;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let namespace = openat(&process, "ns/pid", flags, Mode::empty()).map_err(lookup)?;
    let found = statx(&namespace, "", AtFlags::EMPTY_PATH, StatxFlags::INO).map_err(lookup)?;
    let own = statx(CWD, "/proc/self/ns/pid", AtFlags::empty(), StatxFlags::INO).map_err(lookup)?;
    if [FIRST_NAMESPACE, own.stx_ino].contains(&found.stx_ino) {
        return Err(MemfdError::HostNamespace { pid });
    }
    // Entering changes what the thread's children begin in: a thread of its own, so that no other child of this process does.
    let status = thread::scope(|scope| {
        let written = scope.spawn(|| write_inside(&namespace, &setting, level));
        // The thread does not panic.
        written
            .join()
            .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::Other)))
    })
    .map_err(|source| MemfdError::Enter { pid, source })?;
    let (before, now) = understand(status, level)?;
    Ok(MemfdChange {
        // The kernel numbers namespaces in 32 bits (`ns_common.inum`).
        pid_namespace: u32::try_from(found.stx_ino).unwrap_or_default(),
        before,
        now,
    })
}

/// Makes of the child's status what it read before and after.
fn understand(status: i32, level: MemfdExec) -> Result<(MemfdExec, MemfdExec), MemfdError> {
    if !libc::WIFEXITED(status) {
        return Err(MemfdError::Child { status });
    }
    let code = libc::WEXITSTATUS(status);
    if code == FAILED_FIRST + Step::Write as i32 {
        return Err(MemfdError::Refused { value: level as u8 });
    }
    if code >= FAILED_FIRST {
        return Err(MemfdError::Unreadable);
    }
    let read = |number| MemfdExec::from_number(number).ok_or(MemfdError::Unreadable);
    Ok((read(code / 4)?, read(code % 4)?))
}

/// What the child failed at.
#[derive(Clone, Copy)]
enum Step {
    Read = 0,
    Write = 1,
}

/// Has a child in the namespace write the setting; returns its status.
fn write_inside(namespace: &OwnedFd, setting: &OwnedFd, level: MemfdExec) -> io::Result<i32> {
    // SAFETY: takes two numbers. Changes only what this thread's children begin in, and the thread ends with this function.
    if unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWPID) } < 0 {
        return Err(io::Error::last_os_error());
    }
    let setting = setting.as_raw_fd();
    // SAFETY: the child calls nothing but `write_setting` and `_exit`, which call nothing but system calls and touch no
    // memory but their own stack: what other threads of this process held when it was copied does not matter.
    let child = unsafe { libc::fork() };
    match child {
        0 => {
            let code = write_setting(setting, level as u8);
            // SAFETY: ends the child at once, without running what this process has registered for its end.
            unsafe { libc::_exit(code) }
        }
        1.. => wait(child),
        _ => Err(io::Error::last_os_error()),
    }
}

fn wait(child: libc::pid_t) -> io::Result<i32> {
    let mut status = 0;
    loop {
        // SAFETY: the status is a local variable that outlives the call.
        if unsafe { libc::waitpid(child, &raw mut status, 0) } == child {
            return Ok(status);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Runs in the child: system calls only, no allocation, no lock. Returns the values before and after as one code, or
/// which step failed.
fn write_setting(setting: i32, value: u8) -> i32 {
    // SAFETY: takes numbers. Who traces this process needs the rights for it in any case; a core dump is not made.
    unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) };
    keep_only(setting);
    let Some(before) = read_setting(setting) else {
        return FAILED_FIRST + Step::Read as i32;
    };
    let digit = [b'0' + value];
    // SAFETY: the byte is a local variable that outlives the call.
    let written = unsafe { libc::pwrite(setting, digit.as_ptr().cast(), 1, 0) };
    if written != 1 && before != i32::from(value) {
        return FAILED_FIRST + Step::Write as i32;
    }
    match read_setting(setting) {
        Some(now) => before * 4 + now,
        None => FAILED_FIRST + Step::Read as i32,
    }
}

/// Closes the child's copies of every other descriptor.
fn keep_only(kept: i32) {
    let kept = kept.cast_unsigned();
    for (first, last) in [(0, kept.saturating_sub(1)), (kept + 1, u32::MAX)] {
        // SAFETY: takes numbers; nothing of the child uses what it closes. It can only fail on kernels that are too old
        // for the setting.
        unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    }
}

/// Reads the setting, a digit from 0 to 3.
fn read_setting(setting: i32) -> Option<i32> {
    let mut digit = [0u8];
    // SAFETY: the byte is a local variable that outlives the call.
    let count = unsafe { libc::pread(setting, digit.as_mut_ptr().cast(), 1, 0) };
    let [digit] = digit;
    (count == 1 && (b'0'..=b'3').contains(&digit)).then(|| i32::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exited(code: i32) -> i32 {
        code << 8
    }

    #[test]
    fn the_child_s_status_is_understood() {
        let level = MemfdExec::Denied;
        let understood = understand(exited(2), level).unwrap();
        assert_eq!(understood, (MemfdExec::Allowed, MemfdExec::Denied));
        let understood = understand(exited(9), level).unwrap();
        assert_eq!(understood, (MemfdExec::Denied, MemfdExec::OnDemand));
        let refused = understand(exited(17), level);
        assert!(matches!(refused, Err(MemfdError::Refused { value: 2 })));
        for code in [3, 12, 16, 18, 255] {
            let unreadable = understand(exited(code), level);
            assert!(matches!(unreadable, Err(MemfdError::Unreadable)), "{code}");
        }
        let killed = understand(libc::SIGKILL, level);
        assert!(matches!(killed, Err(MemfdError::Child { status: 9 })));
    }
}
