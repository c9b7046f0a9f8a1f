//! Entries of directories, found without opening them.

use rustix::fd::{AsFd, AsRawFd as _, OwnedFd};
use rustix::fs::{FileType, Mode, OFlags, fstat, fstatfs, openat};
use std::fs::File;
use std::io;
use std::path::Path;

/// File systems that are windows into the kernel rather than places for files.
///
/// Source: include/uapi/linux/magic.h, Linux 6.12; mqueue: ipc/mqueue.c; rpc_pipefs: net/sunrpc/rpc_pipe.c; fusectl:
/// fs/fuse/fuse_i.h; configfs: fs/configfs/mount.c.
const PSEUDO: [u32; 20] = [
    0x0000_9fa0, // proc
    0x6265_6572, // sysfs
    0x0027_e0eb, // cgroup
    0x6367_7270, // cgroup2
    0x6462_6720, // debugfs
    0x7472_6163, // tracefs
    0x7363_6673, // securityfs
    0xcafe_4a11, // bpf
    0x6165_676c, // pstore
    0x6265_6570, // configfs
    0x1980_0202, // mqueue
    0x0000_1cd1, // devpts
    0xde5e_81e4, // efivarfs
    0xf97c_ff8c, // selinuxfs
    0x4249_4e4d, // binfmt_misc
    0x6573_5543, // fusectl
    0x6e73_6673, // nsfs
    0x6759_6969, // rpc_pipefs
    0x5346_414f, // openafs's and nfsd's control files
    0x6e66_7364, // nfsd
];

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Regular,
    Directory,
    Link,
    Special(FileType),
}

impl Kind {
    pub(super) fn of(kind: FileType) -> Kind {
        match kind {
            FileType::RegularFile => Kind::Regular,
            FileType::Directory => Kind::Directory,
            FileType::Symlink => Kind::Link,
            other => Kind::Special(other),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Regular => "a regular file",
            Kind::Directory => "a directory",
            Kind::Link => "a symbolic link",
            Kind::Special(FileType::Fifo) => "a FIFO",
            Kind::Special(FileType::Socket) => "a socket",
            Kind::Special(FileType::CharacterDevice) => "a character device",
            Kind::Special(FileType::BlockDevice) => "a block device",
            Kind::Special(_) => "of an unknown kind",
        }
    }
}

/// An entry that was found but not opened: no driver and no pipe's other end noticed.
#[derive(Debug)]
pub(super) struct Handle {
    file: OwnedFd,
    pub(super) kind: Kind,
    pub(super) dev: u64,
    pub(super) ino: u64,
    pub(super) links: u64,
    size: u64,
}

impl Handle {
    /// What a path of the user leads to.
    pub(super) fn named(path: &Path) -> rustix::io::Result<Handle> {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        Handle::of(rustix::fs::open(path, flags, Mode::empty())?)
    }

    /// An entry itself, be it a link.
    pub(super) fn entry(directory: impl AsFd, name: &[u8]) -> rustix::io::Result<Handle> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Handle::of(openat(directory, name, flags, Mode::empty())?)
    }

    #[expect(
        clippy::cast_sign_loss,
        clippy::useless_conversion,
        reason = "types of stat's fields differ between architectures; sizes are never negative"
    )]
    fn of(file: OwnedFd) -> rustix::io::Result<Handle> {
        let stat = fstat(&file)?;
        Ok(Handle {
            kind: Kind::of(FileType::from_raw_mode(stat.st_mode)),
            dev: stat.st_dev as u64,
            ino: stat.st_ino as u64,
            links: u64::from(stat.st_nlink),
            size: stat.st_size as u64,
            file,
        })
    }

    /// Whether it is on a pseudo file system.
    pub(super) fn is_pseudo(&self) -> bool {
        // The magic numbers have 32 bits; the field's type differs between architectures.
        fstatfs(&self.file).is_ok_and(|found| {
            PSEUDO
                .iter()
                .any(|magic| i128::from(found.f_type) & 0xffff_ffff == i128::from(*magic))
        })
    }

    /// Opens the very file or directory that was found.
    pub(super) fn open(&self, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let link = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        rustix::fs::open(link, flags | OFlags::CLOEXEC, Mode::empty())
    }
}

/// A regular file that a walk came upon. It can be opened also when its name is gone.
#[derive(Debug)]
pub struct FoundFile {
    handle: Handle,
    path: Vec<u8>,
}

impl FoundFile {
    pub(super) fn new(handle: Handle, path: Vec<u8>) -> FoundFile {
        FoundFile { handle, path }
    }

    /// The named path and the way from there, not escaped.
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    /// Size in bytes when it was found.
    pub fn size(&self) -> u64 {
        self.handle.size
    }

    /// Opens it for reading.
    ///
    /// # Errors
    /// Whatever open(2) says.
    pub fn open(&self) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        Ok(self.handle.open(flags)?.into())
    }
}
