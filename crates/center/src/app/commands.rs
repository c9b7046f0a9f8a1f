//! What sensors are asked to do.

use crate::auth::{Caller, new_id};
use crate::clock;
use crate::http::dto::common::PageQuery;
use crate::http::dto::fleet::{CommandBody, CommandCreate, CommandPage, CommandQuery};
use crate::http::dto::words::{CommandKind, CommandState};
use crate::http::{Problem, page};
use crate::start::Center;
use serde_json::json;
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use yagura_store::{
    Command, CommandFilter, CommandStatus, NewCommand, Node, NodeFilter, PAGE_ROWS_MAX, PageRequest,
};

/// How long a command waits for its node: nobody expects a container to be stopped tomorrow.
const COMMANDS_LAST: Duration = Duration::from_secs(60 * 60);
/// Characters of an argument: Linux's PATH_MAX.
const ARGUMENT_CHARS_MAX: usize = 4096;
/// Parts of an output that wait for the caller.
const PARTS_WAITING_MAX: usize = 2;
/// Characters of a reason.
const REASON_CHARS_MAX: usize = 2000;

/// A command as callers see it.
pub(crate) fn shown(command: Command) -> CommandBody {
    CommandBody {
        id: command.id,
        node: command.node,
        kind: CommandKind::from_word(&command.kind).unwrap_or(CommandKind::Scan),
        arguments: command.body.get("arguments").cloned().unwrap_or_default(),
        state: match command.status {
            CommandStatus::Queued => CommandState::Waiting,
            CommandStatus::Sent => CommandState::Sent,
            CommandStatus::Answered => CommandState::Done,
            CommandStatus::Failed => CommandState::Failed,
            CommandStatus::Expired => CommandState::Expired,
        },
        actor: command.actor,
        alert: command.alert,
        created_at: clock::shown(command.created),
        answered_at: command.answered.map(clock::shown),
        answer: command.answer,
        output_bytes: command
            .output_bytes
            .and_then(|bytes| u64::try_from(bytes).ok()),
    }
}

/// What a kind needs.
fn needed(kind: CommandKind) -> &'static [&'static str] {
    match kind {
        CommandKind::KillProcess => &["container", "pid", "start_time"],
        CommandKind::QuarantineFile => &["container", "path"],
        CommandKind::RestoreFile => &["item"],
        CommandKind::Capture => &["seconds"],
        CommandKind::StopContainer
        | CommandKind::PauseContainer
        | CommandKind::ResumeContainer
        | CommandKind::IsolateContainer
        | CommandKind::RejoinContainer
        | CommandKind::Scan => &["container"],
    }
}

/// What a kind takes besides.
fn optional(kind: CommandKind) -> &'static [&'static str] {
    match kind {
        CommandKind::QuarantineFile => &["sha256"],
        CommandKind::Scan => &["path"],
        CommandKind::Capture => &["container"],
        _ => &[],
    }
}

fn check(kind: CommandKind, arguments: &BTreeMap<String, String>) -> Result<(), Problem> {
    for name in needed(kind) {
        if arguments.get(*name).is_none_or(String::is_empty) {
            let field = format!("arguments.{name}");
            return Err(Problem::invalid(field, format!("{kind} needs it")));
        }
    }
    for (name, value) in arguments {
        let field = format!("arguments.{name}");
        if !needed(kind).contains(&name.as_str()) && !optional(kind).contains(&name.as_str()) {
            return Err(Problem::invalid(field, format!("{kind} does not take it")));
        }
        if value.chars().count() > ARGUMENT_CHARS_MAX {
            return Err(Problem::invalid(field, "has more than 4,096 characters"));
        }
    }
    Ok(())
}

/// Queues a command for a node.
///
/// # Errors
/// [`Problem`] if the arguments don't fit, or too many commands wait for that node.
pub(crate) async fn queue(
    center: &Center,
    caller: &Caller,
    node: &Node,
    kind: CommandKind,
    arguments: &BTreeMap<String, String>,
    reason: &str,
    alert: &str,
) -> Result<CommandBody, Problem> {
    check(kind, arguments)?;
    if reason.chars().count() > REASON_CHARS_MAX {
        return Err(Problem::invalid("reason", "has more than 2,000 characters"));
    }
    let now = clock::now();
    let command = NewCommand {
        id: new_id()?,
        node: node.report.id.clone(),
        kind: kind.as_str().to_owned(),
        body: json!({ "arguments": arguments, "reason": reason }),
        signature: String::new(),
        alert: alert.to_owned(),
        expires: clock::plus(now, COMMANDS_LAST),
    };
    let commands = center.store().commands();
    let queued = commands.queue(&command, &caller.actor(), now).await;
    queued
        .map(shown)
        .map_err(|error| Problem::of_update(error, "command", |_| serde_json::Value::Null))
}

async fn node(center: &Center, caller: &Caller, id: &str) -> Result<Node, Problem> {
    let node = center.store().nodes().get(id).await?;
    node.filter(|node| caller.sees_cluster(&node.report.cluster))
        .ok_or_else(|| Problem::not_found("node"))
}

/// The node of that name and cluster.
///
/// # Errors
/// [`Problem`] if there is none.
pub(crate) async fn node_named(
    center: &Center,
    name: &str,
    cluster: &str,
) -> Result<Node, Problem> {
    let filter = NodeFilter {
        clusters: vec![cluster.to_owned()],
        text: name.to_owned(),
        ..NodeFilter::default()
    };
    let nodes = center.store().nodes();
    let mut request = PageRequest::first(PAGE_ROWS_MAX);
    loop {
        // The names of many others may contain this one.
        let page = nodes.list(&filter, &request).await?;
        let mut found = page.items.into_iter();
        if let Some(node) = found.find(|node| node.report.name == name) {
            return Ok(node);
        }
        let none = || Problem::conflict(format!("no sensor of node {name} is enrolled"));
        request = PageRequest::after(PAGE_ROWS_MAX, page.next.ok_or_else(none)?);
    }
}

/// Whether a caller sees that container of that node; one that is not known, nobody does who is limited.
async fn sees_container(
    center: &Center,
    caller: &Caller,
    node: &str,
    container: &str,
) -> Result<bool, Problem> {
    let found = center
        .store()
        .inventory()
        .container(node, container)
        .await?;
    Ok(found.is_some_and(|found| caller.sees(&found.report.cluster, &found.report.namespace)))
}

/// Asks a sensor to do something.
///
/// # Errors
/// [`Problem`] if there is no such node, or the arguments don't fit.
pub(crate) async fn create(
    center: &Center,
    caller: &Caller,
    asked: &CommandCreate,
) -> Result<CommandBody, Problem> {
    if !caller.rights.scope.namespaces.is_empty() {
        let container = asked
            .arguments
            .get("container")
            .cloned()
            .unwrap_or_default();
        if !sees_container(center, caller, &asked.node, &container).await? {
            return Err(Problem::forbidden(
                "the container is in no namespace of yours",
            ));
        }
    }
    let node = node(center, caller, &asked.node).await?;
    queue(
        center,
        caller,
        &node,
        asked.kind,
        &asked.arguments,
        &asked.reason,
        "",
    )
    .await
}

/// What a caller sees of commands: all, or those for nodes, and with namespaces for containers, that they see.
async fn visible(center: &Center, caller: &Caller, command: &Command) -> Result<bool, Problem> {
    if caller.scope().is_none() {
        return Ok(true);
    }
    if !caller.rights.scope.namespaces.is_empty() {
        let container = command.body.pointer("/arguments/container");
        let container = container.and_then(serde_json::Value::as_str);
        let container = container.unwrap_or_default();
        return sees_container(center, caller, &command.node, container).await;
    }
    let node = center.store().nodes().get(&command.node).await?;
    Ok(node.is_some_and(|node| caller.sees_cluster(&node.report.cluster)))
}

async fn find(center: &Center, caller: &Caller, id: &str) -> Result<Command, Problem> {
    let command = center.store().commands().get(id).await?;
    let command = command.ok_or_else(|| Problem::not_found("command"))?;
    match visible(center, caller, &command).await? {
        true => Ok(command),
        false => Err(Problem::not_found("command")),
    }
}

/// One command.
///
/// # Errors
/// [`Problem`] if there is none that the caller may see.
pub(crate) async fn get(
    center: &Center,
    caller: &Caller,
    id: &str,
) -> Result<CommandBody, Problem> {
    find(center, caller, id).await.map(shown)
}

/// What a command brought, in parts as they are read.
///
/// # Errors
/// As [`get`]; and if it brought nothing, or what it brought is not kept any more.
pub(crate) async fn output(
    center: &Center,
    caller: &Caller,
    id: &str,
) -> Result<impl Stream<Item = Result<Vec<u8>, io::Error>> + use<>, Problem> {
    let command = find(center, caller, id).await?;
    let none = || Problem::not_found("output of this command");
    let bytes = command.output_bytes.ok_or_else(none)?;
    let (sender, receiver) = mpsc::channel(PARTS_WAITING_MAX);
    let center = center.clone();
    tokio::spawn(async move {
        let mut start = 0;
        while start < bytes {
            let commands = center.store().commands();
            let part = match commands.output_part(&command.id, start).await {
                Ok(Some(part)) if !part.is_empty() => Ok(part),
                // It went meanwhile: the caller sees that bytes are missing.
                Ok(_) => Err(io::ErrorKind::UnexpectedEof.into()),
                Err(error) => Err(io::Error::other(error)),
            };
            let is_over = part.is_err();
            let length = part.as_ref().map_or(0, Vec::len);
            start = start.saturating_add(i64::try_from(length).unwrap_or(i64::MAX));
            if sender.send(part).await.is_err() || is_over {
                return;
            }
        }
    });
    Ok(ReceiverStream::new(receiver))
}

/// Commands, the newest first.
///
/// # Errors
/// [`Problem`] if the query can't be used.
pub(crate) async fn list(
    center: &Center,
    caller: &Caller,
    query: &CommandQuery,
) -> Result<CommandPage, Problem> {
    let filter = CommandFilter {
        nodes: query.node.iter().cloned().collect(),
        alerts: query.alert.iter().cloned().collect(),
        statuses: Vec::new(),
    };
    let request = page(&PageQuery {
        cursor: query.cursor.clone(),
        limit: query.limit,
    })?;
    let page = center.store().commands().list(&filter, &request).await?;
    let mut items = Vec::new();
    for command in page.items {
        if visible(center, caller, &command).await? {
            items.push(shown(command));
        }
    }
    Ok(CommandPage {
        items,
        next_cursor: page.next.map(|cursor| cursor.to_string()),
    })
}
