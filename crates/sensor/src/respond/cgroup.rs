//! Containers by their cgroups (version 2): which processes are in one, and what is done to all of them at once.

use super::target::Target;
use super::{Done, Undone};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde_json::json;
use std::collections::VecDeque;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use yagura_event::CgroupId;

/// Folders that a search looks at: stops a tree of millions that a container has made of its own cgroup.
const FOLDERS_MAX: usize = 65_536;
/// Processes of a container that are looked at.
const PROCESSES_MAX: usize = 65_536;
/// How long the kernel may take to freeze or end all processes.
const SETTLE_MAX: Duration = Duration::from_secs(10);
/// Pause between two looks at that.
const SETTLE_PAUSE: Duration = Duration::from_millis(10);

/// The cgroup of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cgroup {
    root: PathBuf,
    folder: PathBuf,
}

/// Why a container's cgroup can't be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum CgroupError {
    /// The sensor knows the container by its namespaces alone.
    #[error("container has no cgroup of version 2 of its own on this node")]
    None,
    /// It has gone, or is beyond what is searched.
    #[error("container's cgroup is not there any more")]
    Gone,
    /// Host processes are in it: nothing may be done to it.
    #[error("processes of the host are in the container's cgroup")]
    Host,
}

impl Cgroup {
    /// The cgroup with that number, below where version 2 is mounted. One that holds processes of the host is refused.
    pub(super) fn find(root: &Path, id: CgroupId) -> Result<Cgroup, CgroupError> {
        /// Number of the cgroup at the top, in which the host's processes are.
        const TOP: u64 = 1;
        if id.0 <= TOP {
            return Err(CgroupError::None);
        }
        let folder = find_folder(root, id.0).ok_or(CgroupError::Gone)?;
        let cgroup = Cgroup {
            root: root.to_owned(),
            folder,
        };
        if [1, std::process::id()].iter().any(|pid| cgroup.has(*pid)) {
            return Err(CgroupError::Host);
        }
        Ok(cgroup)
    }

    /// Its directory.
    pub(super) fn directory(&self) -> &Path {
        &self.folder
    }

    /// Whether a process is in it or below.
    pub(super) fn has(&self, pid: u32) -> bool {
        let own = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
        let path = own.lines().find_map(|line| line.strip_prefix("0::/"));
        path.is_some_and(|path| self.root.join(path).starts_with(&self.folder))
    }

    /// Its processes, those in cgroups below among them.
    pub(super) fn processes(&self) -> Vec<u32> {
        let mut found = Vec::new();
        for folder in folders(&self.folder) {
            let listed = std::fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
            found.extend(listed.lines().filter_map(|line| line.parse::<u32>().ok()));
            if found.len() > PROCESSES_MAX {
                found.truncate(PROCESSES_MAX);
                break;
            }
        }
        found
    }

    /// Whether all its processes stand still.
    pub(super) fn is_frozen(&self) -> bool {
        self.event("frozen") == Some(true)
    }

    /// What the kernel says in `cgroup.events`.
    fn event(&self, name: &str) -> Option<bool> {
        let events = std::fs::read_to_string(self.folder.join("cgroup.events")).ok()?;
        let line = events.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim() == "1")
    }

    fn set_frozen(&self, is_frozen: bool) -> io::Result<()> {
        let value = if is_frozen { "1" } else { "0" };
        std::fs::write(self.folder.join("cgroup.freeze"), value)
    }

    /// Ends all its processes: at once, those too that are just being made, or on kernels before Linux 5.14 one by one.
    fn kill(&self) -> io::Result<()> {
        match std::fs::write(self.folder.join("cgroup.kill"), "1") {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                for pid in self.processes() {
                    self.kill_one(pid);
                }
                Ok(())
            }
            killed => killed,
        }
    }

    fn kill_one(&self, pid: u32) {
        let raw = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let held = raw.and_then(|raw| pidfd_open(raw, PidfdFlags::empty()).ok());
        // Held before it is looked at, so that it is no other process by now. One that has ended needs nothing.
        if let Some(held) = held.filter(|_| self.has(pid)) {
            let _ = pidfd_send_signal(held, Signal::KILL);
        }
    }
}

/// Looks for the folder with that inode, breadth first: what a container makes below its own cgroup is never nearer.
fn find_folder(root: &Path, inode: u64) -> Option<PathBuf> {
    folders(root).find(|folder| {
        std::fs::symlink_metadata(folder).is_ok_and(|data| data.is_dir() && data.ino() == inode)
    })
}

/// A folder and all below, breadth first.
fn folders(root: &Path) -> impl Iterator<Item = PathBuf> {
    let mut waiting = VecDeque::from([root.to_owned()]);
    std::iter::from_fn(move || {
        let folder = waiting.pop_front()?;
        // One that ends meanwhile has nothing in it.
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        let below = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        waiting.extend(below.map(|entry| entry.path()));
        Some(folder)
    })
    .take(FOLDERS_MAX)
}

/// Waits until something is so; `false` if it did not come to be.
fn settles(mut is_so: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + SETTLE_MAX;
    loop {
        if is_so() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(SETTLE_PAUSE);
    }
}

/// Ends every process of a container. Its runtime may start it again.
pub(super) fn stop(target: &Target) -> Result<Done, Undone> {
    let cgroup = &target.cgroup;
    let count = cgroup.processes().len();
    let is_over = || {
        // A folder that has gone has no processes.
        cgroup.event("populated") != Some(true)
    };
    cgroup.kill().map_err(Undone::failed)?;
    let ended = settles(|| {
        let over = is_over();
        if !over && !cgroup.folder.join("cgroup.kill").exists() {
            cgroup
                .processes()
                .into_iter()
                .for_each(|pid| cgroup.kill_one(pid));
        }
        over
    });
    match ended {
        true => Ok(Done::new(format!(
            "{count} processes ended, all that the container had; its runtime may start it again"
        ))
        .with(json!({ "processes": count }))),
        false => Err(Undone::Failed(
            "processes of the container have not ended yet".to_owned(),
        )),
    }
}

/// Has every process of a container stand still.
pub(super) fn freeze(target: &Target) -> Result<Done, Undone> {
    target.cgroup.set_frozen(true).map_err(Undone::failed)?;
    match settles(|| target.cgroup.is_frozen()) {
        true => Ok(Done::new("container is frozen")),
        false => Err(Undone::Failed(
            "not every process of the container stands still yet".to_owned(),
        )),
    }
}

/// Lets it go on.
pub(super) fn thaw(target: &Target) -> Result<Done, Undone> {
    target.cgroup.set_frozen(false).map_err(Undone::failed)?;
    match settles(|| !target.cgroup.is_frozen()) {
        true => Ok(Done::new("container goes on")),
        false => Err(Undone::Failed(
            "somebody else keeps the container frozen".to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::TestDir;

    #[test]
    fn a_cgroup_is_found_by_its_number_alone() {
        let dir = TestDir::new();
        let planted = dir.path().join("one/below/deep");
        std::fs::create_dir_all(&planted).expect("folder");
        let inode = std::fs::metadata(dir.path().join("one/below"))
            .expect("folder")
            .ino();
        let found = Cgroup::find(dir.path(), CgroupId(inode)).expect("cgroup");
        assert_eq!(found.directory(), dir.path().join("one/below"));
        let gone = Cgroup::find(dir.path(), CgroupId(u64::MAX));
        assert!(matches!(gone, Err(CgroupError::Gone)));
        for none in [0, 1] {
            let refused = Cgroup::find(dir.path(), CgroupId(none));
            assert!(matches!(refused, Err(CgroupError::None)), "{none}");
        }
    }

    #[test]
    fn a_cgroup_with_this_very_process_is_the_host_s() {
        let root = yagura_runtimes::RuntimesConfig::default().cgroup_root;
        let own = std::fs::read_to_string("/proc/self/cgroup").expect("cgroup");
        let path = own
            .lines()
            .find_map(|line| line.strip_prefix("0::/"))
            .unwrap_or_default();
        let Ok(data) = std::fs::metadata(root.join(path)) else {
            return;
        };
        let found = Cgroup::find(&root, CgroupId(data.ino()));
        assert!(
            matches!(found, Err(CgroupError::Host | CgroupError::None)),
            "{found:?}"
        );
    }
}
