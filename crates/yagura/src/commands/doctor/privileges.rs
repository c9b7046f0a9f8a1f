//! What this process may do.

use super::{Check, Status};
use crate::exit::Failure;
use crate::input::read_bounded;
use anyhow::anyhow;
use std::fs::File;

/// Bytes of `/proc/self/status`, which the kernel keeps to a few thousand.
const STATUS_BYTES_MAX: usize = 64 * 1024;

/// A capability that the sensor uses.
struct Need {
    name: &'static str,
    /// Bit in the masks of `/proc/self/status` (capabilities(7), linux/capability.h).
    bit: u32,
    /// A wider capability that holds this one.
    within: Option<u32>,
    /// Whether the sensor can't start without it.
    required: bool,
    used_for: &'static str,
}

const SYS_ADMIN: u32 = 21;
const DAC_OVERRIDE: u32 = 1;

const NEEDS: [Need; 5] = [
    Need {
        name: "CAP_SYS_ADMIN",
        bit: SYS_ADMIN,
        within: None,
        required: true,
        used_for: "a mount namespace of its own, and what earlier kernels ask for to load programs",
    },
    Need {
        name: "CAP_BPF",
        bit: 39,
        within: Some(SYS_ADMIN),
        required: true,
        used_for: "loading BPF programs",
    },
    Need {
        name: "CAP_PERFMON",
        bit: 38,
        within: Some(SYS_ADMIN),
        required: true,
        used_for: "attaching them to tracepoints",
    },
    Need {
        name: "CAP_SYS_PTRACE",
        bit: 19,
        within: None,
        required: true,
        used_for: "reading the programs of other users' processes",
    },
    Need {
        name: "CAP_DAC_READ_SEARCH",
        bit: 2,
        within: Some(DAC_OVERRIDE),
        required: false,
        used_for: "reading files that their owner has closed to others: without it their digest is unknown",
    },
];

/// Stops a command that observes before it begins, where a right is missing without which it can't.
///
/// # Errors
/// [`Failure::CannotRun`] names every such right and what to do.
pub(crate) fn require() -> Result<(), Failure> {
    let missing: Vec<String> = checks()
        .into_iter()
        .filter(|check| check.status == Status::Missing)
        .map(|check| check.found)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::CannotRun(anyhow!(
        "{}; run as root, `yagura doctor` says more",
        missing.join("; ")
    )))
}

/// The rights of this process.
pub(super) fn checks() -> Vec<Check> {
    let status =
        File::open("/proc/self/status").and_then(|file| read_bounded(file, STATUS_BYTES_MAX));
    let effective = status
        .ok()
        .and_then(|bytes| effective(&String::from_utf8_lossy(&bytes)));
    match effective {
        Some(capabilities) => judge(rustix::process::geteuid().is_root(), capabilities),
        None => vec![Check::missing(
            "privileges",
            "/proc/self/status names no capabilities",
            "mount /proc",
        )],
    }
}

/// The mask of effective capabilities.
fn effective(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

fn judge(is_root: bool, capabilities: u64) -> Vec<Check> {
    let who = if is_root { "root" } else { "not root" };
    let has = |bit: u32| capabilities >> bit & 1 == 1;
    let lacking: Vec<&Need> = NEEDS
        .iter()
        .filter(|need| !has(need.bit) && !need.within.is_some_and(has))
        .collect();
    if lacking.is_empty() {
        return vec![Check::ok(
            "privileges",
            format!("{who}, with every capability that is used"),
        )];
    }
    lacking
        .into_iter()
        .map(|need| lacks(who, is_root, need))
        .collect()
}

fn lacks(who: &str, is_root: bool, need: &Need) -> Check {
    let found = format!("{who}, without {} ({})", need.name, need.used_for);
    let remedy = match is_root {
        true => format!(
            "give the container or service {}, or run it on the host",
            need.name
        ),
        false => format!("run as root, or give the service {}", need.name),
    };
    match need.required {
        true => Check::missing("privileges", found, remedy),
        false => Check::warning("privileges", found, remedy),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_is_read() {
        assert_eq!(
            effective("Name:\tx\nCapEff:\t000001ffffffffff\n"),
            Some(0x1ff_ffff_ffff)
        );
        assert_eq!(effective("CapEff:\tzz\n"), None);
        assert_eq!(effective(""), None);
    }

    #[test]
    fn sys_admin_holds_bpf_and_perfmon() {
        let admin = 1 << SYS_ADMIN | 1 << 19 | 1 << 2;
        assert_eq!(judge(true, admin)[0].status, Status::Ok);
        assert!(
            judge(false, 0)
                .iter()
                .filter(|check| check.status == Status::Missing)
                .count()
                == 4
        );
    }

    #[test]
    fn closed_files_are_no_reason_not_to_start() {
        let checks = judge(true, 1 << SYS_ADMIN | 1 << 19);
        assert_eq!(checks.len(), 1);
        assert_eq!(checks[0].status, Status::Warning);
    }
}
