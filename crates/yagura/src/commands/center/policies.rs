//! `yagura policy get`, `apply`, `simulate`, `history`, `rollback`: policies of a center.

use super::client::{CenterArguments, Client, cell, diagnostic};
use crate::exit::{Failure, Outcome};
use crate::input::{self, Source};
use crate::output::{self, Form, table};
use anyhow::anyhow;
use serde_json::{Value, json};
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

/// Days of history by which a change is judged before it is saved.
const APPLY_DAYS: u32 = 7;
/// Bytes of a policy file.
const FILE_BYTES_MAX: usize = yagura_policy::limits::DOCUMENT_BYTES_MAX;

/// Which policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Kind {
    /// The drift policy
    #[default]
    Drift,
    /// Defence rules and rules on images
    Defence,
}

impl Kind {
    /// What a file is about; drift if it says nothing that is known.
    fn of(yaml: &str) -> Kind {
        let mut lines = yaml.lines().map(str::trim);
        let of_others = ["kind: DefenceRule", "kind: AtRiskImageRule"];
        match lines.any(|line| of_others.contains(&line)) {
            true => Kind::Defence,
            false => Kind::Drift,
        }
    }

    fn path(self) -> &'static str {
        match self {
            Kind::Drift => "/drift-policy",
            Kind::Defence => "/defence-rules",
        }
    }
}

/// Print a policy of a center as a file
#[derive(Debug, clap::Args)]
pub(crate) struct Get {
    #[command(flatten)]
    center: CenterArguments,
    /// Which
    #[arg(long, value_enum, default_value_t)]
    kind: Kind,
    /// An earlier version
    #[arg(long)]
    version: Option<u64>,
}

/// Save a file as the new version of a center's policy
///
/// Tells what changes, and what stored history says of the effect. Where there are warnings, or executions that ran would
/// have been blocked, it asks first.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 saved, or nothing changes; 1 the center can't be asked; 2 the file, the center or you refuse."
)]
pub(crate) struct Apply {
    #[command(flatten)]
    center: CenterArguments,
    /// Which; if left out, the file says
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// The file, `-` for standard input
    file: PathBuf,
    /// What the change is for
    #[arg(long, default_value = "")]
    comment: String,
    /// Don't ask
    #[arg(long, short = 'y')]
    yes: bool,
}

/// Judge a center's stored history under a file: which alerts would vanish or appear
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 nothing would be different, 1 something would, 2 the file has errors."
)]
pub(crate) struct Simulate {
    #[command(flatten)]
    center: CenterArguments,
    /// Which; if left out, the file says
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// The file, `-` for standard input
    file: PathBuf,
    /// Days of history
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=90))]
    days: u32,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    output: Form,
}

/// List versions of a center's policy
#[derive(Debug, clap::Args)]
pub(crate) struct History {
    #[command(flatten)]
    center: CenterArguments,
    /// Which
    #[arg(long, value_enum, default_value_t)]
    kind: Kind,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    output: Form,
}

/// Make an earlier version of a center's policy the newest; asks as `apply` does
#[derive(Debug, clap::Args)]
pub(crate) struct Rollback {
    #[command(flatten)]
    center: CenterArguments,
    /// Which
    #[arg(long, value_enum, default_value_t)]
    kind: Kind,
    /// The version whose content is taken
    version: u64,
    /// Why
    #[arg(long, default_value = "")]
    comment: String,
    /// Don't ask
    #[arg(long, short = 'y')]
    yes: bool,
}

fn read(file: &Path) -> Result<String, Failure> {
    let source = Source::from(file);
    let name = source.name();
    let bytes = source.read(FILE_BYTES_MAX);
    let bytes =
        bytes.map_err(|error| Failure::BadInput(anyhow!(input::unreadable(&name, &error))))?;
    String::from_utf8(bytes).map_err(|_| Failure::BadInput(anyhow!("{name} is not UTF-8")))
}

/// Prints a policy.
///
/// # Errors
/// [`Failure`] if the center refuses or can't be reached.
pub(crate) fn get(arguments: &Get) -> Result<Outcome, Failure> {
    let path = match arguments.version {
        Some(version) => format!("{}/versions/{version}", arguments.kind.path()),
        None => arguments.kind.path().to_owned(),
    };
    let found = Client::new(&arguments.center)?.get(&path)?;
    output::print(
        found
            .get("yaml")
            .and_then(Value::as_str)
            .unwrap_or_default(),
    )?;
    Ok(Outcome::Done)
}

/// Saves a file.
///
/// # Errors
/// [`Failure`] if the center refuses or can't be reached.
pub(crate) fn apply(arguments: &Apply) -> Result<Outcome, Failure> {
    let yaml = read(&arguments.file)?;
    let kind = arguments.kind.unwrap_or_else(|| Kind::of(&yaml));
    let client = Client::new(&arguments.center)?;
    let path = kind.path();
    let etag = client.ask("GET", path, &[], None)?.etag.unwrap_or_default();
    let Some(effect) = Effect::of(&client, kind, &yaml)? else {
        output::print("nothing changes\n")?;
        return Ok(Outcome::Done);
    };
    effect.accept(arguments.yes)?;
    let asked = json!({
        "yaml": yaml,
        "comment": arguments.comment,
        "accept_warnings": effect.warns(),
    });
    let headers = [("if-match", etag.as_str())];
    let saved = client.ask("PUT", path, &headers, Some(&asked))?;
    output::print(&format!(
        "saved as version {}\n",
        cell(&saved.body, "/version")
    ))?;
    Ok(Outcome::Done)
}

/// What saving a policy would do.
struct Effect {
    diff: String,
    warnings: Vec<Value>,
    simulated: Value,
}

impl Effect {
    /// Of that policy instead of the one in force; `None` if they say the same.
    fn of(client: &Client, kind: Kind, yaml: &str) -> Result<Option<Effect>, Failure> {
        let path = kind.path();
        let draft = json!({ "yaml": yaml });
        let ask = |act: &str, body: &Value| {
            let answer = client.ask("POST", &format!("{path}/{act}"), &[], Some(body))?;
            Ok::<Value, Failure>(answer.body)
        };
        let diff = ask("diff", &draft)?;
        if diff.get("is_empty").and_then(Value::as_bool) == Some(true) {
            return Ok(None);
        }
        let checked = ask("check", &draft)?;
        let found = checked.get("diagnostics").and_then(Value::as_array);
        let simulate = json!({ "draft": draft, "days": APPLY_DAYS });
        Ok(Some(Effect {
            diff: cell_text(&diff, "text"),
            warnings: found.cloned().unwrap_or_default(),
            simulated: ask("simulate", &simulate)?,
        }))
    }

    fn warns(&self) -> bool {
        !self.warnings.is_empty()
    }

    fn newly_blocked(&self) -> u64 {
        let count = self.simulated.get("newly_blocked");
        count.and_then(Value::as_u64).unwrap_or_default()
    }

    fn shown(&self) -> String {
        let mut text = self.diff.clone();
        let count = |field: &str| cell(&self.simulated, field);
        text.push_str(&format!(
            "judged by {} alerts of the last {APPLY_DAYS} days: {} would vanish, {} would appear, {} that ran would be blocked\n",
            count("/examined"),
            count("/vanish"),
            count("/appear"),
            count("/newly_blocked"),
        ));
        for warning in &self.warnings {
            text.push_str(&format!("{}\n", diagnostic(warning).trim_start()));
        }
        text
    }

    /// Shows it, and asks where that is called for.
    ///
    /// # Errors
    /// [`Failure::BadInput`] if the answer is no, or there is nobody to ask.
    fn accept(&self, yes: bool) -> Result<(), Failure> {
        output::print(&self.shown())?;
        if yes || (!self.warns() && self.newly_blocked() == 0) {
            return Ok(());
        }
        let no = |why: &str| Err(Failure::BadInput(anyhow!("{why}; nothing was saved")));
        if !std::io::stdin().is_terminal() {
            return no("this may stop what people rely on: to save all the same, give --yes");
        }
        // Nobody to ask if standard error is gone: then the answer is no.
        let _ = write!(std::io::stderr(), "Save it? [y/N] ");
        let mut line = String::new();
        let read = std::io::stdin().read_line(&mut line);
        match read.is_ok() && matches!(line.trim(), "y" | "Y" | "yes") {
            true => Ok(()),
            false => no("you said no"),
        }
    }
}

fn cell_text(value: &Value, name: &str) -> String {
    let text = value.get(name).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

/// Compares a file with what is in force at a center; returns whether they differ.
///
/// # Errors
/// [`Failure`] if the center refuses or can't be reached.
pub(crate) fn diff(center: &CenterArguments, file: &Path, form: Form) -> Result<Outcome, Failure> {
    let yaml = read(file)?;
    let path = format!("{}/diff", Kind::of(&yaml).path());
    let asked = json!({ "yaml": yaml });
    let found = Client::new(center)?
        .ask("POST", &path, &[], Some(&asked))?
        .body;
    match form {
        Form::Json => output::print_json(&found)?,
        Form::Table => {
            output::print(
                found
                    .get("text")
                    .and_then(Value::as_str)
                    .unwrap_or_default(),
            )?;
        }
    }
    match found.get("is_empty").and_then(Value::as_bool) {
        Some(true) => Ok(Outcome::Done),
        _ => Ok(Outcome::Findings),
    }
}

/// Judges history anew.
///
/// # Errors
/// [`Failure`] if the center refuses or can't be reached.
pub(crate) fn simulate(arguments: &Simulate) -> Result<Outcome, Failure> {
    let yaml = read(&arguments.file)?;
    let kind = arguments.kind.unwrap_or_else(|| Kind::of(&yaml));
    let path = format!("{}/simulate", kind.path());
    let asked = json!({ "draft": { "yaml": yaml }, "days": arguments.days });
    let found = Client::new(&arguments.center)?
        .ask("POST", &path, &[], Some(&asked))?
        .body;
    match arguments.output {
        Form::Json => output::print_json(&found)?,
        Form::Table => output::print(&simulated(&found))?,
    }
    let count = |field: &str| found.get(field).and_then(Value::as_u64).unwrap_or_default();
    match count("vanish") + count("appear") + count("newly_blocked") {
        0 => Ok(Outcome::Done),
        _ => Ok(Outcome::Findings),
    }
}

fn simulated(found: &Value) -> String {
    let rules = found
        .get("rules")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let rows = rules.iter().map(|rule| {
        [
            "/rule",
            "/before",
            "/after",
            "/vanish",
            "/appear",
            "/newly_blocked",
        ]
        .map(|field| cell(rule, field))
        .to_vec()
    });
    let heads = [
        "RULE",
        "BEFORE",
        "AFTER",
        "VANISH",
        "APPEAR",
        "NEWLY BLOCKED",
    ];
    let mut text = table::aligned(&heads, rows);
    text.push_str(&format!("{} alerts examined\n", cell(found, "/examined")));
    let limits = found.get("limits").and_then(Value::as_array);
    for limit in limits.into_iter().flatten().filter_map(Value::as_str) {
        text.push_str(&format!("note: {limit}\n"));
    }
    text
}

/// Lists versions.
///
/// # Errors
/// [`Failure`] if the center refuses or can't be reached.
pub(crate) fn history(arguments: &History) -> Result<Outcome, Failure> {
    let path = format!("{}/versions?limit=500", arguments.kind.path());
    let found = Client::new(&arguments.center)?.get(&path)?;
    let items = found
        .get("items")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    match arguments.output {
        Form::Json => items.iter().try_for_each(output::print_line)?,
        Form::Table => {
            let rows = items.iter().map(|version| {
                ["/version", "/saved_at", "/saved_by", "/comment"]
                    .map(|field| cell(version, field))
                    .to_vec()
            });
            output::print(&table::aligned(
                &["VERSION", "SAVED", "BY", "COMMENT"],
                rows,
            ))?;
        }
    }
    Ok(Outcome::Done)
}

/// Rolls back.
///
/// # Errors
/// [`Failure`] if the center refuses or can't be reached.
pub(crate) fn rollback(arguments: &Rollback) -> Result<Outcome, Failure> {
    let client = Client::new(&arguments.center)?;
    let path = arguments.kind.path();
    let etag = client.ask("GET", path, &[], None)?.etag.unwrap_or_default();
    let earlier = client.get(&format!("{path}/versions/{}", arguments.version))?;
    let yaml = cell_text(&earlier, "yaml");
    let Some(effect) = Effect::of(&client, arguments.kind, &yaml)? else {
        output::print("nothing changes\n")?;
        return Ok(Outcome::Done);
    };
    effect.accept(arguments.yes)?;
    let asked = json!({ "version": arguments.version, "comment": arguments.comment });
    let headers = [("if-match", etag.as_str())];
    let saved = client.ask("POST", &format!("{path}/rollback"), &headers, Some(&asked))?;
    output::print(&format!(
        "saved as version {}\n",
        cell(&saved.body, "/version")
    ))?;
    Ok(Outcome::Done)
}
