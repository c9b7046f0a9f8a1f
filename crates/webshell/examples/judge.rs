//! Judges every script under the given folders: one line each with path, language, score, family and first reason.
//!
//! `cargo run --release -p yagura-webshell --example judge -- FOLDER… > judged.tsv`; sums go to standard error.
//! `--all-reasons` writes every reason, `--as php` reads each file as that language whatever its name.

#![allow(clippy::print_stdout, reason = "a command's output")]

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs};

use rustix::time::{ClockId, clock_gettime};
use yagura_webshell::{FINDING_SCORE, Language, SCRIPT_BYTES_MAX, Verdict, analyze, language_of};

const LANGUAGES: [Language; 8] = [
    Language::Php,
    Language::Jsp,
    Language::Asp,
    Language::Aspx,
    Language::Python,
    Language::Perl,
    Language::Shell,
    Language::Node,
];

#[derive(Default)]
struct Sum {
    files: usize,
    findings: usize,
    bytes: usize,
    spent: Duration,
    slowest: Duration,
}

fn main() -> io::Result<()> {
    let mut all_reasons = false;
    let mut forced = None;
    let mut pending = Vec::new();
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--all-reasons" => all_reasons = true,
            "--as" => {
                let name = arguments.next().unwrap_or_default();
                forced = LANGUAGES.into_iter().find(|known| known.as_str() == name);
            }
            folder => pending.push(PathBuf::from(folder)),
        }
    }
    let mut sums: BTreeMap<&str, Sum> = BTreeMap::new();
    let mut out = io::BufWriter::new(io::stdout().lock());
    while let Some(path) = pending.pop() {
        let Ok(metadata) = fs::symlink_metadata(&path) else {
            continue;
        };
        if metadata.is_dir() {
            let mut entries: Vec<_> = fs::read_dir(&path)?
                .flatten()
                .map(|entry| entry.path())
                .collect();
            entries.sort();
            pending.extend(entries.into_iter().rev());
        } else if metadata.is_file() && metadata.len() <= 4 * SCRIPT_BYTES_MAX as u64 {
            judge(&path, forced, all_reasons, &mut sums, &mut out)?;
        }
    }
    out.flush()?;
    for (language, sum) in sums {
        let Sum {
            files,
            findings,
            bytes,
            spent,
            slowest,
        } = sum;
        let rate = files as f64 / spent.as_secs_f64().max(1e-9);
        eprintln!(
            "{language}: {files} scripts, {findings} findings, {bytes} bytes, {rate:.0} scripts/s, slowest {slowest:?}"
        );
    }
    Ok(())
}

fn judge(
    path: &Path,
    forced: Option<Language>,
    all_reasons: bool,
    sums: &mut BTreeMap<&str, Sum>,
    out: &mut impl Write,
) -> io::Result<()> {
    let content = fs::read(path)?;
    let name = path.as_os_str().as_encoded_bytes();
    let Some(language) = forced.or_else(|| language_of(name, &content)) else {
        return Ok(());
    };
    let begun = processor_time();
    let verdict = analyze(language, &content);
    let spent = processor_time().saturating_sub(begun);
    let sum = sums.entry(language.as_str()).or_default();
    sum.files += 1;
    sum.findings += usize::from(verdict.score >= FINDING_SCORE);
    sum.bytes += content.len();
    sum.spent += spent;
    sum.slowest = sum.slowest.max(spent);
    write_line(path, &verdict, spent, all_reasons, out)
}

fn write_line(
    path: &Path,
    verdict: &Verdict,
    spent: Duration,
    all_reasons: bool,
    out: &mut impl Write,
) -> io::Result<()> {
    write!(
        out,
        "{}\t{}\t{}\t{}\t{}us",
        path.display(),
        verdict.language.as_str(),
        verdict.score,
        verdict.family,
        spent.as_micros()
    )?;
    let kept = if all_reasons { usize::MAX } else { 1 };
    for reason in verdict.reasons.iter().take(kept) {
        write!(
            out,
            "\t[{} @{}] {}",
            reason.weight, reason.offset, reason.text
        )?;
    }
    for gap in verdict.gaps.iter().filter(|_| all_reasons) {
        write!(out, "\tgap: {gap}")?;
    }
    writeln!(out)
}

/// Time that this thread has used: other work on the machine doesn't count.
fn processor_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(now.tv_sec).unwrap_or(0),
        u32::try_from(now.tv_nsec).unwrap_or(0),
    )
}
