//! `yagura completion`: completion for shells.

use crate::exit::{Failure, Outcome};
use crate::output;
use clap::CommandFactory as _;

/// Print completion for a shell, to be sourced from its start-up file
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 printed.")]
pub(crate) struct Arguments {
    /// The shell
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

/// Prints the script.
///
/// # Errors
/// If standard output can't be written.
pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut crate::Arguments::command(),
        "yagura",
        &mut script,
    );
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(Outcome::Done)
}
