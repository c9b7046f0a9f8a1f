//! A denial made into an alert: what a process was kept from, or would have been.

use crate::alert::describe;
use crate::container_table::{ContainerEntry, unnamed, wall};
use crate::detect::FoldKey;
use crate::explain::shown;
use crate::process_table::{ProcessTable, Program};
use std::sync::Arc;
use yagura_event::{
    Action, Alert, AlertProcess, AlertStatus, Base, Behaviour, Category, Container, DenialEvent,
    DenialEvidence, DenialOutcome, DenialRule, Denied, DriftKind, EnforcementMeans, MonotonicNs,
    Node, OriginClass, PolicyEvidence, ProcessKey, Provenance, Severity, Text, WallTime,
};

/// A denial with all that is known of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scene<'a> {
    /// What the kernel side told.
    pub(crate) event: &'a DenialEvent,
    /// The rule, where it is still known.
    pub(crate) rule: Option<&'a DenialRule>,
    /// The process, with its program.
    pub(crate) base: &'a Base,
    /// That program, if it is known.
    pub(crate) program: Option<&'a Program>,
    /// All programs.
    pub(crate) programs: &'a ProcessTable,
    /// The container.
    pub(crate) entry: Option<&'a ContainerEntry>,
    /// The node.
    pub(crate) node: &'a Arc<Node>,
    /// The node's clock against the monotonic one.
    pub(crate) wall_minus_monotonic_ns: i64,
}

impl Scene<'_> {
    /// A monotonic time by the node's clock.
    pub(crate) fn wall(&self, time: MonotonicNs) -> WallTime {
        WallTime(wall(time, self.wall_minus_monotonic_ns))
    }

    /// The container's first process, from which everything there descends.
    pub(crate) fn first_process(&self) -> ProcessKey {
        let home = self.entry.and_then(|entry| entry.home);
        home.map(|home| home.init).unwrap_or_default()
    }

    fn behaviour(&self) -> Option<Behaviour> {
        match self.event.denied {
            Denied::Behaviour(behaviour) => Some(behaviour),
            Denied::Drift(..) => None,
        }
    }

    /// What it was done to, bounded and escaped.
    fn object(&self) -> String {
        match &self.event.file {
            Some(file) if !file.path.is_empty() => shown(file.path.as_bytes()),
            _ => shown(self.event.target.as_bytes()),
        }
    }

    fn exe(&self) -> &[u8] {
        match self.program {
            Some(program) => program.exe(),
            None => self.event.exe.as_bytes(),
        }
    }
}

/// What makes repeats the same: the container, the rule, the behaviour, the program, and what it was done to.
pub(crate) fn identity(scene: &Scene<'_>) -> FoldKey {
    let event = scene.event;
    let number = scene
        .behaviour()
        .map_or(u8::MAX, |behaviour| behaviour as u8);
    let file = event
        .file
        .as_ref()
        .map_or(&[][..], |file| file.path.as_bytes());
    FoldKey::new([
        &scene.base.container.0.to_le_bytes()[..],
        &event.rule.to_le_bytes(),
        &[number, event.outcome as u8],
        scene.exe(),
        file,
        event.target.as_bytes(),
    ])
}

/// Writes the alert.
pub(crate) fn write(scene: &Scene<'_>, key: FoldKey) -> Alert {
    let event = scene.event;
    let time = scene.wall(event.base.time);
    let container = container(scene);
    let digits = key.digits();
    let identity: [&[u8]; 4] = [
        scene.node.name.as_bytes(),
        container.id.as_bytes(),
        digits.as_bytes(),
        &event.base.time.0.to_le_bytes(),
    ];
    let id = FoldKey::new(identity).digits();
    Alert {
        incident: id.clone(),
        id,
        time,
        monotonic: event.base.time,
        rule: rule_name(scene).into(),
        key: "escape.privilege_escalation".into(),
        category: Category::Escape,
        severity: match event.outcome {
            DenialOutcome::Blocked | DenialOutcome::Killed => Severity::Urgent,
            DenialOutcome::Watched => Severity::Suspicious,
        },
        status: status(event.outcome),
        title: title(scene).into(),
        explanation: explanation(scene),
        remedy: REMEDY.to_owned(),
        techniques: vec!["T1611".to_owned()],
        action: action(event.outcome),
        count: 1,
        last_time: time,
        node: Arc::clone(scene.node),
        process: Some(process(scene)),
        ancestors: ancestors(scene),
        drift: None,
        policy: scene.rule.map(policy),
        detection: None,
        scan: None,
        denial: Some(evidence(event)),
        gaps: gaps(scene),
        container: Some(container),
    }
}

/// What to do about a denial.
const REMEDY: &str = "Find out what the program wanted. If the workload needs it, put the program or the file on the allow list of the rule; otherwise \
treat the container as taken over: isolate it, look at what led to this process, and start it again from its image.";

/// What was done, in an alert's word.
pub(crate) fn action(outcome: DenialOutcome) -> Action {
    match outcome {
        DenialOutcome::Blocked => Action::Blocked,
        DenialOutcome::Killed => Action::Killed,
        DenialOutcome::Watched => Action::Alerted,
    }
}

/// Where an alert about it stands at first.
pub(crate) fn status(outcome: DenialOutcome) -> AlertStatus {
    match outcome {
        DenialOutcome::Blocked | DenialOutcome::Killed => AlertStatus::AutoBlocked,
        DenialOutcome::Watched => AlertStatus::Unhandled,
    }
}

/// What the kernel side told, for an alert.
pub(crate) fn evidence(event: &DenialEvent) -> DenialEvidence {
    DenialEvidence {
        denied: event.denied,
        outcome: event.outcome,
        means: event.means,
        exe: event.exe.clone(),
        file: event
            .file
            .as_ref()
            .map_or_else(Text::default, |file| file.path.clone()),
        target: event.target.clone(),
    }
}

/// The rule that denied, for an alert.
pub(crate) fn policy(rule: &DenialRule) -> PolicyEvidence {
    PolicyEvidence {
        rule: rule.name.clone(),
        index: rule.index,
        version: rule.version,
        action: match rule.blocks {
            true => "block",
            false => "alert",
        },
    }
}

/// Makes an alert of drift that ran into one of a process that the sensor has ended.
pub(crate) fn end(alert: &mut Alert, kind: DriftKind, provenance: Provenance) {
    let class = OriginClass::ALL
        .into_iter()
        .find(|class| class.provenances().contains(&provenance))
        .unwrap_or(OriginClass::Layer);
    let means = EnforcementMeans::KillBySensor;
    alert.action = Action::Killed;
    alert.status = AlertStatus::AutoBlocked;
    alert.explanation.push_str(" It was stopped ");
    alert.explanation.push_str(by_means(means));
    alert.explanation.push('.');
    alert.denial = Some(DenialEvidence {
        denied: Denied::Drift(kind, class),
        outcome: DenialOutcome::Killed,
        means,
        exe: alert
            .process
            .as_ref()
            .map_or_else(Text::default, |process| process.exe.clone()),
        file: alert
            .drift
            .as_ref()
            .map_or_else(Text::default, |drift| drift.path.clone()),
        target: Text::default(),
    });
}

/// By what means something was denied, as the end of a sentence.
pub(crate) fn by_means(means: EnforcementMeans) -> &'static str {
    match means {
        EnforcementMeans::BpfLsm => "in the kernel, before it took effect",
        EnforcementMeans::KillAtExec => "by ending the process before its first instruction",
        EnforcementMeans::KillAtCall => "by ending the process before it could go on",
        EnforcementMeans::Fanotify => "by the sensor, whom the kernel asked before it ran the file",
        EnforcementMeans::CgroupConnect => "in the kernel, before the connection was made",
        EnforcementMeans::CgroupDevice => "in the kernel, before the device was reached",
        EnforcementMeans::CgroupSysctl => "in the kernel, before the setting was written",
        EnforcementMeans::SeccompNotify => "by the sensor, whom the kernel asked before the call",
        EnforcementMeans::KillBySensor => "by ending the process after it had begun",
    }
}

fn rule_name(scene: &Scene<'_>) -> String {
    scene
        .rule
        .map_or_else(|| "Defence rule".to_owned(), |rule| rule.name.clone())
}

fn title(scene: &Scene<'_>) -> String {
    let what = scene.behaviour().map_or("", Behaviour::covers);
    let what = what.trim_end_matches('.');
    match scene.event.outcome {
        DenialOutcome::Blocked => format!("Blocked in a container: {what}"),
        DenialOutcome::Killed => format!("Process ended in a container: {what}"),
        DenialOutcome::Watched => format!("Seen in a container: {what}"),
    }
}

fn explanation(scene: &Scene<'_>) -> String {
    let event = scene.event;
    let pid = event.base.process.pid;
    let behaviour = scene.behaviour();
    let name = behaviour.map_or("", Behaviour::as_str);
    let covers = behaviour.map_or("", Behaviour::covers);
    let object = match scene.object() {
        object if object.is_empty() => String::new(),
        object => format!(" It was done to {object}."),
    };
    let done = match event.outcome {
        DenialOutcome::Blocked => format!("It was blocked {}.", by_means(event.means)),
        DenialOutcome::Killed => format!("It was stopped {}.", by_means(event.means)),
        DenialOutcome::Watched => "The rule only watches: it was let happen.".to_owned(),
    };
    let rule = match scene.rule {
        Some(rule) => format!(
            " Rule \"{}\" (policy version {}) covers it.",
            shown(rule.name.as_bytes()),
            rule.version
        ),
        None => String::new(),
    };
    format!(
        "{} (pid {pid}) showed the behaviour \"{name}\": {covers}{object} {done}{rule}",
        shown(scene.exe()),
    )
}

fn container(scene: &Scene<'_>) -> Arc<Container> {
    match scene.entry.and_then(|entry| entry.container.clone()) {
        Some(container) => container,
        None => Arc::new(unnamed(
            scene.entry.and_then(|entry| entry.home.as_ref()),
            scene.base.cgroup,
        )),
    }
}

fn process(scene: &Scene<'_>) -> AlertProcess {
    let known = describe(scene.base.process, scene.program, scene.entry, |time| {
        scene.wall(time)
    });
    match scene.program {
        Some(_) => known,
        None => AlertProcess {
            exe: scene.event.exe.clone(),
            ..known
        },
    }
}

fn ancestors(scene: &Scene<'_>) -> Vec<AlertProcess> {
    let Some(program) = scene.program else {
        return Vec::new();
    };
    let ancestry = scene.programs.ancestors(program);
    ancestry
        .programs
        .iter()
        .map(|program| {
            describe(program.process, Some(program), scene.entry, |time| {
                scene.wall(time)
            })
        })
        .collect()
}

fn gaps(scene: &Scene<'_>) -> Vec<String> {
    let mut gaps = Vec::new();
    match scene.entry.and_then(|entry| entry.container.as_ref()) {
        Some(container) => gaps.extend(container.gaps.iter().map(|gap| shown(gap.as_bytes()))),
        None => gaps.push(
            "the container's runtime said nothing in time: name, image and pod are unknown"
                .to_owned(),
        ),
    }
    if scene.program.is_none() {
        gaps.push("the program of the process is known by its path alone".to_owned());
    }
    if scene.rule.is_none() {
        gaps.push("the rule is not in force any more: its name is unknown".to_owned());
    }
    gaps
}
