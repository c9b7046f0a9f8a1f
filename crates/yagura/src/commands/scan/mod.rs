//! `yagura scan`: looks for malware and webshells in files, folders, archives and images on disk.

mod file;
mod image;
mod lines;
mod options;
mod progress;
mod work;

pub(crate) use options::Arguments;

use crate::exit::{Failure, Outcome};
use crate::output;
use crate::scan_files;
use crate::signals::Signals;
use lines::{Form, Line};
use std::io::Write as _;
use std::time::{Duration, Instant};
use work::{FileResult, Run};
use yagura_scan::walk::Skipped;

/// What came of a run.
#[derive(Debug, Default)]
struct Totals {
    files: u64,
    unreadable: u64,
    bytes: u64,
    findings: u64,
    files_found: u64,
    gaps: u64,
}

/// Scans what was named.
///
/// # Errors
/// [`Failure::BadInput`] if a path, a folder of rules or a list can't be read, [`Failure::Output`].
pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let settings = arguments.settings()?;
    let rules = scan_files::load(&settings.config)?;
    let signals = Signals::start()?;
    let began = Instant::now();
    let run = Run::new(settings, rules);
    let mut totals = Totals::default();
    let mut printed = Ok(());
    let skipped = work::scan(&run, &signals.received, |result| {
        totals.add(&result);
        if printed.is_ok() {
            printed = run.progress.behind(|| print(&run, &result));
        }
    })?;
    run.progress.finish();
    printed?;
    let was_stopped = run.budget.is_stopped();
    // A closed standard error leaves nobody to tell.
    let mut stderr = std::io::stderr().lock();
    if was_stopped {
        let _ = writeln!(
            stderr,
            "interrupted; what was not reached is not in the summary"
        );
    }
    let _ = writeln!(stderr, "{}", totals.summary(skipped, began.elapsed()));
    Ok(match totals {
        // Whoever stops it can't take no finding for a clean bill.
        _ if totals.findings > 0 || was_stopped => Outcome::Findings,
        Totals {
            files: 0,
            unreadable,
            ..
        } if unreadable > 0 => {
            let _ = writeln!(stderr, "error: nothing could be read");
            Outcome::CannotRun
        }
        _ => Outcome::Done,
    })
}

fn print(run: &Run, result: &FileResult) -> Result<(), Failure> {
    let settings = &run.settings;
    let shows_gaps = settings.all || settings.form == Form::Json;
    let colours = output::stdout_has_colours();
    let lines = result.lines.iter();
    let shown = lines.filter(|line| shows_gaps || matches!(line, Line::Finding(_)));
    let text: String = shown
        .map(|line| line.text(settings.form, colours))
        .collect();
    match text.is_empty() {
        true => Ok(()),
        false => output::print(&text),
    }
}

impl Totals {
    fn add(&mut self, result: &FileResult) {
        let findings = result
            .lines
            .iter()
            .filter(|line| matches!(line, Line::Finding(_)));
        let findings = findings.count() as u64;
        match result.was_read {
            true => self.files += 1,
            false => self.unreadable += 1,
        }
        self.bytes += result.bytes;
        self.findings += findings;
        self.files_found += u64::from(findings > 0);
        self.gaps += result.lines.len() as u64 - findings;
    }

    fn summary(&self, skipped: Skipped, took: Duration) -> String {
        let count = |count: u64, what: &str| match count {
            1 => format!("1 {what}"),
            count => format!("{count} {what}s"),
        };
        let mut text = format!(
            "{}, {} in {:.1} s: {} in {}, {}",
            count(self.files, "file"),
            indicatif::HumanBytes(self.bytes),
            took.as_secs_f64(),
            count(self.findings, "finding"),
            count(self.files_found, "file"),
            count(self.gaps, "gap"),
        );
        let parts = [
            (self.unreadable, "unreadable"),
            (skipped.links, "symbolic link"),
            (skipped.special, "special file"),
            (skipped.other_names, "further name"),
            (skipped.file_systems, "other file system"),
            (skipped.excluded, "excluded path"),
        ];
        let parts = parts.into_iter().filter(|(number, _)| *number > 0);
        let parts: Vec<String> = parts
            .map(|(number, what)| match what {
                "unreadable" => format!("{number} {what}"),
                what => count(number, what),
            })
            .collect();
        if !parts.is_empty() {
            text.push_str("; not scanned: ");
            text.push_str(&parts.join(", "));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_counts_what_was_and_what_was_not_scanned() {
        let totals = Totals {
            files: 2,
            unreadable: 1,
            bytes: 2048,
            findings: 1,
            files_found: 1,
            gaps: 0,
        };
        let skipped = Skipped {
            links: 1,
            excluded: 3,
            ..Skipped::default()
        };
        assert_eq!(
            totals.summary(skipped, Duration::from_millis(1500)),
            "2 files, 2.00 KiB in 1.5 s: 1 finding in 1 file, 0 gaps; not scanned: 1 unreadable, 1 symbolic link, 3 excluded paths"
        );
    }
}
