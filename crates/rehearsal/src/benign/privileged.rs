//! Workloads with privileges that they need: agents of nodes, debug containers, rootless engines.

use super::BenignWorkload;
use super::workloads::{drifting, script};
use crate::bundle::{HostMount, HostNamespace, Privileges};
use std::time::Duration;
use yagura_event::Behaviour;

/// An upgrade takes four seconds, and more than a minute on an emulated processor.
const UPGRADE_LIMIT: Duration = Duration::from_secs(300);

/// Every workload with privileges.
pub const PRIVILEGED: &[BenignWorkload] = &[
    script(
        "node-exporter",
        "an agent that sees the host's processes reads the host's /proc and /sys, all of it",
        |stage| {
            stage.first_given(
                |options| {
                    options.host_namespaces = vec![HostNamespace::Pid];
                    options.mounts = vec![given("/proc", "/host/proc"), given("/sys", "/host/sys")];
                },
                "node-exporter.sh",
            )
        },
    ),
    BenignWorkload {
        behaviours: &[
            Behaviour::NamespaceEntry,
            Behaviour::NamespaceCreation,
            Behaviour::Mount,
            Behaviour::KernelSettings,
        ],
        image: Some("quay.io/cilium/cilium:v1.15.1"),
        ..script(
            "cni-agent",
            "network namespaces are made, kept as files, entered and removed; settings of the network are written",
            |stage| {
                stage.first_given(
                    |options| options.privileges = Privileges::Privileged,
                    "cni-agent.sh",
                )
            },
        )
    },
    script(
        "backup-agent",
        "the host's settings are read through a mount, shadow and keys included",
        |stage| {
            stage.first_given(
                |options| options.mounts = vec![given("/etc", "/host/etc")],
                "backup-agent.sh",
            )
        },
    ),
    BenignWorkload {
        limit: UPGRADE_LIMIT,
        ..drifting(
            "package-upgrade",
            "packages are installed, upgraded and removed, their scripts run",
            |stage| stage.first("apt-install.sh", &[]),
        )
    },
    script(
        "debug-tools",
        "strace and gdb start programs and attach to others, all in one container",
        |stage| stage.first_capable(&["SYS_PTRACE"], "debug-tools.sh"),
    ),
    script(
        "touched-programs",
        "image programs get another mode, owner, time, capability and name, and run with the content they had",
        |stage| stage.first("touched-programs.sh", &[]),
    ),
    BenignWorkload {
        behaviours: &[Behaviour::NamespaceCreation, Behaviour::Mount],
        image: Some("quay.io/podman/stable:v5.2"),
        ..script(
            "rootless-container",
            "a user without rights becomes root of namespaces of their own, mounts, and changes its root",
            |stage| stage.first("rootless.sh", &[]),
        )
    },
];

/// A folder of the host's, to be read.
fn given(source: &str, destination: &str) -> HostMount {
    HostMount {
        source: source.into(),
        destination: destination.into(),
        read_only: true,
    }
}
