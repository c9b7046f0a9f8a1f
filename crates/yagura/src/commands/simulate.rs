//! `yagura simulate`: harmless rehearsals in throw-away containers, and whether they were noticed.

mod drift;
mod escapes;
mod guard;
mod keys;
mod prove;
mod wrapped;

pub(crate) use prove::prove;

use crate::exit::{Failure, Outcome};
use crate::signals::Signals;
use anyhow::Context as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use yagura_event::{Alert, MonotonicNs};
use yagura_policy::PolicySet;
use yagura_policy::drift::DriftPolicy;
use yagura_rehearsal::{RuntimeChoice, RuntimeProgram, cleanup_all, cleanup_leftovers, own_prefix};
use yagura_rules::RuleSet;
use yagura_runtimes::RuntimesConfig;
use yagura_sensor::{NodeSettings, ScanSettings, Sensor, SensorConfig, find_node};

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
    Drift(drift::DriftArguments),
    Escapes(escapes::EscapeArguments),
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

/// An alert with the time at which it arrived.
struct Arrived {
    alert: Alert,
    at: MonotonicNs,
}

/// Runs the rehearsals.
pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    match &arguments.command {
        Some(Command::Drift(arguments)) => drift::run(arguments),
        Some(Command::Escapes(arguments)) => escapes::run(arguments),
        None => keys::run(&arguments.keys),
    }
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
            guard::remove_leftovers(true);
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
    guard::remove_leftovers(false);
    match cleanup_leftovers(base) {
        Ok(found) => {
            for name in found.removed {
                tracing::info!(name, "removed what an earlier run had left");
            }
        }
        Err(error) => tracing::warn!(%error, "left-overs of earlier runs can't be looked for"),
    }
}

/// Containers of rehearsals in policies that are written here: those of this process are meant, not those of others.
const REHEARSALS: &str = "yagura-rehearsal-";

/// A policy written here; a test holds that it has no errors.
pub(crate) fn parse_own_policy(text: &str) -> DriftPolicy {
    let text = text.replace(REHEARSALS, &own_prefix());
    yagura_policy::drift::parse("own", text.as_bytes())
        .policy
        .unwrap_or_else(DriftPolicy::built_in)
}

/// Policies written here; a test holds that they have no errors.
pub(crate) fn parse_own_policies(text: &str) -> PolicySet {
    let text = text.replace(REHEARSALS, &own_prefix());
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
        canary: None,
    };
    Sensor::start(config, alerts).map_err(super::sensor::cannot_start)
}

/// Milliseconds with microseconds as the fraction.
fn milliseconds(ns: u64) -> f64 {
    let us = u32::try_from(ns / 1000).unwrap_or(u32::MAX);
    f64::from(us) / 1000.0
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
}
