//! The thread that answers: one request after the other, walks in between.

use super::InspectorConfig;
use super::baseline::Baselines;
use super::copies::{Images, Original};
use super::file::{Facts, Found};
use super::hash::Reader;
use super::layers::{self, ImageFile};
use super::limits::{ARGUMENTS_MAX, CONTAINERS_MAX, PATH_BYTES_MAX, PROCESSES_MAX, WALK_SLICE};
use super::open::{Held, Search, is_same_file, process_key};
use super::process::Process;
use super::recent::Recent;
use crossbeam_channel::{Receiver, Sender, TryRecvError};
use rustix::fd::OwnedFd;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;
use yagura_event::{
    ContainerKey, ContainerQuery, FileFlags, Inspection, InspectionRequest, ProcessKey, Sha256,
    Text, Twin,
};

/// A request on its way to the worker.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) request: InspectionRequest,
    pub(super) held: Held,
}

/// A container that was met.
#[derive(Debug)]
pub(super) struct Note {
    pub(super) query: ContainerQuery,
    /// Its root directory, where that is no overlay.
    pub(super) root: Option<OwnedFd>,
}

/// A request whose asker waits.
#[derive(Debug)]
pub(super) struct Urgent {
    pub(super) job: Job,
    pub(super) answer: Sender<Inspection>,
}

/// Where work comes from.
#[derive(Debug)]
pub(super) struct Queues {
    pub(super) jobs: Receiver<Job>,
    pub(super) notes: Receiver<Note>,
    pub(super) urgent: Receiver<Urgent>,
}

/// What the worker knows.
#[derive(Debug)]
pub(super) struct Worker {
    proc_root: PathBuf,
    reader: Reader,
    images: Images,
    baselines: Baselines,
    /// Processes of each container, the latest first.
    processes: Recent<ContainerKey, VecDeque<ProcessKey>>,
}

impl Worker {
    pub(super) fn new(config: InspectorConfig, stop: Arc<AtomicBool>) -> Worker {
        Worker {
            reader: Reader::new(config.proc_root.clone(), config.hash_bytes_max, stop),
            proc_root: config.proc_root,
            images: Images::new(),
            baselines: Baselines::new(),
            processes: Recent::new(CONTAINERS_MAX),
        }
    }

    /// Works until it is told to stop or the handle is gone.
    pub(super) fn run(mut self, queues: &Queues, answers: impl Fn(Inspection)) {
        let Queues {
            jobs,
            notes,
            urgent,
        } = queues;
        while !self.reader.is_stopping() {
            for note in notes.try_iter() {
                self.note(note);
            }
            for urgent in urgent.try_iter() {
                self.answer_now(urgent);
            }
            match jobs.try_recv() {
                Ok(job) => answers(self.answer(job)),
                Err(TryRecvError::Disconnected) => return,
                Err(TryRecvError::Empty) => {
                    let until = Instant::now() + WALK_SLICE;
                    if self.baselines.advance(until)
                        || self.images.advance(until)
                        || self.read_baselines(until)
                    {
                        continue;
                    }
                    crossbeam_channel::select! {
                        recv(jobs) -> job => match job {
                            Ok(job) => answers(self.answer(job)),
                            Err(_) => return,
                        },
                        recv(notes) -> note => match note {
                            Ok(note) => self.note(note),
                            Err(_) => return,
                        },
                        recv(urgent) -> urgent => match urgent {
                            Ok(urgent) => self.answer_now(urgent),
                            Err(_) => return,
                        },
                    }
                }
            }
        }
    }

    fn answer_now(&mut self, Urgent { job, answer }: Urgent) {
        // Whoever asked may have given up.
        let _ = answer.send(self.answer(job));
    }

    fn note(&mut self, Note { query, root }: Note) {
        self.remember(query.key, query.process);
        if let Some(root) = root {
            self.baselines.begin(query.key, &query.root, root);
        }
    }

    fn remember(&mut self, key: ContainerKey, process: ProcessKey) {
        match self.processes.get(&key) {
            None => self.processes.insert(key, VecDeque::from([process])),
            Some(known) => {
                if !known.contains(&process) {
                    known.push_front(process);
                }
                // The first process met is the likeliest to live as long as the container.
                if known.len() > PROCESSES_MAX {
                    known.remove(PROCESSES_MAX - 1);
                }
            }
        }
    }

    fn read_baselines(&mut self, until: Instant) -> bool {
        let (processes, proc_root) = (&mut self.processes, &self.proc_root);
        self.baselines.read(until, &self.reader, |key| {
            let known = processes.get(&key).into_iter().flatten();
            known
                .filter_map(|process| Process::open(proc_root, *process)?.link("root").ok())
                .collect()
        })
    }

    fn answer(&mut self, job: Job) -> Inspection {
        let Job { request, held } = job;
        let others: Vec<ProcessKey> = self
            .processes
            .get(&request.container)
            .map(|known| known.iter().copied().collect())
            .unwrap_or_default();
        self.remember(request.container, process_key(&request));
        let mut search = Search::new(&self.proc_root, &request, held, &others);
        self.begin_missing_baseline(&request, &search);
        let mut answer = unread(request.token);
        let found = search.find();
        match &found {
            Ok(found) => self.read(&request, found, &mut answer),
            Err(error) => answer.error = Some(*error),
        }
        let found = found.ok();
        answer.twin = self.twin(&request, found.as_ref(), answer.sha256);
        if let (Some(found), Some(sha256)) = (&found, answer.sha256)
            // Layers were compared by content, a plain root at first by inode.
            && !(request.root.overlay && answer.twin == Twin::Same)
            && found.facts.size > 0
        {
            answer.copy_of = self.copied(&request, found, sha256, &search);
        }
        answer.named_by_argument = is_named_by_argument(&request, found.as_ref(), &search);
        answer
    }

    /// The process that was met first may have ended before its root directory could be opened.
    fn begin_missing_baseline(&mut self, request: &InspectionRequest, search: &Search<'_>) {
        let key = request.container;
        if request.root.overlay || self.baselines.has(key) {
            return;
        }
        for root in search.roots() {
            if let Ok(root) = root.try_clone() {
                self.baselines.begin(key, &request.root, root);
            }
        }
    }

    fn read(&mut self, request: &InspectionRequest, found: &Found, answer: &mut Inspection) {
        let flags = request.file.flags;
        let is_being_written = flags.has(FileFlags::BEING_WRITTEN);
        let content = self.reader.read(found, request.file.key, is_being_written);
        answer.error = content.sha256.err();
        answer.sha256 = content.sha256.ok();
        answer.head = content.head;
        answer.is_program = content.is_program;
        // A memory file never had a name to lose.
        answer.deleted = found.facts.links == 0 && !flags.has(FileFlags::MEMFD);
    }

    fn twin(
        &mut self,
        request: &InspectionRequest,
        found: Option<&Found>,
        sha256: Option<Sha256>,
    ) -> Twin {
        let (file, root) = (&request.file, &request.root);
        if root.dev == 0 {
            return Twin::Unknown;
        }
        if file.key.id.dev != root.dev {
            return Twin::Absent;
        }
        if !root.overlay {
            let baseline = self.baselines.get(request.container);
            return baseline.map_or(Twin::Unknown, |baseline| {
                baseline.twin(file.path.as_bytes(), file.key.id.ino, sha256)
            });
        }
        let Some(dirs) = &request.layers else {
            return Twin::Unknown;
        };
        match layers::find(&dirs.lower, file.path.as_bytes()) {
            ImageFile::Unknown => Twin::Unknown,
            ImageFile::Absent => Twin::Absent,
            ImageFile::Present { found: image, .. } => {
                let size = found.map_or(file.key.size, |found| found.facts.size);
                self.compare(&image, size, sha256)
            }
        }
    }

    fn compare(&mut self, image: &Found, size: u64, sha256: Option<Sha256>) -> Twin {
        if image.facts.size != size {
            return Twin::Different;
        }
        match (sha256, self.reader.digest_of_image_file(image).ok()) {
            (Some(own), Some(image)) if own == image => Twin::Same,
            (Some(_), Some(_)) => Twin::Different,
            _ => Twin::Unknown,
        }
    }

    fn copied(
        &mut self,
        request: &InspectionRequest,
        found: &Found,
        sha256: Sha256,
        search: &Search<'_>,
    ) -> Option<Text> {
        let original = Original {
            path: request.file.path.as_bytes(),
            size: found.facts.size,
            sha256,
        };
        if request.root.overlay {
            let layers = request.layers.as_ref()?;
            return self
                .images
                .find_copied(&layers.lower, &original, &mut self.reader);
        }
        let copied = self.baselines.get(request.container)?.find_copied(
            &original,
            &found.facts,
            search.roots(),
            &mut self.reader,
        )?;
        (copied != request.file.path || is_as_it_was_used(request, found)).then_some(copied)
    }
}

/// Whether what was read is what was used. Else whoever runs a changed file and puts the image's content back before it
/// is read would go unseen. A change within the same clock tick, the change time's resolution on most file systems,
/// can't be told.
fn is_as_it_was_used(request: &InspectionRequest, found: &Found) -> bool {
    let used = &request.file.key;
    Facts::of(&found.handle).is_ok_and(|now| (now.ctime_ns, now.size) == (used.ctime_ns, used.size))
}

/// Whether an argument, resolved as the container sees it, leads to the file.
fn is_named_by_argument(
    request: &InspectionRequest,
    found: Option<&Found>,
    search: &Search<'_>,
) -> bool {
    let is_file = |facts: Facts| match found {
        Some(found) if (facts.dev, facts.ino) == (found.facts.dev, found.facts.ino) => true,
        // The file may have been found below the layer's directory, where its device is another.
        _ => is_same_file(&request.file, &facts),
    };
    request
        .arguments
        .iter()
        .map(Text::as_bytes)
        .filter(|argument| !argument.is_empty() && !argument.starts_with(b"-"))
        .take(ARGUMENTS_MAX)
        .map(|argument| match argument.starts_with(b"/") {
            true => argument.to_vec(),
            false => [request.cwd.as_bytes(), b"/", argument].concat(),
        })
        .filter(|path| path.len() <= PATH_BYTES_MAX)
        .any(|path| search.look_up(&path).is_some_and(is_file))
}

/// An answer that says nothing yet.
pub(super) fn unread(token: u64) -> Inspection {
    Inspection {
        token,
        sha256: None,
        head: Vec::new(),
        is_program: false,
        twin: Twin::Unknown,
        copy_of: None,
        named_by_argument: false,
        deleted: false,
        error: None,
    }
}
