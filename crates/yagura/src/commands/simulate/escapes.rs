//! `yagura simulate escapes`: every way out of a container, and whether it was stopped.

use super::guard::{Guard, own_instance};
use super::prove::Proof;
use super::wrapped::install_before;
use super::{Arrived, RuntimeArgument, clean_up_leftovers, clean_up_on_signal, find_runtime};
use crate::exit::{Failure, Outcome};
use crate::output::{self, Form, table};
use anyhow::Context as _;
use serde::Serialize;
use std::sync::Arc;
use std::time::{Duration, Instant};
use yagura_event::{Action, Denied, with_causes};
use yagura_policy::PolicySet;
use yagura_rehearsal::escapes::{
    Attempt, AttemptResult, EscapeError, EscapeStage, EscapeTechnique, TECHNIQUES, control,
};
use yagura_rehearsal::{ContainerOptions, ThrowAwayImage};

/// The technique by which a node proves that it stops escapes.
const PROOF: &str = "core-pattern";
/// How long an alert of what was stopped may take.
const ALERT_WAIT: Duration = Duration::from_secs(3);

/// Everything is denied to the throw-away containers, and to nobody else.
const DENY_ALL: &str = "apiVersion: yagura.dev/v1
kind: DefenceRule
metadata: { name: Rehearsal of escapes }
spec:
  action: block
  fuse: off
  scope:
    conditions:
      - { field: container-name, operator: starts-with, values: [yagura-rehearsal-] }
  behaviours: { process: all, file: all, syscall: all }
";

/// Rehearse ways out of a container and tell whether they were stopped
///
/// Each technique is attempted harmlessly in a throw-away container with the privileges that it needs, on stand-ins for what
/// is the host's. Without --enforce it tells what this machine allows by itself. With it, a sensor with a rule that denies
/// everything to these containers stands guard. Exit codes: 0 nothing that should be stopped got through, 1 something did, 3
/// this machine or these rights don't allow it.
#[derive(Debug, clap::Args)]
pub(crate) struct EscapeArguments {
    /// Enforce a defence rule on the containers
    #[arg(long)]
    enforce: bool,
    /// Make the containers through the runtime wrapper, so that calls are refused before their effect without BPF LSM, too
    #[arg(long, requires = "enforce")]
    runtime_wrapper: bool,
    /// Only this technique, such as core-pattern; may be repeated
    #[arg(long, value_name = "NAME", value_parser = parse_technique)]
    technique: Vec<&'static EscapeTechnique>,
    /// Runtime of the containers
    #[arg(long, value_enum, default_value_t = RuntimeArgument::Found)]
    runtime: RuntimeArgument,
    /// A table, or one JSON object for each technique
    #[arg(long, value_enum, default_value_t = Form::Table)]
    output: Form,
}

fn parse_technique(name: &str) -> Result<&'static EscapeTechnique, String> {
    TECHNIQUES
        .iter()
        .find(|technique| technique.name == name)
        .ok_or_else(|| {
            let names: Vec<&str> = TECHNIQUES.iter().map(|technique| technique.name).collect();
            format!("technique is one of {}", names.join(", "))
        })
}

/// What became of a technique.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Ended {
    /// Refused before it took effect.
    Blocked,
    /// The process was ended, and the effect is not there.
    Killed,
    /// The effect is there.
    NotStopped,
    /// This machine lacks what it takes, or refuses it by itself.
    NotPossibleHere,
}

impl Ended {
    fn as_str(self) -> &'static str {
        match self {
            Ended::Blocked => "blocked",
            Ended::Killed => "killed",
            Ended::NotStopped => "not-stopped",
            Ended::NotPossibleHere => "not-possible-here",
        }
    }
}

/// What became of one technique.
#[derive(Debug, Clone, Serialize)]
struct EscapeResult {
    technique: &'static str,
    title: &'static str,
    cve: Option<&'static str>,
    variant_of: Option<&'static str>,
    /// Behaviours that cover it.
    behaviours: Vec<&'static str>,
    outcome: Ended,
    /// Whether its harmless effect is there.
    effect: bool,
    /// By what means it was stopped, as the sensor told; empty if it was not, or nobody told.
    means: Vec<&'static str>,
    /// The step at which it ended; null if it came to its end.
    step: Option<String>,
    /// Why.
    reason: String,
    /// Whether an alert told of it.
    alerted: bool,
}

/// Runs the rehearsals.
///
/// # Errors
/// As the command's help says.
pub(super) fn run(arguments: &EscapeArguments) -> Result<Outcome, Failure> {
    crate::commands::doctor::require_rights()?;
    clean_up_on_signal()?;
    let base = std::env::temp_dir();
    clean_up_leftovers(&base);
    let image = ThrowAwayImage::build(&base)
        .context("image can't be made")
        .map_err(Failure::CannotRun)?;
    let image = Arc::new(image);
    let options = ContainerOptions::new(find_runtime(arguments.runtime.choice())?);
    let all: Vec<&'static EscapeTechnique> = TECHNIQUES.iter().collect();
    let wanted = match arguments.technique.is_empty() {
        true => &all,
        false => &arguments.technique,
    };
    // What the machine refuses by itself is not to anybody's credit: everything is attempted without a guard first.
    let mut results: Vec<EscapeResult> = Vec::new();
    for technique in wanted {
        let result = unguarded(technique, &image, &options);
        if !arguments.enforce && arguments.output == Form::Json {
            output::print_line(&result)?;
        }
        results.push(result);
    }
    if arguments.enforce {
        let mut options = options;
        let wrapper = arguments
            .runtime_wrapper
            .then(|| install_before(&mut options, &image))
            .transpose()?;
        let guard = Guard::start_with(deny_all(), Some(own_instance(wrapper)?), &base)?;
        for (technique, result) in wanted.iter().zip(&mut results) {
            if result.outcome != Ended::NotPossibleHere {
                *result = guarded(technique, &image, &options, &guard);
            }
            if arguments.output == Form::Json {
                output::print_line(result)?;
            }
        }
        guard.stop()?;
    }
    image
        .remove()
        .context("image can't be removed")
        .map_err(Failure::Failed)?;
    conclude(&results, arguments)
}

/// The rule that denies everything to throw-away containers.
pub(super) fn deny_all() -> PolicySet {
    super::parse_own_policies(DENY_ALL)
}

/// The kernel's core_pattern is written to from a privileged container, with what it holds.
///
/// # Errors
/// If there is no such technique.
pub(super) fn proof(
    image: &Arc<ThrowAwayImage>,
    options: &ContainerOptions,
    guard: &Guard,
) -> Result<Proof, Failure> {
    let technique = TECHNIQUES
        .iter()
        .find(|technique| technique.name == PROOF)
        .context("no technique to rehearse")
        .map_err(Failure::Failed)?;
    let result = guarded(technique, image, options, guard);
    Ok(Proof {
        name: "canary_escape",
        what: "core_pattern written from a privileged container",
        outcome: result.outcome.as_str(),
        is_stopped: matches!(result.outcome, Ended::Blocked | Ended::Killed),
        is_told: result.alerted,
        means: result.means.join(", "),
        milliseconds: None,
    })
}

/// By what means the container was stopped since then, as alerts tell, and whether any alert told.
fn told(guard: &Guard, attempt: &Attempt, expects: bool) -> (Vec<&'static str>, bool) {
    let deadline = Instant::now() + ALERT_WAIT;
    let mut means = Vec::new();
    let mut told = false;
    // What was not stopped has nothing to wait for.
    while expects && !told {
        let Ok(next) = guard.arrived.recv_deadline(deadline) else {
            break;
        };
        take(&next, attempt, &mut means, &mut told);
    }
    for next in guard.arrived.try_iter() {
        take(&next, attempt, &mut means, &mut told);
    }
    (means, told)
}

fn take(next: &Arrived, attempt: &Attempt, means: &mut Vec<&'static str>, told: &mut bool) {
    let alert = &next.alert;
    let is_its = alert.container_id() == attempt.container && alert.monotonic >= attempt.started;
    let Some(denial) = alert.denial.as_ref().filter(|_| is_its) else {
        return;
    };
    if alert.action != Action::Alerted && matches!(denial.denied, Denied::Behaviour(_)) {
        *told = true;
        if !means.contains(&denial.means.as_str()) {
            means.push(denial.means.as_str());
        }
    }
}

fn unguarded(
    technique: &'static EscapeTechnique,
    image: &Arc<ThrowAwayImage>,
    options: &ContainerOptions,
) -> EscapeResult {
    match control(technique, image, options) {
        Ok(attempt) => result(technique, &attempt, Vec::new(), false),
        Err(error) => broken(technique, &error),
    }
}

fn guarded(
    technique: &'static EscapeTechnique,
    image: &Arc<ThrowAwayImage>,
    options: &ContainerOptions,
    guard: &Guard,
) -> EscapeResult {
    match attempt(technique, image, options, guard) {
        Ok(result) => result,
        Err(error) => broken(technique, &error),
    }
}

fn attempt(
    technique: &'static EscapeTechnique,
    image: &Arc<ThrowAwayImage>,
    options: &ContainerOptions,
    guard: &Guard,
) -> Result<EscapeResult, EscapeError> {
    let mut stage = EscapeStage::set(technique, image, options)?;
    let in_force = guard.wait_until_in_force(stage.container().id());
    let attempt = stage.attempt()?;
    let expects = in_force && !attempt.effect;
    let (means, alerted) = told(guard, &attempt, expects);
    stage.finish()?;
    let mut result = result(technique, &attempt, means, alerted);
    // It was possible a moment ago: a call that the wrapper takes out of a container's reach fails as if it were not there.
    if in_force && result.outcome == Ended::NotPossibleHere {
        result.outcome = Ended::Blocked;
        result.reason = format!("possible without the guard, not with it: {}", result.reason);
    }
    if !in_force {
        result.reason = format!("rules were not in force in time; {}", result.reason);
    }
    Ok(result)
}

/// The result of a rehearsal that did not come to its attempt.
fn broken(technique: &'static EscapeTechnique, error: &EscapeError) -> EscapeResult {
    EscapeResult {
        technique: technique.name,
        title: technique.title,
        cve: technique.cve,
        variant_of: technique.variant_of,
        behaviours: technique.behaviours.iter().map(|b| b.as_str()).collect(),
        outcome: Ended::NotPossibleHere,
        effect: false,
        means: Vec::new(),
        step: None,
        reason: with_causes(error),
        alerted: false,
    }
}

fn result(
    technique: &'static EscapeTechnique,
    attempt: &Attempt,
    means: Vec<&'static str>,
    alerted: bool,
) -> EscapeResult {
    let (outcome, step, reason) = match (&attempt.result, attempt.effect) {
        (AttemptResult::NotPossibleHere { reason }, _) => {
            (Ended::NotPossibleHere, None, reason.clone())
        }
        (_, true) => (Ended::NotStopped, None, "its effect is there".to_owned()),
        (AttemptResult::Refused { step, message, .. }, false) => (
            Ended::Blocked,
            Some(step.clone()),
            format!("{step}: {message}"),
        ),
        (
            AttemptResult::Killed {
                step,
                cut_off,
                signal,
            },
            false,
        ) => {
            let when = if *cut_off { "in" } else { "after" };
            let reason = format!("ended by signal {signal} {when} {step}; its effect is not there");
            (Ended::Killed, Some(step.clone()), reason)
        }
        (AttemptResult::Happened, false) => (
            Ended::Blocked,
            None,
            "every step was done, and its effect is not there".to_owned(),
        ),
    };
    EscapeResult {
        technique: technique.name,
        title: technique.title,
        cve: technique.cve,
        variant_of: technique.variant_of,
        behaviours: technique.behaviours.iter().map(|b| b.as_str()).collect(),
        outcome,
        effect: attempt.effect,
        means,
        step,
        reason,
        alerted,
    }
}

fn conclude(results: &[EscapeResult], arguments: &EscapeArguments) -> Result<Outcome, Failure> {
    let count = |outcome| results.iter().filter(|r| r.outcome == outcome).count();
    if arguments.output == Form::Table {
        let rows = results.iter().map(|result| {
            vec![
                result.outcome.as_str().to_owned(),
                result.technique.to_owned(),
                result.cve.unwrap_or_default().to_owned(),
                result.means.join(", "),
                result.reason.clone(),
            ]
        });
        let heads = ["outcome", "technique", "known as", "by", "because"];
        output::print(&table::aligned(&heads, rows))?;
        output::print(&format!(
            "{} blocked, {} killed, {} not stopped, {} not possible here, of {}\n",
            count(Ended::Blocked),
            count(Ended::Killed),
            count(Ended::NotStopped),
            count(Ended::NotPossibleHere),
            results.len()
        ))?;
    }
    // Without a guard nothing was to be stopped.
    let got_through = arguments.enforce && count(Ended::NotStopped) > 0;
    Ok(if got_through {
        Outcome::Findings
    } else {
        Outcome::Done
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use yagura_event::Behaviour;

    #[test]
    fn the_rule_for_rehearsals_denies_everything_to_throw_away_containers_only() {
        let policies = deny_all();
        let [rule] = policies.defence() else {
            panic!("one rule");
        };
        assert_eq!(rule.behaviours.set().iter().count(), Behaviour::ALL.len());
        assert!(!rule.scope.is_everywhere());
    }

    #[test]
    fn techniques_are_named() {
        assert!(parse_technique("core-pattern").is_ok());
        assert!(parse_technique("nothing").is_err_and(|names| names.contains("core-pattern")));
    }
}
