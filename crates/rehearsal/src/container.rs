//! Containers that live for a rehearsal and leave nothing.

use crate::bundle::{self, Bundle, ForbiddenCalls, HostMount, HostNamespace, Privileges};
use crate::command::{self, CommandError, Exit, Input, Output};
use crate::image::ThrowAwayImage;
use crate::limits::{CASE_TIMEOUT, NOTE_BYTES_MAX, START_TIMEOUT};
use crate::owner::read_proc;
use crate::remains::{self, DirectoryError, Making, Remains, RemoveError, mount_tmpfs};
use crate::runtime::{RuntimeProgram, find_program};
use rustix::mount::{MountFlags, mount};
use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use yagura_event::{LayerDirs, escape};

/// How a container's root file system is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RootKind {
    /// An overlay with the image below, as container engines do.
    #[default]
    Overlay,
    /// A directory with a copy of the image, as bare runc's users do.
    Plain,
}

/// Is told a container's id before the container is there: whoever watches knows from its first process on whose it is.
#[derive(Clone)]
pub struct Announce(Arc<dyn Fn(&str) + Send + Sync>);

impl Announce {
    /// Has `told` called with the id of every container.
    pub fn new(told: impl Fn(&str) + Send + Sync + 'static) -> Announce {
        Announce(Arc::new(told))
    }
}

impl std::fmt::Debug for Announce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Announce(..)")
    }
}

/// What a container is to be.
#[derive(Debug, Clone)]
pub struct ContainerOptions {
    /// Who runs it.
    pub runtime: RuntimeProgram,
    /// Existing folder below which its private directory goes, such as /tmp.
    pub base: PathBuf,
    /// How its root file system is made.
    pub root: RootKind,
    /// What its processes may do.
    pub privileges: Privileges,
    /// Capabilities beside those of `privileges`, such as `NET_ADMIN`.
    pub capabilities: &'static [&'static str],
    /// Network namespace of another container that it joins, as containers of a pod do; `None` for one of its own.
    pub join_network: Option<PathBuf>,
    /// Whether it sees /sys, read-only, as container engines have it.
    pub sysfs: bool,
    /// Environment variables beside the usual ones.
    pub environment: BTreeMap<String, String>,
    /// Whether its root file system is read-only.
    pub read_only_root: bool,
    /// Its host name.
    pub hostname: String,
    /// Annotations in its configuration.
    pub annotations: BTreeMap<String, String>,
    /// Directories of the host that it is given beside its own volumes.
    pub mounts: Vec<HostMount>,
    /// System calls that its processes may not make.
    pub forbidden: Option<ForbiddenCalls>,
    /// Namespaces that it shares with the host.
    pub host_namespaces: Vec<HostNamespace>,
    /// Program and arguments of its first process, which must live until standard input ends; empty for a program made
    /// for that.
    pub argv: Vec<String>,
    /// Who is told of it beforehand.
    pub announce: Option<Announce>,
}

impl ContainerOptions {
    /// The plainest container: overlay root, default privileges, private directory in the system's temporary folder.
    pub fn new(runtime: RuntimeProgram) -> ContainerOptions {
        ContainerOptions {
            runtime,
            base: std::env::temp_dir(),
            root: RootKind::Overlay,
            privileges: Privileges::Default,
            capabilities: &[],
            join_network: None,
            sysfs: false,
            environment: BTreeMap::new(),
            read_only_root: false,
            hostname: "rehearsal".to_owned(),
            annotations: BTreeMap::new(),
            mounts: Vec::new(),
            forbidden: None,
            host_namespaces: Vec::new(),
            argv: Vec::new(),
            announce: None,
        }
    }
}

/// Why a container did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No private directory for it.
    #[error("no place for a container")]
    Directory(#[from] DirectoryError),
    /// Its root file system could not be made.
    #[error("can't make the root file system {path}")]
    Root {
        /// Where.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The runtime could not be run.
    #[error("the runtime could not be run")]
    Runtime(#[from] CommandError),
    /// The runtime refused.
    #[error("the runtime did not start the container ({exit:?}): {message}")]
    Refused {
        /// How the runtime ended.
        exit: Exit,
        /// Its error output, escaped and cut.
        message: String,
    },
    /// The runtime did not tell the container's first process.
    #[error("the runtime named no first process")]
    NoFirstProcess,
}

/// A running container. It ends with this process, however that ends, and all of it is removed when dropped.
///
/// In it: `/volume` and `/dev/shm` are tmpfs volumes, `/data` is a writable directory of the host's (as an emptyDir),
/// `/payload` a read-only one with the files that drift in.
#[derive(Debug)]
pub struct ThrowAwayContainer {
    remains: Remains,
    image: Arc<ThrowAwayImage>,
    runtime: RuntimeProgram,
    root: RootKind,
    privileges: Privileges,
    first_pid: u32,
    /// The first process waits for the end of this pipe: the kernel closes it whatever happens to this process.
    lifeline: Option<io::PipeWriter>,
}

impl ThrowAwayContainer {
    /// Starts a container whose first process waits until this process ends.
    ///
    /// # Errors
    /// `Directory` and `Root` if its files can't be laid out, `Runtime`, `Refused` and `NoFirstProcess` if the runtime
    /// does not start it.
    pub fn start(
        image: &Arc<ThrowAwayImage>,
        options: &ContainerOptions,
    ) -> Result<ThrowAwayContainer, StartError> {
        let making = remains::begin()?;
        let mut argv: Vec<&str> = options.argv.iter().map(String::as_str).collect();
        if argv.is_empty() {
            argv.push("/usr/bin/rehearsal-hold");
        }
        let mut container = Self::prepare(&making, image, options, &argv)?;
        let (reader, writer) = io::pipe().map_err(|source| container.root_error(source))?;
        container.lifeline = Some(writer);
        let pid_file = container.remains.dir.join("first.pid");
        let mut create = container.runtime_command();
        create
            .args(["create", "--pid-file"])
            .arg(&pid_file)
            .arg("--bundle")
            .arg(&container.remains.dir)
            .arg(&container.remains.name);
        accepted(&command::run(
            &mut create,
            Input::Pipe(reader),
            START_TIMEOUT,
        )?)?;
        container.first_pid = read_proc(&pid_file)
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .ok_or(StartError::NoFirstProcess)?;
        let mut start = container.runtime_command();
        start.args(["start", &container.remains.name]);
        accepted(&command::run(&mut start, Input::Empty, START_TIMEOUT)?)?;
        Ok(container)
    }

    /// Runs a container whose first process is `argv`, to its end or `timeout`, and removes it.
    ///
    /// Tells the container's id too: whoever watches knows it by that.
    ///
    /// # Errors
    /// As [`ThrowAwayContainer::start`]; a command that fails is no error here.
    pub fn run_first(
        image: &Arc<ThrowAwayImage>,
        options: &ContainerOptions,
        argv: &[&str],
        timeout: Duration,
    ) -> Result<(String, Output), StartError> {
        Self::run_first_beside(image, options, argv, timeout, Input::Empty, |_| ())
    }

    /// The same with an input, and with `beside` called with the container's id on a thread of its own meanwhile.
    pub(crate) fn run_first_beside(
        image: &Arc<ThrowAwayImage>,
        options: &ContainerOptions,
        argv: &[&str],
        timeout: Duration,
        input: Input<'_>,
        beside: impl FnOnce(&str) + Send,
    ) -> Result<(String, Output), StartError> {
        let making = remains::begin()?;
        let container = Self::prepare(&making, image, options, argv)?;
        let _commanding = remains::begin_command().ok_or(CommandError::CleaningUp)?;
        // From here the clean-up may take the container away under the command.
        drop(making);
        let mut run = container.runtime_command();
        run.args(["run", "--bundle"])
            .arg(&container.remains.dir)
            .arg(&container.remains.name);
        let name = container.remains.name.clone();
        let output = thread::scope(|scope| {
            scope.spawn(|| beside(&name));
            command::run(&mut run, input, timeout)
        })?;
        Ok((name, output))
    }

    fn prepare(
        making: &Making,
        image: &Arc<ThrowAwayImage>,
        options: &ContainerOptions,
        argv: &[&str],
    ) -> Result<ThrowAwayContainer, StartError> {
        let remains = Remains::create(making, &options.base, Some(&options.runtime))?;
        let container = ThrowAwayContainer {
            remains,
            image: Arc::clone(image),
            runtime: options.runtime.clone(),
            root: options.root,
            privileges: options.privileges,
            first_pid: 0,
            lifeline: None,
        };
        container
            .lay_out(options, argv)
            .map_err(|source| container.root_error(source))?;
        if let Some(Announce(told)) = &options.announce {
            told(container.id());
        }
        Ok(container)
    }

    fn lay_out(&self, options: &ContainerOptions, argv: &[&str]) -> io::Result<()> {
        let dir = &self.remains.dir;
        for part in ["rootfs", "data", "layers"] {
            fs::create_dir(dir.join(part))?;
        }
        match options.root {
            RootKind::Overlay => mount_overlay(dir, &self.image.layers())?,
            // The layer below is made once because it is large: nobody waits for copies of it.
            RootKind::Plain if self.image.layers().len() > 1 => {
                return Err(io::Error::from(io::ErrorKind::Unsupported));
            }
            RootKind::Plain => copy_tree(&self.image.root(), &self.root_dir())?,
        }
        let bundle = Bundle {
            name: &self.remains.name,
            image: &self.image,
            argv,
            privileges: options.privileges,
            capabilities: options.capabilities,
            host_namespaces: &options.host_namespaces,
            join_network: options.join_network.as_deref(),
            sysfs: options.sysfs,
            environment: &options.environment,
            limit_devices: !options.runtime.needs_cgroup_view(),
            read_only_root: options.read_only_root,
            hostname: &options.hostname,
            annotations: &options.annotations,
            data: &self.data_dir(),
            mounts: &options.mounts,
            forbidden: options.forbidden,
        };
        fs::write(dir.join("config.json"), bundle.config().to_string())
    }

    /// Runs a command in the container by the runtime's `exec` and waits for its end or `timeout`.
    ///
    /// runc also waits for whatever the command leaves behind that keeps its output open. A command that is cut off by
    /// the timeout may run on until the container is removed.
    ///
    /// # Errors
    /// If the runtime can't be run; a command that fails is no error here.
    pub fn exec(&self, argv: &[&str], timeout: Duration) -> Result<Output, CommandError> {
        self.exec_with_input(argv, &[], timeout)
    }

    /// The same, giving the command at most 60 KiB as standard input.
    ///
    /// # Errors
    /// If the runtime can't be run or `input` is too long.
    pub fn exec_with_input(
        &self,
        argv: &[&str],
        input: &[u8],
        timeout: Duration,
    ) -> Result<Output, CommandError> {
        let _commanding = remains::begin_command().ok_or(CommandError::CleaningUp)?;
        let mut exec = self.runtime_command();
        exec.args(["exec", &self.remains.name]).args(argv);
        command::run(&mut exec, Input::Bytes(input), timeout)
    }

    /// Runs a command in the container by the host's `nsenter`, as an administrator would: it enters the namespaces but
    /// not the cgroup. `None` if the host has no `nsenter`.
    ///
    /// # Errors
    /// If `nsenter` can't be run.
    pub fn enter(&self, argv: &[&str], timeout: Duration) -> Result<Option<Output>, CommandError> {
        let Some(nsenter) = find_program("nsenter") else {
            return Ok(None);
        };
        let mut enter = Command::new(nsenter);
        enter
            .arg(format!("--target={}", self.first_pid))
            .args([
                "--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd",
            ])
            .args(argv)
            .env_clear()
            .envs(
                bundle::environment(&self.image)
                    .iter()
                    .filter_map(|variable| variable.split_once('=')),
            );
        command::run(&mut enter, Input::Empty, timeout).map(Some)
    }

    /// Runs a shell script in the container with the time that a case has.
    pub(crate) fn shell(&self, script: &str) -> Result<Output, CommandError> {
        self.exec(&["/bin/sh", "-c", script], CASE_TIMEOUT)
    }

    /// Tells the container's id, the name of its cgroup too.
    pub fn id(&self) -> &str {
        &self.remains.name
    }

    /// Tells the pid of its first process, in the pid namespace of this process.
    pub fn first_pid(&self) -> u32 {
        self.first_pid
    }

    /// Tells what it was made from.
    pub fn image(&self) -> &ThrowAwayImage {
        &self.image
    }

    /// Tells who runs it.
    pub fn runtime(&self) -> &RuntimeProgram {
        &self.runtime
    }

    /// Tells where the runtime keeps its state: what `--root` of runc and crun was. It is the container's private
    /// directory itself, so that whoever searches the folder of all of them finds it one level down.
    pub fn state_root(&self) -> PathBuf {
        self.remains.dir.clone()
    }

    /// Tells how its root file system is made.
    pub fn root_kind(&self) -> RootKind {
        self.root
    }

    /// Tells what its processes may do.
    pub fn privileges(&self) -> Privileges {
        self.privileges
    }

    /// Tells where the host sees `path` of the container's root file system. Volumes are not in it, and links are not
    /// followed: what the container planted could lead out of it.
    pub fn host_path(&self, path: &str) -> PathBuf {
        self.root_dir().join(path.trim_start_matches('/'))
    }

    /// Tells where the host has the directory that the container sees as `/data`.
    pub fn data_dir(&self) -> PathBuf {
        self.remains.dir.join("data")
    }

    /// Tells where its bundle is on the host: the directory of its `config.json`.
    pub fn bundle_dir(&self) -> &Path {
        &self.remains.dir
    }

    /// Tells the layers of an overlay root; `None` for a plain one.
    pub fn layers(&self) -> Option<LayerDirs> {
        (self.root == RootKind::Overlay).then(|| LayerDirs {
            lower: self.image.layers(),
            upper: self.remains.dir.join("layers/upper"),
        })
    }

    /// Removes the container and all that belongs to it. Dropping it does the same, but can't tell of a failure.
    ///
    /// # Errors
    /// What stayed.
    pub fn remove(mut self) -> Result<(), RemoveError> {
        self.lifeline = None;
        self.remains.remove()
    }

    fn root_dir(&self) -> PathBuf {
        self.remains.dir.join("rootfs")
    }

    fn runtime_command(&self) -> Command {
        self.runtime.command(&self.remains.dir)
    }

    fn root_error(&self, source: io::Error) -> StartError {
        StartError::Root {
            path: self.root_dir(),
            source,
        }
    }
}

impl Drop for ThrowAwayContainer {
    fn drop(&mut self) {
        self.lifeline = None;
        // Nobody to tell; `cleanup_leftovers` of a later run finds what stayed.
        let _ = self.remains.remove();
    }
}

fn accepted(output: &Output) -> Result<(), StartError> {
    if output.succeeded() {
        return Ok(());
    }
    Err(StartError::Refused {
        exit: output.exit,
        message: excerpt(&output.stderr),
    })
}

/// The beginning of a command's error output, fit to be shown.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    let cut = bytes.get(..NOTE_BYTES_MAX).unwrap_or(bytes);
    escape(cut.trim_ascii()).into_owned()
}

fn mount_overlay(dir: &Path, lower: &[PathBuf]) -> io::Result<()> {
    let layers = dir.join("layers");
    let target = dir.join("rootfs");
    let options = overlay_options(lower, &layers)?;
    let attempt = || -> io::Result<()> {
        for part in ["upper", "work"] {
            fs::create_dir(layers.join(part))?;
        }
        // The root of the container is the upper layer's: others than root must be able to pass.
        fs::set_permissions(layers.join("upper"), fs::Permissions::from_mode(0o755))?;
        mount(
            "overlay",
            &target,
            "overlay",
            MountFlags::empty(),
            Some(options.as_c_str()),
        )?;
        Ok(())
    };
    attempt().or_else(|_| {
        // Not every file system can be an upper layer, another overlay for instance; tmpfs can.
        mount_tmpfs(&layers)?;
        attempt()
    })
}

fn overlay_options(lower: &[PathBuf], layers: &Path) -> io::Result<CString> {
    let quoted = |path: &Path| {
        path.to_string_lossy()
            .chars()
            .fold(String::new(), |mut out, c| {
                if matches!(c, '\\' | ':' | ',') {
                    out.push('\\');
                }
                out.push(c);
                out
            })
    };
    let lower: Vec<String> = lower.iter().map(|dir| quoted(dir)).collect();
    CString::new(format!(
        "lowerdir={},upperdir={},workdir={}",
        lower.join(":"),
        quoted(&layers.join("upper")),
        quoted(&layers.join("work")),
    ))
    .map_err(io::Error::other)
}

/// Copies a tree of our own making: directories, regular files and symbolic links, with modes and modification times.
fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let target = to.join(entry.file_name());
        if kind.is_symlink() {
            symlink(fs::read_link(entry.path())?, &target)?;
        } else if kind.is_dir() {
            fs::create_dir(&target)?;
            copy_tree(&entry.path(), &target)?;
            fs::set_permissions(&target, entry.metadata()?.permissions())?;
        } else {
            fs::copy(entry.path(), &target)?;
            let modified = entry.metadata()?.modified()?;
            fs::File::open(&target)?.set_modified(modified)?;
        }
    }
    Ok(())
}
