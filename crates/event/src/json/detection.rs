//! Why a detection rule matched, as JSON.

use super::alert::{name, rfc3339, sentences};
use crate::{ConditionEvidence, DetectionEvidence, EventEvidence};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// Parts of a condition shown on one level, and events shown: many times what the engine keeps.
const PARTS_MAX: usize = 256;
/// Levels of a condition shown.
const DEPTH_MAX: usize = 64;

/// Why a detection rule matched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Detection")]
pub struct DetectionJson {
    /// Where the events came from: `syscall`, `container`, `k8s_audit` or `windows`.
    pub source: &'static str,
    /// Priority of the rule in Falco's words.
    pub priority: &'static str,
    /// Tags of the rule.
    pub tags: Vec<String>,
    /// Output of the rule with its fields filled in.
    pub output: String,
    /// The condition with the values that made it true.
    pub condition: ConditionJson,
    /// The events behind it, the earliest first.
    pub events: Vec<EventJson>,
    /// The catalogue's label in Japanese; empty for rules without one.
    pub title_ja: String,
}

/// A condition and its parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Condition")]
pub struct ConditionJson {
    /// The condition as the rule has it; `and`, `or` or `not` for joined ones.
    pub text: String,
    /// Whether it held; null if that could not be told.
    pub holds: Option<bool>,
    /// The value of its field; null for joined conditions.
    pub value: Option<String>,
    /// Its parts.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub parts: Vec<ConditionJson>,
}

/// An event behind a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Event")]
pub struct EventJson {
    /// When it happened: RFC 3339, UTC, nanoseconds.
    #[schemars(extend("format" = "date-time"))]
    pub time: String,
    /// What kind of event it is, as rules call it.
    pub kind: String,
    /// The step of a sequence that it made; empty for rules without.
    pub step: String,
    /// Its fields.
    pub facts: BTreeMap<String, String>,
}

impl From<&DetectionEvidence> for DetectionJson {
    fn from(evidence: &DetectionEvidence) -> DetectionJson {
        DetectionJson {
            source: evidence.source,
            priority: evidence.priority,
            tags: evidence.tags.iter().take(PARTS_MAX).map(name).collect(),
            output: sentences(&evidence.output),
            condition: condition(&evidence.condition, DEPTH_MAX),
            events: evidence
                .events
                .iter()
                .take(PARTS_MAX)
                .map(EventJson::from)
                .collect(),
            title_ja: name(&evidence.title_ja),
        }
    }
}

fn condition(evidence: &ConditionEvidence, depth_left: usize) -> ConditionJson {
    let parts = match depth_left.checked_sub(1) {
        Some(left) => evidence
            .parts
            .iter()
            .take(PARTS_MAX)
            .map(|part| condition(part, left))
            .collect(),
        None => Vec::new(),
    };
    ConditionJson {
        text: sentences(&evidence.text),
        holds: evidence.holds,
        value: evidence.value.as_deref().map(sentences),
        parts,
    }
}

impl From<&EventEvidence> for EventJson {
    fn from(event: &EventEvidence) -> EventJson {
        let facts = event.facts.iter().take(PARTS_MAX);
        EventJson {
            time: rfc3339(event.time),
            kind: name(&event.kind),
            step: name(&event.step),
            facts: facts
                .map(|(field, value)| (name(field), sentences(value)))
                .collect(),
        }
    }
}
