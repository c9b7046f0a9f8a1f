//! `cargo xtask bench`: what the product costs, measured on this machine. Nothing passes or fails by these figures.

mod center;
mod container;
mod enforcement;
mod instance;
mod observer;
mod overhead;
mod report;
mod switching;

use crate::workspace::{BUILD_TIME_MAX, Profile, build_yagura};
use anyhow::Result;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    benchmark: Benchmark,
}

#[derive(Debug, clap::Subcommand)]
enum Benchmark {
    /// Storms of execs, opens and connects inside a container, with and without the sensor. Needs root and runc.
    Overhead(overhead::Arguments),
    /// What enforcement adds to processes in and out of scope, and how fast policies are switched. Needs root and runc.
    Enforcement(enforcement::Arguments),
    /// How fast a policy is with thousands of sensors, how many alerts a second are stored, how fast lists over millions of
    /// them answer, in how much memory. Needs PostgreSQL.
    Center(center::Arguments),
}

/// Runs one benchmark.
///
/// # Errors
/// It can't be set up, or something that it measures fails.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    match &arguments.benchmark {
        Benchmark::Overhead(arguments) => overhead::run(arguments),
        Benchmark::Enforcement(arguments) => enforcement::run(arguments),
        Benchmark::Center(arguments) => center::run(arguments),
    }
}

/// The yagura that is measured: the one that was given, else one built for release.
fn measured(given: Option<&PathBuf>) -> Result<PathBuf> {
    if let Some(binary) = given {
        return Ok(binary.clone());
    }
    eprintln!("building yagura for release");
    build_yagura(Profile::Release, Instant::now() + BUILD_TIME_MAX)
}
