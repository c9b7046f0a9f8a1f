//! `yagura replay`: judges a recording, an audit log or a Windows log.

use crate::exit::{Failure, Outcome};
use crate::input;
use crate::output::{self, Form, progress::Progress};
use crate::rule_files::RuleArguments;
use anyhow::{Context as _, anyhow};
use jiff::Timestamp;
use std::fs::File;
use std::io::{BufReader, Read, Seek, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use yagura_event::{
    Alert, ContainerKey, ContainerQuery, DocumentEvent, Drop, FileFacts, InspectionRequest,
    MonotonicNs, Node, OpenKey, ScanRequest, WallTime,
};
use yagura_pipeline::{Documents, Input, Pipeline, PipelineConfig, Sink};
use yagura_rules::RuleSet;
use yagura_sensor::{NodeSettings, find_node};
use yagura_sources::{
    AuditReader, CaptureReader, EvtxReader, Recorded, SkippedRecord, WindowsJsonReader,
};

/// Skipped records that are named one by one; the rest is counted. Stops a damaged file from filling the terminal.
const SKIPPED_SHOWN_MAX: u64 = 20;

/// Judge a recording, an audit log or a Windows log, under any rules and policy
///
/// Reads what `yagura capture` or `yagura sensor --record` wrote, or Kubernetes audit events (JSON Lines or an EventList), or
/// Windows events (EVTX, or JSON of Sysmon, Winlogbeat and their like), and prints the alerts. A recording judged under the
/// rules and the policy that were in force then gives the same alerts, byte for byte. A record that is damaged is named and
/// skipped. Exit codes: 0 done, 1 the recording is damaged or records were skipped, 2 bad usage, rules, policy or file.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("input").required(true).multiple(true))]
pub(crate) struct Arguments {
    /// The recording
    #[arg(group = "input")]
    file: Option<PathBuf>,
    /// Kubernetes audit events: JSON Lines, an EventList or an array; `-` for standard input; repeatable
    #[arg(long, value_name = "FILE", group = "input")]
    k8s_audit: Vec<PathBuf>,
    /// Windows event log; repeatable
    #[arg(long, value_name = "FILE", group = "input")]
    evtx: Vec<PathBuf>,
    /// Windows events as JSON; repeatable
    #[arg(long, value_name = "FILE", group = "input")]
    windows_json: Vec<PathBuf>,
    /// Drift policy: a file, or a folder of YAML files; may be repeated. The built-in one if left out
    #[arg(long, value_name = "PATH", alias = "drift-policy")]
    policy: Vec<PathBuf>,
    #[command(flatten)]
    rules: RuleArguments,
    /// Print only alerts from this time on (RFC 3339); earlier events still count for sequences and thresholds
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Stop at this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
    /// Form of alerts: JSON Lines or text
    #[arg(long, value_enum, default_value_t = Form::Json)]
    output: Form,
}

/// The part of the input that counts, in nanoseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    since_ns: i64,
    until_ns: i64,
}

impl Span {
    /// Everything.
    pub(crate) const ALL: Span = Span {
        since_ns: i64::MIN,
        until_ns: i64::MAX,
    };

    fn is_over(self, time: WallTime) -> bool {
        time.0 >= self.until_ns
    }

    fn shows(self, alert: &Alert) -> bool {
        alert.last_time.0 >= self.since_ns && !self.is_over(alert.time)
    }
}

/// Replays everything that was named, one after the other.
pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let rules = arguments.rules.load()?;
    let policy = input::policies(&arguments.policy)?.drift().clone();
    let nanoseconds = |time: Timestamp| i64::try_from(time.as_nanosecond()).unwrap_or(i64::MAX);
    let span = Span {
        since_ns: arguments.since.map_or(i64::MIN, nanoseconds),
        until_ns: arguments.until.map_or(i64::MAX, nanoseconds),
    };
    let mut printer = Printer {
        form: arguments.output,
        span,
        result: Ok(()),
    };
    if let Some(path) = &arguments.file {
        let (reader, progress) = open(path)?;
        replay(
            reader,
            policy,
            Arc::clone(&rules),
            span,
            progress,
            |alert| printer.print(&alert),
        )?;
    }
    let skipped = documents(arguments, &rules, &mut printer)?;
    printer.result?;
    Ok(match skipped {
        0 => Outcome::Done,
        _ => Outcome::Findings,
    })
}

/// Prints alerts until printing fails.
struct Printer {
    form: Form,
    span: Span,
    result: Result<(), Failure>,
}

impl Printer {
    fn print(&mut self, alert: &Alert) {
        if self.result.is_ok() && self.span.shows(alert) {
            self.result = output::alert::print(alert, self.form);
        }
    }
}

fn open(path: &Path) -> Result<(impl Read + Seek + use<>, Progress), Failure> {
    let file = File::open(path)
        .with_context(|| format!("{}", path.display()))
        .map_err(Failure::BadInput)?;
    let bytes = file.metadata().map_or(0, |data| data.len());
    Ok((BufReader::new(file), Progress::new(bytes)))
}

/// Judges every audit and log file; returns how many records were skipped.
fn documents(
    arguments: &Arguments,
    rules: &Arc<RuleSet>,
    printer: &mut Printer,
) -> Result<u64, Failure> {
    let node = Arc::new(find_node(NodeSettings::default()));
    let mut skipped = 0;
    for path in &arguments.k8s_audit {
        let read = stream(path)?;
        skipped += judge(path, AuditReader::new(read), rules, &node, printer);
    }
    for path in &arguments.evtx {
        let (reader, _) = open(path)?;
        skipped += judge(path, EvtxReader::new(reader), rules, &node, printer);
    }
    for path in &arguments.windows_json {
        let read = stream(path)?;
        skipped += judge(path, WindowsJsonReader::new(read), rules, &node, printer);
    }
    Ok(skipped)
}

/// A file, or standard input written as `-`.
fn stream(path: &Path) -> Result<Box<dyn Read>, Failure> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(std::io::stdin().lock()));
    }
    let (reader, progress) = open(path)?;
    Ok(Box::new(progress.reading(reader)))
}

/// Judges one stream of records; returns how many were skipped.
fn judge(
    path: &Path,
    records: impl Iterator<Item = Result<DocumentEvent, SkippedRecord>>,
    rules: &Arc<RuleSet>,
    node: &Arc<Node>,
    printer: &mut Printer,
) -> u64 {
    let mut documents = Documents::new(Arc::clone(rules), Arc::clone(node));
    let mut skipped = 0;
    let mut taken: u64 = 0;
    for record in records {
        match record {
            Ok(document) => {
                taken += 1;
                if !printer.span.is_over(document.time) {
                    documents.step(&document, &mut |alert| printer.print(&alert));
                }
            }
            Err(error) => {
                skipped += 1;
                if skipped <= SKIPPED_SHOWN_MAX {
                    let reason =
                        yagura_event::escape(error.reason.to_string().as_bytes()).into_owned();
                    say(path, &format!("{error}: {reason}"));
                }
            }
        }
        if printer.result.is_err() {
            break;
        }
    }
    documents.finish(&mut |alert| printer.print(&alert));
    if skipped > 0 {
        say(
            path,
            &format!("{skipped} of {} records skipped", taken + skipped),
        );
    }
    skipped
}

/// One line on standard error about a file.
fn say(path: &Path, line: &str) {
    let name = path.to_string_lossy();
    let _ = writeln!(
        std::io::stderr(),
        "{}: {line}",
        yagura_event::escape(name.as_bytes())
    );
}

/// Gives every input of a recording to a pipeline under that policy and those rules.
///
/// # Errors
/// [`Failure::BadInput`] if it is no recording of this version, [`Failure::Failed`] if it is damaged further on.
pub(crate) fn replay(
    capture: impl Read,
    policy: yagura_policy::drift::DriftPolicy,
    rules: Arc<RuleSet>,
    span: Span,
    progress: Progress,
    alert: impl FnMut(Alert),
) -> Result<(), Failure> {
    let capture = CaptureReader::new(progress.reading(capture))
        .map_err(|error| Failure::BadInput(error.into()))?;
    let header = capture.header();
    let node = Arc::new(header.node.clone());
    let mut wall_minus_monotonic_ns = header.wall_minus_monotonic_ns;
    let version = policy.version().unwrap_or(1);
    let config = PipelineConfig {
        // Answers, where there was a scanner, are in the recording.
        scans: true,
        ..PipelineConfig::new(node, Arc::new(policy), version, rules)
    };
    let mut pipeline = Pipeline::new(config);
    let mut told = Told { alert };
    for recorded in capture {
        let recorded = match recorded {
            Ok(recorded) => recorded,
            Err(error) => {
                // What was whole before the damage still counts.
                pipeline.finish(&mut told);
                return Err(Failure::Failed(anyhow!(error)));
            }
        };
        if let Recorded::Clock(offset) = &recorded {
            wall_minus_monotonic_ns = *offset;
        }
        if let Some(time) = time_of(&recorded)
            && span.is_over(WallTime(wall(time, wall_minus_monotonic_ns)))
        {
            break;
        }
        pipeline.step(input_of(recorded), &mut told);
    }
    pipeline.finish(&mut told);
    Ok(())
}

fn wall(time: MonotonicNs, wall_minus_monotonic_ns: i64) -> i64 {
    i64::try_from(time.0)
        .unwrap_or(i64::MAX)
        .saturating_add(wall_minus_monotonic_ns)
}

fn time_of(recorded: &Recorded) -> Option<MonotonicNs> {
    match recorded {
        Recorded::Kernel(event) => Some(event.time()).filter(|time| time.0 > 0),
        Recorded::Tick(time) => Some(*time),
        Recorded::Denied(event, _) => Some(event.base.time),
        Recorded::Container(_)
        | Recorded::Inspection(_)
        | Recorded::Clock(_)
        | Recorded::Flood(..)
        | Recorded::Scanned(_)
        | Recorded::ImageFinding(..) => None,
    }
}

fn input_of(recorded: Recorded) -> Input {
    match recorded {
        Recorded::Kernel(event) => Input::Kernel(event),
        Recorded::Container(fact) => Input::Container(*fact),
        Recorded::Inspection(inspection) => Input::Inspection(inspection),
        Recorded::Clock(wall_minus_monotonic_ns) => Input::Clock {
            wall_minus_monotonic_ns,
        },
        Recorded::Tick(time) => Input::Tick(time),
        Recorded::Flood(container, count) => Input::Flood(container, count),
        Recorded::Scanned(answer) => Input::Scanned(*answer),
        Recorded::Denied(event, rule) => Input::Denied(event, rule),
        Recorded::ImageFinding(container, path, answer) => {
            Input::ImageFinding(container, path, *answer)
        }
    }
}

/// Passes alerts on. What the pipeline asks for is answered by the recording, or was not then either.
struct Told<F> {
    alert: F,
}

impl<F: FnMut(Alert)> Sink for Told<F> {
    fn alert(&mut self, alert: Alert) {
        (self.alert)(alert);
    }

    fn inspect(&mut self, _request: InspectionRequest) {}

    fn scan(&mut self, _request: ScanRequest) {}

    fn query(&mut self, _query: ContainerQuery) {}

    fn image_file(&mut self, _container: ContainerKey, _file: &FileFacts, _time: MonotonicNs) {}

    fn quiet_open(&mut self, _key: &OpenKey) {}

    fn dropped(&mut self, _drop: Drop) {}
}
