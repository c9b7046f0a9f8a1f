//! A directory below the system's temporary one, with everything that was mounted in it.

use crate::FixtureError;
use rustix::mount::{UnmountFlags, unmount};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A directory that is unmounted and removed on drop. Its path is short: a unix socket's has at most 107 bytes.
#[derive(Debug)]
pub struct ScratchDir(PathBuf);

impl ScratchDir {
    /// Makes an empty directory.
    ///
    /// # Errors
    /// [`FixtureError::File`].
    pub fn new() -> Result<ScratchDir, FixtureError> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("ygt-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).map_err(FixtureError::file(&path))?;
        Ok(ScratchDir(path))
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A new file or directory in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Makes a directory in it.
    pub(crate) fn directory(&self, name: &str) -> Result<PathBuf, FixtureError> {
        let path = self.0.join(name);
        std::fs::create_dir_all(&path).map_err(FixtureError::file(&path))?;
        Ok(path)
    }

    /// Writes a file in it.
    pub(crate) fn write(&self, name: &str, content: &str) -> Result<PathBuf, FixtureError> {
        let path = self.0.join(name);
        std::fs::write(&path, content).map_err(FixtureError::file(&path))?;
        Ok(path)
    }

    fn unmount_all(&self) {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let points = mounts.lines().filter_map(|line| line.split(' ').nth(4));
        let own: Vec<&str> = points
            .filter(|point| Path::new(point).starts_with(&self.0))
            .collect();
        for point in own.into_iter().rev() {
            let _ = unmount(point, UnmountFlags::DETACH);
        }
    }
}

/// How long processes that still work in a directory are waited for.
const USERS_TIMEOUT: Duration = Duration::from_secs(5);

/// Whether a process has the directory in its command line: managers clean up in the background after they answered.
fn is_in_use(dir: &Path) -> bool {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let own = std::process::id().to_string();
    entries
        .filter(|entry| entry.file_name().to_str() != Some(own.as_str()))
        .filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok())
        .any(|arguments| {
            String::from_utf8_lossy(&arguments).contains(&format!("{}/", dir.display()))
        })
}

impl Drop for ScratchDir {
    fn drop(&mut self) {
        let deadline = Instant::now() + USERS_TIMEOUT;
        while is_in_use(&self.0) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        self.unmount_all();
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The last lines of a log.
pub(crate) fn tail(log: &Path) -> String {
    const LINES: usize = 5;
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(LINES);
    lines.get(from..).unwrap_or_default().join("\n")
}
