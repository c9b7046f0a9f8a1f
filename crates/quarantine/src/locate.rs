//! Directories below a root that nothing leads out of.

use crate::limits::{LOOKUPS_MAX, PATH_BYTES_MAX};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;
use std::io;
use yagura_event::{Text, escape};

/// Why a path leads to no place for a file.
#[derive(Debug, thiserror::Error)]
pub enum LocateError {
    /// It is relative, too long, or has no name at its end.
    #[error("{} is not an absolute path with a file's name at its end", escape(path.as_bytes()))]
    Path {
        /// The path.
        path: Text,
    },
    /// Its directory can't be opened.
    #[error("the directory of {} can't be opened", escape(path.as_bytes()))]
    Directory {
        /// The path.
        path: Text,
        /// What openat2(2) said.
        #[source]
        source: io::Error,
    },
    /// A symbolic link is on the way, and leads to another directory than the file came from.
    #[error(
        "the way to {} leads over a symbolic link to another directory than the file came from",
        escape(path.as_bytes())
    )]
    Link {
        /// The path.
        path: Text,
    },
}

/// Whether links are followed on the way to a directory; never out of the root, and never those of /proc.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Links {
    /// As a process with that root would.
    Followed,
    /// A link ends the way.
    Refused,
}

/// An absolute path as its directory and the name in it.
///
/// # Errors
/// [`LocateError::Path`].
pub(crate) fn split(path: &[u8]) -> Result<(&[u8], &[u8]), LocateError> {
    let slash = path.iter().rposition(|byte| *byte == b'/');
    let parts = slash.and_then(|slash| Some((path.get(..=slash)?, path.get(slash + 1..)?)));
    match parts {
        Some((directory, name))
            if path.starts_with(b"/")
                && path.len() < PATH_BYTES_MAX
                && !path.contains(&0)
                && !matches!(name, b"" | b"." | b"..") =>
        {
            Ok((directory, name))
        }
        _ => Err(LocateError::Path { path: path.into() }),
    }
}

/// Opens a directory below `root`, as a place and not for reading.
///
/// # Errors
/// Whatever openat2(2) says.
pub(crate) fn open_directory(
    root: impl AsFd,
    path: &[u8],
    links: Links,
) -> rustix::io::Result<OwnedFd> {
    let resolve = ResolveFlags::IN_ROOT
        | ResolveFlags::NO_MAGICLINKS
        | match links {
            Links::Followed => ResolveFlags::empty(),
            Links::Refused => ResolveFlags::NO_SYMLINKS,
        };
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut result = Err(Errno::AGAIN);
    for _ in 0..LOOKUPS_MAX {
        result = openat2(root.as_fd(), path, flags, Mode::empty(), resolve);
        if result.as_ref().err() != Some(&Errno::AGAIN) {
            break;
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_split() {
        let split = |path: &str| {
            let (directory, name) = split(path.as_bytes()).ok()?;
            Some((escape(directory).into_owned(), escape(name).into_owned()))
        };
        let parts = |a: &str, b: &str| Some((a.to_owned(), b.to_owned()));
        assert_eq!(split("/a/b"), parts("/a/", "b"));
        assert_eq!(split("/a"), parts("/", "a"));
        for path in ["", "a", "a/b", "/", "/a/", "/a/.", "/a/..", "/a\0b"] {
            assert_eq!(split(path), None, "{path}");
        }
        assert_eq!(split(&format!("/{}", "a/".repeat(3000))), None);
    }
}
