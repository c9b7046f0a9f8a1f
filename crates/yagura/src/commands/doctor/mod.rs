//! `yagura doctor`: what this machine allows, found by trying.

mod containers;
mod enforcement;
mod observation;
mod privileges;
mod prove;

pub(crate) use privileges::require as require_rights;

use crate::exit::{Failure, Outcome};
use crate::output::table::{self, Tone};
use crate::output::{self, Form};
use serde::Serialize;
use yagura_event::escape;

/// Try what this kernel, these rights and the container runtimes allow, and tell what to do about each shortfall
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 the sensor can observe here (with --prove: and blocks), 1 with --prove: it does not block, 3 it can't observe."
)]
pub(crate) struct Arguments {
    /// Have a harmless drifted program and an attempt to escape blocked in a container of Yagura's own
    #[arg(long)]
    prove: bool,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    output: Form,
}

/// What trying something showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    /// It is as it should be.
    Ok,
    /// The sensor works, but does or sees less.
    Warning,
    /// The sensor can't observe.
    Missing,
}

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Check {
    /// A word for it; stable, for programs.
    name: &'static str,
    status: Status,
    /// What was found, escaped.
    found: String,
    /// What to do about it.
    remedy: Option<String>,
}

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Check {
        Check {
            name,
            status: Status::Ok,
            found: found.into(),
            remedy: None,
        }
    }

    fn warning(name: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Check {
        Check {
            name,
            status: Status::Warning,
            found: found.into(),
            remedy: Some(remedy.into()),
        }
    }

    fn missing(name: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Check {
        Check {
            status: Status::Missing,
            ..Check::warning(name, found, remedy)
        }
    }
}

/// Everything that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Findings {
    /// Whether a sensor can observe here.
    can_observe: bool,
    /// What it would observe with; null if it can't.
    observation: Option<&'static str>,
    /// Whether a sensor can block here.
    can_block: bool,
    checks: Vec<Check>,
}

/// Tries everything, and prints what came of it.
///
/// # Errors
/// If standard output can't be written.
pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let mut findings = find();
    let mut is_proved = true;
    if arguments.prove && findings.can_observe {
        let proofs = prove::checks()?;
        is_proved = proofs.iter().all(|proof| proof.status == Status::Ok);
        findings.checks.extend(proofs);
    }
    match arguments.output {
        Form::Table => output::print(&text(&findings, output::stdout_has_colours()))?,
        Form::Json => output::print_json(&findings)?,
    }
    Ok(match findings.can_observe {
        true if is_proved => Outcome::Done,
        true => Outcome::Findings,
        false => Outcome::CannotRun,
    })
}

fn find() -> Findings {
    let mut checks = vec![observation::kernel()];
    checks.extend(privileges::checks());
    checks.extend(observation::checks());
    let enforcement = enforcement::find();
    let can_block = enforcement.backend.is_some();
    checks.push(enforcement.check);
    checks.extend(containers::checks());
    let can_observe = checks.iter().all(|check| check.status != Status::Missing);
    Findings {
        can_observe,
        observation: can_observe.then_some(observation::BACKEND),
        can_block,
        checks,
    }
}

fn text(findings: &Findings, colours: bool) -> String {
    let rows = findings.checks.iter().map(|check| {
        vec![
            word(check.status).to_owned(),
            check.name.to_owned(),
            check.found.clone(),
        ]
    });
    let table = table::aligned(&["status", "check", "found"], rows);
    let mut lines = table.lines();
    let mut text = String::new();
    text.extend(lines.next().map(|head| format!("{head}\n")));
    for (line, check) in lines.zip(&findings.checks) {
        let rest = line.strip_prefix(word(check.status)).unwrap_or(line);
        text.push_str(&table::toned(
            word(check.status),
            tone(check.status),
            colours,
        ));
        text.push_str(&format!("{rest}\n"));
        if let Some(remedy) = &check.remedy {
            text.push_str(&format!("         → {remedy}\n"));
        }
    }
    text.push('\n');
    text.push_str(&match findings.observation {
        Some(backend) => format!("The sensor can observe here, with {backend}.\n"),
        None => "The sensor can't observe here.\n".to_owned(),
    });
    text
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Ok => "ok",
        Status::Warning => "warning",
        Status::Missing => "missing",
    }
}

fn tone(status: Status) -> Tone {
    match status {
        Status::Ok => Tone::Good,
        Status::Warning => Tone::Doubtful,
        Status::Missing => Tone::Bad,
    }
}

/// Text of the machine's for a check: escaped, on one line.
fn shown(text: impl AsRef<[u8]>) -> String {
    escape(text.as_ref()).into_owned()
}

/// An error and what caused it, on one line.
fn with_causes(error: impl Into<anyhow::Error>) -> String {
    shown(format!("{:#}", error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(status: Status) -> Findings {
        Findings {
            can_observe: status != Status::Missing,
            observation: (status != Status::Missing).then_some(observation::BACKEND),
            can_block: false,
            checks: vec![Check {
                status,
                ..Check::warning("a", "b", "c")
            }],
        }
    }

    #[test]
    fn a_shortfall_is_followed_by_its_remedy() {
        assert_eq!(
            text(&findings(Status::Missing), false),
            "status   check  found\nmissing  a      b\n         → c\n\nThe sensor can't observe here.\n"
        );
        assert!(text(&findings(Status::Warning), true).contains("\x1b[33mwarning\x1b[0m  a"));
    }

    #[test]
    fn the_words_of_table_and_json_are_the_same() {
        for status in [Status::Ok, Status::Warning, Status::Missing] {
            assert_eq!(serde_json::to_value(status).unwrap(), word(status));
        }
    }
}
