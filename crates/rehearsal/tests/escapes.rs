//! Without any enforcement every way out is taken, or this machine lacks what it takes; and nothing stays behind.

use crate::cleanup::traces;
use crate::{AnyError, image};
use libtest_mimic::Trial;
use yagura_rehearsal::escapes::{Attempt, AttemptResult, EscapeTechnique, TECHNIQUES, control};
use yagura_rehearsal::{ContainerOptions, RuntimeProgram};

pub(crate) fn trials(runtime: &RuntimeProgram) -> Vec<Trial> {
    TECHNIQUES
        .iter()
        .map(|technique| {
            let options = ContainerOptions::new(runtime.clone());
            let name = format!("{}::escape::{}", runtime.kind().as_str(), technique.name);
            Trial::test(name, move || Ok(gets_out(technique, &options)?))
        })
        .collect()
}

fn gets_out(
    technique: &'static EscapeTechnique,
    options: &ContainerOptions,
) -> Result<(), AnyError> {
    let attempt = control(technique, &image(), options)?;
    print(&attempt);
    if !attempt.container.is_empty() {
        let left = traces(&attempt.container, &options.base);
        assert_eq!(left, Vec::<String>::new());
    }
    match &attempt.result {
        AttemptResult::Happened => assert!(attempt.effect, "{attempt:?}"),
        AttemptResult::NotPossibleHere { reason } => {
            assert!(!attempt.effect && !reason.is_empty(), "{attempt:?}");
        }
        AttemptResult::Refused { .. } | AttemptResult::Killed { .. } => {
            return Err(format!("{attempt:?}").into());
        }
    }
    Ok(())
}

fn print(attempt: &Attempt) {
    match &attempt.result {
        AttemptResult::NotPossibleHere { reason } => {
            eprintln!("SKIPPED: {}: {reason}", attempt.technique);
        }
        result => eprintln!(
            "{}: {result:?}, effect {}",
            attempt.technique, attempt.effect
        ),
    }
}
