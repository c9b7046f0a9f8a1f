//! The checks in virtual machines, reported line by line as test programs report.

use super::checks::{CHECKS, Check, PACKAGES, Program};
use super::disk::{Tree, make_file_system};
use super::kernel::Kernel;
use super::machine::{Clock, Machine};
use super::{Place, cache, packages, script};
use crate::command::{check_interrupt, output};
use crate::test::AT_SECOND_TRY;
use crate::workspace::Built;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// What is kept of a check's output, in bytes: a program in a loop must not fill our memory.
const OUTPUT_BYTES_MAX: usize = 1 << 20;

/// How often a check may be tried.
const TRIES: u32 = 2;

/// Runs each check in a machine of its own, from the same disk, and hands over the lines that a test program would
/// print; tells whether none failed. Without QEMU or a kernel every check is skipped.
///
/// # Errors
/// The disk can't be made, or the user interrupted this tool.
pub(crate) fn run(built: &Built, filter: Option<&str>, mut line: impl FnMut(&str)) -> Result<bool> {
    let begun = Instant::now();
    let wanted = |check: &&Check| filter.is_none_or(|part| check.name.contains(part));
    let checks: Vec<&Check> = CHECKS.iter().filter(wanted).collect();
    let kernel = match prepare() {
        Ok(kernel) => kernel,
        Err(error) => {
            let reason = format!("{error:#}").replace('\n', " ");
            for check in &checks {
                line(&format!("test [vm] {} ... ignored, {reason}", check.name));
            }
            line(&result(0, 0, checks.len(), begun));
            return Ok(true);
        }
    };
    let place = Place::make()?;
    let disk = make_disk(&place, &kernel, built)?;
    let cache = match checks.iter().any(|check| check.needs_cache) {
        true => make_cache_disk(&place)?,
        false => None,
    };
    let [mut passes, mut failures, mut skips] = [0, 0, 0];
    for (index, check) in checks.iter().enumerate() {
        check_interrupt()?;
        let Some(program) = program(built, check.program) else {
            skips += 1;
            line(&format!(
                "test [vm] {} ... ignored, its program was not given",
                check.name
            ));
            continue;
        };
        if check.needs_cache && cache.is_none() {
            skips += 1;
            line(&format!(
                "test [vm] {} ... ignored, no Debian image is kept on this machine",
                check.name
            ));
            continue;
        }
        let dir = place.dir.join(index.to_string());
        fs::create_dir_all(&dir)?;
        let machine = Machine {
            kernel: &kernel,
            dir: &dir,
            disk: &disk,
            cache: cache.as_deref().filter(|_| check.needs_cache),
            clock: Clock::Host,
        };
        let begun = Instant::now();
        let passed = passes_at(check, program, &machine)?;
        let seconds = begun.elapsed().as_secs_f64();
        let outcome = match passed {
            Some(0) => format!("ok ({seconds:.0} s)"),
            Some(_) => format!("ok ({seconds:.0} s){AT_SECOND_TRY}"),
            None => "FAILED".to_owned(),
        };
        line(&format!("test [vm] {} ... {outcome}", check.name));
        match passed {
            Some(_) => passes += 1,
            None => failures += 1,
        }
    }
    line(&result(passes, failures, skips, begun));
    if failures == 0 {
        place.remove()?;
    }
    Ok(failures == 0)
}

fn prepare() -> Result<Kernel> {
    let mut version = Command::new("qemu-system-x86_64");
    output(version.arg("--version")).context("no QEMU")?;
    Kernel::fetch(&cache()).context("no kernel for the virtual machine")
}

/// Makes the disk that all checks start from.
fn make_disk(place: &Place, kernel: &Kernel, built: &Built) -> Result<PathBuf> {
    let mut tree = Tree::build(&place.dir.join("tree"), kernel)?;
    let packages: Vec<String> = PACKAGES.iter().map(|&name| name.to_owned()).collect();
    tree.add_all(&packages::files(&packages)?)?;
    // Alternatives belong to no package.
    tree.add_program("cc")?;
    // The tests know the product by the path that it was built at.
    tree.add(&built.yagura, &built.yagura)?;
    tree.link(&built.yagura, Path::new("/usr/bin/yagura"))?;
    if let Some(tests) = built.product_tests() {
        tree.add(tests, tests)?;
    }
    let disk = place.dir.join("disk.img");
    tree.finish(&disk)?;
    Ok(disk)
}

/// Makes a disk of what the product keeps in its cache, if it keeps anything.
fn make_cache_disk(place: &Place) -> Result<Option<PathBuf>> {
    let parent = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let parent = parent.filter(|dir| dir.is_absolute());
    let kept = parent
        .unwrap_or_else(|| PathBuf::from("/var/cache"))
        .join("yagura");
    let mut entries = fs::read_dir(&kept).into_iter().flatten().flatten();
    if !entries.any(|entry| entry.path().is_dir()) {
        return Ok(None);
    }
    let disk = place.dir.join("cache.img");
    make_file_system(&kept, &disk)?;
    Ok(Some(disk))
}

fn program(built: &Built, program: Program) -> Option<&Path> {
    match program {
        Program::Yagura => Some(&built.yagura),
        Program::ProductTests => built.product_tests(),
    }
}

/// The first try, from 0, that a check passes at. An emulated machine on a busy one is slow at times.
fn passes_at(check: &Check, program: &Path, machine: &Machine<'_>) -> Result<Option<u32>> {
    for attempt in 0..TRIES {
        check_interrupt()?;
        let seen = Seen::default();
        match pass(check, program, machine, &seen) {
            Ok(()) => return Ok(Some(attempt)),
            Err(error) => eprintln!("{}\n{}: {error:#}\n", seen.shown(), check.name),
        }
    }
    Ok(None)
}

fn pass(check: &Check, program: &Path, machine: &Machine<'_>, seen: &Seen) -> Result<()> {
    let program = program.to_str().context("a path that is no UTF-8")?;
    let words = std::iter::once(program).chain(check.arguments.iter().copied());
    let words: Vec<String> = words.map(str::to_owned).collect();
    let ended = machine.run(
        &script(&[], &words)?,
        check.timeout,
        seen.out.clone(),
        seen.err.clone(),
    )?;
    ensure!(
        ended.code == check.code,
        "it ended with {}, not {}",
        ended.code,
        check.code
    );
    (check.look)(&seen.out.text()).map_err(anyhow::Error::msg)
}

/// The line that sums a test program up.
fn result(passed: usize, failed: usize, ignored: usize, begun: Instant) -> String {
    let word = if failed == 0 { "ok" } else { "FAILED" };
    let seconds = begun.elapsed().as_secs_f64();
    format!(
        "test result: {word}. {passed} passed; {failed} failed; {ignored} ignored; 0 measured; \
         0 filtered out; finished in {seconds:.2}s"
    )
}

/// What a check printed.
#[derive(Debug, Default)]
struct Seen {
    out: Kept,
    err: Kept,
}

impl Seen {
    /// For a terminal, which must not obey it.
    fn shown(&self) -> String {
        let text = [&self.out, &self.err].map(Kept::text).join("\n");
        text.chars()
            .map(|c| {
                if c.is_control() && c != '\n' {
                    '\u{fffd}'
                } else {
                    c
                }
            })
            .collect()
    }
}

/// The first part of a stream.
#[derive(Debug, Default, Clone)]
pub(super) struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    pub(super) fn text(&self) -> String {
        self.0
            .lock()
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut kept = self.0.lock().map_err(|_| io::ErrorKind::Other)?;
        let room = OUTPUT_BYTES_MAX.saturating_sub(kept.len());
        kept.extend(bytes.iter().take(room));
        // The rest is read all the same, so that the program doesn't wait for a reader.
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_kept_up_to_its_bound() {
        let mut kept = Kept::default();
        kept.write_all(b"begin").unwrap();
        kept.write_all(&vec![b'x'; OUTPUT_BYTES_MAX]).unwrap();
        let text = kept.text();
        assert!(text.starts_with("beginx"));
        assert_eq!(text.len(), OUTPUT_BYTES_MAX);
    }
}
