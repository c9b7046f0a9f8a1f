//! Rootful Podman with storage of its own.

use crate::command::{Daemon, detach, output};
use crate::containerd::report_leftovers;
use crate::image::busybox_image;
use crate::scratch::ScratchDir;
use crate::{FixtureError, RunningContainer};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;

/// Podman with private storage; its containers end with it.
#[derive(Debug)]
pub struct Podman {
    dir: ScratchDir,
}

/// Podman's Docker-compatible API on a socket of its own.
#[derive(Debug)]
pub struct PodmanService {
    /// The socket.
    pub socket: PathBuf,
    _daemon: Daemon,
}

impl Podman {
    /// Programs that it needs, with Debian's packages: podman (with conmon), runc, busybox-static, catatonit.
    pub const NEEDS: [&'static str; 6] = ["root", "podman", "conmon", "runc", "busybox", "tar"];
    /// Reference of the busybox image.
    pub const IMAGE: &'static str = "localhost/busybox:1";

    /// Makes storage and loads the image.
    ///
    /// # Errors
    /// [`FixtureError`].
    pub fn start() -> Result<Podman, FixtureError> {
        let dir = ScratchDir::new()?;
        let image = busybox_image(&dir)?;
        let podman = Podman { dir };
        let layer = image.layer.to_string_lossy();
        podman.podman(&["import", &layer, Podman::IMAGE])?;
        Ok(podman)
    }

    fn command(&self) -> Command {
        let mut command = Command::new("podman");
        // crun refuses hybrid cgroup hierarchies; systemd and its journal may not be there.
        command
            .args(["--cgroup-manager", "cgroupfs", "--events-backend", "none"])
            .args(["--runtime", "runc", "--storage-driver", "overlay"])
            .arg("--root")
            .arg(self.dir.join("root"))
            .arg("--runroot")
            .arg(self.dir.join("run"))
            .arg("--tmpdir")
            .arg(self.dir.join("tmp"));
        command
    }

    /// Runs `podman`; its output.
    ///
    /// # Errors
    /// [`FixtureError::Failed`].
    pub fn podman(&self, arguments: &[&str]) -> Result<String, FixtureError> {
        output(self.command().args(arguments))
    }

    /// Runs a busybox container with more options of `podman run`, without a network.
    ///
    /// # Errors
    /// [`FixtureError`].
    pub fn run(
        &self,
        options: &[&str],
        command: &[&str],
    ) -> Result<RunningContainer, FixtureError> {
        let id_file = self.dir.join("id");
        let _ = std::fs::remove_file(&id_file);
        let mut run = self.command();
        run.args(["run", "--detach", "--network", "none", "--cidfile"])
            .arg(&id_file)
            // Podman asks for the most that root may have; without CAP_SYS_RESOURCE that is refused.
            .args([
                "--ulimit",
                "nofile=1024:1024",
                "--ulimit",
                "nproc=1000:1000",
            ])
            .args(options)
            .arg(Podman::IMAGE)
            .args(command);
        detach(&mut run, &self.dir.join("run.log"))?;
        let id = std::fs::read_to_string(&id_file).map_err(FixtureError::file(&id_file))?;
        let pid = self.podman(&["inspect", "--format", "{{.State.Pid}}", &id])?;
        let pid = pid.parse().map_err(|_| FixtureError::Answer {
            what: "pid",
            answer: pid,
        })?;
        Ok(RunningContainer { id, pid })
    }

    /// Serves the Docker-compatible API.
    ///
    /// # Errors
    /// [`FixtureError::NotReady`].
    pub fn serve(&self) -> Result<PodmanService, FixtureError> {
        let socket = self.dir.join("api.sock");
        let mut command = self.command();
        command
            .args(["system", "service", "--time", "0"])
            .arg(format!("unix://{}", socket.display()));
        let daemon = Daemon::start(command, &self.dir.join("api.log"), || {
            UnixStream::connect(&socket).is_ok()
        })?;
        Ok(PodmanService {
            socket,
            _daemon: daemon,
        })
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        if let Err(error) = self.podman(&["rm", "--all", "--force", "--time", "0"]) {
            report_leftovers("podman", &error);
        }
    }
}
