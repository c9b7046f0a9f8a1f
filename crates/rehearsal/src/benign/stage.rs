//! Where a benign workload runs: containers on the Debian image, and other sides for those that use a network.

use super::WaitInForce;
use crate::command::{self, CommandError, Exit, Input, Output};
use crate::container::{ContainerOptions, StartError, ThrowAwayContainer};
use crate::image::ThrowAwayImage;
use crate::keys::{RehearsalError, link};
use crate::limits::{NOTE_BYTES_MAX, SETTLE_PAUSE};
use crate::remains::RemoveError;
use crate::runtime::find_program;
use std::fmt;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use yagura_event::escape;

/// Where the image has the workloads' own files.
pub(super) const FILES_DIR: &str = "/opt/workloads";
/// Script of the image that waits until it is told to begin.
const BEGIN: &str = "begin.sh";
/// Where an engine notes the name of a container's image in its configuration.
const IMAGE_ANNOTATION: &str = "org.opencontainers.image.ref.name";
/// How long other sides may take until they serve.
const PEERS_TIMEOUT: Duration = Duration::from_secs(20);

/// The workload's side of a link; its resolver and its other sides are beyond.
const WORKLOAD_SIDE: &str = "addr add 10.77.0.2/24 dev eth0\nlink set eth0 up\n";
/// The other sides: one address for each service.
const PEER_SIDE: &str = "addr add 10.77.0.1/24 dev eth0\naddr add 10.77.0.10/24 dev eth0\n\
    addr add 10.77.0.11/24 dev eth0\naddr add 10.77.0.12/24 dev eth0\naddr add 10.77.0.13/24 dev eth0\n\
    addr add 10.77.0.14/24 dev eth0\naddr add 10.77.0.15/24 dev eth0\naddr add 10.77.0.16/24 dev eth0\n\
    addr add 10.77.0.17/24 dev eth0\nlink set eth0 up\n";

/// Why a workload did not run to its end.
#[derive(Debug, thiserror::Error)]
pub enum WorkloadError {
    /// A container did not start.
    #[error("a container did not start")]
    Start(#[from] StartError),
    /// A container could not be removed.
    #[error("a container stays")]
    Remove(#[from] RemoveError),
    /// A command could not be run.
    #[error("a command could not be run")]
    Command(#[from] CommandError),
    /// No pipe to a container.
    #[error("no pipe to a container")]
    Pipe(#[source] io::Error),
    /// Rules did not come to be in force on a container.
    #[error("no rule was in force on a container in time")]
    NotInForce,
    /// The host lacks a program.
    #[error("this host has no {program}")]
    HostLacks {
        /// The program.
        program: &'static str,
    },
    /// The private network could not be made.
    #[error("no private network")]
    Network(#[from] RehearsalError),
    /// A step failed.
    #[error("{step} failed ({exit:?}): {message}")]
    Failed {
        /// The step.
        step: String,
        /// How it ended.
        exit: Exit,
        /// The end of its error output, escaped and cut.
        message: String,
    },
}

/// A place for one workload. What it started is removed with it.
pub struct BenignStage<'a> {
    image: Arc<ThrowAwayImage>,
    options: ContainerOptions,
    deadline: Instant,
    /// Set if rules must be in force before anything begins.
    wait: Option<WaitInForce<'a>>,
    ids: Vec<String>,
    containers: Vec<ThrowAwayContainer>,
}

impl<'a> BenignStage<'a> {
    /// An empty one, whose containers begin with `options`, for a workload that may take `limit`.
    pub(super) fn new(
        image: &Arc<ThrowAwayImage>,
        options: &ContainerOptions,
        limit: Duration,
    ) -> BenignStage<'a> {
        BenignStage {
            image: Arc::clone(image),
            options: ContainerOptions {
                sysfs: true,
                hostname: "workload".to_owned(),
                ..options.clone()
            },
            deadline: Instant::now() + limit,
            wait: None,
            ids: Vec::new(),
            containers: Vec::new(),
        }
    }

    /// The same where nothing begins before rules are in force.
    pub(super) fn guarded(self, wait: WaitInForce<'a>) -> BenignStage<'a> {
        BenignStage {
            wait: Some(wait),
            ..self
        }
    }

    /// Gives containers the name of an image, as engines note it.
    pub(super) fn name_image(&mut self, name: &str) {
        self.options
            .annotations
            .insert(IMAGE_ANNOTATION.to_owned(), name.to_owned());
    }

    /// Tells the ids of all its containers, in the order of their starts.
    pub(super) fn ids(&self) -> &[String] {
        &self.ids
    }

    /// Removes what it started.
    pub(super) fn finish(&mut self) -> Result<(), WorkloadError> {
        let mut removed = Ok(());
        // The last one first: it may have joined the network of another.
        while let Some(container) = self.containers.pop() {
            removed = container.remove().and(removed);
        }
        Ok(removed?)
    }

    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Runs a script of the image as a container's first process, to its end.
    pub(super) fn first(&mut self, script: &str, arguments: &[&str]) -> Result<(), WorkloadError> {
        let options = self.options.clone();
        self.first_with(&options, script, arguments)
    }

    /// The same with capabilities beside the usual ones.
    pub(super) fn first_capable(
        &mut self,
        capabilities: &'static [&'static str],
        script: &str,
    ) -> Result<(), WorkloadError> {
        let mut options = self.options.clone();
        options.capabilities = capabilities;
        self.first_with(&options, script, &[])
    }

    /// The same in a container that is given more than others.
    pub(super) fn first_given(
        &mut self,
        give: impl FnOnce(&mut ContainerOptions),
        script: &str,
    ) -> Result<(), WorkloadError> {
        let mut options = self.options.clone();
        give(&mut options);
        self.first_with(&options, script, &[])
    }

    /// The same in a pod whose network has other sides: a resolver, web services, a cache.
    pub(super) fn first_with_peers(&mut self, script: &str) -> Result<(), WorkloadError> {
        let peers = self.start(Some("peers.sh"))?;
        let pod = self.start(None)?;
        self.link(pod, peers)?;
        self.wait_for(pod, "nc -z 10.77.0.1 53 && nc -z 10.77.0.10 8081")?;
        let options = self.joining(pod);
        self.first_with(&options, script, &[])
    }

    /// The same beside a host that is administered over ssh with the key in the pod's `/data`.
    pub(super) fn first_with_ssh_host(&mut self, script: &str) -> Result<(), WorkloadError> {
        let host = self.start(None)?;
        let keygen = "ssh-keygen -q -t ed25519 -N '' -f /data/id_ed25519 && chmod 755 /data";
        self.exec(host, &["sh", "-c", keygen])?;
        self.exec_detached(host, "ssh-target.sh")?;
        let pod = self.start(None)?;
        self.link(pod, host)?;
        let mut options = self.joining(pod);
        if let Some(container) = self.containers.get(host) {
            options.mounts.push(crate::bundle::HostMount {
                source: container.data_dir(),
                destination: PathBuf::from("/data"),
                read_only: true,
            });
        }
        self.first_with(&options, script, &[])
    }

    fn first_with(
        &mut self,
        options: &ContainerOptions,
        script: &str,
        arguments: &[&str],
    ) -> Result<(), WorkloadError> {
        let path = format!("{FILES_DIR}/{script}");
        let argv: Vec<&str> = std::iter::once(path.as_str())
            .chain(arguments.iter().copied())
            .collect();
        let (id, output) = match self.wait {
            None => ThrowAwayContainer::run_first(&self.image, options, &argv, self.left())?,
            Some(wait) => self.run_when_in_force(options, &argv, wait)?,
        };
        self.ids.push(id);
        accepted(script, &output)
    }

    /// Runs a container whose first process becomes `argv` once it is told that rules are in force.
    fn run_when_in_force(
        &self,
        options: &ContainerOptions,
        argv: &[&str],
        wait: WaitInForce<'_>,
    ) -> Result<(String, Output), WorkloadError> {
        let (told, mut teller) = io::pipe().map_err(WorkloadError::Pipe)?;
        let begin = format!("{FILES_DIR}/{BEGIN}");
        let argv: Vec<&str> = std::iter::once(begin.as_str())
            .chain(argv.iter().copied())
            .collect();
        let ran = ThrowAwayContainer::run_first_beside(
            &self.image,
            options,
            &argv,
            self.left(),
            Input::Pipe(told),
            move |id| {
                if wait(id) {
                    // If nobody listens any more, the container has ended, which says more.
                    let _ = teller.write_all(b"begin\n");
                }
            },
        )?;
        Ok(ran)
    }

    /// Starts a container and tells its number. Its first process is a script of the image, or one that only waits.
    pub(super) fn start(&mut self, script: Option<&str>) -> Result<usize, WorkloadError> {
        let mut options = self.options.clone();
        options
            .argv
            .extend(script.map(|name| format!("{FILES_DIR}/{name}")));
        let container = ThrowAwayContainer::start(&self.image, &options)?;
        let id = container.id().to_owned();
        self.containers.push(container);
        let in_force = self.wait.is_none_or(|wait| wait(&id));
        self.ids.push(id);
        match in_force {
            true => Ok(self.containers.len() - 1),
            false => Err(WorkloadError::NotInForce),
        }
    }

    /// Runs a command in a container that was started, as a kubelet's probe or an engine's `exec` does.
    pub(super) fn exec(&self, number: usize, argv: &[&str]) -> Result<Output, WorkloadError> {
        let output = self.container(number)?.exec(argv, self.left())?;
        accepted(&argv.join(" "), &output)?;
        Ok(output)
    }

    /// Leaves a script of the image running in a container.
    fn exec_detached(&self, number: usize, script: &str) -> Result<(), WorkloadError> {
        let line = format!("{FILES_DIR}/{script} </dev/null >/dev/null 2>&1 &");
        self.exec(number, &["sh", "-c", &line]).map(drop)
    }

    /// Types lines into a shell with a terminal, as people do who debug in a container.
    pub(super) fn exec_terminal(&self, number: usize, lines: &str) -> Result<(), WorkloadError> {
        let container = self.container(number)?;
        let script =
            find_program("script").ok_or(WorkloadError::HostLacks { program: "script" })?;
        let runtime = container.runtime();
        let line = format!(
            "{} --root {} exec --tty --env TERM=xterm {} bash",
            runtime.path().display(),
            container.state_root().display(),
            container.id(),
        );
        let mut command = Command::new(script);
        command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
        let output = command::run(&mut command, Input::Bytes(lines.as_bytes()), self.left())?;
        accepted("a session with a terminal", &output)
    }

    /// Waits until a line of shell succeeds in a container.
    pub(super) fn wait_for(&self, number: usize, line: &str) -> Result<(), WorkloadError> {
        let deadline = Instant::now() + PEERS_TIMEOUT.min(self.left());
        loop {
            let tried = self.exec(number, &["sh", "-c", line]);
            if tried.is_ok() || Instant::now() >= deadline {
                return tried.map(drop);
            }
            thread::sleep(SETTLE_PAUSE * 20);
        }
    }

    fn container(&self, number: usize) -> Result<&ThrowAwayContainer, WorkloadError> {
        self.containers
            .get(number)
            .ok_or_else(|| WorkloadError::Failed {
                step: format!("container {number}"),
                exit: Exit::Code(1),
                message: "never started".to_owned(),
            })
    }

    fn joining(&self, pod: usize) -> ContainerOptions {
        let mut options = self.options.clone();
        options.join_network = self
            .containers
            .get(pod)
            .map(|container| PathBuf::from(format!("/proc/{}/ns/net", container.first_pid())));
        options
    }

    /// Puts a pod and its other sides on a link that is in no other namespace.
    fn link(&self, pod: usize, peers: usize) -> Result<(), WorkloadError> {
        let pod = self.container(pod)?.first_pid();
        let peers = self.container(peers)?.first_pid();
        link(pod, peers, WORKLOAD_SIDE, PEER_SIDE)?;
        Ok(())
    }
}

impl fmt::Debug for BenignStage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BenignStage")
            .field("options", &self.options)
            .field("ids", &self.ids)
            .finish_non_exhaustive()
    }
}

fn accepted(step: &str, output: &Output) -> Result<(), WorkloadError> {
    if output.succeeded() {
        return Ok(());
    }
    Err(WorkloadError::Failed {
        step: step.to_owned(),
        exit: output.exit,
        message: end_of(&output.stderr),
    })
}

/// The end of a command's error output, fit to be shown: what made it fail is said last.
fn end_of(bytes: &[u8]) -> String {
    let bytes = bytes.trim_ascii();
    let start = bytes.len().saturating_sub(NOTE_BYTES_MAX);
    escape(bytes.get(start..).unwrap_or_default()).into_owned()
}
