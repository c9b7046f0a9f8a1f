//! `yagura policy`: drift policies and defence rules as files.

mod check;
mod diff;
mod facts;
mod print;
mod test;
mod test_defence;

use crate::exit::{Failure, Outcome};

/// Check, ask, compare and print drift policies and defence rules
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
