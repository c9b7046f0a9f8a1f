//! `yagura policy print`: the canonical form of a policy.

use crate::exit::{Failure, Outcome};
use crate::input;
use crate::output;
use std::path::PathBuf;
use yagura_policy::drift::{self, DriftPolicy};

/// Print a policy in its canonical form, as YAML
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 printed, 2 an error in the file, or a file that can't be read."
)]
pub(crate) struct Arguments {
    /// Policy file, `-` for standard input
    #[arg(value_name = "FILE", required_unless_present = "built_in")]
    file: Option<PathBuf>,
    /// The policy that is in force where nobody wrote one
    #[arg(long, conflicts_with = "file")]
    built_in: bool,
}

/// Prints the policy.
///
/// # Errors
/// If the file has errors, or standard output can't be written.
pub(super) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let policy = match &arguments.file {
        Some(file) => input::drift_policy(file)?,
        None => DriftPolicy::built_in(),
    };
    output::print(&drift::print(&policy))?;
    Ok(Outcome::Done)
}
