//! Without any enforcement every way out is taken, or this machine lacks what it takes; and nothing stays behind.

use crate::cleanup::traces;
use crate::{AnyError, image};
use libtest_mimic::Trial;
use yagura_rehearsal::escapes::{
    Attempt, AttemptResult, EscapeStage, EscapeTechnique, TECHNIQUES, control,
};
use yagura_rehearsal::{ContainerOptions, ForbiddenAction, ForbiddenCalls, RuntimeProgram};

/// A technique, the call without which it can't do, and the step that makes it.
const CALLS: &[(&str, &str, &str)] = &[
    ("bpf-load", "bpf", "bpf"),
    ("docker-socket", "connect", "connect"),
    ("fsconfig", "fsopen", "fsopen"),
    ("io-uring", "io_uring_setup", "io-uring"),
    ("keyctl", "add_key", "add-key"),
    ("log-symlink", "symlinkat", "link"),
    ("mount", "mount", "mount"),
    ("mount-device", "mount", "mount-read-only"),
    ("nsenter", "setns", "setns-process"),
    ("open-by-handle", "open_by_handle_at", "open-handle"),
    ("perf-event", "perf_event_open", "perf"),
    ("ptrace-host", "ptrace", "attach"),
    ("splice-read-only", "splice", "splice"),
    ("userns-mount", "unshare", "unshare"),
];

pub(crate) fn trials(runtime: &RuntimeProgram) -> Vec<Trial> {
    let mut trials = free(runtime);
    for action in [ForbiddenAction::Refuse, ForbiddenAction::Kill] {
        let options = ContainerOptions::new(runtime.clone());
        let name = format!("{}::stopped_escapes::{action:?}", runtime.kind().as_str());
        trials.push(Trial::test(name.to_lowercase(), move || {
            Ok(is_stopped(action, &options)?)
        }));
    }
    trials
}

/// Calls are forbidden, as somebody who enforces could do it: attempts tell so, and nothing of their effect is there.
fn is_stopped(action: ForbiddenAction, options: &ContainerOptions) -> Result<(), AnyError> {
    for (name, call, step) in CALLS {
        let mut options = options.clone();
        let names: &'static [&'static str] = std::slice::from_ref(call);
        options.forbidden = Some(ForbiddenCalls { names, action });
        let technique = TECHNIQUES
            .iter()
            .find(|technique| technique.name == *name)
            .unwrap();
        let mut stage = EscapeStage::set(technique, &image(), &options)?;
        let attempt = stage.attempt()?;
        stage.finish()?;
        let stopped = match &attempt.result {
            AttemptResult::Refused { step, errno: 1, .. } if action == ForbiddenAction::Refuse => {
                step
            }
            AttemptResult::Killed {
                step,
                cut_off: true,
                ..
            } if action == ForbiddenAction::Kill => step,
            _ => return Err(format!("{attempt:?}").into()),
        };
        assert_eq!(stopped, step, "{attempt:?}");
        assert!(!attempt.effect, "{attempt:?}");
    }
    Ok(())
}

fn free(runtime: &RuntimeProgram) -> Vec<Trial> {
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
