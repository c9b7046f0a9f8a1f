//! Finding the very file that a request is about, while its process lives and after.

use super::file::{Facts, Found, Lookup, look_up, open_directory};
use super::layers;
use super::limits::{DESCRIPTORS_MAX, MAPPINGS_MAX};
use super::process::Process;
use rustix::fd::OwnedFd;
use rustix::fs::{Dir, Mode, OFlags, openat};
use std::path::Path;
use yagura_event::{FileFacts, FileFlags, InspectionError, InspectionRequest, ProcessKey};

/// File systems whose device and inode numbers in user space can differ from the kernel's own: overlay, btrfs, bcachefs.
///
/// Source: include/uapi/linux/magic.h, Linux 6.12.
const OWN_NUMBERS: [u32; 3] = [FileFacts::OVERLAY_MAGIC, 0x9123_683e, 0xca45_1a4e];

/// FUSE: whoever serves the file system decides when a read ends.
///
/// Source: include/uapi/linux/magic.h, Linux 6.12.
const FUSE_MAGIC: u32 = 0x6573_5546;

/// Whether facts from user space are those of the request's file.
pub(crate) fn is_same_file(file: &FileFacts, facts: &Facts) -> bool {
    let key = &file.key;
    let has_inode = facts.ino == key.id.ino;
    let has_times = (facts.ctime_ns, facts.size) == (key.ctime_ns, key.size);
    facts.is_regular()
        && match OWN_NUMBERS.contains(&file.magic) {
            true => has_inode || has_times,
            false => has_inode && facts.dev == key.id.dev,
        }
}

/// What leads to a file, opened when the request came in: a process may end before its turn comes.
#[derive(Debug, Default)]
pub(crate) struct Held {
    process: Option<Process>,
    root: Option<OwnedFd>,
    file: Option<Found>,
}

impl Held {
    /// Holds a file that whoever asks has open.
    pub(crate) fn of(file: OwnedFd) -> Held {
        Held {
            file: Found::new(file).ok(),
            ..Held::default()
        }
    }

    /// Takes hold of the file, or else of the process's root directory, without waiting for anything.
    pub(crate) fn take(proc_root: &Path, request: &InspectionRequest) -> Held {
        let key = process_key(request);
        let Some(process) = Process::open(proc_root, key) else {
            return Held::default();
        };
        let mut held = Held::default();
        if request.is_exe {
            held.file = process
                .link("exe")
                .and_then(Found::new)
                .ok()
                .filter(|found| is_same_file(&request.file, &found.facts));
        } else {
            held.root = process.link("root").ok();
            held.file = held.root.as_ref().and_then(|root| {
                let path = path(&request.file)?;
                let found = Found::new(look_up(root, path, Lookup::Cached).ok()?).ok()?;
                is_same_file(&request.file, &found.facts).then_some(found)
            });
        }
        held.process = Some(process);
        held
    }
}

/// The process of a request.
pub(crate) fn process_key(request: &InspectionRequest) -> ProcessKey {
    ProcessKey {
        pid: request.pid,
        start_ns: request.start_ns,
    }
}

/// The file's path, if one leads to it.
fn path(file: &FileFacts) -> Option<&[u8]> {
    let path = file.path.as_bytes();
    let is_path = path.starts_with(b"/")
        && !file.flags.has(FileFlags::MEMFD)
        && !file.flags.has(FileFlags::PATH_TRUNCATED);
    is_path.then_some(path)
}

/// A request's file and all ways to it.
#[derive(Debug)]
pub(crate) struct Search<'a> {
    request: &'a InspectionRequest,
    process: Option<Process>,
    /// Root directories: the process's, then those of others of the container.
    roots: Vec<OwnedFd>,
    file: Option<Found>,
    is_replaced: bool,
}

impl<'a> Search<'a> {
    /// `others` are processes known to be of the same container.
    pub(crate) fn new(
        proc_root: &Path,
        request: &'a InspectionRequest,
        held: Held,
        others: &[ProcessKey],
    ) -> Search<'a> {
        let key = process_key(request);
        let process = held.process.or_else(|| Process::open(proc_root, key));
        let own_root = held.root.or_else(|| process.as_ref()?.link("root").ok());
        let other_roots = others
            .iter()
            .filter(|other| **other != key)
            .filter_map(|other| Process::open(proc_root, *other)?.link("root").ok());
        Search {
            request,
            process,
            roots: own_root.into_iter().chain(other_roots).collect(),
            // The request may have waited: the file can have lost its name or got new content since.
            file: held.file.and_then(|found| Found::new(found.handle).ok()),
            is_replaced: false,
        }
    }

    /// Root directories of the container's processes, the request's first.
    pub(crate) fn roots(&self) -> &[OwnedFd] {
        &self.roots
    }

    /// Finds the file.
    ///
    /// # Errors
    /// [`InspectionError::Replaced`] if its path leads to another file now, [`InspectionError::Vanished`] if nothing
    /// leads to it, [`InspectionError::Unreadable`] if reading it could take for ever.
    pub(crate) fn find(&mut self) -> Result<Found, InspectionError> {
        // A volume's FUSE server may be the container's own. One that serves the whole root is the runtime's.
        let file = &self.request.file;
        if file.magic == FUSE_MAGIC && file.key.id.dev != self.request.root.dev {
            return Err(InspectionError::Unreadable);
        }
        let found = self
            .file
            .take()
            .or_else(|| self.by_exe())
            .or_else(|| self.by_path())
            .or_else(|| self.in_upper_layer())
            .or_else(|| self.by_links("fd", DESCRIPTORS_MAX))
            .or_else(|| self.by_links("map_files", MAPPINGS_MAX));
        found.ok_or(match self.is_replaced {
            true => InspectionError::Replaced,
            false => InspectionError::Vanished,
        })
    }

    fn by_exe(&self) -> Option<Found> {
        if !self.request.is_exe {
            return None;
        }
        self.checked(self.process.as_ref()?.link("exe").ok()?)
    }

    fn by_path(&mut self) -> Option<Found> {
        let path = path(&self.request.file)?;
        for root in &self.roots {
            let Ok(handle) = look_up(root, path, Lookup::Cached)
                .or_else(|_| look_up(root, path, Lookup::InRoot))
            else {
                continue;
            };
            let found = self.checked(handle);
            if found.is_some() {
                return found;
            }
            self.is_replaced = true;
        }
        None
    }

    /// The container's own layer as the host sees it: it outlives the container's processes.
    fn in_upper_layer(&mut self) -> Option<Found> {
        let file = &self.request.file;
        let is_in_layer = self.request.root.overlay && file.key.id.dev == self.request.root.dev;
        let layers = self.request.layers.as_ref().filter(|_| is_in_layer)?;
        let path = path(file)?;
        let upper = open_directory(&layers.upper).ok()?;
        let handle = look_up(upper, path, Lookup::NoLinks).ok()?;
        let found = self
            .checked(handle)
            .filter(|_| layers::holds_content(&layers.upper, path));
        self.is_replaced |= found.is_none();
        found
    }

    /// Searches the process's descriptors or mappings, by which files without a name are reached.
    fn by_links(&self, directory: &str, entries_max: usize) -> Option<Found> {
        let process = self.process.as_ref()?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let links = openat(process.directory(), directory, flags, Mode::empty()).ok()?;
        Dir::read_from(&links)
            .ok()?
            .flatten()
            .filter(|entry| !entry.file_name().to_bytes().starts_with(b"."))
            .take(entries_max)
            .filter(|entry| {
                Facts::of_magic_link(&links, entry.file_name())
                    .is_ok_and(|facts| is_same_file(&self.request.file, &facts))
            })
            .find_map(|entry| {
                let flags = OFlags::PATH | OFlags::CLOEXEC;
                let link = openat(&links, entry.file_name(), flags, Mode::empty());
                self.checked(link.ok()?)
            })
    }

    fn checked(&self, handle: OwnedFd) -> Option<Found> {
        let found = Found::new(handle).ok()?;
        is_same_file(&self.request.file, &found.facts).then_some(found)
    }

    /// Opens a path as the container sees it, without opening the file itself.
    pub(crate) fn look_up(&self, path: &[u8]) -> Option<Facts> {
        self.roots.iter().find_map(|root| {
            let handle = look_up(root, path, Lookup::Cached)
                .or_else(|_| look_up(root, path, Lookup::InRoot))
                .ok()?;
            Facts::of(handle).ok()
        })
    }
}
