//! Root directories: the host's, or a container's by way of one of its processes.

use crate::exit::Failure;
use anyhow::{Context as _, anyhow};
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};
use std::path::{Path, PathBuf};
use yagura_event::escape;
use yagura_runtimes::{container_of, process_of};

const PROC: &str = "/proc";

/// Which container.
#[derive(Debug, Default, clap::Args)]
pub(super) struct ContainerArguments {
    /// The container: its id, or the beginning of at least 12 characters. With --pid, what is noted as its id
    #[arg(long, value_name = "ID")]
    container: Option<String>,
    /// One of the container's processes, for runtimes that don't write the id into the cgroup's name, such as bare runc
    #[arg(long, value_name = "PID")]
    pid: Option<u32>,
}

/// A root directory.
#[derive(Debug)]
pub(super) struct Root {
    pub(super) directory: OwnedFd,
    /// The container's id; none for the host.
    pub(super) container: Option<String>,
}

impl ContainerArguments {
    /// The root directory that was asked for; none if no container was.
    ///
    /// # Errors
    /// [`Failure::BadInput`] if there is no such container or process.
    pub(super) fn root(&self) -> Result<Option<Root>, Failure> {
        match (self.pid, &self.container) {
            (None, None) => Ok(None),
            (Some(pid), name) => of_process(pid, name.clone()).map(Some),
            (None, Some(id)) => of_container(id).map(Some),
        }
    }
}

/// The host's root directory.
///
/// # Errors
/// [`Failure::Failed`] if it can't be opened.
pub(super) fn of_host() -> Result<Root, Failure> {
    let directory = open(Path::new("/")).context("/").map_err(Failure::Failed)?;
    Ok(Root {
        directory,
        container: None,
    })
}

/// The root directory of a container that runs.
///
/// # Errors
/// [`Failure::BadInput`] if none of its processes is found.
pub(super) fn of_container(id: &str) -> Result<Root, Failure> {
    let pid = process_of(Path::new(PROC), id)
        .context("/proc can't be read")
        .map_err(Failure::CannotRun)?;
    let pid = pid.ok_or_else(|| {
        let id = escape(id.as_bytes());
        Failure::BadInput(anyhow!(
            "no process of a container {id} is found; --pid names one"
        ))
    })?;
    of_process(pid, None)
}

fn of_process(pid: u32, name: Option<String>) -> Result<Root, Failure> {
    let path = PathBuf::from(PROC).join(pid.to_string());
    let cannot = || format!("the root directory of process {pid} can't be opened");
    // The process is held: once it has ended, nothing is opened below it, also when its number is used again.
    let process = open(&path)
        .with_context(cannot)
        .map_err(Failure::BadInput)?;
    let found = container_of(Path::new(PROC), pid);
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = rustix::fs::openat(&process, "root", flags, Mode::empty())
        .with_context(cannot)
        .map_err(Failure::BadInput)?;
    Ok(Root {
        directory,
        container: Some(
            name.or(found)
                .unwrap_or_else(|| format!("of process {pid}")),
        ),
    })
}

fn open(path: &Path) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty())
}

/// A path of the user below the host's root: a relative one begins at the working directory.
///
/// # Errors
/// [`Failure::BadInput`] if it is empty.
pub(super) fn absolute(path: &Path) -> Result<Vec<u8>, Failure> {
    let path = std::path::absolute(path).map_err(|error| Failure::BadInput(error.into()))?;
    Ok(path.into_os_string().into_encoded_bytes())
}
