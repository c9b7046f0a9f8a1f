//! What became of an attempt.

use super::trace::{Step, StepResult, Trace};
use super::{EscapeError, EscapeStage, EscapeTechnique};
use crate::command::{Exit, Output, now};
use crate::container::{ContainerOptions, excerpt};
use crate::image::ThrowAwayImage;
use rustix::io::Errno;
use std::sync::Arc;
use yagura_event::MonotonicNs;

/// What the kernel answers when it forbids something. With any other error it tells that there is nothing to forbid.
const FORBIDS: [Errno; 2] = [Errno::PERM, Errno::ACCESS];
/// What runtimes quote when a program may not be started.
const FORBIDDEN_START: [&str; 2] = ["operation not permitted", "permission denied"];

/// How an attempt went on, by itself: what came of it is [`Attempt::effect`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptResult {
    /// Every step was done.
    Happened,
    /// A step was forbidden.
    Refused {
        /// Which, as in `open`; `exec` if the process was not started at all.
        step: String,
        /// The kernel's error number, zero if only its text is known.
        errno: i32,
        /// The same for people.
        message: String,
    },
    /// The process was ended.
    Killed {
        /// The step that it had begun last; `exec` if it ended before the first.
        step: String,
        /// Whether that step had not come to its end.
        cut_off: bool,
        /// By which signal.
        signal: i32,
    },
    /// This machine lacks what it takes.
    NotPossibleHere {
        /// What is missing.
        reason: String,
    },
}

/// An attempt at a technique.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Name of the technique.
    pub technique: &'static str,
    /// How it went on.
    pub result: AttemptResult,
    /// Whether its harmless effect is there: then it was not stopped, whatever became of its process.
    pub effect: bool,
    /// Its steps as far as it came, the last one being where it ended.
    pub steps: Vec<Step>,
    /// Id of the container; empty if there was none.
    pub container: String,
    /// Just before it began.
    pub started: MonotonicNs,
    /// Just after its effect was looked for.
    pub ended: MonotonicNs,
}

impl Attempt {
    /// One that could not be made.
    pub(super) fn impossible(technique: &EscapeTechnique, reason: String) -> Attempt {
        let at = now();
        Attempt {
            technique: technique.name,
            result: AttemptResult::NotPossibleHere { reason },
            effect: false,
            steps: Vec::new(),
            container: String::new(),
            started: at,
            ended: at,
        }
    }

    /// What it means when nobody forbids anything: a refusal is then the machine's own.
    fn unguarded(mut self) -> Attempt {
        if let AttemptResult::Refused { step, message, .. } = &self.result {
            let reason = format!("{step}: {message}, by this machine itself");
            self.result = AttemptResult::NotPossibleHere { reason };
        }
        self
    }
}

/// Attempts a technique in a container that nobody guards, and takes everything away: what this machine allows.
///
/// # Errors
/// As [`EscapeStage::set`] and [`EscapeStage::attempt`], but for what this machine lacks, which is told in the result,
/// and `Remains` if something stayed.
pub fn control(
    technique: &'static EscapeTechnique,
    image: &Arc<ThrowAwayImage>,
    options: &ContainerOptions,
) -> Result<Attempt, EscapeError> {
    let mut stage = match EscapeStage::set(technique, image, options) {
        Ok(stage) => stage,
        Err(EscapeError::NotPossibleHere { reason }) => {
            return Ok(Attempt::impossible(technique, reason));
        }
        Err(error) => return Err(error),
    };
    let attempt = stage.attempt().map(Attempt::unguarded);
    stage.finish()?;
    attempt
}

/// Tells how an attempt went on.
///
/// # Errors
/// `NotStarted` if there is no telling.
pub(super) fn result(output: &Output, trace: &Trace) -> Result<AttemptResult, EscapeError> {
    let exec = || "exec".to_owned();
    if let Some(signal) = trace.exit.signal() {
        return Ok(AttemptResult::Killed {
            step: trace.last().map_or_else(exec, |step| step.name.clone()),
            cut_off: trace
                .last()
                .is_some_and(|step| step.result == StepResult::CutOff),
            signal,
        });
    }
    let failed = |exit| EscapeError::NotStarted {
        exit,
        message: excerpt(&output.stderr),
    };
    match (trace.exit, trace.last()) {
        (Exit::Code(0), Some(_)) => Ok(AttemptResult::Happened),
        (Exit::Code(_), Some(step)) => match step.result {
            StepResult::Failed { errno } => Ok(failure(&step.name, errno)),
            StepResult::Done | StepResult::CutOff => Err(failed(trace.exit)),
        },
        (Exit::Code(_), None) => {
            let message = excerpt(&output.stderr);
            let said = message.to_lowercase();
            if FORBIDDEN_START.iter().any(|text| said.contains(text)) {
                return Ok(AttemptResult::Refused {
                    step: exec(),
                    errno: 0,
                    message,
                });
            }
            Err(failed(trace.exit))
        }
        (exit, _) => Err(failed(exit)),
    }
}

fn failure(step: &str, errno: i32) -> AttemptResult {
    let message = StepResult::message(errno);
    if FORBIDS
        .iter()
        .any(|forbids| forbids.raw_os_error() == errno)
    {
        return AttemptResult::Refused {
            step: step.to_owned(),
            errno,
            message,
        };
    }
    AttemptResult::NotPossibleHere {
        reason: format!("{step}: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(stdout: &str, stderr: &str, exit: Exit) -> Result<AttemptResult, EscapeError> {
        let output = Output {
            exit,
            stdout: stdout.as_bytes().to_vec(),
            stderr: stderr.as_bytes().to_vec(),
            truncated: false,
            started: MonotonicNs(0),
            ended: MonotonicNs(0),
        };
        result(&output, &Trace::read(&output))
    }

    #[test]
    fn forbidden_is_refused_and_anything_else_is_lacking() {
        let refused = told("? open\n= open -1\n", "", Exit::Code(92)).unwrap();
        assert!(matches!(refused, AttemptResult::Refused { errno: 1, step, .. } if step == "open"));
        let lacking = told("? open\n= open -2\n", "", Exit::Code(92)).unwrap();
        assert!(matches!(lacking, AttemptResult::NotPossibleHere { .. }));
        let start = "exec failed: operation not permitted";
        let refused = told("", start, Exit::Code(255)).unwrap();
        assert!(matches!(refused, AttemptResult::Refused { step, .. } if step == "exec"));
    }

    #[test]
    fn whoever_ends_by_a_signal_was_killed() {
        for (stdout, at, cut) in [
            ("", "exec", false),
            ("? open\n", "open", true),
            ("? open\n= open 3\n", "open", false),
        ] {
            let killed = told(stdout, "", Exit::Code(137)).unwrap();
            let expected = AttemptResult::Killed {
                step: at.to_owned(),
                cut_off: cut,
                signal: 9,
            };
            assert_eq!(killed, expected);
        }
    }

    #[test]
    fn what_nobody_can_tell_is_an_error() {
        assert!(told("", "no such container", Exit::Code(1)).is_err());
        assert!(told("? open\n", "", Exit::Code(92)).is_err());
        assert!(told("? open\n= open 3\n", "", Exit::TimedOut).is_err());
        let happened = told("? open\n= open 3\n", "", Exit::Code(0)).unwrap();
        assert_eq!(happened, AttemptResult::Happened);
    }
}
