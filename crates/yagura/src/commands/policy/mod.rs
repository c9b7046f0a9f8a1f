//! `yagura policy`: drift policies and defence rules as files.

mod check;
mod diff;
mod facts;
mod print;
mod test;
mod test_defence;

use super::center::policies;
use crate::exit::{Failure, Outcome};

/// Check, ask, compare and print drift policies and defence rules; get them from a center and save them there
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Check(check::Arguments),
    Test(test::Arguments),
    Diff(diff::Arguments),
    Print(print::Arguments),
    #[command(after_help = crate::exit::HELP)]
    Get(policies::Get),
    Apply(policies::Apply),
    Simulate(policies::Simulate),
    #[command(after_help = crate::exit::HELP)]
    History(policies::History),
    #[command(after_help = crate::exit::HELP)]
    Rollback(policies::Rollback),
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
        Command::Get(arguments) => policies::get(arguments),
        Command::Apply(arguments) => policies::apply(arguments),
        Command::Simulate(arguments) => policies::simulate(arguments),
        Command::History(arguments) => policies::history(arguments),
        Command::Rollback(arguments) => policies::rollback(arguments),
    }
}
