//! The runtimes that can run a bundle.

use crate::cgroups;
use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use yagura_event::Runtime;

/// Where runtimes are looked for beside `PATH`: a service's `PATH` is often short.
const USUAL_DIRS: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];

/// Shows the directory in the first argument as all of cgroups to the command in the others.
const VIEW_SCRIPT: &str = r#"mount --bind "$1" /sys/fs/cgroup && shift && exec "$@""#;

/// Which runtime is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RuntimeChoice {
    /// Whichever is installed, runc first.
    #[default]
    Found,
    /// runc.
    Runc,
    /// crun.
    Crun,
}

/// A runtime installed here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeProgram {
    kind: Runtime,
    path: PathBuf,
}

/// The runtime asked for is not installed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not installed: {wanted}")]
pub struct RuntimeMissing {
    /// What was looked for.
    pub wanted: &'static str,
}

impl RuntimeProgram {
    /// Finds the runtime that `choice` asks for, in `PATH` and the usual folders.
    ///
    /// # Errors
    /// If it is not installed.
    pub fn find(choice: RuntimeChoice) -> Result<RuntimeProgram, RuntimeMissing> {
        let (kinds, wanted): (&[Runtime], _) = match choice {
            RuntimeChoice::Found => (&[Runtime::Runc, Runtime::Crun], "runc or crun"),
            RuntimeChoice::Runc => (&[Runtime::Runc], "runc"),
            RuntimeChoice::Crun => (&[Runtime::Crun], "crun"),
        };
        kinds
            .iter()
            .find_map(|&kind| find_program(kind.as_str()).map(|path| RuntimeProgram { kind, path }))
            .ok_or(RuntimeMissing { wanted })
    }

    /// Finds every runtime installed here that this crate can use.
    pub fn installed() -> Vec<RuntimeProgram> {
        [RuntimeChoice::Runc, RuntimeChoice::Crun]
            .into_iter()
            .filter_map(|choice| RuntimeProgram::find(choice).ok())
            .collect()
    }

    /// The same runtime behind a program that is called in its place.
    #[must_use]
    pub fn behind(self, program: PathBuf) -> RuntimeProgram {
        RuntimeProgram {
            path: program,
            ..self
        }
    }

    /// Tells which runtime it is.
    pub fn kind(&self) -> Runtime {
        self.kind
    }

    /// Tells where it is installed.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the runtime must be shown version 2 of cgroups alone: crun refuses a host that mounts both versions while
    /// version 2 has controllers (seen with 1.8). It then can't load its device filter on every such host either.
    pub(crate) fn needs_cgroup_view(&self) -> bool {
        self.kind == Runtime::Crun && cgroups::mixed_version_2().is_some()
    }

    /// Begins a command of it that keeps its records in `state`, apart from the containers of others.
    pub(crate) fn command(&self, state: &Path) -> Command {
        let mut command = self.program();
        command.stdin(Stdio::null()).arg("--root").arg(state);
        if self.kind == Runtime::Crun {
            // systemd would put the cgroup elsewhere, and need not be there.
            command.args(["--cgroup-manager", "cgroupfs"]);
        }
        command
    }

    fn program(&self) -> Command {
        let view = (self.kind == Runtime::Crun)
            .then(cgroups::mixed_version_2)
            .flatten();
        let (Some(version_2), Some(unshare)) = (view, find_program("unshare")) else {
            return Command::new(&self.path);
        };
        // In a mount namespace of the runtime's own: nobody else sees the change.
        let mut command = Command::new(unshare);
        command
            .args(["--mount", "/bin/sh", "-c", VIEW_SCRIPT, "sh"])
            .arg(version_2)
            .arg(&self.path);
        command
    }
}

/// Finds a program of the host by name: in `PATH`, then in the usual folders.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(USUAL_DIRS.iter().map(PathBuf::from))
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join(name))
        .find(|candidate| is_executable(candidate))
}

/// Whether a path leads to a file that may be executed.
pub(crate) fn is_executable(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}
