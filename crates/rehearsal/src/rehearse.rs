//! One rehearsal: prepare, run, tell.

use crate::command::{CommandError, Exit, Output};
use crate::container::{ThrowAwayContainer, excerpt};
use crate::drift::{BenignCase, DriftCase, How, Needs, PreparedInput};
use crate::limits::CASE_TIMEOUT;
use crate::programs::{DRIFTED, MARKER};
use yagura_event::MonotonicNs;

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
        note: String::new(),
    };
    if let Some(lacking) = lacking(needs, container) {
        rehearsed.note = lacking;
        return rehearsed;
    }
    match run_how(how, container) {
        Ok(Ran::Command(output)) => {
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
        Ok(Ran::NoNsenter) => rehearsed.note = "this host has no nsenter".to_owned(),
        Err(error) => rehearsed.note = chain(&error),
    }
    rehearsed
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
    NoNsenter,
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
        How::Enter { argv, .. } => container
            .enter(argv, CASE_TIMEOUT)
            .map(|output| output.map_or(Ran::NoNsenter, Ran::Command)),
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

pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
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
    fn a_marker_is_a_whole_line() {
        assert!(says_marker(b"x\nyagura-rehearsal-ran\n"));
        assert!(!says_marker(b"sh: yagura-rehearsal-ran: not found\n"));
    }
}
