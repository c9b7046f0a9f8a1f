//! Audit and log records given to the rules.

use super::alert::{self, Detection};
use super::detector::settle;
use super::fold::{FoldKey, Folds};
use std::sync::Arc;
use yagura_event::{
    Alert, DocumentEvent, DocumentSource, EventEvidence, MonotonicNs, Node, WallTime,
};
use yagura_rules::fields::{Argument, Field, k8s_audit_values, windows_values};
use yagura_rules::{EventKind, Match, Remembered, RuleSet, RuleState, Subject, Value};

/// Turns audit and log records into alerts. One per stream: what sequences and thresholds count belongs together.
#[derive(Debug)]
pub struct Documents {
    rules: Arc<RuleSet>,
    state: RuleState,
    folds: Folds,
    node: Arc<Node>,
    number: u64,
}

impl Documents {
    /// With these rules, for records that are gathered on that node.
    pub fn new(rules: Arc<RuleSet>, node: Arc<Node>) -> Documents {
        Documents {
            state: RuleState::new(&rules),
            rules,
            folds: Folds::default(),
            node,
            number: 0,
        }
    }

    /// What changed of what rules remember, since that was asked last: for who keeps it while nobody watches.
    pub fn changes(&mut self) -> Vec<Remembered> {
        self.state.changes(&self.rules)
    }

    /// Puts what rules remember to what was kept, before any further record.
    pub fn recall(&mut self, remembered: &[Remembered]) {
        self.state.recall(&self.rules, remembered);
    }

    /// Takes one record and hands out whatever follows from it.
    pub fn step(&mut self, document: &DocumentEvent, told: &mut impl FnMut(Alert)) {
        self.number += 1;
        let subject = DocumentSubject {
            document,
            number: self.number,
            node: &self.node,
        };
        self.folds.tick(subject.time(), told);
        let (rules, folds) = (&self.rules, &mut self.folds);
        settle(rules, &mut self.state, &subject, &mut |found| {
            let values = match found.rule.fold_by.is_empty() {
                // Two records are two findings unless the rule says otherwise.
                true => vec![document.position.to_le_bytes().to_vec()],
                false => alert::fold_values(rules, found, &subject),
            };
            let parts = std::iter::once(found.rule.name.as_bytes());
            let key = FoldKey::new(parts.chain(values.iter().map(Vec::as_slice)));
            if folds.repeats(key, document.time, || None) {
                return;
            }
            let alert = write(rules, found, &subject, key);
            if let Some(older) = folds.insert(key, &alert, subject.time()) {
                told(older);
            }
            told(alert);
        });
    }

    /// Tells of repeats: to be called when there will be no more records.
    pub fn finish(&mut self, told: &mut impl FnMut(Alert)) {
        self.folds.finish(told);
    }
}

/// A record as rules see it.
#[derive(Debug, Clone, Copy)]
struct DocumentSubject<'a> {
    document: &'a DocumentEvent,
    number: u64,
    node: &'a Arc<Node>,
}

impl Subject for DocumentSubject<'_> {
    fn kind(&self) -> EventKind {
        match self.document.source {
            DocumentSource::K8sAudit => EventKind::Audit,
            DocumentSource::Windows => windows_values::windows_kind(&self.document.value),
        }
    }

    fn time(&self) -> MonotonicNs {
        monotonic(self.document.time)
    }

    fn value(&self, field: Field, argument: &Argument) -> Value<'_> {
        let wall_ns = self.document.time.0;
        match field {
            Field::EvtType => Value::text(self.kind().as_str()),
            Field::EvtSource => Value::text(self.document.source.as_str()),
            Field::EvtNum => Value::Number(i64::try_from(self.number).unwrap_or(i64::MAX)),
            Field::EvtDir => Value::text("<"),
            Field::EvtHostname => Value::text(self.node.name.as_str()),
            Field::EvtRawtime => Value::Number(wall_ns),
            Field::EvtTime
            | Field::EvtTimeS
            | Field::EvtTimeIso8601
            | Field::EvtDatetime
            | Field::EvtDatetimeS
            | Field::EvtOutputTime => Value::owned(super::times::show(field, wall_ns)),
            field => match self.document.source {
                DocumentSource::K8sAudit => {
                    k8s_audit_values::value(field, argument, &self.document.value)
                }
                DocumentSource::Windows => {
                    windows_values::value(field, argument, &self.document.value)
                }
            },
        }
    }
}

/// Records have no monotonic clock: their own time stands in for it. Before 1970 is 1970.
fn monotonic(time: WallTime) -> MonotonicNs {
    MonotonicNs(u64::try_from(time.0).unwrap_or_default())
}

fn write(rules: &RuleSet, found: &Match<'_>, subject: &DocumentSubject<'_>, key: FoldKey) -> Alert {
    let document = subject.document;
    alert::common(
        found.rule,
        Detection {
            id: id(subject, key),
            time: document.time,
            source: document.source.as_str(),
            output: rules.message(found.id, subject),
            condition: alert::condition(rules.explain(found.id, subject)),
            events: events(found, subject),
            node: Arc::clone(subject.node),
        },
    )
}

fn events(found: &Match<'_>, subject: &DocumentSubject<'_>) -> Vec<EventEvidence> {
    let steps = &found.evidence.steps;
    let earlier = steps.iter().take(steps.len().saturating_sub(1));
    let kept = earlier.map(|(step, event)| EventEvidence {
        time: WallTime(i64::try_from(event.time.0).unwrap_or(i64::MAX)),
        kind: event.kind.as_str().to_owned(),
        step: step.clone(),
        facts: event.values.clone(),
    });
    let last = EventEvidence {
        time: subject.document.time,
        kind: subject.kind().as_str().to_owned(),
        step: String::new(),
        facts: facts(subject)
            .into_iter()
            .chain(alert::counted(found))
            .collect(),
    };
    kept.chain(std::iter::once(last)).collect()
}

/// The fields of a record that tell most.
fn facts(subject: &DocumentSubject<'_>) -> Vec<(String, String)> {
    const AUDIT: [Field; 9] = [
        Field::KaAuditId,
        Field::KaStage,
        Field::KaVerb,
        Field::KaUri,
        Field::KaUserName,
        Field::KaUseragent,
        Field::KaTargetNamespace,
        Field::KaTargetName,
        Field::KaResponseCode,
    ];
    const WINDOWS: [Field; 8] = [
        Field::WinComputer,
        Field::WinChannel,
        Field::WinEventId,
        Field::WinUser,
        Field::WinProcessImage,
        Field::WinProcessCommandLine,
        Field::WinRegistryKey,
        Field::WinAccountTarget,
    ];
    let fields: &[Field] = match subject.document.source {
        DocumentSource::K8sAudit => &AUDIT,
        DocumentSource::Windows => &WINDOWS,
    };
    let position = ("record".to_owned(), subject.document.position.to_string());
    let values = fields.iter().filter_map(|field| {
        let shown = alert::shown(&subject.value(*field, &Argument::None))?;
        Some((field.name().to_owned(), shown))
    });
    std::iter::once(position).chain(values).collect()
}

fn id(subject: &DocumentSubject<'_>, key: FoldKey) -> String {
    let audit_id = match subject.document.source {
        DocumentSource::K8sAudit => alert::shown(&subject.value(Field::KaAuditId, &Argument::None)),
        DocumentSource::Windows => {
            alert::shown(&subject.value(Field::WinRecordId, &Argument::None))
        }
    };
    FoldKey::new([
        subject.node.name.as_bytes(),
        subject.document.source.as_str().as_bytes(),
        key.digits().as_bytes(),
        &subject.document.time.0.to_le_bytes(),
        &subject.document.position.to_le_bytes(),
        audit_id.unwrap_or_default().as_bytes(),
    ])
    .digits()
}
