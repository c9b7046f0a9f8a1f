//! What people do with alerts: what it would do, doing it, taking it back.

use super::alert_view::{document, filter, summary};
use super::alerts::find;
use super::commands;
use crate::auth::{Caller, Permission};
use crate::clock;
use crate::http::Problem;
use crate::http::dto::alert::{
    AlertAction, AlertActionPreview, AlertActionResult, AlertFilter as AskedFilter, AlertSelection,
    AlertUndo,
};
use crate::http::dto::document::AlertDocument;
use crate::http::dto::words::{AlertVerb, CommandKind};
use crate::start::Center;
use serde_json::Value;
use std::collections::BTreeMap;
use yagura_store::{
    Alert, AlertFilter, AlertStatus, BULK_ALERTS_MAX, PageRequest, StatusChange, UpdateError,
};

/// Ids of one request.
const IDS_MAX: usize = 1000;
/// Alerts whose containers, files or processes one request acts on: nobody stops a fleet by one click.
const COMMANDS_MAX: usize = 50;
/// Alerts shown in a preview.
const SAMPLE: u32 = 10;
/// Characters of a note.
const NOTE_CHARS_MAX: usize = 2000;
/// Statuses of alerts that somebody still has to look at.
pub(crate) const OPEN: [AlertStatus; 3] = [
    AlertStatus::Unhandled,
    AlertStatus::Handling,
    AlertStatus::AutoBlocked,
];

/// The alerts that are meant.
#[derive(Debug)]
enum Meant {
    These(Vec<Alert>),
    Found(Box<AlertFilter>),
}

/// The status that a verb leads to; `None` for verbs that act on a node.
fn status_of(verb: AlertVerb) -> Option<AlertStatus> {
    match verb {
        AlertVerb::StartHandling => Some(AlertStatus::Handling),
        AlertVerb::MarkHandled => Some(AlertStatus::Handled),
        AlertVerb::Ignore => Some(AlertStatus::Ignored),
        AlertVerb::MarkFalsePositive => Some(AlertStatus::FalsePositive),
        AlertVerb::Reopen => Some(AlertStatus::Unhandled),
        AlertVerb::KillProcess
        | AlertVerb::QuarantineFile
        | AlertVerb::PauseContainer
        | AlertVerb::IsolateContainer
        | AlertVerb::StopContainer => None,
    }
}

/// What a sensor is asked for, and with what; `None` if the alert is not about such a thing.
fn command_of(
    verb: AlertVerb,
    document: &AlertDocument,
) -> Option<(CommandKind, BTreeMap<String, String>)> {
    let container = document
        .container
        .as_ref()
        .map(|container| container.id.clone())?;
    let mut arguments = BTreeMap::from([("container".to_owned(), container)]);
    let kind = match verb {
        AlertVerb::KillProcess => {
            let process = document.process.as_ref()?;
            arguments.insert("pid".to_owned(), process.pid.to_string());
            arguments.insert("start_time".to_owned(), process.start_time.clone());
            CommandKind::KillProcess
        }
        AlertVerb::QuarantineFile => {
            let drift = document
                .drift
                .as_ref()
                .map(|drift| (&drift.path, &drift.sha256));
            let scan = document
                .scan
                .as_ref()
                .map(|scan| (&scan.path, &scan.sha256));
            let (path, sha256) = drift.or(scan)?;
            arguments.insert("path".to_owned(), path.clone());
            if let Some(sha256) = sha256 {
                arguments.insert("sha256".to_owned(), sha256.clone());
            }
            CommandKind::QuarantineFile
        }
        AlertVerb::PauseContainer => CommandKind::PauseContainer,
        AlertVerb::IsolateContainer => CommandKind::IsolateContainer,
        AlertVerb::StopContainer => CommandKind::StopContainer,
        _ => return None,
    };
    Some((kind, arguments))
}

/// The verbs that make sense for an alert and that the caller may use.
pub(crate) fn verbs_for(
    alert: &Alert,
    document: &AlertDocument,
    caller: &Caller,
) -> Vec<AlertVerb> {
    let fits = |verb: &AlertVerb| match status_of(*verb) {
        Some(status) => {
            caller.may(Permission::AlertsHandle)
                && alert.status != status
                && (*verb != AlertVerb::Reopen || !OPEN.contains(&alert.status))
        }
        None => caller.may(Permission::CommandsSend) && command_of(*verb, document).is_some(),
    };
    AlertVerb::ALL.iter().copied().filter(fits).collect()
}

async fn meant(
    center: &Center,
    caller: &Caller,
    selection: &AlertSelection,
) -> Result<Meant, Problem> {
    match (&selection.ids, &selection.same_kind_as, &selection.filter) {
        (Some(ids), None, None) => {
            if ids.is_empty() || ids.len() > IDS_MAX {
                return Err(Problem::invalid("selection.ids", "has 1 to 1,000 ids"));
            }
            let mut alerts = Vec::with_capacity(ids.len());
            for id in ids {
                alerts.push(find(center, caller, id).await?);
            }
            Ok(Meant::These(alerts))
        }
        (None, Some(id), None) => {
            let alert = find(center, caller, id).await?;
            let asked = AskedFilter {
                rule: Some(alert.rule),
                ..AskedFilter::default()
            };
            let mut same = filter(&asked, caller)?;
            same.statuses = OPEN.to_vec();
            Ok(Meant::Found(Box::new(same)))
        }
        (None, None, Some(asked)) => Ok(Meant::Found(Box::new(filter(asked, caller)?))),
        _ => Err(Problem::invalid(
            "selection",
            "has exactly one of ids, same_kind_as and filter",
        )),
    }
}

fn check(action: &AlertAction, caller: &Caller) -> Result<(), Problem> {
    if action.note.chars().count() > NOTE_CHARS_MAX {
        return Err(Problem::invalid("note", "has more than 2,000 characters"));
    }
    if status_of(action.verb).is_none() && !caller.may(Permission::CommandsSend) {
        return Err(Problem::forbidden(
            "this needs the permission commands:send",
        ));
    }
    Ok(())
}

/// The alerts that are meant, for a verb that acts on nodes.
async fn few(center: &Center, meant: Meant) -> Result<Vec<Alert>, Problem> {
    let alerts = match meant {
        Meant::These(alerts) => alerts,
        Meant::Found(filter) => {
            let limit = u32::try_from(COMMANDS_MAX + 1).unwrap_or(u32::MAX);
            let alerts = center.store().alerts();
            alerts
                .list(&filter, &PageRequest::first(limit))
                .await?
                .items
        }
    };
    match alerts.len() > COMMANDS_MAX {
        true => Err(Problem::invalid(
            "selection",
            "has more than 50 alerts: too many for what acts on containers",
        )),
        false => Ok(alerts),
    }
}

/// Says what a verb would do.
///
/// # Errors
/// [`Problem`] if the request can't be used.
pub(crate) async fn preview(
    center: &Center,
    caller: &Caller,
    action: &AlertAction,
) -> Result<AlertActionPreview, Problem> {
    check(action, caller)?;
    let meant = meant(center, caller, &action.selection).await?;
    match status_of(action.verb) {
        Some(status) => preview_status(center, meant, status).await,
        None => {
            let alerts = few(center, meant).await?;
            Ok(preview_commands(&alerts, action.verb))
        }
    }
}

async fn preview_status(
    center: &Center,
    meant: Meant,
    status: AlertStatus,
) -> Result<AlertActionPreview, Problem> {
    let (selected, changes, sample) = match meant {
        Meant::These(alerts) => {
            let changing = alerts.iter().filter(|alert| alert.status != status);
            let sample = changing.clone().take(10).map(summary).collect();
            (alerts.len() as u64, changing.count() as u64, sample)
        }
        Meant::Found(mut filter) => {
            let alerts = center.store().alerts();
            let selected = alerts.count_up_to(&filter, BULK_ALERTS_MAX).await?;
            if filter.statuses.is_empty() {
                filter.statuses = AlertStatus::ALL.to_vec();
            }
            filter.statuses.retain(|known| *known != status);
            let (changes, sample) = match filter.statuses.is_empty() {
                true => (0, Vec::new()),
                false => (
                    alerts.count_up_to(&filter, BULK_ALERTS_MAX).await?,
                    alerts
                        .list(&filter, &PageRequest::first(SAMPLE))
                        .await?
                        .items,
                ),
            };
            let sample = sample.iter().map(summary).collect();
            (selected.into(), changes.into(), sample)
        }
    };
    let mut warnings = Vec::new();
    if changes >= u64::from(BULK_ALERTS_MAX) {
        warnings.push(format!(
            "there may be more: at most {BULK_ALERTS_MAX} alerts change at once"
        ));
    }
    Ok(AlertActionPreview {
        selected,
        changes,
        sample,
        commands: Vec::new(),
        warnings,
        undoable: true,
    })
}

fn preview_commands(alerts: &[Alert], verb: AlertVerb) -> AlertActionPreview {
    let mut commands = Vec::new();
    let mut sample = Vec::new();
    let mut without = 0_u64;
    for alert in alerts {
        match command_of(verb, &document(alert)) {
            Some((kind, arguments)) => {
                let with: Vec<String> = arguments
                    .iter()
                    .map(|(name, value)| format!("{name} {value}"))
                    .collect();
                commands.push(format!("node {}: {kind}, {}", alert.node, with.join(", ")));
                sample.push(summary(alert));
            }
            None => without += 1,
        }
    }
    let mut warnings = Vec::new();
    if without > 0 {
        warnings.push(format!(
            "{without} of the alerts are not about such a thing"
        ));
    }
    if verb == AlertVerb::StopContainer || verb == AlertVerb::KillProcess {
        warnings.push("this can't be undone; an orchestrator may start it anew".to_owned());
    }
    AlertActionPreview {
        selected: alerts.len() as u64,
        changes: commands.len() as u64,
        sample,
        commands,
        warnings,
        undoable: matches!(
            verb,
            AlertVerb::PauseContainer | AlertVerb::IsolateContainer
        ),
    }
}

/// Does something with alerts.
///
/// # Errors
/// As [`preview`].
pub(crate) async fn act(
    center: &Center,
    caller: &Caller,
    action: &AlertAction,
) -> Result<AlertActionResult, Problem> {
    check(action, caller)?;
    let meant = meant(center, caller, &action.selection).await?;
    match status_of(action.verb) {
        Some(status) => {
            let change = StatusChange {
                status,
                note: action.note.clone(),
                reference: String::new(),
            };
            set_status(center, caller, meant, &change).await
        }
        None => {
            let alerts = few(center, meant).await?;
            send_commands(center, caller, &alerts, action).await
        }
    }
}

async fn set_status(
    center: &Center,
    caller: &Caller,
    meant: Meant,
    change: &StatusChange,
) -> Result<AlertActionResult, Problem> {
    let alerts = center.store().alerts();
    let (actor, now) = (caller.actor(), clock::now());
    let mut ids = Vec::new();
    let mut unchanged = 0;
    match meant {
        Meant::These(meant) => {
            for alert in meant {
                if alert.status == change.status {
                    unchanged += 1;
                    continue;
                }
                let changed = alerts
                    .set_status(&alert.id, None, change, &actor, now)
                    .await;
                changed.map_err(|error| Problem::of_update(error, "alert", shown))?;
                ids.push(alert.id);
            }
        }
        Meant::Found(filter) => {
            let bulk = alerts
                .set_status_where(&filter, change, BULK_ALERTS_MAX, &actor, now)
                .await?;
            ids = bulk.changed;
        }
    }
    let changed = ids.len() as u64;
    ids.truncate(IDS_MAX);
    Ok(AlertActionResult {
        changed,
        ids,
        unchanged,
        commands: Vec::new(),
    })
}

fn shown(alert: &Alert) -> Value {
    serde_json::to_value(summary(alert)).unwrap_or_default()
}

async fn send_commands(
    center: &Center,
    caller: &Caller,
    alerts: &[Alert],
    action: &AlertAction,
) -> Result<AlertActionResult, Problem> {
    let mut result = AlertActionResult {
        changed: 0,
        ids: Vec::new(),
        unchanged: 0,
        commands: Vec::new(),
    };
    for alert in alerts {
        let Some((kind, arguments)) = command_of(action.verb, &document(alert)) else {
            result.unchanged += 1;
            continue;
        };
        let node = commands::node_named(center, &alert.node, &alert.cluster).await?;
        let command = commands::queue(
            center,
            caller,
            &node,
            kind,
            &arguments,
            &action.note,
            &alert.id,
        )
        .await?;
        let detail = serde_json::json!({ "command": command.id, "arguments": arguments });
        center
            .store()
            .alerts()
            .note_action(
                &alert.id,
                kind.as_str(),
                detail,
                &caller.actor(),
                clock::now(),
            )
            .await
            .map_err(|error| Problem::of_update(error, "alert", shown))?;
        result.changed += 1;
        result.ids.push(alert.id.clone());
        result.commands.push(command.id);
    }
    Ok(result)
}

/// Takes back the last change of status of alerts.
///
/// # Errors
/// [`Problem`] if there are too many, or one is not there.
pub(crate) async fn undo(
    center: &Center,
    caller: &Caller,
    asked: &AlertUndo,
) -> Result<AlertActionResult, Problem> {
    if asked.ids.is_empty() || asked.ids.len() > IDS_MAX {
        return Err(Problem::invalid("ids", "has 1 to 1,000 ids"));
    }
    let (actor, now) = (caller.actor(), clock::now());
    let mut result = AlertActionResult {
        changed: 0,
        ids: Vec::new(),
        unchanged: 0,
        commands: Vec::new(),
    };
    for id in &asked.ids {
        find(center, caller, id).await?;
        match center.store().alerts().undo(id, &actor, now).await {
            Ok(_) => {
                result.changed += 1;
                result.ids.push(id.clone());
            }
            // Nothing was done with it that could be taken back.
            Err(UpdateError::NotFound) => result.unchanged += 1,
            Err(error) => return Err(Problem::of_update(error, "alert", shown)),
        }
    }
    Ok(result)
}
