//! The containers whose processes wait for this process's answers, by which they are told apart.

use super::process::{cgroup_of, mount_namespace_of};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use yagura_event::{ContainerKey, ContainerRoot, EnforcementRow, LayerDirs};

/// What is known of a container whose processes wait for answers.
#[derive(Debug)]
pub(super) struct AskingContainer {
    pub(super) key: ContainerKey,
    /// The runtime's id.
    pub(super) id: String,
    /// Whether files are asked about before they are executed.
    pub(super) gates_exec: bool,
    pub(super) row: Arc<EnforcementRow>,
    pub(super) root: ContainerRoot,
    pub(super) layers: Option<LayerDirs>,
    /// Mount namespace of its first process.
    pub(super) mount_namespace: u32,
    /// That process, held: once it has ended, the kernel gives the number of its namespace to the next one.
    pub(super) init: Option<OwnedFd>,
    /// Its cgroup (v2) as /proc writes it; empty if unknown.
    pub(super) cgroup: String,
}

impl AskingContainer {
    /// Whether its first process has not ended.
    fn is_alive(&self) -> bool {
        let Some(init) = &self.init else {
            return false;
        };
        // pidfd_open(2): readable once the process has ended.
        let mut wanted = [PollFd::new(init, PollFlags::IN)];
        let at_once = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        matches!(poll(&mut wanted, Some(&at_once)), Ok(0))
    }
}

/// Those containers, shared by whoever answers.
#[derive(Debug, Default)]
pub(super) struct AskingContainers {
    by_key: RwLock<HashMap<ContainerKey, Arc<AskingContainer>>>,
}

impl AskingContainers {
    pub(super) fn set(&self, container: AskingContainer) {
        let mut known = self.by_key.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(container.key, Arc::new(container));
    }

    pub(super) fn remove(&self, key: ContainerKey) {
        let mut known = self.by_key.write().unwrap_or_else(PoisonError::into_inner);
        known.remove(&key);
    }

    /// The container that its runtime knows by that id.
    pub(super) fn find_by_id(&self, id: &str) -> Option<Arc<AskingContainer>> {
        let known = self.by_key.read().unwrap_or_else(PoisonError::into_inner);
        known
            .values()
            .find(|container| !id.is_empty() && container.id == id)
            .map(Arc::clone)
    }

    /// The container of a process: by its mount namespace, or, if it made itself another one, by its cgroup.
    pub(super) fn find(&self, pid: u32) -> Option<Arc<AskingContainer>> {
        let known = self.by_key.read().unwrap_or_else(PoisonError::into_inner);
        let namespace = mount_namespace_of(pid)?;
        let mut by_namespace = known
            .values()
            .filter(|container| container.mount_namespace == namespace);
        if let Some(found) = by_namespace.find(|container| container.is_alive()) {
            return Some(Arc::clone(found));
        }
        let cgroup = cgroup_of(pid)?;
        known
            .values()
            .find(|container| is_within(&cgroup, &container.cgroup))
            .map(Arc::clone)
    }
}

/// Whether a cgroup is another one or below it. The root is nobody's own.
fn is_within(cgroup: &str, own: &str) -> bool {
    own.len() > 1
        && cgroup
            .strip_prefix(own)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cgroup_is_within_itself_and_what_is_above() {
        assert!(is_within("/k8s/c1", "/k8s/c1"));
        assert!(is_within("/k8s/c1/inner", "/k8s/c1"));
        assert!(!is_within("/k8s/c12", "/k8s/c1"));
        assert!(!is_within("/k8s", "/k8s/c1"));
        assert!(!is_within("/k8s/c1", "/"));
        assert!(!is_within("/k8s/c1", ""));
    }
}
