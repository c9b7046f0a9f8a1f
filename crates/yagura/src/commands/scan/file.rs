//! One file: as it is, and what is in it if it is an archive.

use super::image::{self, INDEX_BYTES_MAX};
use super::lines::{Line, Place};
use super::work::{FileResult, Run};
use std::fs::File;
use std::io::{self, Read, Seek as _};
use yagura_scan::archive::{ArchiveGap, ArchiveSink, UntilError, visit_archive};
use yagura_scan::walk::FoundFile;
use yagura_scan::{Report, Scanner};

/// Lines about one file. Stops an archive of nothing but findings from filling the memory.
const LINES_MAX: usize = 1000;
/// Bytes of a file that is read to its end for its digest. Of a larger one, such as a sparse file that claims to be, only
/// what rules look at is read.
const DIGEST_BYTES_MAX: u64 = 4 << 30;

/// Scans a file.
pub(super) fn scan(run: &Run, scanner: &mut Scanner, found: &FoundFile) -> FileResult {
    let mut scan = FileScan {
        run,
        scanner,
        path: found.path(),
        lines: Vec::new(),
    };
    let mut result = FileResult {
        lines: Vec::new(),
        bytes: 0,
        was_read: false,
    };
    match found.open() {
        Ok(file) => (result.bytes, result.was_read) = scan.file(file, found.size()),
        Err(error) => scan.say(&[], format!("can't be read: {error}")),
    }
    run.progress.add(found.size().saturating_sub(result.bytes));
    result.lines = scan.lines;
    result
}

struct FileScan<'a> {
    run: &'a Run,
    scanner: &'a mut Scanner,
    path: &'a [u8],
    lines: Vec<Line>,
}

impl FileScan<'_> {
    /// Scans an open file; returns how many bytes there were and whether any could be read.
    fn file(&mut self, mut file: File, size: u64) -> (u64, bool) {
        let bytes_max = match size {
            // Files of /proc have no size, and some of them no end that is ever reached.
            1..=DIGEST_BYTES_MAX => DIGEST_BYTES_MAX,
            _ => self.run.settings.config.file_bytes_max,
        };
        let mut watched = Watched {
            reader: &file,
            run: self.run,
            bytes: 0,
            bytes_max,
        };
        let done = self.content(&[], Some(size.min(bytes_max)), &mut watched);
        let bytes = watched.bytes;
        if let Err(error) = done {
            self.say(&[], format!("not read further: {error}"));
            if bytes == 0 {
                return (0, false);
            }
        }
        if self.run.budget.is_stopped() {
            self.gap(&[], ArchiveGap::Stopped);
        } else if let Some(limits) = self.run.settings.archives {
            let visited = file
                .rewind()
                .and_then(|()| visit_archive(self.path, &mut file, limits, &self.run.budget, self));
            if let Err(error) = visited {
                self.say(&[], format!("can't be read as an archive: {error}"));
            }
        }
        (bytes, true)
    }

    /// Scans content up to its end or to an error, which is returned.
    fn content(
        &mut self,
        members: &[Vec<u8>],
        size: Option<u64>,
        content: &mut dyn Read,
    ) -> io::Result<()> {
        let name = members.last().map_or(self.path, Vec::as_slice);
        let hint = size.unwrap_or(0);
        let mut content = UntilError::new(content);
        let mut findings = Vec::new();
        let is_index = !self.run.settings.config.image_lists.is_empty()
            && hint <= INDEX_BYTES_MAX
            && image::is_index(name);
        let mut report = if is_index {
            let mut bytes = Vec::new();
            content
                .by_ref()
                .take(INDEX_BYTES_MAX)
                .read_to_end(&mut bytes)?;
            findings = image::findings(self.scanner.rules(), &bytes);
            self.scanner
                .scan_reader(name, hint, bytes.chain(&mut content))?
        } else {
            self.scanner.scan_reader(name, hint, &mut content)?
        };
        let error = content.into_error();
        findings.append(&mut report.findings);
        report.findings = findings;
        self.report(members, &report, error.is_none());
        error.map_or(Ok(()), Err)
    }

    fn report(&mut self, members: &[Vec<u8>], report: &Report, is_whole: bool) {
        if report.findings.is_empty() && report.gaps.is_empty() {
            return;
        }
        let place = Place::new(self.path, members);
        for finding in &report.findings {
            self.add(Line::finding(place.clone(), finding, report, is_whole));
        }
        for gap in &report.gaps {
            self.say(members, gap.clone());
        }
    }

    fn say(&mut self, members: &[Vec<u8>], gap: String) {
        let place = Place::new(self.path, members);
        self.add(Line::Gap { place, gap });
    }

    fn add(&mut self, line: Line) {
        match self.lines.len().cmp(&LINES_MAX) {
            std::cmp::Ordering::Less => self.lines.push(line),
            std::cmp::Ordering::Equal => self.lines.push(Line::Gap {
                place: Place::new(self.path, &[]),
                gap: format!("there is more to be told than {LINES_MAX} lines"),
            }),
            std::cmp::Ordering::Greater => {}
        }
    }
}

impl ArchiveSink for FileScan<'_> {
    fn member(
        &mut self,
        path: &[Vec<u8>],
        size: Option<u64>,
        content: &mut dyn Read,
    ) -> io::Result<()> {
        self.content(path, size, content)
    }

    fn gap(&mut self, path: &[Vec<u8>], gap: ArchiveGap) {
        self.say(path, gap.to_string());
    }
}

/// A file that is read, counted, and left when the run ends or it has more bytes than are read.
struct Watched<'a> {
    reader: &'a File,
    run: &'a Run,
    bytes: u64,
    bytes_max: u64,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.run.budget.is_stopped() {
            return Err(io::Error::other("the scan was interrupted"));
        }
        let left = self.bytes_max - self.bytes;
        if left == 0 {
            return match self.reader.read(&mut [0])? {
                0 => Ok(0),
                _ => Err(io::Error::other(format!(
                    "it has more than {} bytes; there is no digest",
                    self.bytes_max
                ))),
            };
        }
        let length = self.reader.take(left).read(buffer)?;
        self.bytes += length as u64;
        self.run.progress.add(length as u64);
        Ok(length)
    }
}
