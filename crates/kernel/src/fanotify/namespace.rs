//! Mount namespaces, told apart by the inodes that stand for them.

use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
use rustix::io::Errno;
use std::os::fd::{AsFd, OwnedFd};

/// Why a mount namespace is not a container's.
#[derive(Debug, thiserror::Error)]
pub enum NamespaceError {
    /// The kernel does not tell.
    #[error("mount namespace cannot be looked up")]
    Unknown(#[source] Errno),
    /// It is the one that the host's programs run in, or the sensor's.
    #[error("mount namespace is the host's")]
    Host,
}

/// A mount namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MountNamespace {
    device: (u32, u32),
    inode: u64,
}

impl MountNamespace {
    /// Looks up that of a process, given by its folder in /proc, which must not be the host's.
    pub(super) fn of_container(process: &OwnedFd) -> Result<MountNamespace, NamespaceError> {
        let found = look_up(process, "ns/mnt").map_err(NamespaceError::Unknown)?;
        let host = MountNamespace::of_host().map_err(NamespaceError::Unknown)?;
        if host.contains(&found) {
            return Err(NamespaceError::Host);
        }
        Ok(found)
    }

    /// Looks up that of a process.
    pub(super) fn of_pid(pid: u32) -> Result<MountNamespace, Errno> {
        look_up(CWD, &format!("/proc/{pid}/ns/mnt"))
    }

    /// Looks up those of this process, of this thread, which may have one of its own, and of the first process, unless
    /// that has rights that this one lacks and is closed to it.
    pub(super) fn of_host() -> Result<Vec<MountNamespace>, Errno> {
        let own = ["/proc/self/ns/mnt", "/proc/thread-self/ns/mnt"];
        let mut host = own
            .into_iter()
            .map(|path| look_up(CWD, path))
            .collect::<Result<Vec<_>, _>>()?;
        host.extend(MountNamespace::of_pid(1));
        Ok(host)
    }

    /// The inode number, as the kernel's records have it.
    pub(super) fn number(self) -> u32 {
        // The kernel numbers namespaces in 32 bits (`ns_common.inum`).
        u32::try_from(self.inode).unwrap_or_default()
    }
}

fn look_up(folder: impl AsFd, path: &str) -> Result<MountNamespace, Errno> {
    let found = statx(folder, path, AtFlags::empty(), StatxFlags::INO)?;
    Ok(MountNamespace {
        device: (found.stx_dev_major, found.stx_dev_minor),
        inode: found.stx_ino,
    })
}
