//! Containers as they are met, become known, and end.

use super::Pipeline;
use crate::sink::{Enforced, Sink};
use yagura_event::{
    Base, ContainerFact, ContainerKey, ContainerQuery, DropReason, ExecEvent, Membership,
};

impl Pipeline {
    /// Learns the container's root from an exec.
    pub(super) fn meet(&mut self, event: &ExecEvent, sink: &mut impl Sink) {
        let key = event.base.container;
        let before = self.containers.get(key).and_then(|entry| entry.home);
        if self.containers.learn_from_exec(event) {
            self.query(&event.base, sink);
        }
        let now = self.containers.get(key).and_then(|entry| entry.home);
        if now.map(|home| (home.init, home.mount_namespace))
            != before.map(|home| (home.init, home.mount_namespace))
        {
            self.tell_container(key, sink);
        }
    }

    /// Tells the sink what is known of a container.
    fn tell_container(&self, key: ContainerKey, sink: &mut impl Sink) {
        let Some(entry) = self.containers.get(key) else {
            return;
        };
        let Some(home) = entry.home.filter(|_| !entry.is_no_container()) else {
            return;
        };
        sink.container(Enforced {
            membership: Membership {
                container: key,
                cgroup: entry.cgroup,
                mount_namespace: home.mount_namespace,
            },
            container: entry.container.as_ref(),
            init: home.init,
            root: home.root,
            layers: entry.layers.as_ref(),
        });
    }

    pub(super) fn make_room(&mut self, newest: ContainerKey, sink: &mut impl Sink) {
        if self.containers.is_over_full() {
            let live = self.programs.live_containers();
            let mut gone = self.containers.make_room(newest, &live);
            self.lost(DropReason::Evicted, gone.len() as u64, sink);
            sink.containers_gone(&gone);
            gone.retain(|key| !live.contains(key));
            self.programs.forget(&gone);
        }
    }

    pub(super) fn query(&self, base: &Base, sink: &mut impl Sink) {
        let home = self
            .containers
            .get(base.container)
            .and_then(|entry| entry.home);
        if let Some(home) = home {
            sink.query(ContainerQuery {
                key: base.container,
                cgroup: base.cgroup,
                process: base.process,
                root: home.root,
            });
        }
    }

    pub(super) fn container_fact(&mut self, fact: ContainerFact, sink: &mut impl Sink) {
        let key = fact.key;
        let is_complete = fact.complete;
        self.containers.apply(fact, self.now.unwrap_or_default());
        self.make_room(key, sink);
        self.tell_container(key, sink);
        if is_complete {
            self.detect(|detector, around| detector.container_known(key, around));
        }
        for token in self.pending.tokens_of(key) {
            if let Some(pending) = self.pending.remove(token) {
                self.settle(token, pending, sink);
            }
        }
    }
}
