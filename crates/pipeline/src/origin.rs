//! Where a file comes from: the image, the container's own writing, a volume, memory.
//!
//! Two steps: [`triage`] settles what the kernel's facts alone can settle, which is nearly everything that runs;
//! [`resolve`] decides the rest from what reading the file said.

use crate::container_table::Home;
use crate::limits::IMAGE_FILES_MAX;
use std::collections::{HashSet, VecDeque};
use yagura_event::{
    BaseFlags, ContainerKey, FileFacts, FileFlags, FileKey, Inspection, Provenance, RootId, Text,
    Twin,
};

/// What the kernel's facts say of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Triage {
    /// The image's, by the layer it stands on.
    ImageLayer,
    /// The image's, since it has not changed from before the container began. The kernel cannot tell.
    ImageUnchanged,
    /// It has to be read.
    Unclear,
}

/// A file in its surroundings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The file.
    pub(crate) file: &'a FileFacts,
    /// Root of the mount namespace of the process that uses it.
    pub(crate) root: RootId,
    /// Facts of that process.
    pub(crate) flags: BaseFlags,
    /// The container's first program; `None` if the container's own root is not known.
    pub(crate) home: Option<&'a Home>,
}

impl Place<'_> {
    /// Whether the file is on the superblock that holds the container's root.
    pub(crate) fn is_on_root_device(&self) -> bool {
        self.home
            .is_some_and(|home| home.root.dev == self.file.key.id.dev)
    }

    /// Whether the process's mount namespace has the container's root.
    pub(crate) fn has_home_root(&self) -> bool {
        self.home
            .is_some_and(|home| (home.root.dev, home.root.ino) == (self.root.dev, self.root.ino))
    }

    /// Whether the file is the container's own: of its root rather than of a mount, of memory, or of the host.
    pub(crate) fn is_of_container(&self) -> bool {
        let Some(home) = self.home else {
            return false;
        };
        if self.has(FileFlags::MEMFD) || !self.is_on_root_device() {
            return false;
        }
        // An overlay is the container's alone. A plain directory shares its file system with the host and with
        // volumes, and with the host's root everything would be below the root.
        home.root.overlay
            || (self.has(FileFlags::BELOW_ROOT) && !self.flags.has(BaseFlags::HOST_ROOT))
    }

    /// Whether the container wrote to the file after it began, as far as that was seen.
    fn was_written(&self) -> bool {
        let (Some(writer), Some(home)) = (self.file.writer, self.home) else {
            return false;
        };
        writer.time >= home.began
    }

    fn has(&self, flag: u32) -> bool {
        self.file.flags.has(flag)
    }
}

/// Settles what needs no reading.
pub(crate) fn triage(place: &Place<'_>) -> Triage {
    let Some(home) = place.home else {
        return Triage::Unclear;
    };
    if !place.is_of_container() {
        return Triage::Unclear;
    }
    if home.root.overlay {
        return match place.has(FileFlags::UPPER) {
            true => Triage::Unclear,
            false => Triage::ImageLayer,
        };
    }
    // Below another root than the container's, such as one made with pivot_root, "below" proves nothing.
    match place.file.key.ctime_ns <= home.root.since_ns
        && place.has_home_root()
        && !place.was_written()
    {
        true => Triage::ImageUnchanged,
        false => Triage::Unclear,
    }
}

/// Where a file comes from, its writer left aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    /// In one word.
    pub(crate) provenance: Provenance,
    /// The image file that it is a copy of, or that it replaced.
    pub(crate) image_path: Option<Text>,
}

impl Origin {
    fn plain(provenance: Provenance) -> Origin {
        Origin {
            provenance,
            image_path: None,
        }
    }
}

/// Decides from all that became known; without an inspection, from the kernel's facts alone.
pub(crate) fn resolve(place: &Place<'_>, inspection: Option<&Inspection>) -> Origin {
    let copy_of = inspection.and_then(|inspection| inspection.copy_of.clone());
    let twin = inspection.map_or(Twin::Unknown, |inspection| inspection.twin);
    if place.has(FileFlags::MEMFD) {
        return Origin::plain(Provenance::Memfd);
    }
    if !place.is_of_container() {
        let provenance = match is_baseline_file(place, twin) {
            true => Provenance::Image,
            false => Provenance::Volume,
        };
        return Origin {
            provenance,
            image_path: copy_of,
        };
    }
    if is_image_content(place, twin, copy_of.as_ref()) {
        return Origin::plain(Provenance::Image);
    }
    let own_path = || Some(place.file.path.clone());
    if place.has(FileFlags::DELETED) {
        return Origin {
            provenance: Provenance::Deleted,
            image_path: copy_of,
        };
    }
    match (twin, copy_of) {
        (Twin::Different, _) | (Twin::Same, None) => Origin {
            provenance: Provenance::Modified,
            image_path: own_path(),
        },
        (_, Some(path)) => Origin {
            provenance: Provenance::Copied,
            image_path: Some(path),
        },
        (Twin::Unknown | Twin::Absent, None) => Origin::plain(Provenance::Written),
    }
}

/// A file of the container's own root that reading showed to be the image's: only its metadata changed, or it was
/// put back as it had been.
fn is_image_content(place: &Place<'_>, twin: Twin, copy_of: Option<&Text>) -> bool {
    let Some(home) = place.home else {
        return false;
    };
    if copy_of == Some(&place.file.path) {
        return true;
    }
    if home.root.overlay {
        // The layers were compared by content.
        return twin == Twin::Same;
    }
    // Of a file that could not be read before it changed, the baseline of a plain directory knows the inode alone: it may
    // have been written to. What remains open for such a file is a write that was not seen and whose date was set back:
    // after an open through io_uring, by truncate(2), or forgotten since the container wrote to very many other files.
    // An unseen writer alone must not do, for the same reasons.
    twin == Twin::Same && !place.was_written() && place.file.mtime_ns <= home.root.since_ns
}

/// A file of a plain directory used by a process that has another root, as a nested sandbox does: the kernel could
/// not say that it is below the container's root, but the baseline knows it.
fn is_baseline_file(place: &Place<'_>, twin: Twin) -> bool {
    let Some(home) = place.home else {
        return false;
    };
    place.is_on_root_device()
        && !home.root.overlay
        && !place.flags.has(BaseFlags::HOST_ROOT)
        && !place.has_home_root()
        && is_image_content(place, twin, None)
}

/// Words for the layer or file system that a drifted file stands on.
pub(crate) fn layer(place: &Place<'_>) -> &'static str {
    let overlay = place.home.is_some_and(|home| home.root.overlay);
    if place.has(FileFlags::MEMFD) {
        "anonymous memory"
    } else if place.is_of_container() && overlay {
        "the container's own layer (overlay upper directory)"
    } else if place.is_of_container() {
        "the container's root directory"
    } else if place.flags.has(BaseFlags::HOST_ROOT) {
        "the host's file system"
    } else if place.file.magic == FileFacts::TMPFS_MAGIC {
        "a tmpfs mount"
    } else {
        "a volume or another mount"
    }
}

/// Files that reading showed to be the image's, so that each is read once. The change time in the key makes an
/// entry void as soon as the file is written to.
#[derive(Debug, Default)]
pub(crate) struct ImageFiles {
    known: HashSet<(ContainerKey, FileKey)>,
    order: VecDeque<(ContainerKey, FileKey)>,
}

impl ImageFiles {
    /// Whether the file was found to be the image's.
    pub(crate) fn contains(&self, container: ContainerKey, file: &FileFacts) -> bool {
        // While somebody writes, the change time can lag behind the content.
        !self.known.is_empty()
            && !file.flags.has(FileFlags::BEING_WRITTEN)
            && self.known.contains(&(container, file.key))
    }

    /// Remembers a file.
    pub(crate) fn insert(&mut self, container: ContainerKey, file: FileKey) {
        if self.known.insert((container, file)) {
            self.order.push_back((container, file));
        }
        while self.order.len() > IMAGE_FILES_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.known.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use yagura_event::FileId;

    #[test]
    fn remembered_image_files_are_bounded_and_void_after_a_write() {
        let mut files = ImageFiles::default();
        let container = ContainerKey(1);
        let file = |ino: usize| FileFacts {
            key: FileKey {
                id: FileId {
                    dev: 1,
                    ino: ino as u64,
                },
                ctime_ns: 5,
                ..FileKey::default()
            },
            ..FileFacts::default()
        };
        for ino in 0..=IMAGE_FILES_MAX {
            files.insert(container, file(ino).key);
        }
        assert!(!files.contains(container, &file(0)));
        let mut last = file(IMAGE_FILES_MAX);
        assert!(files.contains(container, &last));
        last.flags = FileFlags(FileFlags::BEING_WRITTEN);
        assert!(!files.contains(container, &last));
        last.flags = FileFlags::default();
        last.key.ctime_ns = 6;
        assert!(!files.contains(container, &last));
        assert_eq!(files.known.len(), IMAGE_FILES_MAX);
    }
}
