//! `yagura rules`: detection rules, Yagura's and Falco's.

use crate::exit::{Failure, Outcome};
use crate::output::{self, Form, table};
use crate::rule_files::{self, RuleFile};
use anyhow::anyhow;
use serde::Serialize;
use std::path::PathBuf;
use yagura_event::escape;
use yagura_rules::fields::{self, Availability, FieldRow, Source};
use yagura_rules::rule::Rule;
use yagura_rules::{Diagnostic, Loaded, Severity, run_examples};

/// Check, list and explain detection rules
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Say all that is wrong or doubtful in rule files, and run the tests that they hold
    ///
    /// Exit codes: 0 no errors and every test passed, 1 a test failed, 2 errors.
    Check(FilesArguments),
    /// List rules
    List(FilesArguments),
    /// Show one rule with its macros and lists put in
    Explain(ExplainArguments),
    /// List the fields that conditions and outputs may name
    Fields(FieldsArguments),
}

/// Which rules.
#[derive(Debug, clap::Args)]
pub(crate) struct FilesArguments {
    /// Rule files or folders; the built-in catalogue if left out
    files: Vec<PathBuf>,
    /// Load the catalogue before the files, for files that build on it
    #[arg(long)]
    with_catalogue: bool,
    /// A table, or one JSON object for each entry
    #[arg(long, value_enum, default_value_t = Form::Table)]
    output: Form,
}

/// Which rule.
#[derive(Debug, clap::Args)]
pub(crate) struct ExplainArguments {
    /// Name of the rule, or a catalogue key for all of its rules
    rule: String,
    /// Rule files or folders; the built-in catalogue if left out
    files: Vec<PathBuf>,
    /// Load the catalogue before the files, for files that build on it
    #[arg(long)]
    with_catalogue: bool,
}

/// Which fields.
#[derive(Debug, clap::Args)]
pub(crate) struct FieldsArguments {
    /// Only fields whose name begins with this
    prefix: Option<String>,
    /// Only fields of events of this source
    #[arg(long, value_parser = parse_source)]
    source: Option<Source>,
    /// A table, or one JSON object for each field
    #[arg(long, value_enum, default_value_t = Form::Table)]
    output: Form,
}

fn parse_source(name: &str) -> Result<Source, String> {
    let names = || {
        let names: Vec<&str> = Source::ALL.iter().map(|source| source.as_str()).collect();
        names.join(", ")
    };
    Source::from_name(name).ok_or_else(|| format!("source is one of {}", names()))
}

/// Runs the command.
pub(crate) fn run(command: &Command) -> Result<Outcome, Failure> {
    match command {
        Command::Check(arguments) => check(arguments),
        Command::List(arguments) => list(arguments),
        Command::Explain(arguments) => explain(arguments),
        Command::Fields(arguments) => list_fields(arguments),
    }
}

fn load(files: &[PathBuf], with_catalogue: bool) -> Result<Loaded, Failure> {
    let mut read: Vec<RuleFile> = Vec::new();
    for path in files {
        read.extend(rule_files::read(path, true)?);
    }
    Ok(rule_files::load_files(
        &read,
        with_catalogue || files.is_empty(),
    ))
}

/// One problem, for programs.
#[derive(Debug, Serialize)]
struct DiagnosticJson<'a> {
    code: &'a str,
    severity: &'a str,
    file: &'a str,
    line: u32,
    column: u32,
    message: &'a str,
    hint: Option<&'a str>,
}

impl<'a> From<&'a Diagnostic> for DiagnosticJson<'a> {
    fn from(diagnostic: &'a Diagnostic) -> Self {
        DiagnosticJson {
            code: diagnostic.code.as_str(),
            severity: diagnostic.severity.as_str(),
            file: &diagnostic.file,
            line: diagnostic.at.line,
            column: diagnostic.at.column,
            message: &diagnostic.message,
            hint: diagnostic.hint.as_deref(),
        }
    }
}

fn check(arguments: &FilesArguments) -> Result<Outcome, Failure> {
    let loaded = load(&arguments.files, arguments.with_catalogue)?;
    let errors = loaded
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .count();
    let warnings = loaded.diagnostics.len() - errors;
    for diagnostic in &loaded.diagnostics {
        match arguments.output {
            Form::Json => print_line(&DiagnosticJson::from(diagnostic))?,
            Form::Table => output::print(&format!("{diagnostic}\n"))?,
        }
    }
    let rules = loaded.rules.len();
    let failed = match errors {
        0 => run_examples(&loaded.rules),
        _ => Vec::new(),
    };
    for failure in &failed {
        match arguments.output {
            Form::Json => print_line(&serde_json::json!({
                "severity": "error",
                "code": "test",
                "message": escape(failure.to_string().as_bytes()),
            }))?,
            Form::Table => output::print(&format!("{}\n", escape(failure.to_string().as_bytes())))?,
        }
    }
    if arguments.output == Form::Table {
        let tests: usize = loaded.rules.iter().map(|rule| rule.tests.len()).sum();
        output::print(&format!(
            "{rules} rules: {errors} errors, {warnings} warnings; {} of {tests} tests passed\n",
            tests - failed.len().min(tests)
        ))?;
    }
    Ok(match (errors, failed.is_empty()) {
        (0, true) => Outcome::Done,
        (0, false) => Outcome::Findings,
        _ => Outcome::BadInput,
    })
}

fn print_line(value: &impl Serialize) -> Result<(), Failure> {
    let line = serde_json::to_string(value).map_err(|error| Failure::Failed(error.into()))?;
    output::print(&(line + "\n"))
}

/// Rules that can be used in spite of problems; the problems are told.
fn usable(loaded: &Loaded) -> Result<(), Failure> {
    match rule_files::tell(loaded, true) {
        0 => Ok(()),
        errors => Err(rule_files::cannot_be_used(errors)),
    }
}

/// A rule in a list.
#[derive(Debug, Serialize)]
struct RuleJson<'a> {
    rule: &'a str,
    key: Option<&'a str>,
    severity: &'static str,
    priority: &'static str,
    source: &'static str,
    enabled: bool,
    stateful: &'static str,
    techniques: &'a [String],
    tags: &'a [String],
    description: String,
}

impl<'a> From<&'a Rule> for RuleJson<'a> {
    fn from(rule: &'a Rule) -> Self {
        RuleJson {
            rule: &rule.name,
            key: rule.key.as_deref(),
            severity: rule.severity.as_str(),
            priority: rule.priority.as_str(),
            source: rule.source.as_str(),
            enabled: rule.enabled,
            stateful: match () {
                () if rule.sequence.is_some() => "sequence",
                () if rule.threshold.is_some() => "threshold",
                () if rule.first_seen.is_some() => "first_seen",
                () => "",
            },
            techniques: &rule.techniques,
            tags: &rule.tags,
            description: rule
                .description
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" "),
        }
    }
}

fn list(arguments: &FilesArguments) -> Result<Outcome, Failure> {
    let loaded = load(&arguments.files, arguments.with_catalogue)?;
    usable(&loaded)?;
    if arguments.output == Form::Json {
        for rule in &loaded.rules {
            print_line(&RuleJson::from(rule))?;
        }
        return Ok(Outcome::Done);
    }
    let rows = loaded.rules.iter().map(|rule| {
        let shown = RuleJson::from(rule);
        vec![
            escape(shown.key.unwrap_or("-").as_bytes()).into_owned(),
            shown.severity.to_owned(),
            shown.source.to_owned(),
            escape(shown.rule.as_bytes()).into_owned(),
        ]
    });
    output::print(&table::aligned(
        &["KEY", "SEVERITY", "SOURCE", "RULE"],
        rows,
    ))?;
    Ok(Outcome::Done)
}

fn explain(arguments: &ExplainArguments) -> Result<Outcome, Failure> {
    let loaded = load(&arguments.files, arguments.with_catalogue)?;
    usable(&loaded)?;
    let wanted = arguments.rule.as_str();
    let found: Vec<&Rule> = loaded
        .rules
        .iter()
        .filter(|rule| rule.name == wanted || rule.key.as_deref() == Some(wanted))
        .collect();
    if found.is_empty() {
        return Err(Failure::BadInput(anyhow!(
            "no rule and no key is named {:?}; `yagura rules list` shows all",
            escape(wanted.as_bytes())
        )));
    }
    for rule in found {
        output::print(&format!("{}\n", yagura_rules::print::rule(rule)))?;
    }
    Ok(Outcome::Done)
}

/// A field in a list.
#[derive(Debug, Serialize)]
struct FieldJson {
    field: &'static str,
    r#type: &'static str,
    sources: Vec<&'static str>,
    supplied: bool,
    reason: Option<&'static str>,
    description: &'static str,
}

impl From<&FieldRow> for FieldJson {
    fn from(row: &FieldRow) -> FieldJson {
        let reason = match row.availability {
            Availability::Supplied => None,
            Availability::NotSupplied(reason) => Some(reason),
        };
        FieldJson {
            field: row.name,
            r#type: row.value.as_str(),
            sources: row.sources.iter().map(|source| source.as_str()).collect(),
            supplied: reason.is_none(),
            reason,
            description: row.description,
        }
    }
}

fn list_fields(arguments: &FieldsArguments) -> Result<Outcome, Failure> {
    let prefix = arguments.prefix.as_deref().unwrap_or_default();
    let is_wanted = |row: &FieldRow| {
        row.name.starts_with(prefix)
            && arguments
                .source
                .is_none_or(|source| row.sources.contains(&source))
    };
    let wanted: Vec<FieldJson> = fields::all()
        .iter()
        .filter(|row| is_wanted(row))
        .map(FieldJson::from)
        .collect();
    if wanted.is_empty() {
        return Err(Failure::BadInput(anyhow!(
            "no field begins with {:?}",
            escape(prefix.as_bytes())
        )));
    }
    if arguments.output == Form::Json {
        for field in &wanted {
            print_line(field)?;
        }
        return Ok(Outcome::Done);
    }
    let rows = wanted.iter().map(|field| {
        let said = match field.reason {
            Some(reason) => format!("{} Not supplied: {reason}.", field.description),
            None => field.description.to_owned(),
        };
        vec![field.field.to_owned(), field.r#type.to_owned(), said]
    });
    output::print(&table::aligned(&["FIELD", "TYPE", "DESCRIPTION"], rows))?;
    Ok(Outcome::Done)
}
