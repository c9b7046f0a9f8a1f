//! Reading denials, and what is pinned, without being the guard.

use super::{Guard, GuardBackend, GuardError, GuardRing, Guarded, pins, read_settings};
use libbpf_rs::RingBufferBuilder;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::Duration;

/// Longest sleep of a reader, after which it looks whether it is to go on.
const SLEEP_MAX: Duration = Duration::from_millis(100);
/// What the names of the guard's programs begin with.
const PROGRAM_PREFIX: &str = "guard_";

/// What goes on without a sensor.
#[derive(Debug, Clone)]
pub struct PinnedGuard {
    /// By what it denies.
    pub backend: GuardBackend,
    /// Whether anything is enforced at all.
    pub is_on: bool,
    /// What is enforced on; the row of containers of which nothing is known is left out.
    pub containers: Vec<Guarded>,
}

impl AsFd for GuardRing {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl GuardRing {
    /// Hands out every record, to be decoded with [`decode()`](crate::decode()), as long as `goes_on` says so, which is
    /// asked several times a second.
    ///
    /// # Errors
    /// If the ring cannot be mapped or waited for.
    pub fn read(
        &self,
        goes_on: impl Fn() -> bool,
        mut record: impl FnMut(&[u8]),
    ) -> Result<(), GuardError> {
        let mut builder = RingBufferBuilder::new();
        builder
            .add(&self.0, |bytes| {
                record(bytes);
                0
            })
            .map_err(GuardError::Ring)?;
        let ring = builder.build().map_err(GuardError::Ring)?;
        while goes_on() {
            match ring.poll(SLEEP_MAX) {
                Ok(()) => {}
                Err(error) if error.kind() == libbpf_rs::ErrorKind::Interrupted => {}
                Err(error) => return Err(GuardError::Ring(error)),
            }
        }
        // What came in while the end was decided.
        ring.consume().map_err(GuardError::Ring)
    }
}

impl Guard {
    /// What a guard that is pinned in the folder enforces without a sensor; `None` if there is none. Containers are known of this version's alone.
    ///
    /// # Errors
    /// If a pin cannot be read.
    pub fn pinned(pin_dir: &Path) -> Result<Option<PinnedGuard>, GuardError> {
        for backend in GuardBackend::ALL {
            if let Some(pinned) = pins::find(backend, pin_dir) {
                let guard = Guard::of(backend, pinned)?;
                let settings = read_settings(&guard.pinned.dir)?;
                let containers = guard.list().into_iter();
                return Ok(Some(PinnedGuard {
                    backend,
                    is_on: settings.enabled != 0,
                    containers: containers
                        .filter(|known| known.membership.container.0 != 0)
                        .collect(),
                }));
            }
        }
        // Another version of the product may have left its own, of whose rows nothing is known here.
        for version in pins::versions(pin_dir)? {
            let name = version.file_name().unwrap_or_default();
            let name = name.to_string_lossy();
            let of = |backend: &GuardBackend| name.starts_with(backend.as_str());
            if let Some(backend) = GuardBackend::ALL.into_iter().find(of) {
                return Ok(Some(PinnedGuard {
                    backend,
                    is_on: read_settings(&version)?.enabled != 0,
                    containers: Vec::new(),
                }));
            }
        }
        Ok(None)
    }
}

/// Names of the guard's programs that the kernel has loaded, whoever did: none should be left after
/// [`Guard::remove`]. Empty as well if the kernel does not tell.
pub fn loaded_guard_programs() -> Vec<String> {
    libbpf_rs::query::ProgInfoIter::default()
        .map(|program| program.name.to_string_lossy().into_owned())
        .filter(|name| name.starts_with(PROGRAM_PREFIX))
        .collect()
}
