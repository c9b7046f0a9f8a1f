//! A directory that is being read.

use super::entry::Handle;
use rustix::fs::{Dir, OFlags};

/// Names of a directory that are read and sorted at once.
const NAMES_MAX: usize = 16_384;
/// Bytes of names that all open directories hold together. Stops a deep tree of full directories.
const NAMES_BYTES_MAX: usize = 32 * 1024 * 1024;

/// An open directory and those of its names that come next.
#[derive(Debug)]
pub(super) struct Frame {
    directory: Dir,
    /// Path of the directory.
    pub(super) path: Vec<u8>,
    /// Device number of its file system.
    pub(super) dev: u64,
    /// The next name is the last.
    names: Vec<Vec<u8>>,
}

impl Frame {
    pub(super) fn open(handle: &Handle) -> rustix::io::Result<Frame> {
        let directory = handle.open(OFlags::RDONLY | OFlags::DIRECTORY)?;
        Ok(Frame {
            directory: Dir::new(directory)?,
            path: Vec::new(),
            dev: handle.dev,
            names: Vec::new(),
        })
    }

    pub(super) fn at(mut self, path: Vec<u8>) -> Frame {
        self.path = path;
        self
    }

    /// The path of an entry.
    pub(super) fn path_of(&self, name: &[u8]) -> Vec<u8> {
        let separator: &[u8] = if self.path.ends_with(b"/") { b"" } else { b"/" };
        [&self.path, separator, name].concat()
    }

    pub(super) fn entry(&self, name: &[u8]) -> rustix::io::Result<Handle> {
        Handle::entry(self.directory.fd()?, name)
    }

    /// The next name; none at the end.
    ///
    /// # Errors
    /// Whatever getdents(2) says. Names that were read before are still given first.
    pub(super) fn next_name(
        &mut self,
        held_bytes: &mut usize,
    ) -> rustix::io::Result<Option<Vec<u8>>> {
        if self.names.is_empty() {
            self.fill(held_bytes)?;
        }
        let name = self.names.pop();
        *held_bytes -= name.as_ref().map_or(0, Vec::len);
        Ok(name)
    }

    fn fill(&mut self, held_bytes: &mut usize) -> rustix::io::Result<()> {
        while let Some(entry) = self.directory.read() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(_) if !self.names.is_empty() => break,
                Err(error) => return Err(error),
            };
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            *held_bytes += name.len();
            self.names.push(name.to_vec());
            if self.names.len() >= NAMES_MAX || *held_bytes >= NAMES_BYTES_MAX {
                break;
            }
        }
        self.names.sort_unstable_by(|a, b| b.cmp(a));
        Ok(())
    }
}
