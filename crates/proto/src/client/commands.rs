//! Commands: each carried out once, its answer kept until the center has it.
//!
//! A journal on the disk says which commands were begun and how they ended. One that was begun when the program ended is
//! never begun again; its answer is that nobody knows.

use super::{CommandReport, SensorSide};
use crate::UnixMs;
use crate::command::{Command, CommandId, verify};
use crate::identity::SensorId;
use crate::limits::{RESULT_BYTES_MAX, TEXT_BYTES_MAX};
use crate::token::Digest;
use crate::wire::{self, CommandOutcome};
use crate::{files, hex};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};

/// Name of the journal.
const FILE: &str = "commands.jsonl";
/// Bytes of the journal.
const FILE_BYTES_MAX: usize = 256 << 20;
/// Commands that are remembered; more are refused until older ones have ended.
const COMMANDS_MAX: usize = 4096;
/// Commands that are carried out at a time.
const RUNNING_MAX: usize = 4;
/// How much longer than a command could come again it is remembered.
const REMEMBERED: Duration = Duration::from_secs(3600);

/// A line of the journal.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Entry {
    id: CommandId,
    expires_ms: u64,
    /// How it ended; left out when it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<Answer>,
    /// The center has the answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_received: bool,
    /// The center has what it brought, or will never have it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_output_done: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Answer {
    outcome: i32,
    text: String,
    /// Hexadecimal digits.
    result: String,
    time_ms: u64,
}

#[derive(Debug)]
struct Journal {
    file: File,
    entries: BTreeMap<CommandId, Entry>,
}

/// The commands of a sensor.
#[derive(Debug)]
pub(super) struct Commands {
    journal: Mutex<Journal>,
    running: Arc<Semaphore>,
    /// There is an answer that was not sent.
    pub(super) answered: Notify,
    /// There may be something that a command brought.
    pub(super) brought: Notify,
}

impl Commands {
    /// Reads the journal, and writes it anew without what needs not be remembered.
    pub(super) fn load(state: &Path) -> io::Result<Commands> {
        let path = state.join(FILE);
        let bytes = files::read(&path, FILE_BYTES_MAX)?.unwrap_or_default();
        let now = UnixMs::now();
        let mut entries = BTreeMap::new();
        // The last line may be half written; then what it said never took effect.
        for line in bytes.split(|byte| *byte == b'\n') {
            if let Ok(entry) = serde_json::from_slice::<Entry>(line) {
                entries.insert(entry.id.clone(), entry);
            }
        }
        for entry in entries.values_mut() {
            entry.answer.get_or_insert_with(|| Answer {
                outcome: CommandOutcome::Unknown.into(),
                text: "sensor ended while it carried this out".to_owned(),
                result: String::new(),
                time_ms: now.0,
            });
        }
        entries.retain(|_, entry| !entry.is_received || !is_forgotten(entry, now));
        let text: Vec<u8> = entries.values().flat_map(line).collect();
        files::replace(state, FILE, &text)?;
        let file = OpenOptions::new().append(true).mode(0o600).open(&path)?;
        Ok(Commands {
            journal: Mutex::new(Journal { file, entries }),
            running: Arc::new(Semaphore::new(RUNNING_MAX)),
            answered: Notify::new(),
            brought: Notify::new(),
        })
    }

    /// Carries a command out unless it was before; the answer is there when `answered` is told.
    pub(super) fn take<S: SensorSide>(
        self: &Arc<Self>,
        signed: &wire::SignedCommand,
        keys: &[Digest],
        this: &SensorId,
        center_now: UnixMs,
        side: &Arc<S>,
    ) {
        let command = match verify(signed, keys, this) {
            Ok(command) => command,
            // There is no id that could be believed, so nobody can be answered.
            Err(error) => {
                tracing::error!(%error, "command is not carried out");
                return;
            }
        };
        let is_late = center_now > command.expires;
        match self.begin(&command) {
            Ok(true) => {}
            Ok(false) => {
                self.answered.notify_one();
                return;
            }
            Err(error) => {
                // Not begun: the center sends it again.
                tracing::error!(id = %command.id, %error, "command cannot be noted and is not carried out");
                return;
            }
        }
        let (this, side) = (Arc::clone(self), Arc::clone(side));
        tokio::spawn(async move {
            // The semaphore is never closed.
            let _running = this.running.acquire().await;
            let report = match is_late {
                true => report(CommandOutcome::Expired, "command came too late"),
                false => run(side, command.clone()).await,
            };
            tracing::info!(id = %command.id, action = command.action.as_str(), issuer = yagura_event::escape(command.issuer.as_bytes()).as_ref() as &str, outcome = report.outcome.as_str_name(), "command");
            this.end(&command, report);
            this.answered.notify_one();
            this.brought.notify_one();
        });
    }

    /// Notes that a command begins; `false` if it was begun before.
    fn begin(&self, command: &Command) -> io::Result<bool> {
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        if journal.entries.contains_key(&command.id) {
            return Ok(false);
        }
        let now = UnixMs::now();
        journal
            .entries
            .retain(|_, entry| !entry.is_received || !is_forgotten(entry, now));
        if journal.entries.len() >= COMMANDS_MAX {
            return Err(io::Error::other("too many commands"));
        }
        journal.note(Entry {
            id: command.id.clone(),
            expires_ms: command.expires.0,
            answer: None,
            is_received: false,
            is_output_done: false,
        })?;
        Ok(true)
    }

    fn end(&self, command: &Command, report: CommandReport) {
        let mut text = report.text;
        while text.len() > TEXT_BYTES_MAX {
            text.pop();
        }
        let mut answer = Answer {
            outcome: report.outcome.into(),
            text,
            result: hex::encode(&report.result),
            time_ms: UnixMs::now().0,
        };
        if report.result.len() > RESULT_BYTES_MAX {
            answer.result.clear();
            answer.text = format!("{}; the result was too long to be sent", answer.text);
        }
        let entry = Entry {
            id: command.id.clone(),
            expires_ms: command.expires.0,
            answer: Some(answer),
            is_received: false,
            is_output_done: false,
        };
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = journal.note(entry.clone()) {
            tracing::error!(%error, "answer to a command is not on disk");
            journal.entries.insert(entry.id.clone(), entry);
        }
    }

    /// The answers that the center does not have.
    pub(super) fn answers(&self) -> Vec<wire::CommandAnswer> {
        let journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = journal.entries.values().filter(|entry| !entry.is_received);
        waiting
            .filter_map(|entry| {
                let answer = entry.answer.as_ref()?;
                Some(wire::CommandAnswer {
                    command_id: entry.id.as_str().to_owned(),
                    outcome: answer.outcome,
                    text: answer.text.clone(),
                    result: hex::decode_any(&answer.result).unwrap_or_default().into(),
                    time_ms: answer.time_ms,
                })
            })
            .collect()
    }

    /// Commands that were carried out, and of which the center may lack what they brought.
    pub(super) fn may_have_output(&self) -> Vec<CommandId> {
        let journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        let done = journal.entries.values().filter(|entry| {
            let answer = entry.answer.as_ref();
            let is_done =
                answer.is_some_and(|answer| answer.outcome == CommandOutcome::Done as i32);
            is_done && !entry.is_output_done
        });
        done.map(|entry| entry.id.clone()).collect()
    }

    /// Notes that the center has what a command brought, or will never have it.
    pub(super) fn output_done(&self, id: &CommandId) {
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(mut entry) = journal.entries.get(id).cloned() else {
            return;
        };
        entry.is_output_done = true;
        if let Err(error) = journal.note(entry) {
            tracing::warn!(%error, "it is not on disk that the center has what a command brought");
        }
    }

    /// Notes that the center has an answer.
    pub(super) fn received(&self, id: &str) {
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(id) = CommandId::parse(id) else {
            return;
        };
        let Some(mut entry) = journal.entries.get(&id).cloned() else {
            return;
        };
        entry.is_received = true;
        // What was answered needs only be known as such.
        if let Some(answer) = &mut entry.answer {
            answer.result.clear();
        }
        if let Err(error) = journal.note(entry) {
            tracing::warn!(%error, "receipt is not on disk; the answer may go out twice");
        }
    }
}

impl Journal {
    /// Writes an entry and waits for the disk.
    fn note(&mut self, entry: Entry) -> io::Result<()> {
        self.file.write_all(&line(&entry))?;
        self.file.sync_data()?;
        self.entries.insert(entry.id.clone(), entry);
        Ok(())
    }
}

/// An entry's line. It begins with an end of line: one that was half written before it stays by itself.
fn line(entry: &Entry) -> Vec<u8> {
    let json = serde_json::to_vec(entry).unwrap_or_default();
    [b"\n", &json[..], b"\n"].concat()
}

fn is_forgotten(entry: &Entry, now: UnixMs) -> bool {
    now > UnixMs(entry.expires_ms).plus(REMEMBERED)
}

fn report(outcome: CommandOutcome, text: &str) -> CommandReport {
    CommandReport {
        outcome,
        text: text.to_owned(),
        result: Vec::new(),
    }
}

async fn run<S: SensorSide>(side: Arc<S>, command: Command) -> CommandReport {
    let done = tokio::task::spawn_blocking(move || side.execute(&command)).await;
    done.unwrap_or_else(|_| {
        report(
            CommandOutcome::Failed,
            "sensor failed while it carried this out",
        )
    })
}
