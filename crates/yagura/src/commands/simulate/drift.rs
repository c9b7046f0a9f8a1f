//! `yagura simulate drift`: the twelve vectors, and whether they were noticed or stopped.

use super::guard::Guard;
use super::prove::Proof;
use super::{
    ALL_DRIFT, Arrived, RuntimeArgument, clean_up_leftovers, clean_up_on_signal, find_runtime,
    milliseconds, parse_own_policy,
};
use crate::exit::{Failure, Outcome};
use crate::output::{self, Form, table};
use anyhow::Context as _;
use crossbeam_channel::Receiver;
use serde::Serialize;
use std::sync::Arc;
use std::time::{Duration, Instant};
use yagura_event::{Alert, DriftVector};
use yagura_policy::PolicySet;
use yagura_policy::drift::DriftPolicy;
use yagura_rehearsal::drift::{self, BenignCase, DriftCase};
use yagura_rehearsal::{
    ContainerOptions, DriftOutcome, Privileges, Rehearsed, RootKind, ThrowAwayContainer,
    ThrowAwayImage, rehearse, rehearse_benign,
};

/// How long an alert may take before a rehearsal counts as missed.
const ALERT_WAIT: Duration = Duration::from_secs(5);
/// How long after a benign case an alert still counts as its false alarm.
const BENIGN_WAIT: Duration = Duration::from_millis(400);

/// Everything that drifts is blocked in throw-away containers, and in no others.
const BLOCK_DRIFT: &str = "apiVersion: yagura.dev/v1
kind: DriftPolicy
spec:
  rules:
    - name: Rehearsal
      action: block
      scope:
        conditions:
          - { field: container-name, operator: starts-with, values: [yagura-rehearsal-] }
      kinds: [binaries, libraries, scripts]
  default: { action: ignore }
";

/// Binary drift: the twelve vectors, several ways each, and look-alikes that must stay silent
///
/// Starts containers of its own with runc or crun from a small image made of this host's files, watches them with a sensor of
/// its own, and removes everything again, also when interrupted. Exit codes: 0 every case was detected (with --enforce:
/// stopped) and no look-alike was reported or stopped, 1 otherwise, 3 this machine or these rights don't allow it.
#[derive(Debug, clap::Args)]
pub(crate) struct DriftArguments {
    /// Only this vector, such as memfd; may be repeated
    #[arg(long, value_name = "VECTOR", value_parser = parse_vector)]
    vector: Vec<DriftVector>,
    /// Runtime of the containers
    #[arg(long, value_enum, default_value_t = RuntimeArgument::Found)]
    runtime: RuntimeArgument,
    /// Root file system of the containers
    #[arg(long, value_enum, default_value_t = RootArgument::Overlay)]
    root: RootArgument,
    /// Have a sensor stand guard, with a rule that blocks drift in these containers
    #[arg(long)]
    enforce: bool,
    /// Leave the benign look-alikes out
    #[arg(long)]
    no_benign: bool,
    /// A table, or one JSON object for each case
    #[arg(long, value_enum, default_value_t = Form::Table)]
    output: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum RootArgument {
    /// An overlay with the image below
    Overlay,
    /// A directory with a copy of the image
    Plain,
}

fn parse_vector(name: &str) -> Result<DriftVector, String> {
    let names = || DriftVector::ALL.map(DriftVector::as_str).join(", ");
    DriftVector::ALL
        .into_iter()
        .find(|vector| vector.as_str() == name)
        .ok_or_else(|| format!("vector is one of {}", names()))
}

/// What became of one case.
#[derive(Debug, Clone, Serialize)]
struct CaseResult {
    case: &'static str,
    /// Name of the vector; `benign` for a look-alike.
    vector: &'static str,
    kind: Option<&'static str>,
    description: &'static str,
    /// Whether the rehearsal itself took place: the program said that it ran.
    ran: bool,
    /// Whether an alert came; for a look-alike that is a false alarm.
    detected: bool,
    /// Whether it was stopped before it had any effect.
    blocked: bool,
    /// The same as `case`.
    technique: &'static str,
    /// With --enforce: `blocked`, `killed`, `not-stopped` or `not-possible-here`; null for look-alikes and without it.
    outcome: Option<&'static str>,
    /// By what means it was stopped, as the sensor told.
    means: Option<&'static str>,
    /// Why.
    reason: String,
    /// Whether the result is as it should be.
    good: bool,
    rule: Option<String>,
    severity: Option<&'static str>,
    time_to_alert_ms: Option<f64>,
    path: Option<String>,
    provenance: Option<&'static str>,
    note: String,
}

/// Runs the rehearsals.
///
/// # Errors
/// As the command's help says.
pub(super) fn run(arguments: &DriftArguments) -> Result<Outcome, Failure> {
    crate::commands::doctor::require_rights()?;
    clean_up_on_signal()?;
    let base = std::env::temp_dir();
    clean_up_leftovers(&base);
    let policy = match arguments.enforce {
        true => block_all(),
        false => parse_own_policy(ALL_DRIFT),
    };
    let policies = PolicySet::default().with_drift(policy);
    let guard = Guard::start(policies, arguments.enforce, &base)?;
    let image = ThrowAwayImage::build(&base)
        .context("image can't be made")
        .map_err(Failure::CannotRun)?;
    let image = Arc::new(image);
    let options = options(arguments)?;
    let mut results = Vec::new();
    for privileges in [Privileges::Default, Privileges::Admin] {
        let options = ContainerOptions {
            privileges,
            ..options.clone()
        };
        let container = ThrowAwayContainer::start(&image, &options)
            .context("container can't be started")
            .map_err(Failure::CannotRun)?;
        if arguments.enforce && !guard.wait_until_in_force(container.id()) {
            tracing::warn!("rules were not in force on a container in time");
        }
        let wanted = |case: &&DriftCase| {
            case.needs.privileges == privileges
                && (arguments.vector.is_empty() || arguments.vector.contains(&case.vector))
        };
        for case in drift::cases().filter(wanted) {
            let result = rehearse_drift(case, &container, &guard, arguments.enforce);
            show(&result, arguments.output)?;
            results.push(result);
        }
        let benign = drift::BENIGN
            .iter()
            .filter(|case| case.needs.privileges == privileges);
        for case in benign.filter(|_| !arguments.no_benign && arguments.vector.is_empty()) {
            let result = rehearse_look_alike(case, &container, &guard);
            show(&result, arguments.output)?;
            results.push(result);
        }
        container
            .remove()
            .context("container can't be removed")
            .map_err(Failure::Failed)?;
    }
    image
        .remove()
        .context("image can't be removed")
        .map_err(Failure::Failed)?;
    guard.stop()?;
    conclude(&results, arguments.output)
}

/// The policy that blocks everything that drifts in throw-away containers.
pub(super) fn block_all() -> DriftPolicy {
    parse_own_policy(BLOCK_DRIFT)
}

/// A program that was written into the container is run in one.
///
/// # Errors
/// If no container can be started or removed.
pub(super) fn proof(
    image: &Arc<ThrowAwayImage>,
    options: &ContainerOptions,
    guard: &Guard,
) -> Result<Proof, Failure> {
    let container = ThrowAwayContainer::start(image, options)
        .context("container can't be started")
        .map_err(Failure::CannotRun)?;
    guard.wait_until_in_force(container.id());
    let case = drift::cases()
        .next()
        .context("no case to rehearse")
        .map_err(Failure::Failed)?;
    let result = rehearse_drift(case, &container, guard, true);
    container
        .remove()
        .context("container can't be removed")
        .map_err(Failure::Failed)?;
    Ok(Proof {
        name: "canary_drift",
        what: "a program that was written into the container",
        outcome: result.outcome.unwrap_or("not-possible-here"),
        is_stopped: result.blocked,
        is_told: result.detected,
        means: result.means.unwrap_or_default().to_owned(),
        milliseconds: result.time_to_alert_ms,
    })
}

fn options(arguments: &DriftArguments) -> Result<ContainerOptions, Failure> {
    let runtime = find_runtime(arguments.runtime.choice())?;
    let root = match arguments.root {
        RootArgument::Overlay => RootKind::Overlay,
        RootArgument::Plain => RootKind::Plain,
    };
    Ok(ContainerOptions {
        root,
        ..ContainerOptions::new(runtime)
    })
}

fn rehearse_drift(
    case: &'static DriftCase,
    container: &ThrowAwayContainer,
    guard: &Guard,
    enforces: bool,
) -> CaseResult {
    let rehearsed = rehearse(case, container);
    let is_its = |alert: &Alert| {
        alert.drift.as_ref().is_some_and(|drift| {
            // What was kept from running never showed by which way it would have come.
            (alert.denial.is_some() || drift.vectors.contains(&case.vector))
                && drift.kind == case.kind
                && case.matches_path(drift.path.as_bytes())
        })
    };
    let found = match enforces || rehearsed.marker_seen {
        true => wait_for(&rehearsed, container, &guard.arrived, ALERT_WAIT, is_its),
        false => None,
    };
    let detected = found.is_some();
    let result = CaseResult {
        kind: Some(case.kind.singular()),
        good: rehearsed.marker_seen && detected,
        ..result(
            case.name,
            case.vector.as_str(),
            case.description,
            &rehearsed,
            found.as_ref(),
        )
    };
    match enforces {
        true => stopped(result, &rehearsed, found.as_ref()),
        false => result,
    }
}

/// The result as that of a case that was to be stopped.
fn stopped(result: CaseResult, rehearsed: &Rehearsed, found: Option<&Arrived>) -> CaseResult {
    let (outcome, reason) = match &rehearsed.outcome {
        DriftOutcome::Ran => ("not-stopped", "it ran".to_owned()),
        DriftOutcome::Refused { message, .. } => ("blocked", message.clone()),
        DriftOutcome::Killed { signal } => ("killed", format!("ended by signal {signal}")),
        DriftOutcome::NotPossibleHere { reason } => ("not-possible-here", reason.clone()),
    };
    let denial = found.and_then(|found| found.alert.denial.as_ref());
    let blocked = matches!(outcome, "blocked" | "killed");
    CaseResult {
        outcome: Some(outcome),
        reason,
        means: denial.map(|denial| denial.means.as_str()),
        blocked,
        good: blocked && denial.is_some(),
        ..result
    }
}

fn rehearse_look_alike(
    case: &'static BenignCase,
    container: &ThrowAwayContainer,
    guard: &Guard,
) -> CaseResult {
    let rehearsed = rehearse_benign(case, container);
    let found = wait_for(&rehearsed, container, &guard.arrived, BENIGN_WAIT, |_| true);
    CaseResult {
        good: rehearsed.marker_seen && found.is_none(),
        ..result(case.name, "benign", case.why, &rehearsed, found.as_ref())
    }
}

/// The first alert of that container and time that fits.
fn wait_for(
    rehearsed: &Rehearsed,
    container: &ThrowAwayContainer,
    arrived: &Receiver<Arrived>,
    longest: Duration,
    fits: impl Fn(&Alert) -> bool,
) -> Option<Arrived> {
    let deadline = Instant::now() + longest;
    while let Ok(next) = arrived.recv_deadline(deadline) {
        let alert = &next.alert;
        let in_time = alert.monotonic >= rehearsed.started;
        let is_its = in_time && alert.container_id().contains(container.id());
        if is_its && fits(alert) {
            return Some(next);
        }
        tracing::debug!(
            is_its,
            alert.explanation,
            "another alert than the one that is waited for"
        );
    }
    None
}

fn result(
    case: &'static str,
    vector: &'static str,
    description: &'static str,
    rehearsed: &Rehearsed,
    found: Option<&Arrived>,
) -> CaseResult {
    let alert = found.map(|found| &found.alert);
    let drift = alert.and_then(|alert| alert.drift.as_ref());
    let policy = alert.and_then(|alert| alert.policy.as_ref());
    CaseResult {
        case,
        vector,
        kind: drift.map(|drift| drift.kind.singular()),
        description,
        ran: rehearsed.marker_seen,
        detected: found.is_some(),
        blocked: false,
        technique: case,
        outcome: None,
        means: None,
        reason: String::new(),
        good: false,
        rule: policy.map(|policy| policy.rule.clone()),
        severity: alert.map(|alert| alert.severity.as_str()),
        time_to_alert_ms: found.map(|found| milliseconds(found.at.since(found.alert.monotonic))),
        path: drift.map(|drift| drift.path.escaped().into_owned()),
        provenance: drift.map(|drift| drift.provenance.as_str()),
        note: rehearsed.note.clone(),
    }
}

fn show(result: &CaseResult, form: Form) -> Result<(), Failure> {
    if form == Form::Json {
        return output::print_line(result);
    }
    // Progress; the table comes at the end.
    let mark = if result.good { "ok" } else { "NOT OK" };
    tracing::debug!(case = result.case, mark, "rehearsed");
    Ok(())
}

fn conclude(results: &[CaseResult], form: Form) -> Result<Outcome, Failure> {
    let good = results.iter().filter(|result| result.good).count();
    if form == Form::Table {
        let rows = results.iter().map(|result| {
            let seen = match (result.outcome, result.ran, result.detected) {
                (Some(outcome), ..) => outcome,
                (None, false, _) => "did not run",
                (None, true, true) => "detected",
                (None, true, false) => "silent",
            };
            let time = result
                .time_to_alert_ms
                .map_or_else(String::new, |ms| format!("{ms:.1} ms"));
            vec![
                if result.good { "ok" } else { "FAIL" }.to_owned(),
                result.vector.to_owned(),
                result.case.to_owned(),
                seen.to_owned(),
                time,
                result
                    .means
                    .or(result.provenance)
                    .unwrap_or_default()
                    .to_owned(),
                result.note.clone(),
            ]
        });
        let heads = [
            "",
            "vector",
            "case",
            "seen",
            "after",
            "provenance or means",
            "note",
        ];
        output::print(&table::aligned(&heads, rows))?;
        output::print(&format!("{good} of {} as they should be\n", results.len()))?;
    }
    Ok(if good == results.len() {
        Outcome::Done
    } else {
        Outcome::Findings
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_named_as_in_alerts() {
        assert_eq!(parse_vector("memfd"), Ok(DriftVector::Memfd));
        assert!(parse_vector("Memfd").is_err_and(|message| message.contains("entered-exec")));
    }

    #[test]
    fn the_policy_that_blocks_is_for_throw_away_containers_only() {
        let policy = parse_own_policy(BLOCK_DRIFT);
        let scoped = policy
            .rules()
            .iter()
            .filter(|rule| !rule.scope.is_everywhere());
        assert_eq!((policy.rules().len(), scoped.count()), (1, 1));
    }
}
