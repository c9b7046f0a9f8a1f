//! Every bound of the inspector, with its unit and the attack or accident it stops.

use std::time::Duration;

/// Bytes of a file that are hashed, unless configured otherwise. Stops a sparse or endless file from keeping the
/// worker busy.
pub(super) const HASH_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// Time that hashing one file may take. Stops a slow disk or network file system from holding up everything behind it.
pub(super) const HASH_TIME_MAX: Duration = Duration::from_secs(10);

/// Bytes read at once.
pub(super) const READ_BYTES: usize = 64 * 1024;

/// Bytes of the content that an answer carries.
pub(super) const HEAD_BYTES: usize = 64;

/// Digests remembered of files in containers, and as many of files in image layers.
pub(super) const DIGESTS_MAX: usize = 4096;

/// A file changed less than this long ago is hashed again each time: file systems stamp changes with a clock as coarse
/// as a timer tick, so a later write may carry the same change time.
pub(super) const SETTLED_AFTER: Duration = Duration::from_secs(1);

/// Requests that wait, unless configured otherwise. Stops a storm of drifted programs from taking the node's memory.
pub(super) const QUEUE_MAX: usize = 1024;

/// Requests of processes that are kept from running. More are not asked for: their processes are ended.
pub(super) const URGENT_MAX: usize = 256;

/// Waiting requests for which descriptors are held, three each at most. Stops a storm from taking every descriptor of
/// the process; requests beyond it look for their file when their turn comes.
pub(super) const HELD_MAX: usize = 128;

/// Containers that were met and wait to be noted. Stops a storm of container starts.
pub(super) const NOTES_MAX: usize = 1024;

/// Descriptors of a process that are searched for the file. Stops a process with a million of them.
pub(super) const DESCRIPTORS_MAX: usize = 256;

/// Mappings of a process that are searched for the file. The kernel allows 65,530.
pub(super) const MAPPINGS_MAX: usize = 4096;

/// Bytes of a running program's arguments. As many as a record of the kernel side holds: a process may pass megabytes.
pub(super) const ARGUMENTS_BYTES_MAX: usize = 4096;

/// Bytes of `/proc/PID/stat`; the name in it is at most 64 bytes, its fifty numbers at most 20 each.
pub(super) const STAT_BYTES_MAX: usize = 2048;

/// Containers of which processes are remembered, as other ways to their root directory.
pub(super) const CONTAINERS_MAX: usize = 1024;

/// Processes remembered of one container.
pub(super) const PROCESSES_MAX: usize = 4;

/// Arguments of one request that are resolved. Stops an argument list of thousands from costing as many look-ups.
pub(super) const ARGUMENTS_MAX: usize = 16;

/// Bytes of a path; the kernel takes none longer.
pub(super) const PATH_BYTES_MAX: usize = 4096;

/// Attempts at one path look-up that the kernel broke off since something was renamed meanwhile. Stops a container
/// that renames directories without pause.
pub(super) const LOOKUPS_MAX: usize = 8;

/// Bytes of an ELF program header table. The kernel refuses to run a program with a larger one.
pub(super) const PROGRAM_HEADERS_BYTES_MAX: u64 = 64 * 1024;

/// Bytes of an ELF dynamic section that are searched; real ones have a few dozen entries of 16 bytes.
pub(super) const DYNAMIC_BYTES_MAX: u64 = 64 * 1024;

/// Directory entries visited by one walk. Stops an image or a container with millions of files.
pub(super) const WALK_ENTRIES_MAX: usize = 200_000;

/// Time that one walk may take in all.
pub(super) const WALK_TIME_MAX: Duration = Duration::from_secs(10);

/// Time for which requests wait for one walk in all; the rest is walked while nothing else is to be done. Well below
/// the two seconds that an alert waits for its file to be read, and not spent again by each of a storm of requests.
pub(super) const WALK_WAIT_MAX: Duration = Duration::from_secs(1);

/// Time that one slice of a walk, or of hashing what it found, takes while nothing else is to be done: the longest that it keeps a request waiting.
pub(super) const WALK_SLICE: Duration = Duration::from_millis(20);

/// Bytes of paths of directories that one walk may keep for later. Stops a tree of deep directories with long names.
pub(super) const WALK_PATH_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Images whose files are indexed at once.
pub(super) const IMAGES_MAX: usize = 8;

/// Bytes of paths kept of one image's executables and libraries.
pub(super) const IMAGE_PATH_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Image files of the same size that are compared by content.
pub(super) const CANDIDATES_MAX: usize = 16;

/// Containers with a plain root directory whose files are known.
pub(super) const BASELINES_MAX: usize = 64;

/// Files of one plain root directory that are known by path and inode.
pub(super) const BASELINE_FILES_MAX: usize = 50_000;

/// Executables and libraries of one plain root directory that are known with their paths, and as many scripts.
pub(super) const BASELINE_PROGRAMS_MAX: usize = 10_000;

/// Bytes of paths kept of the executables and libraries of one plain root directory, and as many of its scripts.
pub(super) const BASELINE_PATH_BYTES_MAX: usize = 1024 * 1024;

/// Bytes hashed of the files of one plain root directory, the smallest files first. Stops images of many gigabytes
/// from keeping a processor and the disk busy at every start.
pub(super) const BASELINE_HASH_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// Bytes of a file that may be a script by nothing but its name.
pub(super) const SCRIPT_BYTES_MAX: u64 = 64 * 1024;

/// How long ago a container must have begun to count as older than the sensor's look at it.
pub(super) const OLDER_AFTER: Duration = Duration::from_secs(10);

/// Time that stopping may take. A worker that hangs in a file system beyond it is left to the end of the process.
pub(super) const STOP_TIME_MAX: Duration = Duration::from_millis(900);
