//! runc and crun without anything above them.

use crate::command::{detach, output};
use crate::containerd::report_leftovers;
use crate::image::busybox_image;
use crate::scratch::ScratchDir;
use crate::{FixtureError, RunningContainer};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An OCI runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OciRuntime {
    /// runc.
    Runc,
    /// crun.
    Crun,
}

impl OciRuntime {
    /// Name of its program.
    pub fn program(self) -> &'static str {
        match self {
            OciRuntime::Runc => "runc",
            OciRuntime::Crun => "crun",
        }
    }
}

/// One busybox container on an overlay, ended and removed on drop.
#[derive(Debug)]
pub struct OciContainer {
    runtime: OciRuntime,
    /// The container.
    pub container: RunningContainer,
    dir: ScratchDir,
}

/// crun refuses hybrid hierarchies: in a mount namespace of its own it sees the v2 one alone.
const ALONE_ON_V2: &str =
    "umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && exec \"$@\"";

impl OciContainer {
    /// Programs that it needs beside the runtime.
    pub const NEEDS: [&'static str; 5] = ["root", "busybox", "tar", "mount", "unshare"];

    /// Runs `command` in a container called `id`, in the cgroup `/yagura-test/<id>`.
    ///
    /// # Errors
    /// [`FixtureError`].
    pub fn run(
        runtime: OciRuntime,
        id: &str,
        command: &[&str],
    ) -> Result<OciContainer, FixtureError> {
        let dir = ScratchDir::new()?;
        let image = busybox_image(&dir)?;
        let rootfs = dir.directory("bundle/rootfs")?;
        let (upper, work) = (dir.directory("upper")?, dir.directory("work")?);
        let options = format!(
            "lowerdir={},upperdir={},workdir={}",
            image.rootfs.display(),
            upper.display(),
            work.display()
        );
        output(
            Command::new("mount")
                .args(["-t", "overlay", "overlay", "-o", &options])
                .arg(&rootfs),
        )?;
        dir.write("bundle/config.json", &config(id, command).to_string())?;
        let pid_file = dir.join("pid");
        let root = dir.join("state");
        let mut run = match runtime {
            OciRuntime::Runc => Command::new("runc"),
            OciRuntime::Crun => {
                let mut command = Command::new("unshare");
                command.args(["--mount", "sh", "-c", ALONE_ON_V2, "sh", "crun"]);
                command
            }
        };
        run.arg("--root")
            .arg(&root)
            .args(["run", "--detach", "--pid-file"])
            .arg(&pid_file)
            .arg("--bundle")
            .arg(dir.join("bundle"))
            .arg(id);
        detach(&mut run, &dir.join("run.log"))?;
        let pid = read_pid(&pid_file)?;
        let container = RunningContainer {
            id: id.to_owned(),
            pid,
        };
        Ok(OciContainer {
            runtime,
            container,
            dir,
        })
    }

    /// The runtime's state directory.
    pub fn state_root(&self) -> PathBuf {
        self.dir.join("state")
    }

    /// The container's image layer.
    pub fn lower(&self) -> PathBuf {
        self.dir.join("busybox")
    }

    /// The container's own layer.
    pub fn upper(&self) -> PathBuf {
        self.dir.join("upper")
    }
}

impl Drop for OciContainer {
    fn drop(&mut self) {
        let mut command = Command::new(self.runtime.program());
        command.arg("--root").arg(self.state_root()).args([
            "delete",
            "--force",
            &self.container.id,
        ]);
        if let Err(error) = output(&mut command) {
            report_leftovers(self.runtime.program(), &error);
        }
        // crun, started on the v2 hierarchy alone, does not find it again; runc leaves its parent behind.
        for root in ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"] {
            let parent = Path::new(root).join(CGROUP_PARENT);
            let _ = std::fs::remove_dir(parent.join(&self.container.id));
            let _ = std::fs::remove_dir(parent);
        }
    }
}

const CGROUP_PARENT: &str = "yagura-test";

fn read_pid(path: &Path) -> Result<u32, FixtureError> {
    let text = std::fs::read_to_string(path).map_err(FixtureError::file(path))?;
    text.trim().parse().map_err(|_| FixtureError::Answer {
        what: "pid",
        answer: text,
    })
}

fn config(id: &str, command: &[&str]) -> serde_json::Value {
    let capabilities = json!(["CAP_CHOWN", "CAP_KILL"]);
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": false,
            "user": { "uid": 0, "gid": 0 },
            "args": command,
            "env": ["PATH=/bin"],
            "cwd": "/",
            "capabilities": {
                "bounding": capabilities, "effective": capabilities, "permitted": capabilities
            }
        },
        "root": { "path": "rootfs" },
        "hostname": id,
        "mounts": [
            { "destination": "/proc", "type": "proc", "source": "proc" },
            { "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"] }
        ],
        "linux": {
            "cgroupsPath": format!("/{CGROUP_PARENT}/{id}"),
            "namespaces": [
                { "type": "pid" }, { "type": "mount" }, { "type": "ipc" }, { "type": "uts" }
            ],
            "maskedPaths": ["/proc/kcore"]
        }
    })
}
