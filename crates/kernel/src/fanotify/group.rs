//! The kernel's side of the questions: one fanotify group, its marks, its events and answers.

#![expect(unsafe_code, reason = "fanotify has no safe interface")]

use super::Answer;
use rustix::io::Errno;
use std::ffi::CStr;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

/// Bytes of `struct fanotify_event_metadata`. A buffer of this size takes one event: threads that read share the work,
/// and none holds questions that it has not come to yet.
const EVENT_BYTES: usize = size_of::<libc::fanotify_event_metadata>();

/// What a mark covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// A whole file system, whatever it is mounted as and wherever.
    FileSystem,
    /// One mount; a copy of it in another mount namespace is another mount.
    Mount,
}

impl Scope {
    fn flag(self) -> libc::c_uint {
        match self {
            Scope::FileSystem => libc::FAN_MARK_FILESYSTEM,
            Scope::Mount => libc::FAN_MARK_MOUNT,
        }
    }
}

/// What is done with a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Add,
    Remove,
}

impl Change {
    fn flag(self) -> libc::c_uint {
        match self {
            Change::Add => libc::FAN_MARK_ADD,
            Change::Remove => libc::FAN_MARK_REMOVE,
        }
    }
}

/// A process waits for an answer.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) pid: u32,
    /// The file that is to be executed. The kernel knows the question by its number: it stays open until the answer.
    pub(super) file: OwnedFd,
}

/// A fanotify group. When its last descriptor is closed, also by the end of the process, the kernel lets everyone go on
/// who waits for an answer.
#[derive(Debug)]
pub(super) struct Group {
    descriptor: OwnedFd,
}

impl Group {
    /// Makes a group without marks. Its queue is unlimited: what overflowed would be allowed unasked, and no process can
    /// have more than one question waiting for each of its threads.
    pub(super) fn new() -> io::Result<Group> {
        let flags = libc::FAN_CLASS_CONTENT
            | libc::FAN_CLOEXEC
            | libc::FAN_NONBLOCK
            | libc::FAN_UNLIMITED_QUEUE
            | libc::FAN_UNLIMITED_MARKS;
        let opened = libc::O_RDONLY | libc::O_CLOEXEC | libc::O_LARGEFILE;
        // SAFETY: takes two numbers and no memory.
        let descriptor = unsafe { libc::fanotify_init(flags, opened.cast_unsigned()) };
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made this descriptor, and nobody else knows it.
        let descriptor = unsafe { OwnedFd::from_raw_fd(descriptor) };
        Ok(Group { descriptor })
    }

    /// Marks what `path` leads to, or takes its mark away.
    pub(super) fn mark(&self, change: Change, scope: Scope, path: &CStr) -> io::Result<()> {
        let flags = change.flag() | scope.flag();
        // SAFETY: the path is a terminated string that outlives the call, which only reads it.
        let result = unsafe {
            libc::fanotify_mark(
                self.descriptor.as_raw_fd(),
                flags,
                libc::FAN_OPEN_EXEC_PERM,
                libc::AT_FDCWD,
                path.as_ptr(),
            )
        };
        if result < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    /// Takes all marks away: nobody is asked about any more.
    pub(super) fn flush(&self) {
        for scope in [Scope::FileSystem, Scope::Mount] {
            let flags = libc::FAN_MARK_FLUSH | scope.flag();
            // SAFETY: flushing takes no path; the kernel reads no memory. It fails only for a descriptor that is no group.
            let _ = unsafe {
                libc::fanotify_mark(
                    self.descriptor.as_raw_fd(),
                    flags,
                    0,
                    libc::AT_FDCWD,
                    std::ptr::null(),
                )
            };
        }
    }

    /// Takes the next question, if there is one.
    pub(super) fn next(&self) -> io::Result<Option<Asked>> {
        let mut bytes = [0; EVENT_BYTES];
        let count = match rustix::io::read(&self.descriptor, &mut bytes) {
            Ok(count) => count,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let Some((descriptor, pid)) = parse(bytes.get(..count).unwrap_or_default()) else {
            return Ok(None);
        };
        // SAFETY: the kernel made this descriptor for this event, and nobody else knows it.
        let file = unsafe { OwnedFd::from_raw_fd(descriptor) };
        Ok(Some(Asked { pid, file }))
    }

    /// Answers the question that came with `file`.
    pub(super) fn answer(&self, file: BorrowedFd<'_>, answer: Answer) -> io::Result<()> {
        let response = match answer {
            Answer::Allow => libc::FAN_ALLOW,
            Answer::Deny => libc::FAN_DENY,
        };
        let mut bytes = [0; 8];
        let (number, said) = bytes.split_at_mut(4);
        number.copy_from_slice(&file.as_raw_fd().to_ne_bytes());
        said.copy_from_slice(&response.to_ne_bytes());
        rustix::io::write(&self.descriptor, &bytes)?;
        Ok(())
    }
}

impl AsFd for Group {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// Reads descriptor and pid out of `struct fanotify_event_metadata`; `None` where the event has no file.
///
/// Source: `include/uapi/linux/fanotify.h`, the same since Linux 2.6.37.
fn parse(bytes: &[u8]) -> Option<(i32, u32)> {
    let version = *bytes.get(4)?;
    let descriptor = i32::from_ne_bytes(bytes.get(16..20)?.try_into().ok()?);
    let pid = i32::from_ne_bytes(bytes.get(20..24)?.try_into().ok()?);
    (version == libc::FANOTIFY_METADATA_VERSION && descriptor >= 0)
        // A process that this pid namespace does not see is told as zero.
        .then(|| (descriptor, u32::try_from(pid).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(version: u8, descriptor: i32, pid: i32) -> Vec<u8> {
        let mut bytes = vec![0; EVENT_BYTES];
        bytes[4] = version;
        bytes[16..20].copy_from_slice(&descriptor.to_ne_bytes());
        bytes[20..24].copy_from_slice(&pid.to_ne_bytes());
        bytes
    }

    #[test]
    fn an_event_is_read_and_nothing_else_is() {
        assert_eq!(EVENT_BYTES, 24);
        assert_eq!(parse(&event(3, 7, 42)), Some((7, 42)));
        assert_eq!(parse(&event(3, libc::FAN_NOFD, 42)), None, "overflow");
        assert_eq!(parse(&event(4, 7, 42)), None, "newer than this");
        let whole = event(3, 7, 42);
        for cut in 0..EVENT_BYTES {
            assert_eq!(parse(&whole[..cut]), None, "cut at {cut}");
        }
    }
}
