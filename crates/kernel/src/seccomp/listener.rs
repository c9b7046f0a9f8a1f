//! The kernel's interface: one descriptor for each loaded filter, and three requests on it.
//!
//! Source: include/uapi/linux/seccomp.h, unchanged in what is used here since Linux 5.5.

use super::SeccompAnswer;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::ioctl::{Opcode, Setter, Updater, ioctl, opcode};

/// `SECCOMP_USER_NOTIF_FLAG_CONTINUE`.
const FLAG_CONTINUE: u32 = 1;

/// `struct seccomp_data`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct CallData {
    pub(super) number: i32,
    pub(super) arch: u32,
    pub(super) instruction: u64,
    pub(super) arguments: [u64; 6],
}

/// `struct seccomp_notif`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Notification {
    pub(super) id: u64,
    pub(super) pid: u32,
    pub(super) flags: u32,
    pub(super) data: CallData,
}

/// `struct seccomp_notif_resp`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
struct Answer {
    id: u64,
    value: i64,
    error: i32,
    flags: u32,
}

const _: () = assert!(size_of::<Notification>() == 80 && size_of::<Answer>() == 24);

const RECEIVE: Opcode = opcode::read_write::<Notification>(b'!', 0);
const SEND: Opcode = opcode::read_write::<Answer>(b'!', 1);
const ID_VALID: Opcode = opcode::write::<u64>(b'!', 2);

/// The receiving end of a filter.
#[derive(Debug)]
pub(super) struct Listener(OwnedFd);

impl Listener {
    /// Takes a descriptor that a runtime sent; `None` if it is none of a filter.
    pub(super) fn adopt(descriptor: OwnedFd) -> Option<Listener> {
        let listener = Listener(descriptor);
        // No notification has the number zero but by a chance of one in 2^64; other files don't know the request.
        let answer = listener.ask_valid(0);
        matches!(answer, Ok(()) | Err(Errno::NOENT)).then_some(listener)
    }

    /// Takes the next notification, which must be there: `poll` said so. `None` if whoever asked is gone meanwhile.
    ///
    /// # Errors
    /// What the kernel says; `EINTR` means once more.
    #[expect(unsafe_code, reason = "the request writes through a pointer")]
    pub(super) fn receive(&self) -> Result<Option<Notification>, Errno> {
        // The kernel wants it zeroed.
        let mut notification = Notification::default();
        // SAFETY: SECCOMP_IOCTL_NOTIF_RECV writes one seccomp_notif, of which `Notification` has size and layout; any
        // bytes are valid values of its fields.
        let request = unsafe { Updater::<'_, RECEIVE, Notification>::new(&mut notification) };
        // SAFETY: the request borrows `notification` for the time of the call.
        match unsafe { ioctl(&self.0, request) } {
            Ok(()) => Ok(Some(notification)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Answers a notification. That the one who asked is gone is no error.
    ///
    /// # Errors
    /// What the kernel says.
    #[expect(unsafe_code, reason = "the request reads through a pointer")]
    pub(super) fn answer(&self, id: u64, answer: SeccompAnswer) -> Result<(), Errno> {
        let mut answer = match answer {
            SeccompAnswer::Continue => Answer {
                id,
                flags: FLAG_CONTINUE,
                ..Answer::default()
            },
            SeccompAnswer::Errno(number) => Answer {
                id,
                error: -i32::from(number),
                ..Answer::default()
            },
        };
        // SAFETY: SECCOMP_IOCTL_NOTIF_SEND reads one seccomp_notif_resp, of which `Answer` has size and layout.
        let request = unsafe { Updater::<'_, SEND, Answer>::new(&mut answer) };
        // SAFETY: the request borrows `answer` for the time of the call.
        match unsafe { ioctl(&self.0, request) } {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Whether a notification still waits for its answer.
    pub(super) fn is_waiting(&self, id: u64) -> bool {
        self.ask_valid(id).is_ok()
    }

    #[expect(unsafe_code, reason = "the request reads through a pointer")]
    fn ask_valid(&self, id: u64) -> Result<(), Errno> {
        // SAFETY: SECCOMP_IOCTL_NOTIF_ID_VALID reads one u64.
        let request = unsafe { Setter::<ID_VALID, u64>::new(id) };
        // SAFETY: the value lives in the request. A file of another kind that happens to know this number reads no more
        // than its eight bytes, since the size is part of the number.
        unsafe { ioctl(&self.0, request) }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
