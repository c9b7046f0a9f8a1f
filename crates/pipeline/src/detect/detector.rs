//! The way of one event: seen, perhaps kept until its container is known, given to the rules, made into alerts.

use super::alert::{self, Written};
use super::flows::{Flows, Found};
use super::fold::Folds;
use super::names::AddressNames;
use super::observe;
use super::observed::{Observed, RemoteStream, SeenDrift, What};
use super::prefilter::{self, Wishes};
use super::subject::EventSubject;
use crate::container_table::{ContainerEntry, ContainerTable};
use crate::incidents::Incidents;
use crate::limits::{UNDECIDED_EVENTS_MAX, WAITING_EVENTS_MAX, WAITING_EVENTS_OF_CONTAINER_MAX};
use crate::process_table::{ExeOrigin, ProcessTable, Program};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use yagura_event::{
    Alert, Base, BaseFlags, CallEvent, ContainerKey, Credentials, ExitEvent, MonotonicNs, Node,
    ProcessKey, ProgramKey,
};
use yagura_rules::fields::{Argument, Field};
use yagura_rules::{
    EventKind, Match, Outcome, RuleId, RuleSet, RuleState, Subject, Unknowns, Value,
};

/// What the detector needs of the rest of the pipeline to answer for fields.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    /// All programs.
    pub(crate) programs: &'a ProcessTable,
    /// All containers.
    pub(crate) containers: &'a ContainerTable,
    /// The node.
    pub(crate) node: &'a Arc<Node>,
    /// The node's clock against the monotonic one.
    pub(crate) wall_minus_monotonic_ns: i64,
    /// How long an event waits for its container's metadata.
    pub(crate) metadata_wait_ns: u64,
    /// The latest time that was told.
    pub(crate) now: MonotonicNs,
}

/// Events of a container whose metadata has not arrived.
#[derive(Debug)]
struct Waiting {
    events: VecDeque<Observed>,
    until: MonotonicNs,
}

/// The rules with all that they remember.
#[derive(Debug)]
pub(crate) struct Detector {
    rules: Arc<RuleSet>,
    /// Whether no rule is in force: then nothing is followed and nothing waits.
    is_idle: bool,
    state: RuleState,
    flows: Flows,
    names: AddressNames,
    folds: Folds,
    waiting: HashMap<ContainerKey, Waiting>,
    deadlines: BTreeMap<(MonotonicNs, ContainerKey), ()>,
    waiting_events: usize,
    started: HashSet<ContainerKey>,
    /// Events of programs whose file is still being read, with the rules that hang on it.
    undecided: HashMap<ProgramKey, Vec<(Observed, Vec<RuleId>)>>,
    undecided_events: usize,
    number: u64,
    /// Which story each alert belongs to.
    pub(crate) incidents: Incidents,
    /// Alerts that were written since they were last taken.
    pub(crate) alerts: Vec<Alert>,
    /// Events that were judged without waiting any longer, since too many waited.
    pub(crate) hurried: u64,
}

impl Detector {
    /// A detector with these rules.
    pub(crate) fn new(rules: Arc<RuleSet>) -> Detector {
        let state = RuleState::new(&rules);
        Detector {
            is_idle: is_idle(&rules),
            rules,
            state,
            flows: Flows::default(),
            names: AddressNames::default(),
            folds: Folds::default(),
            waiting: HashMap::new(),
            deadlines: BTreeMap::new(),
            waiting_events: 0,
            started: HashSet::new(),
            undecided: HashMap::new(),
            undecided_events: 0,
            number: 0,
            incidents: Incidents::default(),
            alerts: Vec::new(),
            hurried: 0,
        }
    }

    /// Puts other rules in force. What sequences and thresholds had counted begins anew.
    pub(crate) fn set_rules(&mut self, rules: Arc<RuleSet>) {
        self.state = RuleState::new(&rules);
        self.is_idle = is_idle(&rules);
        self.rules = rules;
    }

    /// What the kernel side is to send.
    pub(crate) fn wishes(&self) -> Wishes {
        prefilter::wishes(&self.rules)
    }

    /// A program began. One that ran before the sensor is no event, but its streams may lead somewhere.
    pub(crate) fn exec(
        &mut self,
        base: &Base,
        program: Option<&Program>,
        around: Surroundings<'_>,
    ) {
        if self.is_idle {
            return;
        }
        let mut found = Vec::new();
        if let Some(program) = program {
            self.flows
                .exec(program, around.programs, around.now, &mut found);
        }
        if !base.flags.has(BaseFlags::EXISTING) {
            self.observe(observe::observed(base, What::Exec), around);
        }
        self.streams(found, around);
    }

    /// A system call ended. Says whether the kernel side need not send its like again.
    pub(crate) fn call(&mut self, event: CallEvent, around: Surroundings<'_>) -> bool {
        let base = event.base;
        let call = observe::seen(event);
        let mut found = Vec::new();
        self.flows.call(
            base.process,
            base.container,
            &call,
            around.programs,
            around.now,
            &mut found,
        );
        let derived = observe::derived(&base, &call, &mut self.names);
        let is_openable = call.event.open_key.is_some();
        let observed = observe::observed(&base, What::Call(Box::new(call)));
        let quiet = is_openable && self.is_quiet(&observed, around);
        if !quiet {
            self.observe(observed, around);
        }
        if let Some(derived) = derived {
            self.observe(derived, around);
        }
        self.streams(found, around);
        quiet
    }

    /// A process has more rights than it had, and no legal way led there.
    pub(crate) fn rights_gained(
        &mut self,
        base: &Base,
        before: Credentials,
        around: Surroundings<'_>,
    ) {
        self.observe(observe::observed(base, What::RightsGained(before)), around);
    }

    /// A container sent more events than are taken.
    pub(crate) fn flood(&mut self, container: ContainerKey, count: u64, around: Surroundings<'_>) {
        let base = Base {
            time: around.now,
            container,
            ..Base::default()
        };
        self.observe(observe::observed(&base, What::Flood(count)), around);
    }

    /// A process ended.
    pub(crate) fn exit(&mut self, event: &ExitEvent, around: Surroundings<'_>) {
        self.flows.exit(event.base.process);
        self.observe(
            observe::observed(&event.base, What::Exit(event.status)),
            around,
        );
    }

    /// Anything else that was seen or derived.
    pub(crate) fn observe(&mut self, observed: Observed, around: Surroundings<'_>) {
        if self.is_idle || observed.flags.has(BaseFlags::RUNTIME_STAGE) {
            return;
        }
        let key = observed.container;
        let is_known = around
            .containers
            .get(key)
            .is_some_and(|entry| entry.complete);
        if is_known
            || self
                .waiting
                .get(&key)
                .is_some_and(|waiting| waiting.until == MonotonicNs(0))
        {
            self.evaluate(&observed, around);
            return;
        }
        let until = MonotonicNs(around.now.0.saturating_add(around.metadata_wait_ns));
        let waiting = self.waiting.entry(key).or_insert_with(|| Waiting {
            events: VecDeque::new(),
            until,
        });
        self.deadlines.insert((waiting.until, key), ());
        waiting.events.push_back(observed);
        self.waiting_events += 1;
        if waiting.events.len() > WAITING_EVENTS_OF_CONTAINER_MAX
            || self.waiting_events > WAITING_EVENTS_MAX
        {
            self.hurried += 1;
            if let Some(oldest) = waiting.events.pop_front() {
                self.waiting_events -= 1;
                self.evaluate(&oldest, around);
            }
        }
    }

    /// A container's metadata arrived, or will not arrive: what waited for it is judged.
    pub(crate) fn container_known(&mut self, key: ContainerKey, around: Surroundings<'_>) {
        let entry = around.containers.get(key);
        if let Some(waiting) = self.waiting.remove(&key) {
            self.deadlines.remove(&(waiting.until, key));
            self.waiting_events = self.waiting_events.saturating_sub(waiting.events.len());
            self.container_started(key, entry, around);
            for observed in &waiting.events {
                self.evaluate(observed, around);
            }
        } else {
            self.container_started(key, entry, around);
        }
    }

    fn container_started(
        &mut self,
        key: ContainerKey,
        entry: Option<&ContainerEntry>,
        around: Surroundings<'_>,
    ) {
        let Some(entry) = entry.filter(|entry| entry.container.is_some()) else {
            return;
        };
        if !self.started.insert(key) {
            return;
        }
        let process = entry.home.map(|home| home.init).unwrap_or_default();
        let program = around.programs.current(process).unwrap_or_default();
        let observed = Observed {
            time: around.now,
            container: key,
            cgroup: Default::default(),
            process,
            program,
            flags: BaseFlags::default(),
            what: What::ContainerStarted,
        };
        self.evaluate(&observed, around);
    }

    /// Forgets containers that are gone.
    pub(crate) fn forget(&mut self, gone: &HashSet<ContainerKey>) {
        self.started.retain(|key| !gone.contains(key));
        for key in gone {
            if let Some(waiting) = self.waiting.remove(key) {
                self.deadlines.remove(&(waiting.until, *key));
                self.waiting_events = self.waiting_events.saturating_sub(waiting.events.len());
            }
        }
        self.flows.forget(gone);
    }

    /// A file was found to be drift and ran.
    pub(crate) fn drift(
        &mut self,
        base: &Base,
        drift: SeenDrift,
        is_self_copy: bool,
        around: Surroundings<'_>,
    ) {
        if is_self_copy {
            let what = What::SelfCopy(Box::new(drift.clone()));
            self.observe(observe::observed(base, what), around);
        }
        self.observe(
            observe::observed(base, What::Drift(Box::new(drift))),
            around,
        );
    }

    /// Scanning a file found something.
    pub(crate) fn scan_finding(&mut self, base: &Base, what: What, around: Surroundings<'_>) {
        self.observe(observe::observed(base, what), around);
    }

    /// When [`Detector::tick`] is due.
    pub(crate) fn next_deadline(&self) -> Option<MonotonicNs> {
        let waiting = self
            .deadlines
            .first_key_value()
            .map(|((time, _), ())| *time);
        [
            waiting,
            self.flows.next_deadline(),
            self.folds.next_deadline(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, around: Surroundings<'_>) {
        while let Some(entry) = self.deadlines.first_entry() {
            let (until, key) = *entry.key();
            if until > around.now {
                break;
            }
            entry.remove();
            self.container_overdue(key, around);
        }
        let mut found = Vec::new();
        self.flows.tick(around.now, &mut found);
        self.streams(found, around);
        let alerts = &mut self.alerts;
        self.folds.tick(around.now, &mut |alert| alerts.push(alert));
    }

    /// Metadata did not come in time: what waited is judged without it, and so is what comes until it is there.
    fn container_overdue(&mut self, key: ContainerKey, around: Surroundings<'_>) {
        let Some(waiting) = self.waiting.get_mut(&key) else {
            return;
        };
        waiting.until = MonotonicNs(0);
        let events = std::mem::take(&mut waiting.events);
        self.waiting_events = self.waiting_events.saturating_sub(events.len());
        for observed in &events {
            self.evaluate(observed, around);
        }
    }

    /// Judges all that waits and tells of all repeats: there will be no more events.
    pub(crate) fn finish(&mut self, around: Surroundings<'_>) {
        let mut keys: Vec<ContainerKey> = self.waiting.keys().copied().collect();
        keys.sort_unstable();
        for key in keys {
            self.container_overdue(key, around);
        }
        let mut programs: Vec<ProgramKey> = self.undecided.keys().copied().collect();
        programs.sort_unstable();
        for program in programs {
            self.program_decided(program, around);
        }
        let alerts = &mut self.alerts;
        self.folds.finish(&mut |alert| alerts.push(alert));
    }

    fn streams(&mut self, found: Vec<Found>, around: Surroundings<'_>) {
        for Found { process, stream } in found {
            if let Some(observed) = remote_stream(process, stream, around) {
                self.observe(observed, around);
            }
        }
    }

    fn is_quiet(&mut self, observed: &Observed, around: Surroundings<'_>) -> bool {
        let subject = subject_of(observed, around, &self.names, self.number);
        prefilter::is_quiet(&self.rules, &subject, &mut self.state)
    }

    fn evaluate(&mut self, observed: &Observed, around: Surroundings<'_>) {
        self.number += 1;
        let entry = around.containers.get(observed.container);
        if entry.is_some_and(ContainerEntry::is_no_container) {
            return;
        }
        let subject = subject_of(observed, around, &self.names, self.number);
        let rules = &self.rules;
        let mut outlet = Outlet {
            rules,
            subject: &subject,
            folds: &mut self.folds,
            incidents: &mut self.incidents,
            alerts: &mut self.alerts,
            now: around.now,
        };
        let undecided = decide(rules, &mut self.state, &subject, &mut |found| {
            outlet.tell(found);
        });
        if undecided.is_empty() {
            return;
        }
        // Whether the program is the image's is being found out: what hangs on it is judged then.
        let waits = subject
            .program
            .is_some_and(|program| program.exe_origin == ExeOrigin::Undecided);
        if waits && self.undecided_events < UNDECIDED_EVENTS_MAX {
            self.undecided_events += 1;
            let waiting = self.undecided.entry(observed.program).or_default();
            waiting.push((observed.clone(), undecided));
            return;
        }
        outlet.settle(&undecided, &mut self.state);
    }

    /// Where a program's file comes from has been decided: what hung on it is judged.
    pub(crate) fn program_decided(&mut self, program: ProgramKey, around: Surroundings<'_>) {
        let Some(waiting) = self.undecided.remove(&program) else {
            return;
        };
        self.undecided_events = self.undecided_events.saturating_sub(waiting.len());
        for (observed, undecided) in &waiting {
            let subject = subject_of(observed, around, &self.names, self.number);
            let rules = &self.rules;
            let mut outlet = Outlet {
                rules,
                subject: &subject,
                folds: &mut self.folds,
                incidents: &mut self.incidents,
                alerts: &mut self.alerts,
                now: around.now,
            };
            outlet.settle(undecided, &mut self.state);
        }
    }
}

/// Where matches become alerts.
struct Outlet<'a> {
    rules: &'a RuleSet,
    subject: &'a EventSubject<'a>,
    folds: &'a mut Folds,
    incidents: &'a mut Incidents,
    alerts: &'a mut Vec<Alert>,
    now: MonotonicNs,
}

impl Outlet<'_> {
    /// Judges rules of which nothing more will be known.
    fn settle(&mut self, undecided: &[RuleId], state: &mut RuleState) {
        let (rules, subject) = (self.rules, self.subject);
        settle_rules(rules, undecided, state, subject, &mut |found| {
            self.tell(found);
        });
    }

    fn tell(&mut self, found: &Match<'_>) {
        let Written { key, last_time } = alert::identity(self.rules, found, self.subject);
        let subject = self.subject;
        if self
            .folds
            .repeats(key, last_time, || alert::runner(subject))
        {
            return;
        }
        let mut alert = alert::write(self.rules, found, subject, key);
        let home = subject.entry.and_then(|entry| entry.home);
        let first = home.map(|home| home.init).unwrap_or_default();
        let exe = subject
            .program
            .filter(|program| !program.exe_origin.is_image())
            .map(|program| program.exe_file.id);
        self.incidents
            .assign(&mut alert, subject.observed.container, first, exe);
        self.alerts.extend(self.folds.insert(key, &alert, self.now));
        self.alerts.push(alert);
    }
}

/// Everything that is asked of an event.
fn subject_of<'a>(
    observed: &'a Observed,
    around: Surroundings<'a>,
    names: &'a AddressNames,
    number: u64,
) -> EventSubject<'a> {
    EventSubject {
        observed,
        program: around.programs.program(observed.program),
        programs: around.programs,
        entry: around.containers.get(observed.container),
        names,
        node: around.node,
        wall_minus_monotonic_ns: around.wall_minus_monotonic_ns,
        number,
    }
}

/// An event of which no more will be known. What is not known counts as absent: it meets no test, and so neither excuses
/// nor silences anything.
struct Settled<'a, S>(&'a S);

impl<S: Subject> Subject for Settled<'_, S> {
    fn kind(&self) -> EventKind {
        self.0.kind()
    }

    fn time(&self) -> MonotonicNs {
        self.0.time()
    }

    fn value(&self, field: Field, argument: &Argument) -> Value<'_> {
        match self.0.value(field, argument) {
            Value::Unknown => Value::Absent,
            value => value,
        }
    }
}

/// Whether no rule is in force.
fn is_idle(rules: &RuleSet) -> bool {
    !rules.rules().any(|rule| rule.enabled)
}

/// Evaluates all rules; returns those whose outcome hangs on something that is not known.
fn decide<S: Subject>(
    rules: &RuleSet,
    state: &mut RuleState,
    subject: &S,
    matches: &mut impl FnMut(&Match<'_>),
) -> Vec<RuleId> {
    let mut undecided = Vec::new();
    rules.evaluate(subject, state, &mut |found| match found.outcome {
        Outcome::Matches => matches(&found),
        Outcome::MatchesUnlessExcused | Outcome::Unknown => undecided.push(found.id),
    });
    undecided
}

/// Evaluates all rules, those that hang on something unknown as [`Settled`].
pub(crate) fn settle<S: Subject>(
    rules: &RuleSet,
    state: &mut RuleState,
    subject: &S,
    matches: &mut impl FnMut(&Match<'_>),
) {
    let undecided = decide(rules, state, subject, matches);
    settle_rules(rules, &undecided, state, subject, matches);
}

fn settle_rules<S: Subject>(
    rules: &RuleSet,
    undecided: &[RuleId],
    state: &mut RuleState,
    subject: &S,
    matches: &mut impl FnMut(&Match<'_>),
) {
    for rule in undecided {
        let settled = Settled(subject);
        rules.evaluate_rule(*rule, Unknowns::Settle, &settled, state, &mut |found| {
            matches(&found);
        });
    }
}

fn remote_stream(
    process: ProcessKey,
    stream: RemoteStream,
    around: Surroundings<'_>,
) -> Option<Observed> {
    let key = around.programs.current(process)?;
    let program = around.programs.program(key)?;
    Some(Observed {
        time: around.now,
        container: program.container,
        cgroup: Default::default(),
        process,
        program: key,
        flags: program.flags,
        what: What::RemoteStream(stream),
    })
}
