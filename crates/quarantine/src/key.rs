//! The key of a store.

use crate::id::random;
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305};
use rustix::fd::AsFd;
use rustix::fs::{Mode, OFlags, RenameFlags, fsync, openat, renameat_with};
use rustix::io::Errno;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _, Write as _};

/// The key's file in the store.
pub(crate) const KEY_NAME: &str = "key";
const KEY_BYTES: usize = 32;

/// The key that seals a store's items.
pub(crate) struct Key(XChaCha20Poly1305);

impl Key {
    pub(crate) fn cipher(&self) -> &XChaCha20Poly1305 {
        &self.0
    }

    /// Reads the key of a store. None if there is no file, or one of another length.
    ///
    /// # Errors
    /// If the file can't be read.
    pub(crate) fn read(directory: impl AsFd) -> io::Result<Option<Key>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(directory, KEY_NAME, flags, Mode::empty()) {
            Err(Errno::NOENT) => return Ok(None),
            file => File::from(file?),
        };
        let mut bytes = Vec::new();
        file.take(KEY_BYTES as u64 + 1).read_to_end(&mut bytes)?;
        Ok(<[u8; KEY_BYTES]>::try_from(bytes).ok().map(Key::from))
    }

    /// Makes a key in a store that has none. The caller keeps others from doing so at the same time.
    ///
    /// # Errors
    /// If the file can't be written, or the system has no random numbers.
    pub(crate) fn make(directory: impl AsFd, temporary: &str) -> io::Result<()> {
        let bytes: [u8; KEY_BYTES] = random()?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let mut file = File::from(openat(&directory, temporary, flags, mode)?);
        file.write_all(&bytes)?;
        file.sync_all()?;
        let flags = RenameFlags::NOREPLACE;
        renameat_with(&directory, temporary, &directory, KEY_NAME, flags)?;
        Ok(fsync(directory)?)
    }
}

impl From<[u8; KEY_BYTES]> for Key {
    fn from(bytes: [u8; KEY_BYTES]) -> Key {
        Key(XChaCha20Poly1305::new(&bytes.into()))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}
