//! Containers and what the runtimes say of them.

use crate::{CgroupId, ContainerKey, Text, WallTime};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The software that started a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Runtime {
    /// containerd, through CRI or without it.
    Containerd,
    /// CRI-O.
    CriO,
    /// Docker Engine.
    Docker,
    /// Podman.
    Podman,
    /// runc, with no manager above it that we know.
    Runc,
    /// crun, with no manager above it that we know.
    Crun,
    /// Known by cgroup and namespaces alone.
    #[default]
    Unknown,
}

impl Runtime {
    /// The name in alerts and policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Runtime::Containerd => "containerd",
            Runtime::CriO => "cri-o",
            Runtime::Docker => "docker",
            Runtime::Podman => "podman",
            Runtime::Runc => "runc",
            Runtime::Crun => "crun",
            Runtime::Unknown => "unknown",
        }
    }
}

/// The pod that a container belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Pod {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.uid`.
    pub uid: String,
    /// Labels at the time the pod was started; the container runtime interface carries no later changes.
    pub labels: BTreeMap<String, String>,
}

/// A mount that the container was given.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Mount {
    /// Path in the container.
    pub destination: String,
    /// Path on the host, or the file system's name for tmpfs and the like.
    pub source: String,
    /// Whether the container may not write to it.
    pub read_only: bool,
}

/// A container as its runtime describes it. Every text may have been chosen by an attacker.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Container {
    /// Full id given by the runtime; for a container without a known runtime, the name of its cgroup or `ns-` and
    /// the number of its mount namespace.
    pub id: String,
    /// Name: Kubernetes' container name, Docker's or Podman's name, or runc's id.
    pub name: String,
    /// Image reference as the user wrote it, such as `docker.io/library/nginx:1.27`.
    pub image: String,
    /// Image id: digest of the image's configuration.
    pub image_id: String,
    /// Digest of the image's manifest (`sha256:…`), empty if the runtime does not know it.
    pub image_digest: String,
    /// The software that started it.
    pub runtime: Runtime,
    /// Whether it was started privileged; `None` if that could not be told.
    pub privileged: Option<bool>,
    /// What the container was given beside its root file system.
    pub mounts: Vec<Mount>,
    /// The pod, for containers of Kubernetes.
    pub pod: Option<Pod>,
    /// Arguments of its first process as the specification has them; empty if unknown.
    pub command: Vec<String>,
    /// Capabilities that its processes may come to have (the bounding set), bit N is capability N; `None` if unknown.
    pub capabilities: Option<u64>,
    /// Namespaces that it shares with the host, by the names of `/proc/PID/ns`; `None` if unknown.
    pub host_namespaces: Option<Vec<String>>,
    /// Labels of the container.
    pub labels: BTreeMap<String, String>,
    /// First address of the container or pod, empty if unknown.
    pub ip: String,
    /// Id of the pod's sandbox, empty if unknown.
    pub sandbox_id: String,
    /// When it was created, if the runtime says so.
    pub created: Option<WallTime>,
    /// Pid of the container's first process in the initial pid namespace, zero if unknown.
    pub first_pid: u32,
    /// What could not be learned, in words: shown in alerts. Empty when everything arrived.
    pub gaps: Vec<String>,
}

/// The root directory of a container, by which its own files are told from all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct ContainerRoot {
    /// Device number of the superblock that holds the root directory.
    pub dev: u32,
    /// Inode of the root directory.
    pub ino: u64,
    /// Whether it is an overlay, whose lower layers are the image.
    pub overlay: bool,
    /// For a root that is not an overlay: the wall time at which the image's files were in place, in nanoseconds
    /// since 1970. A file changed later is not the image's.
    pub since_ns: i64,
}

/// Where an overlay's layers are on the host.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct LayerDirs {
    /// Image layers, uppermost first.
    pub lower: Vec<PathBuf>,
    /// The container's own layer.
    pub upper: PathBuf,
}

/// News about a container that reaches the pipeline from outside the kernel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContainerFact {
    /// Which container.
    pub key: ContainerKey,
    /// Its cgroup, zero if it has none of its own.
    pub cgroup: CgroupId,
    /// What the runtime says; `None` if the processes turned out to be in no container at all (a service with a root directory of its own).
    pub container: Option<Container>,
    /// Layers of its root file system, if it is an overlay and they could be found.
    pub layers: Option<LayerDirs>,
    /// User ids and names of the container's password file, bounded.
    pub users: Vec<(u32, Text)>,
    /// Paths of files that the runtime itself placed in the container, such as Docker's `/sbin/docker-init`.
    pub runtime_files: Vec<Text>,
    /// Whether this is the last word: no source is still being asked.
    pub complete: bool,
}

/// A container that the pipeline met and knows nothing of yet. The answer is one or more [`ContainerFact`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerQuery {
    /// The kernel side's handle.
    pub key: ContainerKey,
    /// The cgroup in which the process was seen.
    pub cgroup: CgroupId,
    /// A process of the container.
    pub process: crate::ProcessKey,
    /// Root of the container's mount namespace as the first process of the container had it.
    pub root: ContainerRoot,
}
