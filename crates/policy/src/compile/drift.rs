//! The cells of a row: what is done about each kind of drifted file, by what the kernel can tell of its origin.

use super::gap::{Lack, RowGap};
use super::{Context, allow_row};
use crate::allow_list::ProcessPattern;
use crate::drift::{DriftPolicy, DriftRule, RuleAction};
use crate::row::strength;
use crate::set::RuleKind;
use crate::subject::Truth;
use yagura_event::{
    AllowRow, CellAction, DriftCell, DriftKind, EnforcementRow, OriginClass, Provenance,
};

/// Cells by kind and class.
type Cells = [[DriftCell; 4]; 3];

/// What the first rule that matches says of one kind and provenance, its allow list aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Winner {
    /// Position; the default rule stands behind all others.
    index: usize,
    action: CellAction,
}

impl Winner {
    fn of(
        context: &Context<'_>,
        index: usize,
        action: CellAction,
        gaps: &mut Vec<RowGap>,
    ) -> Winner {
        let left = context.after_fuse(context.number(RuleKind::Drift, index), action);
        if left != action {
            let name = context.policies.drift().rule_ref(index).name;
            gaps.push(gap(name, Lack::Fuse));
        }
        Winner {
            index,
            action: left,
        }
    }
}

/// Compiles the cells.
pub(super) fn cells(context: &Context<'_>, gaps: &mut Vec<RowGap>) -> Cells {
    let winners = Winners::find(context, gaps);
    let mut cells = Cells::default();
    let mut used = Vec::new();
    for (kind, row) in DriftKind::ALL.into_iter().zip(&mut cells) {
        for (class, cell) in OriginClass::ALL.into_iter().zip(row) {
            *cell = combined(context, &winners, kind, class, &mut used, gaps);
        }
    }
    used.sort_unstable();
    used.dedup();
    for index in used {
        if let Some(rule) = context.policies.drift().rules().get(index) {
            tell_entries(rule, gaps);
        }
    }
    cells
}

/// The winner of every kind and provenance.
#[derive(Debug)]
struct Winners(Vec<(DriftKind, Provenance, Winner)>);

impl Winners {
    /// Asks every rule at most once, until all pairs are decided. A rule whose scope can't be told decides nothing:
    /// it could only report, and reporting is the sensor's.
    fn find(context: &Context<'_>, gaps: &mut Vec<RowGap>) -> Winners {
        let policy = context.policies.drift();
        let pairs = DriftKind::ALL
            .into_iter()
            .flat_map(|kind| Provenance::DRIFTED.map(|provenance| (kind, provenance)));
        let mut open: Vec<(DriftKind, Provenance)> = pairs.collect();
        let mut decided = Vec::with_capacity(open.len());
        for (index, rule) in policy.rules().iter().enumerate() {
            let expired = rule
                .expires
                .as_ref()
                .is_some_and(|e| e.has_passed(context.now));
            let counts = |pair: &(DriftKind, Provenance)| {
                rule.kinds.contains(pair.0) && rule.provenances.contains(pair.1)
            };
            if !rule.enabled || expired || !open.iter().any(counts) {
                continue;
            }
            match rule.scope.matches(&context.facts) {
                Truth::No => {}
                Truth::Unknown(missing) if rule.action == RuleAction::Block => {
                    gaps.push(gap(&rule.name, Lack::Scope(missing)));
                }
                Truth::Unknown(_) => {}
                Truth::Yes => {
                    let action = action_of(rule, context.node);
                    let winner = Winner::of(context, index, action, gaps);
                    let taken = open.extract_if(.., |pair| counts(pair));
                    decided.extend(taken.map(|(kind, provenance)| (kind, provenance, winner)));
                }
            }
            if open.is_empty() {
                break;
            }
        }
        if open.is_empty() {
            return Winners(decided);
        }
        let action = match policy.default_action() {
            RuleAction::Block => CellAction::Deny,
            RuleAction::Alert | RuleAction::Ignore => CellAction::None,
        };
        let default = Winner::of(context, policy.default_index(), action, gaps);
        decided.extend(open.into_iter().map(|(kind, p)| (kind, p, default)));
        Winners(decided)
    }

    fn of(&self, kind: DriftKind, class: OriginClass) -> Vec<Winner> {
        let of_class = |(k, p, _): &&(DriftKind, Provenance, Winner)| {
            *k == kind && class.provenances().contains(p)
        };
        let mut winners: Vec<Winner> = self.0.iter().filter(of_class).map(|(_, _, w)| *w).collect();
        winners.sort_unstable_by_key(|winner| (strength(winner.action), winner.index));
        winners.dedup();
        winners
    }
}

/// What the kernel does for a rule. Alerts are told by the observer, with more than the kernel could say.
fn action_of(rule: &DriftRule, node: &str) -> CellAction {
    match rule.action {
        RuleAction::Block if rule.blocks_on(node) => CellAction::Deny,
        RuleAction::Block => CellAction::Watch,
        RuleAction::Alert | RuleAction::Ignore => CellAction::None,
    }
}

/// The cell on which all provenances of a class agree: the weakest action, and whatever any of the rules allows.
fn combined(
    context: &Context<'_>,
    winners: &Winners,
    kind: DriftKind,
    class: OriginClass,
    used: &mut Vec<usize>,
    gaps: &mut Vec<RowGap>,
) -> DriftCell {
    let winners = winners.of(kind, class);
    let (Some(weakest), Some(strongest)) = (winners.first(), winners.last()) else {
        return DriftCell::default();
    };
    if strongest.action == CellAction::None {
        return DriftCell::default();
    }
    let policy = context.policies.drift();
    if winners.len() > 1 {
        let lack = Lack::Provenances {
            file: kind,
            class,
            instead: weakest.action,
        };
        gaps.push(gap(policy.rule_ref(strongest.index).name, lack));
    }
    if weakest.action == CellAction::None {
        return DriftCell::default();
    }
    used.extend(winners.iter().map(|winner| winner.index));
    DriftCell {
        action: weakest.action,
        rule: context.number(RuleKind::Drift, weakest.index),
        allow: allowed_by_any(policy, &winners, gaps),
    }
}

fn allowed_by_any(
    policy: &DriftPolicy,
    winners: &[Winner],
    gaps: &mut Vec<RowGap>,
) -> Vec<AllowRow> {
    let rules = winners.iter().filter_map(|w| policy.rules().get(w.index));
    let mut allow: Vec<AllowRow> = Vec::new();
    for row in rules.flat_map(rows) {
        if !allow.contains(&row) {
            allow.push(row);
        }
    }
    let left_out = allow.len().saturating_sub(EnforcementRow::ALLOW_MAX);
    if let Some(first) = winners.first().filter(|_| left_out > 0) {
        let gap = gap(
            policy.rule_ref(first.index).name,
            Lack::Entries { left_out },
        );
        if !gaps.contains(&gap) {
            gaps.push(gap);
        }
        allow.truncate(EnforcementRow::ALLOW_MAX);
    }
    allow
}

/// The entries of a rule's allow list that the kernel can compare.
fn rows(rule: &DriftRule) -> impl Iterator<Item = AllowRow> {
    rule.allow.iter().filter_map(|entry| match &entry.process {
        ProcessPattern::Sha256(_) => None,
        ProcessPattern::Path(process) => {
            let (parent, ancestor) = (entry.parent.as_ref(), entry.ancestor.as_ref());
            allow_row(Some(process), parent, ancestor, None).ok()
        }
    })
}

/// Tells the entries that [`rows`] leaves out.
fn tell_entries(rule: &DriftRule, gaps: &mut Vec<RowGap>) {
    for (entry, of) in rule.allow.iter().enumerate() {
        let lack = match &of.process {
            ProcessPattern::Sha256(_) => Some(Lack::Digest { entry }),
            ProcessPattern::Path(process) => {
                let (parent, ancestor) = (of.parent.as_ref(), of.ancestor.as_ref());
                let row = allow_row(Some(process), parent, ancestor, None);
                row.err().map(|bytes| Lack::LongText { entry, bytes })
            }
        };
        gaps.extend(lack.map(|lack| gap(&rule.name, lack)));
    }
}

fn gap(rule: &str, lack: Lack) -> RowGap {
    RowGap {
        kind: RuleKind::Drift,
        rule: rule.to_owned(),
        lack,
    }
}
