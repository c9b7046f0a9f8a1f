//! What is known of each container: its root from the kernel's events, the rest from its runtime, in any order.

use crate::limits::{
    CONTAINER_GRACE_NS, CONTAINERS_MAX, FILE_CLOCK_LAG_NS, LIVE_CONTAINERS_BATCH,
    RUNTIME_FILES_MAX, USER_NAME_BYTES_MAX, USERS_MAX,
};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use yagura_event::{
    BaseFlags, CgroupId, Container, ContainerFact, ContainerKey, ContainerRoot, ExecEvent,
    FileFacts, LayerDirs, MonotonicNs, ProcessKey, RootId, Text,
};

/// A container's first program, by which everything later is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Home {
    /// Root of its mount namespace.
    pub(crate) root: ContainerRoot,
    /// Its mount namespace, zero if no exec of the container was seen.
    pub(crate) mount_namespace: u32,
    /// Its user namespace, zero if no exec of the container was seen.
    pub(crate) user_namespace: u32,
    /// The container's first process.
    pub(crate) init: ProcessKey,
    /// When it began.
    pub(crate) began: MonotonicNs,
    /// Whether the runtime itself started it with chroot, as runtimes without pivot_root do.
    pub(crate) chroot: bool,
}

/// One container.
#[derive(Debug, Default)]
pub(crate) struct ContainerEntry {
    /// Its first program, once one was seen.
    pub(crate) home: Option<Home>,
    /// What the runtime says.
    pub(crate) container: Option<Arc<Container>>,
    /// Whether no more will be said.
    pub(crate) complete: bool,
    /// Layers of its root, if they are known.
    pub(crate) layers: Option<LayerDirs>,
    /// Its own cgroup, zero if it has none or that is not known.
    pub(crate) cgroup: CgroupId,
    users: Vec<(u32, Text)>,
    runtime_files: Vec<Text>,
    last_seen: MonotonicNs,
}

impl ContainerEntry {
    /// Whether the processes turned out to be in no container.
    pub(crate) fn is_no_container(&self) -> bool {
        self.complete && self.container.is_none()
    }

    /// Name of a user in the container.
    pub(crate) fn user(&self, uid: u32) -> Option<&Text> {
        self.users
            .iter()
            .find(|(known, _)| *known == uid)
            .map(|(_, name)| name)
    }

    /// Whether the runtime says that it placed the file of this path in the container.
    pub(crate) fn is_runtime_file(&self, path: &Text) -> bool {
        self.runtime_files.contains(path)
    }

    fn apply(&mut self, fact: ContainerFact) {
        let ContainerFact {
            key: _,
            cgroup,
            container,
            layers,
            mut users,
            mut runtime_files,
            complete,
        } = fact;
        // Facts come in parts: an empty part says nothing about what an earlier one said.
        if let Some(container) = container {
            self.container = Some(Arc::new(container));
        }
        if layers.is_some() {
            self.layers = layers;
        }
        if cgroup != CgroupId::default() {
            self.cgroup = cgroup;
        }
        if !users.is_empty() {
            users.truncate(USERS_MAX);
            for (_, name) in &mut users {
                name.0.truncate(USER_NAME_BYTES_MAX);
            }
            self.users = users;
        }
        if !runtime_files.is_empty() {
            runtime_files.truncate(RUNTIME_FILES_MAX);
            self.runtime_files = runtime_files;
        }
        self.complete |= complete;
    }
}

/// Whether an event of such a process can tell the container's own root.
pub(crate) fn shows_root(flags: BaseFlags) -> bool {
    !flags.has(BaseFlags::RUNTIME_STAGE) && !flags.has(BaseFlags::HOST_ROOT)
}

/// All containers, bounded.
#[derive(Debug)]
pub(crate) struct ContainerTable {
    entries: HashMap<ContainerKey, ContainerEntry>,
    wall_minus_monotonic_ns: Option<i64>,
    containers_max: usize,
}

impl ContainerTable {
    /// An empty table.
    pub(crate) fn new() -> ContainerTable {
        ContainerTable {
            entries: HashMap::new(),
            wall_minus_monotonic_ns: None,
            containers_max: CONTAINERS_MAX,
        }
    }

    /// How many containers are remembered.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The container of that key.
    pub(crate) fn get(&self, key: ContainerKey) -> Option<&ContainerEntry> {
        self.entries.get(&key)
    }

    /// Sets the node's clock. A root that was met before is dated as soon as the first setting arrives.
    pub(crate) fn set_clock(&mut self, wall_minus_monotonic_ns: i64) {
        if self.wall_minus_monotonic_ns.is_none() {
            let homes = self.entries.values_mut().filter_map(|e| e.home.as_mut());
            for home in homes.filter(|home| !home.root.overlay) {
                home.root.since_ns = since(home.began, wall_minus_monotonic_ns);
            }
        }
        self.wall_minus_monotonic_ns = Some(wall_minus_monotonic_ns);
    }

    /// Notes that a container was seen, adding it if it is new.
    pub(crate) fn touch(&mut self, key: ContainerKey, now: MonotonicNs) -> &mut ContainerEntry {
        let entry = self.entries.entry(key).or_default();
        entry.last_seen = entry.last_seen.max(now);
        entry
    }

    /// Adds what a runtime said.
    pub(crate) fn apply(&mut self, fact: ContainerFact, now: MonotonicNs) {
        self.touch(fact.key, now).apply(fact);
    }

    /// Learns the container's root from an exec and says whether the container was without one before.
    pub(crate) fn learn_from_exec(&mut self, event: &ExecEvent) -> bool {
        let home = Home {
            mount_namespace: event.mount_namespace,
            user_namespace: event.user_namespace,
            init: event.base.process,
            ..self.home(event.base.time, event.root, event.base.flags)
        };
        let Some(entry) = self.entries.get_mut(&event.base.container) else {
            return false;
        };
        let flags = event.base.flags;
        match &mut entry.home {
            None => {
                entry.home = Some(home);
                true
            }
            // Processes from before the sensor come in the order of their pids, which is not that of their age; the
            // oldest is the first. One that began later can never move the root: it may be an attacker's.
            Some(known)
                if flags.has(BaseFlags::EXISTING)
                    && !flags.has(BaseFlags::ENTERED)
                    && home.init.start_ns < known.init.start_ns =>
            {
                *known = home;
                false
            }
            // The first program's exec was not seen, another of its events was.
            Some(known) if known.mount_namespace == 0 => {
                known.mount_namespace = home.mount_namespace;
                known.user_namespace = home.user_namespace;
                known.init = home.init;
                false
            }
            Some(_) => false,
        }
    }

    /// Learns the container's root from an event other than an exec, which is only needed if its execs were lost,
    /// and says whether the container was without one before.
    pub(crate) fn learn_from_event(
        &mut self,
        key: ContainerKey,
        time: MonotonicNs,
        root: RootId,
        flags: BaseFlags,
    ) -> bool {
        let home = self.home(time, root, flags);
        match self.entries.get_mut(&key) {
            Some(entry) if entry.home.is_none() => {
                entry.home = Some(home);
                true
            }
            _ => false,
        }
    }

    fn home(&self, began: MonotonicNs, root: RootId, flags: BaseFlags) -> Home {
        let overlay = root.magic == FileFacts::OVERLAY_MAGIC;
        let since_ns = match self.wall_minus_monotonic_ns {
            Some(offset) if !overlay => since(began, offset),
            _ => 0,
        };
        Home {
            root: ContainerRoot {
                dev: root.dev,
                ino: root.ino,
                overlay,
                since_ns,
            },
            mount_namespace: 0,
            user_namespace: 0,
            init: ProcessKey::default(),
            began,
            chroot: flags.has(BaseFlags::CHROOT),
        }
    }

    /// Whether the bound is passed, so that [`ContainerTable::make_room`] is due.
    pub(crate) fn is_over_full(&self) -> bool {
        self.entries.len() > self.containers_max
    }

    /// Makes room for the container `newest`, which has no program yet: removes those without processes that were
    /// seen longest ago, a quarter of the table at once so that a storm of containers pays for the search rarely.
    /// Only if there are none, a few with processes go. Returns the removed ones.
    pub(crate) fn make_room(
        &mut self,
        newest: ContainerKey,
        live: &HashSet<ContainerKey>,
    ) -> HashSet<ContainerKey> {
        let mut by_age: Vec<(bool, MonotonicNs, ContainerKey)> = self
            .entries
            .iter()
            .filter(|(key, _)| **key != newest)
            .map(|(key, entry)| (live.contains(key), entry.last_seen, *key))
            .collect();
        by_age.sort_unstable();
        let ended = by_age.iter().filter(|(live, ..)| !live).count();
        let count = match ended {
            0 => LIVE_CONTAINERS_BATCH,
            ended => ended.min(self.containers_max / 4),
        };
        let gone: HashSet<ContainerKey> = by_age.iter().take(count).map(|&(.., key)| key).collect();
        self.entries.retain(|key, _| !gone.contains(key));
        gone
    }

    /// Removes the containers whose processes ended a while ago and returns them.
    pub(crate) fn sweep(
        &mut self,
        live: &HashSet<ContainerKey>,
        now: MonotonicNs,
    ) -> HashSet<ContainerKey> {
        let mut gone = HashSet::new();
        self.entries.retain(|key, entry| {
            if live.contains(key) {
                entry.last_seen = entry.last_seen.max(now);
            }
            let keep = now.since(entry.last_seen) < CONTAINER_GRACE_NS;
            if !keep {
                gone.insert(*key);
            }
            keep
        });
        gone
    }
}

/// The time up to which a file's last change may lie for it to be older than the container.
fn since(began: MonotonicNs, wall_minus_monotonic_ns: i64) -> i64 {
    wall(began, wall_minus_monotonic_ns).saturating_sub(FILE_CLOCK_LAG_NS)
}

/// Wall time of a monotonic time, in nanoseconds since 1970.
pub(crate) fn wall(time: MonotonicNs, wall_minus_monotonic_ns: i64) -> i64 {
    i64::try_from(time.0)
        .unwrap_or(i64::MAX)
        .saturating_add(wall_minus_monotonic_ns)
}

/// A stand-in for a container whose runtime said nothing: only the id is filled.
pub(crate) fn unnamed(home: Option<&Home>, cgroup: CgroupId) -> Container {
    let id = match home {
        Some(home) if home.mount_namespace != 0 => format!("ns-{}", home.mount_namespace),
        _ => format!("cgroup-{}", cgroup.0),
    };
    Container {
        id,
        ..Container::default()
    }
}
