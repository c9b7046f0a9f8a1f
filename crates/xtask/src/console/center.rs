//! A center with a sensor, started for the time of some tests.

use crate::command::{check_interrupt, lines, start, stop};
use anyhow::{Context, Result, bail, ensure};
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// How long it may take until it answers, with its sensor, on a busy machine.
const START_TIME_MAX: Duration = Duration::from_secs(120);
/// How often the wait looks for an interrupt.
const POLL: Duration = Duration::from_millis(200);
/// What is shown of its log after a failure, in lines.
const LOG_LINES_SHOWN: usize = 40;

/// `yagura up` with a folder and a port of its own; stopped and removed with this.
#[derive(Debug)]
pub(super) struct Center {
    process: Child,
    executable: PathBuf,
    folder: PathBuf,
    url: String,
    first_password: String,
}

impl Center {
    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    /// It doesn't start, ends, or is not ready in time.
    pub(super) fn start(executable: &Path, deadline: Instant) -> Result<Center> {
        let folder = std::env::temp_dir().join(format!("yagura-console-{}", std::process::id()));
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        let address = free_address()?;
        let mut command = Command::new(executable);
        command
            .args(["up", "--listen", &address, "--data"])
            .arg(folder.join("data"))
            // A sensor that is at work on this machine goes on undisturbed.
            .args(["--instance", &instance()])
            .stdout(Stdio::piped())
            .stderr(File::create(folder.join("log"))?);
        let mut center = Center {
            process: start(&mut command)?,
            executable: executable.to_owned(),
            folder,
            url: format!("http://{address}"),
            first_password: String::new(),
        };
        let output = center.process.stdout.take().context("no standard output")?;
        let deadline = deadline.min(Instant::now() + START_TIME_MAX);
        let told = |center: &Center| format!("starting a center; it told:\n{}", center.log_end());
        center.first_password =
            first_password(&lines(output), deadline).with_context(|| told(&center))?;
        center
            .wait_for_sensor(deadline)
            .with_context(|| told(&center))?;
        Ok(center)
    }

    /// Its sensor writes into the same log, and says there when it sees everything.
    fn wait_for_sensor(&mut self, deadline: Instant) -> Result<()> {
        while !self.log().lines().any(|line| line == "ready") {
            check_interrupt()?;
            ensure!(self.process.try_wait()?.is_none(), "it ended");
            ensure!(
                Instant::now() < deadline,
                "its sensor was not ready in time"
            );
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    fn log(&self) -> String {
        let log = fs::read(self.folder.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// The program that runs.
    pub(super) fn executable(&self) -> &Path {
        &self.executable
    }

    /// Where its console is.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The first admin's one-time password.
    pub(super) fn first_password(&self) -> &str {
        &self.first_password
    }

    /// The last lines of what it told.
    pub(super) fn log_end(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let begin = lines.len().saturating_sub(LOG_LINES_SHOWN);
        lines.get(begin..).unwrap_or_default().join("\n")
    }
}

impl Drop for Center {
    fn drop(&mut self) {
        stop(&mut self.process);
        // What its sensor enforces outlives it, as it should.
        let mut uninstall = Command::new(&self.executable);
        uninstall.args(["uninstall", "--instance", &instance()]);
        if let Err(error) = uninstall.stdout(Stdio::null()).status() {
            eprintln!("removing what the sensor enforced: {error}");
        }
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            eprintln!("removing {}: {error}", self.folder.display());
        }
    }
}

/// The name of its sensor, which is nobody else's.
fn instance() -> String {
    format!("console-{}", std::process::id())
}

/// An address on loopback that nobody listens on.
fn free_address() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").context("looking for a free port")?;
    Ok(listener.local_addr()?.to_string())
}

/// Reads what it prints up to the one-time password.
fn first_password(output: &Receiver<String>, deadline: Instant) -> Result<String> {
    loop {
        check_interrupt()?;
        match output.recv_timeout(POLL) {
            Ok(line) => {
                if let Some((_, password)) = line.split_once("one-time password ") {
                    return Ok(password.to_owned());
                }
            }
            Err(RecvTimeoutError::Disconnected) => bail!("it ended"),
            Err(RecvTimeoutError::Timeout) => {
                ensure!(Instant::now() < deadline, "it printed no one-time password");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn the_password_is_read_from_what_is_printed() {
        let deadline = Instant::now() + Duration::from_secs(30);
        let (sender, output) = channel();
        for line in [
            "console: http://127.0.0.1:7443",
            "first log-in: admin, one-time password 62b8",
        ] {
            sender.send(line.to_owned()).unwrap();
        }
        assert_eq!(first_password(&output, deadline).unwrap(), "62b8");
        drop(sender);
        assert!(first_password(&output, deadline).is_err());
    }
}
