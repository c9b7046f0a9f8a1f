//! Every bound of scanning on a node, with its unit and the attack or accident it stops.

use std::time::Duration;

/// Files that wait in each of the three queues. Stops a storm of new files from taking the node's memory.
pub(super) const QUEUE_MAX: usize = 1024;

/// Waiting files that are held open. Stops a storm from taking every descriptor of the process; files beyond it are
/// looked for when their turn comes.
pub(super) const HELD_MAX: usize = 128;

/// Contents whose findings are remembered by digest.
pub(super) const CONTENTS_MAX: usize = 8192;

/// Containers of which processes are remembered, as other ways to their root directory.
pub(super) const CONTAINERS_MAX: usize = 1024;

/// Bytes of a file that is scanned; larger ones are told as a gap. Stops a sparse or endless file.
pub(super) const FILE_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// Bytes of a program of which a TLSH digest is made.
pub(super) const FUZZY_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Images that wait to be scanned.
pub(super) const IMAGES_WAITING_MAX: usize = 64;

/// Images remembered as scanned.
pub(super) const IMAGES_MAX: usize = 1024;

/// Files scanned of one image.
pub(super) const IMAGE_FILES_MAX: u64 = 50_000;

/// Time that one slice of walking an image takes between two looks at what is more urgent.
pub(super) const IMAGE_SLICE: Duration = Duration::from_millis(20);

/// Libraries of one program that are scanned with it.
pub(super) const LIBRARIES_MAX: usize = 128;

/// Bytes of `/proc/PID/maps`. The kernel allows 65,530 mappings of one process.
pub(super) const MAPS_BYTES_MAX: u64 = 1024 * 1024;

/// Time that stopping may take. A worker that hangs in a file system beyond it is left to the end of the process.
pub(super) const STOP_TIME_MAX: Duration = Duration::from_millis(900);
