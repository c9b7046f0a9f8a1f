//! Bounds. Each has a unit and the mishap it stops.

use std::time::Duration;

/// Bytes of standard output, and of standard error, that are kept of a command: a chatty one must not fill memory.
pub(crate) const OUTPUT_BYTES_MAX: usize = 64 * 1024;
/// Bytes that may be given to a command as input: as much as a pipe takes without a reader, so that writing never waits.
pub(crate) const INPUT_BYTES_MAX: usize = 60 * 1024;
/// How long a runtime may take to start a container: a stuck runtime must not hang its caller.
pub(crate) const START_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a runtime may take to delete a container.
pub(crate) const DELETE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the kernel may take to end killed processes and let go of their cgroups and mounts.
pub(crate) const SETTLE_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause between two looks at something that settles.
pub(crate) const SETTLE_PAUSE: Duration = Duration::from_millis(5);
/// How long one rehearsed command may take.
pub(crate) const CASE_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a host's loader may take to list a program's libraries.
pub(crate) const LIST_TIMEOUT: Duration = Duration::from_secs(5);
/// Size in MiB of a tmpfs that holds a container's files: a rehearsal must not fill the host's memory.
pub(crate) const TMPFS_MIB_MAX: u32 = 256;
/// Size in MiB of a container's own tmpfs volumes.
pub(crate) const VOLUME_MIB_MAX: u32 = 32;
/// Bytes of a file in /proc that are read: mount tables are as long as others make them.
pub(crate) const PROC_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Bytes of one host program or library that goes into an image: an odd host must not blow it up.
pub(crate) const IMAGE_FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Depth of a cgroup tree below one container that is removed.
pub(crate) const CGROUP_DEPTH_MAX: usize = 16;
/// Bytes of a command's error text that a note quotes.
pub(crate) const NOTE_BYTES_MAX: usize = 240;
