//! The sensor of `yagura up`: a process of its own, so that it runs with its own rights and its end is not the center's.
//!
//! It is a sensor like any other: it enrols, and its alerts wait on the disk while they can't be stored.

use crate::commands::sensor::TOKEN_VARIABLE;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use yagura_center::Running;
use yagura_proto::UnixMs;
use yagura_proto::client::Credentials;

/// Wait before a sensor that ended is started again.
const AGAIN: Duration = Duration::from_secs(5);
/// How long a sensor may take to stop; it is ended then.
const STOP_WAIT: Duration = Duration::from_secs(15);

/// The sensor beside a center.
#[derive(Debug)]
pub(super) struct OwnSensor {
    state: PathBuf,
    center: SocketAddr,
    arguments: Vec<String>,
}

impl OwnSensor {
    /// With its state below that folder, for the center that listens there; `arguments` are handed on.
    pub(super) fn new(data: &Path, center: SocketAddr, arguments: Vec<String>) -> OwnSensor {
        let mut center = center;
        if center.ip().is_unspecified() {
            center.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        OwnSensor {
            state: data.join("sensor"),
            center,
            arguments,
        }
    }

    /// Runs until told to stop; a sensor that ends is started again.
    pub(super) async fn run(self, running: &Running, mut stop: watch::Receiver<bool>) {
        loop {
            match self.once(running, &mut stop).await {
                Ok(None) => return,
                Ok(Some(status)) => {
                    tracing::warn!(%status, "the sensor of this node ended; it is started again");
                }
                Err(error) => {
                    let error = format!("{error:#}");
                    tracing::warn!(error, "the sensor of this node does not run");
                }
            }
            tokio::select! {
                () = tokio::time::sleep(AGAIN) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// One life of the process; `None` if it was told to stop.
    async fn once(
        &self,
        running: &Running,
        stop: &mut watch::Receiver<bool>,
    ) -> anyhow::Result<Option<ExitStatus>> {
        let mut child = self.start(running).await?;
        // Taken, since waiting for a child would close it. The sensor stops when its standard input ends, which also happens
        // if this process is killed.
        let stdin = child.stdin.take();
        tokio::select! {
            status = child.wait() => Ok(Some(status?)),
            _ = stop.wait_for(|stop| *stop) => {
                drop(stdin);
                if tokio::time::timeout(STOP_WAIT, child.wait()).await.is_err() {
                    tracing::warn!("the sensor of this node does not stop; it is killed");
                    child.kill().await?;
                }
                Ok(None)
            }
        }
    }

    async fn start(&self, running: &Running) -> anyhow::Result<Child> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(["sensor", "--stop-with-stdin", "--center"])
            .arg(format!("https://{}", self.center))
            .arg("--state")
            .arg(&self.state)
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .kill_on_drop(true);
        if !self.is_enrolled() {
            let token = running.own_sensor_token().await?;
            command.env(TOKEN_VARIABLE, token.reveal());
        }
        Ok(command.spawn()?)
    }

    fn is_enrolled(&self) -> bool {
        let stored = Credentials::load(&self.state).ok().flatten();
        stored.is_some_and(|stored| !stored.identity().has_expired(UnixMs::now()))
    }
}
