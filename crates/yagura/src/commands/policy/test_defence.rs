//! `yagura policy test --behaviour`: what the defence rules say together, and why.

use crate::exit::{Failure, Outcome};
use crate::output::{self, Form};
use serde::Serialize;
use yagura_event::{CellAction, escape};
use yagura_policy::defence::{Explanation, Outcome as RuleOutcome, Step};

/// The answer as JSON.
#[derive(Debug, Serialize)]
struct DefenceJson {
    /// `deny`, `watch` or `nothing`.
    verdict: &'static str,
    /// The rule that says so; null if nothing is to be done.
    rule: Option<String>,
    /// Its position among the defence rules, the first is 0.
    index: Option<usize>,
    /// If nothing is to be done: the rule whose allow list excused the process.
    allowed_by: Option<String>,
    /// The first thing that was not known and could have led to another decision.
    gap: Option<GapJson>,
    /// Every rule, in order.
    steps: Vec<StepJson>,
}

#[derive(Debug, Serialize)]
struct GapJson {
    rule: String,
    missing: &'static str,
    in_allow_list: bool,
}

#[derive(Debug, Serialize)]
struct StepJson {
    rule: String,
    index: usize,
    action: &'static str,
    outcome: &'static str,
    why: String,
}

/// Prints what the rules say.
///
/// # Errors
/// If standard output can't be written.
pub(super) fn print(explanation: &Explanation<'_>, form: Form) -> Result<Outcome, Failure> {
    match form {
        Form::Table => output::print(&explanation.to_string())?,
        Form::Json => output::print_json(&DefenceJson::from(explanation))?,
    }
    Ok(Outcome::Done)
}

impl From<&Explanation<'_>> for DefenceJson {
    fn from(explanation: &Explanation<'_>) -> DefenceJson {
        let decision = &explanation.decision;
        DefenceJson {
            verdict: match decision.action {
                CellAction::None => "nothing",
                CellAction::Watch => "watch",
                CellAction::Deny => "deny",
            },
            rule: decision.rule.map(|rule| name(rule.name)),
            index: decision.rule.map(|rule| rule.index),
            allowed_by: decision.allowed.map(|allowed| name(allowed.rule.name)),
            gap: decision.gap.map(|gap| GapJson {
                rule: name(gap.rule.name),
                missing: gap.missing.text(),
                in_allow_list: gap.in_allow_list,
            }),
            steps: explanation.steps.iter().map(StepJson::from).collect(),
        }
    }
}

impl From<&Step<'_>> for StepJson {
    fn from(step: &Step<'_>) -> StepJson {
        StepJson {
            rule: name(step.rule.name),
            index: step.rule.index,
            action: step.action.as_str(),
            outcome: word(&step.outcome),
            why: step.outcome.to_string(),
        }
    }
}

fn word(outcome: &RuleOutcome<'_>) -> &'static str {
    match outcome {
        RuleOutcome::Disabled => "disabled",
        RuleOutcome::Expired(_) => "expired",
        RuleOutcome::NotCovered(_) => "not-covered",
        RuleOutcome::Cloud { .. } => "cloud",
        RuleOutcome::Condition { .. } => "condition",
        RuleOutcome::Unknown { .. } => "unknown",
        RuleOutcome::Matched { .. } => "matched",
    }
}

fn name(name: &str) -> String {
    escape(name.as_bytes()).into_owned()
}
