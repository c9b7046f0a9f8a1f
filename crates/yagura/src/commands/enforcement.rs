//! `yagura enforcement` and `yagura release`: what is enforced on this node, and an end to it at once.

use super::sensor::parse_instance;
use crate::exit::{Failure, Outcome};
use crate::output::{self, Form, table};
use anyhow::anyhow;
use serde::Serialize;
use yagura_event::escape;
use yagura_kernel::Guard;
use yagura_sensor::{
    Answer, ControlError, EnforceSettings, EnforcedContainer, EnforcementStatus, Question, ask,
};

/// See what is enforced on this node
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    List(ListArguments),
}

/// List the containers that rules are enforced on, by which means, and what is not stopped
///
/// Asks the sensor of this node. Without one it tells what the kernel goes on enforcing by itself. Exit codes: 0 done, 1
/// the sensor did not answer, 3 these rights don't allow it.
#[derive(Debug, clap::Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    instance: InstanceArgument,
    /// A table, or one JSON object
    #[arg(long, value_enum, default_value_t)]
    output: Form,
}

/// Lift all enforcement on this node at once, or that on one container
///
/// Nothing is blocked any more until `--undo`, also if no sensor is running and the kernel enforces by itself. Exit codes: 0
/// done, 1 the sensor refused, 3 these rights don't allow it.
#[derive(Debug, clap::Args)]
#[command(after_help = crate::exit::HELP)]
pub(crate) struct ReleaseArguments {
    /// Only this container: its id, the beginning of it, or its name
    #[arg(long, value_name = "ID")]
    container: Option<String>,
    /// Enforce again
    #[arg(long)]
    undo: bool,
    #[command(flatten)]
    instance: InstanceArgument,
}

/// Which sensor of this node.
#[derive(Debug, clap::Args)]
pub(crate) struct InstanceArgument {
    /// Name of the sensor on the node
    #[arg(long, value_name = "NAME", default_value = EnforceSettings::DEFAULT_INSTANCE, value_parser = parse_instance)]
    instance: EnforceSettings,
}

/// What is enforced, as JSON.
#[derive(Debug, Serialize)]
struct ListJson {
    /// Whether a sensor is running; else the kernel enforces by itself what it was last told.
    sensor: bool,
    #[serde(flatten)]
    status: EnforcementStatus,
}

/// Runs `yagura enforcement`.
///
/// # Errors
/// As the command's help says.
pub(crate) fn run(command: &Command) -> Result<Outcome, Failure> {
    let Command::List(arguments) = command;
    let settings = &arguments.instance.instance;
    let (sensor, status) = match ask(&settings.state, &Question::Status) {
        Ok(Answer::Status(status)) => (true, *status),
        Ok(Answer::Refused(why)) => return Err(Failure::Failed(anyhow!(escaped(&why)))),
        Ok(Answer::Done(_)) => {
            return Err(Failure::Failed(anyhow!("sensor answered something else")));
        }
        Err(ControlError::Nobody(_)) => (false, pinned_status(settings)?),
        Err(error) => return Err(Failure::CannotRun(error.into())),
    };
    match arguments.output {
        Form::Json => output::print_json(&ListJson { sensor, status })?,
        Form::Table => output::print(&text(sensor, &status))?,
    }
    Ok(Outcome::Done)
}

/// What the kernel enforces without a sensor.
fn pinned_status(settings: &EnforceSettings) -> Result<EnforcementStatus, Failure> {
    let pinned = Guard::pinned(&settings.pins)
        .map_err(|error| Failure::CannotRun(anyhow::Error::new(error)))?;
    let Some(pinned) = pinned else {
        return Ok(EnforcementStatus::default());
    };
    Ok(EnforcementStatus {
        backend: pinned.backend.as_str().to_owned(),
        released: !pinned.is_on,
        containers: pinned
            .containers
            .iter()
            .map(|container| EnforcedContainer {
                id: format!("cgroup-{}", container.membership.cgroup.0),
                released: container.is_released,
                ..EnforcedContainer::default()
            })
            .collect(),
        ..EnforcementStatus::default()
    })
}

fn text(sensor: bool, status: &EnforcementStatus) -> String {
    let mut text = String::new();
    let head = match (sensor, status.backend.as_str()) {
        (_, "") => "Nothing is enforced on this node.\n".to_owned(),
        (true, backend) => format!(
            "Policy version {}, by {backend}{}.\n",
            status.policy_version,
            if status.released {
                ", RELEASED: nothing is blocked"
            } else {
                ""
            }
        ),
        (false, backend) => format!(
            "No sensor is running; the kernel goes on by itself, by {backend}{}.\n",
            if status.released {
                ", RELEASED: nothing is blocked"
            } else {
                ""
            }
        ),
    };
    text.push_str(&head);
    let rows = status.containers.iter().flat_map(rows);
    if !status.containers.is_empty() {
        let heads = ["container", "namespace", "what", "rule", "outcome", "by"];
        text.push_str(&table::aligned(&heads, rows));
    }
    for shortfall in &status.shortfalls {
        let what = escape(shortfall.what.as_bytes());
        text.push_str(&format!(
            "falls short: {what} ({} times)\n",
            shortfall.count
        ));
    }
    text
}

fn rows(container: &EnforcedContainer) -> Vec<Vec<String>> {
    let name = match container.name.as_str() {
        "" => &container.id,
        name => name,
    };
    let name = match container.released {
        true => format!("{} (released)", escaped(name)),
        false => escaped(name),
    };
    let namespace = escaped(&container.namespace);
    if container.enforced.is_empty() {
        return vec![vec![name, namespace]];
    }
    container
        .enforced
        .iter()
        .map(|item| {
            vec![
                name.clone(),
                namespace.clone(),
                item.what.clone(),
                escaped(&item.rule),
                item.outcome.clone(),
                item.means.join(", "),
            ]
        })
        .collect()
}

fn escaped(text: &str) -> String {
    escape(text.as_bytes()).into_owned()
}

/// Runs `yagura release`.
///
/// # Errors
/// As the command's help says.
pub(crate) fn release(arguments: &ReleaseArguments) -> Result<Outcome, Failure> {
    let settings = &arguments.instance.instance;
    let container = arguments.container.clone();
    let question = match arguments.undo {
        true => Question::Resume { container },
        false => Question::Release { container },
    };
    let word = if arguments.undo {
        "enforced on again"
    } else {
        "released"
    };
    match ask(&settings.state, &question) {
        Ok(Answer::Done(count)) => {
            let plural = if count == 1 { "" } else { "s" };
            output::print(&format!("{count} container{plural} {word}\n"))?;
            Ok(Outcome::Done)
        }
        Ok(Answer::Refused(why)) => Err(Failure::Failed(anyhow!(escaped(&why)))),
        Ok(Answer::Status(_)) => Err(Failure::Failed(anyhow!("sensor answered something else"))),
        Err(ControlError::Nobody(_)) => without_sensor(arguments, word),
        Err(error) => Err(Failure::CannotRun(error.into())),
    }
}

/// Nobody to ask: the kernel's own switch.
fn without_sensor(arguments: &ReleaseArguments, word: &str) -> Result<Outcome, Failure> {
    if arguments.container.is_some() {
        return Err(Failure::Failed(anyhow!(
            "no sensor is running that knows the container; without --container everything is released"
        )));
    }
    let pins = &arguments.instance.instance.pins;
    let is_there = match arguments.undo {
        true => Guard::switch_on_pinned(pins),
        false => Guard::switch_off_pinned(pins),
    }
    .map_err(|error| Failure::CannotRun(anyhow::Error::new(error)))?;
    output::print(&match is_there {
        true => format!("no sensor is running; what the kernel enforces by itself is {word}\n"),
        false => "nothing is enforced on this node\n".to_owned(),
    })?;
    Ok(Outcome::Done)
}
