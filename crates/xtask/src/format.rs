//! Formatting of Rust and BPF C: writing it, and checking it.

use crate::command::run;
use crate::workspace::{cargo, files, root};
use anyhow::Result;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// How long a formatter may take.
const TIME_MAX: Duration = Duration::from_secs(120);

/// Formats everything in place.
///
/// # Errors
/// A formatter fails.
pub(crate) fn write() -> Result<ExitCode> {
    let deadline = Instant::now() + TIME_MAX;
    run(cargo().args(["fmt", "--all"]), deadline)?;
    clang_format(&["-i"], deadline)?;
    Ok(ExitCode::SUCCESS)
}

/// Fails where formatting Rust would change something.
///
/// # Errors
/// A file isn't formatted, or the formatter fails.
pub(crate) fn check_rust(deadline: Instant) -> Result<()> {
    run(cargo().args(["fmt", "--all", "--check"]), deadline)
}

/// Fails where formatting C would change something.
///
/// # Errors
/// A file isn't formatted, or the formatter fails.
pub(crate) fn check_c(deadline: Instant) -> Result<()> {
    clang_format(&["--dry-run", "-Werror"], deadline)
}

fn clang_format(arguments: &[&str], deadline: Instant) -> Result<()> {
    let files = files()?;
    let sources: Vec<&str> = files
        .iter()
        .filter(|file| file.has_extension("c") || file.has_extension("h"))
        .map(|file| file.path.as_str())
        .collect();
    if sources.is_empty() {
        return Ok(());
    }
    let mut command = Command::new("clang-format");
    command.current_dir(root()).args(arguments).args(sources);
    run(&mut command, deadline)
}
