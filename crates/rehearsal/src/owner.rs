//! Names that say who made a thing, so that what a killed run left behind can be told from what is in use.

use crate::limits::PROC_BYTES_MAX;
use std::collections::hash_map::RandomState;
use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What every name made here starts with.
pub(crate) const PREFIX: &str = "yagura-rehearsal";

/// What the names of everything start with that this process makes, and that no other running process makes.
pub fn own_prefix() -> String {
    format!("{PREFIX}-{}-", std::process::id())
}

/// A process that made something, for as long as that process lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    pid: u32,
    /// Field 22 of /proc/PID/stat: tells it from a later process with the same pid.
    start_ticks: u64,
    /// Inode of the pid namespace in which the pid means anything.
    pid_namespace: u64,
}

impl Owner {
    /// This process.
    pub(crate) fn this() -> io::Result<Owner> {
        let pid = std::process::id();
        let unreadable = || io::Error::new(io::ErrorKind::InvalidData, "/proc/self/stat");
        Ok(Owner {
            pid,
            start_ticks: start_ticks(pid)?.ok_or_else(unreadable)?,
            pid_namespace: pid_namespace()?,
        })
    }

    /// A name that no other thing has: prefix, pid, start, pid namespace, random; the numbers in hexadecimal but the pid.
    pub(crate) fn name(self) -> String {
        // Keyed from the kernel's random numbers by the standard library.
        let random = RandomState::new().build_hasher().finish();
        let Owner {
            pid,
            start_ticks,
            pid_namespace,
        } = self;
        format!("{PREFIX}-{pid}-{start_ticks:x}-{pid_namespace:x}-{random:016x}")
    }

    /// The owner that a name of ours speaks of; `None` for any other name.
    pub(crate) fn of(name: &str) -> Option<Owner> {
        let mut parts = name.strip_prefix(PREFIX)?.strip_prefix('-')?.split('-');
        let pid = parts.next()?.parse().ok()?;
        let start_ticks = u64::from_str_radix(parts.next()?, 16).ok()?;
        let pid_namespace = u64::from_str_radix(parts.next()?, 16).ok()?;
        let random = parts.next()?;
        u64::from_str_radix(random, 16).ok()?;
        (random.len() == 16 && parts.next().is_none()).then_some(Owner {
            pid,
            start_ticks,
            pid_namespace,
        })
    }

    /// Whether the process is certainly gone. In doubt (another pid namespace, an unreadable /proc) it is not.
    pub(crate) fn is_gone(self) -> bool {
        pid_namespace().is_ok_and(|namespace| namespace == self.pid_namespace)
            && start_ticks(self.pid).is_ok_and(|ticks| ticks != Some(self.start_ticks))
    }
}

fn pid_namespace() -> io::Result<u64> {
    fs::metadata("/proc/self/ns/pid").map(|namespace| namespace.ino())
}

/// Start of a process in clock ticks since boot; `None` if there is no such process or it is a zombie.
fn start_ticks(pid: u32) -> io::Result<Option<u64>> {
    let text = match read_proc(Path::new(&format!("/proc/{pid}/stat"))) {
        Ok(text) => text,
        Err(error) if gone(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    // The name in parentheses may hold anything, further parentheses too: what follows the last one is the kernel's.
    let fields = text.rsplit(')').next().unwrap_or_default();
    let mut fields = fields.split_ascii_whitespace();
    if matches!(fields.next(), Some("Z" | "X")) {
        return Ok(None);
    }
    Ok(fields.nth(18).and_then(|field| field.parse().ok()))
}

fn gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

/// Reads a file of /proc or a cgroup; bytes that are not UTF-8 are replaced. A file at the bound is an error rather
/// than cut: a mount that is not seen could be deleted through.
pub(crate) fn read_proc(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    let length = File::open(path)?
        .take(PROC_BYTES_MAX)
        .read_to_end(&mut bytes)?;
    if u64::try_from(length).is_ok_and(|length| length >= PROC_BYTES_MAX) {
        return Err(io::Error::from(io::ErrorKind::FileTooLarge));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_names_start_with_the_own_prefix() {
        let name = Owner::this().unwrap().name();
        assert!(name.starts_with(&own_prefix()), "{name}");
    }

    #[test]
    fn a_name_tells_its_owner() {
        let me = Owner::this().unwrap();
        assert_eq!(Owner::of(&me.name()), Some(me));
        assert_ne!(me.name(), me.name());
        assert!(!me.is_gone());
    }

    #[test]
    fn a_successor_with_the_same_pid_is_another_owner() {
        let me = Owner::this().unwrap();
        let before = Owner {
            start_ticks: me.start_ticks.wrapping_sub(1),
            ..me
        };
        assert!(before.is_gone());
        let elsewhere = Owner {
            pid_namespace: 1,
            ..before
        };
        assert!(!elsewhere.is_gone());
    }

    #[test]
    fn other_names_have_no_owner() {
        for name in [
            "",
            "yagura-rehearsal",
            "yagura-rehearsal-",
            "yagura-rehearsal-1-2-3",
            "yagura-rehearsal-1-2-3-4",
            "yagura-rehearsal-x-2-3-0123456789abcdef",
            "yagura-rehearsal-1-2-3-0123456789abcdef-",
            "yagura-rehearsal-1-2-3-0123456789abcdef/..",
            "my-yagura-rehearsal-1-2-3-0123456789abcdef",
        ] {
            assert_eq!(Owner::of(name), None, "{name}");
        }
    }
}
