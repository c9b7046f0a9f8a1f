//! `yagura policy`: drift policies as files.

mod check;
mod diff;
mod facts;
mod print;
mod test;

use crate::exit::{Failure, Outcome};
use crate::input::Source;
use std::io::{self, Write as _};
use yagura_event::escape;
use yagura_policy::drift::{DriftPolicy, parse};
use yagura_policy::limits::DOCUMENT_BYTES_MAX;

/// Check, ask, compare and print drift policies
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Check(check::Arguments),
    Test(test::Arguments),
    Diff(diff::Arguments),
    Print(print::Arguments),
}

/// Runs one of the commands.
///
/// # Errors
/// As the command says.
pub(crate) fn run(command: &Command) -> Result<Outcome, Failure> {
    match command {
        Command::Check(arguments) => check::run(arguments),
        Command::Test(arguments) => test::run(arguments),
        Command::Diff(arguments) => diff::run(arguments),
        Command::Print(arguments) => print::run(arguments),
    }
}

/// The policy of a file. Errors and warnings are told on standard error, all of them; with an error there is no policy.
pub(crate) fn load(source: &Source) -> Option<DriftPolicy> {
    let file = source.name();
    // Standard error that can't be written leaves nobody to tell.
    let mut err = io::stderr().lock();
    match source.read(DOCUMENT_BYTES_MAX) {
        Ok(text) => {
            let parsed = parse(&file, &text);
            for diagnostic in &parsed.diagnostics {
                let _ = writeln!(err, "{diagnostic}");
            }
            parsed.policy
        }
        Err(error) => {
            let _ = writeln!(err, "{}", unreadable(&file, &error));
            None
        }
    }
}

/// A file that can't be read, in the form of a diagnostic.
fn unreadable(file: &str, error: &anyhow::Error) -> String {
    format!("{}: error: {error:#}", escape(file.as_bytes()))
}
