//! `yagura outputs`: where a center sends alerts.

use super::client::{CenterArguments, Client, cell, encoded};
use super::json_file;
use super::lists::{ListArguments, show};
use crate::exit::{Failure, Outcome};
use crate::output;
use anyhow::anyhow;
use serde_json::Value;
use std::path::PathBuf;

/// Outputs of a center
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Outputs {
    /// List outputs and how they fare
    List(ListArguments),
    /// Show an output as JSON, without its secrets
    Show(One),
    /// Make an output of a JSON file, and print it
    Create {
        #[command(flatten)]
        center: CenterArguments,
        /// The file, `-` for standard input
        file: PathBuf,
    },
    /// Change an output to what a JSON file says; secrets that are left out stay
    Set {
        #[command(flatten)]
        one: One,
        /// The file, `-` for standard input
        file: PathBuf,
    },
    /// Send a test alert
    Test(One),
    /// Remove an output, and what waits to be sent by it
    Remove(One),
}

/// Which output.
#[derive(Debug, clap::Args)]
pub(crate) struct One {
    #[command(flatten)]
    center: CenterArguments,
    /// Name or id of the output
    output: String,
}

impl One {
    /// The center, and the path of the output there.
    fn find(&self) -> Result<(Client, String), Failure> {
        let client = Client::new(&self.center)?;
        let found = client.get("/outputs")?;
        let outputs = found.get("items").and_then(Value::as_array);
        let mut outputs = outputs.into_iter().flatten();
        let is_it =
            |output: &&Value| [cell(output, "/name"), cell(output, "/id")].contains(&self.output);
        let none = || Failure::BadInput(anyhow!("there is no such output: {}", self.output));
        let id = cell(outputs.find(is_it).ok_or_else(none)?, "/id");
        Ok((client, format!("/outputs/{}", encoded(&id))))
    }
}

/// Lists, makes, changes, tests and removes outputs.
///
/// # Errors
/// [`Failure`] if the center refuses or can't be reached.
pub(crate) fn outputs(command: &Outputs) -> Result<Outcome, Failure> {
    match command {
        Outputs::List(arguments) => {
            let columns = [
                ("NAME", "/name"),
                ("KIND", "/kind"),
                ("STATE", "/delivery/state"),
                ("DELIVERED", "/delivery/delivered"),
                ("FAILED", "/delivery/failed"),
                ("LAST ERROR", "/delivery/last_error"),
                ("ID", "/id"),
            ];
            return show(arguments, "/outputs", &columns);
        }
        Outputs::Show(one) => {
            let (client, path) = one.find()?;
            output::print_json(&client.get(&path)?)?;
        }
        Outputs::Create { center, file } => {
            let asked = json_file::read(file)?;
            let made = Client::new(center)?.ask("POST", "/outputs", &[], Some(&asked))?;
            output::print_json(&made.body)?;
        }
        Outputs::Set { one, file } => {
            let asked = json_file::read(file)?;
            let (client, path) = one.find()?;
            let etag = client
                .ask("GET", &path, &[], None)?
                .etag
                .unwrap_or_default();
            client.ask("PUT", &path, &[("if-match", &etag)], Some(&asked))?;
        }
        Outputs::Test(one) => {
            let (client, path) = one.find()?;
            let answer = client.ask("POST", &format!("{path}/test"), &[], None)?;
            output::print_json(&answer.body)?;
            if answer.body.get("delivered") != Some(&Value::Bool(true)) {
                return Ok(Outcome::Findings);
            }
        }
        Outputs::Remove(one) => {
            let (client, path) = one.find()?;
            client.ask("DELETE", &path, &[], None)?;
        }
    }
    Ok(Outcome::Done)
}
