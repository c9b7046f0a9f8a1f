//! One rehearsal: prepare, run, tell.

use crate::command::{CommandError, Exit, Output};
use crate::container::{ThrowAwayContainer, excerpt};
use crate::drift::{BenignCase, DriftCase, How, Needs, PreparedInput};
use crate::limits::CASE_TIMEOUT;
use crate::programs::{DRIFTED, MARKER};
use yagura_event::{MonotonicNs, with_causes};

/// What became of the program, library or script in question: for whoever tries to stop it.
///
/// Each of them says that it ran before it does anything else, a library when it is initialised, a script in its first
/// line. Without that word none of its instructions had any effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DriftOutcome {
    /// It had an effect, whatever became of it later.
    Ran,
    /// It did not run: it was not let.
    Refused {
        /// How the command ended that was to run it.
        exit: Exit,
        /// What that said, escaped and cut; empty if nothing.
        message: String,
    },
    /// It did not run: whoever was to run it, or had become it, was ended before.
    Killed {
        /// By which signal.
        signal: i32,
    },
    /// It did not come that far, for reasons of its own.
    NotPossibleHere {
        /// Which.
        reason: String,
    },
}

/// What a rehearsal did. It says nothing of whether anybody noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rehearsed {
    /// Name of the case.
    pub case: &'static str,
    /// Whether the case was run at all; if not, `note` says what it lacked.
    pub ran: bool,
    /// How its command ended.
    pub exit: Option<Exit>,
    /// Just before the case began, preparations included.
    pub started: MonotonicNs,
    /// Just after its command ended.
    pub ended: MonotonicNs,
    /// Whether the program, library or script in question itself said that it ran. Without it nothing happened that
    /// could be detected, or something stopped it.
    pub marker_seen: bool,
    /// The same for whoever tries to stop it, other processes of the case included.
    pub outcome: DriftOutcome,
    /// What went wrong, escaped; empty if nothing did.
    pub note: String,
}

/// Runs a drift case in a container. All cases can share a container, benign ones too, each
/// once: some change files of the image, and which ones no two share.
pub fn rehearse(case: &DriftCase, container: &ThrowAwayContainer) -> Rehearsed {
    run_case(case.name, case.needs, &case.how, container)
}

/// Runs a benign case in a container, as [`rehearse`] does.
pub fn rehearse_benign(case: &BenignCase, container: &ThrowAwayContainer) -> Rehearsed {
    run_case(case.name, case.needs, &case.how, container)
}

fn run_case(
    name: &'static str,
    needs: Needs,
    how: &How,
    container: &ThrowAwayContainer,
) -> Rehearsed {
    let started = crate::command::now();
    let mut rehearsed = Rehearsed {
        case: name,
        ran: false,
        exit: None,
        started,
        ended: started,
        marker_seen: false,
        outcome: DriftOutcome::Ran,
        note: String::new(),
    };
    let ran = match lacking(needs, container) {
        Some(lacking) => Ok(Ran::Lacking(lacking)),
        None => run_how(how, container),
    };
    match ran {
        Ok(Ran::Command(output)) => {
            rehearsed.outcome = outcome(&output);
            rehearsed.ran = true;
            rehearsed.exit = Some(output.exit);
            rehearsed.ended = output.ended;
            // Standard output alone: an error message may quote a command.
            rehearsed.marker_seen = says_marker(&output.stdout);
            if !rehearsed.marker_seen {
                rehearsed.note = excerpt(&output.stderr);
            }
        }
        Ok(Ran::PreparationFailed(output)) => {
            rehearsed.ended = output.ended;
            rehearsed.note = format!("preparation failed: {}", excerpt(&output.stderr));
        }
        Ok(Ran::Lacking(lacking)) => rehearsed.note = lacking,
        Err(error) => rehearsed.note = with_causes(&error),
    }
    if !rehearsed.ran {
        rehearsed.outcome = DriftOutcome::NotPossibleHere {
            reason: rehearsed.note.clone(),
        };
    }
    rehearsed
}

/// What a case's command tells of the drifted file.
fn outcome(output: &Output) -> DriftOutcome {
    // Cases that need standard output for something else speak by standard error.
    if says_marker(&output.stdout) || says_marker(&output.stderr) {
        return DriftOutcome::Ran;
    }
    match (output.exit, output.exit.signal()) {
        (_, Some(signal)) => DriftOutcome::Killed { signal },
        (Exit::TimedOut, None) => DriftOutcome::NotPossibleHere {
            reason: "it did not end in time".to_owned(),
        },
        (exit, None) => DriftOutcome::Refused {
            exit,
            message: excerpt(&output.stderr),
        },
    }
}

fn lacking(needs: Needs, container: &ThrowAwayContainer) -> Option<String> {
    if container.privileges() < needs.privileges {
        return Some(format!("needs privileges: {:?}", needs.privileges));
    }
    needs
        .programs
        .iter()
        .find(|program| !container.image().has(program))
        .map(|program| format!("this host has no {program} to put into the image"))
        .or_else(|| {
            (needs.loader && container.image().loader().is_none())
                .then(|| "this host's programs are static".to_owned())
        })
}

enum Ran {
    Command(Output),
    PreparationFailed(Output),
    Lacking(String),
}

fn run_how(how: &How, container: &ThrowAwayContainer) -> Result<Ran, CommandError> {
    let prepare = match how {
        How::Shell(_) | How::ShellWithInput(..) => "",
        How::Exec { prepare, .. } | How::Enter { prepare, .. } => prepare,
    };
    if !prepare.is_empty() {
        let prepared = container.shell(prepare)?;
        if !prepared.succeeded() {
            return Ok(Ran::PreparationFailed(prepared));
        }
    }
    match how {
        How::Shell(script) => container.shell(script).map(Ran::Command),
        How::ShellWithInput(script, input) => container
            .exec_with_input(&["/bin/sh", "-c", script], &bytes(*input), CASE_TIMEOUT)
            .map(Ran::Command),
        How::Exec { argv, .. } => container.exec(argv, CASE_TIMEOUT).map(Ran::Command),
        How::Enter { argv, .. } => container.enter(argv, CASE_TIMEOUT).map(|output| {
            let lacking = || Ran::Lacking("this host has no nsenter".to_owned());
            output.map_or_else(lacking, Ran::Command)
        }),
    }
}

fn bytes(input: PreparedInput) -> Vec<u8> {
    match input {
        PreparedInput::Drifted => DRIFTED.to_vec(),
        PreparedInput::DriftedBase64 => base64(DRIFTED).into_bytes(),
    }
}

/// RFC 4648 with padding. A few lines, once: not worth a dependency.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk
            .iter()
            .chain(std::iter::repeat(&0))
            .take(3)
            .fold(0u32, |group, &byte| group << 8 | u32::from(byte));
        for place in 0..4 {
            let digit = usize::try_from(group >> (18 - 6 * place) & 63).unwrap_or(0);
            let letter = ALPHABET.get(digit).copied().unwrap_or(b'=');
            out.push(char::from(if place <= chunk.len() { letter } else { b'=' }));
        }
    }
    out
}

fn says_marker(stdout: &[u8]) -> bool {
    stdout
        .split(|&byte| byte == b'\n')
        .any(|line| line == MARKER.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_agrees_with_the_test_vectors_of_rfc_4648() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn what_did_not_speak_was_refused_or_killed() {
        let told = |exit, stdout: &str, stderr: &str| {
            outcome(&Output {
                exit,
                stdout: stdout.as_bytes().to_vec(),
                stderr: stderr.as_bytes().to_vec(),
                truncated: false,
                started: MonotonicNs(0),
                ended: MonotonicNs(0),
            })
        };
        let ran = told(Exit::Signal(9), "yagura-rehearsal-ran\n", "");
        assert_eq!(ran, DriftOutcome::Ran);
        for exit in [Exit::Signal(9), Exit::Code(137)] {
            assert_eq!(
                told(exit, "", "Killed\n"),
                DriftOutcome::Killed { signal: 9 }
            );
        }
        let refused = told(Exit::Code(126), "", "yagura-rehearsal-ran: not permitted\n");
        assert!(matches!(
            refused,
            DriftOutcome::Refused {
                exit: Exit::Code(126),
                ..
            }
        ));
        let late = told(Exit::TimedOut, "", "");
        assert!(matches!(late, DriftOutcome::NotPossibleHere { .. }));
    }

    #[test]
    fn a_marker_is_a_whole_line() {
        assert!(says_marker(b"x\nyagura-rehearsal-ran\n"));
        assert!(!says_marker(b"sh: yagura-rehearsal-ran: not found\n"));
    }
}
