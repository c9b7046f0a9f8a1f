//! Real container runtimes for tests, each private to one test: nothing is shared with what runs on the machine
//! beyond the cgroup hierarchies, and all is taken away on drop but the managers' empty parent cgroups.
//!
//! Does: starts containerd, Podman, Docker, runc and crun with state below a temporary directory, builds the tiny
//! images that they run, runs containers.
//! Never: pulls from a network, touches containers that it did not make, or is linked into the product.
//!
//! Start at [`Containerd`], or [`PostgresServer`] for a database; [`missing`] says what a test needs and this machine lacks.

mod command;
mod containerd;
mod docker;
mod error;
mod image;
mod oci;
mod podman;
mod postgres;
mod scratch;

pub use command::{has_all_capabilities, missing};
pub use containerd::{BindMount, ContainerSpec, Containerd, ExecOutput, Pod, PodSpec};
pub use docker::DockerEngine;
pub use error::FixtureError;
pub use image::{Image, busybox_image};
pub use oci::{OciContainer, OciRuntime};
pub use podman::{Podman, PodmanService};
pub use postgres::{Durability, PostgresServer};
pub use scratch::ScratchDir;

/// A container that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningContainer {
    /// Full id.
    pub id: String,
    /// Pid of its first process on this machine.
    pub pid: u32,
}
