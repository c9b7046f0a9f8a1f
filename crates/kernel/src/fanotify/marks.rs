//! Which of a container's mounts are marked, and how.

use super::group::{Change, Group, Scope};
use super::mountinfo::{self, Mount, TABLE_BYTES_MAX};
use super::namespace::{MountNamespace, NamespaceError};
use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, StatxFlags, open, openat, openat2, statx};
use std::collections::HashSet;
use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use yagura_event::Text;

/// File systems from which nothing can be executed.
const INERT: [&[u8]; 15] = [
    b"proc",
    b"sysfs",
    b"cgroup",
    b"cgroup2",
    b"devpts",
    b"mqueue",
    b"bpf",
    b"debugfs",
    b"tracefs",
    b"securityfs",
    b"configfs",
    b"pstore",
    b"efivarfs",
    b"nsfs",
    b"binfmt_misc",
];

/// What was marked of a container, or unmarked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Marked {
    /// Inode number of the mount namespace whose mounts these are.
    pub mount_namespace: u32,
    /// File systems of the container's own, marked whole.
    pub file_systems: usize,
    /// Mounts of file systems that others use as well.
    pub mounts: usize,
    /// Mounts from which programs run unasked.
    pub left_out: Vec<LeftOut>,
    /// Whether there are more mounts than are looked at (1,024, or 1 MiB of table).
    pub is_truncated: bool,
}

/// A mount from which programs run unasked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Where it is in the container.
    pub point: Text,
    /// Why it is not marked.
    pub reason: LeftOutReason,
}

/// Why a mount is not marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftOutReason {
    /// A program serves it (FUSE, autofs), or a mount above it: it could keep the sensor waiting.
    ServedByProgram,
    /// No path leads to it: another mount covers it, or it is gone.
    Unreachable,
    /// The kernel refused, with this error number.
    Refused(i32),
}

/// Why a container's mounts could not be marked.
#[derive(Debug, thiserror::Error)]
pub enum MarkError {
    /// The process's mount namespace is unknown or the host's.
    #[error("mounts of process {pid} are not marked")]
    Namespace {
        /// The process.
        pid: u32,
        /// Why.
        source: NamespaceError,
    },
    /// A table of mounts could not be read.
    #[error("mounts of process {pid} cannot be read")]
    Mounts {
        /// The process.
        pid: u32,
        /// What the kernel said.
        source: io::Error,
    },
    /// The process's root directory could not be opened.
    #[error("root directory of process {pid} cannot be opened")]
    Root {
        /// The process.
        pid: u32,
        /// What the kernel said.
        source: io::Error,
    },
}

/// Marks the mounts that a process sees, or takes their marks away.
pub(super) fn change(group: &Group, change: Change, pid: u32) -> Result<Marked, MarkError> {
    // What is opened through this descriptor is this process's, or fails once it has ended.
    let process = open_process(pid).map_err(|source| MarkError::Root { pid, source })?;
    let namespace = MountNamespace::of_container(&process)
        .map_err(|source| MarkError::Namespace { pid, source })?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = openat(&process, "root", flags, Mode::empty()).map_err(|error| MarkError::Root {
        pid,
        source: error.into(),
    })?;
    let table = read_table(&process).map_err(|source| MarkError::Mounts { pid, source })?;
    let host = Host::read().map_err(|source| MarkError::Mounts { pid: 1, source })?;
    let (mounts, is_truncated) = mountinfo::parse(&table);
    // The first process's namespace may be closed to this one; its mounts are not, and no mount is in two namespaces.
    if mounts.iter().any(|mount| host.mounts.contains(&mount.id)) {
        let source = NamespaceError::Host;
        return Err(MarkError::Namespace { pid, source });
    }
    let mut marked = Marked {
        mount_namespace: namespace.number(),
        is_truncated: is_truncated || table.len() as u64 == TABLE_BYTES_MAX,
        ..Marked::default()
    };
    for (mount, is_served) in mounts.iter().zip(mountinfo::served_by_programs(&mounts)) {
        let Some(scope) = scope_of(mount, &host) else {
            continue;
        };
        let result = if is_served {
            Err(LeftOutReason::ServedByProgram)
        } else {
            mark_one(group, change, scope, &root, mount)
        };
        match (result, scope) {
            (Ok(()), Scope::FileSystem) => marked.file_systems += 1,
            (Ok(()), Scope::Mount) => marked.mounts += 1,
            (Err(reason), _) => marked.left_out.push(LeftOut {
                point: Text::from(mount.point.as_slice()),
                reason,
            }),
        }
    }
    Ok(marked)
}

fn open_process(pid: u32) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(open(format!("/proc/{pid}"), flags, Mode::empty())?)
}

fn read_table(process: &OwnedFd) -> io::Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let file = File::from(openat(process, "mountinfo", flags, Mode::empty())?);
    let mut table = Vec::new();
    file.take(TABLE_BYTES_MAX).read_to_end(&mut table)?;
    Ok(table)
}

/// What the host has mounted.
#[derive(Default)]
struct Host {
    /// Numbers of its mounts.
    mounts: HashSet<u64>,
    /// Device numbers of its file systems.
    mounted: HashSet<(u32, u32)>,
    /// Those of its root directories.
    roots: HashSet<(u32, u32)>,
}

impl Host {
    /// Reads the mounts of the first process and of this one, which may have a mount namespace of its own.
    fn read() -> io::Result<Host> {
        let mut host = Host::default();
        for pid in [1, std::process::id()] {
            let (mounts, _) = mountinfo::parse(&read_table(&open_process(pid)?)?);
            for mount in mounts {
                host.mounts.insert(mount.id);
                host.mounted.insert(mount.device);
                if mount.point == b"/" {
                    host.roots.insert(mount.device);
                }
            }
        }
        Ok(host)
    }
}

/// How a mount is marked; `None` if nothing can be executed from it. A whole file system is marked only if it is the
/// container's own, since the host's programs would be asked about as well.
fn scope_of(mount: &Mount, host: &Host) -> Option<Scope> {
    if INERT.contains(&mount.kind.as_slice()) {
        return None;
    }
    let is_own = match mount.kind.as_slice() {
        // The runtime has it mounted on the host as well. Part of an overlay is a folder of somebody's.
        b"overlay" => mount.root == b"/" && !host.roots.contains(&mount.device),
        b"tmpfs" | b"ramfs" => !host.mounted.contains(&mount.device),
        _ => false,
    };
    Some(if is_own {
        Scope::FileSystem
    } else {
        Scope::Mount
    })
}

fn mark_one(
    group: &Group,
    change: Change,
    scope: Scope,
    root: &OwnedFd,
    mount: &Mount,
) -> Result<(), LeftOutReason> {
    let refused = |error: io::Error| LeftOutReason::Refused(error.raw_os_error().unwrap_or(0));
    // The container may put a link to a place of the host's where the table has a folder.
    let flags = OFlags::PATH | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let place = openat2(root, mount.point.as_slice(), flags, Mode::empty(), resolve)
        .map_err(|_| LeftOutReason::Unreachable)?;
    let found = statx(
        &place,
        "",
        AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC,
        StatxFlags::MNT_ID,
    )
    .map_err(|error| refused(error.into()))?;
    if found.stx_mnt_id != mount.id {
        return Err(LeftOutReason::Unreachable);
    }
    let path = format!("/proc/self/fd/{}", place.as_raw_fd());
    let path = CString::new(path).map_err(|_| LeftOutReason::Unreachable)?;
    match group.mark(change, scope, &path) {
        // Taken away already: the same file system may be mounted twice.
        Err(error) if change == Change::Remove && error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result.map_err(refused),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(kind: &str, root: &str, minor: u32) -> Mount {
        Mount {
            id: 9,
            parent: 1,
            device: (0, minor),
            root: root.as_bytes().to_vec(),
            point: b"/x".to_vec(),
            kind: kind.as_bytes().to_vec(),
        }
    }

    #[test]
    fn only_a_container_s_own_file_system_is_marked_whole() {
        let host = Host {
            mounted: HashSet::from([(0, 1), (0, 2), (0, 3)]),
            roots: HashSet::from([(0, 1)]),
            ..Host::default()
        };
        let scope = |kind, root, minor| scope_of(&mount(kind, root, minor), &host);
        assert_eq!(scope("overlay", "/", 2), Some(Scope::FileSystem));
        assert_eq!(scope("overlay", "/", 1), Some(Scope::Mount), "the host's");
        assert_eq!(scope("overlay", "/sub", 2), Some(Scope::Mount), "a folder");
        assert_eq!(scope("tmpfs", "/", 4), Some(Scope::FileSystem));
        assert_eq!(scope("tmpfs", "/", 3), Some(Scope::Mount), "the host's");
        assert_eq!(scope("ext4", "/", 4), Some(Scope::Mount));
        assert_eq!(scope("proc", "/", 4), None);
    }
}
