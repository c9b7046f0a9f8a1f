//! `yagura simulate [KEY…]`: a rehearsal for each key of the threat catalogue.

mod benign;
mod enforced;

use super::{
    Arrived, clean_up_leftovers, clean_up_on_signal, find_runtime, milliseconds, start_own_sensor,
};
use crate::exit::{Failure, Outcome};
use crate::output::{self, Form, table};
use crate::rule_files::RuleArguments;
use crate::scan_files;
use anyhow::{Context as _, anyhow};
use crossbeam_channel::{Receiver, unbounded};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use yagura_event::{Alert, DocumentEvent, DocumentSource, MonotonicNs, Severity};
use yagura_pipeline::Documents;
use yagura_rehearsal::debian::{self, DebianRoot};
use yagura_rehearsal::full;
use yagura_rehearsal::keys::{self, KeyRehearsal, Performed, Stage, perform};
use yagura_rehearsal::{ContainerOptions, RuntimeChoice, ThrowAwayImage};
use yagura_rules::RuleSet;
use yagura_runtimes::RuntimesConfig;
use yagura_sensor::{NodeSettings, Sensor, find_node};
use yagura_sources::{AuditReader, SkippedRecord, WindowsJsonReader};

/// How long an alert may take after the rehearsal ended before it counts as missed. Sessions count as held after five
/// seconds.
const ALERT_WAIT: Duration = Duration::from_secs(8);

/// Which keys, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct KeyArguments {
    /// Keys of the catalogue, such as `proc.reverse_shell` or `net.` for all that begin so; all if left out
    #[arg(value_name = "KEY")]
    keys: Vec<String>,
    /// Also with real servers in a Debian image, which is built once from the machine's package mirror
    #[arg(long)]
    full: bool,
    /// Ordinary workloads in the same image instead, which must raise no alert
    #[arg(long, conflicts_with_all = ["keys", "full"])]
    benign: bool,
    /// With the shipped defence rule standing guard, set to block, which must harm none of them; privileged work as well
    #[arg(long, requires = "benign")]
    enforce: bool,
    /// Only workloads whose name contains this; may be repeated
    #[arg(long, value_name = "NAME", requires = "benign")]
    workload: Vec<String>,
    /// Where the Debian image is kept; the folder yagura of $XDG_CACHE_HOME or /var/cache if left out
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    #[command(flatten)]
    rules: RuleArguments,
    /// A table, or one JSON object for each key
    #[arg(long, value_enum, default_value_t = Form::Table)]
    output: Form,
}

/// What became of one rehearsal.
#[derive(Debug, Clone, Serialize)]
struct Rehearsal {
    name: &'static str,
    description: &'static str,
    /// Whether it took place.
    ran: bool,
    /// Whether this machine lacks something that it needs; `note` names it.
    lacking: bool,
    detected: bool,
    rule: Option<String>,
    severity: Option<&'static str>,
    time_to_alert_ms: Option<f64>,
    /// The alert's output.
    evidence: Option<String>,
    /// Other keys that were reported as well.
    also: Vec<String>,
    note: String,
}

/// What became of all rehearsals of one key.
#[derive(Debug, Clone, Serialize)]
struct KeyResult {
    key: &'static str,
    /// Whether each rehearsal that took place was detected, and at least one did.
    detected: bool,
    rule: Option<String>,
    severity: Option<&'static str>,
    time_to_alert_ms: Option<f64>,
    rehearsals: Vec<Rehearsal>,
}

impl KeyResult {
    fn new(key: &'static str, rehearsals: Vec<Rehearsal>) -> KeyResult {
        let first = rehearsals.iter().find(|result| result.detected);
        let took_place = rehearsals.iter().filter(|result| result.ran).count();
        KeyResult {
            key,
            detected: took_place > 0
                && rehearsals
                    .iter()
                    .all(|result| result.detected || result.lacking),
            rule: first.and_then(|result| result.rule.clone()),
            severity: first.and_then(|result| result.severity),
            time_to_alert_ms: first.and_then(|result| result.time_to_alert_ms),
            rehearsals,
        }
    }
}

/// Rehearsals of one key.
type OfKey = (&'static str, Vec<&'static KeyRehearsal>);

/// Runs the rehearsals.
pub(super) fn run(arguments: &KeyArguments) -> Result<Outcome, Failure> {
    let wanted = wanted(&arguments.keys)?;
    let rules = arguments.rules.load()?;
    super::super::doctor::require_rights()?;
    clean_up_on_signal()?;
    let base = std::env::temp_dir();
    clean_up_leftovers(&base);
    let options = ContainerOptions::new(find_runtime(RuntimeChoice::Found)?);
    let debian = match arguments.full || arguments.benign {
        true => Some(debian_image(arguments.cache.as_deref(), &base)?),
        false => None,
    };
    if let (Some(image), true) = (&debian, arguments.enforce) {
        let outcome = enforced::run(arguments, image, &options, &base);
        remove(image)?;
        return outcome;
    }
    let (sensor, arrived) = start_sensor(Arc::clone(&rules), &base)?;
    let outcome = match (&debian, arguments.benign) {
        (Some(image), true) => benign::run(arguments, image, &options, &arrived),
        _ => {
            let theatre = Theatre {
                image: build_image(&base)?,
                debian: debian.clone(),
                options,
                rules,
                arrived,
                kept: Vec::new(),
            };
            theatre.play(arguments, &wanted)
        }
    };
    if let Some(image) = debian {
        remove(&image)?;
    }
    sensor
        .stop()
        .map_err(|error| Failure::Failed(error.into()))?;
    outcome
}

/// A sensor with these rules that reports everything that drifts, and what it reports.
fn start_sensor(rules: Arc<RuleSet>, base: &Path) -> Result<(Sensor, Receiver<Arrived>), Failure> {
    let mut runtimes = RuntimesConfig::default();
    // Throw-away containers keep their runtime's records apart from those of the host's own containers.
    runtimes.runc_roots.push(base.to_owned());
    let (sender, arrived) = unbounded();
    let sensor = start_own_sensor(runtimes, rules, scan_files::own()?, None, move |alert| {
        // Nobody waits for alerts once the rehearsals are over.
        let _ = sender.send(Arrived {
            alert,
            at: yagura_sensor::now(),
        });
    })?;
    Ok((sensor, arrived))
}

fn build_image(base: &Path) -> Result<Arc<ThrowAwayImage>, Failure> {
    ThrowAwayImage::build(base)
        .map(Arc::new)
        .context("image can't be made")
        .map_err(Failure::CannotRun)
}

/// The image with real servers, built if it is not there yet.
fn debian_image(cache: Option<&Path>, base: &Path) -> Result<Arc<ThrowAwayImage>, Failure> {
    let cache = cache.map_or_else(debian::default_cache, Path::to_owned);
    let mut tell = |progress: debian::Progress| match progress {
        debian::Progress::Waiting => {
            tracing::warn!("another process builds the Debian image; waiting for it");
        }
        debian::Progress::Building { packages } => {
            tracing::warn!(
                packages,
                "building the Debian image; this happens once and takes a minute or more"
            );
        }
        debian::Progress::Ready { .. } => tracing::info!("the Debian image is there"),
    };
    let root = DebianRoot::prepare(&cache, &mut tell)
        .context("the Debian image can't be made")
        .map_err(Failure::CannotRun)?;
    root.image(base)
        .map(Arc::new)
        .context("image can't be made")
        .map_err(Failure::CannotRun)
}

fn remove(image: &ThrowAwayImage) -> Result<(), Failure> {
    image
        .remove()
        .context("image can't be removed")
        .map_err(Failure::Failed)
}

/// The keys that were asked for with their rehearsals, in the order of the catalogue.
fn wanted(asked: &[String]) -> Result<Vec<OfKey>, Failure> {
    for name in asked {
        if !keys::REHEARSALS
            .iter()
            .any(|rehearsal| fits(rehearsal.key, name))
        {
            return Err(Failure::BadInput(anyhow!(
                "no catalogue key is named {:?}; `yagura rules list` shows all",
                yagura_event::escape(name.as_bytes())
            )));
        }
    }
    let is_wanted = |key: &str| asked.is_empty() || asked.iter().any(|asked| fits(key, asked));
    let mut by_key: Vec<OfKey> = Vec::new();
    for rehearsal in keys::REHEARSALS
        .iter()
        .filter(|rehearsal| is_wanted(rehearsal.key))
    {
        match by_key.iter_mut().find(|(key, _)| *key == rehearsal.key) {
            Some((_, of_key)) => of_key.push(rehearsal),
            None => by_key.push((rehearsal.key, vec![rehearsal])),
        }
    }
    Ok(by_key)
}

/// Whether a key is the one that was asked for, or begins with it if that ends in a dot.
fn fits(key: &str, asked: &str) -> bool {
    key == asked || (asked.ends_with('.') && key.starts_with(asked))
}

/// Where rehearsals take place, and who listens.
struct Theatre {
    image: Arc<ThrowAwayImage>,
    /// The image with real servers, if they are asked for.
    debian: Option<Arc<ThrowAwayImage>>,
    options: ContainerOptions,
    rules: Arc<RuleSet>,
    arrived: Receiver<Arrived>,
    /// Alerts that came while another was waited for.
    kept: Vec<Arrived>,
}

impl Theatre {
    /// Every rehearsal of every key, those with real servers behind the others of their key.
    fn play(mut self, arguments: &KeyArguments, wanted: &[OfKey]) -> Result<Outcome, Failure> {
        let mut results: Vec<KeyResult> = Vec::new();
        for (key, rehearsals) in wanted {
            let mut told = Vec::new();
            for rehearsal in rehearsals {
                told.push(self.rehearsal(rehearsal, &Arc::clone(&self.image))?);
            }
            if let Some(image) = self.debian.clone() {
                for rehearsal in full::REHEARSALS
                    .iter()
                    .filter(|rehearsal| rehearsal.key == *key)
                {
                    told.push(self.rehearsal(rehearsal, &image)?);
                }
            }
            let result = KeyResult::new(key, told);
            show(&result, arguments.output)?;
            results.push(result);
        }
        remove(&self.image)?;
        conclude(&results, arguments.output)
    }

    fn rehearsal(
        &mut self,
        rehearsal: &'static KeyRehearsal,
        image: &Arc<ThrowAwayImage>,
    ) -> Result<Rehearsal, Failure> {
        self.kept.clear();
        let mut stage = Stage::new(image, &self.options);
        let performed = perform(rehearsal, &mut stage);
        let result = match stage.documents().is_empty() {
            true => self.listen(rehearsal, &stage, &performed),
            false => self.judge(rehearsal, &stage, &performed),
        };
        if let Err(errors) = stage.finish() {
            for error in errors {
                tracing::error!(%error, "something was left behind");
            }
        }
        Ok(result)
    }

    /// Waits for the sensor's alert about the stage's containers.
    fn listen(
        &mut self,
        rehearsal: &'static KeyRehearsal,
        stage: &Stage,
        performed: &Performed,
    ) -> Rehearsal {
        let ids = stage.container_ids();
        let deadline = Instant::now() + ALERT_WAIT;
        let is_its = |alert: &Alert| {
            ids.iter()
                .any(|id| alert.container_id().contains(id.as_str()))
        };
        let found = loop {
            let found = self
                .kept
                .iter()
                .position(|arrived| is_its(&arrived.alert) && is_wanted(rehearsal, &arrived.alert));
            if found.is_some() || !performed.ran {
                break found;
            }
            match self.arrived.recv_deadline(deadline) {
                Ok(arrived) => self.kept.push(arrived),
                Err(_) => break None,
            }
        };
        let also = self
            .kept
            .iter()
            .filter(|arrived| is_its(&arrived.alert) && arrived.alert.key != rehearsal.key)
            .map(|arrived| arrived.alert.key.clone().into_owned());
        let also: BTreeSet<String> = also.collect();
        let found = found.and_then(|at| self.kept.get(at));
        let acted_at = stage.acted_at().unwrap_or(performed.started);
        told(
            rehearsal,
            performed,
            found.map(|arrived| &arrived.alert),
            found.map(|arrived| time_to_alert(arrived, acted_at)),
            also.into_iter().collect(),
        )
    }

    /// Gives the stage's records to the rules, through the same readers as files.
    fn judge(
        &self,
        rehearsal: &'static KeyRehearsal,
        stage: &Stage,
        performed: &Performed,
    ) -> Rehearsal {
        let node = Arc::new(find_node(NodeSettings::default()));
        let mut documents = Documents::new(Arc::clone(&self.rules), node);
        let mut alerts = Vec::new();
        let mut skipped = Vec::new();
        let started = Instant::now();
        for record in records(stage) {
            match record {
                Ok(document) => documents.step(&document, &mut |alert| {
                    alerts.push((alert, started.elapsed()));
                }),
                Err(error) => skipped.push(format!("{error}: {}", error.reason)),
            }
        }
        let found = alerts.iter().find(|(alert, _)| alert.key == rehearsal.key);
        let others = alerts
            .iter()
            .filter(|(alert, _)| alert.key != rehearsal.key);
        let also: BTreeSet<String> = others
            .map(|(alert, _)| alert.key.clone().into_owned())
            .collect();
        let mut result = told(
            rehearsal,
            performed,
            found.map(|(alert, _)| alert),
            found.map(|(_, elapsed)| elapsed.as_secs_f64() * 1000.0),
            also.into_iter().collect(),
        );
        result.note.extend(skipped);
        result
    }
}

/// The stage's records as a sensor or center would read them.
fn records(stage: &Stage) -> Vec<Result<DocumentEvent, SkippedRecord>> {
    let mut by_source: BTreeMap<DocumentSource, Vec<u8>> = BTreeMap::new();
    for document in stage.documents() {
        let lines = by_source.entry(document.source).or_default();
        lines.extend_from_slice(document.value.to_string().as_bytes());
        lines.push(b'\n');
    }
    let mut records = Vec::new();
    for (source, lines) in by_source {
        match source {
            DocumentSource::K8sAudit => records.extend(AuditReader::new(lines.as_slice())),
            DocumentSource::Windows => records.extend(WindowsJsonReader::new(lines.as_slice())),
        }
    }
    records
}

/// From the event to the alert; a rule that waits for a time to pass has its event at the end of it.
fn time_to_alert(arrived: &Arrived, acted_at: MonotonicNs) -> f64 {
    let event = arrived.alert.monotonic.max(acted_at);
    milliseconds(arrived.at.since(event))
}

/// Whether an alert is what a rehearsal is to bring about.
fn is_wanted(rehearsal: &KeyRehearsal, alert: &Alert) -> bool {
    alert.key == rehearsal.key && (alert.scan.is_some() || !rehearsal.by_content)
}

fn told(
    rehearsal: &'static KeyRehearsal,
    performed: &Performed,
    alert: Option<&Alert>,
    time_to_alert_ms: Option<f64>,
    also: Vec<String>,
) -> Rehearsal {
    Rehearsal {
        name: rehearsal.name,
        description: rehearsal.description,
        ran: performed.ran,
        lacking: performed.lacking,
        detected: alert.is_some(),
        rule: alert.map(|alert| alert.rule.clone().into_owned()),
        severity: alert.map(|alert| alert.severity).map(Severity::as_str),
        time_to_alert_ms,
        evidence: alert.map(|alert| match &alert.detection {
            Some(detection) => detection.output.clone(),
            None => alert.explanation.clone(),
        }),
        also,
        note: performed.note.clone(),
    }
}

fn show(result: &KeyResult, form: Form) -> Result<(), Failure> {
    match form {
        Form::Json => {
            let line =
                serde_json::to_string(result).map_err(|error| Failure::Failed(error.into()))?;
            output::print(&format!("{line}\n"))
        }
        // The table comes at the end.
        Form::Table => {
            tracing::info!(key = result.key, detected = result.detected, "rehearsed");
            Ok(())
        }
    }
}

fn conclude(results: &[KeyResult], form: Form) -> Result<Outcome, Failure> {
    let detected = results.iter().filter(|result| result.detected).count();
    if form == Form::Table {
        let rows = results.iter().flat_map(|result| {
            result.rehearsals.iter().map(|rehearsal| {
                let seen = match (rehearsal.ran, rehearsal.detected) {
                    (false, _) if rehearsal.lacking => "can't run here",
                    (false, _) => "did not run",
                    (true, true) => "detected",
                    (true, false) => "MISSED",
                };
                let time = rehearsal
                    .time_to_alert_ms
                    .map_or_else(String::new, |ms| format!("{ms:.1} ms"));
                vec![
                    result.key.to_owned(),
                    rehearsal.name.to_owned(),
                    seen.to_owned(),
                    rehearsal.severity.unwrap_or_default().to_owned(),
                    time,
                    rehearsal.rule.clone().unwrap_or_default(),
                    rehearsal.note.clone(),
                ]
            })
        });
        let heads = [
            "key",
            "rehearsal",
            "seen",
            "severity",
            "after",
            "rule",
            "note",
        ];
        output::print(&table::aligned(&heads, rows))?;
        output::print(&format!("{detected} of {} keys detected\n", results.len()))?;
    }
    Ok(match detected == results.len() {
        true => Outcome::Done,
        false => Outcome::Findings,
    })
}
