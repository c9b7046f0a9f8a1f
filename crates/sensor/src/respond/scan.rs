//! Scanning files of a container because somebody asked.

use super::target::Target;
use super::{Done, Undone};
use crate::inspect::{Allowance, Found, Lookup, Progress, Walk, look_up};
use crate::scan::ScanSettings;
use rustix::fd::OwnedFd;
use rustix::fs::FileType;
use serde_json::{Value, json};
use std::io::Read as _;
use std::path::Path;
use std::time::{Duration, Instant};
use yagura_event::{Finding, Sha256, escape};
use yagura_scan::Scanner;

/// How long one command may scan.
const TIME_MAX: Duration = Duration::from_secs(600);
/// How long the walk goes on before what it found is scanned.
const WALK_SLICE: Duration = Duration::from_millis(200);
/// Paths that wait to be scanned.
const WAITING_MAX: usize = 1024;
/// Files of one command.
const FILES_MAX: u64 = 1_000_000;
/// Bytes of one file: what rules look at is in its beginning.
const FILE_BYTES_MAX: u64 = 256 << 20;
/// Findings that are told. Stops a folder of nothing but findings from filling the answer.
const FINDINGS_MAX: usize = 500;
/// The nice value while scanning, which gives way to everything else on the node.
const NICE: i32 = 19;
/// Bytes of the scanning thread's stack: parsers of hostile content recurse, within bounds.
const STACK_BYTES: usize = 8 << 20;

/// Scans a file or folder of a container; all of its own file system if the path is empty.
pub(super) fn scan(
    settings: Option<&ScanSettings>,
    target: &Target,
    path: &str,
) -> Result<Done, Undone> {
    let Some(settings) = settings else {
        return Err(Undone::Refused("this sensor scans no files".to_owned()));
    };
    let root = target.root()?;
    let at = if path.is_empty() { "/" } else { path };
    let start = look_up(&root, at.as_bytes(), Lookup::InRoot).map_err(Undone::failed)?;
    let kind = rustix::fs::fstat(&start).map_err(Undone::failed)?.st_mode;
    // A thread of its own has a nice value of its own.
    let scanned = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("scan-asked".to_owned())
            .stack_size(STACK_BYTES);
        let work = || {
            if let Err(error) = rustix::process::setpriority_process(None, NICE) {
                tracing::debug!(%error, "scanner runs at normal priority");
            }
            let mut scan = Asked::new(Scanner::new(settings.rules.clone()));
            match FileType::from_raw_mode(kind) {
                FileType::RegularFile => scan.one(start, at.as_bytes()),
                FileType::Directory => scan.all(&start, at),
                _ => scan.gaps.push("no file and no folder".to_owned()),
            }
            scan.done()
        };
        let spawned = thread.spawn_scoped(scope, work);
        spawned.map(std::thread::ScopedJoinHandle::join)
    });
    match scanned {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(_)) => Err(Undone::Failed("scanner failed on a file".to_owned())),
        Err(error) => Err(Undone::failed(error)),
    }
}

/// A scan under way.
struct Asked {
    scanner: Scanner,
    until: Instant,
    files: u64,
    bytes: u64,
    unread: u64,
    found: Vec<Value>,
    untold: u64,
    gaps: Vec<String>,
}

impl Asked {
    fn new(scanner: Scanner) -> Asked {
        Asked {
            scanner,
            until: Instant::now() + TIME_MAX,
            files: 0,
            bytes: 0,
            unread: 0,
            found: Vec::new(),
            untold: 0,
            gaps: Vec::new(),
        }
    }

    /// Scans every regular file below a folder, without leaving its file system or following links.
    fn all(&mut self, folder: &OwnedFd, at: &str) {
        let Ok(walked) = folder.try_clone() else {
            self.gaps.push("folder cannot be walked".to_owned());
            return;
        };
        let mut walk = Walk::new(walked);
        let mut allowance = Allowance::default();
        let prefix = at.trim_end_matches('/');
        loop {
            let mut waiting: Vec<Vec<u8>> = Vec::new();
            let until = (Instant::now() + WALK_SLICE).min(self.until);
            let progress = walk.advance(&mut allowance, until, |file| {
                waiting.push(file.path.to_vec());
                waiting.len() < WAITING_MAX
            });
            let is_full = waiting.len() >= WAITING_MAX;
            for path in waiting {
                let below = path.strip_prefix(b"/").unwrap_or(&path);
                if let Ok(file) = look_up(folder, below, Lookup::NoLinks) {
                    let shown = [prefix.as_bytes(), &path].concat();
                    self.one(file, &shown);
                }
            }
            match progress {
                Progress::Complete => return,
                Progress::CutShort if !is_full => {
                    self.gaps
                        .push("there is more than is walked at once".to_owned());
                    return;
                }
                Progress::CutShort | Progress::Unfinished => {}
            }
            if Instant::now() >= self.until || self.files >= FILES_MAX {
                self.gaps
                    .push("not everything was scanned in time".to_owned());
                return;
            }
        }
    }

    fn one(&mut self, file: OwnedFd, path: &[u8]) {
        if Instant::now() >= self.until || self.files >= FILES_MAX {
            return;
        }
        let Ok(found) = Found::new(file) else {
            self.unread += 1;
            return;
        };
        if !found.facts.is_regular() {
            return;
        }
        self.files += 1;
        let size = found.facts.size.min(FILE_BYTES_MAX);
        let opened = found.open(Path::new("/proc")).map_err(std::io::Error::from);
        let report = opened.and_then(|file| {
            self.scanner
                .scan_reader(path, size, file.take(FILE_BYTES_MAX))
        });
        let Ok(report) = report else {
            self.unread += 1;
            return;
        };
        self.bytes += report.size;
        for finding in &report.findings {
            match self.found.len() < FINDINGS_MAX {
                true => self.found.push(line(path, finding, &report.sha256)),
                false => self.untold += 1,
            }
        }
    }

    fn done(mut self) -> Done {
        if self.unread > 0 {
            self.gaps
                .push(format!("{} files cannot be read", self.unread));
        }
        if self.untold > 0 {
            self.gaps.push(format!("{} further findings", self.untold));
        }
        let text = format!(
            "{} files were scanned, {} findings",
            self.files,
            self.found.len() as u64 + self.untold
        );
        Done::new(text).with(json!({
            "files": self.files,
            "bytes": self.bytes,
            "findings": self.found,
            "gaps": self.gaps,
        }))
    }
}

fn line(path: &[u8], finding: &Finding, sha256: &Sha256) -> Value {
    json!({
        "path": escape(path),
        "sha256": sha256.to_string(),
        "key": finding.key,
        "family": escape(finding.family.as_bytes()),
        "score": finding.score,
        "engine": finding.engine.as_str(),
        "rule": escape(finding.rule.as_bytes()),
        "reasons": finding.reasons.iter().take(4).collect::<Vec<_>>(),
    })
}
