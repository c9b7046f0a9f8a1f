//! From policies and what is known of one container to the row that the kernel decides by.
//!
//! The row never denies what the policies would not: where the kernel can't tell enough, it does what all cases agree
//! on, and the difference is told as a [`RowGap`]. A row is compiled anew when the policies, the container's metadata
//! or, by expiry, the time change; see [`Compiled::valid_until`].

mod defence;
mod drift;
mod gap;

pub use gap::{Lack, RowGap};

use crate::pattern::PathPattern;
use crate::set::{PolicySet, RuleKind, RuleName};
use crate::subject::Facts;
use yagura_event::{AllowRow, CellAction, Container, EnforcementRow, Node, WallTime};

/// What is known of the container that a row is for.
#[derive(Debug, Clone, Copy)]
pub struct ContainerFacts<'a> {
    /// The container; `None` if its metadata has not arrived. Then only rules without a scope can block.
    pub container: Option<&'a Container>,
    /// The time at which expiry is judged.
    pub now: WallTime,
    /// Numbers of rules that only watch in this container, since its workload crash-looped because of them.
    pub blown_fuses: &'a [u32],
}

/// A row with what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compiled {
    /// What the kernel decides by.
    pub row: EnforcementRow,
    /// The rules whose numbers stand in the row, by number.
    pub rules: Vec<RuleName>,
    /// Where the row does less than the policies say, or tells less exactly.
    pub gaps: Vec<RowGap>,
    /// The first time at which a rule or an entry of an allow list expires, so that the row is to be compiled anew.
    pub valid_until: Option<WallTime>,
}

/// Compiles the row of one container on a node.
pub fn compile(policies: &PolicySet, facts: &ContainerFacts<'_>, node: &Node) -> Compiled {
    let context = Context {
        policies,
        now: facts.now,
        node: &node.name,
        blown_fuses: facts.blown_fuses,
        facts: Facts::of_container(node, facts.container),
    };
    let mut gaps = Vec::new();
    let row = EnforcementRow {
        defence: defence::slots(&context, &mut gaps),
        drift: drift::cells(&context, &mut gaps),
    };
    Compiled {
        rules: rules_in(&row, policies),
        row,
        gaps,
        valid_until: valid_until(policies, facts.now),
    }
}

/// What every part of the compiler needs.
#[derive(Debug)]
struct Context<'a> {
    policies: &'a PolicySet,
    now: WallTime,
    node: &'a str,
    blown_fuses: &'a [u32],
    facts: Facts<'a>,
}

impl Context<'_> {
    /// The number of a rule.
    fn number(&self, kind: RuleKind, index: usize) -> u32 {
        self.policies.number_of(kind, index)
    }

    /// What is left of an action once fuses are looked at.
    fn after_fuse(&self, number: u32, action: CellAction) -> CellAction {
        if action == CellAction::Deny && self.blown_fuses.contains(&number) {
            CellAction::Watch
        } else {
            action
        }
    }
}

fn rules_in(row: &EnforcementRow, policies: &PolicySet) -> Vec<RuleName> {
    let slots = row.defence.iter().map(|slot| slot.rule);
    let cells = row.drift.iter().flatten();
    let cells = cells
        .filter(|cell| cell.action != CellAction::None)
        .map(|cell| cell.rule);
    let mut numbers: Vec<u32> = slots.chain(cells).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let named = numbers.iter().filter_map(|n| policies.rule_numbered(*n));
    named.cloned().collect()
}

fn valid_until(policies: &PolicySet, now: WallTime) -> Option<WallTime> {
    let drift = policies.drift().rules().iter().filter(|rule| rule.enabled);
    let defence = policies.defence().iter().filter(|rule| rule.enabled);
    let entries = defence.clone().flat_map(|rule| &rule.allow);
    drift
        .filter_map(|rule| rule.expires.as_ref())
        .chain(defence.filter_map(|rule| rule.expires.as_ref()))
        .chain(entries.filter_map(|entry| entry.expires.as_ref()))
        .map(crate::Expiry::at)
        .filter(|at| *at > now)
        .min()
}

/// The texts of an entry as a row has them.
///
/// # Errors
/// Returns the bytes of a text that the kernel has no room for.
fn allow_row(
    program: Option<&PathPattern>,
    parent: Option<&PathPattern>,
    ancestor: Option<&PathPattern>,
    file: Option<&PathPattern>,
) -> Result<AllowRow, usize> {
    let text = |pattern: Option<&PathPattern>| {
        let text = pattern.map(PathPattern::as_str).unwrap_or_default();
        if text.len() > AllowRow::TEXT_BYTES_MAX {
            Err(text.len())
        } else {
            Ok(text.to_owned())
        }
    };
    Ok(AllowRow {
        program: text(program)?,
        parent: text(parent)?,
        ancestor: text(ancestor)?,
        file: text(file)?,
    })
}
