//! A throw-away container whose image holds the programs of benchmarks and nothing else.

use crate::command::{check_interrupt, output, run, run_lines};
use crate::workspace::root;
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long making or removing something may take.
const SETUP_TIME_MAX: Duration = Duration::from_secs(60);

/// Programs of its image; the storm program is what it idles with.
const PROGRAMS: [&str; 2] = ["storm", "turns"];

/// How long one storm may take, on a slow machine under a slow observer.
const STORM_TIME_MAX: Duration = Duration::from_secs(300);

/// A running container; removed with everything that was made for it when dropped.
#[derive(Debug)]
pub(super) struct Container {
    id: String,
    folder: PathBuf,
    started: bool,
    mounted: bool,
}

/// One kind of storm.
#[derive(Debug, Clone, Copy)]
pub(super) struct Storm {
    /// What the storm program calls it.
    pub(super) kind: &'static str,
    /// Rounds of each process.
    pub(super) count: u64,
    /// Processes at the same time.
    pub(super) processes: u32,
}

impl Storm {
    /// Runs the storm program by a command that it is the last word of, with these paths; how long it took by its own
    /// clock.
    fn run(self, mut command: Command, paths: &[PathBuf]) -> Result<Duration> {
        command
            .arg(self.kind)
            .args([self.count.to_string(), self.processes.to_string()])
            .args(paths);
        let mut printed = String::new();
        let status = run_lines(&mut command, Instant::now() + STORM_TIME_MAX, |line| {
            printed.push_str(line);
        })?;
        ensure!(status.success(), "the {} storm failed: {status}", self.kind);
        let nanoseconds = printed
            .parse()
            .with_context(|| format!("the {} storm printed `{printed}`", self.kind))?;
        Ok(Duration::from_nanos(nanoseconds))
    }
}

impl Container {
    /// Compiles the programs, makes an image of them, and starts a container that idles. No other container of this
    /// process has that name.
    ///
    /// # Errors
    /// The compiler, the mount, or runc fails; what was made until then is removed.
    pub(super) fn start(name: &str) -> Result<Container> {
        let id = format!("yagura-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(&id);
        DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .with_context(|| format!("making {}", folder.display()))?;
        let mut container = Container {
            id,
            folder,
            started: false,
            mounted: false,
        };
        container.make_image()?;
        container.mount_root()?;
        container.write_bundle()?;
        let deadline = Instant::now() + SETUP_TIME_MAX;
        let mut runc = Command::new("runc");
        // The container keeps the streams that runc is given.
        runc.stdout(Stdio::null()).stderr(Stdio::null());
        runc.args(["run", "--detach", "--bundle"])
            .arg(container.folder.join("bundle"))
            .arg(&container.id);
        container.started = true;
        run(&mut runc, deadline)?;
        Ok(container)
    }

    /// Id, and name as rules know it.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Its root, as the host reaches it.
    pub(super) fn root(&self) -> PathBuf {
        self.folder.join(self.rootfs())
    }

    /// The image's file of that name.
    pub(super) fn image(&self, name: &str) -> PathBuf {
        self.folder.join("image").join(name)
    }

    /// A folder of our own that the container does not see.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether the root file system is an overlay, as it is with real runtimes.
    pub(super) fn is_overlay(&self) -> bool {
        self.mounted
    }

    /// A command that runs a program in it.
    pub(super) fn exec(&self, argv: &[&str]) -> Command {
        let mut runc = Command::new("runc");
        runc.args(["exec", &self.id]).args(argv);
        runc
    }

    /// Runs a storm and returns how long it took, measured from within.
    ///
    /// # Errors
    /// The storm fails, takes too long, or prints something other than a number.
    pub(super) fn storm(&self, storm: Storm) -> Result<Duration> {
        storm.run(self.exec(&["/storm"]), &[])
    }

    /// Runs a storm as processes of the host, in a mount namespace of their own, so that no mount is seen by others.
    ///
    /// # Errors
    /// As those of a storm in the container.
    pub(super) fn storm_on_host(&self, storm: Storm) -> Result<Duration> {
        let mut unshare = Command::new("unshare");
        unshare.args(["--mount", "--"]).arg(self.image("storm"));
        storm.run(unshare, &[self.image("data"), self.folder.join("mounted")])
    }

    fn make_image(&self) -> Result<()> {
        let image = self.folder.join("image");
        for folder in ["proc", "dev"] {
            std::fs::create_dir_all(image.join(folder))?;
        }
        std::fs::write(image.join("data"), [b'.'; 4096])?;
        for program in PROGRAMS {
            let source = format!("crates/xtask/programs/{program}.c");
            let mut compile = Command::new("gcc");
            compile
                .args(["-O2", "-static", "-Wall", "-Wextra", "-Werror", "-o"])
                .args([image.join(program), root().join(source)]);
            run(&mut compile, Instant::now() + SETUP_TIME_MAX)?;
        }
        Ok(())
    }

    /// Mounts an overlay of the image, or uses the image itself where the kernel or the file system refuses one.
    fn mount_root(&mut self) -> Result<()> {
        for folder in ["upper", "scratch", "bundle/rootfs", "mounted"] {
            std::fs::create_dir_all(self.folder.join(folder))?;
        }
        let place = |name: &str| self.folder.join(name).display().to_string();
        let options = format!(
            "lowerdir={},upperdir={},workdir={}",
            place("image"),
            place("upper"),
            place("scratch")
        );
        check_interrupt()?;
        self.mounted = Command::new("mount")
            .args(["-t", "overlay", "overlay", "-o", &options])
            .arg(self.folder.join("bundle/rootfs"))
            .status()
            .context("starting `mount`")?
            .success();
        Ok(())
    }

    fn rootfs(&self) -> &'static str {
        if self.mounted {
            "bundle/rootfs"
        } else {
            "image"
        }
    }

    fn write_bundle(&self) -> Result<()> {
        let namespaces: Vec<_> = ["pid", "mount", "ipc", "uts", "network"]
            .iter()
            .map(|kind| json!({ "type": kind }))
            .collect();
        let config = json!({
            "ociVersion": "1.0.2",
            "hostname": "storm",
            "process": {
                "user": { "uid": 0, "gid": 0 },
                "args": ["/storm", "idle"],
                "cwd": "/",
                "noNewPrivileges": true,
            },
            "root": { "path": self.root() },
            "mounts": [
                { "destination": "/proc", "type": "proc", "source": "proc" },
                { "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"] },
            ],
            "linux": { "namespaces": namespaces },
        });
        std::fs::write(self.folder.join("bundle/config.json"), config.to_string())
            .context("writing the bundle")
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let mut steps = Vec::new();
        if self.started {
            let mut delete = Command::new("runc");
            delete.args(["delete", "--force", &self.id]);
            steps.push(delete);
        }
        if self.mounted {
            let mut unmount = Command::new("umount");
            unmount.arg(self.folder.join("bundle/rootfs"));
            steps.push(unmount);
        }
        for step in &mut steps {
            if let Err(error) = output(step) {
                eprintln!("cleaning up: {error:#}; {} stays", self.folder.display());
                return;
            }
        }
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            eprintln!("removing {}: {error}", self.folder.display());
        }
    }
}
