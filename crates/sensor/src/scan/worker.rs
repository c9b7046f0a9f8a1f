//! The thread that scans: the most urgent file first, an image's files while nothing else is to be done.

use super::images::{ImageJob, ImageScan};
use super::{Scanned, libraries, limits, unread};
use crate::inspect::{Found, Held, Process, Reader, Recent, Search, key_of};
use crossbeam_channel::{Receiver, select_biased};
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use yagura_event::{
    ContainerKey, FileFlags, FileKey, InspectionError, ProcessKey, ScanAnswer, ScanReason,
    ScanRequest, Sha256, Text,
};
use yagura_scan::{Report, ScanRules, Scanner, fuzzy_digest, fuzzy_distance};
use yagura_webshell::language_of;

/// A request on its way to a worker.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) request: ScanRequest,
    pub(super) held: Held,
    /// Another process of the container.
    pub(super) other: Option<ProcessKey>,
}

/// What workers take their work from.
#[derive(Debug, Clone)]
pub(super) struct Queues {
    /// The most urgent first.
    pub(super) files: [Receiver<Job>; 3],
    /// Images, when no file waits.
    pub(super) images: Receiver<ImageJob>,
}

/// What is to be done next.
enum Next {
    File(Box<Job>),
    Image(ImageJob),
    /// Nothing waits.
    Idle,
    /// The handle is gone.
    End,
}

/// What is remembered of a content.
#[derive(Debug, Clone)]
struct Seen {
    report: Report,
}

/// One thread's state.
#[derive(Debug)]
pub(super) struct Worker {
    proc_root: PathBuf,
    reader: Reader,
    scanner: Scanner,
    /// Findings by content; a script's also hang on the language that its name gives it.
    contents: Recent<(Sha256, Option<&'static str>), Seen>,
    image: Option<ImageScan>,
}

impl Worker {
    pub(super) fn new(proc_root: PathBuf, rules: Arc<ScanRules>, stop: Arc<AtomicBool>) -> Worker {
        Worker {
            reader: Reader::new(proc_root.clone(), limits::FILE_BYTES_MAX, stop),
            proc_root,
            scanner: Scanner::new(rules),
            contents: Recent::new(limits::CONTENTS_MAX),
            image: None,
        }
    }

    /// Works until it is told to stop or the handle is gone.
    pub(super) fn run(&mut self, queues: &Queues, answers: impl Fn(Scanned)) {
        while !self.reader.is_stopping() {
            match next(queues, self.image.is_some()) {
                Next::File(job) => self.file(*job, &answers),
                Next::Image(job) => self.image = ImageScan::begin(&self.proc_root, job),
                Next::Idle => self.advance_image(&answers),
                Next::End => return,
            }
        }
    }

    fn file(&mut self, job: Job, answers: &impl Fn(Scanned)) {
        let request = &job.request.file;
        let program = (job.request.reason == ScanReason::Used && request.is_exe).then(|| {
            let key = ProcessKey {
                pid: request.pid,
                start_ns: request.start_ns,
            };
            (key, request.container, request.file.path.clone())
        });
        answers(Scanned::File(self.answer(job)));
        if let Some((process, container, exe)) = program {
            self.libraries(process, container, &exe, answers);
        }
    }

    /// Scans what a program of the image has loaded by now.
    fn libraries(
        &mut self,
        process: ProcessKey,
        container: ContainerKey,
        exe: &Text,
        answers: &impl Fn(Scanned),
    ) {
        let Some(process) = Process::open(&self.proc_root, process) else {
            return;
        };
        let Ok(root) = process.link("root") else {
            return;
        };
        for path in libraries::paths(&process, exe.as_bytes()) {
            let Some(found) = libraries::find(&root, &path) else {
                continue;
            };
            let key = key_of(&found.facts);
            if let Ok(report) = self.scan(&found, key, false, &path)
                && !report.findings.is_empty()
            {
                let path = Text::from(path.as_slice());
                answers(Scanned::Image(container, path, answer_of(0, report)));
            }
        }
    }

    fn answer(&mut self, job: Job) -> ScanAnswer {
        let request = &job.request.file;
        let others: Vec<ProcessKey> = job.other.into_iter().collect();
        let mut search = Search::new(&self.proc_root, request, job.held, &others);
        let found = match search.find() {
            Ok(found) => found,
            Err(error) => return unread(request.token, error),
        };
        let is_being_written = request.file.flags.has(FileFlags::BEING_WRITTEN);
        let name = request.file.path.as_bytes();
        let mut answer = match self.scan(&found, request.file.key, is_being_written, name) {
            Ok(report) => answer_of(request.token, report),
            Err(error) => return unread(request.token, error),
        };
        if job.request.reason == ScanReason::DriftUsed && request.is_exe {
            answer.fuzzy = self.fuzzy(&found);
        }
        let writer = job.request.writer_fuzzy.as_deref();
        answer.distance = answer
            .fuzzy
            .as_deref()
            .zip(writer)
            .and_then(|(own, writer)| fuzzy_distance(own, writer));
        answer
    }

    /// Scans a file, unless the same content was scanned before.
    fn scan(
        &mut self,
        found: &Found,
        key: FileKey,
        is_being_written: bool,
        name: &[u8],
    ) -> Result<Report, InspectionError> {
        let content = self.reader.read(found, key, is_being_written);
        let language = language_of(name, &content.head).map(|language| language.as_str());
        let seen_as = (content.sha256?, language);
        if let Some(seen) = self.contents.get(&seen_as) {
            return Ok(seen.report.clone());
        }
        let file = found
            .open(&self.proc_root)
            .map_err(|_| InspectionError::Unreadable)?;
        let bounded = file.take(limits::FILE_BYTES_MAX);
        let report = self
            .scanner
            .scan_reader(name, found.facts.size, bounded)
            .map_err(|_| InspectionError::Unreadable)?;
        // A file that changed in between is remembered as what was scanned.
        let seen = Seen {
            report: report.clone(),
        };
        self.contents.insert((report.sha256, language), seen);
        Ok(report)
    }

    fn fuzzy(&self, found: &Found) -> Option<String> {
        let is_small = found.facts.size <= limits::FUZZY_BYTES_MAX;
        let file = is_small
            .then(|| found.open(&self.proc_root).ok())
            .flatten()?;
        let mut content = Vec::new();
        file.take(limits::FUZZY_BYTES_MAX)
            .read_to_end(&mut content)
            .ok()?;
        fuzzy_digest(&content)
    }

    fn advance_image(&mut self, answers: &impl Fn(Scanned)) {
        let Some(mut image) = self.image.take() else {
            return;
        };
        let is_over = image.advance(limits::IMAGE_SLICE, |found, path| {
            let key = FileKey::default();
            // Never one that is known by that key: image files are remembered by content alone.
            let report = self.scan(found, key, true, path).ok()?;
            (!report.findings.is_empty()).then(|| answer_of(0, report))
        });
        for (path, answer) in image.take_found() {
            answers(Scanned::Image(image.container(), path, answer));
        }
        if !is_over {
            self.image = Some(image);
        }
    }
}

fn answer_of(token: u64, report: Report) -> ScanAnswer {
    ScanAnswer {
        token,
        sha256: Some(report.sha256),
        size: report.size,
        fuzzy: report.fuzzy,
        distance: None,
        findings: report.findings,
        gaps: report.gaps,
        error: None,
    }
}

/// Takes what is most urgent; waits only if there is nothing at all to do.
fn next(queues: &Queues, has_image: bool) -> Next {
    let [urgent, written, used] = &queues.files;
    let file = |job: Result<Job, _>| match job {
        Ok(job) => Next::File(Box::new(job)),
        Err(crossbeam_channel::RecvError) => Next::End,
    };
    if has_image {
        return select_biased! {
            recv(urgent) -> job => file(job),
            recv(written) -> job => file(job),
            recv(used) -> job => file(job),
            default => Next::Idle,
        };
    }
    select_biased! {
        recv(urgent) -> job => file(job),
        recv(written) -> job => file(job),
        recv(used) -> job => file(job),
        recv(queues.images) -> job => job.map_or(Next::End, Next::Image),
    }
}
