//! Starting and stopping, as a list of steps.

use crate::canary::{Book, Canaries, CanaryReport};
use crate::config::SensorConfig;
use crate::enforce::{EnforceError, Enforcement, EnforcementStart, EnforcementStatus};
use crate::inspect::{Inspector, InspectorConfig};
use crate::inventory::KnownContainer;
use crate::main_loop::{Edges, MainLoop, Wake};
use crate::recorder::Recorder;
use crate::scan::{FileScanner, ScanSettings};
use crossbeam_channel::{Receiver, Sender, bounded};
use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use yagura_event::{Alert, ContainerRuling, DenialEvent};
use yagura_kernel::{
    GuardRing, MountError, ObserveError, Observer, StartError, wall_minus_boot_ns,
};
use yagura_pipeline::{Pipeline, PipelineConfig, Stats};
use yagura_policy::PolicySet;
use yagura_rules::RuleSet;
use yagura_runtimes::Runtimes;
use yagura_sources::{CaptureError, CaptureHeader};

/// Alerts that may wait for the output.
const ALERTS_MAX: usize = 8192;
/// Answers of other threads that may wait for the loop; more make those threads wait.
const WAKES_MAX: usize = 4096;
/// How long an asker waits for the counters.
const STATS_WAIT: Duration = Duration::from_secs(1);
/// Niceness of the reading thread: above ordinary work, so that a storm of that work cannot fill the rings.
const READER_NICE: i32 = -10;

/// Why a sensor did not start or stopped.
#[derive(Debug, thiserror::Error)]
pub enum SensorError {
    /// A file system that the kernel's interfaces need is missing.
    #[error("tracefs is not available")]
    Mounts(#[from] MountError),
    /// The kernel side could not start.
    #[error("kernel side cannot start")]
    Observer(#[from] StartError),
    /// The kernel side stopped.
    #[error("kernel side stopped")]
    Observe(#[from] ObserveError),
    /// A thread or descriptor could not be made.
    #[error("thread cannot be started")]
    Thread(#[from] std::io::Error),
    /// Containers can't be looked up.
    #[error("container runtimes cannot be asked")]
    Runtimes(#[from] yagura_runtimes::StartError),
    /// Policies can't be enforced.
    #[error("policies cannot be enforced")]
    Enforcement(#[from] EnforceError),
    /// The recording could not be begun.
    #[error("recording cannot be begun")]
    Recording(#[from] CaptureError),
    /// The reading thread ended without saying why.
    #[error("reading thread ended unexpectedly")]
    Panicked,
}

/// What a sensor did, told when it stops.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Counters of the pipeline; losses of every part are among them.
    pub stats: Stats,
}

/// A running sensor. Dropping it stops it.
#[derive(Debug)]
pub struct Sensor {
    wakes: Wakes,
    /// Taken by whoever stops it.
    reader: Mutex<Option<Reader>>,
    canaries: Mutex<Option<Canaries>>,
    /// What can't be seen here, in words.
    gaps: Vec<String>,
}

/// What is known once the sensor observes.
#[derive(Debug)]
struct Ready {
    gaps: Vec<String>,
    /// Why nothing is stopped on this node, if nothing is.
    not_blocking: Option<&'static str>,
}

type Reader = JoinHandle<Result<Summary, SensorError>>;

/// The way to the loop for the other threads: the queue and what wakes it.
#[derive(Debug, Clone)]
pub(crate) struct Wakes {
    queue: Sender<Wake>,
    fd: Arc<OwnedFd>,
}

impl Wakes {
    /// Something was lost on the way.
    pub(crate) fn lost(&self, lost: yagura_event::Drop) {
        self.send(Wake::Lost(lost));
    }

    /// Denials are told in a further ring.
    pub(crate) fn ring(&self, ring: GuardRing) {
        self.send(Wake::Ring(ring));
    }

    /// A process was kept from something.
    pub(crate) fn denied(&self, event: DenialEvent) {
        self.send(Wake::Denied(Box::new(event)));
    }

    /// Something was decided about a container as a whole.
    pub(crate) fn ruled(&self, ruling: ContainerRuling) {
        self.send(Wake::Ruled(Box::new(ruling)));
    }

    /// What is enforced now; `None` if nobody enforces or the loop has ended.
    pub(crate) fn enforcement(&self) -> Option<EnforcementStatus> {
        let (asker, answer) = bounded(1);
        self.send(Wake::Enforcement(asker));
        answer.recv_timeout(STATS_WAIT).ok()
    }

    /// The containers that are known now; `None` if the loop has ended.
    pub(crate) fn containers(&self) -> Option<Vec<KnownContainer>> {
        let (asker, answer) = bounded(1);
        self.send(Wake::Containers(asker));
        answer.recv_timeout(STATS_WAIT).ok()
    }

    /// Queues and wakes; waits while the queue is full. Nothing happens once the loop has ended.
    pub(crate) fn send(&self, wake: Wake) {
        if self.queue.send(wake).is_ok() {
            // Only fails when the counter is full, and then the loop is awake.
            let _ = rustix::io::write(&*self.fd, &1u64.to_ne_bytes());
        }
    }
}

impl Sensor {
    /// Starts everything and returns once it observes: every program that begins in a container from now on is
    /// seen. `alerts` is called on a thread of its own.
    ///
    /// # Errors
    /// [`SensorError`] names the step; nothing stays attached or running.
    pub fn start(
        mut config: SensorConfig,
        mut alerts: impl FnMut(Alert) + Send + 'static,
    ) -> Result<Sensor, SensorError> {
        let book = Arc::new(Book::default());
        let canary = config.canary.clone();
        if let Some(canary) = &canary {
            // Throw-away containers keep their runtime's records apart from those of the node's own containers.
            config.runtimes.runc_roots.push(canary.base.clone());
        }
        let own = Arc::clone(&book);
        let alerts = move |alert| {
            if let Some(alert) = own.take(alert, crate::now()) {
                alerts(alert);
            }
        };
        let (queue, wakes) = bounded(WAKES_MAX);
        let fd = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)
            .map_err(std::io::Error::from)?;
        let sender = Wakes {
            queue,
            fd: Arc::new(fd),
        };
        let (ready, is_ready) = bounded(1);
        let for_reader = sender.clone();
        let reader = std::thread::Builder::new()
            .name("reader".to_owned())
            .spawn(move || run(config, &for_reader, wakes, alerts, &ready))?;
        let mut sensor = Sensor {
            wakes: sender,
            reader: Mutex::new(Some(reader)),
            canaries: Mutex::new(None),
            gaps: Vec::new(),
        };
        let Ok(ready) = is_ready.recv() else {
            // The sender is gone: the thread's result says why.
            return match sensor.stop() {
                Err(error) => Err(error),
                Ok(_) => Err(SensorError::Panicked),
            };
        };
        sensor.gaps = ready.gaps;
        if let Some(canary) = canary {
            let wakes = sensor.wakes.clone();
            let canaries = Canaries::start(canary, wakes, book, ready.not_blocking)?;
            sensor.canaries = Mutex::new(Some(canaries));
        }
        Ok(sensor)
    }

    /// Puts other policies in force.
    pub fn set_policies(&self, policies: Arc<PolicySet>, version: u64) {
        self.wakes.send(Wake::Policies(policies, version));
    }

    /// What is enforced now; `None` if this sensor does not enforce or has stopped.
    pub fn enforcement(&self) -> Option<EnforcementStatus> {
        self.wakes.enforcement()
    }

    /// The containers of this node as they are now; `None` if the sensor has stopped.
    pub fn containers(&self) -> Option<Vec<KnownContainer>> {
        self.wakes.containers()
    }

    /// What the last canary showed; `None` before the first has ended, or if there is none.
    pub fn canary(&self) -> Option<CanaryReport> {
        self.canaries().as_ref()?.last()
    }

    /// What can't be seen or stopped on this node whatever the policies, in words.
    pub fn gaps(&self) -> &[String] {
        &self.gaps
    }

    fn canaries(&self) -> std::sync::MutexGuard<'_, Option<Canaries>> {
        self.canaries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts other detection rules in force.
    pub fn set_rules(&self, rules: Arc<RuleSet>) {
        self.wakes.send(Wake::Rules(rules));
    }

    /// The counters as they are now; `None` if the sensor has stopped.
    pub fn stats(&self) -> Option<Stats> {
        let (asker, answer) = bounded(1);
        self.wakes.send(Wake::Stats(asker));
        answer.recv_timeout(STATS_WAIT).ok()
    }

    /// Whether the reading thread has ended by itself.
    pub fn has_ended(&self) -> bool {
        self.reader().as_ref().is_none_or(JoinHandle::is_finished)
    }

    fn reader(&self) -> std::sync::MutexGuard<'_, Option<Reader>> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Detaches everything, hands out the alerts that are on their way, and tells what was done.
    ///
    /// # Errors
    /// If the sensor had stopped by itself, why.
    pub fn stop(&self) -> Result<Summary, SensorError> {
        self.end().unwrap_or(Err(SensorError::Panicked))
    }

    fn end(&self) -> Option<Result<Summary, SensorError>> {
        // First, while the loop still answers: a run that is under way takes its containers away.
        let canaries = self.canaries().take();
        drop(canaries);
        let reader = self.reader().take()?;
        self.wakes.send(Wake::Stop);
        Some(reader.join().unwrap_or(Err(SensorError::Panicked)))
    }
}

impl Drop for Sensor {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.end() {
            tracing::warn!(%error, "sensor had stopped");
        }
    }
}

/// The reading thread, from its first step to its last.
fn run(
    config: SensorConfig,
    wakes: &Wakes,
    queue: Receiver<Wake>,
    alerts: impl FnMut(Alert) + Send + 'static,
    ready: &Sender<Ready>,
) -> Result<Summary, SensorError> {
    // Threads started here see the host's mounts; tracefs comes into this thread's own view below.
    let recorder = start_recorder(&config)?;
    let inspector = {
        let wakes = wakes.clone();
        Inspector::start(InspectorConfig::default(), move |answer| {
            wakes.send(Wake::Inspection(answer));
        })?
    };
    let runtimes = {
        let wakes = wakes.clone();
        Runtimes::start(config.runtimes.clone(), move |fact| {
            wakes.send(Wake::Container(Box::new(fact)));
        })?
    };
    let scanner = start_scanner(config.scan.clone(), wakes)?;
    let (outbox, output) = start_output(alerts)?;
    let enforcement = start_enforcement(&config, &inspector, wakes)?;
    raise_priority();
    yagura_kernel::ensure_tracefs()?;
    let observer = Observer::start()?;
    for program in observer.missing() {
        tracing::warn!(
            attach_point = program.attach_point,
            without = program.without,
            "program is not attached"
        );
    }
    let gaps = gaps(&observer, scanner.is_some());
    let not_blocking = match &enforcement {
        None => Some("this sensor enforces nothing"),
        Some(enforcement) if !enforcement.owns_node() => {
            Some("another sensor enforces on this node")
        }
        Some(_) => None,
    };
    // A recording of everything is for sensors that scan, too.
    if scanner.is_some() || config.send_all {
        tell_written(&observer);
    }
    let pipeline = Pipeline::new(PipelineConfig {
        scans: scanner.is_some(),
        can_block: enforcement.is_some(),
        ..PipelineConfig::new(
            config.node,
            Arc::new(config.policies.drift().clone()),
            config.policy_version,
            config.rules,
        )
    });
    let edges = Edges {
        observer: &observer,
        inspector: &inspector,
        scanner,
        runtimes: &runtimes,
        alerts: outbox,
        recorder: recorder.as_ref(),
        enforcement: enforcement.as_ref(),
        policies: (config.policies, config.policy_version),
    };
    let mut main_loop = MainLoop::new(pipeline, edges, queue, &wakes.fd, config.send_all);
    // The receiver waits for exactly this.
    let _ = ready.send(Ready { gaps, not_blocking });
    let read = read(&observer, &mut main_loop, wakes.fd.as_fd());
    let stats = main_loop.finish();
    // Closes the queues: the threads that send to the loop end, and the output hands out what it has.
    drop(main_loop);
    if output.join().is_err() {
        tracing::error!("output of alerts ended unexpectedly");
    }
    read?;
    Ok(Summary { stats })
}

/// What this kernel and these settings leave out.
fn gaps(observer: &Observer, scans: bool) -> Vec<String> {
    let missing = observer.missing();
    let mut gaps: Vec<String> = missing
        .iter()
        .map(|program| format!("{}: {}", program.attach_point, program.without))
        .collect();
    if !scans {
        gaps.push("files are not scanned for malware".to_owned());
    }
    gaps
}

/// Reads until the loop stops; begins again whenever there is a further ring.
fn read(
    observer: &Observer,
    main_loop: &mut MainLoop<'_>,
    wake: BorrowedFd<'_>,
) -> Result<(), ObserveError> {
    let mut rings = Vec::new();
    loop {
        observer.read_with(&rings, main_loop, wake)?;
        match main_loop.take_ring() {
            Some(ring) => rings.push(ring),
            None => return Ok(()),
        }
    }
}

fn start_enforcement(
    config: &SensorConfig,
    inspector: &Inspector,
    wakes: &Wakes,
) -> Result<Option<Enforcement>, SensorError> {
    let (Some(settings), Some(asker)) = (&config.enforce, inspector.asker()) else {
        return Ok(None);
    };
    let start = EnforcementStart {
        settings: settings.clone(),
        cgroup_root: config.runtimes.cgroup_root.clone(),
        policies: Arc::clone(&config.policies),
        version: config.policy_version,
        node: Arc::clone(&config.node),
        asker,
        wakes: wakes.clone(),
    };
    Ok(Some(Enforcement::start(start)?))
}

fn start_scanner(
    settings: Option<ScanSettings>,
    wakes: &Wakes,
) -> std::io::Result<Option<FileScanner>> {
    let start = |settings| {
        let wakes = wakes.clone();
        FileScanner::start(settings, move |scanned| wakes.send(Wake::Scanned(scanned)))
    };
    settings.map(start).transpose()
}

/// Asks the kernel side to tell of written files. Without it a file is scanned when it is used.
fn tell_written(observer: &Observer) {
    if let Err(error) = observer.set_written(true) {
        tracing::warn!(%error, "written files are not told of: they are scanned when they are used");
    }
}

fn start_recorder(config: &SensorConfig) -> Result<Option<Recorder>, SensorError> {
    let Some(path) = &config.record else {
        return Ok(None);
    };
    let header = CaptureHeader {
        node: config.node.as_ref().clone(),
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        wall_minus_monotonic_ns: wall_minus_boot_ns(),
    };
    Ok(Some(Recorder::start(path, &header)?))
}

fn start_output(
    mut alerts: impl FnMut(Alert) + Send + 'static,
) -> Result<(Sender<Alert>, JoinHandle<()>), SensorError> {
    let (outbox, inbox) = bounded(ALERTS_MAX);
    let output = std::thread::Builder::new()
        .name("output".to_owned())
        .spawn(move || {
            for alert in inbox {
                alerts(alert);
            }
        })?;
    Ok((outbox, output))
}

fn raise_priority() {
    let thread = rustix::thread::gettid();
    if let Err(error) = rustix::process::setpriority_process(Some(thread), READER_NICE) {
        tracing::warn!(%error, "reading thread keeps its ordinary priority");
    }
}
