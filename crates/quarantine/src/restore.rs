//! Giving a file back.

use crate::facts::{CAPABILITIES, Facts, kind_name};
use crate::id::ItemId;
use crate::item::Metadata;
use crate::locate::{Links, LocateError, open_directory, split};
use crate::seal::UnsealError;
use crate::store::{OpenItem, ReadError, Store};
use rustix::fd::OwnedFd;
use rustix::fs::{
    AtFlags, Gid, Mode, OFlags, RenameFlags, Timespec, Timestamps, UTIME_OMIT, Uid, XattrFlags,
    fchmod, fchown, fsetxattr, fsync, futimens, openat, renameat, renameat_with, unlinkat,
};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use yagura_event::{Text, escape};

/// Mode bits that give rights of the owner or group to whoever runs the file.
const PRIVILEGED_BITS: u32 = 0o6000;
/// All bits that chmod(2) sets.
const MODE_BITS: u32 = 0o7777;

/// Where a file goes.
#[derive(Debug)]
pub struct Target {
    /// The root directory of the container or of the host; nothing outside it is touched.
    pub root: OwnedFd,
    /// Absolute path below the root; where the file was taken from if left out.
    pub path: Option<Vec<u8>>,
}

/// How a file is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RestoreOptions {
    /// Takes the place of a regular file that is there.
    pub replace: bool,
    /// With its set-user-id and set-group-id bits and its capabilities.
    pub with_privileges: bool,
}

/// A file that was given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// What it is; the item is still in the store.
    pub metadata: Metadata,
    /// Where it is, from the root.
    pub path: Text,
    /// Whether it had privileges that were left out.
    pub without_privileges: bool,
}

/// Why a file was not given back. Nothing of it is outside the store.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The item can't be read.
    #[error(transparent)]
    Item(#[from] ReadError),
    /// There is no such place, or none that is safe.
    #[error(transparent)]
    Locate(#[from] LocateError),
    /// Something is there already.
    #[error("{} is there already", escape(path.as_bytes()))]
    Exists {
        /// The path.
        path: Text,
    },
    /// What is there is no regular file, and not replaced by one.
    #[error("{} is {kind}, which is not replaced", escape(path.as_bytes()))]
    OtherKind {
        /// The path.
        path: Text,
        /// What is there.
        kind: &'static str,
    },
    /// The content can't be copied out of the store.
    #[error("item {id} can't be copied out")]
    Copy {
        /// Its id.
        id: ItemId,
        /// What is wrong.
        #[source]
        source: UnsealError,
    },
    /// The file can't be made, or not with what it had.
    #[error("{step} failed")]
    Write {
        /// What was being done.
        step: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl Store {
    /// Gives a file back. The item stays in the store.
    ///
    /// The way to the target's directory may lead over symbolic links only if it ends in the very directory that the file
    /// was taken from: whoever could write there once must not choose by a link where root writes now.
    ///
    /// # Errors
    /// [`RestoreError`], all variants.
    pub fn restore(
        &self,
        id: ItemId,
        target: &Target,
        options: RestoreOptions,
    ) -> Result<Restored, RestoreError> {
        let open = self.open_item(id)?;
        let metadata = &open.item.metadata;
        let path = target.path.as_deref().unwrap_or(metadata.path.as_bytes());
        let (directory, name) = split(path)?;
        let directory = safe_directory(target, metadata, path, directory)?;
        check_place(&directory, name, path, options)?;
        let temporary = Temporary::create(&directory, id)?;
        self.fill(&temporary.file, &open, options)?;
        temporary.place(name, path, options)?;
        Ok(Restored {
            path: path.into(),
            without_privileges: !options.with_privileges && has_privileges(metadata),
            metadata: open.item.metadata,
        })
    }

    fn fill(
        &self,
        mut file: &File,
        open: &OpenItem,
        options: RestoreOptions,
    ) -> Result<(), RestoreError> {
        let metadata = &open.item.metadata;
        let id = metadata.id;
        open.unseal(&self.key, &mut file)
            .map_err(|source| RestoreError::Copy { id, source })?;
        let (uid, gid) = (Uid::from_raw(metadata.uid), Gid::from_raw(metadata.gid));
        fchown(file, Some(uid), Some(gid)).map_err(failed("setting the owner"))?;
        // After the owner: a change of owner takes set-user-id bits and capabilities away.
        let bits = match options.with_privileges {
            true => metadata.mode & MODE_BITS,
            false => metadata.mode & MODE_BITS & !PRIVILEGED_BITS,
        };
        fchmod(file, Mode::from_raw_mode(bits)).map_err(failed("setting the mode"))?;
        for xattr in &metadata.xattrs {
            let (name, value) = (xattr.name.as_bytes(), xattr.value.as_bytes());
            if name == CAPABILITIES && !options.with_privileges {
                continue;
            }
            match fsetxattr(file, name, value, XattrFlags::empty()) {
                // The file system at the target has no attributes of users.
                Err(Errno::NOTSUP) if name != CAPABILITIES => {}
                set => set.map_err(failed("setting an extended attribute"))?,
            }
        }
        let times = Timestamps {
            last_access: Timespec {
                tv_sec: 0,
                tv_nsec: UTIME_OMIT,
            },
            last_modification: Timespec {
                tv_sec: metadata.mtime_ns.div_euclid(1_000_000_000),
                tv_nsec: metadata.mtime_ns.rem_euclid(1_000_000_000),
            },
        };
        futimens(file, &times).map_err(failed("setting the time"))?;
        fsync(file).map_err(failed("writing to disk"))
    }
}

fn has_privileges(metadata: &Metadata) -> bool {
    let has_capabilities = |xattrs: &[crate::Xattr]| {
        xattrs
            .iter()
            .any(|xattr| xattr.name.as_bytes() == CAPABILITIES)
    };
    metadata.mode & PRIVILEGED_BITS != 0 || has_capabilities(&metadata.xattrs)
}

/// The directory of the target.
fn safe_directory(
    target: &Target,
    metadata: &Metadata,
    path: &[u8],
    directory: &[u8],
) -> Result<OwnedFd, LocateError> {
    let refused = |error: Errno| LocateError::Directory {
        path: path.into(),
        source: error.into(),
    };
    match open_directory(&target.root, directory, Links::Refused) {
        Ok(found) => return Ok(found),
        Err(Errno::LOOP) => {}
        Err(error) => return Err(refused(error)),
    }
    let found = open_directory(&target.root, directory, Links::Followed).map_err(refused)?;
    let facts = Facts::of(&found).map_err(refused)?;
    let is_origin = target.path.is_none()
        && (facts.dev, facts.ino) == (metadata.directory_dev, metadata.directory_ino);
    match is_origin {
        true => Ok(found),
        false => Err(LocateError::Link { path: path.into() }),
    }
}

/// Looks at what is at the target; what comes there later is not overwritten unless that was asked for.
fn check_place(
    directory: &OwnedFd,
    name: &[u8],
    path: &[u8],
    options: RestoreOptions,
) -> Result<(), RestoreError> {
    match Facts::of_entry(directory, name) {
        Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(failed("looking at the target")(error)),
        Ok(facts) if !facts.is_regular() => Err(RestoreError::OtherKind {
            path: path.into(),
            kind: kind_name(facts.kind()),
        }),
        Ok(_) if !options.replace => Err(RestoreError::Exists { path: path.into() }),
        Ok(_) => Ok(()),
    }
}

fn failed(step: &'static str) -> impl Fn(Errno) -> RestoreError {
    move |error| RestoreError::Write {
        step,
        source: error.into(),
    }
}

/// A file beside the target; removed on drop unless it was put in place.
#[derive(Debug)]
struct Temporary<'a> {
    directory: &'a OwnedFd,
    name: String,
    file: File,
    is_placed: bool,
}

impl<'a> Temporary<'a> {
    fn create(directory: &'a OwnedFd, id: ItemId) -> Result<Temporary<'a>, RestoreError> {
        // Not to be foreseen by whoever else may write there.
        let salt = ItemId::new().map_err(|source| RestoreError::Write {
            step: "choosing a name",
            source,
        })?;
        let name = format!(".yagura-{id}-{salt}");
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(directory, &name, flags, Mode::RUSR | Mode::WUSR)
            .map_err(failed("making the file"))?;
        Ok(Temporary {
            directory,
            name,
            file: file.into(),
            is_placed: false,
        })
    }

    fn place(
        mut self,
        name: &[u8],
        path: &[u8],
        options: RestoreOptions,
    ) -> Result<(), RestoreError> {
        let from = self.name.as_str();
        let renamed = match options.replace {
            true => renameat(self.directory, from, self.directory, name),
            false => {
                let flags = RenameFlags::NOREPLACE;
                renameat_with(self.directory, from, self.directory, name, flags)
            }
        };
        match renamed {
            Err(Errno::EXIST) => return Err(RestoreError::Exists { path: path.into() }),
            renamed => renamed.map_err(failed("putting the file in its place"))?,
        }
        self.is_placed = true;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        openat(self.directory, ".", flags, Mode::empty())
            .and_then(fsync)
            .map_err(failed("writing the directory to disk"))
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if !self.is_placed {
            let _ = unlinkat(self.directory, self.name.as_str(), AtFlags::empty());
        }
    }
}
