//! Programs: which are there, what they print, and daemons that end with their owner.

use crate::FixtureError;
use crate::scratch::tail;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What of `programs` is not installed; `root` stands for being root.
pub fn missing(programs: &[&'static str]) -> Vec<&'static str> {
    let is_there = |program: &str| match program {
        "root" => rustix::process::geteuid().is_root(),
        program => program_path(program).is_file(),
    };
    programs
        .iter()
        .copied()
        .filter(|program| !is_there(program))
        .collect()
}

/// Where a program is; its mere name if nowhere.
pub(crate) fn program_path(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|directory| directory.join(program))
        .find(|path| path.is_file())
        .unwrap_or_else(|| PathBuf::from(program))
}

/// Waits until a file has content.
pub(crate) fn wait_for_file(path: &Path, log: &Path) -> Result<(), FixtureError> {
    let deadline = Instant::now() + Duration::from_secs(START_SECONDS);
    while std::fs::metadata(path).map_or(0, |file| file.len()) == 0 {
        if Instant::now() > deadline {
            return Err(FixtureError::NotReady {
                what: path.display().to_string(),
                seconds: START_SECONDS,
                log: tail(log),
            });
        }
        std::thread::sleep(POLL);
    }
    Ok(())
}

/// Whether this process may give a container every capability: Docker and Podman ask for all that the kernel knows,
/// so that without CAP_SYS_RESOURCE, say, they start no privileged containers.
pub fn has_all_capabilities() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let last = std::fs::read_to_string("/proc/sys/kernel/cap_last_cap").unwrap_or_default();
    let bounding = status
        .lines()
        .find_map(|line| line.strip_prefix("CapBnd:\t"))
        .and_then(|mask| u64::from_str_radix(mask, 16).ok());
    match (bounding, last.trim().parse::<u32>()) {
        (Some(mask), Ok(last)) => mask.count_ones() == last + 1,
        _ => false,
    }
}

/// Runs a program to its end; its standard output without the last line end.
pub(crate) fn output(command: &mut Command) -> Result<String, FixtureError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|source| FixtureError::Start { program, source })?;
    if !output.status.success() {
        return Err(FixtureError::Failed {
            command: format!("{command:?}"),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        });
    }
    Ok(String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned())
}

/// Runs a program that leaves processes behind, which would keep a pipe open: its output goes to a file.
pub(crate) fn detach(command: &mut Command, log: &Path) -> Result<(), FixtureError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let file = File::create(log).map_err(FixtureError::file(log))?;
    let errors = file.try_clone().map_err(FixtureError::file(log))?;
    let status = command
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(errors)
        .status()
        .map_err(|source| FixtureError::Start { program, source })?;
    if status.success() {
        return Ok(());
    }
    Err(FixtureError::Failed {
        command: format!("{command:?}"),
        stderr: tail(log),
    })
}

/// A daemon with its log; ended and reaped on drop.
#[derive(Debug)]
pub(crate) struct Daemon {
    child: Child,
}

/// How long a daemon may take to answer.
const START_SECONDS: u64 = 20;
/// How long a daemon may take to end by itself.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(20);

impl Daemon {
    /// Starts a daemon and waits until `is_ready`.
    pub(crate) fn start(
        mut command: Command,
        log: &Path,
        is_ready: impl Fn() -> bool,
    ) -> Result<Daemon, FixtureError> {
        let program = command.get_program().to_string_lossy().into_owned();
        let file = File::create(log).map_err(FixtureError::file(log))?;
        let errors = file.try_clone().map_err(FixtureError::file(log))?;
        let spawned = command
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            .spawn();
        let child = spawned.map_err(|source| FixtureError::Start {
            program: program.clone(),
            source,
        })?;
        let mut daemon = Daemon { child };
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS);
        while !is_ready() {
            let ended = daemon.child.try_wait().ok().flatten().is_some();
            if ended || Instant::now() > deadline {
                return Err(FixtureError::NotReady {
                    what: program,
                    seconds: START_SECONDS,
                    log: tail(log),
                });
            }
            std::thread::sleep(POLL);
        }
        Ok(daemon)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let deadline = Instant::now() + STOP_TIMEOUT;
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(POLL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
