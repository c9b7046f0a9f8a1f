//! Who is this container? Identity from containerd, CRI-O, Docker, Podman, runc and crun.
//!
//! Does: answers a [`yagura_event::ContainerQuery`] with [`yagura_event::ContainerFact`]s: first from /proc, cgroups
//! and the runtimes' files, then from their sockets.
//! Never: decides anything, changes a container, waits for a container's own file systems, or makes the asker wait.
//!
//! Start at [`Runtimes::start`]; a query's way is `worker` → `identify` (files) → `sources` (sockets) → `worker`.
//! A container can write its own files, cgroups below its own, and its processes' names; none of these is believed.

mod ask;
mod bundle;
mod cgroup;
mod config;
mod containerd;
mod cri;
mod docker;
mod find;
mod identify;
mod limits;
mod mountinfo;
mod passwd;
mod podman;
mod probe;
mod proc;
mod process;
mod shim;
mod sources;
mod state;
#[cfg(test)]
mod test_dir;
mod time;
mod worker;

pub use config::{RuntimesConfig, Socket, SocketApi, Sockets};
pub use find::{container_of, process_of};
pub use probe::{RuntimeStatus, SocketState, probe};
pub use worker::{QueueFull, Runtimes, RuntimesHandle, StartError};
