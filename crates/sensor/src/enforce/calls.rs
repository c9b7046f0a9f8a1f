//! Whether a system call may be made that a container waits with, and what the runtime wrapper is to do.
//!
//! Does: answer the questions that the wrapper has put into the seccomp profiles of containers, and tell the wrapper
//! which containers are to ask about which calls, and which may not start at all.
//! Never: asks about a container that no blocking rule covers, since such calls fail for good once nobody answers.

use super::asking::{AskingContainer, AskingContainers};
use super::process::{Ancestry, base, name_of, pid_namespace_of, process_of, start_of};
use crate::start::Wakes;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use yagura_event::{
    Behaviour, BehaviourSet, CellAction, ContainerKey, DenialEvent, DenialOutcome, Denied,
    Drop as Lost, DropPlace, DropReason, EnforcementMeans, EnforcementRow, Node, Text, WallTime,
    with_causes,
};
use yagura_kernel::{
    AgentConfig, AgentCounts, SeccompAgent, SeccompAnswer, SeccompCall, SeccompQuestion,
};
use yagura_policy::at_risk::{AtRiskImageRule, ImageAction};
use yagura_policy::{Condition, Field, Operator, PolicySet, RowQuestion, Scope, decide_row};
use yagura_wrapper::{Places, Refusal, ScopeRule, Settings};

/// Name of the socket in the sensor's state directory.
const SOCKET: &str = "seccomp.sock";
/// Threads that answer: one may wait for the metadata of a container that begins.
const ANSWERERS: usize = 4;
/// How long a container is new: its runtime has spoken by then, or will not.
const NEW_FOR: Duration = Duration::from_secs(2);
/// How long the first calls of a new container wait for what holds there; less than the agent's own deadline.
const NEWS_MAX: Duration = Duration::from_millis(250);
/// Pause between two looks for it.
const NEWS_POLL: Duration = Duration::from_millis(2);
/// A call that the wrapper refuses rather than asking about it, wherever it asks about `clone`.
const CLONE3: &str = "clone3";

/// What the wrapper is to do on a node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Orders {
    /// What calls are asked about.
    behaviours: BehaviourSet,
    calls: Vec<String>,
    /// Containers that ask.
    containers: Vec<ScopeRule>,
    /// Containers that may not start.
    refuse: Vec<Refusal>,
}

impl Orders {
    /// What the rules that block need. Of a rule that the wrapper can't tell where it applies, such as one on labels,
    /// nobody is asked: its calls are left to the signal behind them.
    pub(super) fn of(policies: &PolicySet, node: &Node, now: WallTime) -> Orders {
        let mut orders = Orders::default();
        let mut behaviours = BehaviourSet::EMPTY;
        let asked = behaviours_asked_about();
        for rule in policies.defence() {
            let covered = BehaviourSet(rule.behaviours.set().0 & asked.0);
            if covered.is_empty() || !rule.may_block_on(node, now) {
                continue;
            }
            if let Some(containers) = containers_in(&rule.scope, ScopeRule::default()) {
                behaviours.0 |= covered.0;
                if !orders.containers.contains(&containers) {
                    orders.containers.push(containers);
                }
            }
        }
        let covers = |call: &&SeccompCall| call.covers().is_some_and(|b| behaviours.contains(b));
        let calls = SeccompCall::ALL.iter().filter(covers);
        orders.behaviours = behaviours;
        orders.calls = calls.map(|call| call.as_str().to_owned()).collect();
        if behaviours.contains(Behaviour::NamespaceCreation) {
            orders.calls.push(CLONE3.to_owned());
        }
        orders.refuse = refusals(policies, node, now);
        orders
    }

    /// Whether the wrapper has nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        self.containers.is_empty() && self.refuse.is_empty()
    }
}

fn behaviours_asked_about() -> BehaviourSet {
    SeccompCall::ALL.iter().filter_map(|c| c.covers()).collect()
}

/// Containers that rules on images keep from starting by the name of their image alone. Where some rule allows images,
/// nobody is refused beforehand: which rule wins is decided by all that is known, once the container has started.
fn refusals(policies: &PolicySet, node: &Node, now: WallTime) -> Vec<Refusal> {
    let in_force = |rule: &&AtRiskImageRule| rule.may_apply_on(node, now);
    let rules = || policies.images().iter().filter(in_force);
    if rules().any(|rule| rule.action == ImageAction::Allow) {
        return Vec::new();
    }
    let blocking = rules().filter(|rule| rule.action == ImageAction::Block);
    let refusals = blocking.filter(|rule| !rule.images.is_empty()).map(|rule| {
        let images = rule.images.iter().map(|image| image.as_str().to_owned());
        let named = ScopeRule {
            images: images.collect(),
            ..ScopeRule::default()
        };
        Some(Refusal {
            rule: rule.name.clone(),
            containers: containers_in(&rule.scope, named)?,
        })
    });
    refusals.flatten().collect()
}

/// A scope in the wrapper's words, on top of other conditions; `None` if it has none for it. Cloud and cluster are the node's own, and have
/// been looked at.
fn containers_in(scope: &Scope, mut containers: ScopeRule) -> Option<ScopeRule> {
    for condition in &scope.conditions {
        let patterns = match condition.field {
            Field::Namespace => &mut containers.namespaces,
            Field::PodName => &mut containers.pods,
            Field::ContainerName => &mut containers.containers,
            Field::ImageName => &mut containers.images,
            Field::ClusterName => continue,
            Field::PodLabel(_) => return None,
        };
        // Two conditions on one field must both hold, two patterns need not.
        if !patterns.is_empty() {
            return None;
        }
        *patterns = patterns_of(condition)?;
    }
    Some(containers)
}

fn patterns_of(condition: &Condition) -> Option<Vec<String>> {
    let values = condition.values.iter().map(|value| {
        let is_plain = !value.contains(['*', '?']);
        is_plain.then(|| match condition.operator {
            Operator::StartsWith => format!("{value}*"),
            Operator::EndsWith => format!("*{value}"),
            Operator::Equals => value.clone(),
            Operator::Contains => format!("*{value}*"),
        })
    });
    values.collect()
}

/// The agent that containers ask, and what the wrapper was told.
pub(super) struct CallGate {
    /// `None` where the kernel decides by itself.
    agent: Option<SeccompAgent>,
    places: Places,
    socket: PathBuf,
    told: Option<Orders>,
    reported: AgentCounts,
}

impl CallGate {
    /// Starts answering, if there is somebody to answer. `state` is the sensor's own directory, `places` are the
    /// wrapper's.
    ///
    /// # Errors
    /// Why nobody can be asked, in words.
    pub(super) fn start(
        state: &Path,
        places: Places,
        answerer: Option<CallAnswerer>,
    ) -> Result<CallGate, String> {
        let socket = state.join(SOCKET);
        let config = AgentConfig {
            answerers: ANSWERERS,
            ..AgentConfig::new(socket.clone())
        };
        let start = |answerer: CallAnswerer| {
            SeccompAgent::start(&config, move |question| answerer.answer(question))
                .map_err(|error| with_causes(&error))
        };
        let agent = answerer.map(start).transpose()?;
        Ok(CallGate {
            agent,
            places,
            socket,
            told: None,
            reported: AgentCounts::default(),
        })
    }

    /// Tells the wrapper what to do with new containers.
    ///
    /// # Errors
    /// Why it can't be told, in words.
    pub(super) fn tell(&mut self, orders: &Orders) -> Result<(), String> {
        if self.told.as_ref() == Some(orders) {
            return Ok(());
        }
        let mut settings = Settings::new(&self.socket);
        // Whether containers may start without the sensor is the administrator's choice.
        match Settings::read(&self.places) {
            Ok(Some(before)) => settings.require_agent = before.require_agent,
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(
                    error = with_causes(&error),
                    "wrapper's settings are written anew"
                );
            }
        }
        settings.calls.clone_from(&orders.calls);
        if self.agent.is_some() {
            settings.scope.clone_from(&orders.containers);
        }
        settings.refuse.clone_from(&orders.refuse);
        settings
            .write(&self.places)
            .map_err(|error| with_causes(&error))?;
        self.told = Some(orders.clone());
        Ok(())
    }

    /// Whether a behaviour is among those that containers ask about.
    pub(super) fn decides(&self, behaviour: Behaviour) -> bool {
        let behaviours = self.told.as_ref().map(|told| told.behaviours);
        behaviours.is_some_and(|behaviours| behaviours.contains(behaviour))
    }

    /// Whether a container asks.
    pub(super) fn is_asked_by(&self, id: &str) -> bool {
        self.agent
            .as_ref()
            .is_some_and(|agent| agent.listens_to(id))
    }

    /// Calls that got no answer in time since the last call of this, and so were made.
    pub(super) fn take_losses(&mut self) -> Vec<Lost> {
        let counts = self.agent.as_ref().map(SeccompAgent::counts);
        let counts = counts.unwrap_or_default();
        let before = std::mem::replace(&mut self.reported, counts);
        let late = |counts: &AgentCounts| counts.timed_out + counts.panicked;
        let refused = |counts: &AgentCounts| counts.listeners_refused;
        let lost = [
            (DropReason::TimedOut, late(&counts) - late(&before)),
            (DropReason::Full, counts.overflowed - before.overflowed),
            (DropReason::Full, refused(&counts) - refused(&before)),
        ];
        let lost = lost.into_iter().filter(|(_, count)| *count > 0);
        lost.map(|(reason, count)| Lost {
            place: DropPlace::SeccompAgent,
            reason,
            count,
        })
        .collect()
    }

    /// Ends: containers that start from now on ask nobody, and all may start.
    pub(super) fn stop(mut self) {
        if let Err(why) = self.tell(&Orders::default()) {
            tracing::warn!(why, "wrapper goes on looking for this sensor");
        }
    }
}

/// Answers by the rows of containers.
pub(super) struct CallAnswerer {
    pub(super) containers: Arc<AskingContainers>,
    /// What holds in containers of which nothing is known yet.
    pub(super) default: Arc<RwLock<EnforcementRow>>,
    pub(super) wakes: Wakes,
}

impl CallAnswerer {
    fn answer(&self, question: &SeccompQuestion) -> SeccompAnswer {
        let Some(behaviour) = question.behaviour() else {
            return SeccompAnswer::Continue;
        };
        let container = self.container_of(question);
        if behaviour == Behaviour::ProcessOutside && !self.is_outside(question, container.as_ref())
        {
            return SeccompAnswer::Continue;
        }
        let default = || {
            let row = self.default.read().unwrap_or_else(PoisonError::into_inner);
            Arc::new(row.clone())
        };
        let row = container
            .as_ref()
            .map_or_else(default, |c| Arc::clone(&c.row));
        let process = Ancestry::of(question.pid, true);
        let above: Vec<&[u8]> = process.ancestors.iter().map(Vec::as_slice).collect();
        // The process's own program comes first.
        let above = above.get(1..).unwrap_or_default();
        let decision = decide_row(
            &row,
            &RowQuestion {
                what: Denied::Behaviour(behaviour),
                program: process.exe.as_deref(),
                parent: above.first().copied(),
                ancestors: above,
                file: None,
            },
        );
        // What was read of the process is another's if it has ended meanwhile; then nobody waits for this answer.
        if decision.action != CellAction::Deny || !question.is_waiting() {
            return SeccompAnswer::Continue;
        }
        let key = container.map_or(ContainerKey::default(), |container| container.key);
        let pid = process_of(question.pid).unwrap_or(question.pid);
        self.wakes.denied(DenialEvent {
            base: base(pid, key),
            denied: Denied::Behaviour(behaviour),
            outcome: DenialOutcome::Blocked,
            means: EnforcementMeans::SeccompNotify,
            rule: decision.rule,
            name: Text::from(name_of(question.pid).as_slice()),
            exe: Text::from(process.exe.unwrap_or_default().as_slice()),
            file: None,
            target: Text::default(),
        });
        SeccompAnswer::REFUSED
    }

    /// The container that asks; a new one is waited for. `None` if nothing is known of it.
    fn container_of(&self, question: &SeccompQuestion) -> Option<Arc<AskingContainer>> {
        let find = || {
            let by_id = self.containers.find_by_id(&question.container.id);
            by_id.or_else(|| self.containers.find(question.pid))
        };
        let begun = std::time::Instant::now();
        loop {
            let found = find();
            let is_over = || begun.elapsed() >= NEWS_MAX || !is_new(question.container.pid);
            if found.is_some() || is_over() {
                return found;
            }
            std::thread::sleep(NEWS_POLL);
        }
    }

    /// Whether the process that is to be traced belongs to another container or to the host. One that the caller can
    /// name only in a pid namespace of its own is taken for the container's.
    fn is_outside(
        &self,
        question: &SeccompQuestion,
        container: Option<&Arc<AskingContainer>>,
    ) -> bool {
        let shares_pids = pid_namespace_of(question.pid) == pid_namespace_of(std::process::id());
        let target = question.target_pid().filter(|_| shares_pids);
        target.is_some_and(|target| {
            let of_target = self.containers.find(target).map(|found| found.key);
            of_target.is_none() || of_target != container.map(|container| container.key)
        })
    }
}

/// Whether the process was started a moment ago.
fn is_new(pid: u32) -> bool {
    let start = start_of(pid).unwrap_or_default();
    let age = crate::now().0.saturating_sub(start);
    Duration::from_nanos(age) < NEW_FOR
}

#[cfg(test)]
mod tests {
    use super::*;
    use yagura_policy::set::parse;

    fn rule(name: &str, spec: &str) -> String {
        format!(
            "apiVersion: yagura.dev/v1\nkind: DefenceRule\nmetadata:\n  name: {name}\nspec:\n{spec}\n"
        )
    }

    fn orders_of(rules: &[String]) -> Orders {
        let parsed = parse("rules.yaml", rules.join("---\n").as_bytes());
        let policies = parsed
            .set
            .unwrap_or_else(|| panic!("{:?}", parsed.diagnostics));
        Orders::of(&policies, &Node::default(), WallTime(0))
    }

    const MOUNT: &str = "  action: block\n  behaviours: { syscall: [mount], file: [core-pattern] }";

    #[test]
    fn what_a_rule_blocks_is_asked_about_where_it_applies() {
        let conditions = "\n  scope:\n    conditions:\n      - { field: namespace, operator: starts-with, values: [shop-, bank] }";
        let orders = orders_of(&[rule("a", &format!("{MOUNT}{conditions}"))]);
        assert!(orders.calls.contains(&"move_mount".to_owned()));
        assert!(!orders.calls.contains(&"bpf".to_owned()));
        assert!(!orders.calls.contains(&CLONE3.to_owned()));
        let [containers] = orders.containers.as_slice() else {
            panic!("{orders:?}");
        };
        assert_eq!(containers.namespaces, ["shop-*", "bank*"]);
        assert!(containers.images.is_empty());
    }

    #[test]
    fn rules_that_block_no_call_make_nobody_ask() {
        let observed = format!("{MOUNT}\n  observe: true");
        let files = "  action: block\n  behaviours: { file: [core-pattern] }";
        let alert = MOUNT.replace("block", "alert");
        for spec in [
            &observed,
            files,
            &alert,
            &format!("{MOUNT}\n  enabled: false"),
        ] {
            assert!(orders_of(&[rule("a", spec)]).is_empty(), "{spec}");
        }
    }

    #[test]
    fn a_scope_that_the_wrapper_cannot_tell_makes_nobody_ask() {
        for condition in [
            "{ field: pod-label, key: app, operator: equals, values: [web] }",
            "{ field: namespace, operator: contains, values: ['a*'] }",
        ] {
            let spec = format!("{MOUNT}\n  scope: {{ conditions: [{condition}] }}");
            assert!(orders_of(&[rule("a", &spec)]).is_empty(), "{condition}");
        }
    }

    #[test]
    fn making_namespaces_is_asked_about_by_both_calls() {
        let spec = "  action: block\n  behaviours: { process: [namespace-creation] }";
        let orders = orders_of(&[rule("a", spec), rule("b", spec)]);
        assert_eq!(orders.calls, ["unshare", "clone", CLONE3]);
        assert_eq!(orders.containers, [ScopeRule::default()]);
    }
    fn image_rule(name: &str, spec: &str) -> String {
        rule(name, spec).replace("DefenceRule", "AtRiskImageRule")
    }

    #[test]
    fn images_at_risk_may_not_start_unless_some_image_is_allowed() {
        let block = image_rule("miners", "  action: block\n  images: ['*/xmrig:*']");
        let orders = orders_of(std::slice::from_ref(&block));
        let [refusal] = orders.refuse.as_slice() else {
            panic!("{orders:?}");
        };
        assert_eq!(refusal.rule, "miners");
        assert_eq!(refusal.containers.images, ["*/xmrig:*"]);
        let alert = image_rule("a", "  action: alert\n  images: ['*/xmrig:*']");
        assert!(orders_of(&[alert]).is_empty());
        let allow = image_rule("b", "  action: allow\n  images: ['registry.example/*']");
        assert!(orders_of(&[block, allow]).is_empty());
    }
}
