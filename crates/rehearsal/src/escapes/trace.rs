//! What the process of an attempt told of its steps.

use crate::command::{Exit, Output};
use std::io;
use yagura_event::escape;

/// Steps that are kept: no attempt has as many.
const STEPS_MAX: usize = 64;

/// One step of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What it was, as in `open`.
    pub name: String,
    /// What became of it.
    pub result: StepResult,
}

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepResult {
    /// The kernel did it.
    Done,
    /// The kernel answered with this error.
    Failed {
        /// Its number.
        errno: i32,
    },
    /// The process ended in it.
    CutOff,
}

impl StepResult {
    /// What the kernel said, for people.
    pub(super) fn message(errno: i32) -> String {
        io::Error::from_raw_os_error(errno).to_string()
    }
}

/// What the process said and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trace {
    pub(super) steps: Vec<Step>,
    /// What it could only know by having got there.
    pub(super) told: Vec<String>,
    pub(super) exit: Exit,
}

impl Trace {
    /// Reads what was printed. Lines that say nothing, or were cut, are left out.
    pub(super) fn read(output: &Output) -> Trace {
        let mut trace = Trace {
            steps: Vec::new(),
            told: Vec::new(),
            exit: output.exit,
        };
        for line in output.stdout.split(|&byte| byte == b'\n') {
            trace.line(&escape(line));
        }
        trace
    }

    fn line(&mut self, line: &str) {
        if self.steps.len() >= STEPS_MAX {
            return;
        }
        match line.split_once(' ') {
            Some(("?", name)) => {
                // A program that is run speaks for the one that ran it.
                if let Some(step) = self.steps.last_mut()
                    && step.result == StepResult::CutOff
                {
                    step.result = StepResult::Done;
                }
                self.steps.push(Step {
                    name: name.to_owned(),
                    result: StepResult::CutOff,
                });
            }
            Some(("!", told)) => self.told.push(told.to_owned()),
            Some(("=", rest)) => {
                let result = rest.rsplit_once(' ').and_then(|(_, r)| r.parse().ok());
                if let (Some(step), Some(result)) = (self.steps.last_mut(), result) {
                    step.result = outcome(result);
                }
            }
            _ => {}
        }
    }

    /// The last step that was begun.
    pub(super) fn last(&self) -> Option<&Step> {
        self.steps.last()
    }

    /// Whether the process told this.
    pub(super) fn tells(&self, word: &str) -> bool {
        self.told.iter().any(|told| told == word)
    }
}

fn outcome(result: i64) -> StepResult {
    match i32::try_from(-result) {
        Ok(errno) if errno > 0 => StepResult::Failed { errno },
        _ => StepResult::Done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use yagura_event::MonotonicNs;

    fn trace(stdout: &str, exit: Exit) -> Trace {
        Trace::read(&Output {
            exit,
            stdout: stdout.as_bytes().to_vec(),
            stderr: Vec::new(),
            truncated: false,
            started: MonotonicNs(0),
            ended: MonotonicNs(0),
        })
    }

    #[test]
    fn steps_are_read_in_their_order() {
        let trace = trace(
            "? open\n= open 3\n? store\n= store -1\n! used\n",
            Exit::Code(92),
        );
        assert_eq!(trace.steps.len(), 2);
        assert_eq!(trace.steps[0].result, StepResult::Done);
        assert_eq!(trace.steps[1].result, StepResult::Failed { errno: 1 });
        assert!(trace.tells("used") && trace.exit.signal().is_none());
    }

    #[test]
    fn a_step_without_an_answer_was_cut_off() {
        for end in ["? open\n", "? open\n= ", "? open\n= open"] {
            let trace = trace(end, Exit::Code(137));
            assert_eq!(trace.last().unwrap().result, StepResult::CutOff, "{end}");
            assert_eq!(trace.exit.signal(), Some(9));
        }
    }
}
