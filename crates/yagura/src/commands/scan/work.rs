//! Threads: one walks, several scan, and the results come back in the order of the walk.

use super::file;
use super::lines::{Line, Place};
use super::options::Settings;
use super::progress::Progress;
use crate::exit::Failure;
use crate::signals::Signal;
use anyhow::Context as _;
use crossbeam_channel::{Receiver, Sender, bounded, never, select};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{Builder, Scope};
use yagura_scan::archive::RunBudget;
use yagura_scan::walk::{FoundFile, Skipped, Visit, Walk};
use yagura_scan::{ScanRules, Scanner};

/// Results that wait for those before them. While one large file is scanned, so many small ones behind it may be.
const WINDOW: usize = 4096;
/// Files that wait for a thread; each holds a descriptor.
const WAITING_MAX: usize = 64;
/// Bytes of a thread's stack: parsers of hostile content recurse, within bounds.
const STACK_BYTES: usize = 8 << 20;

/// What all threads of a run share.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) settings: Settings,
    pub(super) budget: RunBudget,
    pub(super) progress: Progress,
    rules: Arc<ScanRules>,
}

/// What scanning one file gave.
#[derive(Debug)]
pub(super) struct FileResult {
    pub(super) lines: Vec<Line>,
    /// Bytes read.
    pub(super) bytes: u64,
    /// False for a place that can't be read.
    pub(super) was_read: bool,
}

/// A result and its place in the walk.
type Numbered = (u64, FileResult);

impl Run {
    pub(super) fn new(settings: Settings, rules: Arc<ScanRules>) -> Run {
        Run {
            settings,
            budget: RunBudget::default(),
            progress: Progress::start(),
            rules,
        }
    }

    fn walk(&self) -> Walk {
        Walk::new(self.settings.targets.clone(), self.settings.walk_options())
    }
}

/// Scans everything; `take` gets the results one after the other, in the order of the walk. A message to `stop` ends it:
/// what is being read is left, and what was not begun is not in the results.
///
/// # Errors
/// [`Failure::Failed`] if a thread can't be started.
pub(super) fn scan(
    run: &Run,
    stop: &Receiver<Signal>,
    mut take: impl FnMut(FileResult),
) -> Result<Skipped, Failure> {
    std::thread::scope(|scope| {
        let (permit, permits) = bounded(WINDOW);
        let (jobs, waiting) = bounded(WAITING_MAX);
        let (results, done) = bounded(WINDOW);
        for _ in 0..WINDOW {
            let _ = permit.try_send(());
        }
        let started = start(scope, run, &waiting, &results).and_then(|()| {
            let walk = move || walk(run, &permits, &jobs, &results);
            Builder::new()
                .name("walk".to_owned())
                .spawn_scoped(scope, walk)
        });
        let walker = started
            .context("a thread can't be started")
            .map_err(Failure::Failed)?;
        collect(run, stop, &done, &permit, &mut take);
        Ok(walker.join().unwrap_or_default())
    })
}

/// Starts the threads that scan, and one that counts what there is if anybody sees it.
fn start<'scope>(
    scope: &'scope Scope<'scope, '_>,
    run: &'scope Run,
    waiting: &Receiver<(u64, FoundFile)>,
    results: &Sender<Numbered>,
) -> std::io::Result<()> {
    for number in 0..run.settings.threads {
        let (waiting, results) = (waiting.clone(), results.clone());
        Builder::new()
            .name(format!("scan-{number}"))
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, move || scan_all(run, &waiting, &results))?;
    }
    if run.progress.is_shown() {
        let count = || {
            let mut total = 0;
            for visit in run.walk() {
                if run.budget.is_stopped() {
                    return;
                }
                if let Visit::File(file) = visit {
                    total += file.size();
                }
            }
            run.progress.set_total(total);
        };
        let named = Builder::new().name("count".to_owned());
        named.spawn_scoped(scope, count)?;
    }
    Ok(())
}

/// Walks and hands files to the threads that scan; never further ahead than there are permits.
fn walk(
    run: &Run,
    permits: &Receiver<()>,
    jobs: &Sender<(u64, FoundFile)>,
    results: &Sender<Numbered>,
) -> Skipped {
    let mut walk = run.walk();
    let mut number = 0;
    while !run.budget.is_stopped() && permits.recv().is_ok() {
        let sent = match walk.next() {
            None => break,
            Some(Visit::File(file)) => jobs.send((number, file)).is_ok(),
            Some(Visit::Gap { path, gap }) => {
                let place = Place::new(&path, &[]);
                let gap = gap.to_string();
                let result = FileResult {
                    lines: vec![Line::Gap { place, gap }],
                    bytes: 0,
                    was_read: false,
                };
                results.send((number, result)).is_ok()
            }
        };
        if !sent {
            break;
        }
        number += 1;
    }
    walk.skipped()
}

fn scan_all(run: &Run, waiting: &Receiver<(u64, FoundFile)>, results: &Sender<Numbered>) {
    let mut scanner = Scanner::new(Arc::clone(&run.rules));
    for (number, found) in waiting {
        // A parser that fails on a file must not end the run: the file is named, and the rest goes on.
        let scan = AssertUnwindSafe(|| file::scan(run, &mut scanner, &found));
        let result = catch_unwind(scan).unwrap_or_else(|_| {
            scanner = Scanner::new(Arc::clone(&run.rules));
            FileResult {
                lines: vec![Line::Gap {
                    place: Place::new(found.path(), &[]),
                    gap: "the scanner failed on it".to_owned(),
                }],
                bytes: 0,
                was_read: false,
            }
        });
        if results.send((number, result)).is_err() {
            return;
        }
    }
}

/// Brings results back into their order.
fn collect(
    run: &Run,
    stop: &Receiver<Signal>,
    done: &Receiver<Numbered>,
    permit: &Sender<()>,
    take: &mut impl FnMut(FileResult),
) {
    let mut stop = stop.clone();
    let mut early = BTreeMap::new();
    let mut next = 0;
    let mut findings = 0;
    loop {
        select! {
            recv(done) -> result => match result {
                Ok((number, result)) => {
                    early.insert(number, result);
                }
                Err(_) => break,
            },
            recv(stop) -> signal => match signal {
                Ok(Signal::Reload) => {}
                Ok(Signal::Stop) | Err(_) => {
                    run.budget.stop();
                    stop = never();
                }
            },
        }
        while let Some(result) = early.remove(&next) {
            let found = result
                .lines
                .iter()
                .filter(|line| matches!(line, Line::Finding(_)));
            findings += found.count() as u64;
            run.progress.set_findings(findings);
            take(result);
            next += 1;
            let _ = permit.try_send(());
        }
    }
}
