//! The content of a file: its digest, its first bytes, and what they say.

use super::elf;
use super::file::{Facts, Found};
use super::limits::{DIGESTS_MAX, HASH_TIME_MAX, HEAD_BYTES, READ_BYTES, SETTLED_AFTER};
use super::recent::Recent;
use sha2::{Digest as _, Sha256 as Hasher};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use yagura_event::{FileId, FileKey, InspectionError, Sha256};

/// What was read of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content {
    /// Digest of the whole content, or why it is not known.
    pub(crate) sha256: Result<Sha256, InspectionError>,
    /// The first bytes, at most [`HEAD_BYTES`].
    pub(crate) head: Vec<u8>,
    /// Whether it is an ELF program.
    pub(crate) is_program: bool,
}

/// A digest that is computed in parts. In between the file is not held open, which would keep its file system from
/// being unmounted.
#[derive(Debug, Default)]
pub(crate) struct PartialDigest {
    hasher: Hasher,
    offset: u64,
    facts: Option<Facts>,
}

/// Reads files, and remembers what cannot have changed.
#[derive(Debug)]
pub(crate) struct Reader {
    proc_root: PathBuf,
    bytes_max: u64,
    stop: Arc<AtomicBool>,
    known: Recent<FileKey, Content>,
    known_layer_files: Recent<FileKey, Content>,
}

impl Reader {
    /// `stop` ends reading early.
    pub(crate) fn new(proc_root: PathBuf, bytes_max: u64, stop: Arc<AtomicBool>) -> Reader {
        Reader {
            proc_root,
            bytes_max,
            stop,
            known: Recent::new(DIGESTS_MAX),
            known_layer_files: Recent::new(DIGESTS_MAX),
        }
    }

    /// Whether the inspector is to end.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Reads a file in use. `key` is the kernel's identity of it; somebody may be writing to it if `is_being_written`.
    pub(crate) fn read(&mut self, found: &Found, key: FileKey, is_being_written: bool) -> Content {
        let key = FileKey {
            ctime_ns: found.facts.ctime_ns,
            size: found.facts.size,
            ..key
        };
        if !is_being_written && let Some(content) = self.known.get(&key) {
            return content.clone();
        }
        let (content, is_settled) = self.read_now(found);
        if is_settled && !is_being_written {
            self.known.insert(key, content.clone());
        }
        content
    }

    /// Digest of a file of an image.
    ///
    /// # Errors
    /// Why it is not known.
    pub(crate) fn digest_of_image_file(
        &mut self,
        found: &Found,
    ) -> Result<Sha256, InspectionError> {
        let key = key_of(&found.facts);
        if let Some(content) = self.known_layer_files.get(&key) {
            return content.sha256;
        }
        let (content, is_settled) = self.read_now(found);
        if is_settled {
            self.known_layer_files.insert(key, content.clone());
        }
        content.sha256
    }

    /// Reads a file and says whether the same facts will stand for the same content from now on.
    fn read_now(&self, found: &Found) -> (Content, bool) {
        let began = SystemTime::now();
        let Ok(file) = found.open(&self.proc_root) else {
            return (Content::unread(InspectionError::Unreadable), false);
        };
        let content = Content {
            head: head(&file),
            is_program: elf::is_program(&file),
            sha256: self.digest(&file, found.facts.size),
        };
        let is_unchanged = Facts::of(&file).is_ok_and(|facts| {
            (facts.ctime_ns, facts.size) == (found.facts.ctime_ns, found.facts.size)
        });
        let is_settled =
            content.sha256.is_ok() && is_unchanged && is_long_before(found.facts.ctime_ns, began);
        (content, is_settled)
    }

    /// Goes on with a digest until `until`, `None` if there is more. What was read counts only if the file's facts stay
    /// the same from the first part to the last.
    ///
    /// # Errors
    /// Why it will never be known.
    pub(crate) fn digest_on(
        &self,
        found: &Found,
        partial: &mut PartialDigest,
        until: Instant,
    ) -> Result<Option<Sha256>, InspectionError> {
        let facts = *partial.facts.get_or_insert(found.facts);
        if facts != found.facts {
            return Err(InspectionError::Replaced);
        }
        let unreadable = |_| InspectionError::Unreadable;
        let file = found
            .open(&self.proc_root)
            .map_err(|_| InspectionError::Unreadable)?;
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let count = match file.read_at(&mut buffer, partial.offset) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                read => read.map_err(unreadable)?,
            };
            if count == 0 {
                let now = Facts::of(&file).map_err(|_| InspectionError::Unreadable)?;
                let is_whole = now == facts && partial.offset == facts.size;
                let digest = partial.hasher.clone().finalize();
                return match is_whole {
                    true => Ok(Some(Sha256(digest.into()))),
                    false => Err(InspectionError::Replaced),
                };
            }
            partial
                .hasher
                .update(buffer.get(..count).unwrap_or_default());
            partial.offset += count as u64;
            if partial.offset > facts.size {
                return Err(InspectionError::Replaced);
            }
            if Instant::now() >= until || self.is_stopping() {
                return Ok(None);
            }
        }
    }

    fn digest(&self, mut file: &File, size: u64) -> Result<Sha256, InspectionError> {
        if size > self.bytes_max {
            return Err(InspectionError::TooLarge);
        }
        let began = Instant::now();
        let mut hasher = Hasher::new();
        let mut buffer = vec![0; READ_BYTES];
        let mut total = 0;
        loop {
            let count = match file.read(&mut buffer) {
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return Err(InspectionError::Unreadable),
            };
            let bytes = buffer.get(..count).unwrap_or_default();
            if bytes.is_empty() {
                return Ok(Sha256(hasher.finalize().into()));
            }
            // The file may grow while it is read.
            total += bytes.len() as u64;
            if total > self.bytes_max {
                return Err(InspectionError::TooLarge);
            }
            hasher.update(bytes);
            if self.is_stopping() || began.elapsed() > HASH_TIME_MAX {
                return Err(InspectionError::TimedOut);
            }
        }
    }
}

impl Content {
    fn unread(error: InspectionError) -> Content {
        Content {
            sha256: Err(error),
            head: Vec::new(),
            is_program: false,
        }
    }
}

pub(crate) fn key_of(facts: &Facts) -> FileKey {
    FileKey {
        id: FileId {
            dev: facts.dev,
            ino: facts.ino,
        },
        generation: 0,
        ctime_ns: facts.ctime_ns,
        size: facts.size,
    }
}

fn head(file: &File) -> Vec<u8> {
    let mut head = vec![0; HEAD_BYTES];
    let mut filled = 0;
    while let Some(rest) = head.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match elf::ReadAt::read_at(file, rest, filled as u64) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => break,
            Ok(count) => filled += count,
        }
    }
    head.truncate(filled);
    head
}

/// Whether a file's last change is so long before `now` that a later one must carry another time.
fn is_long_before(ctime_ns: i64, now: SystemTime) -> bool {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let settled = now.saturating_sub(SETTLED_AFTER).as_nanos();
    u128::try_from(ctime_ns).is_ok_and(|ctime| ctime < settled)
}

#[cfg(test)]
mod tests {
    use super::super::file::{Lookup, look_up, open_directory};
    use super::super::tests::{TestDir, wait_until_settled};
    use super::*;

    fn reader(bytes_max: u64) -> Reader {
        Reader::new(PathBuf::from("/proc"), bytes_max, Arc::default())
    }

    fn found(dir: &TestDir, name: &str) -> Found {
        let root = open_directory(dir.path()).expect("directory");
        Found::new(look_up(&root, name.as_bytes(), Lookup::InRoot).expect("file")).expect("facts")
    }

    #[test]
    fn content_is_read_whole() {
        let dir = TestDir::new();
        std::fs::write(dir.join("abc"), "abc").expect("write");
        let content = reader(100).read(&found(&dir, "abc"), FileKey::default(), false);
        assert_eq!(
            content.sha256.expect("digest").to_string(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(content.head, b"abc");
        let long = vec![7; READ_BYTES * 3 + 1];
        std::fs::write(dir.join("long"), &long).expect("write");
        let content = reader(u64::MAX).read(&found(&dir, "long"), FileKey::default(), false);
        let expected: [u8; 32] = Hasher::digest(&long).into();
        assert_eq!(content.sha256, Ok(Sha256(expected)));
        assert_eq!(content.head.len(), HEAD_BYTES);
    }

    #[test]
    fn a_huge_sparse_file_is_refused_but_its_head_is_read() {
        let dir = TestDir::new();
        let file = File::create(dir.join("sparse")).expect("create");
        file.write_at(b"#!/bin/sh\n", 0).expect("write");
        file.set_len(1 << 40).expect("length");
        let content = reader(1 << 20).read(&found(&dir, "sparse"), FileKey::default(), false);
        assert_eq!(content.sha256, Err(InspectionError::TooLarge));
        assert!(content.head.starts_with(b"#!/bin/sh\n"));
    }

    #[test]
    fn an_endless_file_is_cut_off() {
        // Files of /proc have no size, like one that grows while it is read.
        let handle = look_up(
            open_directory("/proc/self".as_ref()).expect("proc"),
            b"maps",
            Lookup::InRoot,
        );
        let content = reader(16).read(
            &Found::new(handle.expect("maps")).expect("facts"),
            FileKey::default(),
            false,
        );
        assert_eq!(content.sha256, Err(InspectionError::TooLarge));
    }

    #[test]
    fn a_settled_file_is_hashed_once_until_it_is_written() {
        let dir = TestDir::new();
        let path = dir.join("f");
        std::fs::write(&path, "one").expect("write");
        wait_until_settled(&path);
        let mut reader = reader(100);
        let key = FileKey::default();
        let one = reader.read(&found(&dir, "f"), key, false);
        assert_eq!(reader.known.entries_mut().count(), 1);
        // A cached answer does not look at the content: change what is remembered, and it is what comes back.
        for (_, content) in reader.known.entries_mut() {
            content.head = b"remembered".to_vec();
        }
        assert_eq!(
            reader.read(&found(&dir, "f"), key, false).head,
            b"remembered"
        );
        assert_eq!(reader.read(&found(&dir, "f"), key, true).head, b"one");
        std::fs::write(&path, "two").expect("write");
        let two = reader.read(&found(&dir, "f"), key, false);
        assert_eq!(two.head, b"two");
        assert_ne!(one.sha256, two.sha256);
    }

    #[test]
    fn a_fresh_file_is_not_remembered() {
        let dir = TestDir::new();
        std::fs::write(dir.join("f"), "one").expect("write");
        let mut reader = reader(100);
        reader.read(&found(&dir, "f"), FileKey::default(), false);
        assert_eq!(reader.known.entries_mut().count(), 0);
    }

    #[test]
    fn a_digest_in_parts_is_that_of_the_whole_unless_the_file_changes() {
        let dir = TestDir::new();
        let long = vec![7; READ_BYTES * 2 + 1];
        std::fs::write(dir.join("f"), &long).expect("write");
        let reader = reader(u64::MAX);
        let mut partial = PartialDigest::default();
        let mut next = || reader.digest_on(&found(&dir, "f"), &mut partial, Instant::now());
        let expected: [u8; 32] = Hasher::digest(&long).into();
        assert_eq!([next(), next(), next()], [Ok(None); 3]);
        assert_eq!(next(), Ok(Some(Sha256(expected))));

        partial = PartialDigest::default();
        let mut next = || reader.digest_on(&found(&dir, "f"), &mut partial, Instant::now());
        assert_eq!(next(), Ok(None));
        let file = File::options().write(true).open(dir.join("f"));
        file.expect("file").write_at(b"x", 0).expect("write");
        assert_eq!(next(), Err(InspectionError::Replaced));
    }

    #[test]
    fn stopping_ends_reading() {
        let dir = TestDir::new();
        std::fs::write(dir.join("f"), "one").expect("write");
        let stop = Arc::new(AtomicBool::new(true));
        let mut reader = Reader::new(PathBuf::from("/proc"), 100, stop);
        let content = reader.read(&found(&dir, "f"), FileKey::default(), false);
        assert_eq!(content.sha256, Err(InspectionError::TimedOut));
    }
}
