//! Regular files below named paths, one after the other.
//!
//! Symbolic links are followed only where a user named one. Special files are never opened, pseudo file systems are entered
//! only if named. Nothing in a tree makes the walk take more than a bounded amount of memory and descriptors.

mod entry;
mod frame;

pub use entry::FoundFile;

use entry::{Handle, Kind};
use frame::Frame;
use rustix::io::Errno;
use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::path::{Path, PathBuf};

/// Directories within directories. Stops a tree from using up descriptors: each level holds one.
pub const DEPTH_MAX: usize = 256;
/// Files with several names that are remembered, 16 bytes each. Beyond, such a file may be visited once more for each name.
const LINKED_MAX: usize = 1_000_000;

/// Whether a path, as it would be reported, is left out with all below it.
pub type Excludes = Box<dyn Fn(&[u8]) -> bool + Send>;

/// What a walk leaves out.
#[derive(Default)]
pub struct WalkOptions {
    /// Stays on the file systems of the named paths.
    pub one_file_system: bool,
    /// What else; named paths never are.
    pub excludes: Option<Excludes>,
}

impl fmt::Debug for WalkOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WalkOptions")
            .field("one_file_system", &self.one_file_system)
            .field("excludes", &self.excludes.is_some())
            .finish()
    }
}

/// What a walk came upon.
#[derive(Debug)]
pub enum Visit {
    /// A regular file.
    File(FoundFile),
    /// A place that can't be looked at.
    Gap {
        /// Its path.
        path: Vec<u8>,
        /// Why.
        gap: WalkGap,
    },
}

/// Why a place was not looked at, though it should have been.
#[derive(Debug, thiserror::Error)]
pub enum WalkGap {
    /// The system refused.
    #[error("can't be read: {0}")]
    Unreadable(#[from] std::io::Error),
    /// A named path leads to a device, a pipe or a socket.
    #[error("is {kind}: only regular files and directories are looked at")]
    Special {
        /// What it is.
        kind: &'static str,
    },
    /// It is too far down.
    #[error("is more than {DEPTH_MAX} directories deep")]
    TooDeep,
}

impl From<Errno> for WalkGap {
    fn from(error: Errno) -> WalkGap {
        WalkGap::Unreadable(error.into())
    }
}

/// What was passed over by intention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Skipped {
    /// Symbolic links.
    pub links: u64,
    /// Devices, pipes and sockets.
    pub special: u64,
    /// Further names of files that were visited.
    pub other_names: u64,
    /// Directories on other or pseudo file systems.
    pub file_systems: u64,
    /// Excluded paths.
    pub excluded: u64,
}

impl Skipped {
    /// All together.
    pub fn total(&self) -> u64 {
        self.links + self.special + self.other_names + self.file_systems + self.excluded
    }
}

/// A walk under way: an iterator over what it comes upon, in the order of names within each directory.
#[derive(Debug)]
pub struct Walk {
    targets: VecDeque<PathBuf>,
    options: WalkOptions,
    frames: Vec<Frame>,
    /// Bytes of names that the frames hold.
    names_bytes: usize,
    /// Device and inode numbers of files with several names.
    linked: BTreeSet<(u64, u64)>,
    skipped: Skipped,
}

impl Walk {
    /// A walk over `targets`, one after the other.
    pub fn new(targets: impl IntoIterator<Item = PathBuf>, options: WalkOptions) -> Walk {
        Walk {
            targets: targets.into_iter().collect(),
            options,
            frames: Vec::new(),
            names_bytes: 0,
            linked: BTreeSet::new(),
            skipped: Skipped::default(),
        }
    }

    /// What was passed over so far.
    pub fn skipped(&self) -> Skipped {
        self.skipped
    }

    /// Begins with a named path, which may be a symbolic link.
    fn begin(&mut self, target: &Path) -> Option<Visit> {
        let path = target.as_os_str().as_encoded_bytes().to_vec();
        let visited = Handle::named(target).map_err(WalkGap::from);
        let handle = match visited {
            Ok(handle) => handle,
            Err(gap) => return Some(Visit::Gap { path, gap }),
        };
        match handle.kind {
            Kind::Directory => self.enter(&handle, path),
            Kind::Regular => self.file(handle, path),
            Kind::Link | Kind::Special(_) => {
                let kind = handle.kind.name();
                let gap = WalkGap::Special { kind };
                Some(Visit::Gap { path, gap })
            }
        }
    }

    /// Goes on with the next name in the innermost directory.
    fn advance(&mut self) -> Option<Visit> {
        let frame = self.frames.last_mut()?;
        let name = match frame.next_name(&mut self.names_bytes) {
            Ok(Some(name)) => name,
            ended => {
                let frame = self.frames.pop()?;
                return ended.err().map(|error| Visit::Gap {
                    path: frame.path,
                    gap: error.into(),
                });
            }
        };
        let path = frame.path_of(&name);
        if self
            .options
            .excludes
            .as_ref()
            .is_some_and(|excludes| excludes(&path))
        {
            self.skipped.excluded += 1;
            return None;
        }
        let (parent_dev, opened) = (frame.dev, frame.entry(&name));
        let handle = match opened {
            Ok(handle) => handle,
            // Gone meanwhile.
            Err(Errno::NOENT) => return None,
            Err(error) => {
                let gap = error.into();
                return Some(Visit::Gap { path, gap });
            }
        };
        match handle.kind {
            Kind::Directory if self.is_elsewhere(&handle, parent_dev) => {
                self.skipped.file_systems += 1;
                None
            }
            Kind::Directory => self.enter(&handle, path),
            Kind::Regular => self.file(handle, path),
            Kind::Link => {
                self.skipped.links += 1;
                None
            }
            Kind::Special(_) => {
                self.skipped.special += 1;
                None
            }
        }
    }

    fn is_elsewhere(&self, handle: &Handle, parent_dev: u64) -> bool {
        handle.dev != parent_dev && (self.options.one_file_system || handle.is_pseudo())
    }

    fn enter(&mut self, handle: &Handle, path: Vec<u8>) -> Option<Visit> {
        if self.frames.len() >= DEPTH_MAX {
            let gap = WalkGap::TooDeep;
            return Some(Visit::Gap { path, gap });
        }
        match Frame::open(handle) {
            Ok(directory) => {
                self.frames.push(directory.at(path));
                None
            }
            Err(error) => {
                let gap = error.into();
                Some(Visit::Gap { path, gap })
            }
        }
    }

    fn file(&mut self, handle: Handle, path: Vec<u8>) -> Option<Visit> {
        if handle.links > 1 {
            let key = (handle.dev, handle.ino);
            if self.linked.contains(&key) {
                self.skipped.other_names += 1;
                return None;
            }
            if self.linked.len() < LINKED_MAX {
                self.linked.insert(key);
            }
        }
        Some(Visit::File(FoundFile::new(handle, path)))
    }
}

impl Iterator for Walk {
    type Item = Visit;

    fn next(&mut self) -> Option<Visit> {
        loop {
            let visit = if self.frames.is_empty() {
                let target = self.targets.pop_front()?;
                self.begin(&target)
            } else {
                self.advance()
            };
            if visit.is_some() {
                return visit;
            }
        }
    }
}
