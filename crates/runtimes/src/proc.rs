//! Processes as /proc shows them, and bounded reading of files.

use crate::limits::{ANCESTORS_MAX, MOUNTINFO_BYTES_MAX, PROC_FILE_BYTES_MAX};
use crate::mountinfo::root_mount;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, StatxFlags, fstat, statx};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use yagura_event::ProcessKey;

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// The system refused.
    #[error("cannot read: {0}")]
    Io(#[from] std::io::Error),
    /// It is a directory, a pipe, or a device.
    #[error("not a regular file")]
    NotRegular,
    /// It is larger than anything a runtime writes.
    #[error("larger than {max} bytes")]
    TooLarge {
        /// The bound in bytes.
        max: usize,
    },
}

impl From<rustix::io::Errno> for ReadError {
    fn from(error: rustix::io::Errno) -> Self {
        ReadError::Io(error.into())
    }
}

/// What was read of a file.
#[derive(Debug)]
pub(crate) struct Content {
    /// The first bytes.
    pub(crate) bytes: Vec<u8>,
    /// Whether there is more.
    pub(crate) truncated: bool,
}

/// Reads at most `max` bytes.
///
/// # Errors
/// [`ReadError::Io`].
pub(crate) fn read_to(file: File, max: usize) -> Result<Content, ReadError> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit).read_to_end(&mut bytes)?;
    let truncated = bytes.len() > max;
    bytes.truncate(max);
    Ok(Content { bytes, truncated })
}

/// Reads a regular file of the host whole; it never waits for a writer.
///
/// # Errors
/// [`ReadError`], all variants.
pub(crate) fn read_whole(path: &Path, max: usize) -> Result<Vec<u8>, ReadError> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty())?;
    if FileType::from_raw_mode(fstat(&file)?.st_mode) != FileType::RegularFile {
        return Err(ReadError::NotRegular);
    }
    let content = read_to(file.into(), max)?;
    if content.truncated {
        return Err(ReadError::TooLarge { max });
    }
    Ok(content.bytes)
}

/// Clock ticks per second in /proc, the same on every architecture that we build for.
///
/// Source: `USER_HZ`, include/asm-generic/param.h, Linux 6.1.
const TICKS_PER_SECOND: u64 = 100;

/// Length of a tick in nanoseconds.
pub(crate) const TICK_NS: u64 = 1_000_000_000 / TICKS_PER_SECOND;

/// Start of a process in ticks as /proc/PID/stat shows it, from nanoseconds of `CLOCK_BOOTTIME`.
pub(crate) fn ticks(start_ns: u64) -> u64 {
    start_ns / TICK_NS
}

/// The fields of /proc/PID/stat that identity needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stat {
    /// Name of the program, as the process set it.
    pub(crate) comm: Vec<u8>,
    /// Parent's pid.
    pub(crate) parent: u32,
    /// Start in clock ticks after boot.
    pub(crate) start_ticks: u64,
}

/// Parses /proc/PID/stat. The name may hold parentheses and spaces, so the fields are counted from its end.
///
/// Source: proc_pid_stat(5).
pub(crate) fn parse_stat(bytes: &[u8]) -> Option<Stat> {
    let open = bytes.iter().position(|byte| *byte == b'(')?;
    let close = bytes.iter().rposition(|byte| *byte == b')')?;
    let comm = bytes.get(open + 1..close)?.to_vec();
    let rest = std::str::from_utf8(bytes.get(close + 1..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    // After the name: state (3), parent (4), …, start time (22).
    let parent = fields.nth(1)?.parse().ok()?;
    let start_ticks = fields.nth(17)?.parse().ok()?;
    Some(Stat {
        comm,
        parent,
        start_ticks,
    })
}

/// Number in a namespace link such as `mnt:[4026531840]`.
fn parse_namespace(link: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(link).ok()?;
    let (_, number) = text.split_once(":[")?;
    number.strip_suffix(']')?.parse().ok()
}

/// Number of the initial pid namespace.
///
/// Source: `PROC_PID_INIT_INO`, include/linux/proc_ns.h, Linux 6.1.
const INITIAL_PID_NAMESPACE: u64 = 0xefff_fffc;

/// A process's namespaces of the kinds that tell containers apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Namespaces {
    /// Mount namespace.
    pub(crate) mount: u64,
    /// Pid namespace.
    pub(crate) pid: u64,
}

/// /proc, wherever it is mounted.
#[derive(Debug, Clone)]
pub(crate) struct Proc {
    root: PathBuf,
}

impl Proc {
    pub(crate) fn new(root: &Path) -> Proc {
        Proc {
            root: root.to_owned(),
        }
    }

    /// Path of a process's entry.
    pub(crate) fn path(&self, pid: u32, name: &str) -> PathBuf {
        self.root.join(pid.to_string()).join(name)
    }

    /// A process's entry, at most `max` bytes.
    pub(crate) fn read(&self, pid: u32, name: &str, max: usize) -> Option<Vec<u8>> {
        let file = File::open(self.path(pid, name)).ok()?;
        read_to(file, max).ok().map(|content| content.bytes)
    }

    pub(crate) fn stat(&self, pid: u32) -> Option<Stat> {
        parse_stat(&self.read(pid, "stat", PROC_FILE_BYTES_MAX)?)
    }

    /// Whether the process with that pid is still the one meant.
    pub(crate) fn is_alive(&self, process: ProcessKey) -> bool {
        self.stat(process.pid)
            .is_some_and(|stat| stat.start_ticks == ticks(process.start_ns))
    }

    pub(crate) fn namespaces(&self, pid: u32) -> Option<Namespaces> {
        Some(Namespaces {
            mount: self.namespace(&pid.to_string(), "ns/mnt")?,
            pid: self.namespace(&pid.to_string(), "ns/pid")?,
        })
    }

    fn namespace(&self, process: &str, name: &str) -> Option<u64> {
        let link = std::fs::read_link(self.root.join(process).join(name)).ok()?;
        parse_namespace(link.as_os_str().as_encoded_bytes())
    }

    /// The host's namespaces. Where pid 1 may not be looked at (it has a capability that we lack), our own mount
    /// namespace is taken for the host's.
    pub(crate) fn host_namespaces(&self) -> Option<Namespaces> {
        Some(Namespaces {
            mount: self
                .namespace("1", "ns/mnt")
                .or_else(|| self.namespace("self", "ns/mnt"))?,
            pid: INITIAL_PID_NAMESPACE,
        })
    }

    /// Arguments of a process, without those that are not UTF-8.
    pub(crate) fn arguments(&self, pid: u32) -> Vec<String> {
        let bytes = self
            .read(pid, "cmdline", PROC_FILE_BYTES_MAX)
            .unwrap_or_default();
        bytes
            .split(|byte| *byte == 0)
            .map(|part| String::from_utf8_lossy(part).into_owned())
            .collect()
    }

    /// Device and inode of a process's root directory. What is cached is enough: a container's own FUSE server must
    /// not be able to hold the answer back.
    fn root_of(&self, process: &str) -> Option<(u32, u32, u64)> {
        let stat = statx(
            rustix::fs::CWD,
            self.root.join(process).join("root"),
            AtFlags::STATX_DONT_SYNC,
            StatxFlags::INO,
        )
        .ok()?;
        Some((stat.stx_dev_major, stat.stx_dev_minor, stat.stx_ino))
    }

    /// Whether the mount at a process's root is of the superblock with the kernel's device number `dev`.
    pub(crate) fn has_root_device(&self, pid: u32, dev: u32) -> bool {
        self.read(pid, "mountinfo", MOUNTINFO_BYTES_MAX)
            .and_then(|bytes| root_mount(&bytes))
            .is_some_and(|mount| mount.has_device(dev))
    }

    /// Whether a process is the host's: in the initial pid namespace, and in the host's mount namespace or at least
    /// with the same root directory (a rootless manager has a mount namespace of its own).
    pub(crate) fn is_hosts(&self, pid: u32) -> bool {
        let (Some(own), Some(host)) = (self.namespaces(pid), self.host_namespaces()) else {
            return false;
        };
        let has_hosts_root = || {
            let host = self.root_of("1").or_else(|| self.root_of("self"));
            host.is_some() && self.root_of(&pid.to_string()) == host
        };
        own.pid == host.pid && (own.mount == host.mount || has_hosts_root())
    }

    /// The process and its ancestors, nearest first, without pid 1.
    pub(crate) fn lineage(&self, pid: u32) -> Vec<(u32, Stat)> {
        let mut lineage = Vec::new();
        let mut next = pid;
        while next > 1 && lineage.len() < ANCESTORS_MAX {
            let Some(stat) = self.stat(next) else { break };
            let parent = stat.parent;
            lineage.push((next, stat));
            next = parent;
        }
        lineage
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SLEEP: &[u8] = b"11363 (sleep) S 11352 11363 11363 0 -1 4194560 1153 0 0 0 2 0 0 0 20 0 1 0 216537 \
        2322432 316 18446744073709551615 4198400 5785993 140724868857936 0 0 0 0 0 0 1 0 0 17 0 0 0 0 0 0\n";

    #[test]
    fn a_stat_line_is_parsed() {
        let stat = parse_stat(SLEEP).expect("a stat line");
        assert_eq!(stat.comm, b"sleep");
        assert_eq!((stat.parent, stat.start_ticks), (11352, 216_537));
    }

    #[test]
    fn a_name_cannot_forge_fields() {
        let line = String::from_utf8_lossy(SLEEP).replace("(sleep)", "(x) S 1 1 (y)");
        let stat = parse_stat(line.as_bytes()).expect("a stat line");
        assert_eq!(stat.comm, b"x) S 1 1 (y");
        assert_eq!(stat.parent, 11352);
    }

    #[test]
    fn a_pid_with_another_start_is_another_process() {
        let proc = Proc::new(Path::new("/proc"));
        let pid = std::process::id();
        let start_ticks = proc.stat(pid).expect("own stat").start_ticks;
        let key = |ticks: u64| ProcessKey {
            pid,
            start_ns: ticks * 10_000_000 + 9_999_999,
        };
        assert!(proc.is_alive(key(start_ticks)));
        assert!(!proc.is_alive(key(start_ticks + 1)));
    }

    #[test]
    fn namespace_links_are_parsed() {
        assert_eq!(parse_namespace(b"mnt:[4026532177]"), Some(4_026_532_177));
        assert_eq!(parse_namespace(b"mnt:[x]"), None);
        assert_eq!(parse_namespace(b""), None);
    }

    #[test]
    fn files_beyond_the_bound_and_directories_are_refused() {
        let dir = crate::test_dir::TestDir::new("read");
        let path = dir.path().join("f");
        std::fs::write(&path, "12345").expect("write");
        assert_eq!(read_whole(&path, 5).expect("whole"), b"12345");
        assert!(matches!(
            read_whole(&path, 4),
            Err(ReadError::TooLarge { max: 4 })
        ));
        assert!(matches!(
            read_whole(dir.path(), 4),
            Err(ReadError::NotRegular)
        ));
    }

    proptest! {
        #[test]
        fn no_input_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            parse_stat(&bytes);
            parse_namespace(&bytes);
        }
    }
}
