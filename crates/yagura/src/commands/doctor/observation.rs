//! What the kernel lets a sensor observe with, and what it would let one block with.

use super::{Check, shown, with_causes};
use yagura_kernel::{Capability, Means, Observer, PROGRAMS, ensure_tracefs, probe};

/// What the sensor observes with.
pub(super) const BACKEND: &str = "BTF tracepoints and system call tracepoints";

/// The running kernel.
pub(super) fn kernel() -> Check {
    let uname = rustix::system::uname();
    let release = shown(uname.release().to_bytes());
    let machine = shown(uname.machine().to_bytes());
    Check::ok("kernel", format!("{release}, {machine}"))
}

/// Everything that is tried in the kernel. On a thread of its own, since it may need a mount namespace of its own.
pub(super) fn checks() -> Vec<Check> {
    let tried = std::thread::scope(|scope| scope.spawn(try_all).join());
    tried.unwrap_or_else(|_| {
        vec![Check::missing(
            "observer",
            "trying the kernel's interfaces ended unexpectedly",
            "report this with the output of `yagura --log debug doctor`",
        )]
    })
}

fn try_all() -> Vec<Check> {
    let mut checks = vec![tracefs()];
    let capabilities = probe();
    checks.extend(capabilities.iter().map(means));
    checks.push(observer());
    checks
}

fn tracefs() -> Check {
    match ensure_tracefs() {
        Ok(()) => Check::ok(
            "tracefs",
            "available, or mounted where only the sensor sees it",
        ),
        Err(error) => Check::missing(
            "tracefs",
            with_causes(error),
            "run as root, or mount it: `mount -t tracefs tracefs /sys/kernel/tracing`",
        ),
    }
}

/// One means that was loaded, attached and taken away again.
fn means(capability: &Capability) -> Check {
    let name = capability.means.as_str();
    let Some(shortfall) = &capability.shortfall else {
        let found = match capability.means {
            Means::Btf => "the kernel describes its types",
            Means::TpBtf | Means::Tracepoint | Means::Iterator | Means::BpfLsm | Means::Fentry => {
                "loads and attaches"
            }
        };
        return Check::ok(name, found);
    };
    let found = shown(shortfall);
    match capability.means {
        Means::Btf => Check::missing(
            name,
            found,
            "use a kernel built with CONFIG_DEBUG_INFO_BTF, 5.17 or later",
        ),
        Means::TpBtf => Check::missing(
            name,
            found,
            "run as root on a kernel with BTF, 5.17 or later",
        ),
        Means::Tracepoint => Check::missing(
            name,
            found,
            "run as root on a kernel with CONFIG_FTRACE_SYSCALLS, and see tracefs above",
        ),
        Means::Iterator => Check::missing(
            name,
            found,
            "run as root on a kernel with BTF, 5.17 or later",
        ),
        Means::BpfLsm => Check::warning(
            name,
            found,
            "a kernel with CONFIG_BPF_LSM and `bpf` in its `lsm=` list, if what rules block is to be refused rather than ended",
        ),
        Means::Fentry => Check::warning(name, found, "nothing: the sensor observes without it"),
    }
}

/// The sensor's own programs, loaded and attached for a moment: whatever the probes say, this is what counts.
fn observer() -> Check {
    match Observer::start() {
        Err(error) => Check::missing(
            "observer",
            with_causes(error),
            "see the checks above; if they are well, report this with your kernel's version",
        ),
        Ok(observer) => {
            let attached = PROGRAMS.len() - observer.missing().len();
            let found = format!("{attached} of {} programs load and attach", PROGRAMS.len());
            let unseen: Vec<String> = observer
                .missing()
                .iter()
                .map(|program| format!("{} ({})", program.attach_point, program.without))
                .collect();
            match unseen.is_empty() {
                true => Check::ok("observer", found),
                false => Check::warning(
                    "observer",
                    format!("{found}; not seen: {}", unseen.join("; ")),
                    "nothing on an architecture without these system calls; otherwise use a kernel with CONFIG_FTRACE_SYSCALLS",
                ),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;

    fn capability(means: Means, shortfall: Option<&str>) -> Capability {
        Capability {
            means,
            shortfall: shortfall.map(str::to_owned),
        }
    }

    #[test]
    fn only_what_observation_needs_is_missing() {
        let refused = |what| means(&capability(what, Some("load: refused"))).status;
        for needed in [Means::Btf, Means::TpBtf, Means::Tracepoint, Means::Iterator] {
            assert_eq!(refused(needed), Status::Missing);
        }
        for spare in [Means::BpfLsm, Means::Fentry] {
            assert_eq!(refused(spare), Status::Warning);
        }
        assert_eq!(means(&capability(Means::TpBtf, None)).status, Status::Ok);
    }
}
