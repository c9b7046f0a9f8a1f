//! Cutting a container off the network, and letting it back.
//!
//! Two programs on the container's own cgroup let no packet of its sockets through, those of connections that stand
//! among them. They are pinned: a container stays cut off while the sensor is away, until somebody lets it back or it ends.
//!
//! What they do not see:
//! * a process that has left the cgroup, and a socket that was handed in from another one;
//! * frames that a process with `CAP_NET_RAW` sends by a packet socket;
//! * what the kernel answers by itself in the container's network, such as pings.

use super::{CgroupError, cgroups, is_alive, make_folder, open_cgroup, remove_folder};
use libbpf_rs::{MapCore as _, MapFlags, MapHandle, ObjectBuilder};
use std::os::fd::AsRawFd as _;
use std::path::Path;
use yagura_event::CgroupId;

const OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/network.bpf.o"));
/// Where everything is pinned, below the folder that is given.
const FOLDER: &str = "network";
/// Name of the map that counts, and of its pin.
const COUNTER: &str = "refused_packets";

/// Which network a container has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkKind {
    /// One of its own, or of its pod: its loopback goes on working.
    Own,
    /// The host's: its loopback leads to the host's services, and is cut as well.
    Host,
}

impl NetworkKind {
    /// Names of the programs, which are those of their pins.
    fn programs(self) -> [&'static str; 2] {
        match self {
            NetworkKind::Own => ["cut_egress", "cut_ingress"],
            NetworkKind::Host => ["cut_all_egress", "cut_all_ingress"],
        }
    }
}

/// Cuts a container off the network, given by its version 2 cgroup. One that is cut off already stays so.
///
/// # Errors
/// [`CgroupError`]; then nothing is cut.
pub fn cut_network(
    pins: &Path,
    cgroup: CgroupId,
    directory: &Path,
    kind: NetworkKind,
) -> Result<(), CgroupError> {
    libbpf_rs::set_print(None);
    let opened = open_cgroup(cgroup, directory)?;
    let folder = folder_of(pins, cgroup);
    if is_cut(pins, cgroup) {
        return Ok(());
    }
    // What an attempt left that did not come to its end.
    remove_folder(&folder)?;
    make_folder(&folder)?;
    let attached = attach(&folder, opened.as_raw_fd(), kind);
    if attached.is_err() {
        remove_folder(&folder)?;
    }
    attached
}

fn attach(folder: &Path, cgroup: i32, kind: NetworkKind) -> Result<(), CgroupError> {
    let mut open = ObjectBuilder::default()
        .open_memory(OBJECT)
        .map_err(CgroupError::Open)?;
    let wanted = kind.programs();
    for mut program in open.progs_mut() {
        let is_wanted = wanted.iter().any(|name| program.name() == *name);
        program.set_autoload(is_wanted);
    }
    let mut object = open.load().map_err(CgroupError::Load)?;
    for mut map in object.maps_mut().filter(|map| map.name() == COUNTER) {
        let path = folder.join(COUNTER);
        map.pin(&path)
            .map_err(|source| CgroupError::Pin { path, source })?;
    }
    for name in wanted {
        let program = object.progs_mut().find(|program| program.name() == name);
        let program = program.ok_or(CgroupError::Missing(name))?;
        // A link stands beside the programs of others (`BPF_F_ALLOW_MULTI`).
        let mut link = program.attach_cgroup(cgroup).map_err(CgroupError::Load)?;
        let path = folder.join(name);
        link.pin(&path)
            .map_err(|source| CgroupError::Pin { path, source })?;
    }
    Ok(())
}

/// Lets a container back. Tells how many packets were refused meanwhile; `None` if it was not cut off.
///
/// # Errors
/// `Folder` if a pin can't be removed: the container is still cut off.
pub fn rejoin_network(pins: &Path, cgroup: CgroupId) -> Result<Option<u64>, CgroupError> {
    let folder = folder_of(pins, cgroup);
    if !folder.exists() {
        return Ok(None);
    }
    let refused = refused_packets(pins, cgroup);
    remove_folder(&folder)?;
    Ok(Some(refused))
}

/// Packets that were refused since a container was cut off; zero if it is not.
pub fn refused_packets(pins: &Path, cgroup: CgroupId) -> u64 {
    let counted = MapHandle::from_pinned_path(folder_of(pins, cgroup).join(COUNTER))
        .and_then(|map| map.lookup(&0u32.to_ne_bytes(), MapFlags::ANY));
    counted
        .ok()
        .flatten()
        .and_then(|bytes| Some(u64::from_ne_bytes(bytes.as_slice().try_into().ok()?)))
        .unwrap_or_default()
}

/// Whether a container is cut off.
pub fn is_cut(pins: &Path, cgroup: CgroupId) -> bool {
    let folder = folder_of(pins, cgroup);
    [NetworkKind::Own, NetworkKind::Host].iter().any(|kind| {
        kind.programs()
            .iter()
            .all(|name| is_alive(&folder.join(name)))
    })
}

/// Removes what is left of containers that have ended; returns those that are cut off.
///
/// # Errors
/// `Folder` if a pin can't be read or removed.
pub fn cut_networks(pins: &Path) -> Result<Vec<CgroupId>, CgroupError> {
    let folder = pins.join(FOLDER);
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut cut = Vec::new();
    for cgroup in cgroups(&folder)? {
        match is_cut(pins, cgroup) {
            true => cut.push(cgroup),
            false => remove_folder(&folder_of(pins, cgroup))?,
        }
    }
    Ok(cut)
}

/// Lets every container back.
pub(super) fn rejoin_all(pins: &Path) -> Result<(), CgroupError> {
    let folder = pins.join(FOLDER);
    if !folder.exists() {
        return Ok(());
    }
    for cgroup in cgroups(&folder)? {
        remove_folder(&folder_of(pins, cgroup))?;
    }
    remove_folder(&folder)
}

fn folder_of(pins: &Path, cgroup: CgroupId) -> std::path::PathBuf {
    pins.join(FOLDER).join(cgroup.0.to_string())
}
