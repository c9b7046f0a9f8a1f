//! The thread that keeps what is enforced in step with policies and containers.
//!
//! The kernel decides; here rows are compiled and handed to it, and the means that need somebody in user space are kept
//! up. Nothing waits for this thread but commands.

use super::calls::Orders;
use super::control::{Answer, Asked, Question};
use super::fuse::{Fuses, Workload};
use super::means::Means;
use super::spared::{Spared, Sparing};
use super::status::{DenialCount, EnforcementStatus, Shortfall};
use crate::canary::Canary;
use crate::start::Wakes;
use crossbeam_channel::{Receiver, never, select, tick};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use yagura_event::{
    Container, ContainerKey, ContainerRoot, ContainerVerdict, DenialEvent, DenialRule, Denied,
    EnforcementRow, FileFacts, LayerDirs, Membership, MonotonicNs, Node, ProcessKey, WallTime,
};
use yagura_kernel::wall_minus_boot_ns;
use yagura_policy::compile::Lack;
use yagura_policy::defence::Fuse;
use yagura_policy::set::RuleKind;
use yagura_policy::{Compiled, ContainerFacts, PolicySet, compile};

/// How often expiry is looked at, losses are counted, and mounts that were added are found.
const LOOK: Duration = Duration::from_secs(2);

/// What the thread is told.
#[derive(Debug)]
pub(crate) enum Task {
    /// News of a container.
    Container(Box<News>),
    /// Containers that have ended.
    Gone(HashSet<ContainerKey>),
    /// Other policies are in force.
    Policies(Arc<PolicySet>, u64),
    /// A container of the sensor's own is about to be, or is over.
    Canary(Option<Canary>),
    /// A file may run although it was kept from it.
    LetRun(ContainerKey, Box<FileFacts>),
    /// Something was denied, or seen.
    Denied(Box<DenialEvent>),
    /// Somebody wants to know what is enforced.
    Status(crossbeam_channel::Sender<EnforcementStatus>),
    /// The end.
    Stop,
}

/// What is known of a container.
#[derive(Debug, Clone)]
pub(crate) struct News {
    pub(crate) membership: Membership,
    pub(crate) container: Option<Arc<Container>>,
    pub(crate) init: ProcessKey,
    pub(crate) root: ContainerRoot,
    pub(crate) layers: Option<LayerDirs>,
}

/// A container that was met.
#[derive(Debug)]
pub(super) struct Guarded {
    pub(super) news: News,
    pub(super) released: bool,
    /// What was compiled last; `None` before anything was.
    pub(super) compiled: Option<Compiled>,
    /// Rules that only tell of this container since their fuse has blown.
    pub(super) blown: HashSet<u32>,
    /// What of the rules could not be enforced here, in words.
    pub(super) shortfalls: Vec<String>,
    /// When it was met.
    pub(super) met: MonotonicNs,
    /// Whether the rules on images have been answered.
    pub(super) image_judged: bool,
}

/// The thread's own.
pub(super) struct Enforcer {
    pub(super) means: Means,
    pub(super) policies: Arc<PolicySet>,
    pub(super) version: u64,
    pub(super) node: Arc<Node>,
    pub(super) containers: HashMap<ContainerKey, Guarded>,
    pub(super) released: bool,
    pub(super) wakes: Wakes,
    /// When this sensor was started.
    pub(super) started: MonotonicNs,
    /// The container of the sensor's own, which has policies of its own.
    canary: Option<Canary>,
    spared: Arc<Spared>,
    fuses: Fuses,
    denials: BTreeMap<(String, &'static str, &'static str), u64>,
    shortfalls: BTreeMap<String, u64>,
}

impl Enforcer {
    pub(super) fn new(
        means: Means,
        policies: Arc<PolicySet>,
        version: u64,
        node: Arc<Node>,
        wakes: Wakes,
        spared: Arc<Spared>,
    ) -> Enforcer {
        let mut enforcer = Enforcer {
            means,
            policies,
            version,
            node,
            containers: HashMap::new(),
            released: false,
            wakes,
            started: crate::now(),
            canary: None,
            spared,
            fuses: Fuses::default(),
            denials: BTreeMap::new(),
            shortfalls: BTreeMap::new(),
        };
        enforcer.set_default();
        // What was released while no sensor ran stays so, and can be told only of what is loaded.
        enforcer.released = enforcer.means.is_released();
        enforcer.spared.set_everything(enforcer.released);
        enforcer.order_wrapper();
        enforcer
    }

    /// Works until it is told to stop.
    pub(super) fn run(mut self, tasks: &Receiver<Task>, asked: Option<&Receiver<Asked>>) {
        let nobody = never();
        let asked = asked.unwrap_or(&nobody);
        let looks = tick(LOOK);
        loop {
            select! {
                recv(tasks) -> task => match task {
                    Ok(Task::Stop) | Err(_) => break,
                    Ok(task) => self.task(task),
                },
                recv(asked) -> asked => if let Ok(Asked { question, answer }) = asked {
                    // A command that gave up needs no answer.
                    let _ = answer.send(self.answer(&question));
                },
                recv(looks) -> _ => self.look(),
            }
        }
        self.means.stop();
    }

    fn task(&mut self, task: Task) {
        match task {
            Task::Container(news) => self.container(*news),
            Task::Gone(gone) => {
                for key in gone {
                    self.gone(key);
                }
            }
            Task::Policies(policies, version) => {
                self.policies = policies;
                self.version = version;
                self.fuses.reset();
                self.set_default();
                self.order_wrapper();
                self.apply_all();
            }
            Task::Canary(canary) => self.set_canary(canary),
            Task::LetRun(key, file) => {
                if let Err(error) = self.means.trust(key, &file) {
                    self.fell_short(&error);
                }
            }
            Task::Denied(event) => self.denied(&event),
            Task::Status(asker) => {
                // An asker that has gone needs no answer.
                let _ = asker.try_send(self.status());
            }
            Task::Stop => {}
        }
    }

    fn container(&mut self, news: News) {
        let key = news.membership.container;
        let (blown, newly_blown) = self.restarted(key, news.container.as_deref());
        let guarded = self
            .containers
            .entry(key)
            .and_modify(|guarded| guarded.news.clone_from(&news))
            .or_insert_with(|| Guarded {
                news,
                released: false,
                compiled: None,
                blown: HashSet::new(),
                shortfalls: Vec::new(),
                met: crate::now(),
                image_judged: false,
            });
        guarded.blown.extend(&blown);
        self.judge_image(key, wall_now());
        self.apply(key);
        for rule in newly_blown {
            self.tell_fuse(key, rule);
        }
    }

    /// A workload that was started again may blow the fuse of the rules that denied something to it. Returns all rules
    /// whose fuse has blown for it, and those whose fuse blew just now.
    fn restarted(
        &mut self,
        key: ContainerKey,
        container: Option<&Container>,
    ) -> (Vec<u32>, Vec<u32>) {
        let Some(container) = container else {
            return (Vec::new(), Vec::new());
        };
        let workload = Workload::of(container);
        let policies = &self.policies;
        let blows = |rule, ago: &[u64]| fuse_of(policies, rule).blows(ago);
        let now = crate::now();
        let new = self.fuses.started(key, workload.clone(), now, blows);
        (self.fuses.blown(&workload).collect(), new)
    }

    /// Tells that a rule blocks nothing any more in the workload of a container.
    fn tell_fuse(&self, key: ContainerKey, number: u32) {
        let Some(rule) = self.policies.rule_numbered(number) else {
            return;
        };
        tracing::warn!(
            rule = %yagura_event::escape(rule.name.as_bytes()),
            "a workload crashes over and over because of a rule: the rule only tells of it from now on"
        );
        let rule = DenialRule {
            name: rule.name.clone(),
            index: rule.index,
            version: self.version,
            blocks: rule.blocks,
        };
        self.rule_on(key, ContainerVerdict::FuseBlown, rule, String::new());
    }

    fn gone(&mut self, key: ContainerKey) {
        self.fuses.ended(key);
        self.spared.forget(key);
        if let Some(guarded) = self.containers.remove(&key) {
            for error in self.means.forget(&guarded.news) {
                self.fell_short(&error);
            }
        }
    }

    /// What holds for containers of which nothing is known yet: rules without a scope.
    fn set_default(&mut self) {
        let compiled = self.compile(None, &HashSet::new());
        let row = match self.released {
            true => EnforcementRow::default(),
            false => compiled.row,
        };
        if let Err(error) = self.means.set_default(&row) {
            self.fell_short(&error);
        }
    }

    /// Tells the wrapper what the rules want of new containers now.
    fn order_wrapper(&mut self) {
        let orders = Orders::of(&self.policies, &self.node, wall_now());
        if let Err(why) = self.means.order_wrapper(&orders) {
            self.fell_short(&format!("runtime wrapper cannot do its part: {why}"));
        }
    }

    fn compile(&self, container: Option<&Container>, blown: &HashSet<u32>) -> Compiled {
        let blown_fuses: Vec<u32> = blown.iter().copied().collect();
        let facts = ContainerFacts {
            container,
            now: wall_now(),
            blown_fuses: &blown_fuses,
        };
        compile(self.policies_of(container), &facts, &self.node)
    }

    /// The policies that hold for a container.
    fn policies_of(&self, container: Option<&Container>) -> &PolicySet {
        match (&self.canary, container) {
            (Some(canary), Some(container)) if canary.id == container.id => &canary.policies,
            _ => &self.policies,
        }
    }

    /// Puts in force on the container of the sensor's own what is to be proved there, should it be known already.
    fn set_canary(&mut self, canary: Option<Canary>) {
        self.canary = canary;
        let Some(canary) = &self.canary else {
            return;
        };
        let own = |guarded: &Guarded| {
            let container = guarded.news.container.as_deref();
            container.is_some_and(|container| container.id == canary.id)
        };
        let found = self.containers.iter().find(|(_, guarded)| own(guarded));
        if let Some(key) = found.map(|(key, _)| *key) {
            self.apply(key);
        }
    }

    fn apply_all(&mut self) {
        let keys: Vec<ContainerKey> = self.containers.keys().copied().collect();
        for key in keys {
            self.apply(key);
        }
    }

    /// Puts in force on a container what the policies say now.
    fn apply(&mut self, key: ContainerKey) {
        let Some(guarded) = self.containers.get(&key) else {
            return;
        };
        // Until its runtime has spoken, the row for unknown containers holds.
        if guarded.news.container.is_none() {
            return;
        }
        let compiled = self.compile(guarded.news.container.as_deref(), &guarded.blown);
        // A former sensor knew more: what it put in force holds until this one knows as much.
        let is_uncertain = compiled
            .gaps
            .iter()
            .any(|gap| matches!(gap.lack, Lack::Scope(_)));
        if is_uncertain && self.means.inherits(&guarded.news.membership) {
            return;
        }
        let sparing = Sparing {
            released: guarded.released,
            rules: guarded.blown.clone(),
        };
        self.spared.set(key, sparing);
        let row = match self.released || guarded.released {
            true => EnforcementRow::default(),
            false => compiled.row.clone(),
        };
        let shortfalls = self.means.protect(&guarded.news, &row);
        for shortfall in &shortfalls {
            self.fell_short(shortfall);
        }
        if let Some(guarded) = self.containers.get_mut(&key) {
            guarded.compiled = Some(compiled);
            guarded.shortfalls = shortfalls;
        }
    }

    fn denied(&mut self, event: &DenialEvent) {
        if event.outcome != yagura_event::DenialOutcome::Watched {
            self.fuses.denied(event.base.container, event.rule);
        }
        let counted = (
            what(event.denied),
            event.outcome.as_str(),
            event.means.as_str(),
        );
        *self.denials.entry(counted).or_default() += 1;
    }

    fn look(&mut self) {
        let now = wall_now();
        let due: Vec<ContainerKey> = self
            .containers
            .iter()
            .filter(|(_, guarded)| {
                let until = guarded.compiled.as_ref().and_then(|c| c.valid_until);
                until.is_some_and(|until| until <= now)
            })
            .map(|(key, _)| *key)
            .collect();
        for key in due {
            self.apply(key);
        }
        self.judge_images(now);
        self.order_wrapper();
        self.means
            .look(self.containers.values().map(|guarded| &guarded.news));
        for lost in self.means.losses() {
            self.wakes.lost(lost);
        }
    }

    fn fell_short(&mut self, what: &str) {
        let count = self.shortfalls.entry(what.to_owned()).or_default();
        *count += 1;
        if *count == 1 {
            tracing::warn!(shortfall = what, "enforcement falls short");
        }
    }

    fn answer(&mut self, question: &Question) -> Answer {
        match question {
            Question::Status => Answer::Status(Box::new(self.status())),
            Question::Release { container } => self.release(container.as_deref(), true),
            Question::Resume { container } => self.release(container.as_deref(), false),
        }
    }

    fn release(&mut self, wanted: Option<&str>, released: bool) -> Answer {
        let Some(wanted) = wanted else {
            self.released = released;
            self.spared.set_everything(released);
            if let Err(error) = self.means.switch(!released) {
                self.fell_short(&error);
            }
            self.set_default();
            for guarded in self.containers.values_mut() {
                guarded.released = false;
            }
            self.apply_all();
            return Answer::Done(self.containers.len());
        };
        let found: Vec<ContainerKey> = self
            .containers
            .iter()
            .filter(|(_, guarded)| {
                let container = guarded.news.container.as_deref();
                container.is_some_and(|container| is_meant(container, wanted))
            })
            .map(|(key, _)| *key)
            .collect();
        match found.as_slice() {
            [] => Answer::Refused("no container has that id or name".to_owned()),
            [key] => {
                if let Some(guarded) = self.containers.get_mut(key) {
                    guarded.released = released;
                }
                self.apply(*key);
                Answer::Done(1)
            }
            _ => Answer::Refused("several containers begin so: write more of the id".to_owned()),
        }
    }

    fn status(&self) -> EnforcementStatus {
        EnforcementStatus {
            backend: self.means.backend().to_owned(),
            policy_version: self.version,
            released: self.released,
            denials: self
                .denials
                .iter()
                .map(|((what, outcome, means), count)| DenialCount {
                    what: what.clone(),
                    outcome: (*outcome).to_owned(),
                    means: (*means).to_owned(),
                    count: *count,
                })
                .collect(),
            shortfalls: self
                .shortfalls
                .iter()
                .map(|(what, count)| Shortfall {
                    what: what.clone(),
                    count: *count,
                })
                .collect(),
            containers: super::status::containers(self),
        }
    }
}

/// Whether a command means the container: by its name, its id, or the beginning of the id.
fn is_meant(container: &Container, wanted: &str) -> bool {
    /// Characters of an id that is shortened: fewer could be anybody's.
    const ID_CHARS_MIN: usize = 6;
    container.name == wanted
        || container.id == wanted
        || (wanted.len() >= ID_CHARS_MIN && container.id.starts_with(wanted))
}

/// The fuse of a rule; drift rules all have the usual one.
fn fuse_of(policies: &PolicySet, number: u32) -> Fuse {
    let rule = policies.rule_numbered(number);
    let defence = rule.filter(|rule| rule.kind == RuleKind::Defence);
    defence
        .and_then(|rule| policies.defence().get(rule.index))
        .map_or(Fuse::DEFAULT, |rule| rule.fuse)
}

/// What was denied, in a word.
pub(super) fn what(denied: Denied) -> String {
    match denied {
        Denied::Behaviour(behaviour) => behaviour.as_str().to_owned(),
        Denied::Drift(kind, _) => format!("drift-{kind}"),
    }
}

fn wall_now() -> WallTime {
    let now = i64::try_from(crate::now().0).unwrap_or(i64::MAX);
    WallTime(now.saturating_add(wall_minus_boot_ns()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_meant_by_its_name_or_the_beginning_of_its_id() {
        let container = Container {
            id: "0123456789abcdef".to_owned(),
            name: "web".to_owned(),
            ..Container::default()
        };
        for wanted in ["web", "0123456789abcdef", "012345"] {
            assert!(is_meant(&container, wanted), "{wanted}");
        }
        for wanted in ["we", "01234", "012346", ""] {
            assert!(!is_meant(&container, wanted), "{wanted}");
        }
    }
}
