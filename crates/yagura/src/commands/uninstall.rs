//! `yagura uninstall`: nothing of Yagura's stays in the kernel or in the runtimes' configurations.

use super::sensor::parse_instance;
use crate::exit::{Failure, Outcome};
use crate::output;
use anyhow::anyhow;
use std::path::Path;
use yagura_kernel::{Guard, remove_cgroup_pins};
use yagura_sensor::{ControlError, EnforceSettings, Question, ask};
use yagura_wrapper::{InstallOptions, Programs, remove};

/// Take away everything that enforces on this node, and prove it
///
/// Pinned programs and maps of all sensors of this node, their state, and the runtime wrapper. The quarantine store and the
/// executable are left. A sensor that is still running has to be stopped first. With --instance only that sensor's share
/// goes. Exit codes: 0 nothing is left, 1 something is or a sensor is running, 3 these rights don't allow it.
#[derive(Debug, clap::Args)]
#[command(after_help = crate::exit::HELP)]
pub(crate) struct Arguments {
    /// Remove the runtime wrapper's folder too. Containers that were made through it can't be managed any more
    #[arg(long)]
    purge_wrapper: bool,
    /// Only the sensor of this name; other sensors and the runtime wrapper stay as they are
    #[arg(long, value_name = "NAME", value_parser = parse_instance, conflicts_with = "purge_wrapper")]
    instance: Option<EnforceSettings>,
}

/// Takes everything away.
///
/// # Errors
/// As the command's help says.
pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    super::doctor::require_rights()?;
    let mut found = Found::default();
    match &arguments.instance {
        Some(settings) => found.take_away(settings)?,
        None => {
            for settings in instances() {
                found.take_away(&settings)?;
            }
            for parent in EnforceSettings::parents() {
                // Only if nothing else is in it.
                let _ = std::fs::remove_dir(parent);
            }
            found.lines.push(wrapper(arguments.purge_wrapper)?);
            for program in yagura_kernel::loaded_guard_programs() {
                found.left.push(format!("BPF program {program}"));
            }
        }
    }
    found.tell()
}

/// What was taken away, and what could not be.
#[derive(Debug, Default)]
struct Found {
    lines: Vec<String>,
    left: Vec<String>,
}

impl Found {
    /// Takes away what one sensor has pinned, and its state.
    fn take_away(&mut self, settings: &EnforceSettings) -> Result<(), Failure> {
        let name = settings.state.file_name().unwrap_or_default().display();
        match ask(&settings.state, &Question::Status) {
            Err(ControlError::Nobody(_)) => {}
            _ => {
                return Err(Failure::Failed(anyhow!(
                    "sensor {name} is running: stop it first"
                )));
            }
        }
        remove_instance(settings)?;
        self.lines
            .push(format!("{name}: nothing is pinned any more"));
        for path in [&settings.pins, &settings.state] {
            if path.exists() {
                self.left.push(path.display().to_string());
            }
        }
        Ok(())
    }

    fn tell(mut self) -> Result<Outcome, Failure> {
        for path in &self.left {
            self.lines.push(format!("LEFT: {path}"));
        }
        if self.left.is_empty() {
            self.lines.push("nothing is left".to_owned());
        }
        output::print(&(self.lines.join("\n") + "\n"))?;
        Ok(match self.left.is_empty() {
            true => Outcome::Done,
            false => Outcome::Findings,
        })
    }
}

/// Takes away what one sensor has pinned, and its state.
///
/// # Errors
/// If the kernel does not let it go.
pub(crate) fn remove_instance(settings: &EnforceSettings) -> Result<(), Failure> {
    remove_cgroup_pins(&settings.pins)
        .map_err(|error| Failure::CannotRun(anyhow::Error::new(error)))?;
    Guard::remove(&settings.pins).map_err(|error| Failure::CannotRun(anyhow::Error::new(error)))?;
    // What is left of it is looked for afterwards.
    let _ = std::fs::remove_dir_all(&settings.state);
    Ok(())
}

/// Every sensor that has pinned something or has a state directory.
pub(crate) fn instances() -> Vec<EnforceSettings> {
    let mut names: Vec<String> = EnforceSettings::parents()
        .into_iter()
        .flat_map(|parent| names_in(&parent))
        .collect();
    names.sort();
    names.dedup();
    names
        .iter()
        .filter_map(|name| EnforceSettings::of_instance(name))
        .collect()
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

fn wrapper(purge: bool) -> Result<String, Failure> {
    let options =
        InstallOptions::here().map_err(|error| Failure::Failed(anyhow::Error::new(error)))?;
    let programs = if purge {
        Programs::Delete
    } else {
        Programs::Keep
    };
    let removed =
        remove(&options, programs).map_err(|error| Failure::Failed(anyhow::Error::new(error)))?;
    let count = removed.restored.len() + removed.edited.len();
    Ok(match count {
        0 => "runtime wrapper: not installed".to_owned(),
        count => format!("runtime wrapper: {count} files changed back; restart the managers"),
    })
}
