//! `yagura nodes`: nodes of a center.

use super::client::{CenterArguments, Client, cell, encoded};
use super::lists::{ListArguments, show_rows};
use crate::exit::{Failure, Outcome};
use crate::output;
use anyhow::anyhow;
use serde_json::Value;

/// Nodes of a center; lists them if nothing else is asked for
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: ListArguments,
}

/// What else than listing.
#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show all that a node's sensor tells, as JSON
    Show {
        #[command(flatten)]
        center: CenterArguments,
        /// Name or id of the node
        node: String,
    },
    /// Revoke the certificate of a node's sensor and forget the node; the sensor needs a token to come back
    Remove {
        #[command(flatten)]
        center: CenterArguments,
        /// Name or id of the node
        node: String,
    },
}

/// Lists, shows or removes nodes.
///
/// # Errors
/// [`Failure`] if the center refuses or can't be reached.
pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    match &arguments.command {
        None => list(&arguments.list),
        Some(Command::Show { center, node }) => {
            let client = Client::new(center)?;
            output::print_json(&client.get(&path(&client, node)?)?)?;
            Ok(Outcome::Done)
        }
        Some(Command::Remove { center, node }) => {
            let client = Client::new(center)?;
            client.ask("DELETE", &path(&client, node)?, &[], None)?;
            Ok(Outcome::Done)
        }
    }
}

fn list(arguments: &ListArguments) -> Result<Outcome, Failure> {
    let heads = [
        "NAME",
        "CLUSTER",
        "STATE",
        "LEVEL",
        "BACKEND",
        "SENSOR",
        "POLICY",
        "SKEW MS",
        "LAST SEEN",
        "ID",
    ];
    let row = |node: &Value| {
        let field = |name: &str| cell(node, name);
        vec![
            field("/name"),
            field("/cluster"),
            field("/state"),
            field("/protection_level"),
            field("/backend"),
            field("/sensor_version"),
            policy(node),
            field("/health/clock_skew_ms"),
            field("/last_seen"),
            field("/id"),
        ]
    };
    show_rows(arguments, "/nodes", &heads, row)
}

/// The version of the policies in force on a node, and whether it is the newest.
fn policy(node: &Value) -> String {
    let versions = node.get("versions").and_then(Value::as_array);
    let mut versions = versions.into_iter().flatten();
    let found = versions.find(|document| cell(document, "/kind") == "policies");
    let Some(found) = found else {
        return String::new();
    };
    let (version, problem) = (cell(found, "/version"), cell(found, "/problem"));
    match found.get("current") {
        Some(Value::Bool(true)) => version,
        _ if problem.is_empty() => format!("{version}, not the newest"),
        _ => format!("{version}, not the newest: {problem}"),
    }
}

fn path(client: &Client, node: &str) -> Result<String, Failure> {
    Ok(format!("/nodes/{}", encoded(&id_of(client, node)?)))
}

/// The id of the node of that name or id.
///
/// # Errors
/// [`Failure::BadInput`] if there is none, or several.
pub(super) fn id_of(client: &Client, node: &str) -> Result<String, Failure> {
    let by_id = format!("/nodes/{}", encoded(node));
    if client.send("GET", &by_id, &[], None)?.status == 200 {
        return Ok(node.to_owned());
    }
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = client.get(&format!("/nodes?q={}{cursor}", encoded(node)))?;
        let items = page.get("items").and_then(Value::as_array);
        let word = |item: &Value, name: &str| {
            let word = item.get(name).and_then(Value::as_str);
            word.unwrap_or_default().to_owned()
        };
        let named = items.into_iter().flatten();
        found.extend(
            named
                .filter(|item| word(item, "name") == node)
                .map(|item| word(item, "id")),
        );
        match page.get("next_cursor").and_then(Value::as_str) {
            Some(next) => cursor = format!("&cursor={}", encoded(next)),
            None => break,
        }
    }
    match found.as_slice() {
        [id] => Ok(id.clone()),
        [] => Err(Failure::BadInput(anyhow!("there is no node {node}"))),
        several => Err(Failure::BadInput(anyhow!(
            "{node} is the name of {} nodes; give an id: {}",
            several.len(),
            several.join(", ")
        ))),
    }
}
