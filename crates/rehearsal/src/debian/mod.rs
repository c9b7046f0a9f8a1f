//! A Debian root file system with real servers and tools, built once from the machine's Debian mirror and kept.

mod recipe;
mod sources;

use crate::command::{self, CommandError, Exit, Input};
use crate::container::excerpt;
use crate::image::{ImageError, ImageFile, ThrowAwayImage};
use crate::remains::{self, DirectoryError, Remains};
use crate::runtime::find_program;
use crate::{benign, full};
use rustix::fs::FlockOperation;
use std::env;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

pub use recipe::{PACKAGE_DIR, PACKAGES};

/// How long a build may take: a mirror may be slow, but one that stalls must not hang its caller for good.
const BUILD_TIMEOUT: Duration = Duration::from_secs(20 * 60);
/// What names of kept root file systems start with; the recipe's version follows.
const KEPT_PREFIX: &str = "debian-";
/// What apt says when a mirror can't be reached.
const OFFLINE_SIGNS: [&str; 6] = [
    "Temporary failure resolving",
    "Could not resolve",
    "Could not connect",
    "Unable to connect",
    "Connection timed out",
    "Connection refused",
];

/// Why there is no Debian root file system.
#[derive(Debug, thiserror::Error)]
pub enum DebianError {
    /// Only root can build and use one.
    #[error("building a Debian root file system needs root")]
    NotRoot,
    /// mmdebstrap is not installed.
    #[error("not installed: mmdebstrap; on Debian: apt-get install mmdebstrap")]
    ToolMissing,
    /// The cache directory is unfit.
    #[error("can't keep a Debian root file system in {path}")]
    Cache {
        /// The directory or a file in it.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// No private directory in the cache.
    #[error("no place for a build")]
    Directory(#[from] DirectoryError),
    /// mmdebstrap could not be run.
    #[error("mmdebstrap could not be run")]
    Tool(#[from] CommandError),
    /// No mirror answered.
    #[error("no Debian mirror can be reached: {message}")]
    Offline {
        /// What apt said, escaped and cut.
        message: String,
    },
    /// mmdebstrap failed for another reason.
    #[error("mmdebstrap failed ({exit:?}): {message}")]
    Build {
        /// How it ended.
        exit: Exit,
        /// The errors that it told, escaped and cut.
        message: String,
    },
}

/// How far a preparation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Another process builds the same; it is waited for.
    Waiting,
    /// Packages are fetched and installed.
    Building {
        /// How many, without what they need in turn.
        packages: usize,
    },
    /// It is there.
    Ready {
        /// How long a build took; `None` if it was there already.
        built_in: Option<Duration>,
    },
}

/// A Debian root file system on this machine's disk. Not to be changed: containers have it as a lower layer.
#[derive(Debug)]
pub struct DebianRoot {
    path: PathBuf,
    /// Held for reading, so that no other version of this program takes it away.
    #[expect(dead_code, reason = "held for its lock")]
    lock: File,
}

/// Where root file systems are kept unless somebody says otherwise: `$XDG_CACHE_HOME/yagura`, else `/var/cache/yagura`.
pub fn default_cache() -> PathBuf {
    env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|dir| dir.is_absolute())
        .unwrap_or_else(|| PathBuf::from("/var/cache"))
        .join("yagura")
}

impl DebianRoot {
    /// Finds the root file system in `cache`, or builds it there: about 1.1 GB, in a minute or two.
    ///
    /// Packages come from the machine's own Debian mirrors. It appears whole or not at all; those that earlier versions
    /// of this program kept there are removed.
    ///
    /// # Errors
    /// `NotRoot`, `ToolMissing`, `Cache` and `Directory` if it can't be built here, `Offline` without a mirror, `Tool`
    /// and `Build` if building fails.
    pub fn prepare(
        cache: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<DebianRoot, DebianError> {
        if !rustix::process::geteuid().is_root() {
            return Err(DebianError::NotRoot);
        }
        // Programs in it have set-user-id bits: no other user may reach them.
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(cache)
            .map_err(unfit(cache))?;
        let name = format!("{KEPT_PREFIX}{:016x}", recipe::version());
        let path = cache.join(&name);
        let lock_path = lock_path(&path);
        let lock = open_lock(&lock_path)?;
        let locked = |how| rustix::fs::flock(&lock, how).map_err(io::Error::from);
        if locked(FlockOperation::NonBlockingLockExclusive).is_err() {
            // Others either use it, which does no harm, or build it.
            if !path.is_dir() {
                progress(Progress::Waiting);
            }
            locked(FlockOperation::LockShared).map_err(unfit(&lock_path))?;
        }
        if path.is_dir() {
            locked(FlockOperation::LockShared).map_err(unfit(&lock_path))?;
            progress(Progress::Ready { built_in: None });
            return Ok(DebianRoot { path, lock });
        }
        // Whoever was waited for has failed; this process tries for itself.
        locked(FlockOperation::LockExclusive).map_err(unfit(&lock_path))?;
        progress(Progress::Building {
            packages: recipe::PACKAGES.len(),
        });
        let begun = Instant::now();
        build(cache, &path)?;
        locked(FlockOperation::LockShared).map_err(unfit(&lock_path))?;
        remove_other_versions(cache, &name);
        progress(Progress::Ready {
            built_in: Some(begun.elapsed()),
        });
        Ok(DebianRoot { path, lock })
    }

    /// Builds an image of it in a private folder below `base`, with what [`crate::full`] and [`crate::benign`] run.
    ///
    /// # Errors
    /// As [`ThrowAwayImage::build_above`].
    pub fn image(&self, base: &Path) -> Result<ThrowAwayImage, ImageError> {
        let files: Vec<ImageFile<'_>> =
            benign::files().chain(full::FILES.iter().copied()).collect();
        ThrowAwayImage::build_above(&self.path, base, &files)
    }

    /// Tells where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn unfit(path: &Path) -> impl FnOnce(io::Error) -> DebianError {
    let path = path.to_owned();
    move |source| DebianError::Cache { path, source }
}

fn lock_path(kept: &Path) -> PathBuf {
    kept.with_extension("lock")
}

fn open_lock(path: &Path) -> Result<File, DebianError> {
    OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(unfit(path))
}

fn build(cache: &Path, path: &Path) -> Result<(), DebianError> {
    // What a killed build left; nothing depends on its going.
    let _ = remains::cleanup_leftovers(cache);
    let making = remains::begin()?;
    let remains = Remains::create(&making, cache, None)?;
    let _commanding = remains::begin_command().ok_or(CommandError::CleaningUp)?;
    // From here the clean-up may take the directory away under the build.
    drop(making);
    let built = build_in(&remains.dir).and_then(|root| {
        if path.is_dir() {
            return Ok(());
        }
        fs::rename(&root, path).map_err(unfit(path))
    });
    // The error that matters is the build's; `cleanup_leftovers` finds what stayed.
    let _ = remains.remove();
    built
}

/// Builds in a private directory and tells where the root file system is.
fn build_in(dir: &Path) -> Result<PathBuf, DebianError> {
    let mmdebstrap = find_program("mmdebstrap").ok_or(DebianError::ToolMissing)?;
    let [root, log, list] = ["root", "log", "sources.list"].map(|name| dir.join(name));
    let mut command = confined(&mmdebstrap);
    command
        .args(["--mode=root", "--variant=minbase"])
        .arg(format!("--logfile={}", log.display()))
        .arg(format!("--include={}", recipe::PACKAGES.join(",")))
        // What a crash leaves half-written is never taken for a root file system.
        .arg("--dpkgopt=force-unsafe-io")
        .args(recipe::EXCLUDED.map(|pattern| format!("--dpkgopt=path-exclude={pattern}")))
        .args(
            sources::access_settings()
                .into_iter()
                .map(|line| format!("--aptopt={line}")),
        )
        .arg(format!("--customize-hook={}", fetch_spares()))
        .arg(format!("--customize-hook={}", recipe::FINISH))
        .arg(recipe::SUITE)
        .arg(&root);
    let mirrors = sources::of_suite(recipe::SUITE);
    // Without a file mmdebstrap takes Debian's own mirror.
    if !mirrors.is_empty() {
        fs::write(&list, mirrors.join("\n") + "\n").map_err(unfit(&list))?;
        command.arg(&list);
    }
    let output = command::run(&mut command, Input::Empty, BUILD_TIMEOUT)?;
    if output.succeeded() {
        return Ok(root);
    }
    let log = fs::read(&log).unwrap_or(output.stderr);
    Err(failure(output.exit, &String::from_utf8_lossy(&log)))
}

/// A command that ends with this process, however that ends, and all that it started with it: a killed preparation
/// must not go on installing. Its mounts are its own. On a host without these tools it is run as it is.
fn confined(program: &Path) -> Command {
    let (Some(setpriv), Some(unshare)) = (find_program("setpriv"), find_program("unshare")) else {
        return Command::new(program);
    };
    let mut command = Command::new(setpriv);
    command
        .args(["--pdeathsig", "KILL"])
        .arg(unshare)
        .args(["--mount-proc", "--pid", "--fork", "--kill-child=KILL"])
        .arg(program);
    command
}

fn fetch_spares() -> String {
    format!(
        "mkdir -p \"$1{dir}\" && cd \"$1{dir}\" && \
         APT_CONFIG=\"$MMDEBSTRAP_APT_CONFIG\" apt-get -q -o APT::Sandbox::User=root download {packages}",
        dir = recipe::PACKAGE_DIR,
        packages = recipe::SPARE_PACKAGES.join(" "),
    )
}

fn failure(exit: Exit, log: &str) -> DebianError {
    let offline = log
        .lines()
        .find(|line| OFFLINE_SIGNS.iter().any(|sign| line.contains(sign)));
    if let Some(line) = offline {
        return DebianError::Offline {
            message: excerpt(line.as_bytes()),
        };
    }
    let errors: Vec<&str> = log
        .lines()
        .filter(|line| line.starts_with("E:") || line.starts_with("dpkg: error"))
        .collect();
    DebianError::Build {
        exit,
        message: excerpt(errors.join("; ").as_bytes()),
    }
}

/// Removes what other versions of this program kept, unless somebody uses it.
fn remove_other_versions(cache: &Path, own: &str) {
    let Ok(entries) = fs::read_dir(cache) else {
        return;
    };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_other = name
            .strip_prefix(KEPT_PREFIX)
            .is_some_and(|version| u64::from_str_radix(version, 16).is_ok() && name != own);
        if !is_other || !path.is_dir() {
            continue;
        }
        let lock_path = lock_path(&path);
        let unused = open_lock(&lock_path).ok().filter(|lock| {
            rustix::fs::flock(lock, FlockOperation::NonBlockingLockExclusive).is_ok()
        });
        if unused.is_some() {
            // What can't be removed now is tried again by the next build.
            let _ = fs::remove_dir_all(&path);
            let _ = fs::remove_file(&lock_path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_out_of_reach_is_told_from_other_failures() {
        let log = "I: x\nErr:1 http://m.test/debian bookworm InRelease\n  Could not connect to m.test:80\nE: apt-get failed\n";
        let DebianError::Offline { message } = failure(Exit::Code(1), log) else {
            panic!("not offline");
        };
        assert_eq!(message, "Could not connect to m.test:80");
        let log = "E: Unable to locate package nosuch\nI: cleaning\n";
        let DebianError::Build { message, .. } = failure(Exit::Code(1), log) else {
            panic!("not a build failure");
        };
        assert_eq!(message, "E: Unable to locate package nosuch");
    }

    #[test]
    fn packages_are_named_once() {
        let mut names = PACKAGES.to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), PACKAGES.len());
    }
}
