//! Whether an attempt got there, looked up from outside of its container where that can be seen from there.

use super::stage::EscapeStage;
use super::trace::{StepResult, Trace};
use super::{Effect, EscapeError};
use crate::limits::CASE_TIMEOUT;
use crate::mounts;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

/// How long what a client said may take to be heard once the client has ended.
const HEAR_SPAN: Duration = Duration::from_millis(300);
/// Bytes of a stand-in that are looked at: a container that goes astray must not fill memory.
const STAND_IN_BYTES_MAX: u64 = 64 * 1024;
/// What the word of a victim holds at first (`programs/act_process.h`).
const WORD_AT_FIRST: u64 = 1;
const SET_USER_ID: u32 = 0o4000;

/// Whether the effect is there.
pub(super) fn is_there(
    effect: Effect,
    stage: &EscapeStage,
    trace: &Trace,
) -> Result<bool, EscapeError> {
    let first = stage.container().first_pid();
    match effect {
        Effect::Used => Ok(trace.tells("used")),
        Effect::Root => Ok(trace.tells("root")),
        Effect::Stored => Ok(trace.tells("used") || was_cut_off_storing(trace)),
        Effect::Told => Ok(trace.tells(stage.secret())),
        Effect::HostFile(path) => holds(&stage.host().join(path), stage.secret()),
        Effect::HostLink(path) => Ok(stage.host().join(path).is_symlink()),
        Effect::Mounted(point) => is_mounted(first, point),
        Effect::SetUserId(path) => {
            let path = format!("/proc/{first}/root{path}");
            present(fs::symlink_metadata(path))
                .map(|found| found.is_some_and(|f| f.permissions().mode() & SET_USER_ID != 0))
        }
        Effect::Heard => Ok(stage.hears_within(HEAR_SPAN)),
        Effect::Word => stage.victim_word().map(|word| word != WORD_AT_FIRST),
        Effect::HostName => {
            let asked = stage
                .container()
                .exec(&["/bin/cat", "/proc/sys/kernel/hostname"], CASE_TIMEOUT)?;
            Ok(asked.stdout.trim_ascii() == stage.secret().as_bytes())
        }
    }
}

/// Nobody knows whether what was being written when the process ended has arrived: it counts as if it had.
fn was_cut_off_storing(trace: &Trace) -> bool {
    trace
        .last()
        .is_some_and(|step| step.name == "store" && step.result == StepResult::CutOff)
}

fn holds(path: &Path, secret: &str) -> Result<bool, EscapeError> {
    let Some(file) = present(File::open(path))? else {
        return Ok(false);
    };
    let mut content = Vec::new();
    file.take(STAND_IN_BYTES_MAX)
        .read_to_end(&mut content)
        .map_err(unseen)?;
    let secret = secret.as_bytes();
    Ok(content.windows(secret.len()).any(|part| part == secret))
}

fn is_mounted(pid: u32, point: &str) -> Result<bool, EscapeError> {
    let mounted = mounts::of_process(pid).map_err(unseen)?;
    Ok(mounted.iter().any(|mounted| mounted == Path::new(point)))
}

/// The word of a victim, read from its memory.
pub(super) fn word_at(pid: u32, address: i64) -> Result<u64, EscapeError> {
    let mut word = [0u8; 8];
    let at = u64::try_from(address).map_err(|error| unseen(io::Error::other(error)))?;
    File::open(format!("/proc/{pid}/mem"))
        .and_then(|memory| memory.read_exact_at(&mut word, at))
        .map_err(unseen)?;
    Ok(u64::from_ne_bytes(word))
}

fn present<T>(found: io::Result<T>) -> Result<Option<T>, EscapeError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(unseen(source)),
    }
}

fn unseen(source: io::Error) -> EscapeError {
    EscapeError::Unseen { source }
}
