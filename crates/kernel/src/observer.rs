//! Loads and attaches the observing programs and reads their rings.

use crate::calls::Calls;
use crate::losses;
use crate::programs::{EXISTING, INTERPRETERS, PROGRAMS, interpreter_key};
use crate::records::{IMAGE_FILE_KEY_BYTES, SETTINGS_BYTES};
use crate::written::Written;
use libbpf_rs::btf::{Btf, types::Typedef};
use libbpf_rs::{
    Link, MapCore, MapFlags, MapHandle, Object, ObjectBuilder, OpenObject, RingBufferBuilder,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::time::{ClockId, clock_gettime};
use std::cell::RefCell;
use std::ops::ControlFlow;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::Duration;
use yagura_event::{
    ContainerKey, Drop, DropPlace, DropReason, FileFacts, FileKey, MonotonicNs, ProgramKey, Writer,
};

const OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/observe.bpf.o"));

/// Longest sleep: records that are not urgent wait for the reader to look by itself.
const SLEEP_MAX: Duration = Duration::from_millis(250);
/// First sleep after records were read. A CPU that has woken the reader for calls in volume does not wake it again within
/// a millisecond (`CALL_WAKE_NS`): what it sent meanwhile is found by looking again.
const LINGER: Duration = Duration::from_millis(1);
/// Records read before the reader's other work gets its turn.
const RECORDS_PER_TURN: usize = 1024;

/// Why observation could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The object could not be opened or a map could not be made.
    #[error("BPF object cannot be opened")]
    Open(#[source] libbpf_rs::Error),
    /// The kernel refused the programs.
    #[error("kernel refused the BPF programs")]
    Load(#[source] libbpf_rs::Error),
    /// A program that observation needs could not be attached.
    #[error("{program} cannot be attached to {attach_point}")]
    Attach {
        /// The program.
        program: &'static str,
        /// Where it belongs.
        attach_point: &'static str,
        /// The kernel's reason.
        source: libbpf_rs::Error,
    },
    /// A program or map is not in the object.
    #[error("{0} is missing from the BPF object")]
    Missing(&'static str),
    /// A map refused its contents.
    #[error("map {map} cannot be filled")]
    Fill {
        /// The map.
        map: &'static str,
        /// The kernel's reason.
        source: libbpf_rs::Error,
    },
    /// What is wanted of calls could not be written.
    #[error("kernel side cannot be told which calls are wanted")]
    Tell(#[source] crate::TellError),
    /// The running processes could not be listed.
    #[error("running processes cannot be listed")]
    Existing(#[source] std::io::Error),
}

/// Why reading stopped.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// The rings could not be set up.
    #[error("rings cannot be read")]
    Ring(#[source] libbpf_rs::Error),
    /// Waiting for records failed.
    #[error("waiting for records failed")]
    Wait(#[source] rustix::io::Errno),
}

/// Takes what the rings hold.
pub trait Reader {
    /// One record, to be decoded with [`decode()`](crate::decode()).
    fn record(&mut self, bytes: &[u8]);

    /// Everything else the reader has to do, called at least after every 1,024 records and after every wake-up.
    /// Returns the longest time to wait for the next record, or `Break` to stop.
    fn turn(&mut self) -> ControlFlow<(), Duration>;
}

/// The attached programs. Dropping it detaches them all.
pub struct Observer {
    // Before the object, so that programs are detached before their maps go.
    links: Vec<Link>,
    pub(crate) written: Written,
    pub(crate) object: Object,
    settings: MapHandle,
    image_files: MapHandle,
    losses: MapHandle,
    writers: MapHandle,
    exec_ring: MapHandle,
    volume_ring: MapHandle,
    call_ring: MapHandle,
    pub(crate) calls: Calls,
    reported: RefCell<[u64; LOSSES.len()]>,
    missing: Vec<&'static crate::Program>,
}

impl std::fmt::Debug for Observer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Observer")
            .field("attached", &self.links.len())
            .field("missing", &self.missing)
            .finish_non_exhaustive()
    }
}

/// What the indexes of the losses map mean (`enum loss` in records.h).
const LOSSES: [(DropPlace, DropReason); 8] = [
    (DropPlace::ExecRing, DropReason::Full),
    (DropPlace::VolumeRing, DropReason::Full),
    (DropPlace::Program, DropReason::NoStorage),
    (DropPlace::Program, DropReason::Budget),
    (DropPlace::Program, DropReason::TimedOut),
    (DropPlace::CallRing, DropReason::Full),
    (DropPlace::ContainerBudget, DropReason::Budget),
    (DropPlace::Program, DropReason::NoStorage),
];

impl Observer {
    /// Loads and attaches everything, then meets the processes that run already: their records are in the rings
    /// when this returns.
    ///
    /// # Errors
    /// [`StartError`] says which step failed; nothing stays attached.
    pub fn start() -> Result<Observer, StartError> {
        libbpf_rs::set_print(None);
        let mut open = ObjectBuilder::default()
            .open_memory(OBJECT)
            .map_err(StartError::Open)?;
        let missing = leave_out_unknown(&mut open);
        let object = open.load().map_err(StartError::Load)?;
        let mut observer = Observer {
            links: Vec::new(),
            written: Written::default(),
            settings: map(&object, "settings")?,
            image_files: map(&object, "image_files")?,
            losses: map(&object, "losses")?,
            writers: map(&object, "writers")?,
            exec_ring: map(&object, "exec_ring")?,
            volume_ring: map(&object, "volume_ring")?,
            call_ring: map(&object, "call_ring")?,
            calls: Calls::new(|name| map(&object, name))?,
            object,
            reported: RefCell::new([0; LOSSES.len()]),
            missing,
        };
        observer.fill_interpreters()?;
        observer.calls.begin().map_err(StartError::Tell)?;
        observer.set(true)?;
        observer.visit_running()?;
        observer.set(false)?;
        observer.attach()?;
        // Twice: a process that forks while the list is walked may be missed once, never its child after that.
        observer.visit_running()?;
        observer.visit_running()?;
        Ok(observer)
    }

    fn fill_interpreters(&self) -> Result<(), StartError> {
        let interpreters = map(&self.object, "interpreters")?;
        for (name, by_call) in INTERPRETERS {
            let kind = if *by_call { 2u8 } else { 1u8 };
            interpreters
                .update(&interpreter_key(name), &[kind], MapFlags::ANY)
                .map_err(|source| StartError::Fill {
                    map: "interpreters",
                    source,
                })?;
        }
        Ok(())
    }

    fn set(&self, learn_host_only: bool) -> Result<(), StartError> {
        let mut value = [0u8; SETTINGS_BYTES];
        let fields = wall_minus_boot_ns()
            .to_ne_bytes()
            .into_iter()
            .chain(u32::from(learn_host_only).to_ne_bytes());
        for (to, from) in value.iter_mut().zip(fields) {
            *to = from;
        }
        self.settings
            .update(&0u32.to_ne_bytes(), &value, MapFlags::ANY)
            .map_err(|source| StartError::Fill {
                map: "settings",
                source,
            })
    }

    fn attach(&mut self) -> Result<(), StartError> {
        for program in PROGRAMS
            .iter()
            .filter(|program| program.called_by.is_none())
        {
            if self.missing.iter().any(|left| left.name == program.name) {
                continue;
            }
            let found = self
                .object
                .progs_mut()
                .find(|candidate| candidate.name() == program.name);
            let loaded = found.ok_or(StartError::Missing(program.name))?;
            match loaded.attach() {
                Ok(link) => self.links.push(link),
                Err(source) if program.required => {
                    return Err(StartError::Attach {
                        program: program.name,
                        attach_point: program.attach_point,
                        source,
                    });
                }
                Err(_) => self.missing.push(program),
            }
        }
        Ok(())
    }

    fn visit_running(&mut self) -> Result<(), StartError> {
        let found = self
            .object
            .progs_mut()
            .find(|candidate| candidate.name() == EXISTING);
        let program = found.ok_or(StartError::Missing(EXISTING))?;
        let link = program.attach().map_err(|source| StartError::Attach {
            program: EXISTING,
            attach_point: "iter/task",
            source,
        })?;
        let mut iterator = libbpf_rs::Iter::new(&link).map_err(StartError::Open)?;
        std::io::copy(&mut iterator, &mut std::io::sink()).map_err(StartError::Existing)?;
        Ok(())
    }

    /// Programs that could not be attached and without which observation goes on.
    pub fn missing(&self) -> &[&'static crate::Program] {
        &self.missing
    }

    /// Tells the kernel side how far the wall clock is from `CLOCK_BOOTTIME`; to be called when it was set.
    ///
    /// # Errors
    /// If the kernel refuses the write.
    pub fn update_clock(&self) -> Result<(), StartError> {
        self.set(false)
    }

    /// Who has last opened a file for writing from inside a container, as known now.
    pub fn writer_of(&self, file: &FileKey) -> Option<Writer> {
        let fields = file.id.ino.to_ne_bytes().into_iter();
        let key: Vec<u8> = fields
            .chain(file.id.dev.to_ne_bytes())
            .chain(file.generation.to_ne_bytes())
            .collect();
        let value = self.writers.lookup(&key, MapFlags::ANY).ok()??;
        let (pid, rest) = value.split_first_chunk()?;
        let (_reserved, rest) = rest.split_first_chunk::<4>()?;
        let (exec_ns, time) = rest.split_first_chunk()?;
        Some(Writer {
            program: ProgramKey {
                pid: u32::from_ne_bytes(*pid),
                exec_ns: u64::from_ne_bytes(*exec_ns),
            },
            time: MonotonicNs(u64::from_ne_bytes(*time.first_chunk()?)),
        })
    }

    /// Remembers that this content is the image's in that container, so that the kernel side need not report it
    /// again. Holds until the file is opened for writing or changes. A full cache forgets the least used.
    pub fn remember_image_file(
        &self,
        container: ContainerKey,
        file: &FileFacts,
        seen: MonotonicNs,
    ) {
        let mut key = [0u8; IMAGE_FILE_KEY_BYTES];
        let fields = container
            .0
            .to_ne_bytes()
            .into_iter()
            .chain(file.key.id.ino.to_ne_bytes());
        let fields = fields
            .chain(file.key.id.dev.to_ne_bytes())
            .chain(file.key.generation.to_ne_bytes());
        let fields = fields
            .chain(file.key.ctime_ns.to_ne_bytes())
            .chain(file.key.size.to_ne_bytes());
        for (to, from) in key.iter_mut().zip(fields) {
            *to = from;
        }
        // Only saves work: without the entry the file is reported and judged again.
        let _ = self
            .image_files
            .update(&key, &seen.0.to_ne_bytes(), MapFlags::ANY);
    }

    /// What the kernel side lost since the last call.
    pub fn losses(&self) -> Vec<Drop> {
        losses::since(&self.losses, LOSSES, &mut self.reported.borrow_mut())
    }

    /// Reads the rings until the reader says stop. `wake` is any descriptor that becomes readable when the reader
    /// has other work; the reader empties it.
    ///
    /// # Errors
    /// If the rings cannot be mapped or waited for.
    pub fn read(&self, reader: &mut impl Reader, wake: BorrowedFd<'_>) -> Result<(), ObserveError> {
        self.read_with(&[], reader, wake)
    }

    /// The same, with further rings.
    ///
    /// # Errors
    /// As [`Observer::read`].
    pub fn read_with(
        &self,
        further: &[crate::GuardRing],
        reader: &mut impl Reader,
        wake: BorrowedFd<'_>,
    ) -> Result<(), ObserveError> {
        let own = [&self.exec_ring, &self.volume_ring, &self.call_ring];
        let rings: Vec<&MapHandle> = own
            .into_iter()
            .chain(further.iter().map(|ring| &ring.0))
            .collect();
        let mut awaited: Vec<BorrowedFd<'_>> = rings.iter().map(|ring| ring.as_fd()).collect();
        awaited.push(wake);
        let reader = RefCell::new(reader);
        let mut builder = RingBufferBuilder::new();
        for &ring in &rings {
            builder
                .add(ring, |bytes| {
                    reader.borrow_mut().record(bytes);
                    0
                })
                .map_err(ObserveError::Ring)?;
        }
        let rings = builder.build().map_err(ObserveError::Ring)?;
        let mut was_busy = false;
        loop {
            let count = rings.consume_raw_n(RECORDS_PER_TURN);
            let ControlFlow::Continue(wait) = reader.borrow_mut().turn() else {
                return Ok(());
            };
            if count > 0 {
                was_busy = true;
                continue;
            }
            let longest = if was_busy { LINGER } else { SLEEP_MAX };
            was_busy = false;
            wait_for(&awaited, wait.min(longest))?;
        }
    }
}

/// Leaves out the programs for tracepoints that this kernel does not have, as the object would not load with them;
/// returns which.
fn leave_out_unknown(open: &mut OpenObject) -> Vec<&'static crate::Program> {
    let Ok(types) = Btf::from_vmlinux() else {
        // Loading will say what is wrong.
        return Vec::new();
    };
    let is_unknown = |program: &&crate::Program| {
        let tracepoint = program.attach_point.strip_prefix("tp_btf/");
        let name = tracepoint.map(|name| format!("btf_trace_{name}"));
        !program.required
            && name.is_some_and(|name| types.type_by_name::<Typedef<'_>>(&name).is_none())
    };
    let unknown: Vec<_> = PROGRAMS.iter().filter(is_unknown).collect();
    for mut program in open.progs_mut() {
        if unknown.iter().any(|left| program.name() == left.name) {
            program.set_autoload(false);
        }
    }
    unknown
}

/// Waits until one of the descriptors is readable, a signal came, or the time is over.
fn wait_for(descriptors: &[BorrowedFd<'_>], longest: Duration) -> Result<(), ObserveError> {
    let mut polled: Vec<PollFd<'_>> = descriptors
        .iter()
        .map(|&descriptor| PollFd::from_borrowed_fd(descriptor, PollFlags::IN))
        .collect();
    let timeout = Timespec::try_from(longest).unwrap_or(Timespec {
        tv_sec: 1,
        tv_nsec: 0,
    });
    match poll(&mut polled, Some(&timeout)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(ObserveError::Wait(error)),
    }
}

fn map(object: &Object, name: &'static str) -> Result<MapHandle, StartError> {
    let found = object
        .maps()
        .find(|map| map.name() == name)
        .ok_or(StartError::Missing(name))?;
    MapHandle::try_from(&found).map_err(StartError::Open)
}

/// How far the wall clock is ahead of `CLOCK_BOOTTIME`, in nanoseconds.
pub fn wall_minus_boot_ns() -> i64 {
    let ns = |id| {
        let time = clock_gettime(id);
        time.tv_sec
            .saturating_mul(1_000_000_000)
            .saturating_add(time.tv_nsec)
    };
    ns(ClockId::Realtime).saturating_sub(ns(ClockId::Boottime))
}
