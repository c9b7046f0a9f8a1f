//! How things are enforced on this node: by the kernel alone where it has BPF LSM, by all that there is where it has not.
//!
//! Nothing is loaded before a policy asks for something.

use super::asking::{AskingContainer, AskingContainers};
use super::calls::{CallAnswerer, CallGate, Orders};
use super::enforcer::News;
use super::gate::{Around, Gate, Trust, denies_files};
use super::process::{cgroup_directory, cgroup_of};
use super::settings::EnforceSettings;
use crate::inspect::Asker;
use crate::main_loop::hold;
use crate::start::Wakes;
use std::collections::HashMap;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use yagura_event::{
    Behaviour, BehaviourSet, ContainerKey, DenialEvent, DenialOutcome, DriftKind, Drop as Lost,
    EnforcementMeans, EnforcementRow, FileFacts, Membership, with_causes,
};
use yagura_kernel::{CgroupGuard, ExecGate, GateOptions, GuardRing, remove_cgroup_pins};
use yagura_kernel::{Guard, GuardBackend, GuardError, Stopping, means_of};
use yagura_wrapper::Places;

/// What becomes of what nothing here stops.
const NOT_STOPPED: &str = "not-stopped";

/// The guard, which the gate tells of files that may run.
type Shared = Arc<Mutex<Guard>>;

/// Nothing panics while it is held; if something did, its maps would still be whole.
fn locked(guard: &Mutex<Guard>) -> MutexGuard<'_, Guard> {
    guard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All means of this node.
pub(super) struct Means {
    settings: EnforceSettings,
    /// Mount point of the v2 cgroup hierarchy.
    cgroup_root: PathBuf,
    asker: Asker,
    wakes: Wakes,
    running: Option<Running>,
    /// Why nothing can be enforced here; told once for each container.
    refused: Option<String>,
}

/// What is loaded.
struct Running {
    guard: Shared,
    backend: GuardBackend,
    /// Containers that a former sensor enforced on, until they are met again.
    inherited: Vec<Membership>,
    gate: Option<ExecGate>,
    /// Answers containers that the runtime wrapper has made ask.
    calls: Option<CallGate>,
    asking: Arc<AskingContainers>,
    /// What holds in containers of which nothing is known yet.
    default: Arc<RwLock<EnforcementRow>>,
    /// Containers whose mounts are marked, by the process through which that was done.
    marked: HashMap<ContainerKey, u32>,
    cgroups: Option<CgroupGuard>,
    /// What is decided by cgroup programs, by container.
    by_cgroup: HashMap<ContainerKey, BehaviourSet>,
}

impl Means {
    pub(super) fn new(
        settings: EnforceSettings,
        cgroup_root: PathBuf,
        asker: Asker,
        wakes: Wakes,
    ) -> Means {
        Means {
            settings,
            cgroup_root,
            asker,
            wakes,
            running: None,
            refused: None,
        }
    }

    /// Mount point of the v2 cgroup hierarchy.
    pub(super) fn cgroup_root(&self) -> &Path {
        &self.cgroup_root
    }

    /// What denies in the kernel, in a word; empty as long as nothing is loaded.
    pub(super) fn backend(&self) -> &'static str {
        self.running
            .as_ref()
            .map_or("", |running| running.backend.as_str())
    }

    /// Loads what is needed, once.
    ///
    /// # Errors
    /// Why nothing can be enforced here, in words.
    fn start(&mut self) -> Result<&mut Running, String> {
        if let Some(why) = &self.refused {
            return Err(why.clone());
        }
        if self.running.is_none() {
            match self.load() {
                Ok(running) => self.running = Some(running),
                Err(why) => {
                    self.refused = Some(why.clone());
                    return Err(why);
                }
            }
        }
        self.running
            .as_mut()
            .ok_or_else(|| "nothing is loaded".to_owned())
    }

    fn load(&self) -> Result<Running, String> {
        yagura_kernel::ensure_bpffs().map_err(|error| with_causes(&error))?;
        let guard = self.start_guard()?;
        let backend = guard.backend();
        for program in guard.missing() {
            tracing::warn!(
                program = program.name,
                hook = program.hook,
                "enforcing program is not attached"
            );
        }
        let inherited = guard.list().into_iter().map(|known| known.membership);
        let inherited = inherited.filter(|known| known.container.0 != 0).collect();
        let ring = guard.ring().map_err(|error| with_causes(&error))?;
        let guard = Arc::new(Mutex::new(guard));
        let asking = Arc::new(AskingContainers::default());
        let (gate, cgroups) = match backend {
            // The kernel decides before anybody could be asked, and whatever it is about.
            GuardBackend::Lsm => (None, None),
            GuardBackend::Signal => (self.open_gate(&guard, &asking), self.guard_cgroups(&ring)),
        };
        // The loop that reads the observer's rings reads this one, too: a program's record and its end belong together.
        self.wakes.ring(ring);
        Ok(Running {
            guard,
            backend,
            inherited,
            gate,
            calls: None,
            asking,
            default: Arc::default(),
            marked: HashMap::new(),
            cgroups,
            by_cgroup: HashMap::new(),
        })
    }

    /// The stronger backend that this kernel takes.
    fn start_guard(&self) -> Result<Guard, String> {
        let mut why = String::new();
        for backend in GuardBackend::ALL {
            match Guard::start(backend, &self.settings.pins) {
                Ok(guard) => return Ok(guard),
                Err(error) => {
                    why = with_causes(&error);
                    tracing::debug!(backend = backend.as_str(), why, "backend is not to be had");
                }
            }
        }
        Err(why)
    }

    fn open_gate(&self, guard: &Shared, asking: &Arc<AskingContainers>) -> Option<ExecGate> {
        let gate = Gate {
            containers: Arc::clone(asking),
            asker: self.asker.clone(),
            around: Rest {
                guard: Arc::clone(guard),
                wakes: self.wakes.clone(),
            },
        };
        match ExecGate::start(GateOptions::default(), move |question| {
            gate.answer(question)
        }) {
            Ok(gate) => Some(gate),
            Err(error) => {
                tracing::warn!(
                    error = with_causes(&error),
                    "files that drifted are not refused, their programs are ended"
                );
                None
            }
        }
    }

    fn guard_cgroups(&self, ring: &GuardRing) -> Option<CgroupGuard> {
        match CgroupGuard::start(&self.settings.pins, Some(ring.as_fd())) {
            Ok(cgroups) => Some(cgroups),
            Err(error) => {
                tracing::warn!(
                    error = with_causes(&error),
                    "devices, settings and sockets are not refused"
                );
                None
            }
        }
    }

    /// Has the wrapper keep new containers from starting, and make others ask about calls, which are answered, where the
    /// kernel can't decide by itself.
    ///
    /// # Errors
    /// Why it does not, in words.
    pub(super) fn order_wrapper(&mut self, orders: &Orders) -> Result<(), String> {
        let Some(places) = self.settings.wrapper.clone().map(Places::new) else {
            return Ok(());
        };
        let answers = self.running.as_ref().is_some_and(|r| r.calls.is_some());
        if !answers && (orders.is_empty() || !places.is_installed()) {
            return Ok(());
        }
        let (state, wakes) = (self.settings.state.clone(), self.wakes.clone());
        let running = self.start()?;
        if running.calls.is_none() {
            let answerer = (running.backend == GuardBackend::Signal).then(|| CallAnswerer {
                containers: Arc::clone(&running.asking),
                default: Arc::clone(&running.default),
                wakes,
            });
            running.calls = Some(CallGate::start(&state, places, answerer)?);
        }
        running
            .calls
            .as_mut()
            .map_or(Ok(()), |calls| calls.tell(orders))
    }

    /// What holds for containers of which nothing is known yet.
    ///
    /// # Errors
    /// Why it can't be put in force, in words.
    pub(super) fn set_default(&mut self, row: &EnforcementRow) -> Result<(), String> {
        // What an earlier sensor left in force has to be changed, too.
        if row.is_empty() && self.running.is_none() && !self.settings.pins.exists() {
            return Ok(());
        }
        let running = self.start()?;
        running
            .default
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .clone_from(row);
        locked(&running.guard)
            .set_default(row)
            .map_err(|error| with_causes(&error))
    }

    /// Enforces a row on a container. What could not be done is told in words.
    pub(super) fn protect(&mut self, news: &News, row: &EnforcementRow) -> Vec<String> {
        if row.is_empty() && self.running.is_none() {
            return Vec::new();
        }
        let cgroup_root = self.cgroup_root.clone();
        let running = match self.start() {
            Ok(running) => running,
            Err(why) => return vec![why],
        };
        let mut shortfalls = Vec::new();
        if let Err(error) = running.put(&news.membership, row) {
            shortfalls.push(with_causes(&error));
        }
        if running.backend == GuardBackend::Signal {
            shortfalls.extend(running.ask_before_exec(news, row).err());
            shortfalls.extend(running.refuse_by_cgroup(news, row, &cgroup_root).err());
        }
        shortfalls
    }

    /// Takes back what was enforced on a container that has ended.
    pub(super) fn forget(&mut self, news: &News) -> Vec<String> {
        let key = news.membership.container;
        let Some(running) = &mut self.running else {
            return Vec::new();
        };
        running.asking.remove(key);
        running.marked.remove(&key);
        running.by_cgroup.remove(&key);
        if let Some(cgroups) = &running.cgroups
            && news.membership.cgroup.0 != 0
            && let Err(error) = cgroups.remove(news.membership.cgroup)
        {
            tracing::debug!(
                error = with_causes(&error),
                "cgroup programs are left until the next look"
            );
        }
        let forgotten = locked(&running.guard).forget(key);
        forgotten
            .map_err(|error| with_causes(&error))
            .err()
            .into_iter()
            .collect()
    }

    /// Lets a file of a container run until it changes.
    ///
    /// # Errors
    /// Why that can't be done, in words.
    pub(super) fn trust(&mut self, key: ContainerKey, file: &FileFacts) -> Result<(), String> {
        match &self.running {
            Some(running) => locked(&running.guard)
                .trust_file(key, file)
                .map_err(|error| with_causes(&error)),
            None => Ok(()),
        }
    }

    /// Whether a former sensor enforced on the container, and this one has not done so yet.
    pub(super) fn inherits(&self, membership: &Membership) -> bool {
        let running = self.running.as_ref();
        running.is_some_and(|running| {
            let mut inherited = running.inherited.iter();
            inherited.any(|known| is_same_container(known, membership))
        })
    }

    /// Whether somebody has released everything, and not taken it back.
    pub(super) fn is_released(&self) -> bool {
        let running = self.running.as_ref();
        running.is_some_and(|running| !locked(&running.guard).is_on())
    }

    /// Switches all denial off or on at once.
    ///
    /// # Errors
    /// Why that can't be done, in words.
    pub(super) fn switch(&mut self, on: bool) -> Result<(), String> {
        match &self.running {
            Some(running) => {
                let mut guard = locked(&running.guard);
                let switched = match on {
                    true => guard.resume(None),
                    false => guard.release(None),
                };
                switched.map_err(|error| with_causes(&error))
            }
            None => Ok(()),
        }
    }

    /// Finds mounts that were added to containers.
    pub(super) fn look<'n>(&self, containers: impl Iterator<Item = &'n News>) {
        let Some((running, gate)) = self
            .running
            .as_ref()
            .and_then(|r| Some((r, r.gate.as_ref()?)))
        else {
            return;
        };
        for news in containers {
            if let Some(pid) = running.marked.get(&news.membership.container) {
                // A container that has ended has no mounts.
                let _ = gate.mark(*pid);
            }
        }
    }

    /// What was lost since the last call.
    pub(super) fn losses(&mut self) -> Vec<Lost> {
        let Some(running) = &mut self.running else {
            return Vec::new();
        };
        let mut losses = locked(&running.guard).losses();
        losses.extend(running.gate.iter().flat_map(ExecGate::take_losses));
        losses.extend(running.cgroups.iter().filter_map(CgroupGuard::take_losses));
        losses.extend(running.calls.iter_mut().flat_map(CallGate::take_losses));
        losses
    }

    /// What becomes of a behaviour here, and by what means.
    pub(super) fn of_behaviour(
        &self,
        behaviour: Behaviour,
        key: ContainerKey,
        id: &str,
    ) -> (&'static str, Vec<EnforcementMeans>) {
        let Some(running) = &self.running else {
            return (NOT_STOPPED, Vec::new());
        };
        let by_cgroup = running.by_cgroup.get(&key).copied().unwrap_or_default();
        let refused_by = match behaviour {
            Behaviour::BlockDevice | Behaviour::DeviceNode | Behaviour::KernelMemory => {
                Some(EnforcementMeans::CgroupDevice)
            }
            Behaviour::RuntimeSocket => Some(EnforcementMeans::CgroupConnect),
            // Settings are opened before they are written: the process is ended there.
            _ => None,
        };
        if let Some(means) = refused_by.filter(|_| by_cgroup.contains(behaviour)) {
            return (DenialOutcome::Blocked.as_str(), vec![means]);
        }
        let asks = |calls: &CallGate| calls.decides(behaviour) && calls.is_asked_by(id);
        if running.calls.as_ref().is_some_and(asks) {
            let means = EnforcementMeans::SeccompNotify;
            return (DenialOutcome::Blocked.as_str(), vec![means]);
        }
        match means_of(running.backend, behaviour) {
            Stopping::Blocked(means) => (DenialOutcome::Blocked.as_str(), vec![means]),
            Stopping::Killed(means) => (DenialOutcome::Killed.as_str(), vec![means]),
            Stopping::KilledAfterEffect(means) => ("killed-after-effect", vec![means]),
            Stopping::NotStopped(_) => (NOT_STOPPED, Vec::new()),
        }
    }

    /// What becomes of drift here, and by what means.
    pub(super) fn of_drift(
        &self,
        kind: DriftKind,
        key: ContainerKey,
    ) -> (DenialOutcome, Vec<EnforcementMeans>) {
        let Some(running) = &self.running else {
            return (DenialOutcome::Watched, Vec::new());
        };
        match (running.backend, kind) {
            (GuardBackend::Lsm, _) => (DenialOutcome::Blocked, vec![EnforcementMeans::BpfLsm]),
            (GuardBackend::Signal, DriftKind::Binaries) => running.of_binaries(key),
            (GuardBackend::Signal, _) => {
                (DenialOutcome::Killed, vec![EnforcementMeans::KillAtCall])
            }
        }
    }

    /// Ends what needs somebody in user space; takes everything away unless it is to stay.
    pub(super) fn stop(mut self) {
        let Some(running) = self.running.take() else {
            return;
        };
        drop(running.gate);
        running.calls.into_iter().for_each(CallGate::stop);
        drop(running.guard);
        drop(running.cgroups);
        if self.settings.keep {
            return;
        }
        if let Err(error) = remove_cgroup_pins(&self.settings.pins) {
            tracing::error!(
                error = with_causes(&error),
                "cgroup programs are left behind"
            );
        }
        if let Err(error) = Guard::remove(&self.settings.pins) {
            tracing::error!(error = with_causes(&error), "enforcement is left behind");
        }
    }
}

impl Running {
    /// Puts a row in force. What a former sensor knew the same container by has no row any more.
    fn put(&mut self, membership: &Membership, row: &EnforcementRow) -> Result<(), GuardError> {
        let mut guard = locked(&self.guard);
        guard.protect(membership, row)?;
        let is_same = |known: &mut Membership| is_same_container(known, membership);
        for known in self.inherited.extract_if(.., is_same) {
            guard.forget(known.container)?;
        }
        Ok(())
    }

    /// Makes the container known to those who answer, and has the kernel ask before a file of it is executed, if drift
    /// is denied there.
    fn ask_before_exec(&mut self, news: &News, row: &EnforcementRow) -> Result<(), String> {
        let key = news.membership.container;
        let denies = denies_files(row);
        if denies || self.calls.is_some() {
            let id = news
                .container
                .as_ref()
                .map(|container| container.id.clone());
            self.asking.set(AskingContainer {
                key,
                id: id.unwrap_or_default(),
                gates_exec: denies,
                row: Arc::new(row.clone()),
                root: news.root,
                layers: news.layers.clone(),
                mount_namespace: news.membership.mount_namespace,
                init: hold(news.init),
                cgroup: cgroup_of(news.init.pid).unwrap_or_default(),
            });
        } else {
            self.asking.remove(key);
        }
        let Some(gate) = self.gate.as_ref().filter(|_| denies) else {
            self.marked.remove(&key);
            return Ok(());
        };
        let marked = gate.mark(news.init.pid).map_err(|error| {
            format!(
                "drifted programs are ended rather than refused: {}",
                with_causes(&error)
            )
        })?;
        self.marked.insert(key, news.init.pid);
        match marked.left_out.len() {
            0 => Ok(()),
            count => Err(format!(
                "from {count} mounts drifted programs are ended rather than refused"
            )),
        }
    }

    /// Has programs of the container's own cgroup refuse what they can decide.
    fn refuse_by_cgroup(
        &mut self,
        news: &News,
        row: &EnforcementRow,
        cgroup_root: &Path,
    ) -> Result<(), String> {
        let key = news.membership.container;
        let Some(cgroups) = &self.cgroups else {
            return Ok(());
        };
        let was = self.by_cgroup.contains_key(&key);
        let asks = row
            .defence
            .iter()
            .any(|slot| !slot.deny.is_empty() || !slot.watch.is_empty());
        if news.membership.cgroup.0 == 0 || (!asks && !was) {
            return Ok(());
        }
        let Some(directory) = cgroup_directory(cgroup_root, news.init.pid) else {
            return Err("the container's cgroup could not be looked up in time".to_owned());
        };
        let installed = cgroups
            .install(&news.membership, &directory, row)
            .map_err(|error| with_causes(&error))?;
        self.by_cgroup.insert(key, installed.decided);
        match installed.refused.as_slice() {
            [] => Ok(()),
            [first, ..] => Err(format!(
                "{} is not to be had: {}",
                first.means,
                with_causes(&first.reason)
            )),
        }
    }

    fn of_binaries(&self, key: ContainerKey) -> (DenialOutcome, Vec<EnforcementMeans>) {
        let mut means = Vec::new();
        if self.marked.contains_key(&key) {
            means.push(EnforcementMeans::Fanotify);
        }
        means.push(EnforcementMeans::KillAtExec);
        match means.first() {
            Some(EnforcementMeans::Fanotify) => (DenialOutcome::Blocked, means),
            _ => (DenialOutcome::Killed, means),
        }
    }
}

/// Whether a former sensor knew the same container by another key.
fn is_same_container(known: &Membership, membership: &Membership) -> bool {
    let has_cgroup = known.cgroup == membership.cgroup && known.cgroup.0 != 0;
    let has_namespace =
        known.mount_namespace == membership.mount_namespace && known.mount_namespace != 0;
    known.container != membership.container && (has_cgroup || has_namespace)
}

/// What the gate needs from the rest of the sensor.
struct Rest {
    guard: Shared,
    wakes: Wakes,
}

impl Around for Rest {
    fn trust(&self, container: ContainerKey, file: &FileFacts) -> Trust {
        match locked(&self.guard).trust_file(container, file) {
            Ok(()) => Trust::Given,
            Err(GuardError::TooFresh(_)) => Trust::TooFresh,
            Err(error) => {
                tracing::debug!(
                    error = with_causes(&error),
                    "a file of the image may be ended"
                );
                Trust::Refused
            }
        }
    }

    fn denied(&self, event: DenialEvent) {
        self.wakes.denied(event);
    }
}
