//! Containers whose images are at risk: told of, or stopped as soon as their runtime has said what they are.

use super::enforcer::{Enforcer, News};
use super::process::cgroup_directory;
use crate::main_loop::kill;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;
use yagura_event::{
    ContainerKey, ContainerRuling, ContainerVerdict, DenialRule, Membership, MonotonicNs, WallTime,
    with_causes,
};
use yagura_policy::at_risk::{ImageAction, ImageDecision, ImageScan, ImageSubject, decide_image};

/// How long what is missing is waited for: the runtime has said all by then.
const WHOLE_AFTER: Duration = Duration::from_secs(3);
/// How long after it was met a container counts as one that starts.
const STARTS_FOR: Duration = Duration::from_secs(10);
/// File that ends all processes of a cgroup (v2, since Linux 5.14; Documentation/admin-guide/cgroup-v2.rst).
const CGROUP_KILL: &str = "cgroup.kill";

impl Enforcer {
    /// Asks the rules on images about containers that start.
    pub(super) fn judge_images(&mut self, now: WallTime) {
        let keys: Vec<ContainerKey> = self.containers.keys().copied().collect();
        for key in keys {
            self.judge_image(key, now);
        }
    }

    /// Asks the rules on images about one container, once there is an answer.
    pub(super) fn judge_image(&mut self, key: ContainerKey, now: WallTime) {
        let Some(guarded) = self.containers.get(&key) else {
            return;
        };
        let age = Duration::from_nanos(crate::now().since(guarded.met));
        if guarded.image_judged || age > STARTS_FOR || self.policies.images().is_empty() {
            return;
        }
        let Some(container) = guarded.news.container.as_deref() else {
            return;
        };
        let subject = ImageSubject {
            node: &self.node,
            container: Some(container),
            // Scans are known to the center alone.
            scan: ImageScan::Unknown,
            now,
        };
        let decision = decide_image(self.policies.images(), &subject);
        let is_waited_for = decision.gap.is_some() && age < WHOLE_AFTER;
        if decision.action == ImageAction::Allow || is_waited_for {
            return;
        }
        let Some(rule) = self.image_rule(&decision) else {
            return;
        };
        let (verdict, gap) = match decision.action {
            ImageAction::Block => self.stop(key),
            ImageAction::Alert | ImageAction::Allow => {
                let gap = decision
                    .gap
                    .map(|missing| format!("{missing} is not known"));
                (ContainerVerdict::ImageAtRisk, gap.unwrap_or_default())
            }
        };
        self.rule_on(key, verdict, rule, gap);
        if let Some(guarded) = self.containers.get_mut(&key) {
            guarded.image_judged = true;
        }
    }

    fn image_rule(&self, decision: &ImageDecision<'_>) -> Option<DenialRule> {
        let (index, name) = decision.rule?;
        let rule = self.policies.images().get(index)?;
        Some(DenialRule {
            name: name.to_owned(),
            index,
            version: self.version,
            blocks: rule.action == ImageAction::Block,
        })
    }

    /// Stops a container at once, unless it ran before this sensor did: then nobody expects it to end.
    fn stop(&self, key: ContainerKey) -> (ContainerVerdict, String) {
        let not_stopped = |why: &str| (ContainerVerdict::ImageNotStopped, why.to_owned());
        let Some(guarded) = self.containers.get(&key) else {
            return not_stopped("it has ended");
        };
        if self.released || guarded.released {
            return not_stopped("enforcement was released");
        }
        if MonotonicNs(guarded.news.init.start_ns) < self.started {
            return not_stopped("it was running before this sensor was started");
        }
        match stop_container(&guarded.news, self.means.cgroup_root()) {
            Ok(()) => (ContainerVerdict::ImageStopped, String::new()),
            Err(why) => not_stopped(&why),
        }
    }

    /// Tells of a ruling.
    pub(super) fn rule_on(
        &self,
        key: ContainerKey,
        verdict: ContainerVerdict,
        rule: DenialRule,
        gap: String,
    ) {
        let guarded = self.containers.get(&key);
        self.wakes.ruled(ContainerRuling {
            time: crate::now(),
            container: key,
            process: guarded.map(|guarded| guarded.news.init).unwrap_or_default(),
            verdict,
            rule,
            gap,
        });
    }
}

/// Ends every process of a container: by its own cgroup, or by its first process where it has none.
fn stop_container(news: &News, cgroup_root: &Path) -> Result<(), String> {
    let by_cgroup = end_cgroup(&news.membership, news.init.pid, cgroup_root);
    let Err(why) = by_cgroup else {
        return Ok(());
    };
    match kill(news.init) {
        true => Ok(()),
        false => Err(format!("its first process could not be ended; {why}")),
    }
}

/// Ends every process of the container's cgroup, and of no other: what the path leads to must be that very cgroup.
fn end_cgroup(membership: &Membership, init: u32, root: &Path) -> Result<(), String> {
    let directory = cgroup_directory(root, init).ok_or("its cgroup is not known")?;
    let found = std::fs::metadata(&directory).map_err(|error| with_causes(&error))?;
    if membership.cgroup.0 == 0 || found.ino() != membership.cgroup.0 {
        return Err("it has no cgroup of its own".to_owned());
    }
    std::fs::write(directory.join(CGROUP_KILL), "1").map_err(|error| with_causes(&error))
}
