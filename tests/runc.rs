//! Containers by bare runc on any root file system.

use crate::harness::{DEADLINE, Output, run};
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use yagura_testkit::{ScratchDir, busybox_image};

/// Programs that it needs.
pub(crate) const NEEDS: [&str; 6] = ["root", "runc", "mount", "umount", "busybox", "tar"];

/// What dpkg needs, and Docker gives by default.
const CAPABILITIES: [&str; 8] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
];

/// A root file system to start containers from.
#[derive(Debug)]
pub(crate) struct Image {
    pub(crate) rootfs: PathBuf,
    pub(crate) dir: ScratchDir,
}

impl Image {
    /// Busybox and a few of its names.
    pub(crate) fn busybox() -> Result<Image> {
        let dir = ScratchDir::new()?;
        let rootfs = busybox_image(&dir)?.rootfs;
        Ok(Image { rootfs, dir })
    }
}

/// What a container is to be.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spec<'a> {
    /// Its id, for policies that are written before it starts; one that nobody else has if left out.
    pub(crate) id: Option<&'a str>,
    /// First program; one that only waits if empty.
    pub(crate) argv: &'a [&'a str],
    /// Directory of the host that it sees at /payload, read-only.
    pub(crate) payload: Option<&'a Path>,
    /// Whether its root is a copy of the image rather than an overlay on it.
    pub(crate) plain: bool,
    /// Whether runc keeps its records where it does unless told otherwise, rather than where nobody looks.
    pub(crate) usual_state: bool,
    /// How many processes it may have at a time; as many as it likes if left out.
    pub(crate) pids_max: Option<u32>,
}

/// A container on an overlay of an image; removed on drop.
#[derive(Debug)]
pub(crate) struct Container {
    /// Id and name of its cgroup.
    pub(crate) id: String,
    /// Pid of its first process on the host.
    pub(crate) pid: u32,
    /// Where runc keeps its records of it.
    state: PathBuf,
    dir: ScratchDir,
}

impl Container {
    pub(crate) fn start(image: &Image, spec: &Spec<'_>) -> Result<Container> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let id = match spec.id {
            Some(id) => id.to_owned(),
            None => format!("yagura-product-{}-{number}", std::process::id()),
        };
        let dir = ScratchDir::new()?;
        let rootfs = dir.join("bundle/rootfs");
        fs::create_dir_all(&rootfs)?;
        match spec.plain {
            true => copy(&image.rootfs, &rootfs)?,
            false => mount_overlay(&dir, &image.rootfs, &rootfs)?,
        }
        fs::write(
            dir.join("bundle/config.json"),
            config(&id, spec).to_string(),
        )?;
        let state = if spec.usual_state {
            PathBuf::from("/run/runc")
        } else {
            dir.join("state")
        };
        let mut container = Container {
            id,
            pid: 0,
            state,
            dir,
        };
        let mut start = container.runc();
        start
            .args(["run", "--detach", "--pid-file"])
            .arg(container.dir.join("pid"));
        start
            .arg("--bundle")
            .arg(container.dir.join("bundle"))
            .arg(&container.id);
        container.run(&mut start)?;
        container.pid = fs::read_to_string(container.dir.join("pid"))?
            .trim()
            .parse()?;
        Ok(container)
    }

    /// Runs a command in it to its end.
    pub(crate) fn exec(&self, argv: &[&str]) -> Result<Output> {
        run(
            self.runc().arg("exec").arg(&self.id).args(argv),
            DEADLINE * 3,
        )
    }

    /// Runs a shell script in it that must succeed; its output.
    pub(crate) fn shell(&self, script: &str) -> Result<String> {
        let output = self.exec(&["/bin/sh", "-ec", script])?.expect(0);
        Ok(output.with_context(|| script.to_owned())?.text())
    }

    /// Copies a file of /payload to `path`, and runs it.
    pub(crate) fn drop_and_run(&self, payload: &str, path: &str) -> Result<String> {
        self.shell(&format!(
            "/bin/cp /payload/{payload} {path}; chmod 755 {path}; {path}"
        ))
    }

    fn runc(&self) -> Command {
        let mut command = Command::new("runc");
        command.arg("--root").arg(&self.state).stdin(Stdio::null());
        command
    }

    /// A container that stays would keep a pipe open: output goes to a file.
    fn run(&self, command: &mut Command) -> Result<()> {
        let log = self.dir.join("runc.log");
        let file = fs::File::create(&log)?;
        let status = command.stdout(file.try_clone()?).stderr(file).status()?;
        if status.success() {
            return Ok(());
        }
        anyhow::bail!("{command:?}: {}", fs::read_to_string(&log)?)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let removed = self.runc().args(["delete", "--force", &self.id]).output();
        if let Err(error) = removed {
            eprintln!("container {} may be left: {error}", self.id);
        }
        let _ = Command::new("umount")
            .arg(self.dir.join("bundle/rootfs"))
            .output();
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    run(
        Command::new("cp").arg("-a").arg(from.join(".")).arg(to),
        DEADLINE * 3,
    )?
    .expect(0)
    .map(drop)
}

fn mount_overlay(dir: &ScratchDir, lower: &Path, rootfs: &Path) -> Result<()> {
    let (upper, work) = (dir.join("upper"), dir.join("work"));
    fs::create_dir(&upper)?;
    fs::create_dir(&work)?;
    let layers = format!(
        "lowerdir={},upperdir={},workdir={}",
        lower.display(),
        upper.display(),
        work.display()
    );
    let mut mount = Command::new("mount");
    mount
        .args(["-t", "overlay", "overlay", "-o", &layers])
        .arg(rootfs);
    run(&mut mount, DEADLINE)?.expect(0).map(drop)
}

fn config(id: &str, spec: &Spec<'_>) -> Value {
    let waiting = ["/bin/sleep", "1000000"];
    let argv = if spec.argv.is_empty() {
        waiting.as_slice()
    } else {
        spec.argv
    };
    let mut mounts = vec![
        json!({ "destination": "/proc", "type": "proc", "source": "proc" }),
        json!({ "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"] }),
    ];
    mounts.extend(spec.payload.map(|path| {
        json!({ "destination": "/payload", "type": "bind", "source": path, "options": ["rbind", "ro"] })
    }));
    let resources = match spec.pids_max {
        Some(limit) => json!({ "pids": { "limit": limit } }),
        None => json!({}),
    };
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": false,
            "user": { "uid": 0, "gid": 0 },
            "args": argv,
            "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C"],
            "cwd": "/",
            "capabilities": {
                "bounding": CAPABILITIES, "effective": CAPABILITIES, "permitted": CAPABILITIES
            }
        },
        "root": { "path": "rootfs" },
        "hostname": "product",
        "mounts": mounts,
        "linux": {
            // Right below the top: no folder in between would stay behind.
            "cgroupsPath": format!("/{id}"),
            "resources": resources,
            "namespaces": [
                { "type": "pid" }, { "type": "mount" }, { "type": "ipc" }, { "type": "uts" }
            ]
        }
    })
}
