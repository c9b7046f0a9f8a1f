//! `cargo xtask bench overhead`: storms inside a container, in interleaved rounds with and without an observer.

use super::container::{Container, Storm};
use super::observer::{Cost, Observer};
use super::report::{self, Row, Sample, Series};
use crate::command::{check_interrupt, output};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// This machine can't do it.
const EXIT_MACHINE: u8 = 3;

/// The sensor ends by itself after this, should this tool be killed.
const SENSOR_DURATION: &str = "600s";

/// Judges every kind of drift in every container, so that nothing is saved by a policy that looks away.
const POLICY: &str = "\
apiVersion: yagura.dev/v1
kind: DriftPolicy
spec:
  rules:
    - name: Alert on everything
      action: alert
      kinds: [binaries, libraries, scripts]
  default: { action: alert }
";

/// Kinds of storm and the rounds of each process; about a second each.
const STORMS: &[(&str, u64)] = &[
    ("exec", 5_000),
    ("open", 500_000),
    ("connect", 60_000),
    ("mixed", 3_000),
];

/// Numbers of processes that storm at the same time.
const PROCESSES: &[u32] = &[1, 2];

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Rounds; each storm runs once without and once with every observer in each.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pairs: u32,
    /// Size of the storms in percent of the usual.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    percent: u64,
    /// Measure this yagura instead of building one.
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    /// Measure Falco, started by this shell command, in the same rounds.
    #[arg(long, value_name = "COMMAND")]
    falco: Option<String>,
    /// What Falco prints when it is about to observe.
    #[arg(long, value_name = "TEXT", default_value = "Opening")]
    falco_ready: String,
    /// Form of the result.
    #[arg(long, value_enum, default_value_t = Form::Table)]
    output: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    Table,
    Json,
}

/// Who observes during a storm.
#[derive(Debug)]
enum Subject<'a> {
    None,
    Yagura { binary: &'a Path, policy: &'a Path },
    Falco { command: &'a str, ready: &'a str },
}

impl Subject<'_> {
    fn name(&self) -> &'static str {
        match self {
            Subject::None => "none",
            Subject::Yagura { .. } => "yagura",
            Subject::Falco { .. } => "falco",
        }
    }

    fn start(&self) -> Result<Option<Observer>> {
        match self {
            Subject::None => Ok(None),
            Subject::Yagura { binary, policy } => {
                let mut command = Command::new(binary);
                command
                    .args(["sensor", "--local", "--output", "json"])
                    .args(["--duration", SENSOR_DURATION, "--drift-policy"])
                    .arg(policy);
                Observer::sensor(&mut command).map(Some)
            }
            Subject::Falco { command, ready } => Observer::foreign(command, ready).map(Some),
        }
    }

    fn measure(&self, container: &Container, storm: Storm) -> Result<Sample> {
        let observer = self.start()?;
        let elapsed = container.storm(storm)?;
        let cost = observer.map(Observer::finish).transpose()?;
        Ok(Sample { elapsed, cost })
    }
}

/// Runs every storm under every subject and prints the figures.
///
/// # Errors
/// The product can't be built, the container can't be started, or a storm or an observer fails.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    if !rustix::process::geteuid().is_root() {
        eprintln!("error: containers and BPF programs need root");
        return Ok(ExitCode::from(EXIT_MACHINE));
    }
    // Takes over SIGINT and SIGTERM before there is anything to clean up.
    check_interrupt()?;
    let built = super::measured(arguments.binary.as_ref())?;
    let container = Container::start("overhead")?;
    let policy = container.folder().join("policy.yaml");
    std::fs::write(&policy, POLICY).context("writing the policy")?;

    let mut subjects = vec![
        Subject::None,
        Subject::Yagura {
            binary: &built,
            policy: &policy,
        },
    ];
    subjects.extend(arguments.falco.as_deref().map(|command| Subject::Falco {
        command,
        ready: &arguments.falco_ready,
    }));
    let rows = measure(arguments, &container, &subjects)?;
    match arguments.output {
        Form::Json => println!("{}", report::json(&machine(arguments, &container)?, &rows)),
        Form::Table => print!("{}", report::table(&rows)),
    }
    warn(&rows);
    Ok(ExitCode::SUCCESS)
}

fn storms(percent: u64) -> impl Iterator<Item = Storm> {
    STORMS.iter().flat_map(move |&(kind, count)| {
        PROCESSES.iter().map(move |&processes| Storm {
            kind,
            count: (count * percent).div_ceil(100),
            processes,
        })
    })
}

fn measure(
    arguments: &Arguments,
    container: &Container,
    subjects: &[Subject<'_>],
) -> Result<Vec<Row>> {
    let mut rows: Vec<Row> = storms(arguments.percent)
        .map(|storm| Row {
            storm,
            series: subjects
                .iter()
                .map(|subject| Series {
                    subject: subject.name(),
                    samples: Vec::new(),
                })
                .collect(),
        })
        .collect();
    // Caches are warm for everybody.
    for storm in storms(1) {
        container.storm(storm)?;
    }
    for round in 0..arguments.pairs {
        eprintln!("round {} of {}", round + 1, arguments.pairs);
        for row in &mut rows {
            // Nobody is always first: what drifts over time spreads over all.
            let mut order: Vec<_> = subjects.iter().zip(&mut row.series).collect();
            let turns = usize::try_from(round)? % order.len();
            order.rotate_left(turns);
            for (subject, series) in order {
                let sample = subject
                    .measure(container, row.storm)
                    .with_context(|| format!("{} storm, {}", row.storm.kind, subject.name()))?;
                series.samples.push(sample);
            }
        }
    }
    Ok(rows)
}

fn machine(arguments: &Arguments, container: &Container) -> Result<Value> {
    Ok(json!({
        "kernel": output(Command::new("uname").arg("-r"))?.trim(),
        "cpus": std::thread::available_parallelism()?,
        "pairs": arguments.pairs,
        "percent": arguments.percent,
        "overlay": container.is_overlay(),
    }))
}

/// Figures that would be worth nothing without saying so.
fn warn(rows: &[Row]) {
    let mut unseen = false;
    let mut alerted = false;
    for cost in rows
        .iter()
        .flat_map(|row| {
            row.series
                .iter()
                .filter(|series| series.subject == "yagura")
        })
        .flat_map(|series| {
            series
                .samples
                .iter()
                .filter_map(|sample| sample.cost.as_ref())
        })
    {
        let Cost { events, alerts, .. } = cost;
        unseen |= matches!(events, None | Some(0));
        alerted |= *alerts > 0;
    }
    if unseen {
        eprintln!(
            "warning: in some storm the sensor reported no event; it may not have seen the container"
        );
    }
    if alerted {
        eprintln!(
            "warning: the sensor raised alerts, though the image's own program was all that ran"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_storm_runs_with_one_and_with_two_processes() {
        let all: Vec<Storm> = storms(1).collect();
        assert_eq!(all.len(), STORMS.len() * PROCESSES.len());
        assert!(all.iter().all(|storm| storm.count > 0));
    }
}
