//! runc and crun without anything above them.

use crate::command::{detach, output, program_path, wait_for_file};
use crate::containerd::report_leftovers;
use crate::image::busybox_image;
use crate::scratch::ScratchDir;
use crate::{FixtureError, RunningContainer};
use serde_json::json;
use std::collections::BTreeMap;
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
    cgroup: String,
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
        let dir = prepare(&config(id, id, command))?;
        let mut run = match runtime {
            OciRuntime::Runc => Command::new("runc"),
            OciRuntime::Crun => {
                let mut command = Command::new("unshare");
                command.args(["--mount", "sh", "-c", ALONE_ON_V2, "sh", "crun"]);
                command
            }
        };
        run.arg("--root")
            .arg(dir.join("state"))
            .args(["run", "--detach", "--pid-file"])
            .arg(dir.join("pid"))
            .arg("--bundle")
            .arg(dir.join("bundle"))
            .arg(id);
        detach(&mut run, &dir.join("run.log"))?;
        OciContainer::started(runtime, id, id.to_owned(), dir)
    }

    /// Runs `command` as CRI-O does: runc below conmon, in the cgroup `/yagura-test/crio-<id>`.
    ///
    /// # Errors
    /// [`FixtureError`].
    pub fn run_as_crio(
        id: &str,
        annotations: &[(&str, &str)],
        command: &[&str],
    ) -> Result<OciContainer, FixtureError> {
        let cgroup = format!("crio-{id}");
        let mut config = config(id, &cgroup, command);
        if let Some(config) = config.as_object_mut() {
            let annotations = annotations.iter().copied();
            let annotations: BTreeMap<&str, &str> = annotations.collect();
            config.insert("annotations".to_owned(), json!(annotations));
        }
        let dir = prepare(&config)?;
        let mut conmon = Command::new("conmon");
        conmon
            .args(["-c", id, "-u", id, "-n", "k8s_app_web-0", "-r"])
            .arg(program_path("runc"))
            .arg(format!(
                "--runtime-arg=--root={}",
                dir.join("state").display()
            ))
            .arg("-b")
            .arg(dir.join("bundle"))
            .arg("-p")
            .arg(dir.join("pid"))
            .arg("-l")
            .arg(format!("k8s-file:{}", dir.join("container.log").display()))
            .arg("--exit-dir")
            .arg(dir.directory("exits")?)
            .arg("--socket-dir-path")
            .arg(dir.directory("sockets")?);
        detach(&mut conmon, &dir.join("conmon.log"))?;
        wait_for_file(&dir.join("pid"), &dir.join("conmon.log"))?;
        output(
            Command::new("runc")
                .arg("--root")
                .arg(dir.join("state"))
                .args(["start", id]),
        )?;
        OciContainer::started(OciRuntime::Runc, id, cgroup, dir)
    }

    fn started(
        runtime: OciRuntime,
        id: &str,
        cgroup: String,
        dir: ScratchDir,
    ) -> Result<OciContainer, FixtureError> {
        let pid = read_pid(&dir.join("pid"))?;
        let container = RunningContainer {
            id: id.to_owned(),
            pid,
        };
        Ok(OciContainer {
            runtime,
            container,
            cgroup,
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
            let _ = std::fs::remove_dir(parent.join(&self.cgroup));
            let _ = std::fs::remove_dir(parent);
        }
    }
}

const CGROUP_PARENT: &str = "yagura-test";

/// Makes the bundle, with an overlay of the busybox image as its root file system.
fn prepare(config: &serde_json::Value) -> Result<ScratchDir, FixtureError> {
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
    dir.write("bundle/config.json", &config.to_string())?;
    Ok(dir)
}

fn read_pid(path: &Path) -> Result<u32, FixtureError> {
    let text = std::fs::read_to_string(path).map_err(FixtureError::file(path))?;
    text.trim().parse().map_err(|_| FixtureError::Answer {
        what: "pid",
        answer: text,
    })
}

fn config(id: &str, cgroup: &str, command: &[&str]) -> serde_json::Value {
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
            "cgroupsPath": format!("/{CGROUP_PARENT}/{cgroup}"),
            "namespaces": [
                { "type": "pid" }, { "type": "mount" }, { "type": "ipc" }, { "type": "uts" }
            ],
            "maskedPaths": ["/proc/kcore"]
        }
    })
}
