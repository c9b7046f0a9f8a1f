//! What is known of a file: kernel facts first, then what reading it added.

use crate::{Text, Writer};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A file on one mounted file system, while that is mounted.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct FileId {
    /// The kernel's device number of the superblock (`super_block.s_dev`), unique among mounted superblocks. For
    /// overlay this is the overlay's own number.
    pub dev: u32,
    /// Inode number (`inode.i_ino`).
    pub ino: u64,
}

/// A file's content at one time: any write through the file system changes the change time.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct FileKey {
    /// Which file.
    pub id: FileId,
    /// Inode generation, where the file system has one.
    pub generation: u32,
    /// Inode change time in nanoseconds since 1970; user space cannot set it.
    pub ctime_ns: i64,
    /// Size in bytes.
    pub size: u64,
}

/// Yes/no facts about a file as the kernel saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct FileFlags(pub u32);

impl FileFlags {
    /// The file stands on an overlay file system.
    pub const OVERLAY: u32 = 1 << 0;
    /// Overlay: the file has a copy in the upper layer (written, or copied up by a metadata change).
    pub const UPPER: u32 = 1 << 1;
    /// An anonymous memory file (`memfd_create`, or another file of the kernel's internal tmpfs mount).
    pub const MEMFD: u32 = 1 << 2;
    /// No directory entry led to the file any more (link count zero) when it was seen.
    pub const DELETED: u32 = 1 << 3;
    /// The file is below the root directory of the process's mount namespace by its own file system's
    /// tree, whatever mount it was reached through. Meaningful for root file systems that are not overlays.
    pub const BELOW_ROOT: u32 = 1 << 4;
    /// Somebody had the file open for writing at that moment.
    pub const BEING_WRITTEN: u32 = 1 << 5;
    /// The path is cut: longer than the record or deeper than the walk.
    pub const PATH_TRUNCATED: u32 = 1 << 6;
    /// The file was reached through a mount other than the root mount of the mount namespace.
    pub const OTHER_MOUNT: u32 = 1 << 7;
    /// The path did not lead to the root of the process's mount namespace (a file of another namespace, a detached mount).
    pub const UNREACHABLE: u32 = 1 << 8;
    /// Standard input of the process.
    pub const STDIN: u32 = 1 << 9;
    /// The file descriptor's file was used since the mapping itself could not be looked up (its memory map was busy).
    pub const BY_DESCRIPTOR: u32 = 1 << 10;
    /// The mount that the file was reached through is read-only.
    pub const READ_ONLY_MOUNT: u32 = 1 << 11;
    /// Of opens: the mount that the file was reached through is in another mount namespace than the process. It came through
    /// another process's root or a descriptor that was left open.
    pub const OTHER_NAMESPACE: u32 = 1 << 12;

    /// Whether all bits of `flag` are set.
    pub fn has(self, flag: u32) -> bool {
        self.0 & flag == flag
    }
}

/// A file as the kernel saw it at exec, mapping or open. Nothing here was read from user memory.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FileFacts {
    /// Which content.
    pub key: FileKey,
    /// Modification time in nanoseconds since 1970; user space can set it.
    pub mtime_ns: i64,
    /// Mode bits with the file type (`S_IFMT`).
    pub mode: u32,
    /// Number of hard links.
    pub links: u32,
    /// Owner.
    pub uid: u32,
    /// Superblock magic number (`linux/magic.h`).
    pub magic: u32,
    /// Yes/no facts.
    pub flags: FileFlags,
    /// Absolute path in the mount namespace of the process, links resolved; for memfd the name behind `memfd:`.
    pub path: Text,
    /// Who last opened the file for writing from inside a container, if that was seen.
    pub writer: Option<Writer>,
}

impl FileFacts {
    /// `linux/magic.h` OVERLAYFS_SUPER_MAGIC.
    pub const OVERLAY_MAGIC: u32 = 0x794c_7630;
    /// `linux/magic.h` TMPFS_MAGIC.
    pub const TMPFS_MAGIC: u32 = 0x0102_1994;

    /// The last component of the path.
    pub fn base_name(&self) -> &[u8] {
        self.path
            .as_bytes()
            .rsplit(|&b| b == b'/')
            .next()
            .unwrap_or_default()
    }
}

/// A SHA-256 digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Sha256(pub [u8; 32]);

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sha256({self})")
    }
}

impl std::str::FromStr for Sha256 {
    type Err = InvalidSha256;

    /// Reads 64 hexadecimal digits, upper or lower case.
    fn from_str(text: &str) -> Result<Self, InvalidSha256> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(InvalidSha256);
        }
        let mut out = [0u8; 32];
        for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |d: &u8| {
                char::from(*d)
                    .to_digit(16)
                    .and_then(|v| u8::try_from(v).ok())
                    .ok_or(InvalidSha256)
            };
            *byte = match pair {
                [high, low] => digit(high)? << 4 | digit(low)?,
                _ => return Err(InvalidSha256),
            };
        }
        Ok(Sha256(out))
    }
}

/// The text is not 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidSha256;

impl fmt::Display for InvalidSha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a SHA-256 digest has 64 hexadecimal digits")
    }
}

impl std::error::Error for InvalidSha256 {}

/// What the pipeline asks to have read of a file that may be drift. The answer is an [`Inspection`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InspectionRequest {
    /// Ties the answer to the question.
    pub token: u64,
    /// The file, with its path in the container.
    pub file: FileFacts,
    /// A process that holds the file as its executable, a mapping, or an open descriptor.
    pub pid: u32,
    /// Whether `/proc/PID/exe` of that process is the file (otherwise it is looked for by path and mappings).
    pub is_exe: bool,
    /// Start time of the process: another process under the same pid must not be read.
    pub start_ns: u64,
    /// The container, by which a baseline of its root file system is found where there are no layers.
    pub container: crate::ContainerKey,
    /// The container's root directory.
    pub root: crate::ContainerRoot,
    /// Where the container's layers are, if that is known.
    pub layers: Option<crate::LayerDirs>,
    /// For a candidate script: arguments of the interpreter, to be resolved against the file.
    pub arguments: Vec<Text>,
    /// Working directory that relative arguments start from.
    pub cwd: Text,
}

/// The image's file at the same path, compared with the file in question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Twin {
    /// The image's layers could not be looked at, or the root file system has none.
    Unknown,
    /// The image has no file at this path.
    Absent,
    /// The image has a file at this path with the same content.
    Same,
    /// The image has a file at this path with other content.
    Different,
}

/// What reading a file said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspection {
    /// The token of the request.
    pub token: u64,
    /// Digest of the whole content; `None` with a reason in `error`.
    pub sha256: Option<Sha256>,
    /// First bytes of the content, at most 64: enough to tell an ELF file from a script.
    pub head: Vec<u8>,
    /// ELF: whether a program interpreter (PT_INTERP) is named or an entry point without one makes it a program rather than a library.
    pub is_program: bool,
    /// The image's file at the same path.
    pub twin: Twin,
    /// Path of an image file with the same content, if the file is a copy of one.
    pub copy_of: Option<Text>,
    /// Whether one of the request's arguments, resolved in the container, leads to the file.
    pub named_by_argument: bool,
    /// Whether the file had lost its last name when it was read.
    pub deleted: bool,
    /// Why the content could not be read.
    pub error: Option<InspectionError>,
}

/// Why a file's content is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum InspectionError {
    /// The process ended and the path no longer leads to the file.
    Vanished,
    /// The path leads to another file now.
    Replaced,
    /// The file is larger than the bound for hashing.
    TooLarge,
    /// Reading failed.
    Unreadable,
    /// Too many files were waiting; counted as a drop.
    QueueFull,
    /// No answer came in time.
    TimedOut,
}

impl InspectionError {
    /// A phrase for people.
    pub fn text(self) -> &'static str {
        match self {
            InspectionError::Vanished => "the file was gone before it could be read",
            InspectionError::Replaced => "the path led to another file before it could be read",
            InspectionError::TooLarge => "the file is larger than the bound for hashing",
            InspectionError::Unreadable => "the file could not be read",
            InspectionError::QueueFull => "too many files were waiting to be read",
            InspectionError::TimedOut => "reading the file took too long",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sha256_prints_what_it_parses() {
        let text = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(
            text.parse::<Sha256>().map(|d| d.to_string()),
            Ok(text.to_owned())
        );
        assert!("e3b0".parse::<Sha256>().is_err());
        assert!("é".repeat(32).parse::<Sha256>().is_err());
    }
}
