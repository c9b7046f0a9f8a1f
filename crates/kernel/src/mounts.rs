//! File systems that the kernel's interfaces need, mounted where nobody else sees them.

use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use std::path::Path;

/// Where libbpf looks for tracepoints.
const TRACEFS: &str = "/sys/kernel/tracing";

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
