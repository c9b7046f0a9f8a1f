//! The configuration that tells a runtime how to run a container (OCI runtime specification 1.0).

use crate::image::ThrowAwayImage;
use crate::limits::VOLUME_MIB_MAX;
use crate::owner::read_proc;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What the container's processes may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Privileges {
    /// What Docker and containerd give by default.
    #[default]
    Default,
    /// The same and `CAP_SYS_ADMIN`: namespaces and mounts.
    Admin,
    /// Every capability, and /proc/sys writable.
    Privileged,
}

/// A namespace that a container can share with the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostNamespace {
    /// Processes.
    Pid,
    /// Shared memory and message queues.
    Ipc,
    /// Host name.
    Uts,
    /// Network.
    Network,
}

impl HostNamespace {
    /// The name in a configuration.
    fn as_str(self) -> &'static str {
        match self {
            HostNamespace::Pid => "pid",
            HostNamespace::Ipc => "ipc",
            HostNamespace::Uts => "uts",
            HostNamespace::Network => "network",
        }
    }
}

/// A directory of the host that a container is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostMount {
    /// Path on the host.
    pub source: PathBuf,
    /// Path in the container.
    pub destination: PathBuf,
    /// Whether the container may not write there.
    pub read_only: bool,
}

/// What becomes of a process that makes a call that its container may not make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForbiddenAction {
    /// The kernel answers that it is not permitted.
    Refuse,
    /// It is ended.
    Kill,
}

/// System calls that a container's processes may not make (seccomp), so that others can be shown what that looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForbiddenCalls {
    /// Their names.
    pub names: &'static [&'static str],
    /// What becomes of whoever makes one.
    pub action: ForbiddenAction,
}

impl ForbiddenCalls {
    /// The section of a configuration.
    fn section(self) -> Value {
        let rule = match self.action {
            ForbiddenAction::Refuse => {
                let errno = rustix::io::Errno::PERM.raw_os_error();
                json!({ "names": self.names, "action": "SCMP_ACT_ERRNO", "errnoRet": errno })
            }
            ForbiddenAction::Kill => {
                json!({ "names": self.names, "action": "SCMP_ACT_KILL_PROCESS" })
            }
        };
        json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule] })
    }
}

/// Capabilities by number, as in capabilities(7).
const CAPABILITIES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];
/// What Docker gives without being asked.
const DEFAULT_CAPABILITIES: [&str; 14] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FSETID",
    "FOWNER",
    "MKNOD",
    "NET_RAW",
    "SETGID",
    "SETUID",
    "SETFCAP",
    "SETPCAP",
    "NET_BIND_SERVICE",
    "SYS_CHROOT",
    "KILL",
    "AUDIT_WRITE",
];

/// Namespaces of its own. With an empty network namespace it reaches nobody.
const NAMESPACES: [&str; 5] = ["pid", "ipc", "uts", "mount", "network"];

/// Environment of every process in the container.
pub(crate) fn environment(image: &ThrowAwayImage) -> Vec<String> {
    let mut variables = vec![
        "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin".to_owned(),
        "HOME=/root".to_owned(),
    ];
    if let Some(loader) = image.loader() {
        variables.push(format!("LOADER={}", loader.display()));
    }
    variables
}

/// What a configuration is made from.
pub(crate) struct Bundle<'a> {
    pub(crate) name: &'a str,
    pub(crate) image: &'a ThrowAwayImage,
    pub(crate) argv: &'a [&'a str],
    pub(crate) privileges: Privileges,
    pub(crate) host_namespaces: &'a [HostNamespace],
    /// Capabilities beside those.
    pub(crate) capabilities: &'a [&'a str],
    /// Network namespace to join, if not its own.
    pub(crate) join_network: Option<&'a Path>,
    pub(crate) sysfs: bool,
    /// Variables beside the usual ones.
    pub(crate) environment: &'a BTreeMap<String, String>,
    /// Whether the runtime shall keep it from the host's devices.
    pub(crate) limit_devices: bool,
    pub(crate) read_only_root: bool,
    pub(crate) hostname: &'a str,
    pub(crate) annotations: &'a BTreeMap<String, String>,
    /// The writable directory behind /data.
    pub(crate) data: &'a Path,
    pub(crate) mounts: &'a [HostMount],
    pub(crate) forbidden: Option<ForbiddenCalls>,
}

impl Bundle<'_> {
    /// The content of config.json.
    pub(crate) fn config(&self) -> Value {
        let capabilities = capabilities(self.privileges, self.capabilities);
        let (masked, read_only): (&[&str], &[&str]) = match self.privileges {
            Privileges::Privileged => (&[], &[]),
            Privileges::Default | Privileges::Admin => (
                &["/proc/kcore", "/proc/keys", "/proc/timer_list"],
                &[
                    "/proc/bus",
                    "/proc/fs",
                    "/proc/irq",
                    "/proc/sys",
                    "/proc/sysrq-trigger",
                ],
            ),
        };
        let resources = if self.limit_devices {
            let all = self.privileges == Privileges::Privileged;
            json!({ "devices": [{ "allow": all, "access": "rwm" }] })
        } else {
            json!({})
        };
        let is_shared = |kind: &str| {
            self.host_namespaces
                .iter()
                .any(|host| host.as_str() == kind)
        };
        let namespaces: Vec<Value> = NAMESPACES
            .into_iter()
            .filter(|kind| !is_shared(kind))
            .map(|kind| match self.join_network {
                Some(path) if kind == "network" => json!({ "type": kind, "path": path }),
                _ => json!({ "type": kind }),
            })
            .collect();
        let mut environment = environment(self.image);
        environment.extend(
            self.environment
                .iter()
                .map(|(name, value)| format!("{name}={value}")),
        );
        let mut config = json!({
            "ociVersion": "1.0.2",
            "process": {
                "terminal": false,
                "user": { "uid": 0, "gid": 0 },
                "args": self.argv,
                "env": environment,
                "cwd": "/",
                "capabilities": {
                    "bounding": capabilities,
                    "effective": capabilities,
                    "permitted": capabilities,
                },
                "noNewPrivileges": false,
            },
            "root": { "path": "rootfs", "readonly": self.read_only_root },
            // The host's own is not to be changed.
            "hostname": if is_shared("uts") { "" } else { self.hostname },
            "annotations": self.annotations,
            "mounts": self.mounts(),
            "linux": {
                // Right below the top of each hierarchy: no folder in between would stay behind.
                "cgroupsPath": format!("/{}", self.name),
                "namespaces": namespaces,
                "resources": resources,
                "maskedPaths": masked,
                "readonlyPaths": read_only,
            },
        });
        if let (Some(forbidden), Some(linux)) = (self.forbidden, config.get_mut("linux")) {
            linux["seccomp"] = forbidden.section();
        }
        config
    }

    fn mounts(&self) -> Vec<Value> {
        let size = format!("size={VOLUME_MIB_MAX}m");
        // Programs may run from these volumes, as from an emptyDir: they are where drift comes from.
        let tmpfs = |destination: &str, mode: &str| {
            json!({ "destination": destination, "type": "tmpfs", "source": "tmpfs",
                    "options": ["nosuid", "nodev", mode, size] })
        };
        let mut mounts = vec![
            json!({ "destination": "/proc", "type": "proc", "source": "proc",
                    "options": ["nosuid", "noexec", "nodev"] }),
            json!({ "destination": "/dev", "type": "tmpfs", "source": "tmpfs",
                    "options": ["nosuid", "strictatime", "mode=755", "size=1m"] }),
            json!({ "destination": "/dev/pts", "type": "devpts", "source": "devpts",
                    "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"] }),
            tmpfs("/dev/shm", "mode=1777"),
            tmpfs("/volume", "mode=755"),
            bind(&self.image.payload(), Path::new("/payload"), true),
            bind(self.data, Path::new("/data"), false),
        ];
        if self.sysfs {
            mounts.push(
                json!({ "destination": "/sys", "type": "sysfs", "source": "sysfs",
                        "options": ["nosuid", "noexec", "nodev", "ro"] }),
            );
        }
        mounts.extend(
            self.mounts
                .iter()
                .map(|mount| bind(&mount.source, &mount.destination, mount.read_only)),
        );
        mounts
    }
}

fn bind(source: &Path, destination: &Path, read_only: bool) -> Value {
    json!({
        "destination": destination.to_string_lossy(),
        "type": "bind",
        "source": source.to_string_lossy(),
        "options": ["rbind", if read_only { "ro" } else { "rw" }],
    })
}

/// Names of the capabilities to give. None that this process may not pass on itself: a runtime would refuse the lot.
fn capabilities(privileges: Privileges, beside: &[&str]) -> Vec<String> {
    let bound = bounding_set();
    CAPABILITIES
        .iter()
        .enumerate()
        .filter(|&(number, name)| {
            let given = match privileges {
                Privileges::Default => DEFAULT_CAPABILITIES.contains(name),
                Privileges::Admin => DEFAULT_CAPABILITIES.contains(name) || *name == "SYS_ADMIN",
                Privileges::Privileged => true,
            };
            bound & (1 << number) != 0 && (given || beside.contains(name))
        })
        .map(|(_, name)| format!("CAP_{name}"))
        .collect()
}

fn bounding_set() -> u64 {
    read_proc(Path::new("/proc/self/status"))
        .unwrap_or_default()
        .lines()
        .find_map(|line| line.strip_prefix("CapBnd:"))
        .and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok())
        .unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_capability_has_a_number() {
        for name in DEFAULT_CAPABILITIES {
            assert!(CAPABILITIES.contains(&name), "{name}");
        }
        assert_eq!(CAPABILITIES[21], "SYS_ADMIN");
        assert_eq!(CAPABILITIES[40], "CHECKPOINT_RESTORE");
    }
}
