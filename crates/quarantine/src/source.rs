//! A file that is to be taken.

use crate::facts::{Facts, kind_name};
use crate::locate::{Links, LocateError, open_directory, split};
use rustix::fd::{AsFd, AsRawFd as _, OwnedFd};
use rustix::fs::{Mode, OFlags, openat};
use std::fs::File;
use std::io;
use yagura_event::Text;

/// Why a file can't be taken.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Its path leads nowhere.
    #[error(transparent)]
    Locate(#[from] LocateError),
    /// It can't be opened.
    #[error("the file can't be opened")]
    Open(#[source] io::Error),
    /// It is a link, a directory, a device or the like.
    #[error("it is {kind}; only regular files can be taken")]
    NotRegular {
        /// What it is.
        kind: &'static str,
    },
}

/// An open file with the place that its name is in.
#[derive(Debug)]
pub struct Source {
    pub(crate) file: File,
    pub(crate) directory: OwnedFd,
    pub(crate) name: Vec<u8>,
    pub(crate) container: Option<String>,
    pub(crate) path: Text,
}

impl Source {
    /// Opens the file at `path` below `root`, the root directory of the container or of the host. Links to directories are
    /// followed inside the root; what is no regular file is not opened.
    ///
    /// # Errors
    /// [`SourceError`], all variants.
    pub fn open(
        root: impl AsFd,
        path: &[u8],
        container: Option<String>,
    ) -> Result<Source, SourceError> {
        let (directory, name) = split(path)?;
        let directory = open_directory(root, directory, Links::Followed).map_err(|error| {
            LocateError::Directory {
                path: path.into(),
                source: error.into(),
            }
        })?;
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let found = openat(&directory, name, flags, Mode::empty());
        let found = found.map_err(|error| SourceError::Open(error.into()))?;
        let kind = Facts::of(&found).map_err(|error| SourceError::Open(error.into()))?;
        if !kind.is_regular() {
            return Err(SourceError::NotRegular {
                kind: kind_name(kind.kind()),
            });
        }
        // The very file that was looked at, whatever its name leads to by now.
        let link = format!("/proc/self/fd/{}", found.as_raw_fd());
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = rustix::fs::open(link, flags, Mode::empty());
        let file = file.map_err(|error| SourceError::Open(error.into()))?;
        Ok(Source {
            file: file.into(),
            directory,
            name: name.to_vec(),
            container,
            path: path.into(),
        })
    }

    /// A file that is open already, such as one that a scan found.
    pub fn from_parts(
        file: File,
        directory: OwnedFd,
        name: Vec<u8>,
        container: Option<String>,
        path: Text,
    ) -> Source {
        Source {
            file,
            directory,
            name,
            container,
            path,
        }
    }
}
