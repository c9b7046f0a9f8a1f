//! Whether files are still those from which something was made.

use crate::workspace::root;
use anyhow::{Context, Result};
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;

/// A digest of files' names and contents. It tells an edit from none; nobody is kept out by it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stamp(String);

impl Stamp {
    /// The stamp of files and folders of the repository.
    ///
    /// # Errors
    /// One of them can't be read.
    pub(super) fn of(paths: &[&str]) -> Result<Stamp> {
        let mut hasher = DefaultHasher::new();
        for path in paths {
            add(&root().join(path), &mut hasher)?;
        }
        Ok(Stamp(format!("{:016x}\n", hasher.finish())))
    }

    /// Whether the last thing kept there was this.
    pub(super) fn is_kept_in(&self, file: &Path) -> bool {
        fs::read_to_string(file).is_ok_and(|kept| kept == self.0)
    }

    /// Keeps it for the next time.
    ///
    /// # Errors
    /// The file can't be written.
    pub(super) fn keep_in(&self, file: &Path) -> Result<()> {
        fs::write(file, &self.0).with_context(|| format!("writing {}", file.display()))
    }
}

fn add(path: &Path, hasher: &mut DefaultHasher) -> Result<()> {
    let reading = || format!("reading {}", path.display());
    if path.ends_with("__generated__") {
        return Ok(());
    }
    if !path.is_dir() {
        path.hash(hasher);
        fs::read(path).with_context(reading)?.hash(hasher);
        return Ok(());
    }
    let entries = fs::read_dir(path).with_context(reading)?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<Vec<_>>>()
        .with_context(reading)?;
    paths.sort_unstable();
    paths.iter().try_for_each(|path| add(path, hasher))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_files_have_another_stamp() {
        let stamp = Stamp::of(&["console/package.json"]).unwrap();
        assert_eq!(stamp, Stamp::of(&["console/package.json"]).unwrap());
        assert_ne!(stamp, Stamp::of(&["console/public"]).unwrap());
        assert!(Stamp::of(&["console/absent"]).is_err());
    }
}
