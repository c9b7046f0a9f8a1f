//! `cargo xtask bench center`: what a center bears. The measuring itself is a benchmark of the center's crate, since it
//! takes clients of the sensors' link; it sees the built product from outside all the same.

use crate::command::{check_interrupt, run as run_command};
use crate::workspace::{BUILD_TIME_MAX, cargo};
use anyhow::Result;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How long it may take: filling the database with ten million alerts takes most of it.
const TIME_MAX: Duration = Duration::from_secs(3 * 3600);

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Measure this yagura instead of building one.
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    /// What is measured, and how the result is shown; `-- --help` lists it.
    #[arg(last = true, value_name = "ARGUMENTS")]
    measured: Vec<String>,
}

/// Builds the product and measures it.
///
/// # Errors
/// The product can't be built or started, or an alert or a sensor gets lost.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    // Takes over SIGINT and SIGTERM before there is anything to clean up.
    check_interrupt()?;
    let binary = super::measured(arguments.binary.as_ref())?;
    let mut command = cargo();
    // With the features of the whole workspace: everything below was built with those.
    command
        .args(["bench", "--quiet", "--workspace", "--bench", "center"])
        .args(["--", "--binary"])
        .arg(std::path::absolute(binary)?)
        .args(&arguments.measured);
    run_command(&mut command, Instant::now() + BUILD_TIME_MAX + TIME_MAX)?;
    Ok(ExitCode::SUCCESS)
}
