//! Where an attempt takes place: its container, and what stands in for the host around it.

use super::attempt::{Attempt, result};
use super::helper::Helper;
use super::trace::Trace;
use super::{Entry, EscapeTechnique, effect};
use crate::bundle::HostMount;
use crate::cgroups;
use crate::command::{self, CommandError, Exit, Input, Output, now};
use crate::container::{ContainerOptions, StartError, ThrowAwayContainer};
use crate::image::ThrowAwayImage;
use crate::keys::props::ACT;
use crate::keys::{Peer, RehearsalError, Service};
use crate::limits::CASE_TIMEOUT;
use crate::programs;
use crate::remains::{self, DirectoryError, Remains, RemoveError, mount_tmpfs};
use crate::runtime::find_program;
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// Folders of the stand-in for the host's root.
const HOST_DIRS: [&str; 12] = [
    "etc/cron.d",
    "etc/kubernetes/manifests",
    "etc/ld.so.conf.d",
    "etc/sudoers.d",
    "etc/systemd/system",
    "root/.ssh",
    "run",
    "share",
    "usr/sbin",
    "var/lib/kubelet/pki",
    "var/log/pods/default_web-0_1/main",
    "var/spool/cron/crontabs",
];
/// Files of it that hold the secret.
const HOST_SECRETS: [&str; 3] = [
    "etc/kubernetes/kubelet.conf",
    "secret",
    "var/lib/kubelet/pki/kubelet-client-current.pem",
];
/// Files of it that hold nothing.
const HOST_EMPTY: [&str; 2] = ["beyond", "share/file"];
/// A program of the host.
const HOST_PROGRAM: &str = "usr/sbin/runc";
/// Lines that a victim says of itself.
const VICTIM_LINES: usize = 2;
/// Size of the file behind a block device, in KiB.
const DISK_KIB: &str = "256";
/// Where a container finds the node of a block device that it is given.
const GIVEN_NODE: &str = "/host-disk";
/// Number of the driver of loop devices.
const LOOP_MAJOR: u32 = 7;
/// What Docker's clients say first.
const REQUEST: &str =
    "POST /v1.43/containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}";
/// A shell opens something as descriptor 3 before it becomes something else.
const ENTER_BY_DESCRIPTOR: &str = r#"exec 3< "$1"; shift; exec "$@""#;
/// Into every cgroup of the container by writing its own pid, then on.
const ENTER_CGROUPS: &str = r#"for at in $1; do echo $$ > "$at"; done; shift; exec "$@""#;

/// Why an attempt could not be made, or nobody can tell what came of it.
#[derive(Debug, thiserror::Error)]
pub enum EscapeError {
    /// This machine lacks what it takes.
    #[error("not possible here: {reason}")]
    NotPossibleHere {
        /// What is missing.
        reason: String,
    },
    /// No private directory for stand-ins.
    #[error("no place for stand-ins")]
    Directory(#[from] DirectoryError),
    /// The container did not start.
    #[error("no container")]
    Container(#[from] StartError),
    /// No stand-in for something of the host's.
    #[error("no stand-in for {what}")]
    StandIn {
        /// For what.
        what: &'static str,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// A listener could not be made.
    #[error("no listener")]
    Listener(#[from] RehearsalError),
    /// A command could not be run.
    #[error("the attempt could not be run")]
    Command(#[from] CommandError),
    /// The process did not start, or did not say what it did.
    #[error("the attempt did not take place ({exit:?}): {message}")]
    NotStarted {
        /// How the command ended.
        exit: Exit,
        /// Its error output, escaped and cut.
        message: String,
    },
    /// Whether the effect is there could not be seen.
    #[error("can't see whether the effect is there")]
    Unseen {
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// Something stayed.
    #[error("not everything could be removed")]
    Remains(#[from] RemoveError),
}

/// A technique's container and what stands around it, all of which goes when this is dropped.
#[derive(Debug)]
pub struct EscapeStage {
    technique: &'static EscapeTechnique,
    // In this order: whoever uses files ends before the files go.
    helpers: Vec<Helper>,
    listener: Option<Peer>,
    container: ThrowAwayContainer,
    files: Files,
    /// What stands for words in braces.
    words: Vec<(&'static str, String)>,
}

/// The directory of stand-ins, removed when dropped.
#[derive(Debug)]
struct Files(Remains);

impl Files {
    fn host(&self) -> PathBuf {
        self.0.dir.join("host")
    }

    /// A word that no other attempt has.
    fn secret(&self) -> &str {
        self.0.name.rsplit('-').next().unwrap_or_default()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // Nobody to tell; `cleanup_leftovers` of a later run finds what stayed.
        let _ = self.0.remove();
    }
}

impl EscapeStage {
    /// Starts a technique's container from `options`, to which what the technique needs is added, and lays out what it
    /// will act on. Nothing is attempted yet.
    ///
    /// # Errors
    /// `NotPossibleHere` if this machine lacks what it takes to set the stage; anything else but `NotStarted` and
    /// `Unseen`.
    pub fn set(
        technique: &'static EscapeTechnique,
        image: &Arc<ThrowAwayImage>,
        options: &ContainerOptions,
    ) -> Result<EscapeStage, EscapeError> {
        let making = remains::begin()?;
        let files = Files(Remains::create(&making, &options.base, None)?);
        drop(making);
        lay_out(&files, technique.needs.host_file_system).map_err(|source| {
            EscapeError::StandIn {
                what: "the host's files",
                source,
            }
        })?;
        let listener = listen(technique, &files)?;
        let container = ThrowAwayContainer::start(image, &prepared(technique, options, &files))?;
        let mut stage = EscapeStage {
            technique,
            helpers: Vec::new(),
            listener,
            words: vec![
                ("{secret}", files.secret().to_owned()),
                ("{host}", files.host().to_string_lossy().into_owned()),
                ("{request}", REQUEST.to_owned()),
                ("{identity-map}", "0 0 1".to_owned()),
            ],
            container,
            files,
        };
        if technique.needs.victim {
            stage.add_victim()?;
        }
        if technique.needs.visitor {
            stage.add_visitor()?;
        }
        if technique.needs.block_device {
            stage.add_block_device()?;
        }
        stage.add_handle()?;
        Ok(stage)
    }

    /// Tells the technique.
    pub fn technique(&self) -> &'static EscapeTechnique {
        self.technique
    }

    /// Tells the container that is to be escaped from.
    pub fn container(&self) -> &ThrowAwayContainer {
        &self.container
    }

    /// Attempts it, once, and looks whether the effect is there.
    ///
    /// # Errors
    /// `Command` and `NotStarted` if it did not take place, `Unseen` if its effect can't be looked for.
    pub fn attempt(&mut self) -> Result<Attempt, EscapeError> {
        let started = now();
        let output = self.run()?;
        let trace = Trace::read(&output);
        let effect = effect::is_there(self.technique.effect, self, &trace)?;
        Ok(Attempt {
            technique: self.technique.name,
            result: result(&output, &trace)?,
            effect,
            steps: trace.steps,
            container: self.container.id().to_owned(),
            started,
            ended: now(),
        })
    }

    /// Takes everything away.
    ///
    /// # Errors
    /// What stayed.
    pub fn finish(self) -> Result<(), RemoveError> {
        let EscapeStage {
            helpers,
            listener,
            container,
            files,
            ..
        } = self;
        drop(helpers);
        drop(listener);
        let removed = container.remove();
        files.0.remove()?;
        removed
    }

    /// The stand-in for the host's root.
    pub(super) fn host(&self) -> PathBuf {
        self.files.host()
    }

    /// The word that tells this attempt's effect from anything else's.
    pub(super) fn secret(&self) -> &str {
        self.files.secret()
    }

    pub(super) fn hears_within(&self, span: Duration) -> bool {
        self.listener
            .as_ref()
            .is_some_and(|listener| listener.hears_within(span))
    }

    pub(super) fn victim_word(&self) -> Result<u64, EscapeError> {
        let victim = self.helpers.first();
        let missing = || EscapeError::Unseen {
            source: io::Error::from(io::ErrorKind::NotFound),
        };
        let victim = victim.ok_or_else(missing)?;
        effect::word_at(victim.pid(), victim.number("word").ok_or_else(missing)?)
    }

    fn run(&self) -> Result<Output, EscapeError> {
        let steps = self.steps();
        let mut argv = vec![ACT, "steps"];
        argv.extend(steps.iter().map(String::as_str));
        let mut command = match self.technique.entry {
            Entry::Exec => return Ok(self.container.exec(&argv, CASE_TIMEOUT)?),
            Entry::ExecWithDescriptor => self.with_descriptor(),
            Entry::HostRights => self.with_host_rights(&["--net", "--wd"])?,
            Entry::HostNetwork => self.with_host_rights(&["--wd"])?,
            Entry::HostDirectory => {
                let directory = format!("--wd={}", self.host().display());
                self.with_host_rights(&["--net", &directory])?
            }
        };
        let _commanding = remains::begin_command().ok_or(CommandError::CleaningUp)?;
        command.args(&argv);
        Ok(command::run(&mut command, Input::Empty, CASE_TIMEOUT)?)
    }

    /// The steps as words, a comma between one and the next.
    fn steps(&self) -> Vec<String> {
        let mut words = Vec::new();
        for step in self.technique.steps.split(';') {
            if !words.is_empty() {
                words.push(",".to_owned());
            }
            words.extend(step.split_whitespace().map(|word| {
                let fill = |text: String, (name, value): &(&str, String)| text.replace(name, value);
                self.words.iter().fold(word.to_owned(), fill)
            }));
        }
        words
    }

    /// The runtime itself leaks a descriptor of the host's root, or what stands in for it.
    fn with_descriptor(&self) -> Command {
        let runtime = self
            .container
            .runtime()
            .command(&self.container.state_root());
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", ENTER_BY_DESCRIPTOR, "sh"])
            .arg(self.host())
            .arg(runtime.get_program())
            .args(runtime.get_args())
            .args(["exec", "--preserve-fds", "1", self.container.id()]);
        command
    }

    /// A process with all of the host's rights goes into the container, cgroups and all.
    fn with_host_rights(&self, also: &[&str]) -> Result<Command, EscapeError> {
        let nsenter = required("nsenter")?;
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", ENTER_CGROUPS, "sh"])
            .arg(cgroups::member_files(self.container.id()))
            .arg(nsenter)
            .arg(format!("--target={}", self.container.first_pid()))
            .args(["--mount", "--uts", "--ipc", "--pid", "--root"])
            .args(also);
        Ok(command)
    }

    /// A process of the host's, run from a program of the host's.
    fn add_victim(&mut self) -> Result<(), EscapeError> {
        let file = self.host().join("secret");
        let arguments = ["victim", &file.to_string_lossy()];
        let victim = self.help(
            &self.host().join(HOST_PROGRAM),
            &arguments,
            "a process",
            VICTIM_LINES,
        )?;
        self.words.push(("{pid}", victim.pid().to_string()));
        let word = victim.number("word").unwrap_or_default();
        self.words.push(("{word}", word.to_string()));
        self.helpers.push(victim);
        Ok(())
    }

    /// A program of the host's that runs in the container's namespaces, but comes from the host's file system.
    fn add_visitor(&mut self) -> Result<(), EscapeError> {
        let target = format!("--target={}", self.container.first_pid());
        let program = self.host().join(HOST_PROGRAM);
        let nsenter = required("nsenter")?;
        let [program, nsenter] = [&program, &nsenter].map(|path| path.to_string_lossy());
        let enter = ["--mount", "--pid", "--root", "/proc/self/fd/3"];
        let mut arguments = vec!["-c", ENTER_BY_DESCRIPTOR, "sh", &program, &nsenter, &target];
        arguments.extend(enter);
        arguments.extend(["victim", "/etc/passwd"]);
        let visitor = self.help(Path::new("/bin/sh"), &arguments, "a runtime", VICTIM_LINES)?;
        let pid = visitor.number("pid").unwrap_or_default();
        self.words.push(("{visitor}", pid.to_string()));
        self.helpers.push(visitor);
        Ok(())
    }

    /// A block device with a file system on it, the secret in its first block and in a file.
    fn add_block_device(&mut self) -> Result<(), EscapeError> {
        let mke2fs = required("mke2fs")?;
        let disk = self.files.0.dir.join("disk");
        let output = command::run(
            Command::new(mke2fs)
                .args(["-q", "-F", "-t", "ext2", "-d"])
                .arg(self.host().join("etc/kubernetes"))
                .arg(&disk)
                .arg(DISK_KIB),
            Input::Empty,
            CASE_TIMEOUT,
        )?;
        if !output.succeeded() {
            return Err(EscapeError::NotPossibleHere {
                reason: format!("mke2fs: {}", crate::container::excerpt(&output.stderr)),
            });
        }
        // The first block is left to boot loaders.
        let label = format!("{}\n", self.secret());
        OpenOptions::new()
            .write(true)
            .open(&disk)
            .and_then(|mut disk| disk.write_all(label.as_bytes()))
            .map_err(|source| EscapeError::StandIn {
                what: "a disk",
                source,
            })?;
        let arguments = ["loop", &disk.to_string_lossy()];
        let device = self.help(&self.host().join(HOST_PROGRAM), &arguments, "a disk", 1)?;
        let number = device.number("loop").unwrap_or(-1);
        if number < 0 {
            return Err(EscapeError::NotPossibleHere {
                reason: format!("no loop device: {number}"),
            });
        }
        self.words.push(("{loop}", number.to_string()));
        self.helpers.push(device);
        self.give_node(u32::try_from(number).unwrap_or_default())
    }

    /// A node of that device in the container, as engines give devices to privileged ones.
    fn give_node(&self, number: u32) -> Result<(), EscapeError> {
        mknodat(
            CWD,
            self.container.host_path(GIVEN_NODE),
            FileType::BlockDevice,
            Mode::RUSR | Mode::WUSR,
            makedev(LOOP_MAJOR, number),
        )
        .map_err(|source| EscapeError::StandIn {
            what: "a node of a disk",
            source: source.into(),
        })
    }

    /// The handle of a file beside the folder that the container has.
    fn add_handle(&mut self) -> Result<(), EscapeError> {
        let mut command = Command::new(self.host().join(HOST_PROGRAM));
        command.arg("handle-of").arg(self.host().join("beyond"));
        let output = command::run(&mut command, Input::Empty, CASE_TIMEOUT)?;
        let said = String::from_utf8_lossy(&output.stdout);
        let value = |name| {
            let mut lines = said.lines().filter_map(|line| line.split_once(' '));
            lines.find_map(|(key, value)| (key == name).then(|| value.to_owned()))
        };
        // Not every file system has handles; then the step says so.
        self.words
            .push(("{handle-type}", value("type").unwrap_or_default()));
        self.words
            .push(("{handle}", value("content").unwrap_or_default()));
        Ok(())
    }

    fn help(
        &self,
        program: &Path,
        arguments: &[&str],
        what: &'static str,
        lines: usize,
    ) -> Result<Helper, EscapeError> {
        Helper::start(program, arguments, &self.host(), lines)
            .map_err(|source| EscapeError::StandIn { what, source })
    }
}

fn required(name: &'static str) -> Result<PathBuf, EscapeError> {
    find_program(name).ok_or_else(|| EscapeError::NotPossibleHere {
        reason: format!("this host has no {name}"),
    })
}

/// Makes what stands in for the host's root.
fn lay_out(files: &Files, own_file_system: bool) -> io::Result<()> {
    let host = files.host();
    fs::create_dir(&host)?;
    if own_file_system {
        mount_tmpfs(&host)?;
    }
    for dir in HOST_DIRS {
        fs::create_dir_all(host.join(dir))?;
    }
    for secret in HOST_SECRETS {
        fs::write(host.join(secret), format!("{}\n", files.secret()))?;
    }
    for empty in HOST_EMPTY {
        fs::write(host.join(empty), "")?;
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o755)
        .open(host.join(HOST_PROGRAM))?
        .write_all(programs::ACT)
}

/// Listens where the technique's container will knock.
fn listen(technique: &EscapeTechnique, files: &Files) -> Result<Option<Peer>, EscapeError> {
    let Some(at) = technique.needs.listener else {
        return Ok(None);
    };
    let peer = Peer::on_sockets()?;
    let service = Service::Http("{\"Id\":\"0\"}");
    match at.strip_prefix('@') {
        Some(name) => peer.serve_abstract(&name.replace("{secret}", files.secret()), service)?,
        None => peer.serve_unix(&files.host().join("run").join(base_name(at)), service)?,
    }
    Ok(Some(peer))
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The options of the technique's container.
fn prepared(
    technique: &EscapeTechnique,
    options: &ContainerOptions,
    files: &Files,
) -> ContainerOptions {
    let needs = &technique.needs;
    let mut options = ContainerOptions {
        privileges: needs.privileges,
        capabilities: needs.capabilities,
        host_namespaces: needs.host_namespaces.to_vec(),
        ..options.clone()
    };
    let host = files.host();
    let mount = |source: PathBuf, destination: &str| HostMount {
        source,
        destination: destination.into(),
        read_only: false,
    };
    for (source, destination) in needs.mounts {
        options.mounts.push(mount(host.join(source), destination));
    }
    if let Some(at) = needs.listener.filter(|at| !at.starts_with('@')) {
        let socket = host.join("run").join(base_name(at));
        options.mounts.push(mount(socket, at));
    }
    options
}
