//! The one place where outcomes become exit codes.

use std::io::{self, Write as _};
use std::process::ExitCode;

/// What every command's help says of its exit codes.
pub(crate) const HELP: &str = "Exit codes: 0 done, 1 findings or failure, 2 bad usage or bad input, 3 this machine can't do it.";

const FINDINGS: u8 = 1;
const BAD_INPUT: u8 = 2;
const CANNOT_RUN: u8 = 3;

/// How a command ended that could do its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Done.
    Done,
    /// Done, and there is something to be looked at; what that means is documented with the command.
    Findings,
    /// What was given is wrong, and all that is wrong with it was already said.
    BadInput,
    /// This machine can't do it, and all that is missing was already said.
    CannotRun,
}

/// Why a command could not do its work. The reason is printed on standard error.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something that should work did not.
    Failed(anyhow::Error),
    /// What was given is wrong.
    BadInput(anyhow::Error),
    /// This machine can't do it.
    CannotRun(anyhow::Error),
    /// Standard output can't be written.
    Output(io::Error),
}

/// The exit code of a command; prints the reason of a failure.
pub(crate) fn code(result: Result<Outcome, Failure>) -> ExitCode {
    match result {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Findings) => ExitCode::from(FINDINGS),
        Ok(Outcome::BadInput) => ExitCode::from(BAD_INPUT),
        Ok(Outcome::CannotRun) => ExitCode::from(CANNOT_RUN),
        Err(Failure::Failed(error)) => failed(FINDINGS, &error),
        Err(Failure::BadInput(error)) => failed(BAD_INPUT, &error),
        Err(Failure::CannotRun(error)) => failed(CANNOT_RUN, &error),
        // Whoever read it has seen enough: `yagura … | head` is no failure.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(Failure::Output(error)) => failed(
            FINDINGS,
            &anyhow::Error::new(error).context("standard output can't be written"),
        ),
    }
}

fn failed(code: u8, error: &anyhow::Error) -> ExitCode {
    // Nothing is left to tell it to if standard error is gone too.
    let _ = writeln!(io::stderr(), "error: {error:#}");
    ExitCode::from(code)
}
