//! The drift matrix, as rehearsals of its key.

#![expect(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, which refuses an index that is out of bounds"
)]

use super::{Act, KeyNeeds, KeyRehearsal, RehearsalError, Stage};
use crate::drift::{CASES, DriftCase};
use crate::rehearse::rehearse;

/// Every drift case, in the order of the vectors.
pub(super) const DRIFT: &[KeyRehearsal] = &all::<{ count() }>();

const fn count() -> usize {
    let mut count = 0;
    let mut vector = 0;
    while vector < CASES.len() {
        count += CASES[vector].len();
        vector += 1;
    }
    count
}

const fn all<const COUNT: usize>() -> [KeyRehearsal; COUNT] {
    let mut all = [of(&CASES[0][0]); COUNT];
    let mut at = 0;
    let mut vector = 0;
    while vector < CASES.len() {
        let mut case = 0;
        while case < CASES[vector].len() {
            all[at] = of(&CASES[vector][case]);
            at += 1;
            case += 1;
        }
        vector += 1;
    }
    all
}

const fn of(case: &'static DriftCase) -> KeyRehearsal {
    KeyRehearsal {
        key: "drift.binary",
        name: case.name,
        description: case.description,
        needs: KeyNeeds::programs(case.needs.programs),
        by_content: false,
        act: Act::Drift(case),
    }
}

/// Runs a case in a container of the privileges that it needs.
pub(super) fn perform_case(case: &DriftCase, stage: &mut Stage) -> Result<(), RehearsalError> {
    let mut options = stage.options();
    options.privileges = case.needs.privileges;
    let container = stage.start(&options)?;
    stage.acts();
    let told = rehearse(case, &container);
    if told.marker_seen {
        return Ok(());
    }
    Err(RehearsalError::NotRun { note: told.note })
}
