//! File systems that the kernel's interfaces need, mounted where nobody else sees them.

use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use std::path::Path;

/// Where libbpf looks for tracepoints.
const TRACEFS: &str = "/sys/kernel/tracing";

/// Where pins are.
const BPFFS: &str = "/sys/fs/bpf";

/// Why tracefs could not be made available.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// The thread could not get a mount namespace of its own.
    #[error("mount namespace cannot be made")]
    Namespace(#[source] rustix::io::Errno),
    /// Mounts could not be kept from spreading to the host.
    #[error("mounts cannot be made private")]
    Propagation(#[source] rustix::io::Errno),
    /// The mount failed.
    #[error("tracefs cannot be mounted on {TRACEFS}")]
    Mount(#[source] rustix::io::Errno),
    /// The file system for pins could not be mounted.
    #[error("BPF file system cannot be mounted on {BPFFS}")]
    MountBpf(#[source] rustix::io::Errno),
}

/// Makes tracefs available to the calling thread and the threads it starts later. Where the host has not mounted it, the
/// thread gets a mount namespace of its own for it, into which the host's later mounts still come. Nothing is left
/// behind when the thread ends.
///
/// # Errors
/// If the rights for it are missing.
pub fn ensure_tracefs() -> Result<(), MountError> {
    if Path::new(TRACEFS).join("events").exists() {
        return Ok(());
    }
    private_namespace()?;
    mount_change(
        "/",
        MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC,
    )
    .map_err(MountError::Propagation)?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("tracefs", TRACEFS, "tracefs", flags, None).map_err(MountError::Mount)
}

/// Makes the file system for pins available in the mount namespace of the calling thread, as the host's init system does
/// where it is told to. To be called before [`ensure_tracefs`]: what is pinned in a namespace of one's own goes with it.
///
/// # Errors
/// If the rights for it are missing.
pub fn ensure_bpffs() -> Result<(), MountError> {
    /// `BPF_FS_MAGIC` (include/uapi/linux/magic.h).
    const MAGIC: u64 = 0xcafe_4a11;
    let is_mounted =
        rustix::fs::statfs(BPFFS).is_ok_and(|found| u64::try_from(found.f_type) == Ok(MAGIC));
    if is_mounted {
        return Ok(());
    }
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("bpf", BPFFS, "bpf", flags, Some(c"mode=0700")).map_err(MountError::MountBpf)
}

#[expect(
    unsafe_code,
    reason = "leaving a shared mount namespace is unsafe in rustix"
)]
fn private_namespace() -> Result<(), MountError> {
    // SAFETY: NEWNS takes this thread's view of mounts, root and working directory out of what it shares with the
    // other threads. Nothing here relies on sharing them: no thread changes its root or working directory, and
    // descriptors stay shared.
    unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNS) }
        .map_err(MountError::Namespace)
}
