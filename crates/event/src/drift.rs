//! The words in which drift is described.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What kind of file drifted. A rule says which kinds count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DriftKind {
    /// A program that was executed, directly or through the dynamic loader.
    Binaries,
    /// A shared object that was mapped executable.
    Libraries,
    /// A script that an interpreter was given.
    Scripts,
}

impl DriftKind {
    /// Every kind.
    pub const ALL: [DriftKind; 3] = [
        DriftKind::Binaries,
        DriftKind::Libraries,
        DriftKind::Scripts,
    ];

    /// The name in policies.
    pub fn as_str(self) -> &'static str {
        match self {
            DriftKind::Binaries => "binaries",
            DriftKind::Libraries => "libraries",
            DriftKind::Scripts => "scripts",
        }
    }

    /// One of its kind, for sentences and for `--kind`.
    pub fn singular(self) -> &'static str {
        match self {
            DriftKind::Binaries => "binary",
            DriftKind::Libraries => "library",
            DriftKind::Scripts => "script",
        }
    }
}

impl fmt::Display for DriftKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a file that runs in a container comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Provenance {
    /// The image: unchanged, at its own path. Never drift.
    Image,
    /// An unchanged copy of an image file under another path.
    Copied,
    /// An image file whose content was changed at its own path.
    Modified,
    /// Written by a package manager of the image.
    PackageManager,
    /// Written in the container.
    Written,
    /// On a volume: tmpfs, emptyDir, hostPath, or another mount.
    Volume,
    /// An anonymous memory file.
    Memfd,
    /// A file that had no name any more.
    Deleted,
}

impl Provenance {
    /// All that can count as drift.
    pub const DRIFTED: [Provenance; 7] = [
        Provenance::Copied,
        Provenance::Modified,
        Provenance::PackageManager,
        Provenance::Written,
        Provenance::Volume,
        Provenance::Memfd,
        Provenance::Deleted,
    ];

    /// The name in policies and alerts.
    pub fn as_str(self) -> &'static str {
        match self {
            Provenance::Image => "image",
            Provenance::Copied => "copied",
            Provenance::Modified => "modified",
            Provenance::PackageManager => "package-manager",
            Provenance::Written => "written",
            Provenance::Volume => "volume",
            Provenance::Memfd => "memfd",
            Provenance::Deleted => "deleted",
        }
    }
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a file written in the container came about, as far as its writer tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum WrittenHow {
    /// By a download tool or a process with a network peer.
    Downloaded,
    /// By a compiler or linker.
    Built,
    /// By anything else.
    Other,
}

impl WrittenHow {
    /// The name in alerts.
    pub fn as_str(self) -> &'static str {
        match self {
            WrittenHow::Downloaded => "downloaded",
            WrittenHow::Built => "built",
            WrittenHow::Other => "other",
        }
    }
}

/// The way in which something that is not the image's came to run. The numbers are those of the product
/// specification's list of drift vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DriftVector {
    /// 1: a file written into the container's layer.
    Written,
    /// 2: an image binary overwritten or appended to in place.
    Modified,
    /// 3: a renamed, linked or copied image binary.
    Copied,
    /// 4: a binary on tmpfs, emptyDir, hostPath or another volume.
    Volume,
    /// 5: memfd or another file without a file system.
    Memfd,
    /// 6: a file deleted before or while it runs.
    Deleted,
    /// 7: through the dynamic loader.
    Loader,
    /// 8: a shared object mapped executable.
    Library,
    /// 9: a script given to an interpreter.
    Script,
    /// 10: by a process that was put into the container from outside.
    EnteredExec,
    /// 11: after unshare, chroot or a bind mount.
    Namespace,
    /// 12: through /proc/self/fd, a descriptor, or a symbolic link.
    Descriptor,
}

impl DriftVector {
    /// Every vector in the order of its number.
    pub const ALL: [DriftVector; 12] = [
        DriftVector::Written,
        DriftVector::Modified,
        DriftVector::Copied,
        DriftVector::Volume,
        DriftVector::Memfd,
        DriftVector::Deleted,
        DriftVector::Loader,
        DriftVector::Library,
        DriftVector::Script,
        DriftVector::EnteredExec,
        DriftVector::Namespace,
        DriftVector::Descriptor,
    ];

    /// The name in alerts and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            DriftVector::Written => "written",
            DriftVector::Modified => "modified",
            DriftVector::Copied => "copied",
            DriftVector::Volume => "volume",
            DriftVector::Memfd => "memfd",
            DriftVector::Deleted => "deleted",
            DriftVector::Loader => "loader",
            DriftVector::Library => "library",
            DriftVector::Script => "script",
            DriftVector::EnteredExec => "entered-exec",
            DriftVector::Namespace => "namespace",
            DriftVector::Descriptor => "descriptor",
        }
    }
}

impl fmt::Display for DriftVector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
