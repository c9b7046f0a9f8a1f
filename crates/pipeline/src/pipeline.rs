//! The way of an event through the pipeline.

mod containers;
mod denials;
mod scanning;
mod waiting;

use crate::container_table::{ContainerTable, shows_root};
use crate::detect::{Detector, Folds, Surroundings, Wishes, rights};
use crate::drift::{Candidate, Trigger};
use crate::limits::SWEEP_INTERVAL_NS;
use crate::origin::{self, ImageFiles, Place, Triage};
use crate::pending::{Expired, PendingQueue};
use crate::process_table::{ExeOrigin, ProcessTable};
use crate::scan::Scans;
use crate::script;
use crate::seen_files::SeenFiles;
use crate::sink::Sink;
use crate::stats::Stats;
use crate::watchlist::Watchlist;
use denials::DeniedFiles;
use std::sync::Arc;
use yagura_event::{
    Base, BaseFlags, CallEvent, ContainerFact, ContainerKey, ContainerRuling, DenialEvent,
    DenialRule, Drop, DropPlace, DropReason, ExecEvent, FileFacts, FileFlags, Inspection,
    KernelEvent, MonotonicNs, Node, RootId, ScanAnswer, Text,
};
use yagura_policy::drift::DriftPolicy;
use yagura_rules::RuleSet;

/// What a pipeline is set up with.
#[derive(Debug, Clone)]
pub struct PipelineConfig {
    /// The node that events come from.
    pub node: Arc<Node>,
    /// The policy in force at first.
    pub policy: Arc<DriftPolicy>,
    /// Its version.
    pub policy_version: u64,
    /// The detection rules in force at first.
    pub rules: Arc<RuleSet>,
    /// Whether files are handed to a scanner.
    pub scans: bool,
    /// Whether the sensor can deny an execution.
    pub can_block: bool,
    /// How long a finding waits for the container's metadata, in nanoseconds.
    pub metadata_wait_ns: u64,
    /// How long a finding waits for its file to be read, in nanoseconds.
    pub inspection_wait_ns: u64,
}

impl PipelineConfig {
    /// The usual waits, on a sensor that cannot block and does not scan.
    pub fn new(
        node: Arc<Node>,
        policy: Arc<DriftPolicy>,
        policy_version: u64,
        rules: Arc<RuleSet>,
    ) -> PipelineConfig {
        PipelineConfig {
            node,
            policy,
            policy_version,
            rules,
            scans: false,
            can_block: false,
            metadata_wait_ns: 1_000_000_000,
            inspection_wait_ns: 2_000_000_000,
        }
    }
}

/// Everything that can move the pipeline.
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "inputs are moved one at a time, never stored, and the frequent ones are boxed"
)]
pub enum Input {
    /// A record of the kernel side.
    Kernel(KernelEvent),
    /// News about a container.
    Container(ContainerFact),
    /// An answer to [`Sink::inspect`].
    Inspection(Inspection),
    /// An answer to [`Sink::scan`].
    Scanned(ScanAnswer),
    /// Findings in a file of a container's image, or of the image by a list: its path, empty for the image itself.
    ImageFinding(ContainerKey, Text, ScanAnswer),
    /// Another policy, with its version, is in force from now on.
    Policy(Arc<DriftPolicy>, u64),
    /// Another policy holds for one container, given by its id, which somebody makes to prove what this node can do. Nothing
    /// about it counts as what users' containers do. `None` once there is no such container.
    Canary(Option<(String, Arc<DriftPolicy>)>),
    /// Other detection rules are in force from now on.
    Rules(Arc<RuleSet>),
    /// The node's clock, to be given before the first event and whenever the clock is set.
    Clock {
        /// Wall time minus monotonic time in nanoseconds.
        wall_minus_monotonic_ns: i64,
    },
    /// A process was kept from something; with the rule, where it is known.
    Denied(Box<DenialEvent>, Option<DenialRule>),
    /// Something was decided about a container as a whole.
    Ruled(Box<ContainerRuling>),
    /// A container made that many calls more than are reported.
    Flood(ContainerKey, u64),
    /// Time has passed. Due at the latest at [`Pipeline::next_deadline`].
    Tick(MonotonicNs),
}

/// Turns events into alerts.
#[derive(Debug)]
pub struct Pipeline {
    pub(crate) config: PipelineConfig,
    pub(crate) programs: ProcessTable,
    pub(crate) containers: ContainerTable,
    pub(crate) image_files: ImageFiles,
    pub(crate) watchlist: Watchlist,
    pub(crate) stats: Stats,
    pub(crate) wall_minus_monotonic_ns: i64,
    pub(crate) detector: Detector,
    pending: PendingQueue,
    seen_files: SeenFiles,
    pub(crate) scans: Scans,
    denied_files: DeniedFiles,
    denial_folds: Folds,
    /// The latest time that was told; `None` before the first.
    now: Option<MonotonicNs>,
    next_sweep: MonotonicNs,
    token: u64,
    scan_token: u64,
    pub(crate) canary: Option<(String, Arc<DriftPolicy>)>,
}

impl Pipeline {
    /// A pipeline that knows nothing yet.
    pub fn new(config: PipelineConfig) -> Self {
        Pipeline {
            detector: Detector::new(Arc::clone(&config.rules)),
            config,
            programs: ProcessTable::new(),
            containers: ContainerTable::new(),
            image_files: ImageFiles::default(),
            watchlist: Watchlist::default(),
            stats: Stats::default(),
            wall_minus_monotonic_ns: 0,
            pending: PendingQueue::default(),
            seen_files: SeenFiles::default(),
            scans: Scans::default(),
            denied_files: DeniedFiles::default(),
            denial_folds: Folds::default(),
            now: None,
            next_sweep: MonotonicNs::default(),
            token: 0,
            scan_token: 0,
            canary: None,
        }
    }

    /// Takes one input and hands out whatever follows from it.
    pub fn step(&mut self, input: Input, sink: &mut impl Sink) {
        match input {
            Input::Kernel(event) => self.kernel_event(event, sink),
            Input::Container(fact) => self.container_fact(fact, sink),
            Input::Inspection(inspection) => self.inspection(inspection, sink),
            Input::Scanned(answer) => self.scanned(answer),
            Input::ImageFinding(container, path, answer) => {
                self.found_in_image(container, path, &answer);
            }
            Input::Policy(policy, version) => {
                self.config.policy = policy;
                self.config.policy_version = version;
                self.stats.by_rule.clear();
            }
            Input::Canary(canary) => self.canary = canary,
            Input::Rules(rules) => {
                self.detector.set_rules(Arc::clone(&rules));
                self.config.rules = rules;
            }
            Input::Clock {
                wall_minus_monotonic_ns,
            } => {
                self.wall_minus_monotonic_ns = wall_minus_monotonic_ns;
                self.containers.set_clock(wall_minus_monotonic_ns);
            }
            Input::Denied(event, rule) => self.denied(*event, rule, sink),
            Input::Ruled(ruling) => self.ruled(&ruling, sink),
            Input::Flood(container, count) => {
                self.detect(|detector, around| detector.flood(container, count, around));
            }
            Input::Tick(now) => self.tick(now, sink),
        }
        self.tell(sink);
    }

    /// Judges what still waits and tells of repeats: to be called when there will be no more inputs.
    pub fn finish(&mut self, sink: &mut impl Sink) {
        self.detect(|detector, around| detector.finish(around));
        self.tell(sink);
        self.tell_denials(true, sink);
    }

    /// What the rules in force can make use of: the kernel side need not send anything else.
    pub fn wishes(&self) -> Wishes {
        let mut wishes = self.detector.wishes();
        if self.config.scans {
            wishes.add(&scanning::RENAMED);
        }
        wishes
    }

    /// Hands out the alerts that detection wrote in this step.
    fn tell(&mut self, sink: &mut impl Sink) {
        for alert in self.detector.alerts.drain(..) {
            self.stats.alerts += 1;
            self.stats.detections += 1;
            sink.alert(alert);
        }
        let hurried = std::mem::take(&mut self.detector.hurried);
        self.stats.hurried_events += hurried;
    }

    /// Runs the detector with everything around it.
    pub(crate) fn detect<T>(
        &mut self,
        run: impl FnOnce(&mut Detector, Surroundings<'_>) -> T,
    ) -> T {
        let around = Surroundings {
            programs: &self.programs,
            containers: &self.containers,
            node: &self.config.node,
            wall_minus_monotonic_ns: self.wall_minus_monotonic_ns,
            metadata_wait_ns: self.config.metadata_wait_ns,
            now: self.now.unwrap_or_default(),
        };
        run(&mut self.detector, around)
    }

    /// Counters and the sizes of the tables.
    pub fn stats(&self) -> Stats {
        Stats {
            programs: self.programs.len(),
            containers: self.containers.len(),
            pending: self.pending.len(),
            watched: self.watchlist.len(),
            scanning: self.scans.waiting(),
            ..self.stats.clone()
        }
    }

    /// The time at which the next [`Input::Tick`] is due; `None` if nothing waits.
    pub fn next_deadline(&self) -> Option<MonotonicNs> {
        let sweep = (self.containers.len() > 0).then_some(self.next_sweep);
        [
            self.pending.next_deadline(),
            self.watchlist.next_look(),
            self.detector.next_deadline(),
            self.denial_folds.next_deadline(),
            sweep,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn kernel_event(&mut self, event: KernelEvent, sink: &mut impl Sink) {
        match event {
            KernelEvent::Exec(event) => self.exec(*event, sink),
            KernelEvent::Map(event) => {
                self.used_file(Trigger::Map, &event.base, event.root, event.file, sink);
            }
            KernelEvent::Script(event) => {
                self.used_file(Trigger::Script, &event.base, event.root, event.file, sink);
            }
            KernelEvent::Credentials(event) => {
                let before = rights::gained_by_call(&event, &self.programs);
                self.programs.credentials(&event);
                if let Some(before) = before {
                    self.detect(|detector, around| {
                        detector.rights_gained(&event.base, before, around);
                    });
                }
            }
            KernelEvent::Namespaces(event) => self.programs.namespaces(&event),
            KernelEvent::Call(event) => self.call(*event, sink),
            KernelEvent::Exit(event) => {
                self.advance(event.base.time);
                self.programs.exit(&event);
                self.detect(|detector, around| detector.exit(&event, around));
                if event.base.flags.has(BaseFlags::EXE_DELETED)
                    && let Some(pending) = self.watchlist.take(event.base.program)
                {
                    self.judge_deleted(pending, sink);
                }
            }
            KernelEvent::Loss(event) => self.dropped(event.dropped, sink),
            KernelEvent::Written(event) => self.written(*event, sink),
            KernelEvent::Denied(event) => self.denied(*event, None, sink),
        }
    }

    /// A program began. Nearly all are the image's and end here after two table look-ups and one insertion.
    fn exec(&mut self, event: ExecEvent, sink: &mut impl Sink) {
        if !self.admit(&event.base, sink) {
            return;
        }
        let flags = event.base.flags;
        // The search for running processes also finds those whose exec was seen a moment before.
        if flags.has(BaseFlags::EXISTING) && self.programs.current(event.base.process).is_some() {
            return;
        }
        self.stats.execs += 1;
        let entry = self.containers.get(event.base.container);
        let rights_before = rights::gained_by_exec(&event, &self.programs)
            .or_else(|| rights::beyond_container(&event, entry));
        if flags.has(BaseFlags::RUNTIME_STAGE) {
            self.stats.runtime_stages += 1;
            self.remember(&event, ExeOrigin::Other, sink);
            return;
        }
        if shows_root(flags) {
            self.meet(&event, sink);
        }
        let is_image = self.triage(&event.base, event.root, &event.file) != Triage::Unclear
            || self.image_files.contains(event.base.container, &event.file);
        let exe_origin = match is_image {
            true => ExeOrigin::Image,
            false => ExeOrigin::Undecided,
        };
        self.remember(&event, exe_origin, sink);
        if let Some(before) = rights_before {
            self.detect(|detector, around| detector.rights_gained(&event.base, before, around));
        }
        if is_image {
            self.stats.image_execs += 1;
        }
        if let Some(stdin) = event.stdin {
            self.standard_input(&event.base, event.root, stdin, sink);
        }
        self.scan_used(&event.base, &event.file, is_image, sink);
        if !is_image && !self.is_denied(&event.base, &event.file) {
            let candidate = candidate(Trigger::Exec, &event.base, event.root, event.file);
            self.consider(candidate, sink);
        }
    }

    fn remember(&mut self, event: &ExecEvent, exe_origin: ExeOrigin, sink: &mut impl Sink) {
        let evicted = self.programs.exec(event, exe_origin);
        self.lost(DropReason::Evicted, evicted, sink);
        if !event.base.flags.has(BaseFlags::RUNTIME_STAGE) {
            self.detect(|detector, around| {
                let program = around.programs.program(event.base.program);
                detector.exec(&event.base, program, around);
            });
        }
    }

    /// A system call ended.
    fn call(&mut self, event: CallEvent, sink: &mut impl Sink) {
        if event.base.flags.has(BaseFlags::RUNTIME_STAGE) || !self.admit(&event.base, sink) {
            return;
        }
        self.stats.calls += 1;
        self.renamed(&event, sink);
        let key = event.open_key;
        let is_quiet = self.detect(|detector, around| detector.call(event, around));
        if let Some(key) = key.filter(|_| is_quiet) {
            self.stats.quiet_opens += 1;
            sink.quiet_open(&key);
        }
    }

    /// An interpreter was started with a file as its standard input.
    fn standard_input(
        &mut self,
        base: &Base,
        root: RootId,
        mut file: FileFacts,
        sink: &mut impl Sink,
    ) {
        file.flags.0 |= FileFlags::STDIN;
        let is_program = self
            .programs
            .program(base.program)
            .is_some_and(script::reads_program_from_stdin);
        if is_program {
            self.used_file(Trigger::Script, base, root, file, sink);
        }
    }

    /// A file was mapped executable, or opened by an interpreter.
    fn used_file(
        &mut self,
        trigger: Trigger,
        base: &Base,
        root: RootId,
        file: FileFacts,
        sink: &mut impl Sink,
    ) {
        if base.flags.has(BaseFlags::RUNTIME_STAGE) || !self.admit(base, sink) {
            return;
        }
        if shows_root(base.flags)
            && self
                .containers
                .learn_from_event(base.container, base.time, root, base.flags)
        {
            self.query(base, sink);
        }
        let triage = self.triage(base, root, &file);
        if triage != Triage::Unclear {
            self.scan_used(base, &file, true, sink);
        }
        match triage {
            Triage::ImageLayer => return,
            Triage::ImageUnchanged => {
                self.tell_image_file(base.container, &file, base.time, sink);
                return;
            }
            Triage::Unclear => {}
        }
        if self.image_files.contains(base.container, &file) {
            self.tell_image_file(base.container, &file, base.time, sink);
            return;
        }
        let is_irrelevant =
            self.programs
                .program(base.program)
                .is_some_and(|program| match trigger {
                    Trigger::Exec => false,
                    Trigger::Map => program.exe_file.id == file.key.id,
                    Trigger::Script => script::never_runs_scripts(program),
                });
        if !is_irrelevant
            && !self.is_denied(base, &file)
            && self.seen_files.insert(base.program, file.key, trigger)
        {
            self.scan_used(base, &file, false, sink);
            self.consider(candidate(trigger, base, root, file), sink);
        }
    }

    /// Notes that a container was seen and says whether its events count.
    fn admit(&mut self, base: &Base, sink: &mut impl Sink) -> bool {
        if !base.flags.has(BaseFlags::EXISTING) {
            self.advance(base.time);
        }
        let now = self.now.unwrap_or_default();
        let is_no_container = self.containers.touch(base.container, now).is_no_container();
        self.make_room(base.container, sink);
        !is_no_container
    }

    fn triage(&self, base: &Base, root: RootId, file: &FileFacts) -> Triage {
        origin::triage(&Place {
            file,
            root,
            flags: base.flags,
            home: self
                .containers
                .get(base.container)
                .and_then(|entry| entry.home.as_ref()),
        })
    }

    fn inspection(&mut self, inspection: Inspection, sink: &mut impl Sink) {
        if let Some(mut pending) = self.pending.remove(inspection.token) {
            let token = inspection.token;
            pending.answer(inspection);
            self.settle(token, pending, sink);
        } else if let Some(pending) = self.watchlist.answer(inspection.token, inspection.deleted) {
            self.judge_deleted(pending, sink);
        }
    }

    fn tick(&mut self, now: MonotonicNs, sink: &mut impl Sink) {
        self.advance(now);
        while let Some(Expired {
            token,
            pending,
            given_up,
        }) = self.pending.expire(now)
        {
            self.lost(DropReason::TimedOut, given_up, sink);
            self.settle(token, pending, sink);
        }
        self.look_at_running(now, sink);
        if now >= self.next_sweep {
            self.next_sweep = later(now, SWEEP_INTERVAL_NS);
            let gone = self.containers.sweep(&self.programs.live_containers(), now);
            self.programs.forget(&gone);
            self.detector.forget(&gone);
            if !gone.is_empty() {
                sink.containers_gone(&gone);
            }
        }
        self.detect(|detector, around| detector.tick(around));
        self.tell_denials(false, sink);
    }

    /// Time goes on. What was timed before the first time was told is moved to it.
    fn advance(&mut self, now: MonotonicNs) {
        match self.now {
            None => {
                self.pending.shift(now);
                self.watchlist.shift(now);
                self.next_sweep = later(now, SWEEP_INTERVAL_NS);
                self.now = Some(now);
            }
            Some(known) => self.now = Some(known.max(now)),
        }
    }

    /// The latest time that was told, zero before the first.
    pub(crate) fn now(&self) -> MonotonicNs {
        self.now.unwrap_or_default()
    }

    /// A candidate's file in its surroundings.
    pub(crate) fn place<'a>(&'a self, candidate: &'a Candidate) -> Place<'a> {
        Place {
            file: &candidate.file,
            root: candidate.root,
            flags: candidate.flags,
            home: self
                .containers
                .get(candidate.container)
                .and_then(|entry| entry.home.as_ref()),
        }
    }

    /// Tells the sink of a file that is the image's, unless its content may be changing.
    pub(crate) fn tell_image_file(
        &self,
        container: ContainerKey,
        file: &FileFacts,
        time: MonotonicNs,
        sink: &mut impl Sink,
    ) {
        if !file.flags.has(FileFlags::BEING_WRITTEN) {
            sink.image_file(container, file, time);
        }
    }

    /// Counts something that the pipeline itself gave up.
    pub(crate) fn lost(&mut self, reason: DropReason, count: u64, sink: &mut impl Sink) {
        if count > 0 {
            let place = DropPlace::Pipeline;
            self.dropped(
                Drop {
                    place,
                    reason,
                    count,
                },
                sink,
            );
        }
    }

    fn dropped(&mut self, drop: Drop, sink: &mut impl Sink) {
        self.stats.losses.add(drop);
        sink.dropped(drop);
    }

    fn next_token(&mut self) -> u64 {
        self.token += 1;
        self.token
    }
}

fn later(time: MonotonicNs, by_ns: u64) -> MonotonicNs {
    MonotonicNs(time.0.saturating_add(by_ns))
}

fn candidate(trigger: Trigger, base: &Base, root: RootId, file: FileFacts) -> Candidate {
    Candidate {
        trigger,
        time: base.time,
        container: base.container,
        cgroup: base.cgroup,
        process: base.process,
        program: base.program,
        flags: base.flags,
        root,
        file,
        denial: None,
    }
}
