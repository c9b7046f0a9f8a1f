//! How containers can be told apart and named.

use super::{Check, shown};
use crate::input::read_bounded;
use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use yagura_runtimes::{RuntimeStatus, RuntimesConfig, SocketApi, SocketState, probe};

/// Bytes of `/proc/self/mounts`: a host with a thousand containers has some megabytes.
const MOUNTS_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Programs that start containers without a socket.
const LOW_LEVEL_RUNTIMES: [&str; 2] = ["runc", "crun"];

/// cgroups and runtimes.
pub(super) fn checks() -> Vec<Check> {
    let mounts =
        File::open("/proc/self/mounts").and_then(|file| read_bounded(file, MOUNTS_BYTES_MAX));
    let mounts = mounts.unwrap_or_default();
    let mut checks = vec![cgroups(&String::from_utf8_lossy(&mounts))];
    checks.extend(runtimes(&probe(&RuntimesConfig::default()), &on_path()));
    checks
}

/// The mode of cgroups, by what is mounted.
fn cgroups(mounts: &str) -> Check {
    let mounted = |wanted: &str| {
        mounts.lines().find_map(|line| {
            let mut words = line.split(' ').skip(1);
            let place = words.next()?;
            (words.next()? == wanted).then(|| shown(place))
        })
    };
    match (mounted("cgroup"), mounted("cgroup2")) {
        (None, Some(v2)) => Check::ok("cgroups", format!("v2 at {v2}")),
        (Some(_), Some(v2)) => Check::ok("cgroups", format!("hybrid: v1 controllers, v2 at {v2}")),
        (Some(v1), None) => Check::warning(
            "cgroups",
            format!("v1 alone, at {v1}: containers are told apart by their namespaces"),
            "mount cgroup2, or boot with systemd.unified_cgroup_hierarchy=1",
        ),
        (None, None) => Check::warning(
            "cgroups",
            "none mounted here: containers are told apart by their namespaces",
            "give the sensor's container the host's /sys/fs/cgroup",
        ),
    }
}

/// What is behind the runtimes' sockets, and what starts containers without one.
fn runtimes(sockets: &[RuntimeStatus], low_level: &[&'static str]) -> Vec<Check> {
    let mut checks: Vec<Check> = sockets.iter().filter_map(runtime).collect();
    if !low_level.is_empty() {
        let names = low_level.join(" and ");
        checks.push(Check::ok(
            "runtime",
            format!("{names} on the PATH; containers are known from their state directories"),
        ));
    }
    if checks.is_empty() {
        checks.push(Check::warning(
            "runtime",
            "no runtime's socket, and neither runc nor crun: containers are known by cgroup and namespaces alone",
            "start the container runtime; in a container, give the sensor the host's /run",
        ));
    }
    checks
}

/// The check of one socket; nothing to say of one that is not there.
fn runtime(status: &RuntimeStatus) -> Option<Check> {
    let socket = shown(status.socket.as_os_str().as_bytes());
    match &status.state {
        SocketState::Absent => None,
        SocketState::Reachable { runtime, version } => Some(Check::ok(
            "runtime",
            format!("{} {} at {socket}", runtime.as_str(), shown(version)),
        )),
        SocketState::Failed { reason } => Some(Check::warning(
            "runtime",
            format!("{socket}: {}", shown(reason)),
            remedy(status.api),
        )),
    }
}

fn remedy(api: SocketApi) -> &'static str {
    match api {
        SocketApi::Cri => {
            "see that the runtime is running, that its CRI plugin is enabled, and that the sensor may use the socket"
        }
        SocketApi::Docker | SocketApi::Podman => {
            "see that the service is running and that the sensor may use the socket"
        }
    }
}

fn on_path() -> Vec<&'static str> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there =
        |name: &&str| std::env::split_paths(&path).any(|dir| is_program(&dir.join(name)));
    LOW_LEVEL_RUNTIMES.into_iter().filter(is_there).collect()
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|data| data.is_file())
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;
    use yagura_event::Runtime;

    #[test]
    fn the_mode_of_cgroups_is_told_from_mounts() {
        let v1 = "cgroup /sys/fs/cgroup/cpu cgroup rw 0 0\n";
        let v2 = "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
        assert_eq!(cgroups(v2).found, "v2 at /sys/fs/cgroup/unified");
        assert!(cgroups(&format!("{v1}{v2}")).found.starts_with("hybrid"));
        assert_eq!(cgroups(v1).status, Status::Warning);
        assert_eq!(cgroups("").status, Status::Warning);
        assert_eq!(cgroups("x\n\n cgroup2\n").status, Status::Warning);
    }

    #[test]
    fn sockets_that_are_not_there_are_passed_over() {
        let status = |state| RuntimeStatus {
            socket: "/run/x.sock".into(),
            api: SocketApi::Cri,
            state,
        };
        let absent = status(SocketState::Absent);
        assert_eq!(
            runtimes(std::slice::from_ref(&absent), &[])[0].status,
            Status::Warning
        );
        assert_eq!(runtimes(&[absent], &["runc"])[0].status, Status::Ok);
        let reachable = status(SocketState::Reachable {
            runtime: Runtime::CriO,
            version: "1\n2".to_owned(),
        });
        assert_eq!(
            runtimes(&[reachable], &[])[0].found,
            "cri-o 1\\n2 at /run/x.sock"
        );
        let failed = status(SocketState::Failed {
            reason: "refused".to_owned(),
        });
        assert_eq!(runtimes(&[failed], &[])[0].status, Status::Warning);
    }
}
