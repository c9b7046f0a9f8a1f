//! `yagura sensor`: watches this node's containers.

use crate::exit::{Failure, Outcome};
use crate::input;
use crate::output::{self, Form};
use crate::rule_files::RuleArguments;
use crate::scan_files::ScanArguments;
use crate::signals::{Signal, Signals};
use anyhow::anyhow;
use crossbeam_channel::{Receiver, after, never, select, tick};
use jiff::SignedDuration;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use yagura_event::{Cloud, Provider};
use yagura_policy::drift::DriftPolicy;
use yagura_runtimes::RuntimesConfig;
use yagura_sensor::{NodeSettings, Sensor, SensorConfig, SensorError, Summary, find_node};

/// How often the policy file is looked at.
const POLICY_LOOK: Duration = Duration::from_secs(1);

/// Watch this node's containers
///
/// Alerts go to standard output, everything else to standard error, where `ready` is printed once the sensor observes.
/// The policy file is read again when it changes and on SIGHUP, rule files on SIGHUP; a file with errors leaves what is in
/// force as it is.
/// Exit codes: 0 stopped by a signal or --duration, 1 stopped by a failure, 2 bad usage or policy, 3 this machine or
/// these rights don't allow it.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Work without a center: alerts go to standard output
    #[arg(long, required = true)]
    local: bool,
    /// Drift policy; the built-in one if left out
    #[arg(long, value_name = "FILE")]
    drift_policy: Option<PathBuf>,
    #[command(flatten)]
    rules: RuleArguments,
    #[command(flatten)]
    scan: ScanArguments,
    /// Form of alerts: JSON Lines or text
    #[arg(long, value_enum, default_value_t = Form::Json)]
    output: Form,
    /// Stop after this time, such as 30s or 5m
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    duration: Option<Duration>,
    /// Node name in alerts; the host name if left out
    #[arg(long, value_name = "NAME", env = "YAGURA_NODE_NAME")]
    node_name: Option<String>,
    /// Cluster name, for conditions and alerts
    #[arg(long, value_name = "NAME", env = "YAGURA_CLUSTER")]
    cluster: Option<String>,
    /// Provider and account, such as azure/sub-1; from the cloud's metadata file if left out
    #[arg(long, value_name = "PROVIDER/ACCOUNT", env = "YAGURA_CLOUD", value_parser = parse_cloud)]
    cloud: Option<Cloud>,
    /// Record the event stream to a file, for `yagura replay`
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

/// Reads a time such as `30s`; a number alone is seconds.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse() {
        return Ok(Duration::from_secs(seconds));
    }
    let duration: SignedDuration = text
        .parse()
        .map_err(|error| format!("{error}; write 30s, 5m or 1h"))?;
    Duration::try_from(duration).map_err(|_| "time can't be negative".to_owned())
}

fn parse_cloud(text: &str) -> Result<Cloud, String> {
    let (provider, account) = text.split_once('/').unwrap_or((text, ""));
    let names = || Provider::ALL.map(Provider::as_str).join(", ");
    let provider =
        Provider::from_name(provider).ok_or_else(|| format!("provider is one of {}", names()))?;
    Ok(Cloud {
        provider,
        account: account.to_owned(),
    })
}

/// Runs the sensor until it is told to stop.
pub(crate) fn run(arguments: Arguments) -> Result<Outcome, Failure> {
    let mut policy = PolicyFile::load(arguments.drift_policy)?;
    let rules = arguments.rules.load()?;
    let scan = arguments.scan.load()?;
    super::doctor::require_rights()?;
    // Before anything is attached, so that no signal finds it half made.
    let signals = Signals::start()?;
    let settings = NodeSettings {
        name: arguments.node_name,
        cluster: arguments.cluster,
        cloud: arguments.cloud,
    };
    let config = SensorConfig {
        node: Arc::new(find_node(settings)),
        policy: Arc::clone(&policy.in_force),
        policy_version: policy.version,
        rules,
        send_all: false,
        runtimes: RuntimesConfig::default(),
        scan,
        record: arguments.record,
    };
    let (closed, output_closed) = crossbeam_channel::bounded(1);
    let form = arguments.output;
    let sensor = Sensor::start(config, move |alert| {
        if output::alert::print(&alert, form).is_err() {
            // One word is enough; nobody reads further alerts.
            let _ = closed.try_send(());
        }
    })
    .map_err(cannot_start)?;
    say("ready");
    watch(
        &sensor,
        &mut policy,
        &arguments.rules,
        &signals,
        &output_closed,
        arguments.duration,
    );
    let summary = sensor
        .stop()
        .map_err(|error| Failure::Failed(error.into()))?;
    say(&stats_line(&summary));
    Ok(Outcome::Done)
}

/// Waits for the end: a signal, the time, a closed output, or the sensor's own failure.
fn watch(
    sensor: &Sensor,
    policy: &mut PolicyFile,
    rules: &RuleArguments,
    signals: &Signals,
    output_closed: &Receiver<()>,
    duration: Option<Duration>,
) {
    let over = duration.map_or_else(never, after);
    let looks = tick(POLICY_LOOK);
    loop {
        let mut is_asked = false;
        let reload = select! {
            recv(signals.received) -> signal => match signal {
                Ok(Signal::Reload) => {
                    is_asked = true;
                    true
                }
                Ok(Signal::Stop) | Err(_) => return,
            },
            recv(over) -> _ => return,
            recv(output_closed) -> _ => return,
            recv(looks) -> _ => policy.has_changed(),
        };
        if sensor.has_ended() {
            return;
        }
        if reload && policy.reload() {
            sensor.set_policy(Arc::clone(&policy.in_force), policy.version);
        }
        if is_asked {
            reload_rules(sensor, rules);
        }
    }
}

/// Reads the rule files again; rules with errors leave those in force as they are.
fn reload_rules(sensor: &Sensor, rules: &RuleArguments) {
    match rules.load() {
        Ok(rules) => {
            tracing::info!(count = rules.rules().count(), "detection rules in force");
            sensor.set_rules(rules);
        }
        Err(_) => tracing::error!("rule files have errors; the rules in force stay"),
    }
}

/// The policy in force and the file it came from.
struct PolicyFile {
    path: Option<PathBuf>,
    modified: Option<SystemTime>,
    in_force: Arc<DriftPolicy>,
    version: u64,
}

impl PolicyFile {
    fn load(path: Option<PathBuf>) -> Result<PolicyFile, Failure> {
        let in_force = match &path {
            Some(path) => Arc::new(input::drift_policy(path)?),
            None => Arc::new(DriftPolicy::built_in()),
        };
        let version = in_force.version().unwrap_or(1);
        let modified = path.as_deref().and_then(modified);
        Ok(PolicyFile {
            path,
            modified,
            in_force,
            version,
        })
    }

    fn has_changed(&mut self) -> bool {
        let Some(path) = &self.path else { return false };
        let now = modified(path);
        // A file that is away for a moment (an editor, a mounted ConfigMap being switched) is no news.
        now.is_some() && std::mem::replace(&mut self.modified, now) != now
    }

    /// Reads the file again; `false`, and everything as it was, if it has errors.
    fn reload(&mut self) -> bool {
        let Some(path) = &self.path else { return false };
        self.modified = modified(path);
        match input::drift_policy(path) {
            Ok(policy) => {
                self.version = policy.version().unwrap_or(self.version.saturating_add(1));
                self.in_force = Arc::new(policy);
                tracing::info!(version = self.version, "policy in force");
                true
            }
            Err(_) => {
                tracing::error!(
                    version = self.version,
                    "policy file has errors; the policy in force stays"
                );
                false
            }
        }
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path)
        .and_then(|data| data.modified())
        .ok()
}

/// Missing rights and kernel features are the machine's; anything else is a failure.
pub(crate) fn cannot_start(error: SensorError) -> Failure {
    let with_hint = |error: SensorError| {
        anyhow::Error::new(error)
            .context("sensor can't observe here; `yagura doctor` says what is missing")
    };
    match error {
        SensorError::Mounts(_) | SensorError::Observer(_) => Failure::CannotRun(with_hint(error)),
        SensorError::Recording(_) => Failure::BadInput(anyhow!(error)),
        other => Failure::Failed(other.into()),
    }
}

/// One line on standard error.
fn say(line: &str) {
    // A closed standard error is no reason to stop.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// `stats ` and one JSON object: what the sensor did, for scripts and benchmarks.
pub(crate) fn stats_line(summary: &Summary) -> String {
    let stats = &summary.stats;
    let lost: serde_json::Map<String, serde_json::Value> = stats
        .losses
        .iter()
        .map(|lost| {
            (
                format!("{}.{}", lost.place.as_str(), lost.reason.as_str()),
                lost.count.into(),
            )
        })
        .collect();
    let rules: Vec<_> = stats
        .by_rule
        .iter()
        .map(|(index, rule)| {
            serde_json::json!({
                "index": index,
                "rule": yagura_event::escape(rule.name.as_bytes()),
                "alerts": rule.alerts,
                "ignored": rule.ignored,
                "allowed": rule.allowed,
            })
        })
        .collect();
    let json = serde_json::json!({
        "events": stats.execs + stats.calls,
        "execs": stats.execs,
        "image_execs": stats.image_execs,
        "runtime_stages": stats.runtime_stages,
        "candidates": stats.candidates,
        "package_manager_stages": stats.package_manager_stages,
        "calls": stats.calls,
        "quiet_opens": stats.quiet_opens,
        "hurried_events": stats.hurried_events,
        "alerts": stats.alerts,
        "detections": stats.detections,
        "written_files": stats.written_files,
        "scans": stats.scans,
        "scan_findings": stats.scan_findings,
        "scan_gaps": stats.scan_gaps,
        "unscanned": stats.unscanned,
        "rules": rules,
        "programs": stats.programs,
        "containers": stats.containers,
        "lost": lost,
    });
    format!("stats {json}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_seconds_or_carry_a_unit() {
        assert_eq!(parse_duration("30"), Ok(Duration::from_secs(30)));
        assert_eq!(parse_duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(parse_duration("5m"), Ok(Duration::from_secs(300)));
        assert!(parse_duration("-5s").is_err());
        assert!(parse_duration("soon").is_err());
    }

    #[test]
    fn a_cloud_is_a_provider_with_or_without_account() {
        let azure = Cloud {
            provider: Provider::Azure,
            account: "sub-1".to_owned(),
        };
        assert_eq!(parse_cloud("azure/sub-1"), Ok(azure));
        assert_eq!(
            parse_cloud("gcp").map(|cloud| cloud.account),
            Ok(String::new())
        );
        assert!(parse_cloud("Azure/x").is_err());
    }
}
