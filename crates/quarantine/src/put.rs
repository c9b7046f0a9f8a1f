//! Taking a file.

use crate::facts::{Facts, kind_name, xattrs};
use crate::id::ItemId;
use crate::item::{Item, Metadata};
use crate::limits::NOTE_BYTES_MAX;
use crate::seal::{self, Header, SealError};
use crate::source::Source;
use crate::store::{Store, item_name, unfinished_name};
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags, fsync, openat, renameat_with, unlinkat};
use std::fs::File;
use std::io;
use yagura_event::{Finding, WallTime};

/// Why a file is taken, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The time.
    pub time: WallTime,
    /// The reason, in words of whoever takes it.
    pub reason: String,
    /// What was found in it.
    pub finding: Option<Finding>,
}

/// Why a file was not taken. It is where it was, and not in the store.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// It is no regular file.
    #[error("it is {kind}; only regular files can be taken")]
    NotRegular {
        /// What it is.
        kind: &'static str,
    },
    /// It is larger than the store takes.
    #[error("it has {size} bytes; the store takes files of at most {bytes_max}")]
    TooLarge {
        /// Its size in bytes.
        size: u64,
        /// The bound in bytes.
        bytes_max: u64,
    },
    /// The reason and the finding are longer than the store takes.
    #[error("what is said of it has more than {bytes_max} bytes")]
    NoteTooLarge {
        /// The bound in bytes.
        bytes_max: usize,
    },
    /// The store holds as many items as it may.
    #[error("the store is full: it has {items_max} items")]
    ItemsFull {
        /// The bound.
        items_max: usize,
    },
    /// The store holds as many bytes as it may.
    #[error("the store is full: with this file it would have more than {bytes_max} bytes")]
    BytesFull {
        /// The bound in bytes.
        bytes_max: u64,
    },
    /// The file's metadata can't be read.
    #[error("the file can't be looked at")]
    Look(#[source] io::Error),
    /// The content can't be copied.
    #[error("the file can't be copied")]
    Copy(#[from] SealError),
    /// The store can't be written.
    #[error("the store can't be written")]
    Store(#[source] io::Error),
    /// The metadata can't be written as JSON.
    #[error("the metadata can't be written")]
    Metadata(#[source] serde_json::Error),
    /// The file was written while it was copied.
    #[error("the file was changed while it was copied; try again")]
    Changed,
    /// Its name leads to another file by now.
    #[error("another file has taken its place")]
    Replaced,
    /// Its name can't be removed.
    #[error("the file can't be removed from its place")]
    Unlink(#[source] io::Error),
}

impl Store {
    /// Copies a file into the store and removes it from its place, if it is still the same.
    ///
    /// When this returns, the copy is on disk. If the machine stops in between, the file is in its place, in the store, or
    /// both. Between the last look at the name and its removal somebody may exchange the file; only who may change the
    /// directory can do that.
    ///
    /// # Errors
    /// [`PutError`], all variants; the file stays where it is.
    pub fn put(&self, source: &Source, note: &Note) -> Result<Item, PutError> {
        let look = |error: rustix::io::Errno| PutError::Look(error.into());
        let store = |error: rustix::io::Errno| PutError::Store(error.into());
        let before = Facts::of(&source.file).map_err(look)?;
        let place = Facts::of(&source.directory).map_err(look)?;
        self.check(&before, note)?;
        let _lock = self.lock().map_err(store)?;
        self.check_room(&before)?;
        let id = ItemId::new().map_err(PutError::Store)?;
        let mut unfinished = Unfinished::create(self, id).map_err(PutError::Store)?;
        let header = Header::new(id).map_err(PutError::Store)?;
        let bytes_max = self.limits.file_bytes_max;
        let out = &mut unfinished.file;
        let sealed = seal::seal(&self.key, &header, &source.file, bytes_max, out)?;
        let (xattrs, xattrs_cut) = xattrs(&source.file).map_err(look)?;
        if Facts::of(&source.file).map_err(look)? != before || sealed.size != before.size {
            return Err(PutError::Changed);
        }
        let metadata = Metadata {
            id,
            taken: note.time,
            container: source.container.clone(),
            path: source.path.clone(),
            directory_dev: place.dev,
            directory_ino: place.ino,
            sha256: sealed.sha256,
            size: sealed.size,
            mode: before.mode,
            uid: before.uid,
            gid: before.gid,
            mtime_ns: before.mtime_ns,
            ctime_ns: before.ctime_ns,
            links: before.links,
            xattrs,
            xattrs_cut,
            reason: note.reason.clone(),
            finding: note.finding.clone(),
        };
        let json = serde_json::to_vec(&metadata).map_err(PutError::Metadata)?;
        seal::seal_metadata(&self.key, &header, &json, out)?;
        let stored_bytes = unfinished.finish().map_err(PutError::Store)?;
        if let Err(error) = unlink(source, &before) {
            // Without its removal the file was not taken; the copy would be one of a file that is still there.
            let _ = self.remove(id);
            return Err(error);
        }
        Ok(Item {
            metadata,
            stored_bytes,
        })
    }

    fn check(&self, file: &Facts, note: &Note) -> Result<(), PutError> {
        if !file.is_regular() {
            return Err(PutError::NotRegular {
                kind: kind_name(file.kind()),
            });
        }
        let bytes_max = self.limits.file_bytes_max;
        if file.size > bytes_max {
            return Err(PutError::TooLarge {
                size: file.size,
                bytes_max,
            });
        }
        let said = (&note.reason, &note.finding);
        let said = serde_json::to_vec(&said).map_err(PutError::Metadata)?;
        match said.len() > NOTE_BYTES_MAX {
            true => Err(PutError::NoteTooLarge {
                bytes_max: NOTE_BYTES_MAX,
            }),
            false => Ok(()),
        }
    }

    fn check_room(&self, file: &Facts) -> Result<(), PutError> {
        let (items, bytes) = self.usage().map_err(PutError::Store)?;
        let (items_max, bytes_max) = (self.limits.items_max, self.limits.bytes_max);
        if items >= items_max {
            return Err(PutError::ItemsFull { items_max });
        }
        match bytes.saturating_add(file.size) > bytes_max {
            true => Err(PutError::BytesFull { bytes_max }),
            false => Ok(()),
        }
    }
}

/// Removes the name of a file if it still leads to that file.
fn unlink(source: &Source, before: &Facts) -> Result<(), PutError> {
    let now = Facts::of_entry(&source.directory, &source.name);
    match now {
        Ok(now) if now == *before => {}
        Ok(now) if (now.dev, now.ino) == (before.dev, before.ino) => return Err(PutError::Changed),
        Ok(_) => return Err(PutError::Replaced),
        Err(error) => return Err(PutError::Unlink(error.into())),
    }
    let name = source.name.as_slice();
    unlinkat(&source.directory, name, AtFlags::empty())
        .map_err(|error| PutError::Unlink(error.into()))
}

/// A file of the store that is being written; removed on drop unless it was finished.
#[derive(Debug)]
struct Unfinished<'a> {
    directory: &'a OwnedFd,
    id: ItemId,
    file: File,
    is_finished: bool,
}

impl<'a> Unfinished<'a> {
    fn create(store: &'a Store, id: ItemId) -> io::Result<Unfinished<'a>> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let file = openat(&store.directory, unfinished_name(id), flags, mode)?;
        Ok(Unfinished {
            directory: &store.directory,
            id,
            file: file.into(),
            is_finished: false,
        })
    }

    /// Makes it an item that outlives a crash; returns its size in bytes.
    fn finish(mut self) -> io::Result<u64> {
        self.file.sync_all()?;
        let (from, to) = (unfinished_name(self.id), item_name(self.id));
        let flags = RenameFlags::NOREPLACE;
        renameat_with(self.directory, from, self.directory, to, flags)?;
        self.is_finished = true;
        fsync(self.directory)?;
        Ok(self.file.metadata()?.len())
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if !self.is_finished {
            let name = unfinished_name(self.id);
            let _ = unlinkat(self.directory, name, AtFlags::empty());
        }
    }
}
