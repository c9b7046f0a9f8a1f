//! Commands: what the center asks one sensor to do, signed, so that nobody between can ask for anything.

use crate::identity::SensorId;
use crate::limits::{NAME_BYTES_MAX, TEXT_BYTES_MAX};
use crate::token::Digest;
use crate::{UnixMs, hex, wire};
use bytes::Bytes;
use prost::Message as _;
use ring::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a signature of a command begins with: no other thing that the key may sign can be taken for a command.
const CONTEXT: &[u8] = b"yagura command v1\0";

/// A command: 32 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CommandId(String);

impl CommandId {
    /// A new one.
    ///
    /// # Errors
    /// If the system gives no random bytes.
    pub fn generate() -> Result<CommandId, ring::error::Unspecified> {
        Ok(CommandId(hex::encode(&crate::token::random::<16>()?)))
    }

    /// The id that is written so.
    pub fn parse(text: &str) -> Option<CommandId> {
        hex::decode::<16>(text).map(|_| CommandId(text.to_owned()))
    }

    /// The 32 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum CommandAction {
    /// End a process in a container.
    KillProcess {
        /// Its number on the node.
        pid: u32,
        /// When it began, as its alert tells it: RFC 3339.
        start_time: String,
        /// The container that it must be in.
        container_id: String,
    },
    /// Stop a container as its runtime does.
    StopContainer {
        /// The container.
        container_id: String,
    },
    /// Freeze a container.
    PauseContainer {
        /// The container.
        container_id: String,
    },
    /// Thaw it.
    ResumeContainer {
        /// The container.
        container_id: String,
    },
    /// Cut a container off the network.
    IsolateContainer {
        /// The container.
        container_id: String,
    },
    /// Let it back.
    RejoinContainer {
        /// The container.
        container_id: String,
    },
    /// Take a file out of a container.
    QuarantineFile {
        /// The container.
        container_id: String,
        /// Absolute path in it.
        path: String,
        /// SHA-256 of the content that is meant, 64 hexadecimal digits; whatever is there if left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sha256: Option<String>,
    },
    /// Put it back.
    RestoreFile {
        /// Id of the quarantined file.
        quarantine_id: String,
    },
    /// Scan files.
    Scan {
        /// The container.
        container_id: String,
        /// A file or folder in it; empty for all of it.
        path: String,
    },
    /// Record events.
    Capture {
        /// The container; empty for the whole node.
        container_id: String,
        /// Seconds.
        duration_s: u32,
    },
    /// Enforce nothing any more.
    Release {
        /// The container; empty for the whole node.
        container_id: String,
    },
    /// Enforce again.
    Enforce {
        /// The container; empty for the whole node.
        container_id: String,
    },
}

impl CommandAction {
    /// The name in APIs, logs and the audit log.
    pub fn as_str(&self) -> &'static str {
        match self {
            CommandAction::KillProcess { .. } => "kill-process",
            CommandAction::StopContainer { .. } => "stop-container",
            CommandAction::PauseContainer { .. } => "pause-container",
            CommandAction::ResumeContainer { .. } => "resume-container",
            CommandAction::IsolateContainer { .. } => "isolate-container",
            CommandAction::RejoinContainer { .. } => "rejoin-container",
            CommandAction::QuarantineFile { .. } => "quarantine-file",
            CommandAction::RestoreFile { .. } => "restore-file",
            CommandAction::Scan { .. } => "scan",
            CommandAction::Capture { .. } => "capture",
            CommandAction::Release { .. } => "release",
            CommandAction::Enforce { .. } => "enforce",
        }
    }
}

/// A command to one sensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Done once, however often it comes.
    pub id: CommandId,
    /// The sensor.
    pub sensor: SensorId,
    /// When it was asked for, by the center's clock.
    pub issued: UnixMs,
    /// When it is too late, by the center's clock.
    pub expires: UnixMs,
    /// Who asked.
    pub issuer: String,
    /// What for.
    pub action: CommandAction,
}

/// Why a command is not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// No key that this sensor knows signed it.
    #[error("command is not signed by the center")]
    Signature,
    /// It breaks the contract or its bounds.
    #[error("command has no valid {0}")]
    Malformed(&'static str),
    /// It is for another sensor.
    #[error("command is for another sensor")]
    OtherSensor,
    /// An action that this program does not know.
    #[error("command is newer than this sensor")]
    Unknown,
}

/// The center's key for commands.
pub struct CommandSigner {
    key: Ed25519KeyPair,
}

impl fmt::Debug for CommandSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CommandSigner(..)")
    }
}

impl CommandSigner {
    pub(crate) fn new(key: Ed25519KeyPair) -> CommandSigner {
        CommandSigner { key }
    }

    /// What sensors check commands with.
    pub fn public_key(&self) -> Digest {
        use ring::signature::KeyPair as _;
        let mut key = [0; 32];
        let bytes = self.key.public_key().as_ref();
        for (to, from) in key.iter_mut().zip(bytes) {
            *to = *from;
        }
        key
    }

    /// Signs a command.
    pub fn sign(&self, command: &Command) -> wire::SignedCommand {
        let bytes = command.to_wire().encode_to_vec();
        let signature = self.key.sign(&signed_bytes(&bytes));
        wire::SignedCommand {
            command: bytes.into(),
            signature: Bytes::copy_from_slice(signature.as_ref()),
        }
    }
}

fn signed_bytes(command: &[u8]) -> Vec<u8> {
    [CONTEXT, command].concat()
}

/// Reads a command for the sensor `this`; nothing of it is looked at before its signature.
///
/// # Errors
/// [`CommandError`]. Whether it is too late or done already is for the caller.
pub fn verify(
    signed: &wire::SignedCommand,
    keys: &[Digest],
    this: &SensorId,
) -> Result<Command, CommandError> {
    let message = signed_bytes(&signed.command);
    let is_signed = keys.iter().any(|key| {
        UnparsedPublicKey::new(&ED25519, key)
            .verify(&message, &signed.signature)
            .is_ok()
    });
    if !is_signed {
        return Err(CommandError::Signature);
    }
    let command = wire::Command::decode(signed.command.clone())
        .map_err(|_| CommandError::Malformed("encoding"))?;
    let command = Command::of_wire(command)?;
    match command.sensor == *this {
        true => Ok(command),
        false => Err(CommandError::OtherSensor),
    }
}

impl Command {
    fn to_wire(&self) -> wire::Command {
        wire::Command {
            id: self.id.as_str().to_owned(),
            sensor_id: self.sensor.as_str().to_owned(),
            issued_ms: self.issued.0,
            expires_ms: self.expires.0,
            issuer: self.issuer.clone(),
            action: Some(action_to_wire(&self.action)),
        }
    }

    fn of_wire(command: wire::Command) -> Result<Command, CommandError> {
        let issuer = bounded(command.issuer, TEXT_BYTES_MAX, "issuer")?;
        Ok(Command {
            id: CommandId::parse(&command.id).ok_or(CommandError::Malformed("id"))?,
            sensor: SensorId::parse(&command.sensor_id).ok_or(CommandError::Malformed("sensor"))?,
            issued: UnixMs(command.issued_ms),
            expires: UnixMs(command.expires_ms),
            issuer,
            action: action_of_wire(command.action.ok_or(CommandError::Unknown)?)?,
        })
    }
}

fn bounded(text: String, max: usize, what: &'static str) -> Result<String, CommandError> {
    match text.len() <= max && !text.contains('\0') {
        true => Ok(text),
        false => Err(CommandError::Malformed(what)),
    }
}

fn action_to_wire(action: &CommandAction) -> wire::command::Action {
    use wire::command::Action;
    let target = |container_id: &String| wire::ContainerTarget {
        container_id: container_id.clone(),
    };
    let release = |container_id: &String| wire::Release {
        container_id: container_id.clone(),
    };
    match action {
        CommandAction::KillProcess {
            pid,
            start_time,
            container_id,
        } => Action::KillProcess(wire::KillProcess {
            pid: *pid,
            start_time: start_time.clone(),
            container_id: container_id.clone(),
        }),
        CommandAction::StopContainer { container_id } => {
            Action::StopContainer(target(container_id))
        }
        CommandAction::PauseContainer { container_id } => {
            Action::PauseContainer(target(container_id))
        }
        CommandAction::ResumeContainer { container_id } => {
            Action::ResumeContainer(target(container_id))
        }
        CommandAction::IsolateContainer { container_id } => {
            Action::IsolateContainer(target(container_id))
        }
        CommandAction::RejoinContainer { container_id } => {
            Action::RejoinContainer(target(container_id))
        }
        CommandAction::QuarantineFile {
            container_id,
            path,
            sha256,
        } => {
            let digest = sha256.as_deref().and_then(hex::decode::<32>);
            Action::QuarantineFile(wire::QuarantineFile {
                container_id: container_id.clone(),
                path: path.clone(),
                sha256: digest
                    .map(|digest| Bytes::copy_from_slice(&digest))
                    .unwrap_or_default(),
            })
        }
        CommandAction::RestoreFile { quarantine_id } => Action::RestoreFile(wire::RestoreFile {
            quarantine_id: quarantine_id.clone(),
        }),
        CommandAction::Scan { container_id, path } => Action::Scan(wire::Scan {
            container_id: container_id.clone(),
            path: path.clone(),
        }),
        CommandAction::Capture {
            container_id,
            duration_s,
        } => Action::Capture(wire::Capture {
            container_id: container_id.clone(),
            duration_s: *duration_s,
        }),
        CommandAction::Release { container_id } => Action::Release(release(container_id)),
        CommandAction::Enforce { container_id } => Action::Enforce(release(container_id)),
    }
}

fn action_of_wire(action: wire::command::Action) -> Result<CommandAction, CommandError> {
    use wire::command::Action;
    let id = |text| bounded(text, NAME_BYTES_MAX, "container");
    let path = |text| bounded(text, TEXT_BYTES_MAX, "path");
    Ok(match action {
        Action::KillProcess(kill) => CommandAction::KillProcess {
            pid: kill.pid,
            start_time: bounded(kill.start_time, NAME_BYTES_MAX, "start time")?,
            container_id: id(kill.container_id)?,
        },
        Action::StopContainer(target) => CommandAction::StopContainer {
            container_id: id(target.container_id)?,
        },
        Action::PauseContainer(target) => CommandAction::PauseContainer {
            container_id: id(target.container_id)?,
        },
        Action::ResumeContainer(target) => CommandAction::ResumeContainer {
            container_id: id(target.container_id)?,
        },
        Action::IsolateContainer(target) => CommandAction::IsolateContainer {
            container_id: id(target.container_id)?,
        },
        Action::RejoinContainer(target) => CommandAction::RejoinContainer {
            container_id: id(target.container_id)?,
        },
        Action::QuarantineFile(file) => CommandAction::QuarantineFile {
            container_id: id(file.container_id)?,
            path: path(file.path)?,
            sha256: match file.sha256.len() {
                0 => None,
                32 => Some(hex::encode(&file.sha256)),
                _ => return Err(CommandError::Malformed("digest")),
            },
        },
        Action::RestoreFile(file) => CommandAction::RestoreFile {
            quarantine_id: bounded(file.quarantine_id, NAME_BYTES_MAX, "quarantine id")?,
        },
        Action::Scan(scan) => CommandAction::Scan {
            container_id: id(scan.container_id)?,
            path: path(scan.path)?,
        },
        Action::Capture(capture) => CommandAction::Capture {
            container_id: id(capture.container_id)?,
            duration_s: capture.duration_s,
        },
        Action::Release(release) => CommandAction::Release {
            container_id: id(release.container_id)?,
        },
        Action::Enforce(release) => CommandAction::Enforce {
            container_id: id(release.container_id)?,
        },
    })
}

#[cfg(test)]
mod tests;
