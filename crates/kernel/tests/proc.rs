//! What /proc and stat(2) say of a process and a file: the other witness.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use yagura_event::{FileFacts, StreamKind};

/// Nanoseconds of a clock tick (USER_HZ), in which /proc tells start times.
const TICK_NS: u64 = 10_000_000;

/// A process as /proc shows it.
pub(crate) struct Proc {
    dir: PathBuf,
    /// The fields of `stat` behind the name, from the third on.
    stat: Vec<i64>,
    status: String,
}

impl Proc {
    pub(crate) fn of(pid: u32) -> Proc {
        let dir = PathBuf::from(format!("/proc/{pid}"));
        let stat = fs::read_to_string(dir.join("stat")).unwrap();
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        let stat = fields
            .split_whitespace()
            .map(|field| field.parse().unwrap_or_default())
            .collect();
        let status = fs::read_to_string(dir.join("status")).unwrap();
        Proc { dir, stat, status }
    }

    pub(crate) fn parent(&self) -> u32 {
        self.stat[1].try_into().unwrap()
    }

    pub(crate) fn session(&self) -> u32 {
        self.stat[3].try_into().unwrap()
    }

    pub(crate) fn process_group(&self) -> u32 {
        self.stat[2].try_into().unwrap()
    }

    pub(crate) fn tty(&self) -> u32 {
        self.stat[4].try_into().unwrap()
    }

    /// The name that the kernel has given the process.
    pub(crate) fn name(&self) -> String {
        let text = fs::read_to_string(self.dir.join("comm")).unwrap();
        text.trim_end().to_owned()
    }

    /// What a descriptor leads to: kind and number.
    pub(crate) fn stream(&self, fd: u32) -> (StreamKind, u64) {
        let stat = fs::metadata(self.dir.join("fd").join(fd.to_string())).unwrap();
        let kind = stat.file_type();
        if kind.is_fifo() {
            (StreamKind::Pipe, stat.ino())
        } else if kind.is_socket() {
            (StreamKind::Socket, stat.ino())
        } else if kind.is_file() {
            (StreamKind::File, stat.ino())
        } else if kind.is_char_device() && (136..144).contains(&(stat.rdev() >> 8)) {
            (StreamKind::Terminal, stat.rdev())
        } else {
            (StreamKind::Other, stat.ino())
        }
    }

    /// The names of its variables when it began.
    pub(crate) fn variables(&self) -> Vec<String> {
        let block = fs::read(self.dir.join("environ")).unwrap();
        let variables = block
            .split(|&byte| byte == 0)
            .filter(|text| !text.is_empty());
        let name = |text: &[u8]| text.split(|&byte| byte == b'=').next().unwrap().to_vec();
        variables
            .map(|text| String::from_utf8(name(text)).unwrap())
            .collect()
    }

    /// Whether this is the process's start, as far as clock ticks tell.
    pub(crate) fn started_at(&self, start_ns: u64) -> bool {
        u64::try_from(self.stat[19]).unwrap() == start_ns / TICK_NS
    }

    /// The words of a line of `status`.
    pub(crate) fn status(&self, name: &str) -> Vec<&str> {
        let line = self.status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap()
            .trim_start_matches(':')
            .split_whitespace()
            .collect()
    }

    pub(crate) fn namespace(&self, kind: &str) -> u32 {
        let inode = fs::metadata(self.dir.join("ns").join(kind)).unwrap().ino();
        inode.try_into().unwrap()
    }

    pub(crate) fn login_uid(&self) -> u32 {
        let text = fs::read_to_string(self.dir.join("loginuid"));
        text.map_or(u32::MAX, |text| text.trim().parse().unwrap())
    }

    /// The inode number of its directory in the hierarchy of version 2.
    pub(crate) fn cgroup(&self) -> u64 {
        let lines = fs::read_to_string(self.dir.join("cgroup")).unwrap();
        let path = lines
            .lines()
            .find_map(|line| line.strip_prefix("0::/"))
            .unwrap();
        fs::metadata(cgroup_top().join(path)).unwrap().ino()
    }

    /// A file of the process's root file system.
    pub(crate) fn root(&self, path: &str) -> PathBuf {
        self.dir.join("root").join(path.trim_start_matches('/'))
    }
}

/// Where version 2 of cgroups is mounted.
pub(crate) fn cgroup_top() -> PathBuf {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let line = mounts.lines().find(|line| line.contains(" cgroup2 "));
    PathBuf::from(line.unwrap().split_whitespace().nth(1).unwrap())
}

/// Asserts that what was reported of a file is what stat(2) says of it.
#[track_caller]
pub(crate) fn assert_is_file(reported: &FileFacts, path: &Path) {
    let stat = fs::metadata(path).unwrap();
    let magic = rustix::fs::statfs(path).unwrap().f_type;
    let facts = (
        reported.key.id.dev,
        reported.key.id.ino,
        reported.key.ctime_ns,
        reported.key.size,
        reported.mtime_ns,
        reported.mode,
        u64::from(reported.links),
        reported.uid,
        i64::from(reported.magic),
    );
    let expected = (
        kernel_dev(stat.dev()),
        stat.ino(),
        stat.ctime() * 1_000_000_000 + stat.ctime_nsec(),
        stat.size(),
        stat.mtime() * 1_000_000_000 + stat.mtime_nsec(),
        stat.mode(),
        stat.nlink(),
        stat.uid(),
        magic,
    );
    assert_eq!(facts, expected, "{} {reported:?}", path.display());
}

/// The kernel's own form of a device number (include/linux/kdev_t.h MKDEV).
pub(crate) fn kernel_dev(dev: u64) -> u32 {
    rustix::fs::major(dev) << 20 | rustix::fs::minor(dev)
}
