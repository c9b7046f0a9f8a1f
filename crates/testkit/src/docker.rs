//! A private Docker Engine.

use crate::command::{Daemon, output};
use crate::containerd::report_leftovers;
use crate::image::busybox_image;
use crate::scratch::ScratchDir;
use crate::{FixtureError, RunningContainer};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;

/// A Docker Engine with private storage and no network of its own; its containers end with it.
#[derive(Debug)]
pub struct DockerEngine {
    _daemon: Daemon,
    dir: ScratchDir,
}

impl DockerEngine {
    /// Programs that it needs, with Debian's packages: docker.io (with tini), containerd, runc, busybox-static.
    pub const NEEDS: [&'static str; 7] = [
        "root",
        "dockerd",
        "docker",
        "containerd",
        "runc",
        "busybox",
        "tar",
    ];
    /// Reference of the busybox image.
    pub const IMAGE: &'static str = "busybox:1";

    /// Starts it and loads the image. It changes neither firewall nor bridges nor the kernel's settings.
    ///
    /// # Errors
    /// [`FixtureError`].
    pub fn start() -> Result<DockerEngine, FixtureError> {
        let dir = ScratchDir::new()?;
        let image = busybox_image(&dir)?;
        let config = dir.write("daemon.json", "{}")?;
        let socket = dir.join("d.sock");
        let mut command = Command::new("dockerd");
        command
            .arg("--config-file")
            .arg(config)
            .arg("--data-root")
            .arg(dir.join("data"))
            .arg("--exec-root")
            .arg(dir.join("exec"))
            .arg("--pidfile")
            .arg(dir.join("pid"))
            .arg("--host")
            .arg(format!("unix://{}", socket.display()))
            .args(["--bridge", "none", "--iptables=false", "--ip6tables=false"])
            .args([
                "--ip-forward=false",
                "--ip-masq=false",
                "--userland-proxy=false",
            ])
            .args(["--exec-opt", "native.cgroupdriver=cgroupfs"]);
        let daemon = Daemon::start(command, &dir.join("dockerd.log"), || {
            UnixStream::connect(&socket).is_ok()
        })?;
        let engine = DockerEngine {
            _daemon: daemon,
            dir,
        };
        let layer = image.layer.to_string_lossy();
        engine.docker(&["import", &layer, DockerEngine::IMAGE])?;
        Ok(engine)
    }

    /// Path of its API's socket.
    pub fn socket(&self) -> PathBuf {
        self.dir.join("d.sock")
    }

    /// Runs `docker`; its output.
    ///
    /// # Errors
    /// [`FixtureError::Failed`].
    pub fn docker(&self, arguments: &[&str]) -> Result<String, FixtureError> {
        output(
            Command::new("docker")
                .arg("--host")
                .arg(format!("unix://{}", self.socket().display()))
                .args(arguments),
        )
    }

    /// Runs a busybox container with more options of `docker run`, without a network.
    ///
    /// # Errors
    /// [`FixtureError`].
    pub fn run(
        &self,
        options: &[&str],
        command: &[&str],
    ) -> Result<RunningContainer, FixtureError> {
        let run = ["run", "--detach", "--network", "none"];
        let arguments = [&run, options, &[DockerEngine::IMAGE], command].concat();
        let id = self.docker(&arguments)?;
        let pid = self.docker(&["inspect", "--format", "{{.State.Pid}}", &id])?;
        let pid = pid.parse().map_err(|_| FixtureError::Answer {
            what: "pid",
            answer: pid,
        })?;
        Ok(RunningContainer { id, pid })
    }

    fn remove_everything(&self) -> Result<(), FixtureError> {
        for id in self.docker(&["ps", "--all", "--quiet"])?.lines() {
            self.docker(&["rm", "--force", id])?;
        }
        Ok(())
    }
}

impl Drop for DockerEngine {
    fn drop(&mut self) {
        if let Err(error) = self.remove_everything() {
            report_leftovers("docker", &error);
        }
    }
}
