//! The containers of this node, as runtimes tell of them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use yagura_event::{CgroupId, Container, ContainerFact, ContainerKey};

/// A container that runs on this node.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownContainer {
    /// The kernel side's handle.
    pub key: ContainerKey,
    /// Its cgroup, zero if it has none of its own.
    pub cgroup: CgroupId,
    /// What its runtime says.
    pub container: Arc<Container>,
}

/// All that are known. Bounded by the pipeline's own table, whose end of a container is the end here.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    containers: HashMap<ContainerKey, KnownContainer>,
}

impl Inventory {
    /// Takes news of a container.
    pub(crate) fn note(&mut self, fact: &ContainerFact) {
        let Some(container) = &fact.container else {
            // It turned out to be none.
            self.containers.remove(&fact.key);
            return;
        };
        let known = KnownContainer {
            key: fact.key,
            cgroup: fact.cgroup,
            container: Arc::new(container.clone()),
        };
        self.containers.insert(fact.key, known);
    }

    /// Containers have ended.
    pub(crate) fn forget(&mut self, gone: &HashSet<ContainerKey>) {
        self.containers.retain(|key, _| !gone.contains(key));
    }

    /// The id of a container; `None` if its runtime has not spoken yet.
    pub(crate) fn id_of(&self, key: ContainerKey) -> Option<&str> {
        self.containers
            .get(&key)
            .map(|known| known.container.id.as_str())
    }

    /// All containers, by id.
    pub(crate) fn all(&self) -> Vec<KnownContainer> {
        let mut all: Vec<KnownContainer> = self.containers.values().cloned().collect();
        all.sort_by(|one, other| {
            let place = |known: &KnownContainer| (known.container.id.clone(), known.key.0);
            place(one).cmp(&place(other))
        });
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(key: u64, id: Option<&str>) -> ContainerFact {
        ContainerFact {
            key: ContainerKey(key),
            cgroup: CgroupId(7),
            container: id.map(|id| Container {
                id: id.to_owned(),
                ..Container::default()
            }),
            layers: None,
            users: Vec::new(),
            runtime_files: Vec::new(),
            complete: true,
        }
    }

    #[test]
    fn containers_come_change_and_go() {
        let mut inventory = Inventory::default();
        inventory.note(&fact(1, Some("b")));
        inventory.note(&fact(2, Some("cgroup-name")));
        inventory.note(&fact(2, Some("a")));
        inventory.note(&fact(3, Some("service")));
        inventory.note(&fact(3, None));
        let ids = |inventory: &Inventory| -> Vec<String> {
            let all = inventory.all();
            all.iter().map(|known| known.container.id.clone()).collect()
        };
        assert_eq!(ids(&inventory), ["a", "b"]);
        assert_eq!(inventory.id_of(ContainerKey(2)), Some("a"));
        inventory.forget(&HashSet::from([ContainerKey(1)]));
        assert_eq!(ids(&inventory), ["a"]);
    }
}
