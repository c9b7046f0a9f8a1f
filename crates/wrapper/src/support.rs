//! Whether a runtime can load a profile with questions in it: runc since 1.1 and crun since 1.0, with libseccomp since 2.5.

use crate::limits::{ANSWER_BYTES_MAX, FILE_BYTES_MAX};
use crate::places::{self, Places};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const RUNC_SINCE: [u32; 2] = [1, 1];
const CRUN_SINCE: [u32; 2] = [1, 0];
const LIBSECCOMP_SINCE: [u32; 2] = [2, 5];

/// What was found out about a runtime, and about which file. Asking takes as long as a start, so it is done once.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    path: PathBuf,
    inode: u64,
    bytes: u64,
    changed_s: i64,
    changed_ns: i64,
    supports: bool,
}

/// Whether the runtime can be given questions, and the kernel knows them.
pub(crate) fn is_given(places: &Places, name: &str, runtime: &Path) -> io::Result<bool> {
    Ok(kernel_knows()? && runtime_knows(places, name, runtime)?)
}

fn kernel_knows() -> io::Result<bool> {
    let path = Path::new("/proc/sys/kernel/seccomp/actions_avail");
    let actions = places::read_bounded(path, FILE_BYTES_MAX)?;
    let mut actions = actions.split(u8::is_ascii_whitespace);
    Ok(actions.any(|action| action == b"user_notif"))
}

fn runtime_knows(places: &Places, name: &str, runtime: &Path) -> io::Result<bool> {
    let file = std::fs::metadata(runtime)?;
    let mut now = Known {
        path: runtime.to_owned(),
        inode: file.ino(),
        bytes: file.len(),
        changed_s: file.ctime(),
        changed_ns: file.ctime_nsec(),
        supports: true,
    };
    let path = places.support(name);
    let known = places::read_optional(&path).ok().flatten();
    let known = known.and_then(|bytes| serde_json::from_slice::<Known>(&bytes).ok());
    if let Some(known) = known {
        let supports = known.supports;
        if (Known {
            supports: true,
            ..known
        }) == now
        {
            return Ok(supports);
        }
    }
    now.supports = ask(runtime)?;
    let _ = places::replace(&path, &serde_json::to_vec(&now)?, 0o600);
    Ok(now.supports)
}

fn ask(runtime: &Path) -> io::Result<bool> {
    let features = answer(runtime, "features")?;
    if let Ok(features) = serde_json::from_slice::<Value>(&features) {
        return Ok(features_allow(&features));
    }
    // Older ones don't know that question.
    let version = answer(runtime, "--version")?;
    Ok(version_allows(&String::from_utf8_lossy(&version)))
}

fn answer(runtime: &Path, question: &str) -> io::Result<Vec<u8>> {
    let mut child = Command::new(runtime)
        .arg(question)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut answer = Vec::new();
    if let Some(output) = child.stdout.take() {
        output
            .take(ANSWER_BYTES_MAX as u64)
            .read_to_end(&mut answer)?;
    }
    child.wait()?;
    Ok(answer)
}

fn features_allow(features: &Value) -> bool {
    let actions = features
        .pointer("/linux/seccomp/actions")
        .and_then(Value::as_array);
    actions.is_some_and(|actions| actions.iter().any(|action| action == "SCMP_ACT_NOTIFY"))
}

fn version_allows(text: &str) -> bool {
    let version_behind = |prefix: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(prefix))?;
        let mut parts = line.trim().split('.').map(|part| part.parse::<u32>().ok());
        Some([parts.next()??, parts.next()??])
    };
    let since = |found: Option<[u32; 2]>, since| found.is_some_and(|found| found >= since);
    let is_runc = since(version_behind("runc version "), RUNC_SINCE)
        && since(version_behind("libseccomp: "), LIBSECCOMP_SINCE);
    let is_crun = since(version_behind("crun version "), CRUN_SINCE) && text.contains("+SECCOMP");
    is_runc || is_crun
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runtimes_are_told_apart_by_their_answers() {
        assert!(version_allows(
            "runc version 1.1.5+ds1\ncommit: x\nspec: 1.0.2-dev\nlibseccomp: 2.5.4\n"
        ));
        assert!(!version_allows("runc version 1.0.3\nlibseccomp: 2.5.4\n"));
        assert!(!version_allows("runc version 1.1.0\nlibseccomp: 2.4.1\n"));
        assert!(!version_allows("runc version 1.1.0\n"));
        assert!(version_allows(
            "crun version 1.8.1\n+SYSTEMD +SECCOMP +EBPF\n"
        ));
        assert!(!version_allows("crun version 1.8.1\n+SYSTEMD\n") && !version_allows(""));
        let features = |action: &str| serde_json::json!({ "linux": { "seccomp": { "actions": ["SCMP_ACT_LOG", action] } } });
        assert!(
            features_allow(&features("SCMP_ACT_NOTIFY"))
                && !features_allow(&features("SCMP_ACT_KILL"))
        );
    }
}
