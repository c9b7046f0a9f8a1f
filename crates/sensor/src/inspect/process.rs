//! One process in /proc, whoever gets its pid next.

use super::limits::{ARGUMENTS_BYTES_MAX, STAT_BYTES_MAX};
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags, openat};
use std::path::Path;
use yagura_event::ProcessKey;

/// Length of a clock tick of /proc in nanoseconds.
///
/// Source: `USER_HZ`, include/asm-generic/param.h, Linux 6.1.
const TICK_NS: u64 = 10_000_000;

/// A process's directory in /proc. The descriptor belongs to the process rather than to its number: once the process
/// has been reaped, everything below answers `ESRCH`, also when the number is used again.
#[derive(Debug)]
pub(crate) struct Process {
    directory: OwnedFd,
}

impl Process {
    /// Opens a process if it is still the one meant.
    pub(crate) fn open(proc_root: &Path, key: ProcessKey) -> Option<Process> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let path = proc_root.join(key.pid.to_string());
        let directory = rustix::fs::open(path, flags, Mode::empty()).ok()?;
        let process = Process { directory };
        let ticks = process.start_ticks()?;
        // Time namespaces shift what /proc shows, with a rounding of their own.
        (ticks.abs_diff(key.start_ns / TICK_NS) <= 1).then_some(process)
    }

    /// The directory in /proc.
    pub(crate) fn directory(&self) -> &OwnedFd {
        &self.directory
    }

    /// Finds what a link of the process leads to, such as `exe`, `root` or `fd/3`, without opening it.
    ///
    /// # Errors
    /// Whatever open(2) says.
    pub(crate) fn link(&self, name: &str) -> rustix::io::Result<OwnedFd> {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        openat(&self.directory, name, flags, Mode::empty())
    }

    /// Reads the arguments of the program that it runs now, each ended by a zero byte, as many as fit.
    pub(crate) fn arguments(&self) -> Option<Vec<u8>> {
        let mut buffer = [0; ARGUMENTS_BYTES_MAX];
        let length = self.read("cmdline", &mut buffer)?;
        buffer.get(..length).map(<[u8]>::to_vec)
    }

    fn start_ticks(&self) -> Option<u64> {
        let mut buffer = [0; STAT_BYTES_MAX];
        let length = self.read("stat", &mut buffer)?;
        start_ticks(buffer.get(..length)?)
    }

    fn read(&self, name: &str, buffer: &mut [u8]) -> Option<usize> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = openat(&self.directory, name, flags, Mode::empty()).ok()?;
        rustix::io::read(&file, buffer).ok()
    }
}

/// Start time in a line of /proc/PID/stat. The name may hold parentheses and spaces, so fields are counted from its end.
///
/// Source: proc_pid_stat(5), field 22.
fn start_ticks(stat: &[u8]) -> Option<u64> {
    let name_end = stat.iter().rposition(|byte| *byte == b')')?;
    let fields = std::str::from_utf8(stat.get(name_end + 1..)?).ok()?;
    fields.split_ascii_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Key of a living process.
    pub(in super::super) fn key_of(pid: u32) -> ProcessKey {
        let stat = std::fs::read(format!("/proc/{pid}/stat")).expect("stat");
        ProcessKey {
            pid,
            start_ns: start_ticks(&stat).expect("start") * TICK_NS + TICK_NS / 2,
        }
    }

    #[test]
    fn a_name_cannot_forge_the_start_time() {
        let line = b"7 (x) S 1 1 (y) S 1 7 7 0 -1 4194560 1 0 0 0 2 0 0 0 20 0 1 0 216537 2322432";
        assert_eq!(start_ticks(line), Some(216_537));
    }

    #[test]
    fn a_pid_with_another_start_is_another_process() {
        let own = key_of(std::process::id());
        let at = |start_ns| {
            let key = ProcessKey { start_ns, ..own };
            Process::open(Path::new("/proc"), key).is_some()
        };
        assert!(at(own.start_ns));
        assert!(at(own.start_ns + TICK_NS));
        assert!(!at(own.start_ns + 2 * TICK_NS));
        assert!(!at(own.start_ns - 2 * TICK_NS));
    }

    #[test]
    fn a_reaped_process_stays_gone() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .expect("sleep");
        let process = Process::open(Path::new("/proc"), key_of(child.id())).expect("process");
        assert!(process.link("exe").is_ok());
        child.kill().expect("kill");
        child.wait().expect("wait");
        assert!(process.link("exe").is_err());
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            start_ticks(&bytes);
        }
    }
}
