//! `yagura schema`: the shapes of what Yagura prints, for programs that read it.

use crate::exit::{Failure, Outcome};
use crate::output::print_json;
use schemars::generate::SchemaSettings;
use yagura_event::json::AlertJson;

/// Print the JSON Schema of a form of output
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// An alert, as `--output json` prints one on each line
    #[command(after_help = "Exit codes: 0 printed.")]
    Alert,
}

/// Prints a schema (JSON Schema, draft 2020-12).
///
/// # Errors
/// If standard output can't be written.
pub(crate) fn run(command: &Command) -> Result<Outcome, Failure> {
    match command {
        Command::Alert => print_json(&alert())?,
    }
    Ok(Outcome::Done)
}

/// The schema of [`AlertJson`].
pub(crate) fn alert() -> schemars::Schema {
    SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<AlertJson>()
}
