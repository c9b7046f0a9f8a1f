//! A match of a rule made into an alert: complete, so that nothing needs to be looked up to understand it.

use super::fold::FoldKey;
use super::observed::{Observed, What};
use super::subject::EventSubject;
use super::words;
use crate::alert::describe;
use crate::container_table::unnamed;
use crate::process_table::Program;
use crate::writers;
use std::sync::Arc;
use yagura_event::{
    Action, Alert, AlertProcess, AlertStatus, Category, ConditionEvidence, Container,
    DetectionEvidence, EventEvidence, MonotonicNs, ProcessKey, ScanEvidence, ScanReason, Severity,
    WallTime, WriterEvidence, WrittenHow, escape,
};
use yagura_rules::fields::{Argument, Field};
use yagura_rules::rule::{Rule, RuleSeverity};
use yagura_rules::{Explanation, Match, RuleSet, Subject, Truth, Value};

/// Bytes of one value in an alert, before escaping.
const VALUE_BYTES_MAX: usize = 1024;

/// What a finding is known again by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    /// What makes repeats the same.
    pub(crate) key: FoldKey,
    /// When it happened.
    pub(crate) last_time: WallTime,
}

/// Fields that make two findings of a rule the same where the rule does not say which.
const FOLD_BY: [Field; 3] = [Field::ProcExepath, Field::ProcCmdline, Field::FdName];

/// What a finding is known again by: its rule, its container, and the values of the rule's `fold_by` fields.
pub(crate) fn identity(rules: &RuleSet, found: &Match<'_>, subject: &EventSubject<'_>) -> Written {
    let rule = found.rule;
    let values: Vec<Vec<u8>> = match rule.fold_by.is_empty() {
        true => FOLD_BY
            .iter()
            .map(|field| bytes(&subject.value(*field, &Argument::None)))
            .collect(),
        false => fold_values(rules, found, subject),
    };
    let container = subject.observed.container.0.to_le_bytes();
    let fixed = [rule.name.as_bytes(), container.as_slice()];
    let parts = fixed.into_iter().chain(values.iter().map(Vec::as_slice));
    Written {
        key: FoldKey::new(parts),
        last_time: subject.wall(subject.observed.time),
    }
}

/// Writes the alert.
pub(crate) fn write(
    rules: &RuleSet,
    found: &Match<'_>,
    subject: &EventSubject<'_>,
    key: FoldKey,
) -> Alert {
    let rule = found.rule;
    let observed = subject.observed;
    let time = subject.wall(observed.time);
    let container = match subject.entry.and_then(|entry| entry.container.clone()) {
        Some(container) => container,
        None => Arc::new(unnamed(
            subject.entry.and_then(|entry| entry.home.as_ref()),
            observed.cgroup,
        )),
    };
    let source = match observed.what {
        What::ContainerStarted => "container",
        _ => "syscall",
    };
    let process = process(subject, observed.process, subject.program);
    Alert {
        container: Some(Arc::clone(&container)),
        ancestors: subject
            .lineage()
            .skip(1)
            .map(|program| self::process(subject, program.process, Some(program)))
            .collect(),
        scan: scan(subject),
        process: Some(process),
        gaps: gaps(subject, &container),
        monotonic: observed.time,
        ..common(
            rule,
            Detection {
                id: id(subject, &container, key),
                time,
                source,
                output: rules.message(found.id, subject),
                condition: condition(rules.explain(found.id, subject)),
                events: events(found, subject, time),
                node: Arc::clone(subject.node),
            },
        )
    }
}

/// What every alert of a rule has, whatever its source.
pub(crate) struct Detection {
    pub(crate) id: String,
    pub(crate) time: WallTime,
    pub(crate) source: &'static str,
    pub(crate) output: String,
    pub(crate) condition: ConditionEvidence,
    pub(crate) events: Vec<EventEvidence>,
    pub(crate) node: Arc<yagura_event::Node>,
}

/// An alert without process and container.
pub(crate) fn common(rule: &Rule, detection: Detection) -> Alert {
    let key = rule.key.clone().unwrap_or_default();
    let title = rule.title_en.clone().unwrap_or_else(|| rule.name.clone());
    Alert {
        incident: detection.id.clone(),
        id: detection.id,
        time: detection.time,
        monotonic: MonotonicNs(0),
        rule: rule.name.clone().into(),
        category: Category::of_key(&key),
        key: key.into(),
        severity: severity(rule.severity),
        status: AlertStatus::Unhandled,
        title: title.into(),
        explanation: explanation(rule),
        remedy: plain(&rule.remedy),
        techniques: rule.techniques.clone(),
        action: Action::Alerted,
        count: 1,
        last_time: detection.time,
        node: detection.node,
        container: None,
        process: None,
        ancestors: Vec::new(),
        drift: None,
        policy: None,
        detection: Some(DetectionEvidence {
            source: detection.source,
            priority: rule.priority.as_str(),
            tags: rule.tags.clone(),
            output: detection.output,
            condition: detection.condition,
            events: detection.events,
            title_ja: rule.title_ja.clone().unwrap_or_default(),
        }),
        scan: None,
        denial: None,
        gaps: Vec::new(),
    }
}

/// What the rule is about and why it matters, in one line.
fn explanation(rule: &Rule) -> String {
    let parts = [plain(&rule.description), plain(&rule.reason)];
    let sentences = parts.into_iter().filter(|part| !part.is_empty());
    let ended = sentences.map(|part| match part.ends_with(['.', '!', '?']) {
        true => part,
        false => part + ".",
    });
    ended.collect::<Vec<_>>().join(" ")
}

/// Sentences of a rule file, whose lines were broken for reading.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn severity(severity: RuleSeverity) -> Severity {
    match severity {
        RuleSeverity::Urgent => Severity::Urgent,
        RuleSeverity::Suspicious => Severity::Suspicious,
        RuleSeverity::Reminder => Severity::Reminder,
    }
}

/// The engine's explanation in the words of alerts.
pub(crate) fn condition(explanation: Option<Explanation>) -> ConditionEvidence {
    let Some(node) = explanation else {
        return ConditionEvidence::default();
    };
    ConditionEvidence {
        text: node.text,
        holds: match node.holds {
            Truth::True => Some(true),
            Truth::False => Some(false),
            Truth::Unknown => None,
        },
        value: node.value,
        parts: node
            .children
            .into_iter()
            .map(|child| condition(Some(child)))
            .collect(),
    }
}

/// Values of the rule's `fold_by` fields.
pub(crate) fn fold_values(
    rules: &RuleSet,
    found: &Match<'_>,
    subject: &impl Subject,
) -> Vec<Vec<u8>> {
    let values = rules.fold_values(found.id, subject).into_iter();
    values
        .map(|(_, value)| value.unwrap_or_default().into_bytes())
        .collect()
}

/// The process that ran the file that a finding is about; `None` if it was only written, or is an image's.
pub(crate) fn runner(subject: &EventSubject<'_>) -> Option<AlertProcess> {
    let scan = subject.observed.what.scan()?;
    matches!(scan.reason, ScanReason::Used | ScanReason::DriftUsed)
        .then(|| process(subject, subject.observed.process, subject.program))
}

/// What scanning found, as the alert tells it.
fn scan(subject: &EventSubject<'_>) -> Option<ScanEvidence> {
    let scan = subject.observed.what.scan()?;
    let written_by = scan.writer.map(|writer| {
        let program = subject.programs.program(writer.program);
        // Of a writer that is no longer remembered only the pid is left.
        let key = program.map_or(
            ProcessKey {
                pid: writer.program.pid,
                start_ns: 0,
            },
            |program| program.process,
        );
        WriterEvidence {
            process: process(subject, key, program),
            time: subject.wall(writer.time),
            how: program.map_or(WrittenHow::Other, writers::written_how),
        }
    });
    Some(ScanEvidence {
        path: scan.path.clone(),
        file: scan.file,
        size: scan.size,
        sha256: scan.sha256,
        fuzzy: scan.fuzzy.clone(),
        reason: scan.reason,
        finding: scan.finding.clone(),
        others: scan.others.clone(),
        written_by,
        run_by: runner(subject).into_iter().collect(),
    })
}

/// The events behind a match: those that a sequence or threshold kept, then the one that completed it.
fn events(found: &Match<'_>, subject: &EventSubject<'_>, time: WallTime) -> Vec<EventEvidence> {
    let kept = found
        .evidence
        .steps
        .iter()
        .map(|(step, event)| EventEvidence {
            time: subject.wall(event.time),
            kind: event.kind.as_str().to_owned(),
            step: step.clone(),
            facts: event.values.clone(),
        });
    let last = EventEvidence {
        time,
        kind: subject.observed.what.kind().as_str().to_owned(),
        step: String::new(),
        facts: facts(subject).into_iter().chain(counted(found)).collect(),
    };
    // The last step of a sequence is this event.
    let kept = kept.take(found.evidence.steps.len().saturating_sub(1));
    kept.chain(std::iter::once(last)).collect()
}

/// The fields of an event that tell most.
fn facts(subject: &EventSubject<'_>) -> Vec<(String, String)> {
    const FIELDS: [Field; 20] = [
        Field::ProcName,
        Field::ProcExepath,
        Field::ProcCmdline,
        Field::ProcPid,
        Field::ProcPname,
        Field::ProcCwd,
        Field::UserUid,
        Field::FdName,
        Field::EvtArgs,
        Field::EvtRes,
        Field::StreamHow,
        Field::StreamHeldMs,
        Field::DnsQuestion,
        Field::DriftVector,
        Field::ScanKey,
        Field::ScanFamily,
        Field::ScanScore,
        Field::ScanEngine,
        Field::ScanRule,
        Field::ScanSha256,
    ];
    let values = FIELDS.iter().filter_map(|field| {
        let value = subject.value(*field, &Argument::None);
        let shown = shown(&value)?;
        (!shown.is_empty()).then(|| (field.name().to_owned(), shown))
    });
    let own = match &subject.observed.what {
        What::RightsGained(before) => vec![
            ("user before".to_owned(), before.euid.to_string()),
            (
                "capabilities before".to_owned(),
                words::capabilities(before.capabilities),
            ),
        ],
        What::Flood(count) => vec![("events not taken".to_owned(), count.to_string())],
        _ => Vec::new(),
    };
    values.chain(own).collect()
}

/// What a threshold counted, or which value was new, beside the fields of the last event.
pub(crate) fn counted(found: &Match<'_>) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    if let Some(counted) = &found.evidence.counted {
        facts.push(("count".to_owned(), counted.count.to_string()));
        if !counted.values.is_empty() {
            facts.push(("values".to_owned(), counted.values.join(", ")));
        }
    }
    if let Some(values) = &found.evidence.first_seen {
        facts.push(("first seen".to_owned(), values.join(", ")));
    }
    facts
}

/// A value for reading, escaped and bounded; `None` if there is none.
pub(crate) fn shown(value: &Value<'_>) -> Option<String> {
    match value {
        Value::Absent | Value::Unknown => None,
        Value::List(_) => None,
        value => {
            let bytes = bytes(value);
            let kept = bytes.get(..VALUE_BYTES_MAX).unwrap_or(&bytes);
            Some(escape(kept).into_owned())
        }
    }
}

/// A value as bytes, for comparison.
fn bytes(value: &Value<'_>) -> Vec<u8> {
    match value {
        Value::Absent | Value::Unknown => Vec::new(),
        Value::Text(text) => text.to_vec(),
        Value::Number(number) => number.to_string().into_bytes(),
        Value::Boolean(yes) => yes.to_string().into_bytes(),
        Value::Address(address) => address.to_string().into_bytes(),
        Value::List(values) => values.iter().map(bytes).collect::<Vec<_>>().join(&b','),
    }
}

fn gaps(subject: &EventSubject<'_>, container: &Container) -> Vec<String> {
    let mut gaps = container.gaps.clone();
    if !subject.entry.is_some_and(|entry| entry.complete) {
        gaps.push("the container's metadata did not arrive in time".to_owned());
    }
    if subject.program.is_none() {
        gaps.push(
            "the program is not known: its beginning was not seen, or it was forgotten".to_owned(),
        );
    }
    if let What::Call(call) = &subject.observed.what
        && call.event.file.is_none()
        && !call.event.path.is_empty()
    {
        gaps.push(
            "the path is what the process passed to the call; links in it are not resolved"
                .to_owned(),
        );
    }
    gaps
}

fn process(subject: &EventSubject<'_>, key: ProcessKey, program: Option<&Program>) -> AlertProcess {
    describe(key, program, subject.entry, |time| subject.wall(time))
}

/// The identity of a finding: the same in every replay of the same input.
fn id(subject: &EventSubject<'_>, container: &Container, key: FoldKey) -> String {
    let Observed {
        time,
        process,
        program,
        ..
    } = subject.observed;
    FoldKey::new([
        subject.node.name.as_bytes(),
        container.id.as_bytes(),
        key.digits().as_bytes(),
        &time.0.to_le_bytes(),
        &process.pid.to_le_bytes(),
        &process.start_ns.to_le_bytes(),
        &program.exec_ns.to_le_bytes(),
    ])
    .digits()
}
