//! Files handed to the scanner, and findings made into events.

use super::Pipeline;
use crate::case::shown_path;
use crate::detect::{SeenScan, What, absolute};
use crate::process_table::{ExeOrigin, Program};
use crate::scan::{Answered, Lookup, Use, places};
use crate::sink::Sink;
use std::sync::Arc;
use yagura_event::{
    Base, BaseFlags, Call, CallEvent, ContainerKey, DropReason, FileFacts, FileFlags, Finding,
    InspectionRequest, ScanAnswer, ScanEngine, ScanReason, ScanRequest, Text, Writer, WrittenEvent,
};

/// A TLSH distance below which a file counts as a changed copy of the program that wrote it.
///
/// Source: Oliver, Cheng, Chen, "TLSH - A Locality Sensitive Hash" (2013), table 2: at 60, four in five pairs of
/// related files are found and one in two hundred of unrelated ones.
const CHANGED_COPY_DISTANCE_MAX: u32 = 60;

/// Calls by which a file gets another name, or the right to be executed.
pub(super) const RENAMED: [Call; 9] = [
    Call::Rename,
    Call::Renameat,
    Call::Renameat2,
    Call::Link,
    Call::Linkat,
    Call::Chmod,
    Call::Fchmod,
    Call::Fchmodat,
    Call::Fchmodat2,
];

/// Mode bits as chmod(2) takes them.
fn mode_of(argument: u64) -> u32 {
    u32::try_from(argument & 0o7777).unwrap_or_default()
}

impl Pipeline {
    /// A process closed a file that it had written.
    pub(super) fn written(&mut self, event: WrittenEvent, sink: &mut impl Sink) {
        let base = event.base;
        if base.flags.has(BaseFlags::RUNTIME_STAGE) || !self.admit(&base, sink) {
            return;
        }
        self.stats.written_files += 1;
        let mut file = event.file;
        if file.flags.has(FileFlags::DELETED) {
            return;
        }
        file.writer = Some(file.writer.unwrap_or(Writer {
            program: base.program,
            time: base.time,
        }));
        if places::is_watched(&file) {
            self.scan(&base, &file, ScanReason::Written, sink);
        }
        self.scans.remember_written(base.container, file);
    }

    /// A file was given a new name or mode: one that was written under a name of no interest may have become a page, a job
    /// or a program.
    ///
    /// The call names no file, so it is known by its path. What the image brought along is scanned when it is used.
    pub(super) fn renamed(&mut self, event: &CallEvent, sink: &mut impl Sink) {
        if !self.config.scans || !RENAMED.contains(&event.call) || event.result < 0 {
            return;
        }
        let resolved = |directory: &Text, path: &Text| {
            absolute(directory, path).unwrap_or_else(|| path.clone())
        };
        let container = event.base.container;
        let from = match &event.file {
            Some(file) => file.path.clone(),
            None => resolved(&event.directory, &event.path),
        };
        let Some(mut file) = self.scans.written(container, &from) else {
            return;
        };
        let [_, second, third, ..] = event.arguments;
        match event.call {
            Call::Chmod | Call::Fchmod => file.mode = mode_of(second),
            Call::Fchmodat | Call::Fchmodat2 => file.mode = mode_of(third),
            _ => file.path = resolved(&event.new_directory, &event.new_path),
        }
        if places::is_watched(&file) {
            self.scan(&event.base, &file, ScanReason::Written, sink);
        }
        self.scans.remember_written(container, file);
    }

    /// A file came to run; it is the image's, or it may be drift.
    pub(super) fn scan_used(
        &mut self,
        base: &Base,
        file: &FileFacts,
        is_image: bool,
        sink: &mut impl Sink,
    ) {
        let reason = match is_image {
            true => ScanReason::Used,
            false => ScanReason::DriftUsed,
        };
        self.scan(base, file, reason, sink);
    }

    /// A file came to run, or was written where it may: the scanner is asked unless it has been.
    fn scan(&mut self, base: &Base, file: &FileFacts, reason: ScanReason, sink: &mut impl Sink) {
        if !self.config.scans || file.key.size == 0 {
            return;
        }
        let used = Use {
            base: *base,
            file: file.clone(),
            reason,
        };
        match self.scans.look_up(&used) {
            Lookup::Nothing => {}
            Lookup::Full => self.lost(DropReason::Full, 1, sink),
            Lookup::Found(answer) => self.found(&answer, &used),
            Lookup::Ask => {
                // Apart from those of inspections: a replay without a scanner asks the same of the inspector.
                self.scan_token += 1;
                let token = self.scan_token;
                let request = self.scan_request(token, &used);
                self.stats.scans += 1;
                self.scans.ask(token, used);
                sink.scan(request);
            }
        }
    }

    fn scan_request(&self, token: u64, used: &Use) -> ScanRequest {
        let base = &used.base;
        let entry = self.containers.get(base.container);
        let program = self.programs.program(base.program);
        let is_exe = program.is_some_and(|program| program.exe_file.id == used.file.key.id);
        ScanRequest {
            file: InspectionRequest {
                token,
                file: used.file.clone(),
                pid: base.process.pid,
                is_exe,
                start_ns: base.process.start_ns,
                container: base.container,
                root: entry
                    .and_then(|entry| entry.home)
                    .map(|home| home.root)
                    .unwrap_or_default(),
                layers: entry.and_then(|entry| entry.layers.clone()),
                arguments: Vec::new(),
                cwd: Text::default(),
            },
            reason: used.reason,
            writer_fuzzy: self
                .foreign_writer(&used.file)
                .and_then(|writer| self.scans.fuzzy(&writer.exe_file))
                .map(str::to_owned),
        }
    }

    /// The program that wrote a file, if it is not the image's.
    fn foreign_writer(&self, file: &FileFacts) -> Option<&Program> {
        let writer = self.programs.program(file.writer?.program)?;
        let is_foreign = writer.exe_origin == ExeOrigin::Other;
        (is_foreign && writer.exe_file.id != file.key.id).then_some(writer)
    }

    /// The scanner answered.
    pub(super) fn scanned(&mut self, answer: ScanAnswer) {
        let Some(Answered { answer, uses }) = self.scans.answer(answer) else {
            return;
        };
        if let Some(error) = answer.error {
            *self.stats.unscanned.entry(error.text()).or_default() += 1;
        }
        self.stats.scan_gaps += answer.gaps.len() as u64;
        for used in uses {
            self.found(&answer, &used);
        }
    }

    /// Findings of the scanner that no file of an event led to: in an image, or of an image on a list.
    pub(super) fn found_in_image(
        &mut self,
        container: ContainerKey,
        path: Text,
        answer: &ScanAnswer,
    ) {
        let home = self.containers.get(container).and_then(|entry| entry.home);
        let process = home.map(|home| home.init).unwrap_or_default();
        let base = Base {
            time: self.now(),
            container,
            process,
            program: self.programs.current(process).unwrap_or_default(),
            ..Base::default()
        };
        let mut file = FileFacts {
            path,
            ..FileFacts::default()
        };
        file.key.size = answer.size;
        let used = Use {
            base,
            file,
            reason: ScanReason::Image,
        };
        self.found(answer, &used);
    }

    fn found(&mut self, answer: &ScanAnswer, used: &Use) {
        let mut findings = answer.findings.clone();
        findings.extend(self.changed_copy(answer, used));
        if findings.is_empty() {
            return;
        }
        self.stats.scan_findings += 1;
        let path = shown_path(&used.file);
        let mut told: Vec<&str> = Vec::new();
        for finding in &findings {
            // The surest finding of each key makes the event, the others are its evidence.
            if told.contains(&finding.key.as_str()) {
                continue;
            }
            told.push(&finding.key);
            let others = findings.iter().filter(|other| *other != finding);
            let seen = SeenScan {
                finding: finding.clone(),
                others: others.cloned().collect(),
                path: path.clone(),
                file: used.file.key.id,
                size: answer.size,
                sha256: answer.sha256,
                fuzzy: answer.fuzzy.clone(),
                distance: answer.distance,
                reason: used.reason,
                writer: used.file.writer,
            };
            let what = What::Scan(Arc::new(seen));
            self.detect(|detector, around| detector.scan_finding(&used.base, what, around));
        }
    }

    /// A program that ran and was written by another that it resembles but does not equal.
    fn changed_copy(&self, answer: &ScanAnswer, used: &Use) -> Option<Finding> {
        let distance = answer.distance?;
        let writer = self.foreign_writer(&used.file)?;
        let is_changed = distance > 0 && distance < CHANGED_COPY_DISTANCE_MAX;
        (is_changed && used.reason == ScanReason::DriftUsed).then(|| Finding {
            key: "malware.self_mutating_trojan".to_owned(),
            family: "changed copy of itself".to_owned(),
            score: 90,
            engine: ScanEngine::Fuzzy,
            rule: "likeness to the writer".to_owned(),
            reasons: vec![format!(
                "the program resembles the one that wrote it, {}, at a TLSH distance of {distance}, and is not equal to it",
                yagura_event::escape(writer.exe())
            )],
            matches: Vec::new(),
        })
    }
}
