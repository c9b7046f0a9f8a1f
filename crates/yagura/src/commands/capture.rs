//! `yagura capture`: records the event stream.

use crate::exit::{Failure, Outcome};
use crate::signals::{Signal, Signals};
use crossbeam_channel::{after, never, select, tick};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use yagura_policy::PolicySet;
use yagura_rules::RuleSet;
use yagura_runtimes::RuntimesConfig;
use yagura_sensor::{NodeSettings, Sensor, SensorConfig, find_node};

/// How often it is looked whether the sensor still runs.
const LOOK: Duration = Duration::from_secs(1);

/// Record the event stream of this node's containers
///
/// Records every event that a rule might ask for, not only those that the rules in force can match, so that any rules and
/// policies can be tried on it with `yagura replay`. Ends on SIGINT, SIGTERM or after --duration. Exit codes: 0 done, 1
/// stopped by a failure, 2 bad usage or file, 3 this machine or these rights don't allow it.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The recording; an existing file is replaced
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Stop after this time, such as 30s or 5m
    #[arg(long, value_name = "TIME", value_parser = super::sensor::parse_duration)]
    duration: Option<Duration>,
}

/// Records until it is told to stop.
pub(crate) fn run(arguments: Arguments) -> Result<Outcome, Failure> {
    super::doctor::require_rights()?;
    let signals = Signals::start()?;
    let config = SensorConfig {
        node: Arc::new(find_node(NodeSettings::default())),
        policies: Arc::new(PolicySet::default()),
        policy_version: 1,
        enforce: None,
        rules: Arc::new(RuleSet::empty()),
        send_all: true,
        runtimes: RuntimesConfig::default(),
        scan: None,
        record: Some(arguments.output),
        canary: None,
    };
    let sensor = Sensor::start(config, |_alert| {}).map_err(super::sensor::cannot_start)?;
    // A closed standard error is no reason to stop.
    let _ = writeln!(std::io::stderr(), "ready");
    let over = arguments.duration.map_or_else(never, after);
    let looks = tick(LOOK);
    loop {
        select! {
            recv(signals.received) -> signal => match signal {
                Ok(Signal::Reload) => {}
                Ok(Signal::Stop) | Err(_) => break,
            },
            recv(over) -> _ => break,
            recv(looks) -> _ => if sensor.has_ended() {
                break;
            },
        }
    }
    let summary = sensor
        .stop()
        .map_err(|error| Failure::Failed(error.into()))?;
    let _ = writeln!(std::io::stderr(), "{}", super::sensor::stats_line(&summary));
    Ok(Outcome::Done)
}
