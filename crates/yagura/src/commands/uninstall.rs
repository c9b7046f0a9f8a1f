//! `yagura uninstall`: nothing of Yagura's stays in the kernel or in the runtimes' configurations.

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
/// executable are left. A sensor that is still running has to be stopped first. Exit codes: 0 nothing is left, 1 something
/// is, 3 these rights don't allow it.
#[derive(Debug, clap::Args)]
#[command(after_help = crate::exit::HELP)]
pub(crate) struct Arguments {
    /// Remove the runtime wrapper's folder too. Containers that were made through it can't be managed any more
    #[arg(long)]
    purge_wrapper: bool,
}

/// Takes everything away.
///
/// # Errors
/// As the command's help says.
pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    super::doctor::require_rights()?;
    let mut lines = Vec::new();
    let mut left = Vec::new();
    for (name, settings) in instances() {
        match ask(&settings.state, &Question::Status) {
            Err(ControlError::Nobody(_)) => {}
            _ => {
                return Err(Failure::Failed(anyhow!(
                    "sensor {name} is running: stop it first"
                )));
            }
        }
        remove_cgroup_pins(&settings.pins)
            .map_err(|error| Failure::CannotRun(anyhow::Error::new(error)))?;
        Guard::remove(&settings.pins)
            .map_err(|error| Failure::CannotRun(anyhow::Error::new(error)))?;
        lines.push(format!("{name}: nothing is pinned any more"));
        // An empty folder left by somebody else's file says so below.
        let _ = std::fs::remove_dir_all(&settings.state);
        for path in [&settings.pins, &settings.state] {
            if path.exists() {
                left.push(path.display().to_string());
            }
        }
    }
    for parent in EnforceSettings::parents() {
        // Only if nothing else is in it.
        let _ = std::fs::remove_dir(parent);
    }
    lines.push(wrapper(arguments.purge_wrapper)?);
    for program in yagura_kernel::loaded_guard_programs() {
        left.push(format!("BPF program {program}"));
    }
    for path in &left {
        lines.push(format!("LEFT: {path}"));
    }
    if left.is_empty() {
        lines.push("nothing is left".to_owned());
    }
    output::print(&(lines.join("\n") + "\n"))?;
    Ok(match left.is_empty() {
        true => Outcome::Done,
        false => Outcome::Findings,
    })
}

/// Every sensor that has pinned something or has a state directory.
fn instances() -> Vec<(String, EnforceSettings)> {
    let mut names: Vec<String> = EnforceSettings::parents()
        .into_iter()
        .flat_map(|parent| names_in(&parent))
        .collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .filter_map(|name| {
            let settings = EnforceSettings::of_instance(&name)?;
            Some((name, settings))
        })
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
