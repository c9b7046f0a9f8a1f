//! `yagura policy print`: the canonical form of policies.

use crate::exit::{Failure, Outcome};
use crate::input;
use crate::output;
use std::path::PathBuf;
use yagura_policy::drift::{self, DriftPolicy};
use yagura_policy::set;

/// Print the policies of a file in their canonical form, as YAML
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
    match &arguments.file {
        Some(file) => output::print(&set::print(&input::policy_file(file)?))?,
        None => output::print(&drift::print(&DriftPolicy::built_in()))?,
    }
    Ok(Outcome::Done)
}
