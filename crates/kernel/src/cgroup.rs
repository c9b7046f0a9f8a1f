//! cgroup BPF: programs on a container's own cgroup that refuse devices, kernel settings and runtimes' sockets, on kernels
//! without BPF LSM too.
//!
//! They stand on the container's version 2 cgroup and so on all that it makes below. Programs and rows are pinned: what is
//! denied stays denied while the sensor is away, and is taken over when it comes back. All programs on a cgroup have to
//! agree, so nothing becomes allowed that the runtime denies.
//!
//! What they do not see:
//! * a process that has left the cgroup, as a privileged container can;
//! * runtimes' sockets by anything but the name that connect is given: a link or another mount point of another name is
//!   no such name. Kernels before Linux 6.7 do not ask at all;
//! * /proc/kcore, binfmt_misc, /proc/sysrq-trigger and /sys, which are no settings of /proc/sys;
//! * for allow lists: which program acts. What such a list may let through is left to other means
//!   ([`CgroupInstalled::left_out`]).

mod network;
mod row;

pub use network::{
    NetworkKind, cut_network, cut_networks, is_cut, refused_packets, rejoin_network,
};

use libbpf_rs::query::LinkTypeInfo;
use libbpf_rs::{Link, MapCore as _, MapFlags, MapHandle, Object, ObjectBuilder, OpenObject};
use rustix::fs::{Mode, OFlags, fstat, fstatfs, open};
use std::cell::Cell;
use std::fs;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use yagura_event::{
    BehaviourSet, CgroupId, Drop as Lost, DropPlace, DropReason, EnforcementMeans, EnforcementRow,
    Membership,
};

const OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/cgroup.bpf.o"));
/// Where everything is pinned, below the folder that is given.
const FOLDER: &str = "cgroup";
/// `linux/magic.h` CGROUP2_SUPER_MAGIC.
const CGROUP2_MAGIC: i64 = 0x6367_7270;
/// Id of the cgroup at the top of the hierarchy, in which the host's processes are.
const TOP_CGROUP: u64 = 1;
/// Last components of the names of runtimes' sockets; at most 31 bytes each (`SOCKET_NAME_BYTES`).
const RUNTIME_SOCKETS: [&str; 9] = [
    "docker.sock",
    "containerd.sock",
    "containerd.sock.ttrpc",
    "crio.sock",
    "podman.sock",
    "cri-dockerd.sock",
    "dockershim.sock",
    "buildkitd.sock",
    "k3s.sock",
];
const SOCKET_NAME_BYTES: usize = 32;

/// A program, where its links are pinned, and the means that it is.
struct Program {
    name: &'static str,
    pin: &'static str,
    means: EnforcementMeans,
}

const PROGRAMS: [Program; 3] = [
    Program {
        name: "enforce_device",
        pin: "device",
        means: EnforcementMeans::CgroupDevice,
    },
    Program {
        name: "enforce_sysctl",
        pin: "sysctl",
        means: EnforcementMeans::CgroupSysctl,
    },
    Program {
        name: "enforce_connect_unix",
        pin: "connect_unix",
        means: EnforcementMeans::CgroupConnect,
    },
];

/// A means that can't be used.
#[derive(Debug)]
pub struct CgroupShortfall {
    /// Which.
    pub means: EnforcementMeans,
    /// The kernel's reason.
    pub reason: libbpf_rs::Error,
}

/// What is in force on a container.
#[derive(Debug)]
pub struct CgroupInstalled {
    /// What is denied or watched, as far as nothing in `refused` is needed for it.
    pub decided: BehaviourSet,
    /// What rules deny or watch but is left to other means, since their allow lists ask for more than is seen here.
    pub left_out: BehaviourSet,
    /// Programs that the cgroup does not take.
    pub refused: Vec<CgroupShortfall>,
}

/// Why cgroup BPF can't be used or a row can't be installed.
#[derive(Debug, thiserror::Error)]
pub enum CgroupError {
    /// The object could not be opened.
    #[error("BPF object for cgroups cannot be opened")]
    Open(#[source] libbpf_rs::Error),
    /// A map of an earlier run could not be taken over; [`remove_cgroup_pins`] makes room, and ends what it enforced.
    #[error("map {map} of an earlier run cannot be taken over")]
    Adopt {
        /// The map.
        map: &'static str,
        /// The kernel's reason.
        source: libbpf_rs::Error,
    },
    /// The kernel takes none of the programs.
    #[error("kernel refused the programs for cgroups")]
    Load(#[source] libbpf_rs::Error),
    /// A program or map is not in the object.
    #[error("{0} is missing from the BPF object")]
    Missing(&'static str),
    /// Something could not be pinned.
    #[error("{path} cannot be pinned")]
    Pin {
        /// Where.
        path: PathBuf,
        /// The kernel's reason.
        source: libbpf_rs::Error,
    },
    /// A folder of pins could not be made, read or removed.
    #[error("{path} cannot be changed")]
    Folder {
        /// Where.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The container's cgroup could not be opened.
    #[error("cgroup {path} cannot be opened")]
    Cgroup {
        /// Where.
        path: PathBuf,
        /// What the kernel said.
        source: rustix::io::Errno,
    },
    /// The folder is no version 2 cgroup of the container's own: the host's top, or another than the membership says.
    #[error("{path} is not the container's own cgroup (version 2)")]
    NotItsOwn {
        /// Where.
        path: PathBuf,
    },
    /// The row could not be written; what was in force before still is.
    #[error("row cannot be written")]
    Row(#[source] libbpf_rs::Error),
}

/// The programs that stand on cgroups. What is installed stays when it is dropped.
pub struct CgroupGuard {
    object: Object,
    folder: PathBuf,
    rows: MapHandle,
    ring: MapHandle,
    losses: MapHandle,
    reported: Cell<u64>,
    missing: Vec<CgroupShortfall>,
}

impl std::fmt::Debug for CgroupGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CgroupGuard")
            .field("folder", &self.folder)
            .field("missing", &self.missing)
            .finish_non_exhaustive()
    }
}

impl CgroupGuard {
    /// Loads the programs. What an earlier run has pinned below `pins`, a folder of a BPF file system, is taken over: its
    /// rows stay in force, and its programs are replaced by these. Denials go to `ring` or, without one, to a ring of its own.
    ///
    /// # Errors
    /// [`CgroupError`]; what was in force before still is.
    pub fn start(pins: &Path, ring: Option<BorrowedFd<'_>>) -> Result<CgroupGuard, CgroupError> {
        libbpf_rs::set_print(None);
        let folder = pins.join(FOLDER);
        make_folder(&folder)?;
        let (mut object, missing) = load(&folder, ring)?;
        let rows = handle(&object, "cgroup_rows")?;
        let losses = handle(&object, "cgroup_losses")?;
        let shared = handle(&object, "guard_ring")?;
        for mut map in object.maps_mut() {
            let pin = match map.name().to_str() {
                Some("cgroup_rows") => "rows",
                Some("guard_ring") if ring.is_none() => "ring",
                _ => continue,
            };
            let path = folder.join(pin);
            if !path.exists() {
                map.pin(&path)
                    .map_err(|source| CgroupError::Pin { path, source })?;
            }
        }
        let guard = CgroupGuard {
            object,
            folder,
            rows,
            ring: shared,
            losses,
            reported: Cell::new(0),
            missing,
        };
        guard.name_sockets()?;
        guard.take_over()?;
        Ok(guard)
    }

    /// Means that this kernel does not take.
    pub fn missing(&self) -> &[CgroupShortfall] {
        &self.missing
    }

    /// Where denials are told, as records for [`decode()`](crate::decode()).
    pub fn ring(&self) -> &MapHandle {
        &self.ring
    }

    /// Puts a row in force on a container, given by its version 2 cgroup; the one before is replaced at once and as a whole.
    ///
    /// # Errors
    /// [`CgroupError`]; what was in force before still is.
    pub fn install(
        &self,
        membership: &Membership,
        directory: &Path,
        row: &EnforcementRow,
    ) -> Result<CgroupInstalled, CgroupError> {
        let cgroup = open_cgroup(membership.cgroup, directory)?;
        let encoded = row::encode(membership, row);
        let mut installed = CgroupInstalled {
            decided: encoded.decided,
            left_out: encoded.left_out,
            refused: Vec::new(),
        };
        if encoded.is_empty() {
            self.remove(membership.cgroup)?;
            return Ok(installed);
        }
        let folder = self.folder.join(membership.cgroup.0.to_string());
        make_folder(&folder)?;
        for program in &PROGRAMS {
            let path = folder.join(program.pin);
            if self.is_missing(program) || path.exists() {
                continue;
            }
            match self.attach(program, &cgroup) {
                Ok(mut link) => link
                    .pin(&path)
                    .map_err(|source| CgroupError::Pin { path, source })?,
                Err(reason) => installed.refused.push(CgroupShortfall {
                    means: program.means,
                    reason,
                }),
            }
        }
        // Made by the kernel when the first program was attached, zeroed.
        self.rows
            .update(
                &membership.cgroup.0.to_ne_bytes(),
                &encoded.bytes,
                MapFlags::ANY,
            )
            .map_err(CgroupError::Row)?;
        Ok(installed)
    }

    /// Ends what is in force on a container.
    ///
    /// # Errors
    /// `Folder` if a pin can't be removed: what it holds is still in force.
    pub fn remove(&self, cgroup: CgroupId) -> Result<(), CgroupError> {
        remove_folder(&self.folder.join(cgroup.0.to_string()))
    }

    /// The cgroups on which something is in force.
    ///
    /// # Errors
    /// `Folder` if the pins can't be read.
    pub fn installed(&self) -> Result<Vec<CgroupId>, CgroupError> {
        cgroups(&self.folder)
    }

    /// Removes what is left of containers that have ended; returns their cgroups.
    ///
    /// # Errors
    /// `Folder` if a pin can't be read or removed.
    pub fn sweep(&self) -> Result<Vec<CgroupId>, CgroupError> {
        let mut swept = Vec::new();
        for cgroup in self.installed()? {
            let folder = self.folder.join(cgroup.0.to_string());
            if !PROGRAMS
                .iter()
                .any(|program| is_alive(&folder.join(program.pin)))
            {
                remove_folder(&folder)?;
                swept.push(cgroup);
            }
        }
        Ok(swept)
    }

    /// Denials that were in force and could not be told, since the last call.
    pub fn take_losses(&self) -> Option<Lost> {
        let values = self
            .losses
            .lookup_percpu(&0u32.to_ne_bytes(), MapFlags::ANY)
            .ok()??;
        let sum: u64 = values
            .iter()
            .filter_map(|value| Some(u64::from_ne_bytes(value.as_slice().try_into().ok()?)))
            .fold(0, u64::saturating_add);
        let count = sum.saturating_sub(self.reported.replace(sum));
        (count > 0).then_some(Lost {
            place: DropPlace::EnforcementRing,
            reason: DropReason::Full,
            count,
        })
    }

    fn is_missing(&self, program: &Program) -> bool {
        self.missing.iter().any(|left| left.means == program.means)
    }

    fn attach(&self, program: &Program, cgroup: &OwnedFd) -> Result<Link, libbpf_rs::Error> {
        let found = self
            .object
            .progs_mut()
            .find(|candidate| candidate.name() == program.name);
        match found {
            // A link stands beside the programs of others (`BPF_F_ALLOW_MULTI`).
            Some(loaded) => loaded.attach_cgroup(cgroup.as_raw_fd()),
            None => Err(io::Error::from(io::ErrorKind::NotFound).into()),
        }
    }

    fn name_sockets(&self) -> Result<(), CgroupError> {
        let names = handle(&self.object, "runtime_sockets")?;
        for name in RUNTIME_SOCKETS {
            let mut key = name.as_bytes().to_vec();
            key.resize(SOCKET_NAME_BYTES, 0);
            names
                .update(&key, &[1], MapFlags::ANY)
                .map_err(CgroupError::Row)?;
        }
        Ok(())
    }

    /// Has the programs of an earlier run replaced, each at once.
    fn take_over(&self) -> Result<(), CgroupError> {
        self.sweep()?;
        for cgroup in self.installed()? {
            for program in &PROGRAMS {
                let path = self.folder.join(cgroup.0.to_string()).join(program.pin);
                if !path.exists() {
                    continue;
                }
                let pinned = |source| CgroupError::Pin {
                    path: path.clone(),
                    source,
                };
                let mut link = Link::open(&path).map_err(pinned)?;
                let loaded = self
                    .object
                    .progs_mut()
                    .find(|candidate| candidate.name() == program.name);
                if let Some(loaded) = loaded.filter(|_| !self.is_missing(program)) {
                    link.update_prog(&loaded).map_err(pinned)?;
                }
            }
        }
        Ok(())
    }
}

/// Ends everything that is in force by cgroup BPF, networks that are cut off among it, and removes what is pinned below
/// `pins`.
///
/// # Errors
/// `Folder` if a pin can't be removed: what it holds is still in force.
pub fn remove_cgroup_pins(pins: &Path) -> Result<(), CgroupError> {
    network::rejoin_all(pins)?;
    let folder = pins.join(FOLDER);
    if !folder.exists() {
        return Ok(());
    }
    for cgroup in cgroups(&folder)? {
        remove_folder(&folder.join(cgroup.0.to_string()))?;
    }
    remove_folder(&folder)
}

/// Tries which of the means this kernel takes, by loading each alone.
pub fn probe_cgroup() -> Vec<(EnforcementMeans, Option<libbpf_rs::Error>)> {
    libbpf_rs::set_print(None);
    PROGRAMS
        .iter()
        .map(|program| {
            let loaded = open_object().and_then(|open| load_only(open, &[program.name]));
            (program.means, loaded.err())
        })
        .collect()
}

fn open_object() -> Result<OpenObject, libbpf_rs::Error> {
    ObjectBuilder::default().open_memory(OBJECT)
}

fn load_only(mut open: OpenObject, names: &[&str]) -> Result<Object, libbpf_rs::Error> {
    for mut program in open.progs_mut() {
        let is_wanted = names.iter().any(|name| program.name() == *name);
        program.set_autoload(is_wanted);
    }
    open.load()
}

/// Loads the programs that the kernel takes, with the maps of an earlier run and the ring that is given.
fn load(
    folder: &Path,
    ring: Option<BorrowedFd<'_>>,
) -> Result<(Object, Vec<CgroupShortfall>), CgroupError> {
    let mut missing = Vec::new();
    let mut names = Vec::new();
    for (program, (means, shortfall)) in PROGRAMS.iter().zip(probe_cgroup()) {
        match shortfall {
            Some(reason) => missing.push(CgroupShortfall { means, reason }),
            None => names.push(program.name),
        }
    }
    if names.is_empty() {
        let first = missing.into_iter().next();
        return Err(
            first.map_or(CgroupError::Missing("every program"), |shortfall| {
                CgroupError::Load(shortfall.reason)
            }),
        );
    }
    let mut open = open_object().map_err(CgroupError::Open)?;
    for mut map in open.maps_mut() {
        let (map_name, path) = match map.name().to_str() {
            Some("cgroup_rows") => ("rows", folder.join("rows")),
            Some("guard_ring") => ("ring", folder.join("ring")),
            _ => continue,
        };
        let adopted = match ring.filter(|_| map_name == "ring") {
            Some(ring) => map.reuse_fd(ring),
            None if path.exists() => map.reuse_pinned_map(&path),
            None => Ok(()),
        };
        adopted.map_err(|source| CgroupError::Adopt {
            map: map_name,
            source,
        })?;
    }
    let object = load_only(open, &names).map_err(CgroupError::Load)?;
    Ok((object, missing))
}

fn handle(object: &Object, name: &'static str) -> Result<MapHandle, CgroupError> {
    let map = object
        .maps()
        .find(|map| map.name() == name)
        .ok_or(CgroupError::Missing(name))?;
    MapHandle::try_from(&map).map_err(CgroupError::Open)
}

/// Opens a container's cgroup, if it is that.
fn open_cgroup(cgroup: CgroupId, path: &Path) -> Result<OwnedFd, CgroupError> {
    let failed = |source| CgroupError::Cgroup {
        path: path.to_owned(),
        source,
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let directory = open(path, flags, Mode::empty()).map_err(failed)?;
    let magic = fstatfs(directory.as_fd()).map_err(failed)?.f_type;
    let id = fstat(directory.as_fd()).map_err(failed)?.st_ino;
    if magic != CGROUP2_MAGIC || id != cgroup.0 || id == TOP_CGROUP {
        return Err(CgroupError::NotItsOwn {
            path: path.to_owned(),
        });
    }
    Ok(directory)
}

/// Whether a pinned link still stands on a cgroup.
fn is_alive(path: &Path) -> bool {
    let Ok(info) = Link::open(path).and_then(|link| link.info()) else {
        return false;
    };
    // The kernel takes a link off when its cgroup is removed; it then tells zero.
    matches!(info.info, LinkTypeInfo::Cgroup(cgroup) if cgroup.cgroup_id != 0)
}

fn make_folder(path: &Path) -> Result<(), CgroupError> {
    fs::create_dir_all(path).map_err(|source| CgroupError::Folder {
        path: path.to_owned(),
        source,
    })
}

fn remove_folder(path: &Path) -> Result<(), CgroupError> {
    match fs::remove_dir_all(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(CgroupError::Folder {
            path: path.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}

fn cgroups(folder: &Path) -> Result<Vec<CgroupId>, CgroupError> {
    let failed = |source| CgroupError::Folder {
        path: folder.to_owned(),
        source,
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if let Some(id) = name.to_str().and_then(|name| name.parse().ok()) {
            found.push(CgroupId(id));
        }
    }
    Ok(found)
}
