//! The test programs of the workspace, one after the other.

use super::summary::Summary;
use crate::command::run_lines;
use crate::workspace::{TestProgram, build_yagura_with_tests, cargo, root};
use anyhow::Result;
use std::process::Command;
use std::time::Instant;

/// Tests of one program that are tried again. Where more fail it is no matter of chance.
const SECOND_TRIES_MAX: usize = 3;

/// Builds all tests and runs them; those of the documentation come last.
///
/// # Errors
/// They can't be built or started, or the time is up.
pub(super) fn run(deadline: Instant) -> Result<Summary> {
    let built = build_yagura_with_tests(deadline)?;
    let mut summary = Summary::default();
    for program in &built.tests {
        let shown = program.executable.strip_prefix(root());
        let shown = shown.unwrap_or(&program.executable);
        println!("\n     Running {}", shown.display());
        summary.add(run_program(program, deadline)?);
    }
    println!("\n     Running examples of the documentation");
    let mut examples = cargo();
    examples.args(["test", "--workspace", "--doc", "--no-fail-fast", "--quiet"]);
    summary.add(heard(&mut examples, deadline)?);
    Ok(summary)
}

/// Runs a program's tests; the few that fail run once more, each by itself. They drive kernels, databases and dozens of
/// processes on machines that may be busy with others: whether something always fails or did once are different news,
/// and both are told.
fn run_program(program: &TestProgram, deadline: Instant) -> Result<Summary> {
    let mut summary = heard(&mut command(program), deadline)?;
    for name in summary.to_try_again(SECOND_TRIES_MAX) {
        println!("\n     Trying once more: {name}");
        let again = heard(command(program).args(["--exact", &name]), deadline)?;
        if again.passed_whole() {
            summary.passed_at_second_try(&name);
        }
    }
    Ok(summary)
}

/// Where and how cargo runs it.
fn command(program: &TestProgram) -> Command {
    let mut command = Command::new(&program.executable);
    command
        .current_dir(&program.package)
        .env("CARGO_MANIFEST_DIR", &program.package);
    command
}

fn heard(command: &mut Command, deadline: Instant) -> Result<Summary> {
    let mut summary = Summary::default();
    let status = run_lines(command, deadline, |line| {
        println!("{line}");
        summary.read(line);
    })?;
    summary.finish(status.success());
    Ok(summary)
}
