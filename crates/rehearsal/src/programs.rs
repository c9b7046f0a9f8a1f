//! The programs made by `build.rs`, as bytes.

/// Says that it ran; drifts in. Needs no loader.
pub(crate) const DRIFTED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/drifted"));
/// The same for a dynamic loader.
pub(crate) const DRIFTED_DYNAMIC: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/drifted_dynamic"));
/// A shared object that says that it was loaded; drifts in.
pub(crate) const DRIFTED_LIBRARY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/drifted.so"));
/// Says that it ran; belongs to the image.
pub(crate) const SHIPPED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/shipped"));
/// The same for a dynamic loader.
pub(crate) const SHIPPED_DYNAMIC: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/shipped_dynamic"));
/// A shared object of the image.
pub(crate) const SHIPPED_LIBRARY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/shipped.so"));
/// First process of a container.
pub(crate) const HOLD: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/hold"));
/// Executes a copy of a file from anonymous memory.
pub(crate) const RUN_MEMFD: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/run_memfd"));
/// Executes a file through a descriptor.
pub(crate) const RUN_DESCRIPTOR: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/run_descriptor"));
/// Maps a shared object without a loader.
pub(crate) const MAP_LIBRARY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/map_library"));
/// Does one thing that a rehearsal asks for.
pub(crate) const ACT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/act"));
/// Stands in for a server that was made to run a script or to write a file.
pub(crate) const SERVE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/serve"));
/// Stands in for a program of which only name and arguments matter.
pub(crate) const QUIET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/quiet"));
/// What each of them prints when it really ran (`programs/system.h`).
pub(crate) const MARKER: &str = "yagura-rehearsal-ran";
