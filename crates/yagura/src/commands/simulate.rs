//! `yagura simulate`: harmless rehearsals in throw-away containers, and whether they were noticed.

mod escapes;
mod keys;

use crate::exit::{Failure, Outcome};
use crate::output::{self, Form, table};
use crate::signals::Signals;
use anyhow::Context as _;
use crossbeam_channel::{Receiver, unbounded};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use yagura_event::{Alert, DriftVector, MonotonicNs};
use yagura_policy::PolicySet;
use yagura_policy::drift::DriftPolicy;
use yagura_rehearsal::drift::{self, BenignCase, DriftCase};
use yagura_rehearsal::{
    ContainerOptions, Privileges, Rehearsed, RootKind, RuntimeChoice, RuntimeProgram,
    ThrowAwayContainer, ThrowAwayImage, cleanup_all, cleanup_leftovers, rehearse, rehearse_benign,
};
use yagura_rules::RuleSet;
use yagura_runtimes::RuntimesConfig;
use yagura_sensor::{NodeSettings, ScanSettings, Sensor, SensorConfig, find_node};

/// How long an alert may take before a rehearsal counts as missed.
const ALERT_WAIT: Duration = Duration::from_secs(5);
/// How long after a benign case an alert still counts as its false alarm.
const BENIGN_WAIT: Duration = Duration::from_millis(400);

/// Everything that drifts is to be reported.
pub(crate) const ALL_DRIFT: &str = "apiVersion: yagura.dev/v1
kind: DriftPolicy
spec:
  rules:
    - name: Rehearsal
      action: alert
      kinds: [binaries, libraries, scripts]
  default: { action: ignore }
";

/// Rehearse attacks in throw-away containers and tell what was detected
///
/// A harmless rehearsal for each key of the threat catalogue, or for those that are named. Starts containers of its own with
/// runc or crun, watches them with a sensor of its own, and removes everything again, also when interrupted. Exit codes: 0
/// every key was detected, 1 otherwise, 2 bad usage or rules, 3 this machine or these rights don't allow it.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, after_help = crate::exit::HELP)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    keys: keys::KeyArguments,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Binary drift: the twelve vectors, several ways each, and look-alikes that must stay silent
    ///
    /// Starts containers of its own with runc or crun from a small image made of this host's files, watches them
    /// with a sensor of its own, and removes everything again, also when interrupted. Exit codes: 0 every case was
    /// detected and no look-alike was reported, 1 otherwise, 3 this machine or these rights don't allow it.
    Drift(DriftArguments),
    Escapes(escapes::EscapeArguments),
}

/// Which rehearsals, and in what containers.
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
    /// Leave the benign look-alikes out
    #[arg(long)]
    no_benign: bool,
    /// A table, or one JSON object for each case
    #[arg(long, value_enum, default_value_t = Form::Table)]
    output: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum RuntimeArgument {
    /// Whichever is installed, runc first
    Found,
    Runc,
    Crun,
}

impl RuntimeArgument {
    fn choice(self) -> RuntimeChoice {
        match self {
            RuntimeArgument::Found => RuntimeChoice::Found,
            RuntimeArgument::Runc => RuntimeChoice::Runc,
            RuntimeArgument::Crun => RuntimeChoice::Crun,
        }
    }
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
    /// This version detects only.
    blocked: bool,
    /// Whether the result is as it should be.
    good: bool,
    rule: Option<String>,
    severity: Option<&'static str>,
    time_to_alert_ms: Option<f64>,
    path: Option<String>,
    provenance: Option<&'static str>,
    note: String,
}

/// An alert with the time at which it arrived.
struct Arrived {
    alert: Alert,
    at: MonotonicNs,
}

/// Runs the rehearsals.
pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    match &arguments.command {
        Some(Command::Drift(arguments)) => drift_rehearsals(arguments),
        Some(Command::Escapes(arguments)) => escapes::run(arguments),
        None => keys::run(&arguments.keys),
    }
}

fn drift_rehearsals(arguments: &DriftArguments) -> Result<Outcome, Failure> {
    super::doctor::require_rights()?;
    clean_up_on_signal()?;
    let base = std::env::temp_dir();
    clean_up_leftovers(&base);
    let (sensor, arrived) = start_sensor()?;
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
        let wanted = |case: &&DriftCase| {
            case.needs.privileges == privileges
                && (arguments.vector.is_empty() || arguments.vector.contains(&case.vector))
        };
        for case in drift::cases().filter(wanted) {
            let result = rehearse_drift(case, &container, &arrived);
            show(&result, arguments.output)?;
            results.push(result);
        }
        let benign = drift::BENIGN
            .iter()
            .filter(|case| case.needs.privileges == privileges);
        for case in benign.filter(|_| !arguments.no_benign && arguments.vector.is_empty()) {
            let result = rehearse_look_alike(case, &container, &arrived);
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
    sensor
        .stop()
        .map_err(|error| Failure::Failed(error.into()))?;
    conclude(&results, arguments.output)
}

/// Set once a signal asked for the end: from then on the thread that cleans up ends the process, nobody else.
static ENDING: AtomicBool = AtomicBool::new(false);

/// Stays for good if a signal asked for the end: a rehearsal that fails since its container is being taken away must not
/// end the process before everything has gone, nor with its own exit code.
pub(crate) fn leave_the_end_to_clean_up() {
    while ENDING.load(Ordering::SeqCst) {
        std::thread::park();
    }
}

/// SIGINT and SIGTERM end the process, but only after everything that was made has been taken away.
pub(crate) fn clean_up_on_signal() -> Result<(), Failure> {
    let signals = Signals::start()?;
    let waiter = move || {
        if signals.received.recv().is_ok() {
            ENDING.store(true, Ordering::SeqCst);
            for error in cleanup_all() {
                tracing::error!(%error, "something was left behind");
            }
            std::process::exit(130);
        }
    };
    std::thread::Builder::new()
        .name("cleanup".to_owned())
        .spawn(waiter)
        .map(drop)
        .map_err(|error| {
            Failure::Failed(anyhow::Error::new(error).context("clean-up can't be prepared"))
        })
}

/// Takes away what an earlier run left that was killed.
pub(crate) fn clean_up_leftovers(base: &Path) {
    match cleanup_leftovers(base) {
        Ok(found) => {
            for name in found.removed {
                tracing::info!(name, "removed what an earlier run had left");
            }
        }
        Err(error) => tracing::warn!(%error, "left-overs of earlier runs can't be looked for"),
    }
}

/// A policy written here; a test holds that it has no errors.
pub(crate) fn parse_own_policy(text: &str) -> DriftPolicy {
    yagura_policy::drift::parse("own", text.as_bytes())
        .policy
        .unwrap_or_else(DriftPolicy::built_in)
}

/// Policies written here; a test holds that they have no errors.
pub(crate) fn parse_own_policies(text: &str) -> PolicySet {
    yagura_policy::set::parse("own", text.as_bytes())
        .set
        .unwrap_or_default()
}

/// The runtime for throw-away containers.
pub(crate) fn find_runtime(choice: RuntimeChoice) -> Result<RuntimeProgram, Failure> {
    RuntimeProgram::find(choice)
        .context("rehearsals need a container runtime; on Debian: apt-get install runc")
        .map_err(Failure::CannotRun)
}

/// A sensor that reports everything that drifts.
pub(crate) fn start_own_sensor(
    runtimes: RuntimesConfig,
    rules: Arc<RuleSet>,
    scan: Option<ScanSettings>,
    record: Option<PathBuf>,
    alerts: impl FnMut(Alert) + Send + 'static,
) -> Result<Sensor, Failure> {
    let config = SensorConfig {
        node: Arc::new(find_node(NodeSettings::default())),
        policies: Arc::new(PolicySet::default().with_drift(parse_own_policy(ALL_DRIFT))),
        policy_version: 1,
        enforce: None,
        rules,
        send_all: false,
        runtimes,
        scan,
        record,
    };
    Sensor::start(config, alerts).map_err(super::sensor::cannot_start)
}

fn start_sensor() -> Result<(Sensor, Receiver<Arrived>), Failure> {
    let (sender, arrived) = unbounded();
    let rules = Arc::new(RuleSet::empty());
    let sensor = start_own_sensor(RuntimesConfig::default(), rules, None, None, move |alert| {
        // Nobody waits for alerts once the rehearsals are over.
        let _ = sender.send(Arrived {
            alert,
            at: yagura_sensor::now(),
        });
    })?;
    Ok((sensor, arrived))
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
    arrived: &Receiver<Arrived>,
) -> CaseResult {
    let rehearsed = rehearse(case, container);
    let is_its = |alert: &Alert| {
        alert.drift.as_ref().is_some_and(|drift| {
            drift.vectors.contains(&case.vector)
                && drift.kind == case.kind
                && case.matches_path(drift.path.as_bytes())
        })
    };
    let found = if rehearsed.marker_seen {
        wait_for(&rehearsed, container, arrived, ALERT_WAIT, is_its)
    } else {
        None
    };
    let detected = found.is_some();
    CaseResult {
        kind: Some(case.kind.singular()),
        good: rehearsed.marker_seen && detected,
        ..result(
            case.name,
            case.vector.as_str(),
            case.description,
            &rehearsed,
            found.as_ref(),
        )
    }
}

fn rehearse_look_alike(
    case: &'static BenignCase,
    container: &ThrowAwayContainer,
    arrived: &Receiver<Arrived>,
) -> CaseResult {
    let rehearsed = rehearse_benign(case, container);
    let found = wait_for(&rehearsed, container, arrived, BENIGN_WAIT, |_| true);
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
        if in_time && alert.container_id().contains(container.id()) && fits(alert) {
            return Some(next);
        }
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
        good: false,
        rule: policy.map(|policy| policy.rule.clone()),
        severity: alert.map(|alert| alert.severity.as_str()),
        time_to_alert_ms: found.map(|found| milliseconds(found.at.since(found.alert.monotonic))),
        path: drift.map(|drift| drift.path.escaped().into_owned()),
        provenance: drift.map(|drift| drift.provenance.as_str()),
        note: rehearsed.note.clone(),
    }
}

/// Milliseconds with microseconds as the fraction.
fn milliseconds(ns: u64) -> f64 {
    let us = u32::try_from(ns / 1000).unwrap_or(u32::MAX);
    f64::from(us) / 1000.0
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
            let seen = match (result.ran, result.detected) {
                (false, _) => "did not run",
                (true, true) => "detected",
                (true, false) => "silent",
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
                result.provenance.unwrap_or_default().to_owned(),
                result.note.clone(),
            ]
        });
        let heads = ["", "vector", "case", "seen", "after", "provenance", "note"];
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
    fn the_policy_for_rehearsals_reports_every_kind() {
        let policy = parse_own_policy(ALL_DRIFT);
        assert_eq!(
            policy.rules().first().map(|rule| rule.name.as_str()),
            Some("Rehearsal")
        );
    }

    #[test]
    fn vectors_are_named_as_in_alerts() {
        assert_eq!(parse_vector("memfd"), Ok(DriftVector::Memfd));
        assert!(parse_vector("Memfd").is_err_and(|message| message.contains("entered-exec")));
    }
}
