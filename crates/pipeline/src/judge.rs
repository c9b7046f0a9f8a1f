//! The judgement of a candidate, once everything that could be learned in time is there.

use crate::alert::{self, Ruling};
use crate::case::{Case, replaces_image_file, shown_path, with_writer, writer_facts};
use crate::denial;
use crate::detect::SeenDrift;
use crate::drift::{self, Candidate, Trigger};
use crate::origin::{self, Origin};
use crate::pending::Pending;
use crate::pipeline::Pipeline;
use crate::process_table::ExeOrigin;
use crate::sink::Sink;
use yagura_event::{
    Alert, Base, BaseFlags, Container, ContainerKey, DriftKind, DriftVector, DropReason, FileFlags,
    Provenance, WrittenHow,
};
use yagura_policy::drift::{Decision, DriftPolicy, ProvenanceSet, Verdict, decide};

/// What a candidate turned out to be.
enum Judgement {
    /// The processes are in no container.
    NoContainer,
    /// The image's file.
    Image,
    /// A file that the runtime placed in the container.
    RuntimeFile,
    /// A mapped or opened file that is no code.
    Data,
    /// Drift.
    Drift(Drifted),
}

/// A drifted file, and what is to be done about it.
struct Drifted {
    provenance: Provenance,
    /// Position of the rule that decided.
    rule: usize,
    verdict: Verdict,
    /// Whether it is the work of a package manager that is running now.
    is_package_manager_stage: bool,
    /// Whether the rule asks to block on this node.
    blocks: bool,
    alert: Option<Box<Alert>>,
    /// The same for detection rules.
    seen: SeenDrift,
    /// Whether the program that wrote it resembles it: it may be a changed copy of its writer.
    is_self_copy: bool,
}

impl Pipeline {
    /// Judges a candidate.
    pub(crate) fn judge(&mut self, pending: Pending, sink: &mut impl Sink) {
        match self.judgement(&pending, false) {
            Judgement::NoContainer => {}
            Judgement::Image => {
                self.stats.image_candidates += 1;
                self.note_image(&pending.candidate, sink);
            }
            Judgement::RuntimeFile => {
                self.stats.image_candidates += 1;
                self.note_exe(&pending.candidate, ExeOrigin::Image);
            }
            Judgement::Data => self.stats.data_candidates += 1,
            Judgement::Drift(drifted) => self.note_drift(pending, drifted, sink),
        }
    }

    /// Judges a drifted program again whose file has been deleted while it runs.
    pub(crate) fn judge_deleted(&mut self, mut pending: Pending, sink: &mut impl Sink) {
        pending.candidate.time = self.now();
        if let Judgement::Drift(drifted) = self.judgement(&pending, true) {
            self.report(pending.candidate.container, drifted, sink);
        }
    }

    /// Whether a rule blocks what this turned out to be, so that the kernel may have ended it and has not said so yet.
    pub(crate) fn may_have_been_ended(&self, pending: &Pending) -> bool {
        self.config.can_block
            && pending.candidate.denial.is_none()
            && !pending.candidate.flags.has(BaseFlags::EXISTING)
            && matches!(self.judgement(pending, false), Judgement::Drift(drifted) if drifted.blocks)
    }

    /// Whether what is known so far shows that the file is the image's, so that nothing else matters.
    pub(crate) fn is_found_image(&self, pending: &Pending) -> bool {
        self.origin(pending).provenance == Provenance::Image
    }

    fn origin(&self, pending: &Pending) -> Origin {
        origin::resolve(&self.place(&pending.candidate), pending.inspection.as_ref())
    }

    fn judgement(&self, pending: &Pending, deleted_while_running: bool) -> Judgement {
        let candidate = &pending.candidate;
        let entry = self.containers.get(candidate.container);
        if entry.is_some_and(|entry| entry.is_no_container()) {
            return Judgement::NoContainer;
        }
        let origin = self.origin(pending);
        if origin.provenance == Provenance::Image {
            return Judgement::Image;
        }
        if self.is_runtime_file(candidate) {
            return Judgement::RuntimeFile;
        }
        let program = self.programs.program(candidate.program);
        let Some(finding) = drift::find(candidate, program, pending.inspection.as_ref()) else {
            return Judgement::Data;
        };
        let writer = writer_facts(&self.programs, &candidate.file);
        let case = Case {
            pending,
            place: self.place(candidate),
            entry,
            program,
            ancestry: program.map(|program| self.programs.ancestors(program)),
            origin: with_writer(origin, writer.as_ref(), &self.programs),
            writer,
            finding,
            deleted_while_running,
            path: shown_path(&candidate.file),
            wall_minus_monotonic_ns: self.wall_minus_monotonic_ns,
        };
        Judgement::Drift(self.ask_policy(&case))
    }

    /// The policy that holds for a container.
    fn policy_of(&self, container: Option<&Container>) -> &DriftPolicy {
        match &self.canary {
            Some((id, policy)) if container.is_some_and(|known| known.id == *id) => policy,
            _ => &self.config.policy,
        }
    }

    fn is_canary(&self, container: ContainerKey) -> bool {
        let entry = self.containers.get(container);
        let known = entry.and_then(|entry| entry.container.as_deref());
        let canary = self.canary.as_ref();
        known
            .zip(canary)
            .is_some_and(|(known, (id, _))| known.id == *id)
    }

    fn ask_policy(&self, case: &Case<'_>) -> Drifted {
        let policy = self.policy_of(case.container());
        let decision = case.with_subject(&self.config.node, |subject| decide(policy, subject));
        let is_package_manager_stage = decision.verdict.reports()
            && !names_package_manager(policy, &decision)
            && case.is_package_manager_stage(&self.programs);
        let is_denied = case.candidate().denial.is_some();
        let is_package_manager_stage = is_package_manager_stage && !is_denied;
        let reports = is_denied || decision.verdict.reports() && !is_package_manager_stage;
        let vectors = case.vectors();
        Drifted {
            seen: SeenDrift {
                vector: vectors.first().copied().unwrap_or(DriftVector::Written),
                kind: case.finding.kind,
                provenance: case.origin.provenance,
                path: case.path.clone(),
                how: case.writer.map_or(WrittenHow::Other, |writer| writer.how),
                sha256: case.inspection().and_then(|inspection| inspection.sha256),
            },
            is_self_copy: is_self_copy(case),
            provenance: case.origin.provenance,
            rule: decision.rule.index,
            verdict: decision.verdict,
            is_package_manager_stage,
            blocks: decision.verdict == Verdict::Block
                && self.config.can_block
                && self.blocks_here(policy, decision.rule.index),
            alert: reports.then(|| {
                let ruling = Ruling {
                    decision,
                    version: self.config.policy_version,
                    can_block: self.config.can_block,
                    node: &self.config.node,
                };
                Box::new(alert::write(case, &ruling))
            }),
        }
    }

    /// Whether a rule that asks to block does so on this node.
    fn blocks_here(&self, policy: &DriftPolicy, rule: usize) -> bool {
        let node = &self.config.node.name;
        let rule = policy.rules().get(rule);
        rule.is_none_or(|rule| rule.blocks_on(node))
    }

    /// Whether the runtime placed the file in the container, as Docker and Podman do with their init program: a
    /// read-only mount that the runtime names and nobody in a container wrote to.
    fn is_runtime_file(&self, candidate: &Candidate) -> bool {
        let file = &candidate.file;
        file.flags
            .has(FileFlags::OTHER_MOUNT | FileFlags::READ_ONLY_MOUNT)
            && !file.flags.has(FileFlags::MEMFD)
            && !file.flags.has(FileFlags::UNREACHABLE)
            && file.writer.is_none()
            && !self.place(candidate).is_of_container()
            && self
                .containers
                .get(candidate.container)
                .is_some_and(|entry| entry.is_runtime_file(&file.path))
    }

    fn note_image(&mut self, candidate: &Candidate, sink: &mut impl Sink) {
        self.note_exe(candidate, ExeOrigin::Image);
        if !candidate.file.flags.has(FileFlags::BEING_WRITTEN) {
            self.image_files
                .insert(candidate.container, candidate.file.key);
        }
        if candidate.denial.is_some() {
            self.stats.denied_image_files += 1;
            sink.let_run(candidate.container, &candidate.file);
        }
        self.tell_image_file(candidate.container, &candidate.file, candidate.time, sink);
    }

    fn note_exe(&mut self, candidate: &Candidate, exe_origin: ExeOrigin) {
        if candidate.trigger == Trigger::Exec
            && let Some(program) = self.programs.program_mut(candidate.program)
        {
            program.exe_origin = exe_origin;
            let key = candidate.program;
            self.detect(|detector, around| detector.program_decided(key, around));
        }
    }

    fn note_drift(&mut self, pending: Pending, mut drifted: Drifted, sink: &mut impl Sink) {
        let candidate = &pending.candidate;
        if candidate.denial.is_some() {
            self.note_denied(&pending, drifted, sink);
            return;
        }
        end_by_sensor(candidate, &mut drifted, sink);
        let is_package_managers = drifted.provenance == Provenance::PackageManager;
        match candidate.trigger {
            Trigger::Exec => {
                let exe_origin =
                    match is_package_managers && replaces_image_file(pending.inspection.as_ref()) {
                        true => ExeOrigin::Replaced,
                        false => ExeOrigin::Other,
                    };
                self.note_exe(candidate, exe_origin);
            }
            Trigger::Map | Trigger::Script => {
                let is_expected = is_package_managers || drifted.is_package_manager_stage;
                if let Some(program) = self.programs.program_mut(candidate.program) {
                    program.ran_drift |= !is_expected;
                }
            }
        }
        let had_name = candidate.trigger == Trigger::Exec
            && drifted.alert.is_some()
            && !matches!(drifted.provenance, Provenance::Deleted | Provenance::Memfd)
            && !candidate.file.flags.has(FileFlags::DELETED);
        let is_running = self.programs.is_running(candidate.program);
        self.detect_drift(candidate, &drifted);
        let program = self.programs.program(candidate.program);
        let ended_without_name = program.is_some_and(|program| program.exe_deleted);
        self.report(pending.candidate.container, drifted, sink);
        if had_name && ended_without_name {
            self.judge_deleted(pending, sink);
        } else if had_name && is_running && !self.watchlist.add(pending, self.now()) {
            self.lost(DropReason::Full, 1, sink);
        }
    }

    /// A drifted file was kept from running: its process is what it was before.
    fn note_denied(&mut self, pending: &Pending, drifted: Drifted, sink: &mut impl Sink) {
        let candidate = &pending.candidate;
        // What an allow list has by its content could not be told before the file was read.
        if drifted.verdict == Verdict::Allowed {
            sink.let_run(candidate.container, &candidate.file);
        }
        self.report(candidate.container, drifted, sink);
    }

    /// Tells the detection rules, whatever the drift policy says of it.
    fn detect_drift(&mut self, candidate: &Candidate, drifted: &Drifted) {
        if drifted.is_package_manager_stage || drifted.provenance == Provenance::PackageManager {
            return;
        }
        let base = Base {
            time: candidate.time,
            container: candidate.container,
            cgroup: candidate.cgroup,
            process: candidate.process,
            program: candidate.program,
            flags: candidate.flags,
        };
        let (seen, is_self_copy) = (drifted.seen.clone(), drifted.is_self_copy);
        self.detect(|detector, around| detector.drift(&base, seen, is_self_copy, around));
    }

    fn report(&mut self, container: ContainerKey, drifted: Drifted, sink: &mut impl Sink) {
        if drifted.is_package_manager_stage {
            self.stats.package_manager_stages += 1;
            return;
        }
        let is_canary = self.is_canary(container);
        if !is_canary {
            self.count_by_rule(&drifted);
        }
        if let Some(mut alert) = drifted.alert {
            self.stats.alerts += u64::from(!is_canary);
            let home = self.containers.get(container).and_then(|entry| entry.home);
            let first = home.map(|home| home.init).unwrap_or_default();
            self.detector
                .incidents
                .assign(&mut alert, container, first, None);
            sink.alert(*alert);
        }
    }

    fn count_by_rule(&mut self, drifted: &Drifted) {
        let policy = &self.config.policy;
        let rule = self.stats.by_rule.entry(drifted.rule).or_default();
        if rule.name.is_empty() {
            policy
                .rule_ref(drifted.rule)
                .name
                .clone_into(&mut rule.name);
        }
        match drifted.verdict {
            Verdict::Alert | Verdict::Block => rule.alerts += 1,
            Verdict::Ignore => rule.ignored += 1,
            Verdict::Allowed => rule.allowed += 1,
        }
    }
}

/// What a rule asks to block and nobody stopped before it ran is ended now: the rule was not in force on the container yet,
/// or only what the file holds could tell. What ran before the sensor did is left alone.
fn end_by_sensor(candidate: &Candidate, drifted: &mut Drifted, sink: &mut impl Sink) {
    let is_new = !candidate.flags.has(BaseFlags::EXISTING);
    let Some(alert) = &mut drifted.alert else {
        return;
    };
    if drifted.blocks && is_new && sink.kill(candidate.container, candidate.process, drifted.rule) {
        denial::end(alert, drifted.seen.kind, drifted.provenance);
    }
}

/// Whether the rule that decided names the provenance `package-manager` itself, rather than leaving all in.
fn names_package_manager(policy: &DriftPolicy, decision: &Decision<'_>) -> bool {
    policy.rules().get(decision.rule.index).is_some_and(|rule| {
        rule.provenances != ProvenanceSet::ALL
            && rule.provenances.contains(Provenance::PackageManager)
    })
}

/// Whether a program that is not the image's was written by another such program of about its own size: what a program
/// that spreads in changed copies of itself looks like. An exact copy made by `cp` has `cp` as its writer.
fn is_self_copy(case: &Case<'_>) -> bool {
    let Some(writer) = case.writer.as_ref().and_then(|writer| writer.program) else {
        return false;
    };
    let file = &case.candidate().file.key;
    let own = writer.exe_file.size;
    let is_alike =
        file.size >= own.saturating_sub(own / 4) && file.size <= own.saturating_add(own / 2);
    case.finding.kind == DriftKind::Binaries
        && case.candidate().trigger == Trigger::Exec
        && !writer.exe_origin.is_image()
        && writer.exe_file.id != file.id
        && own > 0
        && is_alike
}
