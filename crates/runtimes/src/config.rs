//! Where runtimes are looked for.

use std::path::{Path, PathBuf};
use std::time::Duration;
use yagura_event::Runtime;

/// The protocol that a socket speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SocketApi {
    /// Kubernetes' container runtime interface: containerd, CRI-O.
    Cri,
    /// Docker Engine's API.
    Docker,
    /// Podman's Docker-compatible API.
    Podman,
}

/// A runtime's socket.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Socket {
    /// Path on the host.
    pub path: PathBuf,
    /// What it speaks.
    pub api: SocketApi,
}

/// Which sockets are asked. containerd's own, as its shims name it, is asked in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sockets {
    /// Where the runtimes put them unless told otherwise; one that does not exist is passed over.
    Defaults,
    /// These and no others.
    Listed(Vec<Socket>),
}

const DEFAULT_SOCKETS: [(&str, SocketApi); 6] = [
    ("/run/containerd/containerd.sock", SocketApi::Cri),
    ("/run/crio/crio.sock", SocketApi::Cri),
    ("/run/k3s/containerd/containerd.sock", SocketApi::Cri),
    ("/run/k0s/containerd.sock", SocketApi::Cri),
    ("/run/docker.sock", SocketApi::Docker),
    ("/run/podman/podman.sock", SocketApi::Podman),
];

/// Where runc and crun keep their state for the managers that are known to use another directory than the default.
const DEFAULT_STATE_ROOTS: [&str; 6] = [
    "/run/runc",
    "/run/crun",
    "/run/containerd/runc",
    "/run/docker/runtime-runc",
    "/run/crio/runc",
    "/run/crio/crun",
];

/// How identity is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimesConfig {
    /// Sockets to ask.
    pub sockets: Sockets,
    /// State directories of runc and crun.
    pub runc_roots: Vec<PathBuf>,
    /// Mount point of the v2 cgroup hierarchy.
    pub cgroup_root: PathBuf,
    /// Mount point of /proc in the initial pid namespace.
    pub proc_root: PathBuf,
    /// Root directory of the host: `/`, or `/proc/1/root` where the sensor has a mount namespace of its own.
    pub host_root: PathBuf,
    /// How long one question to one socket may take.
    pub timeout: Duration,
}

impl Default for RuntimesConfig {
    fn default() -> Self {
        let proc_root = PathBuf::from("/proc");
        RuntimesConfig {
            sockets: Sockets::Defaults,
            runc_roots: DEFAULT_STATE_ROOTS.map(PathBuf::from).to_vec(),
            cgroup_root: find_cgroup_root(),
            host_root: find_host_root(&proc_root),
            proc_root,
            timeout: Duration::from_secs(1),
        }
    }
}

/// Hybrid systems have the v2 hierarchy beside the v1 controllers.
fn find_cgroup_root() -> PathBuf {
    let hybrid = Path::new("/sys/fs/cgroup/unified");
    if hybrid.join("cgroup.procs").exists() {
        return hybrid.to_owned();
    }
    PathBuf::from("/sys/fs/cgroup")
}

fn find_host_root(proc_root: &Path) -> PathBuf {
    let mounts = |process: &str| std::fs::read_link(proc_root.join(process).join("ns/mnt")).ok();
    let (own, host) = (mounts("self"), mounts("1"));
    if own.is_some() && host.is_some() && own != host {
        return proc_root.join("1/root");
    }
    PathBuf::from("/")
}

impl RuntimesConfig {
    /// The sockets to ask, by their paths on the host.
    pub(crate) fn sockets(&self) -> Vec<Socket> {
        match &self.sockets {
            Sockets::Listed(sockets) => sockets.clone(),
            Sockets::Defaults => DEFAULT_SOCKETS
                .iter()
                .map(|(path, api)| Socket {
                    path: PathBuf::from(path),
                    api: *api,
                })
                .collect(),
        }
    }
}

impl SocketApi {
    /// The runtime behind it, where the protocol alone says so.
    pub(crate) fn runtime(self) -> Option<Runtime> {
        match self {
            SocketApi::Cri => None,
            SocketApi::Docker => Some(Runtime::Docker),
            SocketApi::Podman => Some(Runtime::Podman),
        }
    }

    /// Whether a container that the files say is `runtime`'s may be known behind such a socket.
    pub(crate) fn may_know(self, runtime: Runtime) -> bool {
        match self {
            SocketApi::Cri => matches!(
                runtime,
                Runtime::Containerd | Runtime::CriO | Runtime::Unknown
            ),
            SocketApi::Docker => matches!(runtime, Runtime::Docker | Runtime::Unknown),
            SocketApi::Podman => matches!(runtime, Runtime::Podman | Runtime::Unknown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_v2_hierarchy_is_found() {
        let config = RuntimesConfig::default();
        assert!(config.cgroup_root.join("cgroup.procs").exists());
        assert_eq!(config.sockets().len(), DEFAULT_SOCKETS.len());
    }
}
