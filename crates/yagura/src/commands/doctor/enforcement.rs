//! What blocking can rest on here, found by loading and attaching it for a moment.

use super::{Check, shown, with_causes};
use std::path::Path;
use yagura_kernel::{Guard, GuardBackend, ensure_bpffs, probe_cgroup, probe_exec_gate};
use yagura_sensor::EnforceSettings;

/// By what a sensor would block here, if it can at all.
pub(super) struct Enforcement {
    /// `None` if nothing can be blocked.
    pub(super) backend: Option<GuardBackend>,
    /// What was found.
    pub(super) check: Check,
}

/// Tries every backend, the stronger first.
pub(super) fn find() -> Enforcement {
    let name = format!("doctor-{}", std::process::id());
    let Some(settings) = EnforceSettings::of_instance(&name) else {
        return nothing("no place for pins");
    };
    if let Err(error) = ensure_bpffs() {
        return nothing(&with_causes(error));
    }
    let mut why = String::new();
    for backend in GuardBackend::ALL {
        match try_backend(backend, &settings.pins) {
            Ok(()) => return found(backend, &why),
            Err(error) => why = error,
        }
    }
    nothing(&why)
}

fn try_backend(backend: GuardBackend, pins: &Path) -> Result<(), String> {
    let started = Guard::start(backend, pins).map(drop).map_err(with_causes);
    // Whatever came of it, nothing may stay.
    let removed = Guard::remove(pins).map_err(with_causes);
    started.and(removed)
}

fn found(backend: GuardBackend, why_not_stronger: &str) -> Enforcement {
    let check = match backend {
        GuardBackend::Lsm => Check::ok(
            "enforcement",
            "BPF LSM: what rules block is refused in the kernel, before it takes effect",
        ),
        GuardBackend::Signal => Check::warning(
            "enforcement",
            format!(
                "by signals and {}: processes are ended before they can use what rules block; BPF LSM: {why_not_stronger}",
                others().join(", ")
            ),
            "for refusal of everything before it takes effect: a kernel with CONFIG_BPF_LSM, and `bpf` in its `lsm=` list",
        ),
    };
    Enforcement {
        backend: Some(backend),
        check,
    }
}

/// What else there is where the kernel has no BPF LSM.
fn others() -> Vec<String> {
    let mut means = Vec::new();
    match probe_exec_gate() {
        Ok(()) => means.push("fanotify".to_owned()),
        Err(error) => means.push(format!("no fanotify ({})", with_causes(error))),
    }
    for (of, shortfall) in probe_cgroup() {
        means.push(match shortfall {
            None => of.to_string(),
            Some(error) => format!("no {of} ({})", shown(error.to_string())),
        });
    }
    means
}

fn nothing(why: &str) -> Enforcement {
    Enforcement {
        backend: None,
        check: Check::warning(
            "enforcement",
            format!("none: {}", shown(why)),
            "run as root on a kernel with BTF, 5.17 or later; until then what rules would block is reported as alerts",
        ),
    }
}
