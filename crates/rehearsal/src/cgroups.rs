//! Cgroups of throw-away containers, in every hierarchy and version.

use crate::limits::{CGROUP_DEPTH_MAX, SETTLE_PAUSE, SETTLE_TIMEOUT};
use crate::mounts;
use crate::owner::{Owner, read_proc};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

/// Types of the two versions of cgroup file systems.
const VERSION_1: &str = "cgroup";
const VERSION_2: &str = "cgroup2";

/// Mount points of all hierarchies.
fn hierarchies() -> io::Result<Vec<PathBuf>> {
    mounts::of_types(&[VERSION_1, VERSION_2])
}

/// Where version 2 is mounted, if version 1 is mounted as well and version 2 has controllers.
pub(crate) fn mixed_version_2() -> Option<PathBuf> {
    let version_2 = mounts::of_types(&[VERSION_2]).ok()?.into_iter().next()?;
    let controllers = read_proc(&version_2.join("cgroup.controllers")).ok()?;
    let has_version_1 = !mounts::of_types(&[VERSION_1]).ok()?.is_empty();
    (has_version_1 && !controllers.trim().is_empty()).then_some(version_2)
}

/// Directories called `name` right below the top of a hierarchy: where containers are told to put their cgroups.
fn directories(name: &str) -> io::Result<Vec<PathBuf>> {
    Ok(hierarchies()?
        .into_iter()
        .map(|top| top.join(name))
        .filter(|dir| dir.is_dir())
        .collect())
}

/// Files by which a process becomes a member of the cgroups called `name`, separated by blanks.
pub(crate) fn member_files(name: &str) -> String {
    directories(name)
        .unwrap_or_default()
        .iter()
        .map(|dir| dir.join("cgroup.procs").to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Names of cgroups that some run of ours made, whether it still lives or not.
pub(crate) fn names() -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for top in hierarchies()? {
        let Ok(entries) = fs::read_dir(top) else {
            continue;
        };
        names.extend(
            entries
                .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
                .filter(|name| Owner::of(name).is_some()),
        );
    }
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// Kills what runs in the cgroups called `name` and removes them, child cgroups included.
///
/// # Errors
/// The first cgroup that could not be removed in time.
pub(crate) fn remove(name: &str) -> Result<(), (PathBuf, io::Error)> {
    let found = directories(name).map_err(|error| (PathBuf::from(name), error))?;
    let deadline = Instant::now() + SETTLE_TIMEOUT;
    for dir in found {
        loop {
            kill_all(&dir, name, 0);
            match remove_tree(&dir, 0) {
                Ok(()) => break,
                // Ended processes leave their cgroup a moment after the signal.
                Err(_) if Instant::now() < deadline => thread::sleep(SETTLE_PAUSE),
                Err(error) => return Err((dir, error)),
            }
        }
    }
    Ok(())
}

fn children(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

fn kill_all(dir: &Path, name: &str, depth: usize) {
    if depth >= CGROUP_DEPTH_MAX {
        return;
    }
    for child in children(dir) {
        kill_all(&child, name, depth + 1);
    }
    // A frozen process takes no signal in version 1; a runtime that was killed may have left it so.
    let _ = fs::write(dir.join("freezer.state"), "THAWED");
    let members = read_proc(&dir.join("cgroup.procs")).unwrap_or_default();
    for pid in members.lines().filter_map(|line| line.parse().ok()) {
        kill_member(pid, name);
    }
}

fn kill_member(pid: i32, name: &str) {
    let Some(pid) = Pid::from_raw(pid) else {
        return;
    };
    let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else {
        return;
    };
    // Between the list and the descriptor the pid may have become another's: what is held now must be a member.
    let path = format!("/proc/{}/cgroup", pid.as_raw_nonzero());
    let is_member = read_proc(Path::new(&path)).is_ok_and(|table| {
        table
            .lines()
            .filter_map(|line| line.splitn(3, ':').nth(2))
            .any(|path| path.split('/').any(|part| part == name))
    });
    if is_member {
        let _ = pidfd_send_signal(&process, Signal::KILL);
    }
}

fn remove_tree(dir: &Path, depth: usize) -> io::Result<()> {
    if depth >= CGROUP_DEPTH_MAX {
        return Err(io::Error::from(io::ErrorKind::DirectoryNotEmpty));
    }
    for child in children(dir) {
        remove_tree(&child, depth + 1)?;
    }
    match fs::remove_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
