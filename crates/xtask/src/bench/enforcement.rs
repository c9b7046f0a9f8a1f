//! `cargo xtask bench enforcement`: what blocking adds to processes in and out of scope, in interleaved rounds, and how fast
//! a policy takes the place of another.

use super::container::{Container, Storm};
use super::instance::Instance;
use super::observer::Observer;
use super::report::{self, Row, Sample, Series};
use super::switching::{self, Switches};
use crate::command::{check_interrupt, output};
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// This machine can't do it.
const EXIT_MACHINE: u8 = 3;

/// Kinds of storm and the rounds of its process, by where they come from; half a second each.
const STORMS: &[(Place, &str, u64)] = &[
    (Place::InScope, "exec", 2_500),
    (Place::OutOfScope, "exec", 2_500),
    (Place::OutOfScope, "open", 250_000),
    (Place::OutOfScope, "connect", 30_000),
    (Place::Host, "exec", 1_500),
    (Place::Host, "open", 250_000),
    (Place::Host, "connect", 30_000),
    (Place::Host, "mount", 20_000),
];

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Rounds; each storm runs once under every subject in each. None leaves the storms out.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(0..=1000))]
    rounds: u32,
    /// Size of the storms in percent of the usual.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    percent: u64,
    /// Switches between policies. None leaves them out.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=1000))]
    switches: u32,
    /// Rules of each of the policies that are switched between.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rules: u32,
    /// Measure this yagura instead of building one.
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    /// Form of the result.
    #[arg(long, value_enum, default_value_t = Form::Table)]
    output: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    Table,
    Json,
}

/// Where a storm comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    InScope,
    OutOfScope,
    Host,
}

impl Place {
    const ALL: [Place; 3] = [Place::InScope, Place::OutOfScope, Place::Host];

    fn title(self) -> &'static str {
        match self {
            Place::InScope => "in a container in scope",
            Place::OutOfScope => "in a container out of scope",
            Place::Host => "on the host",
        }
    }
}

/// What a sensor does during a storm. Two that only watch tell what difference chance makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    None,
    Watching,
    Again,
    Enforcing,
}

impl Subject {
    /// In scope it counts what all of it costs; out of scope, whether enforcement adds to what watching costs.
    fn of(place: Place) -> &'static [Subject] {
        match place {
            Place::InScope => &[Subject::None, Subject::Watching, Subject::Enforcing],
            _ => &[Subject::Watching, Subject::Again, Subject::Enforcing],
        }
    }

    fn name(self) -> &'static str {
        match self {
            Subject::None => "none",
            Subject::Watching => "watch",
            Subject::Again => "again",
            Subject::Enforcing => "block",
        }
    }
}

/// What is measured, and on whom.
struct Scene {
    // Its sensors' traces go before the containers do.
    instance: Instance,
    guarded: Container,
    bystander: Container,
    policy: PathBuf,
}

/// Measures what enforcement costs and prints the figures.
///
/// # Errors
/// The product can't be built, containers can't be started, nothing is enforced, or a storm or a sensor fails.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    if !rustix::process::geteuid().is_root() {
        eprintln!("error: containers and BPF programs need root");
        return Ok(ExitCode::from(EXIT_MACHINE));
    }
    // Takes over SIGINT and SIGTERM before there is anything to clean up.
    check_interrupt()?;
    let binary = super::measured(arguments.binary.as_ref())?;
    let scene = Scene::new(&binary)?;
    let tables = scene.storms(arguments)?;
    let switches = match arguments.switches {
        0 => None,
        count => {
            let measured =
                switching::measure(&scene.instance, &scene.guarded, count, arguments.rules);
            Some(measured.context("switching policies")?)
        }
    };
    match arguments.output {
        Form::Json => println!("{}", scene.json(&tables, switches.as_ref())?),
        Form::Table => {
            for (place, rows) in &tables {
                println!("{}:\n{}", place.title(), report::table(rows));
            }
            if let Some(switches) = &switches {
                print!("{}", switches.table());
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl Scene {
    fn new(binary: &Path) -> Result<Scene> {
        let guarded = Container::start("guarded")?;
        let policy = guarded.folder().join("policy.yaml");
        std::fs::write(&policy, block_all_drift(guarded.id())).context("writing the policy")?;
        Ok(Scene {
            instance: Instance::new(binary),
            bystander: Container::start("bystander")?,
            guarded,
            policy,
        })
    }

    /// Every storm in every round, under every subject.
    fn storms(&self, arguments: &Arguments) -> Result<Vec<(Place, Vec<Row>)>> {
        let mut tables: Vec<(Place, Vec<Row>)> = Place::ALL
            .map(|place| (place, rows(place, arguments.percent)))
            .into();
        if arguments.rounds == 0 {
            return Ok(Vec::new());
        }
        self.proves_to_block()?;
        for (place, rows) in &tables {
            for row in rows {
                let warm = Storm {
                    count: row.storm.count.div_ceil(100),
                    ..row.storm
                };
                self.storm(*place, warm)?;
            }
        }
        for round in 0..arguments.rounds {
            eprintln!("round {} of {}", round + 1, arguments.rounds);
            for (place, rows) in &mut tables {
                self.round(*place, rows, usize::try_from(round)?)?;
            }
        }
        Ok(tables)
    }

    /// One sample of each storm under each subject. A sensor stays for all storms of a place.
    fn round(&self, place: Place, rows: &mut [Row], round: usize) -> Result<()> {
        let subjects = Subject::of(place);
        // Nobody is always first: what drifts over time spreads over all.
        let mut order: Vec<(usize, Subject)> = subjects.iter().copied().enumerate().collect();
        order.rotate_left(round % subjects.len());
        for (number, subject) in order {
            let observer = self.start(subject)?;
            for row in &mut *rows {
                let elapsed = self
                    .storm(place, row.storm)
                    .with_context(|| format!("{} storm, {}", row.storm.kind, subject.name()))?;
                let series = row.series.get_mut(number).context("no such series")?;
                series.samples.push(Sample {
                    elapsed,
                    cost: None,
                });
            }
            drop(observer);
            if subject == Subject::Enforcing {
                self.instance.remove()?;
            }
        }
        Ok(())
    }

    fn start(&self, subject: Subject) -> Result<Option<Observer>> {
        match subject {
            Subject::None => Ok(None),
            Subject::Watching | Subject::Again => self.instance.watch(&self.policy).map(Some),
            Subject::Enforcing => {
                let observer = self.instance.enforce(&self.policy, self.guarded.id());
                observer.map(Some)
            }
        }
    }

    fn storm(&self, place: Place, storm: Storm) -> Result<std::time::Duration> {
        match place {
            Place::InScope => self.guarded.storm(storm),
            Place::OutOfScope => self.bystander.storm(storm),
            Place::Host => self.guarded.storm_on_host(storm),
        }
    }

    /// Figures of something that blocks nothing would be worth nothing.
    fn proves_to_block(&self) -> Result<()> {
        let containers = [&self.guarded, &self.bystander];
        for container in containers {
            std::fs::copy(container.image("storm"), container.root().join("drifted"))?;
        }
        let runs = |container: &Container| {
            let mut exec = container.exec(&["/drifted", "exit"]);
            let output = exec.output().context("starting `runc`")?;
            anyhow::Ok(output.status.success())
        };
        let observer = self.start(Subject::Enforcing)?;
        let [guarded, bystander] = [runs(&self.guarded)?, runs(&self.bystander)?];
        drop(observer);
        self.instance.remove()?;
        ensure!(!guarded, "a drifted program ran where it is blocked");
        ensure!(bystander, "a program was blocked out of scope");
        Ok(())
    }

    fn json(
        &self,
        tables: &[(Place, Vec<Row>)],
        switches: Option<&Switches>,
    ) -> Result<serde_json::Value> {
        let machine = json!({
            "kernel": output(Command::new("uname").arg("-r"))?.trim(),
            "cpus": std::thread::available_parallelism()?,
            "overlay": self.guarded.is_overlay(),
        });
        let places: serde_json::Map<String, serde_json::Value> = tables
            .iter()
            .map(|(place, rows)| (place.title().to_owned(), report::json(&machine, rows)))
            .collect();
        Ok(json!({ "places": places, "switching": switches.map(Switches::json) }))
    }
}

fn rows(place: Place, percent: u64) -> Vec<Row> {
    let storms = STORMS.iter().filter(|(from, _, _)| *from == place);
    let rows = storms.map(|&(_, kind, count)| Row {
        storm: Storm {
            kind,
            count: (count * percent).div_ceil(100),
            processes: 1,
        },
        series: Subject::of(place)
            .iter()
            .map(|subject| Series {
                subject: subject.name(),
                samples: Vec::new(),
            })
            .collect(),
    });
    rows.collect()
}

/// Blocks every kind of drift in one container.
fn block_all_drift(container: &str) -> String {
    format!(
        "apiVersion: yagura.dev/v1
kind: DriftPolicy
spec:
  rules:
    - name: Block everything
      action: block
      kinds: [binaries, libraries, scripts]
      scope:
        conditions:
          - {{ field: container-name, operator: equals, values: [{container}] }}
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_has_storms_with_a_series_for_each_subject() {
        for place in Place::ALL {
            let rows = rows(place, 1);
            assert!(!rows.is_empty(), "{place:?}");
            for row in rows {
                assert!(row.storm.count > 0);
                assert_eq!(row.series.len(), Subject::of(place).len());
            }
        }
    }
}
