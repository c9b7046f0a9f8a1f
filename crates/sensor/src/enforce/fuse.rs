//! The fuse of blocking rules: a rule that makes a workload crash over and over turns back to telling, for that workload.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use yagura_event::{Container, ContainerKey, MonotonicNs};

/// Workloads whose restarts are remembered. Stops a node with thousands of short jobs from filling memory: the one met
/// longest ago is forgotten.
const WORKLOADS_MAX: usize = 4096;
/// Restarts remembered of one workload and rule: as many as any fuse counts.
const RESTARTS_MAX: usize = 128;

/// What is started again under the same name: a container of a pod, or a container of that name and image.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Workload {
    /// Namespace and name of the pod, uid left out: a controller makes another pod of the same workload.
    pod: String,
    container: String,
    image: String,
}

impl Workload {
    /// The workload of a container.
    pub(super) fn of(container: &Container) -> Workload {
        Workload {
            pod: container
                .pod
                .as_ref()
                .map_or_else(String::new, |pod| format!("{}/{}", pod.namespace, pod.name)),
            container: container.name.clone(),
            image: container.image.clone(),
        }
    }
}

#[derive(Debug, Default)]
struct History {
    met: u64,
    /// Rules that denied something to the container that ran last, by number.
    denied_by: BTreeSet<u32>,
    /// When it was started again after that, by rule.
    restarts: BTreeMap<u32, VecDeque<MonotonicNs>>,
    /// Rules whose fuse has blown.
    blown: BTreeSet<u32>,
}

/// All fuses of a node.
#[derive(Debug, Default)]
pub(super) struct Fuses {
    histories: HashMap<Workload, History>,
    workloads: HashMap<ContainerKey, Workload>,
    met: u64,
}

impl Fuses {
    /// A container was met. Returns the rules whose fuse blows with its start: `blows` says, for a rule and how many
    /// seconds ago the workload was started again because of it, whether that is too often.
    pub(super) fn started(
        &mut self,
        key: ContainerKey,
        workload: Workload,
        now: MonotonicNs,
        blows: impl Fn(u32, &[u64]) -> bool,
    ) -> Vec<u32> {
        if self.workloads.insert(key, workload.clone()).is_some() {
            return Vec::new();
        }
        self.met += 1;
        let history = self.histories.entry(workload).or_default();
        history.met = self.met;
        let mut blown = Vec::new();
        for rule in std::mem::take(&mut history.denied_by) {
            let restarts = history.restarts.entry(rule).or_default();
            restarts.push_back(now);
            if restarts.len() > RESTARTS_MAX {
                restarts.pop_front();
            }
            let ago: Vec<u64> = restarts
                .iter()
                .map(|time| now.since(*time) / 1_000_000_000)
                .collect();
            if blows(rule, &ago) && history.blown.insert(rule) {
                blown.push(rule);
            }
        }
        self.make_room();
        blown
    }

    /// A rule denied something to a container.
    pub(super) fn denied(&mut self, key: ContainerKey, rule: u32) {
        let workload = self.workloads.get(&key);
        if let Some(history) = workload.and_then(|workload| self.histories.get_mut(workload)) {
            history.denied_by.insert(rule);
        }
    }

    /// A container has ended and will not be heard of again.
    pub(super) fn ended(&mut self, key: ContainerKey) {
        self.workloads.remove(&key);
    }

    /// Rules that only tell for a workload.
    pub(super) fn blown(&self, workload: &Workload) -> impl Iterator<Item = u32> + '_ {
        let history = self.histories.get(workload);
        history.into_iter().flat_map(|h| h.blown.iter().copied())
    }

    /// Other rules are in force: their numbers mean something else, and whoever changed them has seen to it.
    pub(super) fn reset(&mut self) {
        for history in self.histories.values_mut() {
            history.denied_by.clear();
            history.restarts.clear();
            history.blown.clear();
        }
    }

    fn make_room(&mut self) {
        if self.histories.len() <= WORKLOADS_MAX {
            return;
        }
        let oldest = self.histories.iter().min_by_key(|(_, history)| history.met);
        if let Some(workload) = oldest.map(|(workload, _)| workload.clone()) {
            self.histories.remove(&workload);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn web() -> Workload {
        Workload::of(&Container {
            name: "web".to_owned(),
            ..Container::default()
        })
    }

    fn seconds(count: u64) -> MonotonicNs {
        MonotonicNs(count * 1_000_000_000)
    }

    /// Three restarts within a minute.
    fn three(_: u32, ago: &[u64]) -> bool {
        ago.iter().filter(|ago| **ago <= 60).count() >= 3
    }

    #[test]
    fn restarts_after_denials_blow_the_fuse_once() {
        let mut fuses = Fuses::default();
        let mut blown = Vec::new();
        for number in 0..6 {
            let key = ContainerKey(number);
            blown.extend(fuses.started(key, web(), seconds(number * 10), three));
            fuses.denied(key, 7);
            fuses.ended(key);
        }
        assert_eq!(blown, [7]);
        assert_eq!(fuses.blown(&web()).collect::<Vec<_>>(), [7]);
        fuses.reset();
        assert_eq!(fuses.blown(&web()).count(), 0);
    }

    #[test]
    fn restarts_without_denials_or_long_ago_do_not() {
        let mut fuses = Fuses::default();
        for number in 0..6 {
            let blown = fuses.started(ContainerKey(number), web(), seconds(number), three);
            assert!(blown.is_empty());
        }
        for number in 6..12 {
            let key = ContainerKey(number);
            let blown = fuses.started(key, web(), seconds(number * 100), three);
            assert!(blown.is_empty());
            fuses.denied(key, 7);
        }
    }

    #[test]
    fn news_of_a_known_container_is_no_restart() {
        let mut fuses = Fuses::default();
        for number in 0..6 {
            let key = ContainerKey(1);
            assert!(fuses.started(key, web(), seconds(number), three).is_empty());
            fuses.denied(key, 7);
        }
    }
}
