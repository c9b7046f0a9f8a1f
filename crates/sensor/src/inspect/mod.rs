//! Reads files that may be drift, and says what they are.
//!
//! Does: finds the very file that a process used, hashes it, compares it with the image.
//! Never: opens anything but regular files, follows a container's links out of its root, or makes the asker wait.
//!
//! Start at [`Inspector`]. One thread does all reading ([`worker`]); it finds the file ([`open`], by way of
//! [`process`] and [`file`]), reads it ([`hash`], [`elf`]) and compares it: with the layers of an overlay ([`layers`],
//! [`copies`]) or with what a plain root directory held ([`baseline`],
//! [`contents`]).

mod worker;

mod file;
mod open;
mod process;

mod elf;
mod hash;

mod baseline;
mod contents;
mod copies;
mod layers;
mod walk;

mod limits;
mod recent;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use file::{Found, Lookup, look_up};
pub(crate) use hash::{Reader, key_of};
pub(crate) use layers::holds_content;
pub(crate) use open::{Held, Search};
pub(crate) use process::Process;
pub(crate) use recent::Recent;
pub(crate) use walk::{Allowance, Progress, Walk};

use crossbeam_channel::{Receiver, Sender, TrySendError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use worker::{Job, Note, Queues, Urgent, Worker};
use yagura_event::{
    ContainerQuery, Inspection, InspectionError, InspectionRequest, ProcessKey, Text,
};

/// Settings of the inspector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InspectorConfig {
    /// Where /proc of the initial pid namespace is mounted.
    pub(crate) proc_root: PathBuf,
    /// Size in bytes beyond which a file is not hashed.
    pub(crate) hash_bytes_max: u64,
    /// Requests that may wait.
    pub(crate) queue_max: usize,
}

impl Default for InspectorConfig {
    fn default() -> Self {
        InspectorConfig {
            proc_root: PathBuf::from("/proc"),
            hash_bytes_max: limits::HASH_BYTES_MAX,
            queue_max: limits::QUEUE_MAX,
        }
    }
}

/// The nice value of the worker: hashing gives way to the node's own work.
const NICE: i32 = 5;

/// A handle to the thread that reads files. Dropping it ends the thread; requests that wait stay unanswered.
#[derive(Debug)]
pub(crate) struct Inspector {
    proc_root: PathBuf,
    jobs: Option<Sender<Job>>,
    notes: Option<Sender<Note>>,
    urgent: Option<Sender<Urgent>>,
    stop: Arc<AtomicBool>,
    /// Disconnected once the worker is done.
    done: Receiver<()>,
    worker: Option<JoinHandle<()>>,
}

impl Inspector {
    /// Starts the worker, which hands every answer to `answers`.
    ///
    /// # Errors
    /// The system's refusal to start a thread.
    pub(crate) fn start(
        config: InspectorConfig,
        answers: impl Fn(Inspection) + Send + 'static,
    ) -> std::io::Result<Inspector> {
        let (jobs, jobs_out) = crossbeam_channel::bounded(config.queue_max);
        let (notes, notes_out) = crossbeam_channel::bounded(limits::NOTES_MAX);
        let (urgent, urgent_out) = crossbeam_channel::bounded(limits::URGENT_MAX);
        let (done_in, done) = crossbeam_channel::bounded::<()>(0);
        let stop = Arc::new(AtomicBool::new(false));
        let proc_root = config.proc_root.clone();
        let worker = Worker::new(config, Arc::clone(&stop));
        let worker = std::thread::Builder::new()
            .name("inspector".to_owned())
            .spawn(move || {
                // Dropped last, whichever way the thread ends.
                let _done = done_in;
                if let Err(error) = rustix::process::setpriority_process(None, NICE) {
                    tracing::debug!(%error, "inspector runs at normal priority");
                }
                let queues = Queues {
                    jobs: jobs_out,
                    notes: notes_out,
                    urgent: urgent_out,
                };
                worker.run(&queues, answers);
            })?;
        Ok(Inspector {
            proc_root,
            jobs: Some(jobs),
            notes: Some(notes),
            urgent: Some(urgent),
            stop,
            done,
            worker: Some(worker),
        })
    }

    /// Takes hold of the file at once and queues the request. Never waits.
    ///
    /// # Errors
    /// If too many requests wait, the answer that says so.
    pub(crate) fn submit(&self, request: InspectionRequest) -> Result<(), Inspection> {
        let full = |token| Inspection {
            error: Some(InspectionError::QueueFull),
            ..worker::unread(token)
        };
        let Some(jobs) = self.jobs.as_ref().filter(|jobs| !jobs.is_full()) else {
            return Err(full(request.token));
        };
        let held = match jobs.len() < limits::HELD_MAX {
            true => open::Held::take(&self.proc_root, &request),
            false => open::Held::default(),
        };
        jobs.try_send(Job { request, held })
            .map_err(|error| match error {
                TrySendError::Full(job) | TrySendError::Disconnected(job) => {
                    full(job.request.token)
                }
            })
    }

    /// The way for those who cannot go on without an answer.
    pub(crate) fn asker(&self) -> Option<Asker> {
        self.urgent.clone().map(Asker)
    }

    /// Notes a container: one of its processes and, where the root is no overlay, its files as they are now. The root
    /// directory is opened at once and read later. Never waits.
    pub(crate) fn take_baseline(&self, query: &ContainerQuery) {
        let root = match query.root.overlay {
            true => None,
            false => root_of(&self.proc_root, query),
        };
        let note = Note {
            query: *query,
            root,
        };
        if let Some(notes) = &self.notes
            && let Err(error) = notes.try_send(note)
        {
            // The container's first request makes up for it.
            tracing::debug!(%error, "inspector missed a container");
        }
    }
}

/// Asks the inspector and waits: for a process that is kept from running until its file is known.
#[derive(Debug, Clone)]
pub(crate) struct Asker(Sender<Urgent>);

impl Asker {
    /// What the file is; `None` if that could not be told in time. Goes before all requests that nobody waits for.
    pub(crate) fn ask(
        &self,
        request: InspectionRequest,
        file: rustix::fd::OwnedFd,
        longest: Duration,
    ) -> Option<Inspection> {
        let (answer, answered) = crossbeam_channel::bounded(1);
        let urgent = Urgent {
            job: Job {
                request,
                held: open::Held::of(file),
            },
            answer,
        };
        self.0.try_send(urgent).ok()?;
        answered.recv_timeout(longest).ok()
    }
}

fn root_of(proc_root: &Path, query: &ContainerQuery) -> Option<rustix::fd::OwnedFd> {
    process::Process::open(proc_root, query.process)?
        .link("root")
        .ok()
}

impl Drop for Inspector {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.jobs = None;
        self.notes = None;
        self.urgent = None;
        let is_done = matches!(
            self.done.recv_timeout(limits::STOP_TIME_MAX),
            Err(crossbeam_channel::RecvTimeoutError::Disconnected)
        );
        match self.worker.take() {
            Some(worker) if is_done => {
                // A panic has been reported by the thread itself.
                let _ = worker.join();
            }
            _ => tracing::warn!("inspector hangs in a file system and is left behind"),
        }
    }
}

/// Whether the process of that pid is this very one.
pub(crate) fn is_running(process: ProcessKey) -> bool {
    Process::open(Path::new("/proc"), process).is_some()
}

/// Arguments of a program that ran before the sensor, and whether some are missing: the kernel side can only read
/// those of programs that begin. `None` if the process has ended.
pub(crate) fn running_arguments(process: ProcessKey) -> Option<(Vec<Text>, bool)> {
    let bytes = Process::open(Path::new("/proc"), process)?.arguments()?;
    let whole = bytes.strip_suffix(&[0]).unwrap_or(&bytes);
    let is_cut = bytes.len() == limits::ARGUMENTS_BYTES_MAX;
    Some((
        whole.split(|&byte| byte == 0).map(Text::from).collect(),
        is_cut,
    ))
}
