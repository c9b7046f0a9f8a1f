//! What processes were kept from: denials made into alerts.

use super::{Pipeline, candidate};
use crate::denial::{self, Scene};
use crate::drift::{Candidate, Denial, Trigger};
use crate::limits::DENIED_FILES_MAX;
use crate::sink::Sink;
use std::collections::{HashMap, VecDeque};
use yagura_event::{
    Base, BaseFlags, DenialEvent, DenialOutcome, DenialRule, Denied, DriftKind, FileFacts, FileId,
    ProcessKey, RootId,
};

/// Files that processes were ended for, so that the record of their use is not told of again. Bounded: the oldest are
/// forgotten, and are then told of twice.
#[derive(Debug, Default)]
pub(super) struct DeniedFiles {
    known: HashMap<(ProcessKey, FileId), ()>,
    order: VecDeque<(ProcessKey, FileId)>,
}

impl DeniedFiles {
    fn insert(&mut self, process: ProcessKey, file: FileId) {
        if self.known.insert((process, file), ()).is_none() {
            self.order.push_back((process, file));
        }
        if self.order.len() > DENIED_FILES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    /// Whether the process was ended for using the file.
    pub(super) fn contains(&self, process: ProcessKey, file: FileId) -> bool {
        self.known.contains_key(&(process, file))
    }
}

impl Pipeline {
    /// A process was kept from something, or a rule that only watches saw it.
    pub(super) fn denied(
        &mut self,
        event: DenialEvent,
        rule: Option<DenialRule>,
        sink: &mut impl Sink,
    ) {
        if event.base.flags.has(BaseFlags::RUNTIME_STAGE) || !self.admit(&event.base, sink) {
            return;
        }
        self.stats.denials += 1;
        match (event.denied, event.outcome) {
            // It ran: the records of its use come by themselves.
            (Denied::Drift(..), DenialOutcome::Watched) => {}
            (Denied::Drift(kind, _), _) => self.drift_denied(kind, event, rule, sink),
            (Denied::Behaviour(_), _) => self.behaviour_denied(&event, rule.as_ref(), sink),
        }
    }

    /// A file was kept from running: it is inspected and told of like one that ran.
    fn drift_denied(
        &mut self,
        kind: DriftKind,
        event: DenialEvent,
        rule: Option<DenialRule>,
        sink: &mut impl Sink,
    ) {
        let base = self.with_program(event.base);
        let file = event.file.clone().unwrap_or_else(|| FileFacts {
            path: event.target.clone(),
            ..FileFacts::default()
        });
        let is_known = self.denied_files.contains(base.process, file.key.id);
        let killed = event.outcome == DenialOutcome::Killed;
        if killed {
            self.denied_files.insert(base.process, file.key.id);
        }
        let denial = Box::new(Denial { event, kind, rule });
        let waiting = self.pending.find(base.process, file.key.id);
        if let Some((token, mut pending)) = waiting
            .filter(|_| killed)
            .and_then(|token| Some((token, self.pending.remove(token)?)))
        {
            pending.candidate.denial = Some(denial);
            self.settle(token, pending, sink);
            return;
        }
        if is_known {
            return;
        }
        let trigger = match kind {
            DriftKind::Binaries => Trigger::Exec,
            DriftKind::Libraries => Trigger::Map,
            DriftKind::Scripts => Trigger::Script,
        };
        let root = self.home_root(&base);
        let candidate = Candidate {
            denial: Some(denial),
            ..candidate(trigger, &base, root, file)
        };
        self.consider(candidate, sink);
    }

    /// Whether the process was ended for using the file, which is told of already.
    pub(super) fn is_denied(&self, base: &Base, file: &FileFacts) -> bool {
        self.denied_files.contains(base.process, file.key.id)
    }

    fn behaviour_denied(
        &mut self,
        event: &DenialEvent,
        rule: Option<&DenialRule>,
        sink: &mut impl Sink,
    ) {
        let base = self.with_program(event.base);
        let scene = Scene {
            event,
            rule,
            base: &base,
            program: self.programs.program(base.program),
            programs: &self.programs,
            entry: self.containers.get(base.container),
            node: &self.config.node,
            wall_minus_monotonic_ns: self.wall_minus_monotonic_ns,
        };
        let key = denial::identity(&scene);
        if self
            .denial_folds
            .repeats(key, scene.wall(base.time), || None)
        {
            return;
        }
        let mut alert = denial::write(&scene, key);
        let first = scene.first_process();
        self.detector
            .incidents
            .assign(&mut alert, base.container, first, None);
        let older = self.denial_folds.insert(key, &alert, self.now());
        for alert in older.into_iter().chain([alert]) {
            self.stats.alerts += 1;
            sink.alert(alert);
        }
    }

    /// Repeats of denials whose time is over, or of all.
    pub(super) fn tell_denials(&mut self, all: bool, sink: &mut impl Sink) {
        let mut told = Vec::new();
        match all {
            true => self.denial_folds.finish(&mut |alert| told.push(alert)),
            false => {
                let now = self.now();
                self.denial_folds.tick(now, &mut |alert| told.push(alert));
            }
        }
        for alert in told {
            sink.alert(alert);
        }
    }

    /// The event's base with the program that its process runs: the kernel side that denies does not know it.
    fn with_program(&self, mut base: Base) -> Base {
        if self.programs.program(base.program).is_none() {
            let current = self.programs.current(base.process);
            let by_pid = || {
                self.programs
                    .running(base.program.pid)
                    .map(|program| program.key)
            };
            base.program = current.or_else(by_pid).unwrap_or_default();
        }
        base
    }

    /// The container's own root, as that of the process: what was denied came to no record that would tell.
    fn home_root(&self, base: &Base) -> RootId {
        let entry = self.containers.get(base.container);
        let root = entry.and_then(|entry| entry.home).map(|home| home.root);
        root.map_or_else(RootId::default, |root| RootId {
            dev: root.dev,
            ino: root.ino,
            magic: match root.overlay {
                true => FileFacts::OVERLAY_MAGIC,
                false => 0,
            },
        })
    }
}
