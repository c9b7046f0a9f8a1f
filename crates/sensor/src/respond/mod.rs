//! Commands of a person, carried out on this node.
//!
//! Does: end a process, stop, freeze, cut off and let back a container, take a file out of one and put it back, scan and
//! record in one.
//! Never: touches what is not in a container that the sensor knows. What a command names is looked up anew: a container by
//! its whole id, a process by its start, a file below the container's own root.
//!
//! Start at [`Responder::execute`]; [`target`] finds the container, then a module for each kind of act.

mod capture;
mod cgroup;
mod files;
mod network;
mod process;
mod scan;
mod target;

use crate::enforce::{Answer, EnforceSettings, Question, ask};
use crate::scan::ScanSettings;
use crate::start::Sensor;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use target::{Target, TargetError};
use yagura_event::{CgroupId, Node, with_causes};
use yagura_proto::client::CommandReport;
use yagura_proto::command::{Command, CommandAction, CommandId};
use yagura_proto::wire::CommandOutcome;
use yagura_runtimes::RuntimesConfig;

/// Where a node keeps what commands need.
#[derive(Debug, Clone)]
pub struct RespondSettings {
    /// The instance of enforcement: where containers that are cut off are pinned.
    pub instance: EnforceSettings,
    /// Whether that instance enforces, and so answers.
    pub enforces: bool,
    /// Folder of files that were taken out of containers.
    pub quarantine: PathBuf,
    /// Folder of recordings.
    pub captures: PathBuf,
    /// What files are scanned with; `None` if this sensor scans none.
    pub scan: Option<ScanSettings>,
    /// Where runtimes and cgroups are.
    pub runtimes: RuntimesConfig,
    /// The node, for recordings.
    pub node: Arc<Node>,
}

/// Carries out commands.
#[derive(Debug)]
pub struct Responder {
    sensor: Arc<Sensor>,
    settings: RespondSettings,
    /// Held by the one recording that may be made at a time.
    recording: Mutex<()>,
}

/// What became of a command.
#[derive(Debug)]
struct Done {
    text: String,
    result: Option<Value>,
}

impl Done {
    fn new(text: impl Into<String>) -> Done {
        Done {
            text: text.into(),
            result: None,
        }
    }

    fn with(self, result: Value) -> Done {
        Done {
            result: Some(result),
            ..self
        }
    }
}

/// Why a command is not done.
#[derive(Debug)]
enum Undone {
    /// Not tried.
    Refused(String),
    /// Tried, and it did not work.
    Failed(String),
}

impl From<TargetError> for Undone {
    fn from(error: TargetError) -> Undone {
        Undone::Refused(with_causes(&error))
    }
}

impl Undone {
    fn failed(error: impl std::error::Error) -> Undone {
        Undone::Failed(with_causes(&error))
    }

    fn refused(error: impl std::error::Error) -> Undone {
        Undone::Refused(with_causes(&error))
    }
}

impl Responder {
    /// What containers that ended left behind is taken away; those that are cut off stay so.
    pub fn new(sensor: Arc<Sensor>, settings: RespondSettings) -> Responder {
        network::begin(&settings.instance.pins);
        Responder {
            sensor,
            settings,
            recording: Mutex::default(),
        }
    }

    /// Whether a container is cut off the network.
    pub(crate) fn is_cut_off(&self, cgroup: CgroupId) -> bool {
        network::is_cut_off(&self.settings.instance.pins, cgroup)
    }

    /// Whether a container is frozen.
    pub(crate) fn is_frozen(&self, container: &crate::KnownContainer) -> bool {
        cgroup::Cgroup::find(&self.settings.runtimes.cgroup_root, container.cgroup)
            .is_ok_and(|cgroup| cgroup.is_frozen())
    }

    /// Carries out a command, which was checked and is done for the first time.
    pub fn execute(&self, command: &Command) -> CommandReport {
        let done = match &command.action {
            CommandAction::KillProcess {
                pid,
                start_time,
                container_id,
            } => self
                .target(container_id)
                .and_then(|target| process::kill(&target, *pid, start_time)),
            CommandAction::StopContainer { container_id } => self
                .target(container_id)
                .and_then(|target| cgroup::stop(&target)),
            CommandAction::PauseContainer { container_id } => self
                .target(container_id)
                .and_then(|target| cgroup::freeze(&target)),
            CommandAction::ResumeContainer { container_id } => self
                .target(container_id)
                .and_then(|target| cgroup::thaw(&target)),
            CommandAction::IsolateContainer { container_id } => self
                .target(container_id)
                .and_then(|target| network::cut_off(&self.settings.instance.pins, &target)),
            CommandAction::RejoinContainer { container_id } => self
                .target(container_id)
                .and_then(|target| network::let_back(&self.settings.instance.pins, &target)),
            CommandAction::QuarantineFile {
                container_id,
                path,
                sha256,
            } => self.target(container_id).and_then(|target| {
                let why = format!("command {} of {}", command.id, command.issuer);
                let store = &self.settings.quarantine;
                files::quarantine(store, &target, path, sha256.as_deref(), &why)
            }),
            CommandAction::RestoreFile { quarantine_id } => {
                files::restore(&self.settings.quarantine, quarantine_id, |container| {
                    self.target(container)
                })
            }
            CommandAction::Scan { container_id, path } => self
                .target(container_id)
                .and_then(|target| scan::scan(self.settings.scan.as_ref(), &target, path)),
            CommandAction::Capture {
                container_id,
                duration_s,
            } => self.capture(command.id.as_str(), container_id, *duration_s),
            CommandAction::Release { container_id } => {
                self.control(container_id, |container| Question::Release { container })
            }
            CommandAction::Enforce { container_id } => {
                self.control(container_id, |container| Question::Resume { container })
            }
        };
        report(done)
    }

    /// The recording that a command made, as long as it is kept.
    pub fn output(&self, command: &CommandId) -> Option<PathBuf> {
        let file = capture::file_of(&self.settings.captures, command.as_str());
        file.is_file().then_some(file)
    }

    fn target(&self, container_id: &str) -> Result<Target, Undone> {
        let known = self.sensor.containers();
        let known = known.ok_or_else(|| Undone::Failed("sensor does not answer".to_owned()))?;
        Ok(Target::find(
            &known,
            container_id,
            &self.settings.runtimes.cgroup_root,
        )?)
    }

    fn capture(
        &self,
        command_id: &str,
        container_id: &str,
        duration_s: u32,
    ) -> Result<Done, Undone> {
        if !container_id.is_empty() {
            self.target(container_id)?;
        }
        let Ok(_recording) = self.recording.try_lock() else {
            return Err(Undone::Refused(
                "another recording is being made on this node".to_owned(),
            ));
        };
        let order = capture::Order {
            name: command_id,
            container_id,
            duration_s,
            node: &self.settings.node,
            runtimes: &self.settings.runtimes,
            folder: &self.settings.captures,
        };
        capture::record(&order, || self.sensor.has_ended())
    }

    fn control(
        &self,
        container_id: &str,
        question: impl FnOnce(Option<String>) -> Question,
    ) -> Result<Done, Undone> {
        if !self.settings.enforces {
            return Err(Undone::Refused("this sensor enforces nothing".to_owned()));
        }
        let container = Some(container_id.to_owned()).filter(|id| !id.is_empty());
        match ask(&self.settings.instance.state, &question(container)) {
            Ok(Answer::Done(count)) => {
                Ok(Done::new(format!("{count} containers")).with(json!({ "containers": count })))
            }
            Ok(Answer::Refused(reason)) => Err(Undone::Refused(reason)),
            Ok(Answer::Status(_)) => Err(Undone::Failed("sensor answered something else".into())),
            Err(error) => Err(Undone::failed(error)),
        }
    }
}

fn report(done: Result<Done, Undone>) -> CommandReport {
    let (outcome, text, result) = match done {
        Ok(done) => (CommandOutcome::Done, done.text, done.result),
        Err(Undone::Refused(why)) => (CommandOutcome::Refused, why, None),
        Err(Undone::Failed(why)) => (CommandOutcome::Failed, why, None),
    };
    CommandReport {
        outcome,
        text,
        result: result
            .map(|value| value.to_string().into_bytes())
            .unwrap_or_default(),
    }
}
