//! Rules out most rules of a long policy without touching them.
//!
//! Each rule has one small row: what it counts, and, if one of its conditions says `equals`, a 64-bit set of the
//! hashes of that condition's values. A row may let through a rule that does not match, never the other way round.

use super::{DriftRule, KindSet, ProvenanceSet};
use crate::scope::{Field, Operator};
use crate::subject::{Fact, Facts, Subject};
use yagura_event::{DriftKind, Provenance};

/// Number of fields that a row can look at: all but pod labels.
const FIELDS: usize = 5;

/// One row for each rule, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Prefilter {
    rows: Vec<Row>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row {
    kinds: KindSet,
    provenances: ProvenanceSet,
    field: usize,
    values: u64,
}

/// A subject in the form of rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probe {
    kind: DriftKind,
    provenance: Provenance,
    fields: [u64; FIELDS],
}

impl Prefilter {
    pub(super) fn of(rules: &[DriftRule]) -> Prefilter {
        Prefilter {
            rows: rules.iter().map(Row::of).collect(),
        }
    }

    /// Positions of the rules that may match, in order.
    pub(super) fn candidates(&self, probe: Probe) -> impl Iterator<Item = usize> {
        self.rows
            .iter()
            .enumerate()
            .filter(move |(_, row)| row.may_match(&probe))
            .map(|(index, _)| index)
    }
}

impl Row {
    fn of(rule: &DriftRule) -> Row {
        let gate = rule.scope.conditions.iter().find_map(|condition| {
            let field = slot(&condition.field)?;
            (condition.operator == Operator::Equals).then(|| {
                let values = condition.values.iter().fold(0, |set, v| set | bit(v));
                (field, values)
            })
        });
        let (field, values) = gate.unwrap_or((0, u64::MAX));
        Row {
            kinds: if rule.enabled {
                rule.kinds
            } else {
                KindSet::NONE
            },
            provenances: rule.provenances,
            field,
            // A rule without such a condition passes even for a subject without the field, whose set is empty.
            values,
        }
    }

    fn may_match(&self, probe: &Probe) -> bool {
        let fits = self.values == u64::MAX
            || probe
                .fields
                .get(self.field)
                .is_none_or(|found| found & self.values != 0);
        fits && self.kinds.contains(probe.kind) && self.provenances.contains(probe.provenance)
    }
}

impl Probe {
    pub(super) fn of(subject: &Subject<'_>, facts: &Facts<'_>) -> Probe {
        let set = |fact: Fact<'_>| match fact {
            Fact::Known(value) => bit(value),
            Fact::Absent => 0,
            Fact::Unknown(_) => u64::MAX,
        };
        Probe {
            kind: subject.kind,
            provenance: subject.provenance,
            fields: [
                set(facts.container_name),
                set(facts.image_name),
                set(facts.namespace),
                set(facts.pod_name),
                set(facts.cluster_name),
            ],
        }
    }
}

/// Where the field stands in [`Probe::fields`].
fn slot(field: &Field) -> Option<usize> {
    match field {
        Field::ContainerName => Some(0),
        Field::ImageName => Some(1),
        Field::Namespace => Some(2),
        Field::PodName => Some(3),
        Field::ClusterName => Some(4),
        Field::PodLabel(_) => None,
    }
}

/// One of 64 bits by FNV-1a. Texts that are chosen to collide cost time only, as if there were no prefilter.
fn bit(text: &str) -> u64 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    1 << (hash >> 58)
}
