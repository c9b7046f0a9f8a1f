//! `yagura simulate --benign --enforce`: ordinary and privileged work under the shipped rule, and whether it is harmed.

use super::super::Arrived;
use super::super::guard::Guard;
use super::super::{milliseconds, parse_own_policies};
use super::KeyArguments;
use super::benign::is_wanted;
use crate::exit::{Failure, Outcome};
use crate::output::{self, Form, table};
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use yagura_event::{Action, Behaviour, Denied};
use yagura_policy::PolicySet;
use yagura_policy::defence::{self, DefenceRule, Fuse};
use yagura_rehearsal::benign::{
    BenignWorkload, CarriedOut, PRIVILEGED, WORKLOADS, carry_out, carry_out_guarded,
};
use yagura_rehearsal::{ContainerOptions, ThrowAwayImage};

/// How long after a workload an alert still tells of what was done to it.
const ALERT_WAIT: Duration = Duration::from_millis(1500);

/// The scope that the shipped rule is given: throw-away containers, and nobody else.
const SCOPE: &str = "apiVersion: yagura.dev/v1
kind: DefenceRule
metadata: { name: Scope of rehearsals }
spec:
  action: alert
  scope:
    conditions:
      - { field: container-name, operator: starts-with, values: [yagura-rehearsal-] }
  behaviours: { syscall: all }
";

/// What became of a workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Ended {
    /// It ran to its end, and nothing in it was denied.
    Unharmed,
    /// Something was denied, or it ran to its end only without the rule.
    Harmed,
    /// It does not run to its end on this machine without the rule either.
    NotPossibleHere,
}

impl Ended {
    fn as_str(self) -> &'static str {
        match self {
            Ended::Unharmed => "unharmed",
            Ended::Harmed => "HARMED",
            Ended::NotPossibleHere => "not possible here",
        }
    }
}

/// Something that was done to a workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Harm {
    /// Name of the behaviour, or of the kind of drift.
    denied: &'static str,
    outcome: &'static str,
    means: &'static str,
    rule: Option<String>,
    exe: String,
    file: String,
    target: String,
}

/// What became of one workload.
#[derive(Debug, Clone, Serialize)]
struct WorkloadResult {
    workload: &'static str,
    what: &'static str,
    outcome: Ended,
    /// Name of the image that it bears; null if no exception is made for it.
    image: Option<&'static str>,
    /// Behaviours that the rule lets through for it.
    exceptions: Vec<&'static str>,
    /// What becomes of it under another image's name, where the rule makes no exception; null if it makes none for it.
    without_exceptions: Option<Ended>,
    seconds: f64,
    denials: Vec<Harm>,
    note: String,
}

/// Carries the workloads out, one after the other.
///
/// # Errors
/// The sensor can't be started or stopped.
pub(super) fn run(
    arguments: &KeyArguments,
    image: &Arc<ThrowAwayImage>,
    options: &ContainerOptions,
    base: &Path,
) -> Result<Outcome, Failure> {
    let all = PRIVILEGED.iter().chain(WORKLOADS);
    let wanted: Vec<&BenignWorkload> = all.filter(|one| is_wanted(one, arguments)).collect();
    let guard = Guard::start(shipped_rule_that_blocks(), true, base)?;
    let mut results: Vec<WorkloadResult> = wanted
        .iter()
        .map(|workload| guarded(workload, image, options, &guard))
        .collect();
    guard.stop()?;
    for (workload, result) in wanted.iter().zip(&mut results) {
        // What this machine lacks is nothing that the rule did.
        if result.outcome == Ended::Harmed && result.denials.is_empty() {
            let without = carry_out(workload, image, options);
            if !without.completed {
                result.outcome = Ended::NotPossibleHere;
                result.note = without.note;
            }
        }
        if arguments.output == Form::Json {
            output::print_line(result)?;
        }
    }
    conclude(&results, arguments.output)
}

/// The rule that ships with the product, as those write it who let it block, for throw-away containers.
fn shipped_rule_that_blocks() -> PolicySet {
    let scope = parse_own_policies(SCOPE);
    let scope = scope.defence().iter().map(|rule| rule.scope.clone());
    let shipped = defence::shipped();
    let rules = shipped.defence().iter().cloned().zip(scope.cycle());
    PolicySet::default().with_defence(rules.map(|(rule, scope)| DefenceRule {
        observe: false,
        // Containers of all workloads look like one that is started over and over.
        fuse: Fuse::Off,
        scope,
        ..rule
    }))
}

fn guarded(
    workload: &BenignWorkload,
    image: &Arc<ThrowAwayImage>,
    options: &ContainerOptions,
    guard: &Guard,
) -> WorkloadResult {
    let wait = |container: &str| guard.wait_until_in_force(container);
    let carry_out = |workload: &BenignWorkload| {
        let told = carry_out_guarded(workload, image, options, &wait);
        let denials = denials(&told, guard);
        let outcome = match told.completed && denials.is_empty() {
            true => Ended::Unharmed,
            false => Ended::Harmed,
        };
        (told, denials, outcome)
    };
    let (told, denials, outcome) = carry_out(workload);
    let is_excepted = workload.image.is_some();
    let without_exceptions = is_excepted.then(|| carry_out(&workload.without_image()).2);
    tracing::info!(
        workload = workload.name,
        outcome = outcome.as_str(),
        "carried out"
    );
    let behaviours = workload.behaviours.iter().copied();
    WorkloadResult {
        workload: workload.name,
        what: workload.what,
        outcome,
        image: workload.image,
        exceptions: behaviours.map(Behaviour::as_str).collect(),
        without_exceptions,
        seconds: milliseconds(told.ended.since(told.started)) / 1000.0,
        denials,
        note: told.note,
    }
}

/// What was denied to a workload's containers, each kind once.
fn denials(told: &CarriedOut, guard: &Guard) -> Vec<Harm> {
    let deadline = Instant::now() + ALERT_WAIT;
    let mut denials = Vec::new();
    while let Ok(Arrived { alert, .. }) = guard.arrived.recv_deadline(deadline) {
        let is_its = told
            .containers
            .iter()
            .any(|id| alert.container_id() == id.as_str());
        let denial = alert.denial.as_ref();
        let Some(denial) = denial.filter(|_| is_its && alert.action != Action::Alerted) else {
            continue;
        };
        let harm = Harm {
            denied: match denial.denied {
                Denied::Behaviour(behaviour) => behaviour.as_str(),
                Denied::Drift(kind, _) => kind.singular(),
            },
            outcome: denial.outcome.as_str(),
            means: denial.means.as_str(),
            rule: alert.policy.as_ref().map(|policy| policy.rule.clone()),
            exe: denial.exe.escaped().into_owned(),
            file: denial.file.escaped().into_owned(),
            target: denial.target.escaped().into_owned(),
        };
        if !denials.contains(&harm) {
            denials.push(harm);
        }
    }
    denials
}

fn conclude(results: &[WorkloadResult], form: Form) -> Result<Outcome, Failure> {
    let count = |outcome| {
        let those = results.iter().filter(|result| result.outcome == outcome);
        those.count()
    };
    let harmed = count(Ended::Harmed);
    if form == Form::Table {
        let rows = results.iter().map(|result| {
            let said: Vec<String> = result.denials.iter().map(Harm::to_string).collect();
            vec![
                result.workload.to_owned(),
                result.outcome.as_str().to_owned(),
                format!("{:.1} s", result.seconds),
                result.exceptions.join(", "),
                said.join("; "),
                result.note.clone(),
            ]
        });
        let heads = ["workload", "", "time", "exceptions", "denied", "note"];
        output::print(&table::aligned(&heads, rows))?;
        output::print(&format!(
            "{} of {} unharmed, {harmed} harmed\n",
            count(Ended::Unharmed),
            results.len()
        ))?;
    }
    Ok(match harmed {
        0 => Outcome::Done,
        _ => Outcome::Findings,
    })
}

impl std::fmt::Display for Harm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} {} by {}: {}",
            self.denied, self.outcome, self.means, self.exe
        )?;
        for on in [&self.file, &self.target] {
            if !on.is_empty() {
                write!(f, " on {on}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_rule_blocks_in_throw_away_containers_only() {
        let shipped = defence::shipped();
        let set = shipped_rule_that_blocks();
        let [rule] = set.defence() else {
            panic!("{} rules", set.defence().len());
        };
        assert!(!rule.observe && rule.fuse == Fuse::Off && !rule.scope.is_everywhere());
        assert_eq!(rule.allow, shipped.defence()[0].allow);
        assert_eq!(rule.behaviours, shipped.defence()[0].behaviours);
    }

    #[test]
    fn only_work_with_an_exception_bears_the_name_of_an_image() {
        for workload in PRIVILEGED.iter().chain(WORKLOADS) {
            let is_named = workload.image.is_some();
            assert_eq!(
                is_named,
                !workload.behaviours.is_empty(),
                "{}",
                workload.name
            );
        }
    }
}
