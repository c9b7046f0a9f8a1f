//! `yagura commands`: what sensors are asked to do, through a center.

use super::client::{CenterArguments, Client, cell, encoded};
use super::lists::{ListArguments, show_rows};
use super::nodes::id_of;
use crate::exit::{Failure, Outcome};
use crate::output;
use anyhow::{Context as _, anyhow};
use serde_json::{Value, json};
use std::fs::File;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How often an answer is asked for.
const LOOK: Duration = Duration::from_millis(250);
/// How long a command waits for its node, and so does whoever waits for it.
const ANSWER_MAX: Duration = Duration::from_secs(3700);

/// What sensors were asked to do; lists it if nothing else is asked for
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
    /// Ask a node's sensor to do something: kill-process, stop-container, pause-container, resume-container,
    /// isolate-container, rejoin-container, quarantine-file, restore-file, scan, capture
    Send {
        #[command(flatten)]
        center: CenterArguments,
        /// Name or id of the node
        node: String,
        /// What to do
        kind: String,
        /// With what: container=ID, pid=N, start_time=TIME, path=PATH, sha256=DIGEST, item=ID, seconds=N
        #[arg(value_name = "NAME=VALUE")]
        arguments: Vec<String>,
        /// Why; it is kept in the audit log
        #[arg(long, default_value = "")]
        reason: String,
        /// Wait for the answer; exit code 1 if it was not done
        #[arg(long)]
        wait: bool,
    },
    /// Show how far a command has come, as JSON
    Show {
        #[command(flatten)]
        center: CenterArguments,
        /// Id of the command
        id: String,
    },
    /// Fetch what a command brought: the recording of a capture, which `yagura replay` reads
    Output {
        #[command(flatten)]
        center: CenterArguments,
        /// Id of the command
        id: String,
        /// File to write
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
    },
}

/// Sends, lists or shows commands.
///
/// # Errors
/// [`Failure`] if the center refuses or can't be reached.
pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    match &arguments.command {
        None => list(&arguments.list),
        Some(Command::Send {
            center,
            node,
            kind,
            arguments,
            reason,
            wait,
        }) => {
            let client = Client::new(center)?;
            let asked = json!({
                "node": id_of(&client, node)?,
                "kind": kind,
                "arguments": pairs(arguments)?,
                "reason": reason,
            });
            let made = client.ask("POST", "/commands", &[], Some(&asked))?.body;
            if !wait {
                output::print_json(&made)?;
                return Ok(Outcome::Done);
            }
            let answered = answer(&client, &cell(&made, "/id"))?;
            output::print_json(&answered)?;
            match cell(&answered, "/state").as_str() {
                "done" => Ok(Outcome::Done),
                state => Err(Failure::Failed(anyhow!("the command is {state}"))),
            }
        }
        Some(Command::Show { center, id }) => {
            output::print_json(&Client::new(center)?.get(&path(id))?)?;
            Ok(Outcome::Done)
        }
        Some(Command::Output { center, id, file }) => fetch(&Client::new(center)?, id, file),
    }
}

fn path(id: &str) -> String {
    format!("/commands/{}", encoded(id))
}

fn list(arguments: &ListArguments) -> Result<Outcome, Failure> {
    let heads = ["ID", "CREATED", "NODE", "KIND", "STATE", "BY", "ANSWER"];
    let fields = [
        "/id",
        "/created_at",
        "/node",
        "/kind",
        "/state",
        "/actor",
        "/answer/text",
    ];
    show_rows(arguments, "/commands", &heads, |command| {
        fields.map(|field| cell(command, field)).to_vec()
    })
}

/// Arguments of a command, by name.
fn pairs(arguments: &[String]) -> Result<Value, Failure> {
    let pair = |argument: &String| {
        let (name, value) = argument.split_once('=').with_context(|| {
            format!("{argument}: an argument is written as NAME=VALUE, such as container=ID")
        })?;
        Ok((name.to_owned(), Value::from(value)))
    };
    let pairs = arguments.iter().map(pair).collect::<anyhow::Result<_>>();
    pairs.map(Value::Object).map_err(Failure::BadInput)
}

/// Waits for the answer to a command.
fn answer(client: &Client, id: &str) -> Result<Value, Failure> {
    let until = Instant::now() + ANSWER_MAX;
    loop {
        let command = client.get(&path(id))?;
        let is_over = !matches!(cell(&command, "/state").as_str(), "waiting" | "sent");
        if is_over || Instant::now() >= until {
            return Ok(command);
        }
        std::thread::sleep(LOOK);
    }
}

/// Fetches what a command brought; a file that is there already stays.
fn fetch(client: &Client, id: &str, file: &PathBuf) -> Result<Outcome, Failure> {
    let command = client.get(&path(id))?;
    let bytes = command.get("output_bytes").and_then(Value::as_u64);
    let bytes = bytes.ok_or_else(|| {
        Failure::BadInput(anyhow!(
            "the center has no output of this command: {}",
            cell(&command, "/answer/text")
        ))
    })?;
    let made = File::create_new(file).with_context(|| file.display().to_string());
    let mut made = made.map_err(Failure::BadInput)?;
    let fetched = client.download(&format!("{}/output", path(id)), &mut made);
    let is_whole = fetched.and_then(|length| match length == bytes {
        true => Ok(()),
        false => Err(Failure::Failed(anyhow!(
            "{length} bytes came of {bytes}: try again"
        ))),
    });
    if is_whole.is_err() {
        // What is not whole is of no use; if it stays, the next attempt says so.
        let _ = std::fs::remove_file(file);
    }
    is_whole.map(|()| Outcome::Done)
}
