//! Commands as the store keeps them, made into commands as sensors take them.

use crate::clock;
use serde_json::Value;
use yagura_event::WallTime;
use yagura_proto::UnixMs;
use yagura_proto::command::{Command, CommandAction, CommandId};
use yagura_proto::identity::SensorId;

/// The kind of commands that bring something.
pub(super) const CAPTURE: &str = "capture";

/// A stored command; what is missing if it can't be sent.
pub(super) fn command(stored: &yagura_store::Command) -> Result<Command, &'static str> {
    Ok(Command {
        id: CommandId::parse(&stored.id).ok_or("id")?,
        sensor: SensorId::parse(&stored.node).ok_or("node")?,
        issued: unix_ms(stored.created),
        expires: unix_ms(stored.expires),
        issuer: stored.actor.clone(),
        action: action(&stored.kind, &stored.body)?,
    })
}

fn unix_ms(time: WallTime) -> UnixMs {
    UnixMs(u64::try_from(time.0 / 1_000_000).unwrap_or_default())
}

fn action(kind: &str, body: &Value) -> Result<CommandAction, &'static str> {
    let argument = |name: &str| body.get("arguments")?.get(name)?.as_str();
    let text = |name: &'static str| argument(name).map(str::to_owned).ok_or(name);
    let container_id = || text("container");
    Ok(match kind {
        "kill-process" => CommandAction::KillProcess {
            pid: text("pid")?.parse().map_err(|_| "pid")?,
            start_time: text("start_time")?,
            container_id: container_id()?,
        },
        "stop-container" => CommandAction::StopContainer {
            container_id: container_id()?,
        },
        "pause-container" => CommandAction::PauseContainer {
            container_id: container_id()?,
        },
        "resume-container" => CommandAction::ResumeContainer {
            container_id: container_id()?,
        },
        "isolate-container" => CommandAction::IsolateContainer {
            container_id: container_id()?,
        },
        "rejoin-container" => CommandAction::RejoinContainer {
            container_id: container_id()?,
        },
        "quarantine-file" => CommandAction::QuarantineFile {
            container_id: container_id()?,
            path: text("path")?,
            sha256: argument("sha256").map(str::to_owned),
        },
        "restore-file" => CommandAction::RestoreFile {
            quarantine_id: text("item")?,
        },
        "scan" => CommandAction::Scan {
            container_id: container_id()?,
            path: argument("path").unwrap_or_default().to_owned(),
        },
        CAPTURE => CommandAction::Capture {
            container_id: argument("container").unwrap_or_default().to_owned(),
            duration_s: text("seconds")?.parse().map_err(|_| "seconds")?,
        },
        _ => return Err("kind"),
    })
}

/// An answer as the store keeps it, and whether it is a good one.
pub(super) fn answer(answer: &yagura_proto::wire::CommandAnswer) -> (bool, Value) {
    use yagura_proto::wire::CommandOutcome;
    let outcome = answer.outcome();
    let result: Value = serde_json::from_slice(&answer.result).unwrap_or_default();
    let word = match outcome {
        CommandOutcome::Done => "done",
        CommandOutcome::Failed => "failed",
        CommandOutcome::Refused => "refused",
        CommandOutcome::Expired => "expired",
        CommandOutcome::Unsupported => "unsupported",
        CommandOutcome::Unknown | CommandOutcome::Unspecified => "unknown",
    };
    let text = yagura_event::escape(answer.text.as_bytes());
    let time = clock::shown(WallTime(
        i64::try_from(answer.time_ms)
            .unwrap_or(0)
            .saturating_mul(1_000_000),
    ));
    let value =
        serde_json::json!({ "outcome": word, "text": text, "result": result, "time": time });
    (outcome == CommandOutcome::Done, value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_kind_becomes_a_command() {
        let arguments = json!({ "arguments": {
            "container": "c", "pid": "7", "start_time": "2026-01-01T00:00:00Z", "path": "/a", "item": "q", "seconds": "5",
        }});
        for kind in [
            "kill-process",
            "stop-container",
            "pause-container",
            "resume-container",
            "isolate-container",
            "rejoin-container",
            "quarantine-file",
            "restore-file",
            "scan",
            "capture",
        ] {
            assert_eq!(
                action(kind, &arguments).map(|action| action.as_str()),
                Ok(kind)
            );
        }
        assert_eq!(action("reboot", &arguments), Err("kind"));
        assert_eq!(action("scan", &json!({})), Err("container"));
        let words = json!({ "arguments": { "container": "c", "pid": "-1", "start_time": "" } });
        assert_eq!(action("kill-process", &words), Err("pid"));
    }
}
