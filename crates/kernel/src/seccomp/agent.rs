//! The agent: one thread waits for everything and keeps the time, some others answer.
//!
//! A question that is not answered in time, for which there is no room, or whose answerer panics gets the fallback. So
//! no call waits longer than the deadline while this process runs, whatever the answerer does.

mod inbox;
mod pending;

use super::{SeccompAnswer, SeccompQuestion};
use inbox::{Arrival, Inbox};
use pending::Pending;
use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::listener::Listener;
use super::state::SeccompContainer;

/// Filters that are listened to at once, against a container in which ever more programs are started from outside.
const LISTENERS_MAX: usize = 16_384;
/// Questions that wait for an answerer at once, against a container that asks from thousands of threads.
const QUESTIONS_MAX: usize = 1024;
/// Events taken from the kernel at a time.
const EVENTS_AT_ONCE: usize = 64;
/// How often the time is looked at while nothing happens and nothing is due.
const IDLE: Duration = Duration::from_secs(3600);

/// What becomes of a call about which nobody could be asked in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Fallback {
    /// It is carried out: availability before protection.
    #[default]
    Open,
    /// It is refused with EPERM.
    Closed,
}

impl Fallback {
    fn answer(self) -> SeccompAnswer {
        match self {
            Fallback::Open => SeccompAnswer::Continue,
            Fallback::Closed => SeccompAnswer::REFUSED,
        }
    }
}

/// How an agent works.
#[derive(Debug, Clone)]
pub struct AgentConfig {
    /// Where runtimes reach it. The folder is made if it is missing, and must be writable for its owner alone.
    pub socket: PathBuf,
    /// How long a call may wait for its answer.
    pub deadline: Duration,
    /// What happens to one that waited that long.
    pub fallback: Fallback,
    /// Threads that answer; at least one.
    pub answerers: usize,
}

impl AgentConfig {
    /// The usual: half a second, fail-open, two threads.
    pub fn new(socket: PathBuf) -> AgentConfig {
        AgentConfig {
            socket,
            deadline: Duration::from_millis(500),
            fallback: Fallback::Open,
            answerers: 2,
        }
    }
}

/// Why an agent can't be started.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// Others than the owner may write where the socket is to be: they could put theirs in its place.
    #[error("the folder of {socket} is writable for others than this user")]
    Folder {
        /// The socket.
        socket: PathBuf,
    },
    /// The socket can't be made.
    #[error("socket {socket} can't be made")]
    Socket {
        /// The socket.
        socket: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The kernel refused what the agent waits with, or a thread.
    #[error("the agent's threads can't be started")]
    Threads(#[source] io::Error),
}

/// What an agent has done since its start. All but `listeners` only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AgentCounts {
    /// Filters that are listened to now.
    pub listeners: u64,
    /// Calls notified of.
    pub notified: u64,
    /// Calls let through by the answerer.
    pub continued: u64,
    /// Calls that the answerer failed.
    pub refused: u64,
    /// Calls that got the fallback because the answerer took too long, or all of its threads already did.
    pub timed_out: u64,
    /// Calls that got the fallback because too many waited.
    pub overflowed: u64,
    /// Calls that got the fallback because the answerer panicked.
    pub panicked: u64,
    /// Connections that brought no listener or could not be understood, ended early, or came from another user.
    pub rejected: u64,
    /// Listeners that were given back for want of room: their calls fail with ENOSYS.
    pub listeners_refused: u64,
}

#[derive(Debug, Default)]
struct Counters {
    listeners: AtomicU64,
    notified: AtomicU64,
    continued: AtomicU64,
    refused: AtomicU64,
    timed_out: AtomicU64,
    overflowed: AtomicU64,
    panicked: AtomicU64,
    rejected: AtomicU64,
    listeners_refused: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// An agent at work. It ends when dropped; see [the module](super) for what that means to containers.
#[derive(Debug)]
pub struct SeccompAgent {
    socket: PathBuf,
    shared: Arc<Shared>,
    waiter: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    fallback: Fallback,
    deadline: Duration,
    answerers: usize,
    pending: Mutex<Pending>,
    counters: Counters,
    /// Filters that are listened to, by the id of their container.
    containers: Mutex<HashMap<String, usize>>,
    stop: AtomicBool,
    wake: OwnedFd,
}

impl SeccompAgent {
    /// Starts an agent. `answer` is called from several threads at once, and should return within microseconds: the
    /// calling thread of a container waits.
    ///
    /// # Errors
    /// `Folder` and `Socket` if the socket can't be made safely, `Threads` if there is nothing to work with.
    pub fn start(
        config: &AgentConfig,
        answer: impl Fn(&SeccompQuestion) -> SeccompAnswer + Send + Sync + 'static,
    ) -> Result<SeccompAgent, AgentError> {
        let listening = inbox::listen(&config.socket)?;
        let threads = |errno: Errno| AgentError::Threads(errno.into());
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(threads)?;
        let shared = Arc::new(Shared {
            fallback: config.fallback,
            deadline: config.deadline,
            answerers: config.answerers.max(1),
            pending: Mutex::default(),
            counters: Counters::default(),
            containers: Mutex::default(),
            stop: AtomicBool::new(false),
            wake: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(threads)?,
        });
        let (sender, receiver) = sync_channel(QUESTIONS_MAX);
        let inbox = Inbox::new(poll, listening, &shared.wake).map_err(threads)?;
        let receiver = Arc::new(Mutex::new(receiver));
        let answer = Arc::new(answer);
        for _ in 0..shared.answerers {
            let (shared, receiver) = (Arc::clone(&shared), Arc::clone(&receiver));
            let answer = Arc::clone(&answer);
            let work = move || shared.answer_all(&receiver, answer.as_ref());
            spawn("seccomp-answer", work)?;
        }
        let waiter = Waiter {
            shared: Arc::clone(&shared),
            inbox,
            listeners: HashMap::new(),
            questions: sender,
        };
        Ok(SeccompAgent {
            socket: config.socket.clone(),
            shared,
            waiter: Some(spawn("seccomp-wait", move || waiter.run())?),
        })
    }

    /// Whether some process of a container asks here, by the id that its runtime told.
    pub fn listens_to(&self, id: &str) -> bool {
        self.shared.containers().contains_key(id)
    }

    /// What it has done so far.
    pub fn counts(&self) -> AgentCounts {
        let counters = &self.shared.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        AgentCounts {
            listeners: read(&counters.listeners),
            notified: read(&counters.notified),
            continued: read(&counters.continued),
            refused: read(&counters.refused),
            timed_out: read(&counters.timed_out),
            overflowed: read(&counters.overflowed),
            panicked: read(&counters.panicked),
            rejected: read(&counters.rejected),
            listeners_refused: read(&counters.listeners_refused),
        }
    }
}

impl Drop for SeccompAgent {
    fn drop(&mut self) {
        // First of all, so that no runtime finds a socket behind which nobody will be.
        let _ = std::fs::remove_file(&self.socket);
        self.shared.stop.store(true, Ordering::Release);
        let _ = rustix::io::write(&self.shared.wake, &1_u64.to_ne_bytes());
        if let Some(waiter) = self.waiter.take() {
            let _ = waiter.join();
        }
        // Those who answer end by themselves, since nobody asks any more; one that hangs is not waited for.
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, AgentError> {
    let builder = thread::Builder::new().name(name.to_owned());
    builder.spawn(work).map_err(AgentError::Threads)
}

/// A question on its way to an answerer.
struct Asked {
    key: (u64, u64),
    question: SeccompQuestion,
}

impl Shared {
    fn containers(&self) -> std::sync::MutexGuard<'_, HashMap<String, usize>> {
        self.containers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn pending(&self) -> std::sync::MutexGuard<'_, Pending> {
        // What it guards is never left half changed.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer_all(
        &self,
        questions: &Mutex<Receiver<Asked>>,
        answer: &(impl Fn(&SeccompQuestion) -> SeccompAnswer + ?Sized),
    ) {
        loop {
            let next = {
                let questions = questions.lock().unwrap_or_else(PoisonError::into_inner);
                questions.recv()
            };
            let Ok(asked) = next else {
                return;
            };
            // The fallback may have been given while it was in the queue.
            if !self.pending().begin(asked.key) {
                continue;
            }
            let answered = catch_unwind(AssertUnwindSafe(|| answer(&asked.question)));
            if !self.pending().finish(asked.key) {
                continue;
            }
            let counters = &self.counters;
            let (answer, counter) = match answered {
                Ok(SeccompAnswer::Continue) => (SeccompAnswer::Continue, &counters.continued),
                Ok(refusal) => (refusal, &counters.refused),
                Err(_) => (self.fallback.answer(), &counters.panicked),
            };
            count(counter);
            // Nothing is to be done about a failure: the filter is gone, and its processes with it.
            let _ = asked.question.listener.answer(asked.question.id, answer);
        }
    }

    fn fall_back(&self, listener: &Listener, id: u64, counter: &AtomicU64) {
        count(counter);
        let _ = listener.answer(id, self.fallback.answer());
    }

    /// Answers what waited too long; the time until the next is due.
    fn answer_overdue(&self) -> Duration {
        let now = Instant::now();
        let overdue = self.pending().take_overdue(now);
        for (listener, id) in overdue {
            self.fall_back(&listener, id, &self.counters.timed_out);
        }
        let due = self.pending().next_due();
        due.map_or(IDLE, |due| due.saturating_duration_since(now))
    }
}

/// A filter that is listened to.
struct Heard {
    listener: Arc<Listener>,
    container: Arc<SeccompContainer>,
}

/// The thread that waits.
struct Waiter {
    shared: Arc<Shared>,
    inbox: Inbox,
    listeners: HashMap<u64, Heard>,
    questions: SyncSender<Asked>,
}

impl Waiter {
    fn run(mut self) {
        let mut events = Vec::with_capacity(EVENTS_AT_ONCE);
        while !self.shared.stop.load(Ordering::Acquire) {
            let until = self.shared.answer_overdue().min(self.inbox.until_due());
            // A little more than needed, since the kernel's clock ticks in whole nanoseconds and ours may be behind.
            let timeout = Timespec::try_from(until + Duration::from_micros(50)).ok();
            events.clear();
            let spare = rustix::buffer::spare_capacity(&mut events);
            match epoll::wait(self.inbox.poll(), spare, timeout.as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                // Only for arguments that are never given.
                Err(_) => return,
            }
            self.inbox.end_overdue(&self.shared.counters.rejected);
            for event in &events {
                self.take(event.data.u64(), event.flags);
            }
        }
    }

    fn take(&mut self, token: u64, flags: epoll::EventFlags) {
        if self.listeners.contains_key(&token) {
            if flags.contains(epoll::EventFlags::IN) {
                self.ask(token);
            } else {
                // All processes with this filter have ended.
                self.forget(token);
            }
            return;
        }
        match self.inbox.take(token) {
            Arrival::Nothing => {}
            Arrival::Rejected => count(&self.shared.counters.rejected),
            Arrival::Listener {
                listener,
                container,
            } => self.hear(listener, container),
        }
    }

    fn hear(&mut self, listener: Listener, container: SeccompContainer) {
        let counters = &self.shared.counters;
        if self.listeners.len() >= LISTENERS_MAX {
            count(&counters.listeners_refused);
            return;
        }
        let Ok(token) = self.inbox.watch(&listener) else {
            count(&counters.listeners_refused);
            return;
        };
        let heard = Heard {
            listener: Arc::new(listener),
            container: Arc::new(container),
        };
        let id = heard.container.id.clone();
        *self.shared.containers().entry(id).or_default() += 1;
        self.listeners.insert(token, heard);
        self.count_listeners();
    }

    fn forget(&mut self, token: u64) {
        if let Some(heard) = self.listeners.remove(&token) {
            self.inbox.leave(&heard.listener);
            let mut containers = self.shared.containers();
            if let Entry::Occupied(mut filters) = containers.entry(heard.container.id.clone()) {
                *filters.get_mut() -= 1;
                if *filters.get() == 0 {
                    filters.remove();
                }
            }
        }
        self.count_listeners();
    }

    fn count_listeners(&self) {
        let counter = &self.shared.counters.listeners;
        counter.store(self.listeners.len() as u64, Ordering::Relaxed);
    }

    fn ask(&mut self, token: u64) {
        let Some(heard) = self.listeners.get(&token) else {
            return;
        };
        let notification = match heard.listener.receive() {
            Ok(Some(notification)) => notification,
            Ok(None) | Err(Errno::INTR) => return,
            Err(_) => return self.forget(token),
        };
        let counters = &self.shared.counters;
        count(&counters.notified);
        let (listener, id) = (Arc::clone(&heard.listener), notification.id);
        let due = Instant::now() + self.shared.deadline;
        let key = (token, id);
        let has_room = {
            let mut pending = self.shared.pending();
            let all_hang = pending.hanging() >= self.shared.answerers;
            if !all_hang {
                pending.insert(key, Arc::clone(&listener), due);
            }
            !all_hang
        };
        if !has_room {
            return self.shared.fall_back(&listener, id, &counters.timed_out);
        }
        let question = SeccompQuestion {
            container: Arc::clone(&heard.container),
            pid: notification.pid,
            arch: notification.data.arch,
            number: u32::from_ne_bytes(notification.data.number.to_ne_bytes()),
            arguments: notification.data.arguments,
            listener: Arc::clone(&listener),
            id,
        };
        match self.questions.try_send(Asked { key, question }) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.shared.pending().remove(key);
                self.shared.fall_back(&listener, id, &counters.overflowed);
            }
        }
    }
}
