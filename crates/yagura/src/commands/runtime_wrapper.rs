//! `yagura runtime-wrapper`: the program that is called in place of runc and crun.

use crate::exit::{Failure, Outcome};
use crate::output::{self, Form, table};
use serde::Serialize;
use yagura_event::escape;
use yagura_wrapper::{InstallOptions, Manager, ManagerState, Programs, install, remove, status};

/// Have containers ask before dangerous calls, on kernels without BPF LSM
///
/// containerd, CRI-O and Docker call the wrapper in place of their runtime. It puts questions for the sensor into the seccomp
/// profile of containers that policies cover, then becomes the runtime. Managers have to be restarted afterwards.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Have managers of containers call the wrapper
    Install(ManagerArguments),
    /// Have them call their runtimes again; their files are restored to the byte
    Remove(RemoveArguments),
    /// Tell how it stands with each manager
    Status(StatusArguments),
}

/// Which managers.
#[derive(Debug, clap::Args)]
pub(crate) struct ManagerArguments {
    /// Only this manager; may be repeated. All that are found if left out
    #[arg(long, value_name = "NAME", value_parser = parse_manager)]
    manager: Vec<Manager>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RemoveArguments {
    #[command(flatten)]
    managers: ManagerArguments,
    /// Remove the wrapper's folder too. Containers that were made through it can't be managed any more
    #[arg(long)]
    purge: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct StatusArguments {
    /// A table, or one JSON object for each manager
    #[arg(long, value_enum, default_value_t)]
    output: Form,
}

#[derive(Debug, Serialize)]
struct StatusJson {
    manager: &'static str,
    state: &'static str,
    files: Vec<String>,
}

fn parse_manager(name: &str) -> Result<Manager, String> {
    let names = || Manager::ALL.map(Manager::as_str).join(", ");
    Manager::ALL
        .into_iter()
        .find(|manager| manager.as_str() == name)
        .ok_or_else(|| format!("manager is one of {}", names()))
}

/// Does what a runtime was called for; comes back only if that can't be done.
///
/// # Errors
/// Why not, which the manager is told.
pub(crate) fn stand_in() -> Result<Outcome, Failure> {
    let Err(error) = yagura_wrapper::run(std::env::args_os());
    Err(Failure::Failed(error.into()))
}

/// Runs one of the commands.
///
/// # Errors
/// If files can't be changed; what was changed before is changed back.
pub(crate) fn run(command: &Command) -> Result<Outcome, Failure> {
    let mut options =
        InstallOptions::here().map_err(|error| Failure::Failed(anyhow::Error::new(error)))?;
    match command {
        Command::Install(arguments) => {
            choose(&mut options, &arguments.manager);
            install_in(&options)
        }
        Command::Remove(arguments) => {
            choose(&mut options, &arguments.managers.manager);
            remove_from(&options, arguments.purge)
        }
        Command::Status(arguments) => tell(&options, arguments.output),
    }
}

fn choose(options: &mut InstallOptions, managers: &[Manager]) {
    if !managers.is_empty() {
        options.managers = managers.to_vec();
    }
}

fn install_in(options: &InstallOptions) -> Result<Outcome, Failure> {
    let installed =
        install(options).map_err(|error| Failure::CannotRun(anyhow::Error::new(error)))?;
    let mut text = String::new();
    for (manager, file) in &installed.changed {
        let manager = manager.as_str();
        let file = file.display();
        text.push_str(&format!("{manager}: {file} changed; restart {manager}\n"));
    }
    for manager in &installed.already {
        text.push_str(&format!("{}: installed already\n", manager.as_str()));
    }
    for (manager, why) in &installed.left {
        let why = escape(why.as_bytes());
        text.push_str(&format!("{}: left alone: {why}\n", manager.as_str()));
    }
    output::print(&text)?;
    Ok(Outcome::Done)
}

fn remove_from(options: &InstallOptions, purge: bool) -> Result<Outcome, Failure> {
    let programs = if purge {
        Programs::Delete
    } else {
        Programs::Keep
    };
    let removed =
        remove(options, programs).map_err(|error| Failure::Failed(anyhow::Error::new(error)))?;
    let mut text = String::new();
    for (manager, file) in &removed.restored {
        let manager = manager.as_str();
        let file = file.display();
        text.push_str(&format!("{manager}: {file} restored; restart {manager}\n"));
    }
    for (manager, file) in &removed.edited {
        let manager = manager.as_str();
        let file = file.display();
        text.push_str(&format!(
            "{manager}: the wrapper was taken out of {file}, which others had changed; restart {manager}\n"
        ));
    }
    if text.is_empty() {
        text.push_str("not installed\n");
    }
    output::print(&text)?;
    Ok(Outcome::Done)
}

fn tell(options: &InstallOptions, form: Form) -> Result<Outcome, Failure> {
    let found = status(options).map_err(|error| Failure::CannotRun(anyhow::Error::new(error)))?;
    let all: Vec<StatusJson> = found
        .iter()
        .map(|manager| StatusJson {
            manager: manager.manager.as_str(),
            state: word(manager.state),
            files: manager
                .files
                .iter()
                .map(|file| file.display().to_string())
                .collect(),
        })
        .collect();
    if form == Form::Json {
        return all
            .iter()
            .try_for_each(output::print_line)
            .map(|()| Outcome::Done);
    }
    let rows = all.iter().map(|manager| {
        vec![
            manager.manager.to_owned(),
            manager.state.to_owned(),
            manager.files.join(", "),
        ]
    });
    output::print(&table::aligned(&["manager", "state", "files"], rows))?;
    Ok(Outcome::Done)
}

fn word(state: ManagerState) -> &'static str {
    match state {
        ManagerState::Absent => "absent",
        ManagerState::NotInstalled => "not-installed",
        ManagerState::Installed => "installed",
        ManagerState::Changed => "changed-since",
        ManagerState::Lost => "lost",
    }
}
