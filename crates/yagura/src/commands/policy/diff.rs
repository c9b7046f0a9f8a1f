//! `yagura policy diff`: what changed between two files of policies.

use crate::commands::center::client::CenterArguments;
use crate::commands::center::policies;
use crate::exit::{Failure, Outcome};
use crate::input::{self, Source};
use crate::output::{self, Form};
use anyhow::anyhow;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use yagura_event::escape;
use yagura_policy::defence::RulesDiff;
use yagura_policy::drift::{FieldChange, RuleChange, RuleMove, RulePlace};
use yagura_policy::set::{self, SetDiff};

/// Tell what changed between two files of policies: rules added, removed, moved and changed
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 no differences, 1 they differ, 2 an error in a file, or a file that can't be read."
)]
pub(crate) struct Arguments {
    /// The policy before, `-` for standard input
    old: PathBuf,
    /// The policy after, `-` for standard input; left out, the other file is compared with what is in force at a center
    new: Option<PathBuf>,
    #[command(flatten)]
    center: CenterArguments,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    output: Form,
}

/// The differences as JSON.
#[derive(Debug, Serialize)]
struct DiffJson<'d> {
    equal: bool,
    policy: Vec<FieldJson<'d>>,
    removed: Vec<PlaceJson<'d>>,
    added: Vec<PlaceJson<'d>>,
    moved: Vec<MoveJson>,
    changed: Vec<ChangeJson<'d>>,
    defence: RulesJson<'d>,
    images: RulesJson<'d>,
}

/// Differences between rules whose order means nothing.
#[derive(Debug, Serialize)]
struct RulesJson<'d> {
    removed: Vec<PlaceJson<'d>>,
    added: Vec<PlaceJson<'d>>,
    changed: Vec<ChangeJson<'d>>,
}

/// Null where the field was or is left out.
#[derive(Debug, Serialize)]
struct FieldJson<'d> {
    field: &'static str,
    before: Option<&'d str>,
    after: Option<&'d str>,
}

#[derive(Debug, Serialize)]
struct PlaceJson<'d> {
    rule: String,
    index: usize,
    fields: BTreeMap<&'static str, &'d str>,
}

#[derive(Debug, Serialize)]
struct MoveJson {
    rule: String,
    from: usize,
    to: usize,
}

#[derive(Debug, Serialize)]
struct ChangeJson<'d> {
    rule: String,
    index: usize,
    fields: Vec<FieldJson<'d>>,
}

/// Compares the policies.
///
/// # Errors
/// If a file has errors, both are standard input, or standard output can't be written.
pub(super) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let is_stdin = |path: &PathBuf| Source::from(path.as_path()) == Source::Stdin;
    let Some(new) = &arguments.new else {
        return policies::diff(&arguments.center, &arguments.old, arguments.output);
    };
    if is_stdin(&arguments.old) && is_stdin(new) {
        let error = anyhow!("standard input can only be one of the two policies");
        return Err(Failure::BadInput(error));
    }
    // Both are read before either counts, so that the problems of both are told.
    let old = input::policy_file(&arguments.old);
    let new = input::policy_file(new);
    let (old, new) = (old?, new?);
    let diff = set::diff(&old, &new);
    match arguments.output {
        Form::Table => output::print(&diff.to_string())?,
        Form::Json => output::print_json(&DiffJson::from(&diff))?,
    }
    Ok(if diff.is_empty() {
        Outcome::Done
    } else {
        Outcome::Findings
    })
}

impl<'d> From<&'d SetDiff> for DiffJson<'d> {
    fn from(diff: &'d SetDiff) -> DiffJson<'d> {
        let drift = &diff.drift;
        DiffJson {
            equal: diff.is_empty(),
            policy: drift.policy.iter().map(FieldJson::from).collect(),
            removed: drift.removed.iter().map(PlaceJson::from).collect(),
            added: drift.added.iter().map(PlaceJson::from).collect(),
            moved: drift.moved.iter().map(MoveJson::from).collect(),
            changed: drift.changed.iter().map(ChangeJson::from).collect(),
            defence: RulesJson::from(&diff.defence),
            images: RulesJson::from(&diff.images),
        }
    }
}

impl<'d> From<&'d RulesDiff> for RulesJson<'d> {
    fn from(diff: &'d RulesDiff) -> RulesJson<'d> {
        RulesJson {
            removed: diff.removed.iter().map(PlaceJson::from).collect(),
            added: diff.added.iter().map(PlaceJson::from).collect(),
            changed: diff.changed.iter().map(ChangeJson::from).collect(),
        }
    }
}

impl<'d> From<&'d FieldChange> for FieldJson<'d> {
    fn from(change: &'d FieldChange) -> FieldJson<'d> {
        let set = |text: &'d String| Some(text.as_str()).filter(|text| !text.is_empty());
        FieldJson {
            field: change.field,
            before: set(&change.before),
            after: set(&change.after),
        }
    }
}

impl<'d> From<&'d RulePlace> for PlaceJson<'d> {
    fn from(place: &'d RulePlace) -> PlaceJson<'d> {
        let fields = place.fields.iter();
        PlaceJson {
            rule: escape(place.name.as_bytes()).into_owned(),
            index: place.index,
            fields: fields
                .map(|(field, text)| (*field, text.as_str()))
                .collect(),
        }
    }
}

impl From<&RuleMove> for MoveJson {
    fn from(moved: &RuleMove) -> MoveJson {
        MoveJson {
            rule: escape(moved.name.as_bytes()).into_owned(),
            from: moved.from,
            to: moved.to,
        }
    }
}

impl<'d> From<&'d RuleChange> for ChangeJson<'d> {
    fn from(change: &'d RuleChange) -> ChangeJson<'d> {
        ChangeJson {
            rule: escape(change.name.as_bytes()).into_owned(),
            index: change.index,
            fields: change.fields.iter().map(FieldJson::from).collect(),
        }
    }
}
