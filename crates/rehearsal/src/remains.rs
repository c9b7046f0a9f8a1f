//! What a throw-away thing leaves on the host, and how all of it goes away again.

use crate::command::{self, Input};
use crate::limits::{DELETE_TIMEOUT, SETTLE_PAUSE, SETTLE_TIMEOUT};
use crate::owner::Owner;
use crate::runtime::RuntimeProgram;
use crate::{cgroups, mounts};
use rustix::fs::StatVfsMountFlags;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use std::fs::{self, DirBuilder, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::thread;
use std::time::Instant;

/// Why something could not be removed.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// A cgroup stayed.
    #[error("cgroup {path} stays")]
    Cgroup {
        /// Its directory, or its name if the hierarchies could not be listed.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// Something stayed mounted, so nothing below was deleted.
    #[error("{path} stays: mounts below it could not be removed")]
    Mounted {
        /// The private directory.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// Files stayed.
    #[error("{path} stays")]
    Directory {
        /// The private directory.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
}

/// Why a private directory could not be made.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Everything made here has been removed for good, or is being removed.
    #[error("this process is cleaning up")]
    CleaningUp,
    /// The directory above is unfit.
    #[error("{path} can't hold throw-away containers")]
    Base {
        /// The directory above.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: io::Error,
    },
    /// The directory could not be made.
    #[error("can't make {path}")]
    Make {
        /// The directory.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
}

/// One private directory with everything that hangs on it: mounts below, cgroups and a container of the same name.
#[derive(Debug, Clone)]
pub(crate) struct Remains {
    pub(crate) name: String,
    pub(crate) dir: PathBuf,
    /// The runtime that knows a container of this name.
    pub(crate) runtime: Option<RuntimeProgram>,
}

/// What this process made and has not removed yet.
static MADE: Mutex<Vec<Remains>> = Mutex::new(Vec::new());
/// Held for reading while something is being made, for writing once by the final clean-up; true after that.
static CLOSED: RwLock<bool> = RwLock::new(false);

/// Commands of runtimes that are running: each makes the directory of its records anew if that has gone.
static COMMANDS: AtomicUsize = AtomicUsize::new(0);
/// Held while something is removed: two at it at once would each trip over the other's progress.
static REMOVING: Mutex<()> = Mutex::new(());

fn made() -> MutexGuard<'static, Vec<Remains>> {
    // The list is whole after any single operation on it, so a panic elsewhere does not matter.
    MADE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Permission to make things; whoever holds it delays the final clean-up.
#[derive(Debug)]
pub(crate) struct Making(
    #[expect(dead_code, reason = "held for its Drop")] RwLockReadGuard<'static, bool>,
);

/// Asks for permission to make things.
///
/// # Errors
/// `CleaningUp` after the final clean-up began.
pub(crate) fn begin() -> Result<Making, DirectoryError> {
    let closed = CLOSED.read().unwrap_or_else(PoisonError::into_inner);
    if *closed {
        return Err(DirectoryError::CleaningUp);
    }
    Ok(Making(closed))
}

/// Permission to run a runtime's command; the final clean-up looks again after whoever holds it.
#[derive(Debug)]
pub(crate) struct Commanding(());

/// Asks for permission to run a command; `None` once the final clean-up began.
pub(crate) fn begin_command() -> Option<Commanding> {
    COMMANDS.fetch_add(1, Ordering::SeqCst);
    let commanding = Commanding(());
    // Only the final clean-up ever writes, and it holds the lock while it works.
    let is_open = CLOSED.try_read().is_ok_and(|closed| !*closed);
    is_open.then_some(commanding)
}

impl Drop for Commanding {
    fn drop(&mut self) {
        COMMANDS.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Remains {
    /// Makes a directory below `base` that only this user may enter, with a name that tells its owner.
    ///
    /// # Errors
    /// `Base` if programs can't run from there, `Make` if the kernel refuses.
    pub(crate) fn create(
        _making: &Making,
        base: &Path,
        runtime: Option<&RuntimeProgram>,
    ) -> Result<Remains, DirectoryError> {
        let unfit = |source| DirectoryError::Base {
            path: base.to_owned(),
            source,
        };
        // The mount table has real paths, and only UTF-8 survives the way into a runtime's configuration.
        let base = fs::canonicalize(base).map_err(unfit)?;
        if base.to_str().is_none() {
            return Err(unfit(io::Error::from(io::ErrorKind::InvalidFilename)));
        }
        let name = Owner::this().map_err(unfit)?.name();
        let dir = base.join(&name);
        let remains = Remains {
            name,
            dir: dir.clone(),
            runtime: runtime.cloned(),
        };
        made().push(remains.clone());
        let built = DirBuilder::new()
            .mode(0o700)
            .create(&dir)
            .and_then(|()| allow_execution(&dir));
        match built {
            Ok(()) => Ok(remains),
            Err(source) => {
                // What little there is goes with it; the error that matters is the first one.
                let _ = remains.remove();
                Err(DirectoryError::Make { path: dir, source })
            }
        }
    }

    /// Removes all of it. Calling it again does no harm.
    ///
    /// # Errors
    /// The first thing that stayed. What could be removed is gone nevertheless.
    pub(crate) fn remove(&self) -> Result<(), RemoveError> {
        let _removing = REMOVING.lock().unwrap_or_else(PoisonError::into_inner);
        self.delete_container();
        let cgroups = cgroups::remove(&self.name)
            .map_err(|(path, source)| RemoveError::Cgroup { path, source });
        self.remove_directory()?;
        cgroups?;
        made().retain(|other| other.name != self.name);
        Ok(())
    }

    fn delete_container(&self) {
        let state = self.dir.clone();
        if let Some(runtime) = &self.runtime
            && state.join(&self.name).exists()
        {
            // Whatever the runtime fails to do is done below by hand.
            let mut delete = runtime.command(&state);
            delete.args(["delete", "--force", &self.name]);
            let _ = command::run(&mut delete, Input::Empty, DELETE_TIMEOUT);
        }
    }

    fn remove_directory(&self) -> Result<(), RemoveError> {
        let path = &self.dir;
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Ok(found) if found.is_dir() && is_own(&found) => {}
            found => {
                let source = found
                    .err()
                    .unwrap_or_else(|| io::Error::from(io::ErrorKind::NotADirectory));
                return Err(RemoveError::Directory {
                    path: path.clone(),
                    source,
                });
            }
        }
        // Deleting does not stop at mounts: with one left below, files that are not ours could go.
        unmount_below(path).map_err(|source| RemoveError::Mounted {
            path: path.clone(),
            source,
        })?;
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(RemoveError::Directory {
                path: path.clone(),
                source,
            }),
            Ok(()) => Ok(()),
        }
    }
}

/// Whether this user made it: in a shared folder anyone may use a name like ours.
fn is_own(found: &Metadata) -> bool {
    found.uid() == rustix::process::geteuid().as_raw()
}

/// Many systems mount /tmp so that nothing can be executed from there; then the directory gets a tmpfs of its own.
fn allow_execution(dir: &Path) -> io::Result<()> {
    let refused = StatVfsMountFlags::NOEXEC | StatVfsMountFlags::NOSUID | StatVfsMountFlags::NODEV;
    if rustix::fs::statvfs(dir)?.f_flag.intersects(refused) {
        mount_tmpfs(dir)?;
    }
    Ok(())
}

/// Mounts a bounded tmpfs on `dir` that only this user may enter.
pub(crate) fn mount_tmpfs(dir: &Path) -> io::Result<()> {
    let options = format!("mode=0700,size={}m\0", crate::limits::TMPFS_MIB_MAX);
    let options = std::ffi::CStr::from_bytes_with_nul(options.as_bytes())
        .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    mount("tmpfs", dir, "tmpfs", MountFlags::empty(), Some(options))?;
    Ok(())
}

fn unmount_below(dir: &Path) -> io::Result<()> {
    let deadline = Instant::now() + SETTLE_TIMEOUT;
    loop {
        let points = mounts::below(dir)?;
        if points.is_empty() {
            return Ok(());
        }
        let mut last = Ok(());
        for point in points.iter().rev() {
            // Busy while a killed process still has its root there; lazily then, so that nothing waits for it.
            last = unmount(point, UnmountFlags::NOFOLLOW)
                .or_else(|_| unmount(point, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW));
        }
        if Instant::now() >= deadline {
            return last.map_err(io::Error::from);
        }
        if last.is_err() {
            thread::sleep(SETTLE_PAUSE);
        }
    }
}

/// Removes everything that this process made and still has, and lets nothing be made after.
///
/// For the way out: a thread that was told of SIGINT or SIGTERM calls it before it ends the process. It waits for a
/// start that is under way, at most as long as starts may take. Not to be called from a signal handler itself.
pub fn cleanup_all() -> Vec<RemoveError> {
    let mut closed = CLOSED.write().unwrap_or_else(PoisonError::into_inner);
    *closed = true;
    let all = made().clone();
    let remove_all = || {
        // Newest first: containers before the image that they stand on.
        let newest_first = all.iter().rev();
        newest_first
            .filter_map(|remains| remains.remove().err())
            .collect()
    };
    let failed: Vec<RemoveError> = remove_all();
    if COMMANDS.load(Ordering::SeqCst) == 0 && failed.is_empty() {
        return failed;
    }
    // Without their containers, commands that were under way end; what they still made goes now.
    let deadline = Instant::now() + SETTLE_TIMEOUT;
    while COMMANDS.load(Ordering::SeqCst) > 0 && Instant::now() < deadline {
        thread::sleep(SETTLE_PAUSE);
    }
    remove_all()
}

/// What [`cleanup_leftovers`] found.
#[derive(Debug, Default)]
pub struct Leftovers {
    /// Names of what was removed.
    pub removed: Vec<String>,
    /// What stayed, and why.
    pub failed: Vec<RemoveError>,
}

/// Removes what runs of ours that were killed left in `base` and in the cgroup hierarchies.
///
/// Taken away is only what bears a name made here, belongs to this user, and whose maker (pid and start time, in this
/// pid namespace) lives no more.
///
/// # Errors
/// If `base` or the mount table can't be read.
pub fn cleanup_leftovers(base: &Path) -> io::Result<Leftovers> {
    let base = fs::canonicalize(base)?;
    let mut names = cgroups::names()?;
    for entry in fs::read_dir(&base)? {
        let entry = entry?;
        // Anyone may make such a name in a shared directory, as a link to somewhere else for instance.
        let ours =
            fs::symlink_metadata(entry.path()).is_ok_and(|found| found.is_dir() && is_own(&found));
        if ours && let Ok(name) = entry.file_name().into_string() {
            names.push(name);
        }
    }
    names.sort_unstable();
    names.dedup();
    let mut leftovers = Leftovers::default();
    for name in names {
        if !Owner::of(&name).is_some_and(Owner::is_gone) {
            continue;
        }
        let remains = Remains {
            dir: base.join(&name),
            name,
            runtime: None,
        };
        match remains.remove() {
            Ok(()) => leftovers.removed.push(remains.name),
            Err(error) => leftovers.failed.push(error),
        }
    }
    Ok(leftovers)
}
