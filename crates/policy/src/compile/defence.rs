//! The slots of a row: what each defence rule denies and watches, and what it lets through.

use super::gap::{Lack, RowGap};
use super::{Context, allow_row};
use crate::defence::{DefenceRule, exclusion};
use crate::row::strength;
use crate::set::RuleKind;
use crate::subject::{Missing, Truth};
use yagura_event::{AllowRow, Behaviour, BehaviourSet, CellAction, DefenceSlot, EnforcementRow};

/// What a rule comes to in one container.
#[derive(Debug)]
struct Plan<'p> {
    rule: &'p DefenceRule,
    number: u32,
    /// One for each set of entries that some behaviours share.
    slots: Vec<DefenceSlot>,
}

impl Plan<'_> {
    /// The most that any slot does.
    fn action(&self) -> CellAction {
        if self.slots.iter().any(|slot| !slot.deny.is_empty()) {
            CellAction::Deny
        } else {
            CellAction::Watch
        }
    }
}

/// Compiles the slots, in the order of the rules.
pub(super) fn slots(context: &Context<'_>, gaps: &mut Vec<RowGap>) -> Vec<DefenceSlot> {
    let rules = context.policies.defence().iter().enumerate();
    let mut plans: Vec<Plan<'_>> = rules
        .filter_map(|(index, rule)| {
            let number = context.number(RuleKind::Defence, index);
            plan(context, rule, number, gaps)
        })
        .collect();
    widen(&mut plans, gaps);
    leave_out(&mut plans, gaps);
    plans.into_iter().flat_map(|plan| plan.slots).collect()
}

fn plan<'p>(
    context: &Context<'_>,
    rule: &'p DefenceRule,
    number: u32,
    gaps: &mut Vec<RowGap>,
) -> Option<Plan<'p>> {
    if exclusion(rule, context.now).is_some() {
        return None;
    }
    let mut entries = Entries::sort(context, rule);
    entries.covered = BehaviourSet(rule.behaviours.set().0 & !entries.excused.0);
    if entries.covered.is_empty() {
        return None;
    }
    let denies = match rule.scope.matches(&context.facts) {
        Truth::No => return None,
        Truth::Yes => {
            let action = rule.action_on(context.node);
            let left = context.after_fuse(number, action);
            if left != action {
                gaps.push(gap(rule, Lack::Fuse));
            }
            left == CellAction::Deny
        }
        Truth::Unknown(missing) => {
            gaps.push(gap(rule, Lack::Scope(missing)));
            false
        }
    };
    entries.tell(rule, denies, gaps);
    let slots = entries.slots(number, denies);
    Some(Plan {
        rule,
        number,
        slots,
    })
}

/// The entries of a rule's allow list, by what they mean for one container.
#[derive(Debug, Default)]
struct Entries {
    /// What the rule covers in this container.
    covered: BehaviourSet,
    /// What entries on the image excuse.
    excused: BehaviourSet,
    /// What entries might excuse if the image were known, and what is missing.
    unsure: Option<(BehaviourSet, Missing)>,
    /// What is left for the kernel to compare.
    rows: Vec<(BehaviourSet, AllowRow)>,
    /// Entries with a text that is too long, and its bytes.
    long: Vec<(usize, usize)>,
}

impl Entries {
    fn sort(context: &Context<'_>, rule: &DefenceRule) -> Entries {
        let mut entries = Entries::default();
        for (index, entry) in rule.allow.iter().enumerate() {
            if !entry.counts(context.now) {
                continue;
            }
            let all = Behaviour::ALL.iter().copied();
            let about: BehaviourSet = all.filter(|b| entry.covers(*b)).collect();
            match entry.image_fits(&context.facts) {
                Truth::No => {}
                Truth::Unknown(missing) => {
                    let (before, missing) = entries.unsure.unwrap_or((about, missing));
                    entries.unsure = Some((BehaviourSet(before.0 | about.0), missing));
                }
                Truth::Yes if entry.is_about_container() => entries.excused.0 |= about.0,
                Truth::Yes => {
                    let row = allow_row(
                        entry.process.as_ref(),
                        entry.parent.as_ref(),
                        entry.ancestor.as_ref(),
                        entry.file.as_ref(),
                    );
                    match row {
                        Ok(row) => entries.rows.push((about, row)),
                        Err(bytes) => entries.long.push((index, bytes)),
                    }
                }
            }
        }
        entries
    }

    fn tell(&self, rule: &DefenceRule, denies: bool, gaps: &mut Vec<RowGap>) {
        for (entry, bytes) in self.long.iter().copied() {
            gaps.push(gap(rule, Lack::LongText { entry, bytes }));
        }
        if let Some((about, missing)) = self.unsure.filter(|_| denies) {
            let behaviours = BehaviourSet(about.0 & self.covered.0);
            if !behaviours.is_empty() {
                gaps.push(gap(
                    rule,
                    Lack::Image {
                        behaviours,
                        missing,
                    },
                ));
            }
        }
    }

    /// One slot for all behaviours that the same entries are about.
    fn slots(&self, number: u32, denies: bool) -> Vec<DefenceSlot> {
        let unsure = self.unsure.map_or(BehaviourSet::EMPTY, |(about, _)| about);
        let mut slots: Vec<DefenceSlot> = Vec::new();
        for behaviour in self.covered.iter() {
            let about = self
                .rows
                .iter()
                .filter(|(about, _)| about.contains(behaviour));
            let allow: Vec<AllowRow> = about.map(|(_, row)| row.clone()).collect();
            let at = slots.iter().position(|slot| slot.allow == allow);
            let at = at.unwrap_or_else(|| {
                slots.push(DefenceSlot {
                    rule: number,
                    allow,
                    ..DefenceSlot::default()
                });
                slots.len() - 1
            });
            if let Some(slot) = slots.get_mut(at) {
                let set = if denies && !unsure.contains(behaviour) {
                    &mut slot.deny
                } else {
                    &mut slot.watch
                };
                set.insert(behaviour);
            }
        }
        slots
    }
}

/// Joins the slots of rules, those of the last one first, until the row has room for all or every rule has one slot.
fn widen(plans: &mut [Plan<'_>], gaps: &mut Vec<RowGap>) {
    let mut count: usize = plans.iter().map(|plan| plan.slots.len()).sum();
    for plan in plans.iter_mut().rev() {
        if count <= EnforcementRow::SLOTS_MAX || plan.slots.len() < 2 {
            continue;
        }
        count -= plan.slots.len() - 1;
        let mut joined = DefenceSlot {
            rule: plan.number,
            ..DefenceSlot::default()
        };
        for slot in plan.slots.drain(..) {
            joined.deny.0 |= slot.deny.0;
            joined.watch.0 |= slot.watch.0;
            for row in slot.allow {
                if !joined.allow.contains(&row) {
                    joined.allow.push(row);
                }
            }
        }
        plan.slots.push(joined);
        gaps.push(gap(plan.rule, Lack::Widened));
    }
}

/// Leaves out what the row has no room for: whole rules, those that only watch before those that deny and the last
/// before the first, then entries.
fn leave_out(plans: &mut Vec<Plan<'_>>, gaps: &mut Vec<RowGap>) {
    while plans.len() > EnforcementRow::SLOTS_MAX {
        let weakest = plans
            .iter()
            .enumerate()
            .rev()
            .min_by_key(|(_, plan)| strength(plan.action()));
        let Some((at, _)) = weakest else { break };
        let plan = plans.remove(at);
        gaps.push(gap(plan.rule, Lack::NoSlot));
    }
    for plan in plans {
        let mut left_out = 0;
        for slot in &mut plan.slots {
            left_out = left_out.max(slot.allow.len().saturating_sub(EnforcementRow::ALLOW_MAX));
            slot.allow.truncate(EnforcementRow::ALLOW_MAX);
        }
        if left_out > 0 {
            gaps.push(gap(plan.rule, Lack::Entries { left_out }));
        }
    }
}

fn gap(rule: &DefenceRule, lack: Lack) -> RowGap {
    RowGap {
        kind: RuleKind::Defence,
        rule: rule.name.clone(),
        lack,
    }
}
