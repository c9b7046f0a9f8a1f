//! What is not blocked although a rule asks for it: released containers, and rules whose fuse has blown.

use std::collections::{HashMap, HashSet};
use std::sync::{PoisonError, RwLock};
use yagura_event::ContainerKey;

/// Written by the thread that enforces, read where a process would be ended after the fact, which is rare.
#[derive(Debug, Default)]
pub(crate) struct Spared {
    inner: RwLock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    everything: bool,
    containers: HashMap<ContainerKey, Sparing>,
}

/// What is spared in one container.
#[derive(Debug, Clone, Default)]
pub(super) struct Sparing {
    pub(super) released: bool,
    /// Rules that only tell, by number.
    pub(super) rules: HashSet<u32>,
}

impl Spared {
    /// Whether a rule blocks in a container.
    pub(crate) fn blocks(&self, container: ContainerKey, rule: u32) -> bool {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        let sparing = inner.containers.get(&container);
        !inner.everything
            && sparing.is_none_or(|sparing| !sparing.released && !sparing.rules.contains(&rule))
    }

    pub(super) fn set_everything(&self, everything: bool) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        inner.everything = everything;
    }

    pub(super) fn set(&self, container: ContainerKey, sparing: Sparing) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        match sparing.released || !sparing.rules.is_empty() {
            true => inner.containers.insert(container, sparing),
            false => inner.containers.remove(&container),
        };
    }

    pub(super) fn forget(&self, container: ContainerKey) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        inner.containers.remove(&container);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn released_containers_and_blown_rules_are_spared() {
        let spared = Spared::default();
        let (one, other) = (ContainerKey(1), ContainerKey(2));
        let sparing = Sparing {
            rules: HashSet::from([7]),
            ..Sparing::default()
        };
        spared.set(one, sparing);
        assert!(!spared.blocks(one, 7) && spared.blocks(one, 8) && spared.blocks(other, 7));
        spared.set_everything(true);
        assert!(!spared.blocks(other, 7));
        spared.set_everything(false);
        spared.forget(one);
        assert!(spared.blocks(one, 7));
    }
}
