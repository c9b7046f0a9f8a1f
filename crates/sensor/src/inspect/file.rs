//! Files without opening them: facts, and ways to reach one that neither follow a container's links out of its root
//! nor wait for a pipe's other end.

use super::limits::LOOKUPS_MAX;
use rustix::fd::{AsFd, AsRawFd as _, OwnedFd};
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, ResolveFlags, Statx, StatxFlags, StatxTimestamp, openat2,
    statx,
};
use rustix::io::Errno;
use std::fs::File;
use std::path::Path;

/// What the file system says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Device number as the kernel keeps it: major number above 20 bits of minor number.
    pub(crate) dev: u32,
    /// Inode number.
    pub(crate) ino: u64,
    /// Change time in nanoseconds since 1970.
    pub(crate) ctime_ns: i64,
    /// Modification time in nanoseconds since 1970.
    pub(crate) mtime_ns: i64,
    /// Time of birth in nanoseconds since 1970, where the file system keeps it; user space cannot set it.
    pub(crate) born_ns: Option<i64>,
    /// Size in bytes.
    pub(crate) size: u64,
    /// Mode bits with the file type.
    pub(crate) mode: u32,
    /// Number of hard links.
    pub(crate) links: u32,
}

const WANTED: StatxFlags = StatxFlags::BASIC_STATS.union(StatxFlags::BTIME);
/// Cached facts do: a container's own FUSE server must not be able to hold the answer back.
const FACTS: AtFlags = AtFlags::STATX_DONT_SYNC.union(AtFlags::NO_AUTOMOUNT);

impl Facts {
    /// Facts of an open file; `O_PATH` is enough.
    pub(crate) fn of(file: impl AsFd) -> rustix::io::Result<Facts> {
        let flags = FACTS | AtFlags::EMPTY_PATH;
        statx(file, c"", flags, WANTED).map(Facts::from)
    }

    /// Facts of a directory's entry itself, be it a link.
    pub(crate) fn of_entry(
        directory: impl AsFd,
        name: impl rustix::path::Arg,
    ) -> rustix::io::Result<Facts> {
        let flags = FACTS | AtFlags::SYMLINK_NOFOLLOW;
        statx(directory, name, flags, WANTED).map(Facts::from)
    }

    /// Facts of what an entry of /proc leads to.
    pub(crate) fn of_magic_link(
        directory: impl AsFd,
        name: impl rustix::path::Arg,
    ) -> rustix::io::Result<Facts> {
        statx(directory, name, FACTS, WANTED).map(Facts::from)
    }

    pub(crate) fn is_regular(&self) -> bool {
        FileType::from_raw_mode(self.mode) == FileType::RegularFile
    }

    pub(crate) fn is_directory(&self) -> bool {
        FileType::from_raw_mode(self.mode) == FileType::Directory
    }

    /// Whether somebody may execute it.
    pub(crate) fn is_executable(&self) -> bool {
        self.mode & 0o111 != 0
    }
}

impl From<Statx> for Facts {
    fn from(statx: Statx) -> Facts {
        Facts {
            dev: statx.stx_dev_major << 20 | (statx.stx_dev_minor & 0xf_ffff),
            ino: statx.stx_ino,
            ctime_ns: nanoseconds(&statx.stx_ctime),
            mtime_ns: nanoseconds(&statx.stx_mtime),
            born_ns: StatxFlags::from_bits_retain(statx.stx_mask)
                .contains(StatxFlags::BTIME)
                .then(|| nanoseconds(&statx.stx_btime)),
            size: statx.stx_size,
            mode: statx.stx_mode.into(),
            links: statx.stx_nlink,
        }
    }
}

fn nanoseconds(time: &StatxTimestamp) -> i64 {
    time.tv_sec
        .saturating_mul(1_000_000_000)
        .saturating_add(time.tv_nsec.into())
}

/// A file found but not opened: nothing was read, no driver and no pipe's other end noticed.
#[derive(Debug)]
pub(crate) struct Found {
    /// A descriptor, `O_PATH` at least.
    pub(crate) handle: OwnedFd,
    /// Its facts.
    pub(crate) facts: Facts,
}

impl Found {
    pub(crate) fn new(handle: OwnedFd) -> rustix::io::Result<Found> {
        let facts = Facts::of(&handle)?;
        Ok(Found { handle, facts })
    }

    /// Opens the very same file for reading.
    ///
    /// # Errors
    /// Whatever open(2) says; `EINVAL` for what is no regular file.
    pub(crate) fn open(&self, proc_root: &Path) -> rustix::io::Result<File> {
        if !self.facts.is_regular() {
            return Err(Errno::INVAL);
        }
        let link = proc_root.join(format!("self/fd/{}", self.handle.as_raw_fd()));
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        rustix::fs::open(link, flags, Mode::empty()).map(File::from)
    }
}

/// How a path is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// As a process with that root would, but only as far as the kernel has it cached: it never waits for a disk.
    Cached,
    /// As a process with that root would.
    InRoot,
    /// No link on the way is followed.
    NoLinks,
}

/// Looks up a path below `root`, which it cannot leave, not even through links of /proc.
///
/// # Errors
/// Whatever openat2(2) says.
pub(crate) fn look_up(root: impl AsFd, path: &[u8], lookup: Lookup) -> rustix::io::Result<OwnedFd> {
    let resolve = ResolveFlags::IN_ROOT
        | ResolveFlags::NO_MAGICLINKS
        | match lookup {
            Lookup::Cached => ResolveFlags::CACHED,
            Lookup::InRoot => ResolveFlags::empty(),
            Lookup::NoLinks => ResolveFlags::NO_SYMLINKS,
        };
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let attempts = match lookup {
        Lookup::Cached => 1,
        Lookup::InRoot | Lookup::NoLinks => LOOKUPS_MAX,
    };
    let mut result = Err(Errno::AGAIN);
    for _ in 0..attempts {
        result = openat2(root.as_fd(), path, flags, Mode::empty(), resolve);
        if result.as_ref().err() != Some(&Errno::AGAIN) {
            break;
        }
    }
    result
}

/// Opens a directory of the host as a place to look up from.
///
/// # Errors
/// Whatever open(2) says.
pub(crate) fn open_directory(path: &Path) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty())
}

#[cfg(test)]
mod tests {
    use super::super::tests::TestDir;
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_do_not_lead_out_of_the_root() {
        let dir = TestDir::new();
        std::fs::create_dir(dir.join("root")).expect("root");
        std::fs::write(dir.join("secret"), "host").expect("secret");
        std::fs::write(dir.join("root/secret"), "container").expect("secret");
        symlink("../../../../secret", dir.join("root/up")).expect("link");
        symlink("/proc/self/root", dir.join("root/magic")).expect("link");
        let root = open_directory(&dir.join("root")).expect("root");
        let facts = |path: &str, lookup| {
            Facts::of(look_up(&root, path.as_bytes(), lookup).expect("found")).expect("facts")
        };
        let inner = Facts::of_entry(&root, "secret").expect("facts");
        assert_eq!(facts("/up", Lookup::InRoot), inner);
        assert_eq!(facts("/../../secret", Lookup::InRoot), inner);
        assert_eq!(facts("/secret", Lookup::NoLinks), inner);
        assert_eq!(facts("/secret", Lookup::Cached), inner);
        assert!(look_up(&root, b"/up", Lookup::NoLinks).is_err());
        assert!(look_up(&root, b"/magic/etc", Lookup::InRoot).is_err());
    }

    #[test]
    fn a_pipe_is_found_but_never_opened() {
        let dir = TestDir::new();
        let root = open_directory(dir.path()).expect("root");
        rustix::fs::mkfifoat(&root, "pipe", Mode::RUSR | Mode::WUSR).expect("pipe");
        let handle = look_up(&root, b"/pipe", Lookup::InRoot).expect("found");
        let found = Found::new(handle).expect("facts");
        assert!(!found.facts.is_regular());
        assert_eq!(
            found.open(Path::new("/proc")).expect_err("refused"),
            Errno::INVAL
        );
    }
}
