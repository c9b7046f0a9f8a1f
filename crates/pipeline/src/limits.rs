//! Every bound of the pipeline, with its unit and the attack or accident it stops.

/// Programs remembered, live and ended. Stops a fork or exec storm from taking the node's memory: at most about
/// 100 MiB if every path is as long as it may be, about 12 MiB in practice.
pub(crate) const PROGRAMS_MAX: usize = 32_768;

/// Ancestors looked up for one alert. Stops a chain of execs from making one alert arbitrarily large.
pub(crate) const ANCESTORS_MAX: usize = 32;

/// Bytes of arguments kept of one program. Stops 2 MiB argument lists from being kept 32,768 times.
pub(crate) const ARGV_BYTES_MAX: usize = 1024;

/// Bytes of environment names kept of one program.
pub(crate) const ENVIRONMENT_BYTES_MAX: usize = 1024;

/// Bytes of the executable's path, and of the path given to execve, kept of one program.
pub(crate) const PROGRAM_PATH_BYTES_MAX: usize = 1024;

/// Bytes of the working directory kept of one program.
pub(crate) const CWD_BYTES_MAX: usize = 512;

/// Containers remembered. Stops a loop of container starts from taking the node's memory.
pub(crate) const CONTAINERS_MAX: usize = 4096;

/// Nanoseconds by which the change time of a file can lag behind the clock: one tick of the slowest kernel (HZ=100).
/// Stops a program written in the container's first moments from passing for one of its image.
pub(crate) const FILE_CLOCK_LAG_NS: i64 = 10_000_000;

/// Containers with running processes that make room at once when there are none without.
pub(crate) const LIVE_CONTAINERS_BATCH: usize = 64;

/// Nanoseconds that a container is remembered after its last process ended: facts and events may still be on
/// their way, and its writers may be named by an alert of another container.
pub(crate) const CONTAINER_GRACE_NS: u64 = 60_000_000_000;

/// Nanoseconds between two searches for ended containers; one search looks at every process once.
pub(crate) const SWEEP_INTERVAL_NS: u64 = 10_000_000_000;

/// Entries taken from a container's password file. Stops a huge file from being kept.
pub(crate) const USERS_MAX: usize = 512;

/// Bytes of a user's name taken from a container's password file.
pub(crate) const USER_NAME_BYTES_MAX: usize = 64;

/// Files that a runtime can say it placed in a container.
pub(crate) const RUNTIME_FILES_MAX: usize = 64;

/// Candidates that wait for an inspection or for metadata. Stops a storm of drifted programs from taking the
/// node's memory; the oldest is judged early when one more comes.
pub(crate) const PENDING_MAX: usize = 4096;

/// Events of one container that wait for its metadata. Stops a container that starts with a storm from taking memory;
/// the oldest is judged without metadata when one more comes.
pub(crate) const WAITING_EVENTS_OF_CONTAINER_MAX: usize = 2048;

/// Events of all containers that wait for metadata.
pub(crate) const WAITING_EVENTS_MAX: usize = 32_768;

/// Events that wait for their program's file to be read. Later ones are judged without waiting.
pub(crate) const UNDECIDED_EVENTS_MAX: usize = 4096;

/// Files found to be the image's by reading them, remembered so that each is read once.
pub(crate) const IMAGE_FILES_MAX: usize = 8192;

/// Mapped and opened files remembered so that each counts once per program.
pub(crate) const SEEN_FILES_MAX: usize = 16_384;

/// Contents remembered with what scanning them said. Stops a container that writes without pause from filling memory;
/// what was forgotten is scanned again.
pub(crate) const SCANNED_FILES_MAX: usize = 16_384;

/// Files that wait for the scanner. Stops a storm of new files; those beyond it are counted and not scanned.
pub(crate) const SCANS_PENDING_MAX: usize = 4096;

/// Written files remembered by path, so that one that is renamed afterwards is known. Stops a container that writes
/// without pause from filling memory: at most about 20 MiB if every path is as long as it may be.
pub(crate) const WRITTEN_FILES_MAX: usize = 4096;

/// Uses of one file that wait for the same answer of the scanner.
pub(crate) const SCAN_USES_MAX: usize = 16;

/// Processes that an alert names as having run a file.
pub(crate) const RUN_BY_MAX: usize = 16;

/// Running drifted programs that are watched for the deletion of their file.
pub(crate) const WATCHED_MAX: usize = 1024;

/// Watched programs looked at in one tick. Stops many of them from filling the inspector's queue.
pub(crate) const WATCH_BATCH: usize = 32;

/// Nanoseconds between two looks at a program that was found drifted a short time ago.
pub(crate) const WATCH_SOON_NS: u64 = 500_000_000;

/// Nanoseconds between two looks at a program that was found drifted a while ago.
pub(crate) const WATCH_LATER_NS: u64 = 5_000_000_000;

/// Nanoseconds after which a watched program is looked at less often.
pub(crate) const WATCH_SOON_FOR_NS: u64 = 10_000_000_000;

/// Bytes of one hostile text in an explanation, before escaping.
pub(crate) const EXPLAINED_BYTES_MAX: usize = 256;

/// Arguments of an interpreter that are handed on to be resolved against a file. Stops an argument list of
/// thousands from costing as many path look-ups.
pub(crate) const SCRIPT_ARGUMENTS_MAX: usize = 16;

/// Bytes of one path in an alert. Paths longer than the kernel's own PATH_MAX do not exist.
pub(crate) const PATH_BYTES_MAX: usize = 4096;

const _: () = {
    assert!(
        2 * ARGV_BYTES_MAX + ENVIRONMENT_BYTES_MAX + 2 * PROGRAM_PATH_BYTES_MAX + CWD_BYTES_MAX
            < u16::MAX as usize
    );
    assert!(WATCH_BATCH <= WATCHED_MAX);
    assert!(SWEEP_INTERVAL_NS < CONTAINER_GRACE_NS);
};

/// Files remembered that processes were ended for. Stops a loop of denied executions from filling memory.
pub(crate) const DENIED_FILES_MAX: usize = 4096;

/// Nanoseconds from the start of a program that a rule blocks until word that the kernel has ended it is waited for no
/// more: both records are made within microseconds, by programs of two objects.
pub(crate) const END_WAIT_NS: u64 = 10_000_000;
