//! Hands files to the scanner, on threads of low priority.
//!
//! Does: finds the very file that was used or written, scans it, remembers findings by content.
//! Never: opens anything but regular files, follows a container's links out of its root, or makes the asker wait.
//!
//! Start at [`FileScanner`]. [`worker`] does the work; [`images`] walks an image's files while nothing else is to be done.

mod images;
mod libraries;
mod limits;
mod worker;

use crate::inspect::{Held, Recent};
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use images::ImageJob;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use worker::{Job, Queues, Worker};
use yagura_event::{
    Container, ContainerKey, ContainerQuery, Finding, InspectionError, ScanAnswer, ScanEngine,
    ScanReason, ScanRequest, Text,
};
use yagura_scan::ScanRules;

/// What a sensor scans with.
#[derive(Debug, Clone)]
pub struct ScanSettings {
    /// Rules and lists.
    pub rules: Arc<ScanRules>,
    /// Whether the files of an image are scanned when its first container starts.
    pub images: bool,
    /// Threads that scan, at least one.
    pub threads: usize,
}

/// What a worker says.
#[derive(Debug)]
pub(crate) enum Scanned {
    /// The answer to a request.
    File(ScanAnswer),
    /// Something was found in a file that no event led to: of a container's image, or a library of its programs.
    Image(ContainerKey, Text, ScanAnswer),
}

/// The nice value of the workers: scanning gives way to everything else on the node.
const NICE: i32 = 19;

/// A handle to the threads that scan. Dropping it ends them; requests that wait stay unanswered.
#[derive(Debug)]
pub(crate) struct FileScanner {
    settings: ScanSettings,
    /// By [`queue_of`]: the most urgent first.
    jobs: Option<[Sender<Job>; 3]>,
    images: Option<Sender<ImageJob>>,
    /// A process of each container, as a way to its root directory.
    processes: Recent<ContainerKey, ContainerQuery>,
    /// Images that were scanned or wait for it.
    known_images: Recent<String, ()>,
    stop: Arc<AtomicBool>,
    /// Disconnected once all workers are done.
    done: Receiver<()>,
    workers: Vec<JoinHandle<()>>,
}

/// Which queue a request waits in.
fn queue_of(reason: ScanReason) -> usize {
    match reason {
        ScanReason::DriftUsed => 0,
        ScanReason::Written => 1,
        ScanReason::Used | ScanReason::Image | ScanReason::Asked => 2,
    }
}

impl FileScanner {
    /// Starts the workers, which hand every answer to `answers`.
    ///
    /// # Errors
    /// The system's refusal to start a thread.
    pub(crate) fn start(
        settings: ScanSettings,
        answers: impl Fn(Scanned) + Clone + Send + 'static,
    ) -> std::io::Result<FileScanner> {
        let (urgent, urgent_out) = bounded(limits::QUEUE_MAX);
        let (written, written_out) = bounded(limits::QUEUE_MAX);
        let (used, used_out) = bounded(limits::QUEUE_MAX);
        let (images, images_out) = bounded(limits::IMAGES_WAITING_MAX);
        let (done_in, done) = bounded::<()>(0);
        let stop = Arc::new(AtomicBool::new(false));
        let queues = Queues {
            files: [urgent_out, written_out, used_out],
            images: images_out,
        };
        let mut workers = Vec::new();
        for _ in 0..settings.threads.max(1) {
            let (queues, answers, done_in) = (queues.clone(), answers.clone(), done_in.clone());
            let (rules, stop) = (Arc::clone(&settings.rules), Arc::clone(&stop));
            let thread = std::thread::Builder::new().name("scanner".to_owned());
            workers.push(thread.spawn(move || {
                // Dropped last, whichever way the thread ends.
                let _done = done_in;
                if let Err(error) = rustix::process::setpriority_process(None, NICE) {
                    tracing::debug!(%error, "scanner runs at normal priority");
                }
                // Made here: what matches rules can't change threads.
                Worker::new(PathBuf::from("/proc"), rules, stop).run(&queues, answers);
            })?);
        }
        Ok(FileScanner {
            settings,
            jobs: Some([urgent, written, used]),
            images: Some(images),
            processes: Recent::new(limits::CONTAINERS_MAX),
            known_images: Recent::new(limits::IMAGES_MAX),
            stop,
            done,
            workers,
        })
    }

    /// Takes hold of the file at once and queues the request. Never waits.
    ///
    /// # Errors
    /// If too many requests wait, the answer that says so.
    pub(crate) fn submit(&mut self, request: ScanRequest) -> Result<(), Box<ScanAnswer>> {
        let full = |token| Err(Box::new(unread(token, InspectionError::QueueFull)));
        let queue = self
            .jobs
            .as_ref()
            .and_then(|jobs| jobs.get(queue_of(request.reason)));
        let Some(queue) = queue.filter(|queue| !queue.is_full()) else {
            return full(request.file.token);
        };
        let held = match queue.len() < limits::HELD_MAX {
            true => Held::take(std::path::Path::new("/proc"), &request.file),
            false => Held::default(),
        };
        let other = self
            .processes
            .get(&request.file.container)
            .map(|query| query.process);
        let job = Job {
            request,
            held,
            other,
        };
        match queue.try_send(job) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => {
                full(job.request.file.token)
            }
        }
    }

    /// Notes a container: one of its processes is a way into its root directory.
    pub(crate) fn note(&mut self, query: ContainerQuery) {
        self.processes.insert(query.key, query);
    }

    /// A container's metadata arrived: looks its image up in the lists, and has its files scanned if that is wanted
    /// and was not done. Never waits.
    pub(crate) fn meet(&mut self, key: ContainerKey, container: &Container) -> Option<ScanAnswer> {
        if self.settings.images {
            self.queue_image(key, container);
        }
        let digest = Some(container.image_digest.as_str()).filter(|digest| !digest.is_empty());
        let threat = self.settings.rules.image_threat(&container.image, digest)?;
        let mut answer = unread(0, InspectionError::Unreadable);
        answer.error = None;
        answer.findings.push(Finding {
            key: "malware.malicious_program".to_owned(),
            family: "listed image".to_owned(),
            score: 100,
            engine: ScanEngine::Image,
            rule: threat.list,
            reasons: vec![format!(
                "the image is listed as {}: {}",
                threat.entry, threat.reason
            )],
            matches: Vec::new(),
        });
        Some(answer)
    }

    fn queue_image(&mut self, key: ContainerKey, container: &Container) {
        // Without a name, as with bare runc, each container has an image of its own.
        let names = [&container.image_id, &container.image, &container.id];
        let name = names.into_iter().find(|name| !name.is_empty());
        let name = name.cloned().unwrap_or_default();
        let Some(query) = self.processes.get(&key).copied() else {
            return;
        };
        if self.known_images.get(&name).is_some() {
            return;
        }
        let job = ImageJob {
            image: name.clone(),
            query,
        };
        match self.images.as_ref().map(|images| images.try_send(job)) {
            Some(Ok(())) => self.known_images.insert(name, ()),
            // The image's next container makes up for it.
            _ => tracing::warn!(image = name, "image is not scanned: too many wait"),
        }
    }
}

/// An answer that says nothing but why.
fn unread(token: u64, error: InspectionError) -> ScanAnswer {
    ScanAnswer {
        token,
        sha256: None,
        size: 0,
        fuzzy: None,
        distance: None,
        findings: Vec::new(),
        gaps: Vec::new(),
        error: Some(error),
    }
}

impl Drop for FileScanner {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.jobs = None;
        self.images = None;
        let is_done = matches!(
            self.done.recv_timeout(limits::STOP_TIME_MAX),
            Err(crossbeam_channel::RecvTimeoutError::Disconnected)
        );
        if !is_done {
            tracing::warn!("scanner is busy with a file and is left behind");
            return;
        }
        for worker in self.workers.drain(..) {
            // A panic has been reported by the thread itself.
            let _ = worker.join();
        }
    }
}
