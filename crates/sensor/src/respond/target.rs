//! The container that a command means.

use super::cgroup::{Cgroup, CgroupError};
use crate::KnownContainer;
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags, fstat, open, openat, readlink, readlinkat, stat};
use std::ffi::CString;
use std::path::Path;

/// Whose namespaces and root directory are the host's: the first process, and this very one.
const HOSTS: [&str; 2] = ["1", "self"];

/// A container that the sensor knows, with its cgroup.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) container: KnownContainer,
    pub(super) cgroup: Cgroup,
}

/// Why there is no such container, or nothing may be done to it.
#[derive(Debug, thiserror::Error)]
pub(super) enum TargetError {
    /// Nothing has that id.
    #[error("no container of this node has that id")]
    Unknown,
    /// A container may have made another one look like itself.
    #[error("several containers of this node have that id")]
    Ambiguous,
    /// Its processes can't be told from others.
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
    /// None of its processes has a root of its own.
    #[error("no process of the container leads to its files")]
    NoRoot,
}

impl Target {
    /// The one container with exactly that id.
    pub(super) fn find(
        known: &[KnownContainer],
        id: &str,
        cgroup_root: &Path,
    ) -> Result<Target, TargetError> {
        let mut meant = known.iter().filter(|known| known.container.id == id);
        let container = meant.next().filter(|_| !id.is_empty());
        let container = container.ok_or(TargetError::Unknown)?.clone();
        if meant.next().is_some() {
            return Err(TargetError::Ambiguous);
        }
        let cgroup = Cgroup::find(cgroup_root, container.cgroup)?;
        Ok(Target { container, cgroup })
    }

    /// The container's id.
    pub(super) fn id(&self) -> &str {
        &self.container.container.id
    }

    /// The container's root directory, by way of one of its processes: the first one if it lives.
    pub(super) fn root(&self) -> Result<OwnedFd, TargetError> {
        let first = self.container.container.first_pid;
        let mut pids = self.cgroup.processes();
        pids.sort_by_key(|pid| (*pid != first, *pid));
        pids.into_iter()
            .find_map(|pid| self.root_of(pid))
            .ok_or(TargetError::NoRoot)
    }

    /// The root of a process, if that is of this container and not the host's: a process may have gone elsewhere.
    fn root_of(&self, pid: u32) -> Option<OwnedFd> {
        // The process is held: once it has ended, nothing is opened below it, also when its number is used again.
        let process = open_path(&format!("/proc/{pid}"))?;
        if !self.cgroup.has(pid) {
            return None;
        }
        let mounts = readlinkat(&process, "ns/mnt", Vec::new()).ok()?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = openat(&process, "root", flags, Mode::empty()).ok()?;
        let own = fstat(&root).ok()?;
        let is_host = HOSTS.iter().any(|host| {
            let hosts = stat(format!("/proc/{host}/root/"));
            namespace(host, "mnt").is_some_and(|host| host == mounts)
                || hosts.is_ok_and(|hosts| (own.st_dev, own.st_ino) == (hosts.st_dev, hosts.st_ino))
        });
        (!is_host).then_some(root)
    }

    /// Whether it shares the host's network; taken for so where nobody can tell.
    pub(super) fn is_in_host_network(&self) -> bool {
        let hosts: Vec<CString> = HOSTS
            .iter()
            .filter_map(|host| namespace(host, "net"))
            .collect();
        let is_hosts = |pid: u32| {
            let own = namespace(&pid.to_string(), "net");
            own.is_none_or(|own| hosts.is_empty() || hosts.contains(&own))
        };
        self.cgroup.processes().into_iter().any(is_hosts)
    }
}

/// A namespace of a process as /proc writes it; `None` if that may not be read, as that of the first process where rights
/// are few.
fn namespace(process: &str, kind: &str) -> Option<CString> {
    readlink(format!("/proc/{process}/ns/{kind}"), Vec::new()).ok()
}

fn open_path(path: &str) -> Option<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    open(path, flags, Mode::empty()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use yagura_event::{CgroupId, Container, ContainerKey};

    fn known(key: u64, id: &str, cgroup: u64) -> KnownContainer {
        KnownContainer {
            key: ContainerKey(key),
            cgroup: CgroupId(cgroup),
            container: Arc::new(Container {
                id: id.to_owned(),
                ..Container::default()
            }),
        }
    }

    #[test]
    fn a_container_is_meant_by_its_whole_id_alone() {
        let known = [
            known(1, "aaaabbbbcccc", 0),
            known(2, "dup", 0),
            known(3, "dup", 0),
        ];
        let root = Path::new("/sys/fs/cgroup");
        for wanted in ["aaaabbbb", "", "AAAABBBBCCCC", "../aaaabbbbcccc"] {
            let found = Target::find(&known, wanted, root);
            assert!(matches!(found, Err(TargetError::Unknown)), "{wanted}");
        }
        let found = Target::find(&known, "dup", root);
        assert!(matches!(found, Err(TargetError::Ambiguous)));
        // Known, but without a cgroup of its own nothing can be done to it.
        let found = Target::find(&known, "aaaabbbbcccc", root);
        assert!(matches!(found, Err(TargetError::Cgroup(CgroupError::None))));
    }
}
