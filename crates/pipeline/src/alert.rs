//! A case made into an alert: complete, so that nothing needs to be looked up to understand it.

use crate::case::{Case, WriterFacts};
use crate::container_table::{ContainerEntry, unnamed};
use crate::denial;
use crate::detect::FoldKey;
use crate::explain;
use crate::origin;
use crate::process_table::Program;
use std::sync::Arc;
use yagura_event::{
    Action, Alert, AlertProcess, AlertStatus, Category, Container, DenialOutcome, DriftEvidence,
    DriftKind, DriftVector, InspectionError, MonotonicNs, Node, PolicyEvidence, ProcessKey,
    Severity, Text, WallTime, WriterEvidence,
};
use yagura_policy::drift::{Decision, Verdict};

/// What an alert says beside the case.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ruling<'a> {
    /// What the policy decided.
    pub(crate) decision: Decision<'a>,
    /// Version of the policy.
    pub(crate) version: u64,
    /// Whether this sensor can block.
    pub(crate) can_block: bool,
    /// The node.
    pub(crate) node: &'a Arc<Node>,
}

impl Ruling<'_> {
    /// What the rule asks for, in the policy's word.
    pub(crate) fn action(&self) -> &'static str {
        match self.decision.verdict {
            Verdict::Block => "block",
            Verdict::Alert | Verdict::Ignore | Verdict::Allowed => "alert",
        }
    }
}

/// Writes the alert.
pub(crate) fn write(case: &Case<'_>, ruling: &Ruling<'_>) -> Alert {
    let candidate = case.candidate();
    let container = match case.entry.and_then(|entry| entry.container.clone()) {
        Some(container) => container,
        None => Arc::new(unnamed(case.place.home, candidate.cgroup)),
    };
    let vectors = case.vectors();
    let drift = evidence(case, vectors);
    let outcome = case.outcome();
    Alert {
        id: id(case, &drift, &container, ruling.node),
        time: case.wall(candidate.time),
        monotonic: candidate.time,
        rule: "Binary drift".into(),
        key: "drift.binary".into(),
        category: Category::Drift,
        severity: Severity::Urgent,
        status: outcome.map_or(AlertStatus::Unhandled, denial::status),
        title: title(case.finding.kind, outcome).into(),
        explanation: explain::sentences(case, ruling, &drift, &container),
        action: outcome.map_or(Action::Alerted, denial::action),
        remedy: REMEDY.to_owned(),
        techniques: vec!["T1204.003".to_owned(), "T1105".to_owned()],
        count: 1,
        last_time: case.wall(candidate.time),
        node: Arc::clone(ruling.node),
        process: Some(own_process(case)),
        ancestors: case.ancestry.as_ref().map_or_else(Vec::new, |ancestry| {
            ancestry
                .programs
                .iter()
                .map(|program| process(case, program.process, Some(program)))
                .collect()
        }),
        policy: Some(policy(case, ruling)),
        denial: case
            .candidate()
            .denial
            .as_ref()
            .map(|denial| denial::evidence(&denial.event)),
        gaps: explain::gaps(case, ruling),
        drift: Some(drift),
        detection: None,
        scan: None,
        incident: String::new(),
        container: Some(container),
    }
}

/// What to do about drift.
const REMEDY: &str = "Find out who wrote the file and why. If it belongs to the workload, build it into the image or put it \
on the allow list of the rule that decided; otherwise stop the container and start it from its image again.";

/// The rule that decided: of what was denied, the one that the kernel side decided by.
fn policy(case: &Case<'_>, ruling: &Ruling<'_>) -> PolicyEvidence {
    let denial = case.candidate().denial.as_ref();
    match denial.and_then(|denial| denial.rule.as_ref()) {
        Some(rule) => denial::policy(rule),
        None => PolicyEvidence {
            rule: ruling.decision.rule.name.to_owned(),
            index: ruling.decision.rule.index,
            version: ruling.version,
            action: ruling.action(),
        },
    }
}

fn title(kind: DriftKind, outcome: Option<DenialOutcome>) -> &'static str {
    match (kind, outcome) {
        (DriftKind::Binaries, Some(DenialOutcome::Blocked | DenialOutcome::Killed)) => {
            "Blocked binary drift: a drift binary was kept from executing in the container"
        }
        (DriftKind::Libraries, Some(DenialOutcome::Blocked | DenialOutcome::Killed)) => {
            "Blocked binary drift: a drift library was kept from executing in the container"
        }
        (DriftKind::Scripts, Some(DenialOutcome::Blocked | DenialOutcome::Killed)) => {
            "Blocked binary drift: a drift script was kept from executing in the container"
        }
        (kind, _) => detected(kind),
    }
}

fn detected(kind: DriftKind) -> &'static str {
    match kind {
        DriftKind::Binaries => "A drift binary was detected executing in the container",
        DriftKind::Libraries => "A drift library was detected executing in the container",
        DriftKind::Scripts => "A drift script was detected executing in the container",
    }
}

fn evidence(case: &Case<'_>, vectors: Vec<DriftVector>) -> DriftEvidence {
    let file = &case.candidate().file;
    let sha256 = case.inspection().and_then(|inspection| inspection.sha256);
    let missing = case
        .inspection()
        .and_then(|inspection| inspection.error)
        .unwrap_or(match case.inspection() {
            Some(_) => InspectionError::Unreadable,
            None => InspectionError::TimedOut,
        });
    DriftEvidence {
        vector: vectors.first().copied().unwrap_or(DriftVector::Written),
        vectors,
        kind: case.finding.kind,
        provenance: case.origin.provenance,
        path: case.path.clone(),
        file: file.key.id,
        layer: origin::layer(&case.place),
        size: file.key.size,
        sha256,
        sha256_missing: sha256.is_none().then(|| missing.text()),
        image_path: case.origin.image_path.clone(),
        written_by: case.writer.as_ref().map(|writer| written_by(case, writer)),
    }
}

fn written_by(case: &Case<'_>, writer: &WriterFacts<'_>) -> WriterEvidence {
    // Of a writer that is no longer remembered only the pid is left; its start is not known.
    let key = writer.program.map_or(
        ProcessKey {
            pid: writer.seen.program.pid,
            start_ns: 0,
        },
        |program| program.process,
    );
    WriterEvidence {
        process: process(case, key, writer.program),
        time: case.wall(writer.seen.time),
        how: writer.how,
    }
}

/// The process that an alert is about. Of one that was kept from running a file at least its executable is known.
fn own_process(case: &Case<'_>) -> AlertProcess {
    let candidate = case.candidate();
    let known = process(case, candidate.process, case.program);
    match &candidate.denial {
        Some(denial) if case.program.is_none() => AlertProcess {
            exe: denial.event.exe.clone(),
            ..known
        },
        _ => known,
    }
}

fn process(case: &Case<'_>, key: ProcessKey, program: Option<&Program>) -> AlertProcess {
    // A writer may be of another container that shares a volume: its users are not these.
    let entry = case
        .entry
        .filter(|_| program.is_some_and(|program| program.container == case.candidate().container));
    describe(key, program, entry, |time| case.wall(time))
}

/// A process as alerts show it: what its program is, and who that runs as by the container's own users.
pub(crate) fn describe(
    key: ProcessKey,
    program: Option<&Program>,
    entry: Option<&ContainerEntry>,
    wall: impl Fn(MonotonicNs) -> WallTime,
) -> AlertProcess {
    let start_time = match key.start_ns {
        0 => WallTime::default(),
        start_ns => wall(MonotonicNs(start_ns)),
    };
    let Some(program) = program else {
        return AlertProcess {
            key,
            start_time,
            argv_truncated: true,
            uid: u32::MAX,
            ..AlertProcess::default()
        };
    };
    let uid = program.credentials.uid;
    AlertProcess {
        key,
        start_time,
        exe: Text::from(program.exe()),
        argv: program.argv().map(Text::from).collect(),
        argv_truncated: program.argv_truncated,
        cwd: Text::from(program.cwd()),
        uid,
        user: entry.and_then(|entry| entry.user(uid)).cloned(),
    }
}

/// The identity of a finding: the same in every replay of the same input.
fn id(case: &Case<'_>, drift: &DriftEvidence, container: &Container, node: &Node) -> String {
    let candidate = case.candidate();
    let file = candidate.file.key;
    let parts: [&[u8]; 13] = [
        node.name.as_bytes(),
        container.id.as_bytes(),
        &candidate.process.pid.to_le_bytes(),
        &candidate.process.start_ns.to_le_bytes(),
        &candidate.program.exec_ns.to_le_bytes(),
        &file.id.dev.to_le_bytes(),
        &file.id.ino.to_le_bytes(),
        &file.generation.to_le_bytes(),
        &file.ctime_ns.to_le_bytes(),
        &file.size.to_le_bytes(),
        drift.path.as_bytes(),
        drift.kind.as_str().as_bytes(),
        drift.vector.as_str().as_bytes(),
    ];
    FoldKey::new(parts).digits()
}
