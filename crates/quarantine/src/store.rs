//! The folder with the items.

use crate::facts::Facts;
use crate::id::ItemId;
use crate::item::{Item, Metadata};
use crate::key::{KEY_NAME, Key};
use crate::limits::{ENTRIES_MAX, Limits};
use crate::seal::{self, Header, Sealed, UnsealError};
use rustix::fd::OwnedFd;
use rustix::fs::{
    AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, flock, fsync, openat, unlinkat,
};
use rustix::io::Errno;
use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use yagura_event::escape;

/// The end of an item's name.
const SUFFIX: &str = ".item";
/// The beginning of names of files that are not finished.
const UNFINISHED: &str = ".unfinished-";
/// Rights that nobody but the owner may have in the store.
const RIGHTS_OF_OTHERS: u32 = 0o077;

/// Why a store can't be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder can't be made, opened, locked or read.
    #[error("the folder can't be used")]
    Folder(#[source] io::Error),
    /// The folder belongs to somebody else.
    #[error("the folder belongs to user {uid}, not to user {own}")]
    Owner {
        /// Its owner.
        uid: u32,
        /// Who we are.
        own: u32,
    },
    /// Others may look into the folder or change it.
    #[error("others have rights in the folder (mode {mode:03o}); it needs mode 700")]
    Mode {
        /// Its permission bits.
        mode: u32,
    },
    /// The key can't be read or made.
    #[error("the key can't be read or made")]
    Key(#[source] io::Error),
    /// There are items but no key of the right length: another one would open none of them.
    #[error("there are items, but their key is missing or damaged")]
    KeyLost,
}

/// Why an item can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is none.
    #[error("there is no item {id}")]
    Missing {
        /// Its id.
        id: ItemId,
    },
    /// Its file can't be opened.
    #[error("item {id} can't be opened")]
    Open {
        /// Its id.
        id: ItemId,
        /// What openat(2) said.
        #[source]
        source: io::Error,
    },
    /// It is damaged or was tampered with.
    #[error("item {id} can't be trusted")]
    Damaged {
        /// Its id.
        id: ItemId,
        /// How that shows.
        #[source]
        source: UnsealError,
    },
    /// Its metadata is not what this version writes.
    #[error("the metadata of item {id} can't be understood")]
    Metadata {
        /// Its id.
        id: ItemId,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

/// Why an item could not be removed.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// There is none.
    #[error("there is no item {id}")]
    Missing {
        /// Its id.
        id: ItemId,
    },
    /// Its file can't be removed.
    #[error("item {id} can't be removed")]
    Unlink {
        /// Its id.
        id: ItemId,
        /// What unlinkat(2) said.
        #[source]
        source: io::Error,
    },
}

/// A file in the store that is no item that can be used.
#[derive(Debug)]
pub struct Unusable {
    /// Its name, escaped.
    pub name: String,
    /// What is wrong with it; none if it is no item at all.
    pub error: Option<ReadError>,
}

/// What is in a store.
#[derive(Debug, Default)]
pub struct Listing {
    /// Items, the oldest first.
    pub items: Vec<Item>,
    /// Files that are none, or that were tampered with.
    pub unusable: Vec<Unusable>,
    /// Whether there are more files than were looked at.
    pub is_cut: bool,
}

/// A folder with sealed files.
#[derive(Debug)]
pub struct Store {
    pub(crate) directory: OwnedFd,
    pub(crate) key: Key,
    pub(crate) limits: Limits,
    leftovers: Vec<String>,
}

/// An item's file, whose metadata was found whole.
#[derive(Debug)]
pub(crate) struct OpenItem {
    file: File,
    header: Header,
    pub(crate) item: Item,
}

impl OpenItem {
    /// Writes the content; what was written counts only if this succeeds.
    ///
    /// # Errors
    /// [`UnsealError`].
    pub(crate) fn unseal(&self, key: &Key, out: &mut impl io::Write) -> Result<(), UnsealError> {
        let metadata = &self.item.metadata;
        let expected = Sealed {
            size: metadata.size,
            sha256: metadata.sha256,
        };
        seal::unseal(key, &self.header, expected, &mut &self.file, out)
    }
}

impl Store {
    /// Opens the store at `path`, and makes it if there is none. Files that an interrupted call left unfinished are removed;
    /// [`Store::leftovers`] names them.
    ///
    /// # Errors
    /// [`OpenError`], all variants.
    pub fn open(path: &Path, limits: Limits) -> Result<Store, OpenError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(OpenError::Folder)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = rustix::fs::open(path, flags, Mode::empty()).map_err(folder)?;
        let facts = Facts::of(&directory).map_err(folder)?;
        let own = rustix::process::geteuid().as_raw();
        if facts.uid != own {
            return Err(OpenError::Owner {
                uid: facts.uid,
                own,
            });
        }
        if facts.mode & RIGHTS_OF_OTHERS != 0 {
            return Err(OpenError::Mode {
                mode: facts.mode & 0o777,
            });
        }
        let leftovers = clean_up(&directory).map_err(folder)?;
        let key = open_key(&directory)?;
        Ok(Store {
            directory,
            key,
            limits,
            leftovers,
        })
    }

    /// Names of unfinished files that were found and removed when the store was opened. Nothing is lost by that: what was
    /// being copied had not been taken from its place.
    pub fn leftovers(&self) -> &[String] {
        &self.leftovers
    }

    /// All items whose metadata is whole; their content is not read.
    ///
    /// # Errors
    /// If the folder can't be read.
    pub fn list(&self) -> io::Result<Listing> {
        let mut listing = Listing::default();
        for (count, name) in names(&self.directory)?.enumerate() {
            let name = name?;
            if count >= ENTRIES_MAX {
                listing.is_cut = true;
                break;
            }
            let Some(id) = item_of(&name) else {
                if name != KEY_NAME.as_bytes() && !name.starts_with(UNFINISHED.as_bytes()) {
                    listing.unusable.push(Unusable {
                        name: escape(&name).into_owned(),
                        error: None,
                    });
                }
                continue;
            };
            match self.get(id) {
                Ok(item) => listing.items.push(item),
                // Removed meanwhile.
                Err(ReadError::Missing { .. }) => {}
                Err(error) => listing.unusable.push(Unusable {
                    name: escape(&name).into_owned(),
                    error: Some(error),
                }),
            }
        }
        let order = |item: &Item| (item.metadata.taken, item.metadata.id);
        listing.items.sort_by_key(order);
        listing.unusable.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(listing)
    }

    /// One item; its content is not read.
    ///
    /// # Errors
    /// [`ReadError`], all variants.
    pub fn get(&self, id: ItemId) -> Result<Item, ReadError> {
        self.open_item(id).map(|open| open.item)
    }

    /// Reads an item's whole content to see that it is as it was.
    ///
    /// # Errors
    /// [`ReadError`], all variants.
    pub fn verify(&self, id: ItemId) -> Result<Item, ReadError> {
        let open = self.open_item(id)?;
        open.unseal(&self.key, &mut io::sink())
            .map_err(|source| ReadError::Damaged { id, source })?;
        Ok(open.item)
    }

    /// Removes an item for good.
    ///
    /// # Errors
    /// [`RemoveError`], all variants.
    pub fn remove(&self, id: ItemId) -> Result<(), RemoveError> {
        let removed = unlinkat(&self.directory, item_name(id), AtFlags::empty());
        match removed.and_then(|()| fsync(&self.directory)) {
            Ok(()) => Ok(()),
            Err(Errno::NOENT) => Err(RemoveError::Missing { id }),
            Err(error) => Err(RemoveError::Unlink {
                id,
                source: error.into(),
            }),
        }
    }

    /// Opens an item's file and its metadata.
    ///
    /// # Errors
    /// [`ReadError`], all variants.
    pub(crate) fn open_item(&self, id: ItemId) -> Result<OpenItem, ReadError> {
        let open = |source: io::Error| ReadError::Open { id, source };
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(&self.directory, item_name(id), flags, Mode::empty()) {
            Err(Errno::NOENT) => return Err(ReadError::Missing { id }),
            file => File::from(file.map_err(|error| open(error.into()))?),
        };
        let facts = Facts::of(&file).map_err(|error| open(error.into()))?;
        let (header, json) = seal::unseal_metadata(&self.key, id, &mut &file)
            .map_err(|source| ReadError::Damaged { id, source })?;
        let metadata: Metadata =
            serde_json::from_slice(&json).map_err(|source| ReadError::Metadata { id, source })?;
        let item = Item {
            metadata,
            stored_bytes: facts.size,
        };
        Ok(OpenItem { file, header, item })
    }

    /// Waits until nobody else changes the store; until the lock is dropped, nobody will.
    ///
    /// # Errors
    /// Whatever open(2) and flock(2) say.
    pub(crate) fn lock(&self) -> rustix::io::Result<Lock> {
        lock(&self.directory, FlockOperation::LockExclusive)
    }

    /// How many items there are, and how many bytes they take.
    ///
    /// # Errors
    /// If the folder can't be read.
    pub(crate) fn usage(&self) -> io::Result<(usize, u64)> {
        let (mut items, mut bytes) = (0usize, 0u64);
        for name in names(&self.directory)? {
            let name = name?;
            if item_of(&name).is_some() {
                items += 1;
                let size = Facts::of_entry(&self.directory, &name).map_or(0, |facts| facts.size);
                bytes = bytes.saturating_add(size);
            }
        }
        Ok((items, bytes))
    }
}

/// Keeps others from changing the store. A descriptor of its own: locks of one descriptor don't exclude each other.
#[derive(Debug)]
pub(crate) struct Lock {
    _directory: OwnedFd,
}

fn lock(directory: &OwnedFd, operation: FlockOperation) -> rustix::io::Result<Lock> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let own = openat(directory, ".", flags, Mode::empty())?;
    flock(&own, operation)?;
    Ok(Lock { _directory: own })
}

/// The name of an item's file.
pub(crate) fn item_name(id: ItemId) -> String {
    format!("{id}{SUFFIX}")
}

/// The name of a file that is being written.
pub(crate) fn unfinished_name(id: ItemId) -> String {
    format!("{UNFINISHED}{id}")
}

fn item_of(name: &[u8]) -> Option<ItemId> {
    let name = std::str::from_utf8(name).ok()?;
    name.strip_suffix(SUFFIX)?.parse().ok()
}

fn names(directory: &OwnedFd) -> io::Result<impl Iterator<Item = io::Result<Vec<u8>>>> {
    let entries = Dir::read_from(directory)?;
    Ok(entries.filter_map(|entry| match entry {
        Ok(entry) => {
            let name = entry.file_name().to_bytes();
            (!matches!(name, b"." | b"..")).then(|| Ok(name.to_vec()))
        }
        Err(error) => Some(Err(error.into())),
    }))
}

/// Removes unfinished files, unless somebody is writing one right now.
fn clean_up(directory: &OwnedFd) -> rustix::io::Result<Vec<String>> {
    let _lock = match lock(directory, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => return Ok(Vec::new()),
        lock => lock?,
    };
    let mut leftovers = Vec::new();
    for entry in Dir::read_from(directory)?.take(ENTRIES_MAX) {
        let entry = entry?;
        let name = entry.file_name();
        let is_unfinished = name.to_bytes().starts_with(UNFINISHED.as_bytes());
        if is_unfinished && entry.file_type() != FileType::Directory {
            unlinkat(directory, name, AtFlags::empty())?;
            leftovers.push(escape(name.to_bytes()).into_owned());
        }
    }
    leftovers.sort();
    Ok(leftovers)
}

/// Reads the key; makes one in a store that is new, while nobody else does.
fn open_key(directory: &OwnedFd) -> Result<Key, OpenError> {
    if let Some(key) = Key::read(directory).map_err(OpenError::Key)? {
        return Ok(key);
    }
    let _lock = lock(directory, FlockOperation::LockExclusive).map_err(folder)?;
    if let Some(key) = Key::read(directory).map_err(OpenError::Key)? {
        return Ok(key);
    }
    for name in names(directory).map_err(OpenError::Folder)? {
        let name = name.map_err(OpenError::Folder)?;
        if item_of(&name).is_some() || name == KEY_NAME.as_bytes() {
            return Err(OpenError::KeyLost);
        }
    }
    let id = ItemId::new().map_err(OpenError::Key)?;
    Key::make(directory, &unfinished_name(id)).map_err(OpenError::Key)?;
    Key::read(directory)
        .map_err(OpenError::Key)?
        .ok_or(OpenError::KeyLost)
}

fn folder(error: Errno) -> OpenError {
    OpenError::Folder(error.into())
}
