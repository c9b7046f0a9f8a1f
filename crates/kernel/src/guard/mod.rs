//! The kernel's half of prevention: BPF programs that deny what a container's row says, pinned so that they outlive the
//! sensor.

mod ask;
mod error;
mod pins;
mod programs;
mod read;
mod rows;

pub use ask::{KernelQuestion, RowJudge};
pub use error::GuardError;
pub use programs::{GuardProgram, Stopping, means_of, programs_of};
pub use read::{PinnedGuard, loaded_guard_programs};

use crate::losses;
use libbpf_rs::{MapCore as _, MapFlags, MapHandle, RingBufferBuilder};
use pins::Pinned;
use rows::{InForce, Rows};
use rustix::time::{ClockId, clock_gettime};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use yagura_event::{
    CgroupId, ContainerKey, Drop, DropPlace, DropReason, EnforcementRow, FileFacts, Membership,
};

/// The row of containers of which nothing is known yet.
const DEFAULT_ROW: ContainerKey = ContainerKey(0);
/// Age of a change from which on another one has another time: two ticks of the slowest kernel clock.
const CHANGES_TOLD_APART_NS: i64 = 20_000_000;

/// By what the kernel denies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GuardBackend {
    /// BPF LSM: refused before it takes effect.
    Lsm,
    /// Tracepoints: a signal before the process runs on.
    Signal,
}

impl GuardBackend {
    /// Every backend, the stronger first.
    pub const ALL: [GuardBackend; 2] = [GuardBackend::Lsm, GuardBackend::Signal];

    /// The name in output and of its pins.
    pub fn as_str(self) -> &'static str {
        match self {
            GuardBackend::Lsm => "guard-lsm",
            GuardBackend::Signal => "guard-signal",
        }
    }

    fn object(self) -> &'static [u8] {
        match self {
            GuardBackend::Lsm => include_bytes!(concat!(env!("OUT_DIR"), "/guard_lsm.bpf.o")),
            GuardBackend::Signal => {
                include_bytes!(concat!(env!("OUT_DIR"), "/guard_signal.bpf.o"))
            }
        }
    }
}

/// A container that the kernel enforces on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guarded {
    /// How its processes are known; key zero is the row of containers of which nothing is known yet.
    pub membership: Membership,
    /// Whether it was released by hand: its row is kept, and nothing is enforced.
    pub is_released: bool,
}

/// The ring of denials, to be read with [`Observer::read_with`](crate::Observer::read_with).
#[derive(Debug)]
pub struct GuardRing(pub(crate) MapHandle);

impl GuardRing {
    /// Takes every record that waits, to be decoded with [`decode()`](crate::decode()). One reader at a time.
    ///
    /// # Errors
    /// If the ring cannot be mapped.
    pub fn drain(&self, mut record: impl FnMut(&[u8])) -> Result<(), GuardError> {
        let mut builder = RingBufferBuilder::new();
        builder
            .add(&self.0, |bytes| {
                record(bytes);
                0
            })
            .map_err(GuardError::Ring)?;
        let ring = builder.build().map_err(GuardError::Ring)?;
        ring.consume().map_err(GuardError::Ring)
    }
}

/// What the kernel side loses, by index of the losses map (`enum guard_loss` in rows.h).
const LOSSES: [(DropPlace, DropReason); 4] = [
    (DropPlace::EnforcementRing, DropReason::Full),
    (DropPlace::Program, DropReason::NoStorage),
    (DropPlace::Program, DropReason::NoStorage),
    (DropPlace::Program, DropReason::TimedOut),
];

/// The guard in force. Dropping it changes nothing: what is pinned goes on, and is adopted by the next start.
pub struct Guard {
    backend: GuardBackend,
    pinned: Pinned,
    rows: Rows,
    cgroups: MapHandle,
    namespaces: MapHandle,
    verdicts: MapHandle,
    losses: MapHandle,
    members: BTreeMap<ContainerKey, Membership>,
    reported: RefCell<[u64; LOSSES.len()]>,
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guard")
            .field("backend", &self.backend)
            .field("containers", &self.members.len())
            .finish_non_exhaustive()
    }
}

impl Guard {
    /// Adopts the guard that is pinned in the folder if it is of this version; otherwise puts this version in its place,
    /// which takes over its rows. The folder must be on a BPF file system
    /// ([`ensure_bpffs`](crate::ensure_bpffs)).
    ///
    /// # Errors
    /// [`GuardError`] says which step failed; what was in force before still is.
    pub fn start(backend: GuardBackend, pin_dir: &Path) -> Result<Guard, GuardError> {
        Guard::of(backend, pins::begin(backend, pin_dir)?)
    }

    fn of(backend: GuardBackend, pinned: Pinned) -> Result<Guard, GuardError> {
        let mut guard = Guard {
            backend,
            rows: Rows::new(pinned.map("guard_rows")?, pinned.map("guard_allow")?),
            cgroups: pinned.map("guard_cgroups")?,
            namespaces: pinned.map("guard_namespaces")?,
            verdicts: pinned.map("guard_verdicts")?,
            losses: pinned.map("guard_losses")?,
            members: BTreeMap::new(),
            reported: RefCell::new([0; LOSSES.len()]),
            pinned,
        };
        guard.learn_members();
        Ok(guard)
    }

    /// By what it denies.
    pub fn backend(&self) -> GuardBackend {
        self.backend
    }

    /// Whether it was in force before this start.
    pub fn was_adopted(&self) -> bool {
        self.pinned.adopted
    }

    /// Puts a container's row in force, and tells the kernel by what it knows the container's processes. A container that
    /// was released stays so.
    ///
    /// # Errors
    /// If the row has more than the kernel has room for, or a map is full; then the row before is in force.
    pub fn protect(
        &mut self,
        membership: &Membership,
        row: &EnforcementRow,
    ) -> Result<(), GuardError> {
        let container = membership.container;
        let in_force = self.rows.in_force(container).unwrap_or(InForce::Enforced);
        self.rows.put(container, row, in_force)?;
        let known = self.members.get(&container) == Some(membership);
        if !known {
            self.drop_member(container);
            self.add_member(membership)?;
        }
        Ok(())
    }

    /// Takes the row of a container that has ended away.
    ///
    /// # Errors
    /// If the kernel cannot be told.
    pub fn forget(&mut self, container: ContainerKey) -> Result<(), GuardError> {
        self.drop_member(container);
        self.rows.remove(container);
        self.next_generation()
    }

    /// Puts the row in force by which containers are enforced of which nothing is known yet.
    ///
    /// # Errors
    /// As [`Guard::protect`].
    pub fn set_default(&mut self, row: &EnforcementRow) -> Result<(), GuardError> {
        self.rows.put(DEFAULT_ROW, row, InForce::Enforced)
    }

    /// Lets exactly this content run in a container: whoever calls has read it after its last change and compared it with
    /// the image's. Holds until the file changes; a full map forgets the least used.
    ///
    /// # Errors
    /// [`GuardError::TooFresh`] if a change after the reading might go unseen: to be read and tried again.
    pub fn trust_file(&self, container: ContainerKey, file: &FileFacts) -> Result<(), GuardError> {
        let now = clock_gettime(ClockId::Realtime);
        let now = now
            .tv_sec
            .saturating_mul(1_000_000_000)
            .saturating_add(now.tv_nsec);
        let age = now.saturating_sub(file.key.ctime_ns);
        if age < CHANGES_TOLD_APART_NS {
            return Err(GuardError::TooFresh(age / 1_000_000));
        }
        let mut key = Vec::with_capacity(40);
        key.extend(container.0.to_ne_bytes());
        key.extend(file.key.id.ino.to_ne_bytes());
        key.extend(file.key.id.dev.to_ne_bytes());
        key.extend(file.key.generation.to_ne_bytes());
        key.extend(file.key.ctime_ns.to_ne_bytes());
        key.extend(file.key.size.to_ne_bytes());
        self.verdicts
            .update(&key, &1u64.to_ne_bytes(), MapFlags::ANY)
            .map_err(|source| GuardError::Write {
                map: "guard_verdicts",
                source,
            })
    }

    /// Ends all enforcement on a container, or on all of them, until [`Guard::resume`]. Rows are kept.
    ///
    /// # Errors
    /// [`GuardError::UnknownContainer`], or if the kernel cannot be told.
    pub fn release(&mut self, container: Option<ContainerKey>) -> Result<(), GuardError> {
        match container {
            None => change_settings(&self.pinned.dir, |settings| settings.enabled = 0),
            Some(container) => self.set_in_force(container, InForce::Released),
        }
    }

    /// Takes back what [`Guard::release`] did to a container, or to all at once; single ones that were released stay so.
    ///
    /// # Errors
    /// As [`Guard::release`].
    pub fn resume(&mut self, container: Option<ContainerKey>) -> Result<(), GuardError> {
        match container {
            None => switch_on(&self.pinned.dir),
            Some(container) => self.set_in_force(container, InForce::Enforced),
        }
    }

    /// Whether anything is enforced at all.
    pub fn is_on(&self) -> bool {
        read_settings(&self.pinned.dir).is_ok_and(|settings| settings.enabled != 0)
    }

    /// What is enforced on, the default row among it.
    pub fn list(&self) -> Vec<Guarded> {
        let rows = self.rows.list().into_iter();
        let guarded = rows.map(|(container, in_force)| {
            let unknown = Membership {
                container,
                ..Membership::default()
            };
            Guarded {
                membership: self.members.get(&container).copied().unwrap_or(unknown),
                is_released: in_force == InForce::Released,
            }
        });
        guarded.collect()
    }

    /// What the kernel side lost since the last call.
    pub fn losses(&self) -> Vec<Drop> {
        losses::since(&self.losses, LOSSES, &mut self.reported.borrow_mut())
    }

    /// Programs that this kernel has no place for; what they would have prevented is not.
    pub fn missing(&self) -> &[&'static GuardProgram] {
        &self.pinned.missing
    }

    /// The ring of denials.
    ///
    /// # Errors
    /// If its pin is gone.
    pub fn ring(&self) -> Result<GuardRing, GuardError> {
        self.pinned.map("guard_ring").map(GuardRing)
    }

    /// Ends all enforcement and leaves nothing of the guard in the folder for pins.
    ///
    /// # Errors
    /// If a pin cannot be removed.
    pub fn remove(pin_dir: &Path) -> Result<(), GuardError> {
        pins::clear(pin_dir)
    }

    /// Ends all enforcement of whatever guard is pinned, of any version, without a sensor. Returns whether there is one.
    ///
    /// # Errors
    /// If a pinned guard cannot be told.
    pub fn switch_off_pinned(pin_dir: &Path) -> Result<bool, GuardError> {
        let versions = pins::versions(pin_dir)?;
        for version in &versions {
            change_settings(version, |settings| settings.enabled = 0)?;
        }
        Ok(!versions.is_empty())
    }

    /// Takes back what [`Guard::switch_off_pinned`] did.
    ///
    /// # Errors
    /// If a pinned guard cannot be told.
    pub fn switch_on_pinned(pin_dir: &Path) -> Result<bool, GuardError> {
        let versions = pins::versions(pin_dir)?;
        for version in &versions {
            switch_on(version)?;
        }
        Ok(!versions.is_empty())
    }

    fn set_in_force(&self, container: ContainerKey, in_force: InForce) -> Result<(), GuardError> {
        if self.rows.set_in_force(container, in_force)? {
            Ok(())
        } else {
            Err(GuardError::UnknownContainer(container.0))
        }
    }

    /// Reads back which cgroups and namespaces lead to which container.
    fn learn_members(&mut self) {
        for (key, container) in entries(&self.cgroups) {
            let id = key.first_chunk().map(|id| u64::from_ne_bytes(*id));
            self.member(container).cgroup = CgroupId(id.unwrap_or_default());
        }
        for (key, container) in entries(&self.namespaces) {
            let number = key.first_chunk().map(|number| u32::from_ne_bytes(*number));
            self.member(container).mount_namespace = number.unwrap_or_default();
        }
        let rows: HashSet<_> = self.rows.list().into_iter().map(|(key, _)| key).collect();
        self.members.retain(|key, _| rows.contains(key));
    }

    fn member(&mut self, container: ContainerKey) -> &mut Membership {
        self.members.entry(container).or_insert(Membership {
            container,
            ..Membership::default()
        })
    }

    fn add_member(&mut self, membership: &Membership) -> Result<(), GuardError> {
        let key = membership.container.0.to_ne_bytes();
        let write = |map: &MapHandle, name, from: &[u8]| {
            map.update(from, &key, MapFlags::ANY)
                .map_err(|source| GuardError::Write { map: name, source })
        };
        if membership.cgroup.0 != 0 {
            let from = membership.cgroup.0.to_ne_bytes();
            write(&self.cgroups, "guard_cgroups", &from)?;
        }
        // The number of a namespace is used again as soon as the container has ended, that of a cgroup never.
        if membership.mount_namespace != 0 && membership.cgroup.0 == 0 {
            let from = membership.mount_namespace.to_ne_bytes();
            write(&self.namespaces, "guard_namespaces", &from)?;
        }
        self.members.insert(membership.container, *membership);
        self.next_generation()
    }

    /// Forgets by what a container's processes are known, unless another container has taken its place: a sensor that was
    /// started anew knows the same container by another key.
    fn drop_member(&mut self, container: ContainerKey) {
        let Some(known) = self.members.remove(&container) else {
            return;
        };
        delete_own(&self.cgroups, &known.cgroup.0.to_ne_bytes(), container);
        delete_own(
            &self.namespaces,
            &known.mount_namespace.to_ne_bytes(),
            container,
        );
    }

    fn next_generation(&self) -> Result<(), GuardError> {
        change_settings(&self.pinned.dir, |settings| {
            settings.generation = settings.generation.wrapping_add(1);
        })
    }
}

/// Deletes an entry that leads to the container. Gone already is as good.
fn delete_own(map: &MapHandle, key: &[u8], container: ContainerKey) {
    let found = map.lookup(key, MapFlags::ANY).ok().flatten();
    if found.is_some_and(|value| value == container.0.to_ne_bytes()) {
        let _ = map.delete(key);
    }
}

/// The entries of a map whose values are containers.
fn entries(map: &MapHandle) -> Vec<(Vec<u8>, ContainerKey)> {
    let entries = map.keys().filter_map(|key| {
        let value = map.lookup(&key, MapFlags::ANY).ok()??;
        let container = ContainerKey(u64::from_ne_bytes(*value.first_chunk()?));
        Some((key, container))
    });
    entries.collect()
}

/// What the kernel side goes by (`struct guard_settings`).
#[derive(Debug, Clone, Copy, Default)]
struct Settings {
    enabled: u32,
    generation: u32,
    wall_minus_boot_ns: i64,
}

fn read_settings(dir: &Path) -> Result<Settings, GuardError> {
    let map = pins::open_map(dir, "guard_settings")?;
    let bytes = map
        .lookup(&0u32.to_ne_bytes(), MapFlags::ANY)
        .map_err(|source| GuardError::Write {
            map: "guard_settings",
            source,
        })?
        .unwrap_or_default();
    let parsed = bytes.split_first_chunk().and_then(|(enabled, rest)| {
        let (generation, rest) = rest.split_first_chunk()?;
        Some(Settings {
            enabled: u32::from_ne_bytes(*enabled),
            generation: u32::from_ne_bytes(*generation),
            wall_minus_boot_ns: i64::from_ne_bytes(*rest.first_chunk()?),
        })
    });
    Ok(parsed.unwrap_or_default())
}

fn change_settings(dir: &Path, change: impl FnOnce(&mut Settings)) -> Result<(), GuardError> {
    let map = pins::open_map(dir, "guard_settings")?;
    let mut settings = read_settings(dir)?;
    change(&mut settings);
    let mut bytes = Vec::with_capacity(16);
    bytes.extend(settings.enabled.to_ne_bytes());
    bytes.extend(settings.generation.to_ne_bytes());
    bytes.extend(settings.wall_minus_boot_ns.to_ne_bytes());
    map.update(&0u32.to_ne_bytes(), &bytes, MapFlags::ANY)
        .map_err(|source| GuardError::Write {
            map: "guard_settings",
            source,
        })
}

fn switch_on(dir: &Path) -> Result<(), GuardError> {
    change_settings(dir, |settings| settings.enabled = 1)
}
