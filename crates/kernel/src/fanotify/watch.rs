//! The threads of a gate: those that answer, and the one that keeps the deadlines.

use super::Answer;
use super::question::{Next, Shared};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io;
use std::os::fd::AsFd as _;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Threads that answer. Two, so that one long look at a file does not hold up everybody.
const WORKERS: usize = 2;
/// Threads that may hang in the callback, each being replaced. Beyond that nobody is left to decide, and the thread that
/// keeps the deadlines answers everything at once: a callback that a container can make hang must not use up threads.
const STUCK_MAX: usize = 16;
/// Time that callbacks have to come back when the gate closes, before their questions are answered for them.
const CLOSING_GRACE: Duration = Duration::from_millis(100);

/// Starts the threads.
pub(super) fn start(shared: &Arc<Shared>) -> io::Result<()> {
    for _ in 0..WORKERS {
        start_worker(shared)?;
    }
    let watched = Arc::clone(shared);
    thread::Builder::new()
        .name("exec-deadlines".to_owned())
        .spawn(move || watch(&watched))?;
    Ok(())
}

fn start_worker(shared: &Arc<Shared>) -> io::Result<()> {
    shared.ledger().working += 1;
    let working = Working(Arc::clone(shared));
    thread::Builder::new()
        .name("exec-answers".to_owned())
        .spawn(move || work(&working))?;
    Ok(())
}

/// A thread that answers, for as long as it does.
struct Working(Arc<Shared>);

impl Drop for Working {
    fn drop(&mut self) {
        let mut ledger = self.0.ledger();
        ledger.working = ledger.working.saturating_sub(1);
        self.0.ended.notify_all();
    }
}

fn work(working: &Working) {
    let shared = &working.0;
    while !shared.is_closing.load(Ordering::Acquire) {
        let mut descriptors = [
            PollFd::new(&shared.group, PollFlags::IN),
            PollFd::new(&shared.closing, PollFlags::IN),
        ];
        // Interrupted: looks again.
        let _ = poll(&mut descriptors, None);
        let [group, _] = &descriptors;
        if group.revents().is_empty() {
            continue;
        }
        if shared.work_once() == Next::Replaced {
            let ledger = shared.ledger();
            if ledger.working - ledger.stuck.min(ledger.working) > WORKERS {
                return;
            }
        }
    }
}

/// Answers what is due, replaces threads that hang, and answers everything if none is left.
fn watch(shared: &Arc<Shared>) {
    let tick = shared.options.deadline / 4;
    while !shared.is_closing.load(Ordering::Acquire) {
        wait_for_end(shared, tick);
        let is_replaceable = {
            shared.expire(Instant::now());
            let ledger = shared.ledger();
            ledger.working < WORKERS + ledger.stuck.min(STUCK_MAX)
        };
        if is_replaceable && !shared.is_closing.load(Ordering::Acquire) {
            // Tried again at the next turn.
            let _ = start_worker(shared);
        }
        let ledger = shared.ledger();
        if ledger.working <= ledger.stuck {
            drop(ledger);
            let count = shared.drain(shared.options.unanswered);
            shared.losses.timed_out.fetch_add(count, Ordering::Relaxed);
        }
    }
}

fn wait_for_end(shared: &Shared, timeout: Duration) {
    let timeout = Timespec {
        tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    };
    // Interrupted: one turn more than needed.
    let _ = poll(
        &mut [PollFd::from_borrowed_fd(
            shared.closing.as_fd(),
            PollFlags::IN,
        )],
        Some(&timeout),
    );
}

impl Shared {
    /// Answers the questions that are due in the stead of the threads that have them.
    fn expire(&self, now: Instant) {
        loop {
            let mut ledger = self.ledger();
            let Some(first) = ledger.asking.first_entry() else {
                return;
            };
            if first.get().due > now {
                return;
            }
            let asking = first.remove();
            ledger.stuck += 1;
            drop(ledger);
            self.answer(asking.file.as_fd(), self.options.unanswered);
            self.losses.timed_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Gives all questions that nobody has taken the same answer; returns how many.
    fn drain(&self, answer: Answer) -> u64 {
        let mut count = 0;
        loop {
            match self.group.next() {
                Ok(Some(asked)) => {
                    self.answer(asked.file.as_fd(), answer);
                    count += 1;
                }
                Ok(None) => return count,
                // The kernel has answered that one.
                Err(_) => count += 1,
            }
        }
    }

    /// Stops asking, lets everyone go on who waits, and waits for the threads that can end.
    pub(super) fn close(&self) {
        self.is_closing.store(true, Ordering::Release);
        // Can only fail if its counter is full: then it is readable already.
        let _ = rustix::io::write(&self.closing, &1u64.to_ne_bytes());
        self.group.flush();
        self.drain(Answer::Allow);
        let deadline = Instant::now() + self.options.deadline.min(CLOSING_GRACE);
        let mut ledger = self.ledger();
        while ledger.working > ledger.stuck {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                break;
            };
            let waited = self.ended.wait_timeout(ledger, left);
            ledger = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        // What is left hangs in the callback.
        while let Some((_, asking)) = ledger.asking.pop_first() {
            ledger.stuck += 1;
            self.answer(asking.file.as_fd(), Answer::Allow);
        }
    }
}
