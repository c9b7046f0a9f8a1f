//! `yagura sensor`: watches this node's containers, by itself or for a center.

mod center;

pub(crate) use center::TOKEN_VARIABLE;

use crate::exit::{Failure, Outcome};
use crate::input::{self, Source};
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
use std::time::{Duration, Instant, SystemTime};
use yagura_event::{Cloud, Node, Provider};
use yagura_policy::PolicySet;
use yagura_rules::RuleSet;
use yagura_runtimes::RuntimesConfig;
use yagura_sensor::{
    CanarySettings, EnforceSettings, NodeSettings, RespondSettings, Sensor, SensorConfig,
    SensorError, Summary, find_node,
};

/// Where files that were taken out of containers are kept, by `yagura quarantine` too.
const QUARANTINE: &str = "/var/lib/yagura/quarantine";
/// How often the policy file is looked at.
const POLICY_LOOK: Duration = Duration::from_secs(1);

/// Watch this node's containers
///
/// With --local, alerts go to standard output. The policy file is read again when it changes and on SIGHUP, rule files on
/// SIGHUP; a file with errors leaves what is in force as it is.
/// With --center, policies and rules come from the center, and alerts go there; while it is away they wait on the disk, and
/// what was in force last stays so.
/// Everything else goes to standard error, where `ready` is printed once the sensor observes.
/// Exit codes: 0 stopped by a signal or --duration, 1 stopped by a failure, 2 bad usage or policy, 3 this machine or
/// these rights don't allow it.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Work without a center: alerts go to standard output
    #[arg(long, required_unless_present = "center")]
    local: bool,
    #[command(flatten)]
    center: center::CenterArguments,
    /// Drift policy and defence rules: a file, or a folder of YAML files; may be repeated. The built-in drift policy if
    /// left out
    #[arg(
        long,
        value_name = "PATH",
        alias = "drift-policy",
        conflicts_with = "center"
    )]
    policy: Vec<PathBuf>,
    #[command(flatten)]
    node: NodeArguments,
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
    /// Time between two canaries, harmless attacks in containers of the sensor's own that prove what it sees and blocks, such
    /// as 1h; `off` for none. Every hour with --center, off with --local if left out
    #[arg(long, value_name = "TIME", value_parser = parse_canary)]
    canary_interval: Option<CanaryInterval>,
    /// Stop when standard input ends: for the process that starts this one
    #[arg(long, hide = true)]
    stop_with_stdin: bool,
}

impl Arguments {
    fn found_node(&self) -> Node {
        find_node(NodeSettings {
            name: self.node_name.clone(),
            cluster: self.cluster.clone(),
            cloud: self.cloud.clone(),
        })
    }

    /// Everything but what is in force, which comes from files or the center.
    fn config(&self, node: Node, in_force: InForce) -> Result<SensorConfig, Failure> {
        let mut runtimes = RuntimesConfig::default();
        runtimes
            .runc_roots
            .extend(self.node.runc_root.iter().cloned());
        Ok(SensorConfig {
            node: Arc::new(node),
            policies: in_force.policies,
            policy_version: in_force.version,
            enforce: (!self.node.no_enforce).then(|| self.node.instance.clone()),
            rules: in_force.rules,
            send_all: false,
            runtimes,
            scan: self.scan.load()?,
            record: self.record.clone(),
            canary: self.canary(),
        })
    }

    fn canary(&self) -> Option<CanarySettings> {
        let usual = CanaryInterval((!self.local).then_some(CanarySettings::INTERVAL));
        let CanaryInterval(interval) = self.canary_interval.unwrap_or(usual);
        interval.map(|interval| CanarySettings {
            interval,
            ..CanarySettings::default()
        })
    }

    /// Where commands of the center find and keep what they need.
    fn respond(&self, config: &SensorConfig, state: &Path) -> RespondSettings {
        RespondSettings {
            instance: self.node.instance.clone(),
            enforces: config.enforce.is_some(),
            quarantine: QUARANTINE.into(),
            captures: state.join("captures"),
            scan: config.scan.clone(),
            runtimes: config.runtimes.clone(),
            node: Arc::clone(&config.node),
        }
    }
}

/// Time between two canaries; `None` for no canary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct CanaryInterval(Option<Duration>);

fn parse_canary(text: &str) -> Result<CanaryInterval, String> {
    if text == "off" {
        return Ok(CanaryInterval(None));
    }
    let interval = parse_duration(text)?;
    match interval < CanarySettings::INTERVAL_MIN {
        true => Err(format!(
            "the shortest is {} seconds",
            CanarySettings::INTERVAL_MIN.as_secs()
        )),
        false => Ok(CanaryInterval(Some(interval))),
    }
}

/// What a sensor begins with.
struct InForce {
    policies: Arc<PolicySet>,
    version: u64,
    rules: Arc<RuleSet>,
}

/// How a node's sensor works, whether it is started by itself or beside a center.
#[derive(Debug, clap::Args)]
pub(crate) struct NodeArguments {
    /// Block nothing, whatever the policies ask for
    #[arg(long)]
    no_enforce: bool,
    /// Name of this sensor on the node: where it pins what it enforces, and its control socket
    #[arg(long, value_name = "NAME", default_value = EnforceSettings::DEFAULT_INSTANCE, value_parser = parse_instance)]
    instance: EnforceSettings,
    /// State folder of a runc or crun that is called with --root; repeatable
    #[arg(long, value_name = "DIR")]
    runc_root: Vec<PathBuf>,
}

impl NodeArguments {
    /// As arguments for another process.
    pub(crate) fn as_given(&self) -> Vec<String> {
        let mut given = vec!["--instance".to_owned(), self.instance.name().to_owned()];
        if self.no_enforce {
            given.push("--no-enforce".to_owned());
        }
        for root in &self.runc_root {
            given.extend(["--runc-root".into(), root.to_string_lossy().into_owned()]);
        }
        given
    }
}

/// Reads the name of an instance.
pub(crate) fn parse_instance(name: &str) -> Result<EnforceSettings, String> {
    EnforceSettings::of_instance(name)
        .ok_or_else(|| "an instance has a plain name of a-z, 0-9 and -".to_owned())
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
pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let summary = match arguments.center.options()? {
        Some(options) => center::run(arguments, options)?,
        None => run_local(arguments)?,
    };
    say(&stats_line(&summary));
    Ok(Outcome::Done)
}

fn run_local(arguments: &Arguments) -> Result<Summary, Failure> {
    let mut policy = PolicyFiles::load(arguments.policy.clone())?;
    let in_force = InForce {
        policies: Arc::clone(&policy.in_force),
        version: policy.version,
        rules: arguments.rules.load()?,
    };
    let config = arguments.config(arguments.found_node(), in_force)?;
    super::doctor::require_rights()?;
    // Before anything is attached, so that no signal finds it half made.
    let ends = Ends::start(arguments)?;
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
        &ends,
        &output_closed,
    );
    sensor.stop().map_err(|error| Failure::Failed(error.into()))
}

/// What ends a sensor.
struct Ends {
    signals: Signals,
    over: Receiver<Instant>,
    stdin_closed: Receiver<()>,
}

impl Ends {
    fn start(arguments: &Arguments) -> Result<Ends, Failure> {
        Ok(Ends {
            signals: Signals::start()?,
            over: arguments.duration.map_or_else(never, after),
            stdin_closed: match arguments.stop_with_stdin {
                true => stdin_closed()?,
                false => never(),
            },
        })
    }
}

/// Disconnected once standard input has ended.
fn stdin_closed() -> Result<Receiver<()>, Failure> {
    let (open, closed) = crossbeam_channel::bounded(0);
    std::thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(move || {
            // Whatever comes is of no interest, and an error is an end, too.
            let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
            drop(open);
        })
        .map_err(|error| Failure::Failed(error.into()))?;
    Ok(closed)
}

/// Waits for the end: a signal, the time, a closed output, or the sensor's own failure.
fn watch(
    sensor: &Sensor,
    policy: &mut PolicyFiles,
    rules: &RuleArguments,
    ends: &Ends,
    output_closed: &Receiver<()>,
) {
    let looks = tick(POLICY_LOOK);
    loop {
        let mut is_asked = false;
        let reload = select! {
            recv(ends.signals.received) -> signal => match signal {
                Ok(Signal::Reload) => {
                    is_asked = true;
                    true
                }
                Ok(Signal::Stop) | Err(_) => return,
            },
            recv(ends.over) -> _ => return,
            recv(ends.stdin_closed) -> _ => return,
            recv(output_closed) -> _ => return,
            recv(looks) -> _ => policy.has_changed(),
        };
        if sensor.has_ended() {
            return;
        }
        if reload && policy.reload() {
            sensor.set_policies(Arc::clone(&policy.in_force), policy.version);
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

/// The policies in force and the files they came from.
struct PolicyFiles {
    paths: Vec<PathBuf>,
    seen: Vec<Seen>,
    in_force: Arc<PolicySet>,
    version: u64,
}

/// What a file looked like: its path, and when it was changed.
type Seen = (PathBuf, SystemTime);

impl PolicyFiles {
    fn load(paths: Vec<PathBuf>) -> Result<PolicyFiles, Failure> {
        let seen = look(&paths);
        let in_force = Arc::new(input::policies(&paths)?);
        let version = in_force.drift().version().unwrap_or(1);
        Ok(PolicyFiles {
            paths,
            seen,
            in_force,
            version,
        })
    }

    fn has_changed(&mut self) -> bool {
        let now = look(&self.paths);
        // A file that is away for a moment (an editor, a mounted ConfigMap being switched) is no news.
        let is_away = now.is_empty() && !self.paths.is_empty();
        !is_away && std::mem::replace(&mut self.seen, now.clone()) != now
    }

    /// Reads the files again; `false`, and everything as it was, if they have errors.
    fn reload(&mut self) -> bool {
        self.seen = look(&self.paths);
        match input::policies(&self.paths) {
            Ok(policies) => {
                let next = self.version.saturating_add(1);
                self.version = policies.drift().version().unwrap_or(next);
                self.in_force = Arc::new(policies);
                tracing::info!(version = self.version, "policies in force");
                true
            }
            Err(_) => {
                tracing::error!(
                    version = self.version,
                    "policy files have errors; the policies in force stay"
                );
                false
            }
        }
    }
}

/// The files that there are, with the times of their last change.
fn look(paths: &[PathBuf]) -> Vec<Seen> {
    let sources = paths.iter().filter_map(|path| input::sources_of(path).ok());
    let files = sources.flatten().filter_map(|source| match source {
        Source::File(path) => Some(path),
        Source::Stdin => None,
    });
    files
        .filter_map(|path| {
            let modified = std::fs::metadata(&path).and_then(|data| data.modified());
            modified.ok().map(|modified| (path, modified))
        })
        .collect()
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
    fn a_canary_runs_at_an_interval_or_not_at_all() {
        let hour = Duration::from_secs(3600);
        assert_eq!(parse_canary("1h"), Ok(CanaryInterval(Some(hour))));
        assert_eq!(parse_canary("off"), Ok(CanaryInterval(None)));
        assert!(parse_canary("1s").is_err() && parse_canary("never").is_err());
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
