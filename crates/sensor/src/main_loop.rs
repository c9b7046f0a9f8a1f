//! Where everything meets: one thread takes the kernel's records and all that the other threads answer, gives it to
//! the pipeline, and hands out what follows. It takes no lock and waits for no one but the kernel.

use crate::canary::Canary;
use crate::enforce::{Enforcement, EnforcementStatus, News, Task};
use crate::inspect::{Inspector, is_running, running_arguments};
use crate::inventory::{Inventory, KnownContainer};
use crate::recorder::{Recorder, recorded};
use crate::scan::{FileScanner, Scanned};
use crossbeam_channel::{Receiver, Sender, TrySendError};
use rustix::fd::OwnedFd;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;
use yagura_event::{
    Alert, BaseFlags, Call, ContainerFact, ContainerKey, ContainerQuery, ContainerRuling,
    DenialEvent, DenialRule, Drop, DropPlace, DropReason, FileFacts, Inspection, InspectionRequest,
    KernelEvent, LossEvent, MonotonicNs, OpenClass, OpenKey, ProcessKey, ScanAnswer, ScanRequest,
    Text, Twin,
};
use yagura_kernel::{
    CallFilter, GuardRing, Observer, OpenClasses, Reader, TellError, wall_minus_boot_ns,
};
use yagura_pipeline::{Enforced, Input, Pipeline, Sink, Stats, Wishes};
use yagura_policy::PolicySet;
use yagura_policy::set::RuleKind;
use yagura_rules::RuleSet;
use yagura_runtimes::RuntimesHandle;

/// The longest sleep: losses and the clock are looked at this often.
const TURN: Duration = Duration::from_millis(500);
/// Nanoseconds that the wall clock may move against the monotonic one before it counts as set. Slewing stays below.
const CLOCK_JUMP_NS: u64 = 5_000_000;

/// Everything but kernel records that can wake the loop.
#[derive(Debug)]
pub(crate) enum Wake {
    /// News about a container.
    Container(Box<ContainerFact>),
    /// A file was read.
    Inspection(Inspection),
    /// A file was scanned.
    Scanned(Scanned),
    /// Other policies are in force from now on.
    Policies(Arc<PolicySet>, u64),
    /// A process was kept from something.
    Denied(Box<DenialEvent>),
    /// Something was decided about a container as a whole.
    Ruled(Box<ContainerRuling>),
    /// Denials are told in a further ring.
    Ring(GuardRing),
    /// Something was lost on the way.
    Lost(Drop),
    /// Other detection rules are in force from now on.
    Rules(Arc<RuleSet>),
    /// Somebody wants the counters.
    Stats(Sender<Stats>),
    /// Somebody wants to know what is enforced.
    Enforcement(Sender<EnforcementStatus>),
    /// Somebody wants to know the containers.
    Containers(Sender<Vec<KnownContainer>>),
    /// A container of the sensor's own is about to be, or is over.
    Canary(Option<Canary>),
    /// The end.
    Stop,
}

/// The threads that the loop hands work to.
pub(crate) struct Edges<'a> {
    pub(crate) observer: &'a Observer,
    pub(crate) inspector: &'a Inspector,
    pub(crate) scanner: Option<FileScanner>,
    pub(crate) runtimes: &'a RuntimesHandle,
    pub(crate) alerts: Sender<Alert>,
    pub(crate) recorder: Option<&'a Recorder>,
    pub(crate) enforcement: Option<&'a Enforcement>,
    /// The policies in force, and their version: denials name rules by number.
    pub(crate) policies: (Arc<PolicySet>, u64),
}

/// The loop's state.
pub(crate) struct MainLoop<'a> {
    pipeline: Pipeline,
    edges: Outlet<'a>,
    wakes: Receiver<Wake>,
    wake_fd: &'a OwnedFd,
    wall_minus_boot_ns: i64,
    next_look: MonotonicNs,
    /// Records read since the last turn.
    batch: Vec<KernelEvent>,
    /// A further ring, for which reading has to begin again.
    ring: Option<GuardRing>,
}

/// Hands out what the pipeline pushes, and keeps what was pushed back.
struct Outlet<'a> {
    edges: Edges<'a>,
    /// Whether the kernel side sends everything.
    send_all: bool,
    /// Answers that could not even be asked for, and losses: given to the pipeline after the step.
    refused: Vec<Inspection>,
    refused_scans: Vec<ScanAnswer>,
    dropped: Vec<Drop>,
    /// Files being read, with their writer when they were used.
    asked: HashMap<u64, FileFacts>,
    inventory: Inventory,
    /// The container of the sensor's own.
    canary: Option<Canary>,
}

impl Outlet<'_> {
    /// Tells the thread that enforces, if there is one.
    fn enforce(&mut self, task: impl FnOnce() -> Task) {
        let Some(enforcement) = self.edges.enforcement else {
            return;
        };
        if !enforcement.tell(task()) {
            self.dropped.push(Drop {
                place: DropPlace::Enforcer,
                reason: DropReason::Full,
                count: 1,
            });
        }
    }

    /// The rule that a denial names.
    fn rule_of(&self, event: &DenialEvent) -> Option<DenialRule> {
        let (policies, version) = &self.edges.policies;
        let policies = self.canary_of(event.base.container).unwrap_or(policies);
        let rule = policies.rule_numbered(event.rule)?;
        Some(DenialRule {
            name: rule.name.clone(),
            index: rule.index,
            version: *version,
            blocks: rule.blocks,
        })
    }

    /// The policies for the container of the sensor's own; `None` for every other.
    fn canary_of(&self, container: ContainerKey) -> Option<&Arc<PolicySet>> {
        let canary = self.canary.as_ref()?;
        (self.inventory.id_of(container)? == canary.id).then_some(&canary.policies)
    }

    /// Whoever runs a changed file and puts the image's content back before it is read must not go unseen: an answer
    /// that the file is the image's holds only if nobody opened it for writing meanwhile.
    fn trusted(&mut self, mut answer: Inspection) -> Inspection {
        let Some(file) = self.asked.remove(&answer.token) else {
            return answer;
        };
        let writer = self.edges.observer.writer_of(&file.key);
        if writer.is_some() && writer != file.writer {
            if answer.twin == Twin::Same {
                answer.twin = Twin::Unknown;
            }
            answer.copy_of = answer.copy_of.filter(|path| *path != file.path);
        }
        answer
    }
}

impl Sink for Outlet<'_> {
    fn alert(&mut self, alert: Alert) {
        let reason = match self.edges.alerts.try_send(alert) {
            Ok(()) => return,
            Err(TrySendError::Full(_)) => DropReason::Full,
            Err(TrySendError::Disconnected(_)) => DropReason::Closed,
        };
        self.dropped.push(Drop {
            place: DropPlace::Output,
            reason,
            count: 1,
        });
    }

    fn inspect(&mut self, request: InspectionRequest) {
        self.asked.insert(request.token, request.file.clone());
        if let Err(answer) = self.edges.inspector.submit(request) {
            self.refused.push(answer);
            self.dropped.push(Drop {
                place: DropPlace::Inspector,
                reason: DropReason::Full,
                count: 1,
            });
        }
    }

    fn scan(&mut self, request: ScanRequest) {
        let Some(scanner) = &mut self.edges.scanner else {
            return;
        };
        if let Err(answer) = scanner.submit(request) {
            self.refused_scans.push(*answer);
            self.dropped.push(Drop {
                place: DropPlace::Scanner,
                reason: DropReason::Full,
                count: 1,
            });
        }
    }

    fn query(&mut self, query: ContainerQuery) {
        if let Some(scanner) = &mut self.edges.scanner {
            scanner.note(query);
        }
        // On an overlay it only notes the process, as a way into the container's root for files of ended ones.
        self.edges.inspector.take_baseline(&query);
        if self.edges.runtimes.ask(query).is_err() {
            self.dropped.push(Drop {
                place: DropPlace::Runtimes,
                reason: DropReason::Full,
                count: 1,
            });
        }
    }

    fn image_file(&mut self, container: ContainerKey, file: &FileFacts, time: MonotonicNs) {
        self.edges
            .observer
            .remember_image_file(container, file, time);
    }

    fn let_run(&mut self, container: ContainerKey, file: &FileFacts) {
        self.enforce(|| Task::LetRun(container, Box::new(file.clone())));
    }

    fn kill(&mut self, container: ContainerKey, process: ProcessKey, rule: usize) -> bool {
        let policies = self.canary_of(container).unwrap_or(&self.edges.policies.0);
        let number = policies.number_of(RuleKind::Drift, rule);
        let enforces = self
            .edges
            .enforcement
            .is_some_and(|enforcement| enforcement.spared().blocks(container, number));
        enforces && kill(process)
    }

    fn container(&mut self, container: Enforced<'_>) {
        self.enforce(|| {
            Task::Container(Box::new(News {
                membership: container.membership,
                container: container.container.cloned(),
                init: container.init,
                root: container.root,
                layers: container.layers.cloned(),
            }))
        });
    }

    fn containers_gone(&mut self, gone: &HashSet<ContainerKey>) {
        self.inventory.forget(gone);
        self.enforce(|| Task::Gone(gone.clone()));
    }

    fn quiet_open(&mut self, key: &OpenKey) {
        // A recording of everything is for rules that are not here.
        if !self.send_all {
            self.edges.observer.quiet_open(key);
        }
    }

    fn dropped(&mut self, _drop: Drop) {
        // The pipeline has counted it; what it did not know of is in `dropped` above.
    }
}

impl<'a> MainLoop<'a> {
    pub(crate) fn new(
        pipeline: Pipeline,
        edges: Edges<'a>,
        wakes: Receiver<Wake>,
        wake_fd: &'a OwnedFd,
        send_all: bool,
    ) -> Self {
        let outlet = Outlet {
            edges,
            send_all,
            refused: Vec::new(),
            refused_scans: Vec::new(),
            dropped: Vec::new(),
            asked: HashMap::new(),
            inventory: Inventory::default(),
            canary: None,
        };
        let mut main_loop = MainLoop {
            pipeline,
            edges: outlet,
            wakes,
            wake_fd,
            wall_minus_boot_ns: 0,
            next_look: MonotonicNs::default(),
            batch: Vec::new(),
            ring: None,
        };
        main_loop.set_clock(wall_minus_boot_ns());
        main_loop.ask_for_events();
        main_loop
    }

    /// Judges what still waits; the counters at the end.
    pub(crate) fn finish(&mut self) -> Stats {
        self.give_batch();
        self.pipeline.finish(&mut self.edges);
        self.pipeline.stats()
    }

    /// Tells the kernel side what the rules in force can make use of.
    fn ask_for_events(&self) {
        let wishes = match self.edges.send_all {
            true => Wishes::all(),
            false => self.pipeline.wishes(),
        };
        if let Err(error) = ask(self.edges.edges.observer, &wishes) {
            tracing::error!(%error, "kernel side keeps sending what the former rules needed");
        }
    }

    /// Gives one input to the pipeline, after the recording has it.
    fn step(&mut self, input: Input) {
        if let Some(recorder) = self.edges.edges.recorder
            && let Some(recorded) = recorded(&input)
            && !recorder.record(recorded)
        {
            self.edges.dropped.push(Drop {
                place: DropPlace::Recording,
                reason: DropReason::Full,
                count: 1,
            });
        }
        self.pipeline.step(input, &mut self.edges);
    }

    /// Gives what was read to the pipeline in the order in which it happened: the rings are read one after the other.
    fn give_batch(&mut self) {
        let mut batch = std::mem::take(&mut self.batch);
        batch.sort_by_key(KernelEvent::time);
        for event in batch.drain(..) {
            match event {
                KernelEvent::Denied(event) => self.denied(event),
                event => self.step(Input::Kernel(event)),
            }
            self.settle();
        }
        // Kept for its room.
        self.batch = batch;
    }

    /// A process was kept from something.
    fn denied(&mut self, event: Box<DenialEvent>) {
        let rule = self.edges.rule_of(&event);
        self.edges.enforce(|| Task::Denied(event.clone()));
        self.step(Input::Denied(event, rule));
    }

    /// The further ring because of which reading stopped.
    pub(crate) fn take_ring(&mut self) -> Option<GuardRing> {
        self.ring.take()
    }

    /// What the step pushed back becomes input in turn.
    fn settle(&mut self) {
        while let Some(answer) = self.edges.refused.pop() {
            self.edges.asked.remove(&answer.token);
            self.step(Input::Inspection(answer));
        }
        while let Some(answer) = self.edges.refused_scans.pop() {
            self.step(Input::Scanned(answer));
        }
        for dropped in std::mem::take(&mut self.edges.dropped) {
            self.lose(dropped);
        }
    }

    fn lose(&mut self, dropped: Drop) {
        self.step(Input::Kernel(KernelEvent::Loss(LossEvent {
            time: now(),
            dropped,
        })));
    }

    fn set_clock(&mut self, wall_minus_monotonic_ns: i64) {
        self.wall_minus_boot_ns = wall_minus_monotonic_ns;
        self.step(Input::Clock {
            wall_minus_monotonic_ns,
        });
    }

    /// The clock and the kernel's counters, a few times a second.
    fn look_around(&mut self, now: MonotonicNs) {
        self.next_look = MonotonicNs(now.0.saturating_add(nanoseconds(TURN)));
        let offset = wall_minus_boot_ns();
        if offset.abs_diff(self.wall_minus_boot_ns) > CLOCK_JUMP_NS {
            if let Err(error) = self.edges.edges.observer.update_clock() {
                tracing::warn!(%error, "kernel side keeps the old clock");
            }
            self.set_clock(offset);
        }
        for (container, count) in self.edges.edges.observer.flooding_containers() {
            self.step(Input::Flood(container, count));
        }
        for dropped in self.edges.edges.observer.losses() {
            tracing::warn!(
                place = dropped.place.as_str(),
                reason = dropped.reason.as_str(),
                count = dropped.count,
                "events were lost"
            );
            self.lose(dropped);
        }
    }

    /// News about a container; its image may be on a list, or is scanned.
    fn container(&mut self, fact: ContainerFact) {
        let key = fact.key;
        self.edges.inventory.note(&fact);
        let threat = match (&mut self.edges.edges.scanner, &fact.container) {
            (Some(scanner), Some(container)) if fact.complete => scanner.meet(key, container),
            _ => None,
        };
        self.step(Input::Container(fact));
        if let Some(answer) = threat {
            self.step(Input::ImageFinding(key, Text::default(), answer));
        }
    }

    fn wake(&mut self, wake: Wake) -> ControlFlow<()> {
        match wake {
            Wake::Container(fact) => self.container(*fact),
            Wake::Scanned(Scanned::File(answer)) => self.step(Input::Scanned(answer)),
            Wake::Scanned(Scanned::Image(container, path, answer)) => {
                self.step(Input::ImageFinding(container, path, answer));
            }
            Wake::Inspection(inspection) => {
                let trusted = self.edges.trusted(inspection);
                self.step(Input::Inspection(trusted));
            }
            Wake::Policies(policies, version) => {
                let drift = Arc::new(policies.drift().clone());
                self.edges
                    .enforce(|| Task::Policies(Arc::clone(&policies), version));
                self.edges.edges.policies = (policies, version);
                self.step(Input::Policy(drift, version));
            }
            Wake::Denied(event) => self.denied(event),
            Wake::Ruled(ruling) => self.step(Input::Ruled(ruling)),
            Wake::Ring(ring) => {
                self.ring = Some(ring);
                return ControlFlow::Break(());
            }
            Wake::Lost(lost) => self.lose(lost),
            Wake::Rules(rules) => {
                self.step(Input::Rules(rules));
                self.ask_for_events();
            }
            Wake::Stats(asker) => {
                // An asker that has gone needs no answer.
                let _ = asker.try_send(self.pipeline.stats());
            }
            Wake::Enforcement(asker) => self.edges.enforce(|| Task::Status(asker)),
            Wake::Containers(asker) => {
                let _ = asker.try_send(self.edges.inventory.all());
            }
            Wake::Canary(canary) => {
                let enforcement = self.edges.edges.enforcement;
                // Where another sensor enforces, nothing is put in force beside it.
                if enforcement.is_some_and(Enforcement::owns_node) {
                    self.edges.enforce(|| Task::Canary(canary.clone()));
                }
                let drift = canary.as_ref().map(Canary::drift);
                self.edges.canary = canary;
                self.step(Input::Canary(drift));
            }
            Wake::Stop => return ControlFlow::Break(()),
        }
        self.settle();
        ControlFlow::Continue(())
    }
}

impl Reader for MainLoop<'_> {
    fn record(&mut self, bytes: &[u8]) {
        match yagura_kernel::decode(bytes) {
            Ok(mut event) => {
                complete(&mut event);
                self.batch.push(event);
            }
            Err(error) => {
                tracing::debug!(%error, "record was refused");
                self.lose(Drop {
                    place: DropPlace::Decode,
                    reason: DropReason::Malformed,
                    count: 1,
                });
            }
        }
        self.settle();
    }

    fn turn(&mut self) -> ControlFlow<(), Duration> {
        self.give_batch();
        // Emptied before the queue is: a wake-up that comes in between is seen next time.
        let mut count = [0u8; 8];
        let _ = rustix::io::read(self.wake_fd, &mut count);
        while let Ok(wake) = self.wakes.try_recv() {
            self.wake(wake)?;
        }
        let now = now();
        if now >= self.next_look {
            self.look_around(now);
        }
        if self
            .pipeline
            .next_deadline()
            .is_some_and(|deadline| deadline <= now)
        {
            self.step(Input::Tick(now));
        }
        self.settle();
        let next = self
            .pipeline
            .next_deadline()
            .map_or(self.next_look, |deadline| deadline.min(self.next_look));
        ControlFlow::Continue(Duration::from_nanos(next.since(now)))
    }
}

/// Holds a process, and nobody who got its pid after it: it is held before its start is compared. `None` if it has
/// ended.
pub(crate) fn hold(process: ProcessKey) -> Option<OwnedFd> {
    let pid = Pid::from_raw(i32::try_from(process.pid).ok()?)?;
    let held = pidfd_open(pid, PidfdFlags::empty()).ok()?;
    is_running(process).then_some(held)
}

/// Ends a process.
pub(crate) fn kill(process: ProcessKey) -> bool {
    let Some(held) = hold(process) else {
        return false;
    };
    match pidfd_send_signal(held, Signal::KILL) {
        Ok(()) => true,
        Err(error) => {
            tracing::debug!(%error, "process could not be ended");
            false
        }
    }
}

/// Tells the kernel side which calls to send. What it was told of opens that no rule can match is forgotten.
fn ask(observer: &Observer, wishes: &Wishes) -> Result<(), TellError> {
    let calls: Vec<(Call, CallFilter)> = wishes
        .calls
        .iter()
        .map(|wish| {
            let failed = wish.failed;
            (wish.call, CallFilter { failed })
        })
        .collect();
    observer.set_call_filter(&calls)?;
    observer.set_open_classes(OpenClasses {
        read: wishes.opens.contains(&OpenClass::Read),
        write: wishes.opens.contains(&OpenClass::Write),
        create: wishes.opens.contains(&OpenClass::Create),
        failed: wishes.failed_opens,
    })?;
    observer.bump_epoch()
}

/// Adds what only /proc can tell of a program that ran before the sensor.
fn complete(event: &mut KernelEvent) {
    if let KernelEvent::Exec(exec) = event
        && exec.base.flags.has(BaseFlags::EXISTING)
        && let Some((argv, is_cut)) = running_arguments(exec.base.process)
    {
        exec.argv = argv;
        exec.argv_truncated = is_cut;
    }
}

/// Now, by `CLOCK_BOOTTIME`.
pub fn now() -> MonotonicNs {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    MonotonicNs(
        seconds
            .saturating_mul(1_000_000_000)
            .saturating_add(u64::try_from(time.tv_nsec).unwrap_or_default()),
    )
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
