//! Bounds. Each has its unit and what it stops.

/// How much a store takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one file. Stops a file that grows while it is copied.
    pub file_bytes_max: u64,
    /// Items. Stops a container that drops files without end from using up the host's inodes.
    pub items_max: usize,
    /// Bytes of all items together. Stops the same from filling the host's disk.
    pub bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            file_bytes_max: 1 << 30,
            items_max: 10_000,
            bytes_max: 10 << 30,
        }
    }
}

/// Bytes of a file that are sealed at once: what a copy needs of memory, whatever the file's size.
pub(crate) const CHUNK_BYTES: usize = 64 * 1024;

/// Bytes of an item's metadata as JSON. Stops a forged length from being allocated.
pub(crate) const METADATA_BYTES_MAX: usize = 1024 * 1024;

/// Bytes of the text and the finding that come with a file, as JSON.
pub const NOTE_BYTES_MAX: usize = 256 * 1024;

/// Bytes of a file's extended attributes that are kept. A file may have as many on each name.
pub(crate) const XATTRS_BYTES_MAX: usize = 64 * 1024;

/// Bytes of a list of attributes' names, and of one value; the kernel gives no more.
///
/// Source: `XATTR_LIST_MAX` and `XATTR_SIZE_MAX`, include/uapi/linux/limits.h, Linux 6.12.
pub(crate) const XATTR_BYTES_MAX: usize = 64 * 1024;

/// Bytes of a path; the kernel takes none longer.
pub(crate) const PATH_BYTES_MAX: usize = 4096;

/// Names in the store's folder that are looked at. Stops a folder filled by somebody else.
pub(crate) const ENTRIES_MAX: usize = 100_000;

/// Attempts at one path look-up that the kernel broke off since something was renamed meanwhile. Stops a container
/// that renames directories without pause.
pub(crate) const LOOKUPS_MAX: usize = 8;
