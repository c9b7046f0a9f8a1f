//! `yagura policy check`: all problems of all files.

use crate::exit::{Failure, Outcome};
use crate::input::{Source, unreadable};
use crate::output::{self, Form};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::PathBuf;
use yagura_event::escape;
use yagura_policy::limits::DOCUMENT_BYTES_MAX;
use yagura_policy::set::parse;
use yagura_policy::{Diagnostic, PolicySet, Severity};

/// Tell everything that is wrong with policy files, with file, line, column and a hint
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 no errors (warnings don't count), 2 an error in any file, or a file that can't be read."
)]
pub(crate) struct Arguments {
    /// Policy files, `-` for standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    output: Form,
}

/// The result for one file.
#[derive(Debug)]
struct Checked {
    file: String,
    policies: Option<PolicySet>,
    diagnostics: Vec<Diagnostic>,
    unreadable: Option<anyhow::Error>,
}

impl Checked {
    fn new(source: &Source) -> Checked {
        let file = source.name();
        match source.read(DOCUMENT_BYTES_MAX) {
            Ok(text) => {
                let parsed = parse(&file, &text);
                Checked {
                    file,
                    policies: parsed.set,
                    diagnostics: parsed.diagnostics,
                    unreadable: None,
                }
            }
            Err(error) => Checked {
                file,
                policies: None,
                diagnostics: Vec::new(),
                unreadable: Some(error),
            },
        }
    }

    fn count(&self, severity: Severity) -> usize {
        let of_policy = self.diagnostics.iter().filter(|d| d.severity == severity);
        of_policy.count() + usize::from(severity == Severity::Error && self.unreadable.is_some())
    }
}

/// The whole result as JSON.
#[derive(Debug, Serialize)]
struct CheckJson {
    valid: bool,
    errors: usize,
    warnings: usize,
    files: Vec<FileJson>,
    diagnostics: Vec<DiagnosticJson>,
}

#[derive(Debug, Serialize)]
struct FileJson {
    file: String,
    valid: bool,
    /// Rules of the drift policy without the default rule; null if there is none.
    rules: Option<usize>,
    default_action: Option<&'static str>,
    defence_rules: Option<usize>,
    image_rules: Option<usize>,
}

#[derive(Debug, Serialize)]
struct DiagnosticJson {
    file: String,
    /// None of the place and code for a file that can't be read.
    line: Option<usize>,
    column: Option<usize>,
    severity: &'static str,
    code: Option<&'static str>,
    message: String,
    hint: Option<String>,
}

/// Checks every file, whatever is wrong with those before it.
///
/// # Errors
/// If standard output can't be written.
pub(super) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let sources = arguments
        .files
        .iter()
        .map(|file| Source::from(file.as_path()));
    let checked: Vec<Checked> = sources.map(|source| Checked::new(&source)).collect();
    match arguments.output {
        Form::Table => output::print(&text(&checked))?,
        Form::Json => output::print_json(&json(&checked))?,
    }
    let valid = checked.iter().all(|file| file.policies.is_some());
    Ok(if valid {
        Outcome::Done
    } else {
        Outcome::BadInput
    })
}

fn text(checked: &[Checked]) -> String {
    let mut text = String::new();
    for file in checked {
        let name = escape(file.file.as_bytes());
        for diagnostic in &file.diagnostics {
            let _ = writeln!(text, "{diagnostic}");
        }
        if let Some(error) = &file.unreadable {
            let _ = writeln!(text, "{}", unreadable(&file.file, error));
        }
        let (errors, warnings) = (file.count(Severity::Error), file.count(Severity::Warning));
        let _ = match &file.policies {
            Some(set) if warnings == 0 => writeln!(text, "{name}: ok, {}", summary(set)),
            Some(set) => writeln!(
                text,
                "{name}: ok, {}, {}",
                summary(set),
                count(warnings, "warning")
            ),
            None => writeln!(
                text,
                "{name}: {}, {}",
                count(errors, "error"),
                count(warnings, "warning")
            ),
        };
    }
    text
}

fn summary(set: &PolicySet) -> String {
    let drift = set.own_drift().map(|policy| {
        let rules = count(policy.rules().len(), "rule");
        format!("{rules} and the default: {}", policy.default_action())
    });
    let some = |number: usize, noun| (number > 0).then(|| count(number, noun));
    let parts = [
        drift,
        some(set.defence().len(), "defence rule"),
        some(set.images().len(), "image rule"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    parts.join(", ")
}

fn count(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        number => format!("{number} {noun}s"),
    }
}

fn json(checked: &[Checked]) -> CheckJson {
    let sum = |severity| checked.iter().map(|file| file.count(severity)).sum();
    CheckJson {
        valid: checked.iter().all(|file| file.policies.is_some()),
        errors: sum(Severity::Error),
        warnings: sum(Severity::Warning),
        files: checked.iter().map(FileJson::from).collect(),
        diagnostics: checked.iter().flat_map(diagnostics).collect(),
    }
}

impl From<&Checked> for FileJson {
    fn from(checked: &Checked) -> FileJson {
        let set = checked.policies.as_ref();
        let policy = set.and_then(PolicySet::own_drift);
        FileJson {
            file: escape(checked.file.as_bytes()).into_owned(),
            valid: set.is_some(),
            rules: policy.map(|policy| policy.rules().len()),
            default_action: policy.map(|policy| policy.default_action().as_str()),
            defence_rules: set.map(|set| set.defence().len()),
            image_rules: set.map(|set| set.images().len()),
        }
    }
}

fn diagnostics(checked: &Checked) -> impl Iterator<Item = DiagnosticJson> + '_ {
    let unreadable = checked.unreadable.iter().map(|error| DiagnosticJson {
        file: escape(checked.file.as_bytes()).into_owned(),
        line: None,
        column: None,
        severity: Severity::Error.as_str(),
        code: None,
        message: format!("{error:#}"),
        hint: None,
    });
    let found = checked.diagnostics.iter().map(|diagnostic| DiagnosticJson {
        file: escape(diagnostic.file.as_bytes()).into_owned(),
        line: Some(diagnostic.line),
        column: Some(diagnostic.column),
        severity: diagnostic.severity.as_str(),
        code: Some(diagnostic.code.as_str()),
        message: diagnostic.message.clone(),
        hint: diagnostic.hint.clone(),
    });
    unreadable.chain(found)
}
