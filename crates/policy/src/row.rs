//! What the kernel decides by a row, in Rust.
//!
//! The kernel's programs are compared with this on random rows and questions, and this with the policies that rows are
//! compiled from.

use crate::pattern::text_matches;
use yagura_event::{
    AllowRow, Behaviour, CellAction, DefenceSlot, Denied, EnforcementRow, OriginClass,
};

/// What the kernel is about to decide.
#[derive(Debug, Clone, Copy)]
pub struct RowQuestion<'a> {
    /// What is to happen.
    pub what: Denied,
    /// Path of the program that acts; for drift, of the file that is to run. An anonymous memory file is written
    /// `memfd:` and its name. `None` if the kernel could not tell it, which no text of an allow row fits.
    pub program: Option<&'a [u8]>,
    /// Path of the program of the parent process, likewise.
    pub parent: Option<&'a [u8]>,
    /// Paths of the programs above the process, the parent's first; those that could not be told are left out.
    pub ancestors: &'a [&'a [u8]],
    /// Path of the file that is acted on. Never looked at for drift.
    pub file: Option<&'a [u8]>,
}

/// What the kernel does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RowDecision {
    /// What is done.
    pub action: CellAction,
    /// The rule that it is told under; zero with [`CellAction::None`].
    pub rule: u32,
}

/// Decides by a row. Denial goes before telling; among rules that say the same, the first in the row is told.
pub fn decide_row(row: &EnforcementRow, question: &RowQuestion<'_>) -> RowDecision {
    match question.what {
        Denied::Behaviour(behaviour) => decide_behaviour(row, behaviour, question),
        Denied::Drift(kind, class) => row
            .cell(kind, class)
            .filter(|cell| cell.action != CellAction::None)
            .filter(|cell| !cell.allow.iter().any(|allow| runs(allow, class, question)))
            .map_or_else(RowDecision::default, |cell| RowDecision {
                action: cell.action,
                rule: cell.rule,
            }),
    }
}

fn decide_behaviour(
    row: &EnforcementRow,
    behaviour: Behaviour,
    question: &RowQuestion<'_>,
) -> RowDecision {
    let mut decision = RowDecision::default();
    for slot in &row.defence {
        let action = slot_action(slot, behaviour);
        let excused = || slot.allow.iter().any(|allow| fits(allow, question));
        if strength(action) > strength(decision.action) && !excused() {
            decision = RowDecision {
                action,
                rule: slot.rule,
            };
        }
    }
    decision
}

fn slot_action(slot: &DefenceSlot, behaviour: Behaviour) -> CellAction {
    if slot.deny.contains(behaviour) {
        CellAction::Deny
    } else if slot.watch.contains(behaviour) {
        CellAction::Watch
    } else {
        CellAction::None
    }
}

/// The order in which actions go before each other.
pub(crate) fn strength(action: CellAction) -> u8 {
    match action {
        CellAction::None => 0,
        CellAction::Watch => 1,
        CellAction::Deny => 2,
    }
}

/// Whether an entry lets a behaviour through.
fn fits(allow: &AllowRow, question: &RowQuestion<'_>) -> bool {
    fits_program_and_above(allow, question) && text_fits(&allow.file, question.file)
}

/// Whether an entry lets a drifted file run. The name of an anonymous memory file may look like any path.
fn runs(allow: &AllowRow, class: OriginClass, question: &RowQuestion<'_>) -> bool {
    let is_path = allow.program.contains('/');
    !(class == OriginClass::Memfd && is_path) && fits_program_and_above(allow, question)
}

fn fits_program_and_above(allow: &AllowRow, question: &RowQuestion<'_>) -> bool {
    let mut above = question.ancestors.iter();
    text_fits(&allow.program, question.program)
        && text_fits(&allow.parent, question.parent)
        && (allow.ancestor.is_empty() || above.any(|path| text_matches(&allow.ancestor, path)))
}

/// Whether a path is what a text of a row asks for; an empty text asks for nothing.
fn text_fits(text: &str, path: Option<&[u8]>) -> bool {
    text.is_empty() || path.is_some_and(|path| text_matches(text, path))
}
