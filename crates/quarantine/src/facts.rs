//! What the file system says of a file, and its extended attributes.

use crate::item::Xattr;
use crate::limits::{XATTR_BYTES_MAX, XATTRS_BYTES_MAX};
use rustix::fd::AsFd;
use rustix::fs::{AtFlags, FileType, Stat, fgetxattr, flistxattr, fstat, statat};
use rustix::io::Errno;

/// Which file it is and whether it changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) dev: u64,
    pub(crate) ino: u64,
    pub(crate) size: u64,
    pub(crate) mtime_ns: i64,
    /// Set by the kernel at every change of content or metadata; no process can choose it.
    pub(crate) ctime_ns: i64,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) links: u64,
}

impl Facts {
    /// Facts of an open file; `O_PATH` is enough.
    pub(crate) fn of(file: impl AsFd) -> rustix::io::Result<Facts> {
        fstat(file).map(|stat| Facts::from(&stat))
    }

    /// Facts of a directory's entry itself, be it a link.
    pub(crate) fn of_entry(directory: impl AsFd, name: &[u8]) -> rustix::io::Result<Facts> {
        statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).map(|stat| Facts::from(&stat))
    }

    pub(crate) fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.mode)
    }

    pub(crate) fn is_regular(&self) -> bool {
        self.kind() == FileType::RegularFile
    }
}

impl From<&Stat> for Facts {
    #[expect(
        clippy::cast_sign_loss,
        clippy::unnecessary_cast,
        clippy::useless_conversion,
        reason = "types of stat's fields differ between architectures; sizes and counts are never negative"
    )]
    fn from(stat: &Stat) -> Facts {
        Facts {
            dev: stat.st_dev as u64,
            ino: stat.st_ino as u64,
            size: stat.st_size as u64,
            mtime_ns: nanoseconds(stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            ctime_ns: nanoseconds(stat.st_ctime as i64, stat.st_ctime_nsec as i64),
            mode: stat.st_mode,
            uid: stat.st_uid,
            gid: stat.st_gid,
            links: u64::from(stat.st_nlink),
        }
    }
}

fn nanoseconds(seconds: i64, nanoseconds: i64) -> i64 {
    seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(nanoseconds)
}

/// What kind of file it is, for messages.
pub(crate) fn kind_name(kind: FileType) -> &'static str {
    match kind {
        FileType::RegularFile => "a regular file",
        FileType::Directory => "a directory",
        FileType::Symlink => "a symbolic link",
        FileType::Fifo => "a FIFO",
        FileType::Socket => "a socket",
        FileType::CharacterDevice => "a character device",
        FileType::BlockDevice => "a block device",
        _ => "of an unknown kind",
    }
}

/// Attributes that are part of what a file is: its capabilities, and what users attached to it. Others belong to the
/// host or the file system it was on.
pub(crate) const CAPABILITIES: &[u8] = b"security.capability";
const OF_USERS: &[u8] = b"user.";

/// Attributes of a file that belong to it, and whether there were more than are kept.
///
/// # Errors
/// Whatever flistxattr(2) and fgetxattr(2) say; file systems without attributes have none.
pub(crate) fn xattrs(file: impl AsFd) -> rustix::io::Result<(Vec<Xattr>, bool)> {
    let mut names = vec![0u8; XATTR_BYTES_MAX];
    let length = match flistxattr(file.as_fd(), &mut names) {
        Err(Errno::NOTSUP) => return Ok((Vec::new(), false)),
        length => length?,
    };
    let mut kept = Vec::new();
    let mut bytes = 0;
    let mut more = false;
    let mut value = vec![0u8; XATTR_BYTES_MAX];
    for name in names
        .get(..length)
        .unwrap_or_default()
        .split(|byte| *byte == 0)
    {
        if name != CAPABILITIES && !name.starts_with(OF_USERS) {
            continue;
        }
        let length = match fgetxattr(file.as_fd(), name, &mut value) {
            // Removed meanwhile: the change of the file's ctime tells.
            Err(Errno::NODATA) => continue,
            length => length?,
        };
        let value = value.get(..length).unwrap_or_default();
        bytes += name.len() + value.len();
        if bytes > XATTRS_BYTES_MAX {
            more = true;
            break;
        }
        kept.push(Xattr {
            name: name.into(),
            value: value.into(),
        });
    }
    Ok((kept, more))
}
