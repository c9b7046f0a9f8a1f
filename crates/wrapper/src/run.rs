//! The way of one call: what has to be done before the runtime is, and then the runtime.
//!
//! Whatever goes wrong here, the runtime is executed with the arguments that were given: a container that is not asked
//! about is better than one that doesn't start. The exceptions are settings (`require_agent`, `refuse`).

use crate::agent;
use crate::command_line::{CommandLine, UnknownOption, Verb};
use crate::journal::Journal;
use crate::limits::{ANNOTATION_BYTES_MAX, CONFIG_BYTES_MAX, ID_BYTES_MAX, METADATA_BYTES_MAX};
use crate::places::{self, DEFAULT_STATE, PROGRAM_SUFFIX, Places};
use crate::profile::{self, ProfileError, Request};
use crate::record::Record;
use crate::scope::ContainerFacts;
use crate::settings::{Settings, SettingsError};
use crate::{stand_in, support};
use serde_json::Value;
use std::convert::Infallible;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use yagura_event::with_causes;

/// Where a runtime is looked for when the record of the installation is lost.
const USUAL_FOLDERS: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];

/// Why the runtime was not executed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There was no program name among the arguments.
    #[error("called without a name")]
    NoName,
    /// The runtime can't be executed.
    #[error("the runtime {runtime} can't be executed")]
    Runtime {
        /// Where it should be.
        runtime: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The settings want the container not to start.
    #[error("yagura: the container is not started: {reason}, and the settings require the agent")]
    Refused {
        /// Why it can't be asked about.
        reason: String,
    },
    /// A rule does not let containers of its image start.
    #[error(
        "yagura: the container is not started: its image {image} is at risk under rule \"{rule}\""
    )]
    AtRisk {
        /// The image as the pod names it, escaped.
        image: String,
        /// The rule, escaped.
        rule: String,
    },
    /// It was started as a stand-in for the agent and couldn't be.
    #[error("the stand-in for the agent can't take its place")]
    StandIn(#[source] io::Error),
}

/// Why a container is started as it is.
#[derive(Debug, thiserror::Error)]
enum Unchanged {
    #[error("the command line is not understood")]
    CommandLine(#[from] UnknownOption),
    #[error("the settings are not to be relied on")]
    Settings(#[from] SettingsError),
    #[error("config.json can't be read or written")]
    Config(#[source] io::Error),
    #[error("config.json is malformed")]
    Malformed(#[from] serde_json::Error),
    #[error("the runtime can't be asked what it supports")]
    Support(#[source] io::Error),
    #[error("nobody is there to be asked")]
    Agent(#[from] agent::Absent),
    #[error("this runtime or kernel does not support questions")]
    Unsupported,
    #[error("{0} bytes of annotations, more than {ANNOTATION_BYTES_MAX}")]
    Annotations(usize),
    #[error("the profile stays as it is")]
    Profile(#[from] ProfileError),
}

/// Does what a runtime would be called for, as the runtime: on success this process becomes it.
///
/// `arguments` are those of the process, the name that it was called by first.
///
/// # Errors
/// If the runtime can't be executed, or a container may not start by the settings. The process should then end with
/// status 1.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Result<Infallible, RunError> {
    let mut arguments = arguments.into_iter();
    let program = arguments.next().ok_or(RunError::NoName)?;
    let arguments: Vec<OsString> = arguments.collect();
    if let [first, socket] = arguments.as_slice()
        && first == stand_in::ARGUMENT
    {
        let served = stand_in::serve(Path::new(socket));
        served.map_err(RunError::StandIn)?;
        std::process::exit(0);
    }
    let call = Call::new(&program);
    // What a panic would print is not for whoever reads a runtime's errors.
    std::panic::set_hook(Box::new(|_| {}));
    let prepared = catch_unwind(AssertUnwindSafe(|| call.prepare(&arguments)));
    if let Ok(Err(refused)) = prepared {
        return Err(refused);
    }
    let mut command = Command::new(&call.runtime);
    let source = command.args(&arguments).exec();
    Err(RunError::Runtime {
        runtime: call.runtime,
        source,
    })
}

/// Whether a program of that name is to be [`run`] as the wrapper.
pub fn is_wrapper_name(name: &OsStr) -> bool {
    name.as_encoded_bytes().ends_with(PROGRAM_SUFFIX.as_bytes())
}

struct Call {
    program: OsString,
    /// Such as `runc`.
    name: String,
    places: Places,
    runtime: PathBuf,
}

impl Call {
    fn new(program: &OsStr) -> Call {
        let path = Path::new(program);
        let file = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        let name = file.strip_suffix(PROGRAM_SUFFIX).unwrap_or_default();
        let name = name.trim_end_matches('-');
        let name = if name.is_empty() { "runc" } else { name };
        let places = Places::of_program(path).unwrap_or_else(|| Places::new(DEFAULT_STATE));
        let recorded = Record::read(&places)
            .ok()
            .and_then(|record| record.runtime_of(file));
        Call {
            program: program.to_owned(),
            runtime: recorded.unwrap_or_else(|| look_for(name)),
            name: name.to_owned(),
            places,
        }
    }

    fn prepare(&self, arguments: &[OsString]) -> Result<(), RunError> {
        let line = match CommandLine::parse(arguments) {
            Ok(line) => line,
            Err(error) => {
                let journal = Journal::new(self.places.log(), None);
                journal.write_error("started unchanged", &Unchanged::from(error));
                return Ok(());
            }
        };
        let journal = Journal::new(self.places.log(), line.id.as_deref());
        match line.verb {
            Verb::Make => match self.make(&line, &journal) {
                Ok(()) => {}
                Err(Ending::Unchanged(error)) => journal.write_error("started unchanged", &error),
                Err(Ending::Refused(refused)) => {
                    journal.write(&refused.to_string());
                    tell_manager(&line, &refused);
                    return Err(refused);
                }
            },
            Verb::Exec => self.stand_in_for_agent(&line, &journal),
            Verb::Delete => {
                if let Some(marker) = self.marker(line.id.as_deref()) {
                    let _ = std::fs::remove_file(marker);
                }
            }
            Verb::Other => {}
        }
        Ok(())
    }

    fn make(&self, line: &CommandLine, journal: &Journal) -> Result<(), Ending> {
        let Some(settings) = Settings::read(&self.places).map_err(Unchanged::from)? else {
            return Ok(());
        };
        let path = line.config_path();
        let bytes = places::read_bounded(&path, CONFIG_BYTES_MAX).map_err(Unchanged::Config)?;
        let mut config: Value = serde_json::from_slice(&bytes).map_err(Unchanged::from)?;
        let socket = settings.socket.to_str().unwrap_or_default();
        let was_merged = profile::is_merged(&config, socket);
        let facts = ContainerFacts::of(&config);
        if let Some(refusal) = settings.refuses(&facts) {
            let image = facts.image.as_deref().unwrap_or_default();
            return Err(Ending::Refused(RunError::AtRisk {
                image: yagura_event::escape(image.as_bytes()).into_owned(),
                rule: yagura_event::escape(refusal.rule.as_bytes()).into_owned(),
            }));
        }
        let answer = if settings.covers(&facts) {
            self.askable(&settings, &facts)
        } else if was_merged {
            Err(None)
        } else {
            return Ok(());
        };
        if let Err(reason) = answer {
            if let (Some(reason), true) = (&reason, settings.require_agent) {
                let reason = with_causes(reason);
                return Err(Ending::Refused(RunError::Refused { reason }));
            }
            if was_merged {
                // A bundle that is used again, and nobody to ask now.
                profile::unmerge(&mut config).map_err(Unchanged::from)?;
                write_config(&path, &config)?;
            }
            return reason.map_or(Ok(()), |reason| Err(reason.into()));
        }
        if !was_merged {
            let metadata = facts.metadata();
            let fits = metadata.len() <= METADATA_BYTES_MAX;
            let request = Request {
                socket,
                metadata: if fits { &metadata } else { "{}" },
                calls: &settings.calls,
            };
            let merged = profile::merge(&mut config, &request).map_err(Unchanged::from)?;
            write_config(&path, &config)?;
            let count = merged.notified.len();
            journal.write(&format!("asked about {count} calls"));
        }
        if let Some(marker) = self.marker(line.id.as_deref()) {
            let _ = marker.parent().map(std::fs::create_dir_all);
            let _ = places::replace(&marker, socket.as_bytes(), 0o600);
        }
        Ok(())
    }

    /// Whether there are means to ask about a container in scope.
    fn askable(
        &self,
        settings: &Settings,
        facts: &ContainerFacts,
    ) -> Result<(), Option<Unchanged>> {
        let bytes = facts.annotation_bytes();
        if bytes > ANNOTATION_BYTES_MAX {
            return Err(Some(Unchanged::Annotations(bytes)));
        }
        agent::ping(&settings.socket).map_err(|absent| Some(Unchanged::Agent(absent)))?;
        match support::is_given(&self.places, &self.name, &self.runtime) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Some(Unchanged::Unsupported)),
            Err(error) => Err(Some(Unchanged::Support(error))),
        }
    }

    /// Where it is noted which container is asked about.
    fn marker(&self, id: Option<&OsStr>) -> Option<PathBuf> {
        let id = id?.to_str().filter(|id| {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-+.".contains(&byte);
            id.len() <= ID_BYTES_MAX && id.bytes().all(is_plain) && !id.starts_with('.')
        })?;
        Some(self.places.containers().join(id))
    }

    fn stand_in_for_agent(&self, line: &CommandLine, journal: &Journal) {
        let marker = self.marker(line.id.as_deref());
        let Some(socket) = marker.and_then(|marker| std::fs::read_to_string(marker).ok()) else {
            return;
        };
        let socket = Path::new(&socket);
        if agent::ping(socket).is_ok() {
            return;
        }
        match stand_in::start(&self.program, socket) {
            Ok(()) => journal.write("started a program while the agent was away"),
            Err(error) => journal.write_error("no stand-in for the agent", &error),
        }
    }
}

enum Ending {
    Unchanged(Unchanged),
    Refused(RunError),
}

impl<E: Into<Unchanged>> From<E> for Ending {
    fn from(error: E) -> Ending {
        Ending::Unchanged(error.into())
    }
}

fn write_config(path: &Path, config: &Value) -> Result<(), Unchanged> {
    let bytes = serde_json::to_vec(config)?;
    places::replace(path, &bytes, 0o600).map_err(Unchanged::Config)
}

fn look_for(name: &str) -> PathBuf {
    let folders = USUAL_FOLDERS
        .iter()
        .map(|folder| Path::new(folder).join(name));
    let found = folders.clone().find(|path| path.is_file());
    found.unwrap_or_else(|| PathBuf::from(name))
}

/// Says in the runtime's log, where managers look for it, why a container was not started.
fn tell_manager(line: &CommandLine, refused: &RunError) {
    let Some(log) = &line.log else {
        return;
    };
    let message = refused.to_string();
    let text = if line.log_is_json {
        let time = jiff::Timestamp::now().to_string();
        serde_json::json!({ "level": "error", "msg": message, "time": time }).to_string()
    } else {
        message
    };
    let file = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(log);
    let _ = file.and_then(|mut file| writeln!(file, "{text}"));
}
