//! The image that all tests share, and containers under a guard of their own.

use rustix::mount::{MountFlags, UnmountFlags, mount};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use yagura_event::{
    CellAction, CgroupId, ContainerKey, DenialEvent, EnforcementRow, KernelEvent, Membership,
};
use yagura_kernel::{Guard, GuardBackend, GuardError, GuardRing, RowJudge, decode};
use yagura_rehearsal::{
    ContainerOptions, Output, Privileges, RootKind, RuntimeChoice, RuntimeProgram,
    ThrowAwayContainer, ThrowAwayImage,
};

/// How long one command in a container may take.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);

/// How long a denial may be on its way.
const DENIAL_TIMEOUT: Duration = Duration::from_secs(5);

static WORLD: OnceLock<World> = OnceLock::new();
static FOLDERS: AtomicU32 = AtomicU32::new(0);
static KEYS: AtomicU64 = AtomicU64::new(1 << 40);

pub(crate) struct World {
    pub(crate) image: Arc<ThrowAwayImage>,
    pub(crate) runtime: RuntimeProgram,
    pub(crate) backend: GuardBackend,
    /// A BPF file system of the tests' own.
    pins: PathBuf,
}

impl World {
    /// Makes everything; tells what is missing for it on this machine, if something is.
    pub(crate) fn begin() -> Result<Option<String>, String> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Some("they need root".to_owned()));
        }
        let runtime = match RuntimeProgram::find(RuntimeChoice::Found) {
            Ok(runtime) => runtime,
            Err(error) => return Ok(Some(error.to_string())),
        };
        let backend = match strongest() {
            Ok(backend) => backend,
            Err(error) => return Ok(Some(format!("this kernel takes no guard: {error}"))),
        };
        let image = ThrowAwayImage::build(&std::env::temp_dir());
        let image = Arc::new(image.map_err(|error| error.to_string())?);
        let pins = std::env::temp_dir().join(format!("yagura-pins-{}", std::process::id()));
        fs::create_dir(&pins).map_err(|error| error.to_string())?;
        mount("bpf", &pins, "bpf", MountFlags::empty(), None).map_err(|error| error.to_string())?;
        println!("enforced by {}", backend.as_str());
        let world = World {
            image,
            runtime,
            backend,
            pins,
        };
        assert!(WORLD.set(world).is_ok(), "begun once");
        Ok(None)
    }

    pub(crate) fn get() -> &'static World {
        WORLD.get().expect("begun before any test")
    }

    /// A folder for pins that no other test uses.
    pub(crate) fn pin_dir(&self) -> PathBuf {
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        self.pins.join(format!("guard-{number}"))
    }

    pub(crate) fn container(
        &self,
        change: impl FnOnce(&mut ContainerOptions),
    ) -> ThrowAwayContainer {
        let mut options = ContainerOptions {
            privileges: Privileges::Privileged,
            ..ContainerOptions::new(self.runtime.clone())
        };
        change(&mut options);
        ThrowAwayContainer::start(&self.image, &options).unwrap()
    }
}

/// Takes the file system for pins away.
pub(crate) fn unmount() {
    if let Some(world) = WORLD.get() {
        rustix::mount::unmount(&world.pins, UnmountFlags::DETACH).unwrap();
        fs::remove_dir(&world.pins).unwrap();
    }
}

/// The strongest backend that this kernel takes.
fn strongest() -> Result<GuardBackend, GuardError> {
    let [lsm, signal] = GuardBackend::ALL;
    match RowJudge::load() {
        Ok(_) if yagura_kernel::probe().iter().any(is_lsm) => Ok(lsm),
        Ok(_) => Ok(signal),
        Err(error) => Err(error),
    }
}

fn is_lsm(capability: &yagura_kernel::Capability) -> bool {
    capability.means == yagura_kernel::Means::BpfLsm && capability.shortfall.is_none()
}

/// A container under a guard.
pub(crate) struct Scene {
    pub(crate) guard: Guard,
    pub(crate) container: ThrowAwayContainer,
    pub(crate) membership: Membership,
    pub(crate) pin_dir: PathBuf,
    ring: GuardRing,
}

impl Scene {
    /// Starts a container and a guard, and puts the row in force.
    pub(crate) fn begin(kind: RootKind, row: &EnforcementRow) -> Scene {
        let world = World::get();
        let pin_dir = world.pin_dir();
        let container = world.container(|options| options.root = kind);
        let mut guard = Guard::start(world.backend, &pin_dir).unwrap();
        let membership = membership(&container);
        guard.protect(&membership, row).unwrap();
        Scene {
            ring: guard.ring().unwrap(),
            guard,
            container,
            membership,
            pin_dir,
        }
    }

    pub(crate) fn shell(&self, script: &str) -> Output {
        self.run(&["/bin/sh", "-c", script])
    }

    pub(crate) fn run(&self, argv: &[&str]) -> Output {
        self.container.exec(argv, TIMEOUT).unwrap()
    }

    /// The denials since the last call, of this container.
    pub(crate) fn denials(&self) -> Vec<DenialEvent> {
        let mut denials = Vec::new();
        self.ring
            .drain(|bytes| match decode(bytes) {
                Ok(KernelEvent::Denied(event)) => denials.push(*event),
                other => panic!("{other:?}"),
            })
            .unwrap();
        denials.retain(|event| event.base.container == self.membership.container);
        denials
    }

    /// Waits for one denial at least.
    pub(crate) fn denied(&self) -> DenialEvent {
        let deadline = Instant::now() + DENIAL_TIMEOUT;
        loop {
            if let Some(event) = self.denials().into_iter().next() {
                return event;
            }
            assert!(Instant::now() < deadline, "nothing was denied");
            std::thread::yield_now();
        }
    }

    pub(crate) fn end(self) {
        let Scene {
            guard,
            container,
            pin_dir,
            ..
        } = self;
        assert_eq!(guard.losses(), []);
        drop(guard);
        Guard::remove(&pin_dir).unwrap();
        container.remove().unwrap();
    }
}

/// How the kernel knows a container.
pub(crate) fn membership(container: &ThrowAwayContainer) -> Membership {
    let pid = container.first_pid();
    let namespace = fs::metadata(format!("/proc/{pid}/ns/mnt")).unwrap().ino();
    let cgroups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let own = cgroups
        .lines()
        .find_map(|line| line.strip_prefix("0::/"))
        .filter(|path| !path.is_empty());
    let id = own.and_then(|path| {
        ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"]
            .into_iter()
            .find_map(|mount| fs::metadata(Path::new(mount).join(path)).ok())
    });
    Membership {
        container: ContainerKey(KEYS.fetch_add(1, Ordering::Relaxed)),
        cgroup: CgroupId(id.map_or(0, |found| found.ino())),
        mount_namespace: u32::try_from(namespace).unwrap(),
    }
}

/// A row that does the same about all drift.
pub(crate) fn all_drift(action: CellAction) -> EnforcementRow {
    let mut row = EnforcementRow::default();
    for cell in row.drift.iter_mut().flatten() {
        cell.action = action;
        cell.rule = 3;
    }
    row
}
