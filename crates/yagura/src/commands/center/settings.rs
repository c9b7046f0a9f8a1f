//! `yagura settings`: switches, and where people log in.

use super::client::{CenterArguments, Client, cell};
use super::json_file;
use super::lists::ListArguments;
use crate::exit::{Failure, Outcome};
use crate::output::{self, Form, table};
use anyhow::anyhow;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Where the switches are.
const SWITCHES: &str = "/protection-settings";
/// Where the identity provider is.
const OIDC: &str = "/oidc-settings";

/// Settings of a center: container protection, and log-in at an identity provider
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Settings {
    /// Show the switches of container protection with what they need
    Show(ListArguments),
    /// Set switches
    Set {
        #[command(flatten)]
        center: CenterArguments,
        /// NAME=on or NAME=off, such as container_escape_prevention=on
        #[arg(required = true, value_name = "NAME=on|off")]
        switches: Vec<String>,
    },
    /// Log-in at an identity provider (OpenID Connect)
    #[command(subcommand)]
    Oidc(Oidc),
}

/// Log-in at an identity provider
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Oidc {
    /// Show the provider as JSON, without the secret, and the address that is to be registered there
    Show {
        #[command(flatten)]
        center: CenterArguments,
    },
    /// Set the provider: a JSON file with the fields that the guide explains
    ///
    /// A client secret that is left out stays. A provider that is enabled has to answer.
    Set {
        #[command(flatten)]
        center: CenterArguments,
        /// The file, `-` for standard input
        file: PathBuf,
    },
}

/// Shows and sets settings.
///
/// # Errors
/// [`Failure`] if the center refuses or can't be reached.
pub(crate) fn settings(command: &Settings) -> Result<Outcome, Failure> {
    match command {
        Settings::Show(arguments) => {
            let found = Client::new(&arguments.center)?.get(SWITCHES)?;
            match arguments.output {
                Form::Json => output::print_json(&found)?,
                Form::Table => output::print(&switches(&found))?,
            }
        }
        Settings::Set { center, switches } => set(&Client::new(center)?, switches)?,
        Settings::Oidc(Oidc::Show { center }) => {
            output::print_json(&Client::new(center)?.get(OIDC)?)?;
        }
        Settings::Oidc(Oidc::Set { center, file }) => set_oidc(center, file)?,
    }
    Ok(Outcome::Done)
}

/// The switches, and what those that are on still need.
fn switches(found: &Value) -> String {
    let needs = found.get("prerequisites").and_then(Value::as_array);
    let missing = |name: &str| {
        let unmet = needs.into_iter().flatten().filter(|need| {
            need.get("switch").and_then(Value::as_str) == Some(name)
                && need.get("met") == Some(&Value::Bool(false))
        });
        let texts: Vec<String> = unmet.map(|need| cell(need, "/explanation")).collect();
        texts.join(" ")
    };
    let switches = found.get("switches").and_then(Value::as_object);
    let rows = switches.into_iter().flatten().map(|(name, on)| {
        let state = if on == &Value::Bool(true) {
            "on"
        } else {
            "off"
        };
        vec![name.clone(), state.to_owned(), missing(name)]
    });
    table::aligned(&["SWITCH", "STATE", "MISSING"], rows)
}

fn set(client: &Client, switches: &[String]) -> Result<(), Failure> {
    let found = client.ask("GET", SWITCHES, &[], None)?;
    let mut wanted = found.body.get("switches").cloned().unwrap_or_default();
    for switch in switches {
        let bad = || Failure::BadInput(anyhow!("write NAME=on or NAME=off, not {switch}"));
        let (name, state) = switch.split_once('=').ok_or_else(bad)?;
        let on = match state {
            "on" => true,
            "off" => false,
            _ => return Err(bad()),
        };
        let names: Vec<&String> = wanted
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name)
            .collect();
        let none = format!(
            "there is no switch {name}; there are {}",
            names
                .iter()
                .map(|name| name.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        );
        let known = wanted.get_mut(name);
        *known.ok_or_else(|| Failure::BadInput(anyhow!(none)))? = on.into();
    }
    let etag = found.etag.unwrap_or_default();
    let asked = json!({ "switches": wanted });
    client.ask("PUT", SWITCHES, &[("if-match", &etag)], Some(&asked))?;
    Ok(())
}

fn set_oidc(center: &CenterArguments, file: &Path) -> Result<(), Failure> {
    let asked = json_file::read(file)?;
    let client = Client::new(center)?;
    let etag = client.ask("GET", OIDC, &[], None)?.etag.unwrap_or_default();
    client.ask("PUT", OIDC, &[("if-match", &etag)], Some(&asked))?;
    Ok(())
}
