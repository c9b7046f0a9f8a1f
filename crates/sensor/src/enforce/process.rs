//! What /proc tells of a process that waits for an answer.
//!
//! The process may have ended, and its number may be another's: whoever decides by this asks the kernel afterwards
//! whether the question still stands.

use std::path::{Path, PathBuf};
use yagura_event::{Base, ContainerKey, ProcessKey};

/// Ancestors looked up for an allow list: as many as the kernel side climbs.
const ANCESTORS_MAX: usize = 16;
/// Bytes of a file of /proc that are read.
const LINE_BYTES_MAX: usize = 4096;

/// What /proc says of the process that asks, and of those above it.
pub(super) struct Ancestry {
    /// Path of its program.
    pub(super) exe: Option<Vec<u8>>,
    /// Paths of the programs above a program that it executes: its own, then its parent's and so on.
    pub(super) ancestors: Vec<Vec<u8>>,
}

impl Ancestry {
    /// Reads it; only the process itself unless `all` is wanted.
    pub(super) fn of(pid: u32, all: bool) -> Ancestry {
        let exe = exe_of(pid);
        let mut ancestors: Vec<Vec<u8>> = exe.iter().cloned().collect();
        let mut above = pid;
        while all && ancestors.len() < ANCESTORS_MAX {
            let Some(parent) = parent_of(above).filter(|parent| *parent > 1) else {
                break;
            };
            ancestors.extend(exe_of(parent));
            above = parent;
        }
        Ancestry { exe, ancestors }
    }
}

/// What a record of the kernel would begin with.
pub(super) fn base(pid: u32, container: ContainerKey) -> Base {
    Base {
        time: crate::now(),
        container,
        process: ProcessKey {
            pid,
            start_ns: start_of(pid).unwrap_or_default(),
        },
        ..Base::default()
    }
}

fn exe_of(pid: u32) -> Option<Vec<u8>> {
    use std::os::unix::ffi::OsStringExt as _;
    let path = std::fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    Some(path.into_os_string().into_vec())
}

fn line_of(pid: u32, file: &str) -> Option<Vec<u8>> {
    use std::io::Read as _;
    let mut text = Vec::new();
    std::fs::File::open(Path::new("/proc").join(pid.to_string()).join(file))
        .ok()?
        .take(LINE_BYTES_MAX as u64)
        .read_to_end(&mut text)
        .ok()?;
    Some(text)
}

/// Name of a process (comm), which it may set to anything.
pub(super) fn name_of(pid: u32) -> Vec<u8> {
    let name = line_of(pid, "comm").unwrap_or_default();
    name.strip_suffix(b"\n").unwrap_or(&name).to_vec()
}

/// The fields of /proc/PID/stat behind the name, which may hold anything.
fn stat_fields(pid: u32) -> Option<Vec<u64>> {
    let line = line_of(pid, "stat")?;
    let end = line.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(line.get(end + 1..)?).ok()?;
    Some(
        rest.split_whitespace()
            .skip(1)
            .map(|field| field.parse().unwrap_or_default())
            .collect(),
    )
}

fn parent_of(pid: u32) -> Option<u32> {
    u32::try_from(*stat_fields(pid)?.first()?).ok()
}

/// Start of a process in nanoseconds of `CLOCK_BOOTTIME`, as exactly as /proc has it.
pub(super) fn start_of(pid: u32) -> Option<u64> {
    /// proc_pid_stat(5): field 22, the first behind the name and the state being field 4.
    const START: usize = 18;
    let ticks = *stat_fields(pid)?.get(START)?;
    let per_second = rustix::param::clock_ticks_per_second();
    Some(ticks.saturating_mul(1_000_000_000 / per_second.max(1)))
}

/// Number of a process's mount namespace.
pub(super) fn mount_namespace_of(pid: u32) -> Option<u32> {
    namespace_of(pid, "mnt")
}

/// Number of a process's pid namespace.
pub(super) fn pid_namespace_of(pid: u32) -> Option<u32> {
    namespace_of(pid, "pid")
}

fn namespace_of(pid: u32, kind: &str) -> Option<u32> {
    let link = std::fs::read_link(format!("/proc/{pid}/ns/{kind}")).ok()?;
    let (_, number) = link.to_str()?.split_once(":[")?;
    number.strip_suffix(']')?.parse().ok()
}

/// The process that a thread belongs to.
pub(super) fn process_of(thread: u32) -> Option<u32> {
    let text = line_of(thread, "status")?;
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().find_map(|line| line.strip_prefix("Tgid:"))?;
    line.trim().parse().ok()
}

/// Directory of a process's cgroup (v2) below the mount point of that hierarchy.
pub(super) fn cgroup_directory(root: &Path, pid: u32) -> Option<PathBuf> {
    let path = cgroup_of(pid)?;
    Some(root.join(path.trim_start_matches('/')))
}

/// The cgroup (v2) of a process as /proc writes it.
pub(super) fn cgroup_of(pid: u32) -> Option<String> {
    let text = String::from_utf8(line_of(pid, "cgroup")?).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("0::"))?;
    Some(line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_tells_of_this_very_process() {
        let pid = std::process::id();
        assert_eq!(exe_of(pid), exe_of(pid).filter(|exe| exe.starts_with(b"/")));
        assert!(start_of(pid).is_some_and(|start| start > 0 && start < crate::now().0));
        assert!(parent_of(pid).is_some_and(|parent| parent > 0));
        assert!(mount_namespace_of(pid).is_some() && pid_namespace_of(pid).is_some());
        let thread = u32::try_from(rustix::thread::gettid().as_raw_nonzero().get()).ok();
        assert_eq!(thread.and_then(process_of), Some(pid));
    }
}
