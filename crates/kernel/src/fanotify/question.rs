//! The way of a question: taken, decided, answered once.

use super::group::{Asked, Group};
use super::namespace::MountNamespace;
use super::{Answer, Decide, ExecQuestion, GateOptions, Ledger};
use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{AtFlags, StatxFlags, StatxTimestamp, fstatfs, readlinkat, statx};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use yagura_event::{
    Drop as Lost, DropPlace, DropReason, FileFacts, FileFlags, FileId, FileKey, Text,
};

/// What the kernel puts behind the path of a file whose name is gone.
const DELETED: &[u8] = b" (deleted)";

/// What all threads of a gate have in common.
pub(super) struct Shared {
    pub(super) group: Group,
    pub(super) options: GateOptions,
    pub(super) losses: Losses,
    /// Readable from the moment on at which the gate closes.
    pub(super) closing: OwnedFd,
    pub(super) is_closing: AtomicBool,
    ledger: Mutex<Ledger>,
    /// Told when a thread ends.
    pub(super) ended: Condvar,
    decide: Decide,
    own_pid: u32,
    host: Vec<MountNamespace>,
}

/// A question that has not been answered.
#[derive(Debug)]
pub(super) struct Asking {
    pub(super) file: Arc<OwnedFd>,
    pub(super) due: Instant,
}

/// Whether a thread that answered goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Question,
    /// Its question was answered in its stead.
    Replaced,
}

impl Shared {
    pub(super) fn new(
        group: Group,
        host: Vec<MountNamespace>,
        options: GateOptions,
        decide: Decide,
    ) -> io::Result<Shared> {
        Ok(Shared {
            group,
            options,
            losses: Losses::default(),
            closing: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
            is_closing: AtomicBool::new(false),
            ledger: Mutex::default(),
            ended: Condvar::new(),
            decide,
            own_pid: std::process::id(),
            host,
        })
    }

    /// Nothing panics while it is held; if something did, the ledger would still be whole.
    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the next question and answers it.
    pub(super) fn work_once(&self) -> Next {
        match self.group.next() {
            Ok(Some(asked)) => self.handle(asked),
            // Another thread was faster.
            Ok(None) => Next::Question,
            Err(error) => {
                self.losses.count_unread(&error);
                Next::Question
            }
        }
    }

    fn handle(&self, asked: Asked) -> Next {
        let Asked { pid, file } = asked;
        if pid == self.own_pid {
            self.answer(file.as_fd(), Answer::Allow);
            return Next::Question;
        }
        let file = Arc::new(file);
        let number = self.begin(&file);
        // What the callback owns may be half changed: that is for whoever wrote it to bear, and nothing here depends on it.
        let decided = catch_unwind(AssertUnwindSafe(|| self.decide(pid, file.as_fd())));
        let answer = match decided {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => {
                self.losses.closed.fetch_add(1, Ordering::Relaxed);
                self.options.unanswered
            }
        };
        let mut ledger = self.ledger();
        if ledger.asking.remove(&number).is_none() {
            ledger.stuck = ledger.stuck.saturating_sub(1);
            return Next::Replaced;
        }
        drop(ledger);
        self.answer(file.as_fd(), answer);
        Next::Question
    }

    fn begin(&self, file: &Arc<OwnedFd>) -> u64 {
        // A quarter is left for the thread that looks after the deadlines to come round.
        let due = Instant::now() + self.options.deadline / 4 * 3;
        let mut ledger = self.ledger();
        ledger.asked_total += 1;
        let number = ledger.asked_total;
        let file = Arc::clone(file);
        ledger.asking.insert(number, Asking { file, due });
        number
    }

    fn decide(&self, pid: u32, file: BorrowedFd<'_>) -> io::Result<Answer> {
        if MountNamespace::of_pid(pid).is_ok_and(|namespace| self.host.contains(&namespace)) {
            return Ok(Answer::Allow);
        }
        let facts = facts(file)?;
        Ok((self.decide)(&ExecQuestion { pid, file, facts }))
    }

    /// Tells the kernel. It refuses only where nobody waits any more, because the process was killed.
    pub(super) fn answer(&self, file: BorrowedFd<'_>, answer: Answer) {
        let _ = self.group.answer(file, answer);
    }
}

/// Looks at a file without waiting for anybody: what is not at hand is not asked for.
fn facts(file: BorrowedFd<'_>) -> io::Result<FileFacts> {
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
    let stat = statx(file, "", flags, StatxFlags::BASIC_STATS)?;
    let magic = fstatfs(file)?.f_type;
    let link = format!("/proc/self/fd/{}", file.as_raw_fd());
    let path = readlinkat(rustix::fs::CWD, link, Vec::new())?;
    let mut flags = FileFlags::default();
    let mut path = path.as_bytes();
    if stat.stx_nlink == 0 {
        flags.0 |= FileFlags::DELETED;
        path = path.strip_suffix(DELETED).unwrap_or(path);
    }
    // A number of 32 bits that some architectures keep in a wider, signed type.
    let magic = u32::try_from(magic & 0xffff_ffff).unwrap_or_default();
    if magic == FileFacts::OVERLAY_MAGIC {
        flags.0 |= FileFlags::OVERLAY;
    }
    Ok(FileFacts {
        key: FileKey {
            id: FileId {
                dev: kernel_device(stat.stx_dev_major, stat.stx_dev_minor),
                ino: stat.stx_ino,
            },
            generation: 0,
            ctime_ns: nanoseconds(stat.stx_ctime),
            size: stat.stx_size,
        },
        mtime_ns: nanoseconds(stat.stx_mtime),
        mode: u32::from(stat.stx_mode),
        links: stat.stx_nlink,
        uid: stat.stx_uid,
        magic,
        flags,
        path: Text::from(path),
        writer: None,
    })
}

/// `include/linux/kdev_t.h` MKDEV: twenty bits of minor number. User space has them in another order.
fn kernel_device(major: u32, minor: u32) -> u32 {
    major << 20 | (minor & 0xf_ffff)
}

fn nanoseconds(time: StatxTimestamp) -> i64 {
    time.tv_sec
        .saturating_mul(1_000_000_000)
        .saturating_add(i64::from(time.tv_nsec))
}

/// Questions that were not answered properly.
#[derive(Debug, Default)]
pub(super) struct Losses {
    pub(super) timed_out: AtomicU64,
    pub(super) closed: AtomicU64,
    full: AtomicU64,
}

impl Losses {
    /// Counts a question that could not be taken; the kernel has answered it itself.
    fn count_unread(&self, error: &io::Error) {
        let is_full = matches!(
            error.raw_os_error(),
            Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM)
        );
        let count = if is_full { &self.full } else { &self.closed };
        count.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn take(&self) -> Vec<Lost> {
        [
            (DropReason::TimedOut, &self.timed_out),
            (DropReason::Closed, &self.closed),
            (DropReason::Full, &self.full),
        ]
        .into_iter()
        .map(|(reason, count)| Lost {
            place: DropPlace::Fanotify,
            reason,
            count: count.swap(0, Ordering::Relaxed),
        })
        .filter(|lost| lost.count > 0)
        .collect()
    }
}
