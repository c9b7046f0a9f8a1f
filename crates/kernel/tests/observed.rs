//! One observer for all tests: a thread reads the rings into a log that tests look things up in.

use rustix::fs::{OFlags, fcntl_setfl};
use std::collections::BTreeMap;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};
use yagura_event::{DropPlace, DropReason, KernelEvent};
use yagura_kernel::{Observer, Reader, StartError, decode};

/// How long anything may take to be reported on a machine that is busy with other tests.
const DEADLINE: Duration = Duration::from_secs(60);
/// Records after which [`Reader::turn`] is called at the latest.
const RECORDS_PER_TURN: usize = 1024;

/// Something to be done by the thread that has the observer, once all earlier records are in the log.
type Job = Box<dyn FnOnce(&Observer) + Send>;

/// What was lost, by place and reason.
pub(crate) type Losses = BTreeMap<(DropPlace, DropReason), u64>;

/// Everything that was reported so far.
pub(crate) struct Observed {
    events: Mutex<Vec<Arc<KernelEvent>>>,
    changed: Condvar,
    losses: Mutex<Losses>,
    jobs: Mutex<(Sender<Job>, PipeWriter)>,
}

impl Observed {
    /// Starts the observer and the thread that reads.
    ///
    /// # Errors
    /// As [`Observer::start`].
    pub(crate) fn start() -> Result<Arc<Observed>, StartError> {
        Observed::start_with(|_| ())
    }

    /// The same, with something said to the observer before anything is read.
    pub(crate) fn start_with(
        say: impl FnOnce(&Observer) + Send + 'static,
    ) -> Result<Arc<Observed>, StartError> {
        let (jobs, queue) = channel();
        let (bell, wake) = io::pipe().unwrap();
        let observed = Arc::new(Observed {
            events: Mutex::default(),
            changed: Condvar::new(),
            losses: Mutex::default(),
            jobs: Mutex::new((jobs, wake)),
        });
        let (told, started) = channel();
        let log = Arc::clone(&observed);
        thread::spawn(move || {
            let observer = match Observer::start() {
                Ok(observer) => observer,
                Err(error) => return told.send(Err(error)).unwrap(),
            };
            assert!(observer.missing().is_empty(), "{observer:?}");
            say(&observer);
            told.send(Ok(())).unwrap();
            fcntl_setfl(&bell, OFlags::NONBLOCK).unwrap();
            let mut collector = Collector {
                observer: &observer,
                log: &log,
                bell: &bell,
                queue,
                ready: Vec::new(),
                fresh: Vec::new(),
            };
            observer.read(&mut collector, bell.as_fd()).unwrap();
        });
        started.recv().unwrap()?;
        Ok(observed)
    }

    /// Runs `job` on the observer's thread once the log has every record that was sent before this call.
    pub(crate) fn with_observer<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Observer) -> T + Send + 'static,
    ) -> T {
        let (sender, answer) = channel();
        {
            let mut jobs = self.jobs.lock().unwrap();
            let job: Job = Box::new(move |observer| sender.send(job(observer)).unwrap());
            jobs.0.send(job).unwrap();
            jobs.1.write_all(b"x").unwrap();
        }
        answer.recv_timeout(DEADLINE).expect("the reader answers")
    }

    /// Waits until the log has every record that was sent before this call.
    pub(crate) fn settle(&self) {
        self.with_observer(|_| ());
    }

    /// Tells what was lost so far that no test meant to be lost: all but what goes beyond a budget.
    pub(crate) fn losses_of_rings(&self) -> Losses {
        let mut losses = self.losses();
        losses.retain(|(_, reason), _| *reason != DropReason::Budget);
        losses
    }

    /// Tells what was lost so far.
    pub(crate) fn losses(&self) -> Losses {
        let new = self.with_observer(Observer::losses);
        let mut losses = self.losses.lock().unwrap();
        for drop in new {
            *losses.entry((drop.place, drop.reason)).or_default() += drop.count;
        }
        losses.clone()
    }

    /// Tells how many events there are so far: where a later search may begin.
    pub(crate) fn mark(&self) -> usize {
        self.events.lock().unwrap().len()
    }

    /// Waits for the first event from `mark` on of which `pick` makes something.
    pub(crate) fn wait<T>(
        &self,
        mark: usize,
        what: &str,
        pick: impl Fn(&KernelEvent) -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + DEADLINE;
        let mut seen = mark;
        let mut events = self.events.lock().unwrap();
        loop {
            if let Some(found) = events[seen..].iter().find_map(|event| pick(event)) {
                return found;
            }
            seen = events.len();
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "not reported: {what}");
            events = self.changed.wait_timeout(events, left).unwrap().0;
        }
    }

    /// Everything from `mark` on of which `pick` makes something, once the log has all that was sent before.
    pub(crate) fn all<T>(&self, mark: usize, pick: impl Fn(&KernelEvent) -> Option<T>) -> Vec<T> {
        self.settle();
        let events = self.events.lock().unwrap();
        events[mark..]
            .iter()
            .filter_map(|event| pick(event))
            .collect()
    }
}

struct Collector<'a> {
    observer: &'a Observer,
    log: &'a Observed,
    bell: &'a PipeReader,
    queue: Receiver<Job>,
    /// Jobs that came before the records of this turn were read.
    ready: Vec<Job>,
    fresh: Vec<Arc<KernelEvent>>,
}

impl Reader for Collector<'_> {
    fn record(&mut self, bytes: &[u8]) {
        let event = decode(bytes).unwrap_or_else(|error| panic!("{error}: {bytes:x?}"));
        self.fresh.push(Arc::new(event));
    }

    fn turn(&mut self) -> ControlFlow<(), Duration> {
        // A turn that is not full emptied both rings.
        let emptied = self.fresh.len() < RECORDS_PER_TURN;
        if !self.fresh.is_empty() {
            let mut events: MutexGuard<'_, Vec<_>> = self.log.events.lock().unwrap();
            events.append(&mut self.fresh);
            self.log.changed.notify_all();
        }
        if emptied {
            for job in self.ready.drain(..) {
                job(self.observer);
            }
        }
        let mut rings = [0; 64];
        while let Ok(1..) = (&mut &*self.bell).read(&mut rings) {}
        self.ready.extend(self.queue.try_iter());
        ControlFlow::Continue(if self.ready.is_empty() {
            DEADLINE
        } else {
            Duration::ZERO
        })
    }
}
