//! What the files of a baseline contain, read while nothing else is to be done: once a file has changed, only a digest
//! taken before can say whether its content is what it had been.

use super::file::{Facts, Found, Lookup, look_up};
use super::hash::{PartialDigest, Reader};
use super::limits::BASELINE_HASH_BYTES_MAX;
use rustix::fd::OwnedFd;
use std::collections::HashMap;
use std::time::Instant;
use yagura_event::Sha256;

/// A program, library or script of a baseline.
#[derive(Debug)]
pub(super) struct Known {
    /// One of its paths.
    pub(super) path: Box<[u8]>,
    /// Its facts when it was found.
    pub(super) facts: Facts,
    /// Digest of its content of that time, if it was read before it changed.
    pub(super) sha256: Option<Sha256>,
}

impl Known {
    /// Finds the file at its path if nothing about it has changed.
    pub(super) fn find_unchanged(&self, root: &OwnedFd) -> Option<Found> {
        let found = Found::new(look_up(root, &self.path, Lookup::NoLinks).ok()?).ok()?;
        let identity = |facts: &Facts| (facts.dev, facts.ino, facts.size, facts.ctime_ns);
        (identity(&found.facts) == identity(&self.facts)).then_some(found)
    }
}

/// The files still to be read, within bounds.
#[derive(Debug)]
pub(super) struct Unread {
    /// Size and inode of each, the smallest last: most files are small, and the sooner a file is read the less can
    /// have happened to it.
    files: Vec<(u64, u64)>,
    bytes_left: u64,
    partial: PartialDigest,
}

impl Unread {
    /// All files of which `is_settled` says that their change time tells every later change.
    pub(super) fn new(known: &HashMap<u64, Known>, is_settled: impl Fn(&Facts) -> bool) -> Unread {
        let mut files: Vec<(u64, u64)> = known
            .iter()
            .filter(|(_, known)| is_settled(&known.facts))
            .map(|(ino, known)| (known.facts.size, *ino))
            .collect();
        files.sort_unstable_by(|one, other| other.cmp(one));
        Unread {
            files,
            bytes_left: BASELINE_HASH_BYTES_MAX,
            partial: PartialDigest::default(),
        }
    }

    /// Size of the next file in bytes; `None` if there is none or all are larger than what is left to spend.
    pub(super) fn next_size(&self) -> Option<u64> {
        let (size, _) = self.files.last()?;
        (*size <= self.bytes_left).then_some(*size)
    }

    /// Gives up the rest.
    pub(super) fn give_up(&mut self) {
        self.files = Vec::new();
    }

    /// Reads until `until` below the root directory. What has changed since the walk is left out for ever.
    pub(super) fn advance(
        &mut self,
        known: &mut HashMap<u64, Known>,
        root: &OwnedFd,
        reader: &Reader,
        until: Instant,
    ) {
        while Instant::now() < until
            && let Some(size) = self.next_size()
            && let Some((_, ino)) = self.files.last()
        {
            let known = known.get_mut(ino);
            let digest = known.as_ref().and_then(|known| {
                let found = known.find_unchanged(root)?;
                reader.digest_on(&found, &mut self.partial, until).ok()
            });
            // There is more of this file.
            if digest == Some(None) {
                return;
            }
            if let Some(known) = known {
                known.sha256 = digest.flatten();
            }
            self.bytes_left -= size;
            self.partial = PartialDigest::default();
            self.files.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::file::open_directory;
    use super::super::tests::{TestDir, wait_until};
    use super::*;
    use std::path::PathBuf;
    use std::sync::Arc;
    use std::time::Duration;

    fn known(root: &OwnedFd, names: &[&str]) -> HashMap<u64, Known> {
        let known = names.iter().map(|name| {
            let path: Box<[u8]> = name.as_bytes().into();
            let handle = look_up(root, &path, Lookup::NoLinks).expect("file");
            let facts = Facts::of(handle).expect("facts");
            let sha256 = None;
            (
                facts.ino,
                Known {
                    path,
                    facts,
                    sha256,
                },
            )
        });
        known.collect()
    }

    fn read_paths(known: &HashMap<u64, Known>) -> Vec<String> {
        let mut read: Vec<String> = known
            .values()
            .filter(|known| known.sha256.is_some())
            .map(|known| String::from_utf8_lossy(&known.path).into_owned())
            .collect();
        read.sort();
        read
    }

    fn reader() -> Reader {
        Reader::new(PathBuf::from("/proc"), u64::MAX, Arc::default())
    }

    fn later() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[test]
    fn small_files_are_read_first_and_no_more_than_allowed() {
        let dir = TestDir::new();
        for (name, size) in [("large", 300), ("small", 1), ("middle", 20)] {
            std::fs::write(dir.join(name), vec![0; size]).expect("file");
        }
        let root = open_directory(dir.path()).expect("root");
        let mut known = known(&root, &["large", "small", "middle"]);
        let mut unread = Unread::new(&known, |_| true);
        unread.bytes_left = 100;
        assert_eq!(unread.next_size(), Some(1));
        unread.advance(&mut known, &root, &reader(), later());
        assert_eq!(read_paths(&known), ["middle", "small"]);
        assert_eq!((unread.bytes_left, unread.next_size()), (79, None));
    }

    #[test]
    fn a_file_that_changed_or_may_have_is_never_read() {
        let dir = TestDir::new();
        let names = ["kept", "written", "replaced", "gone", "fresh"];
        for name in names {
            std::fs::write(dir.join(name), name).expect("file");
        }
        let root = open_directory(dir.path()).expect("root");
        let mut known = known(&root, &names);
        let fresh = look_up(&root, b"fresh", Lookup::NoLinks).and_then(Facts::of);
        let fresh = fresh.expect("facts");
        let mut unread = Unread::new(&known, |facts| *facts != fresh);
        // Change times are no finer than a clock tick.
        wait_until(|| {
            std::fs::write(dir.join("clock"), "").expect("file");
            let clock = look_up(&root, b"clock", Lookup::NoLinks).and_then(Facts::of);
            clock.expect("facts").ctime_ns > fresh.ctime_ns
        });
        std::fs::write(dir.join("written"), "WRITTEN").expect("write");
        std::fs::rename(dir.join("gone"), dir.join("replaced")).expect("rename");
        unread.advance(&mut known, &root, &reader(), later());
        assert_eq!(read_paths(&known), ["kept"]);
        assert_eq!(unread.next_size(), None);
    }
}
