//! `cargo xtask bench`: what the product costs, measured on this machine. Nothing passes or fails by these figures.

mod container;
mod enforcement;
mod instance;
mod observer;
mod overhead;
mod report;
mod switching;

use anyhow::Result;
use std::process::ExitCode;

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
}

/// Runs one benchmark.
///
/// # Errors
/// It can't be set up, or something that it measures fails.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    match &arguments.benchmark {
        Benchmark::Overhead(arguments) => overhead::run(arguments),
        Benchmark::Enforcement(arguments) => enforcement::run(arguments),
    }
}
