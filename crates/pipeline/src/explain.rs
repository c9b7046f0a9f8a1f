//! Sentences for people: what ran, why it is drift, who wrote it, which rule decided, and what is not known.
//!
//! Every text that a container could have chosen goes through [`shown`].

use crate::alert::Ruling;
use crate::case::Case;
use crate::denial::by_means;
use crate::drift::Trigger;
use crate::limits::EXPLAINED_BYTES_MAX;
use std::fmt::Write as _;
use yagura_event::{
    BaseFlags, Container, DriftEvidence, DriftKind, DriftVector, FileFlags, Provenance, Twin,
    WrittenHow, escape,
};
use yagura_policy::drift::Verdict;

/// Hostile text, bounded and escaped.
pub(crate) fn shown(bytes: &[u8]) -> String {
    match bytes.get(..EXPLAINED_BYTES_MAX) {
        Some(start) if bytes.len() > EXPLAINED_BYTES_MAX => format!("{}…", escape(start)),
        _ => escape(bytes).into_owned(),
    }
}

/// The whole explanation.
pub(crate) fn sentences(
    case: &Case<'_>,
    ruling: &Ruling<'_>,
    drift: &DriftEvidence,
    container: &Container,
) -> String {
    let mut sentences = vec![what_ran(case, drift, container), why(case, drift)];
    sentences.extend(how(case, drift).map(str::to_owned));
    if case.candidate().flags.has(BaseFlags::EXISTING) {
        sentences.push("It was already running when the sensor started.".to_owned());
    }
    if let Some(denial) = &case.candidate().denial {
        sentences.push(format!("It was stopped {}.", by_means(denial.event.means)));
    }
    sentences.extend(who_wrote(case));
    sentences.push(which_rule(ruling));
    sentences.join(" ")
}

fn what_ran(case: &Case<'_>, drift: &DriftEvidence, container: &Container) -> String {
    let path = shown(drift.path.as_bytes());
    let pid = case.candidate().process.pid;
    let place = place(container);
    let exe = match case.program {
        Some(program) => shown(program.exe()),
        None => "A program that is not known".to_owned(),
    };
    if let Some(denial) = &case.candidate().denial {
        return format!(
            "{path} was kept from running in {place}, where process {pid} ({}) was to run it.",
            shown(denial.event.exe.as_bytes()),
        );
    }
    match (drift.kind, case.candidate().trigger) {
        (DriftKind::Binaries, Trigger::Exec) => {
            let filename = case.program.map_or_else(String::new, |program| {
                match program.filename() == drift.path.as_bytes() || program.filename().is_empty() {
                    true => String::new(),
                    false => format!(", started as {}", shown(program.filename())),
                }
            });
            let argv_user = case.program.map_or_else(String::new, |program| {
                let uid = program.credentials.uid;
                match case.entry.and_then(|entry| entry.user(uid)) {
                    Some(name) => format!(" by user {}", shown(name.as_bytes())),
                    None => format!(" by user id {uid}"),
                }
            });
            format!("{path} ran in {place} as process {pid}{argv_user}{filename}.")
        }
        (DriftKind::Binaries, Trigger::Map | Trigger::Script) => {
            format!("The dynamic loader {exe} (process {pid}) ran the program {path} in {place}.")
        }
        (DriftKind::Libraries, _) => {
            format!("{exe} (process {pid}) mapped {path} executable in {place}.")
        }
        (DriftKind::Scripts, _) => {
            format!("{exe} (process {pid}) ran the script {path} in {place}.")
        }
    }
}

fn place(container: &Container) -> String {
    let name = match container.name.is_empty() {
        true => &container.id,
        false => &container.name,
    };
    match container.image.is_empty() {
        true => format!("container {}", shown(name.as_bytes())),
        false => format!(
            "container {} (image {})",
            shown(name.as_bytes()),
            shown(container.image.as_bytes())
        ),
    }
}

fn why(case: &Case<'_>, drift: &DriftEvidence) -> String {
    let layer = drift.layer;
    let image_path = drift
        .image_path
        .as_ref()
        .map_or_else(String::new, |path| shown(path.as_bytes()));
    match drift.provenance {
        Provenance::Written | Provenance::Image => {
            format!(
                "It is not of the image: it stands on {layer}, written after the container began."
            )
        }
        Provenance::Modified => {
            format!(
                "The image's file at this path was changed or replaced: what ran stands on {layer}."
            )
        }
        Provenance::PackageManager => format!(
            "A package manager of the image wrote it after the container began; it stands on {layer}."
        ),
        Provenance::Copied => format!(
            "It is an unchanged copy of the image's {image_path} under another path, on {layer}."
        ),
        Provenance::Volume if case.candidate().flags.has(BaseFlags::HOST_ROOT) => {
            "The process now has the host's root file system, and what ran is the host's file."
                .to_owned()
        }
        Provenance::Volume => format!("It is not of the image: it stands on {layer}."),
        Provenance::Memfd => {
            "It stands on no file system: it ran from anonymous memory.".to_owned()
        }
        Provenance::Deleted => {
            format!(
                "It is not of the image, and no name led to it any more when it ran from {layer}."
            )
        }
    }
}

fn how(case: &Case<'_>, drift: &DriftEvidence) -> impl Iterator<Item = &'static str> {
    let deleted = case.deleted_while_running;
    let deleted_before = !deleted && drift.provenance != Provenance::Deleted;
    drift.vectors.clone().into_iter().filter_map(move |vector| match vector {
        DriftVector::Deleted if deleted => Some("Its file was deleted while it ran."),
        DriftVector::Deleted if deleted_before => Some("Its file had been deleted before."),
        DriftVector::EnteredExec => Some("The process was put into the container from outside."),
        DriftVector::Namespace => Some(
            "The process has another root directory or mount namespace than the container's first, or reached the file through a bind mount.",
        ),
        DriftVector::Descriptor => {
            Some("It was not named by its path but by a descriptor or a symbolic link.")
        }
        _ => None,
    })
}

fn who_wrote(case: &Case<'_>) -> Option<String> {
    let Some(writer) = &case.writer else {
        // A volume's files come from elsewhere as a rule.
        return (case.origin.provenance != Provenance::Volume)
            .then(|| "Who wrote it was not seen.".to_owned());
    };
    let pid = writer.seen.program.pid;
    let who = match writer.program {
        Some(program) => format!("{} (process {pid})", shown(program.exe())),
        None => format!("Process {pid}, which is no longer remembered,"),
    };
    let before = ago(case.candidate().time.since(writer.seen.time));
    let how = match writer.how {
        WrittenHow::Downloaded => ": it was downloaded",
        WrittenHow::Built => ": it was built",
        WrittenHow::Other => "",
    };
    Some(format!("{who} opened it for writing {before} before{how}."))
}

/// A span in words.
fn ago(span_ns: u64) -> String {
    const MILLISECOND_NS: u64 = 1_000_000;
    const SECOND_NS: u64 = 1_000 * MILLISECOND_NS;
    match span_ns {
        0..MILLISECOND_NS => "less than 1 ms".to_owned(),
        MILLISECOND_NS..SECOND_NS => format!("{} ms", span_ns / MILLISECOND_NS),
        _ if span_ns < 120 * SECOND_NS => {
            let tenths = span_ns / (100 * MILLISECOND_NS);
            format!("{}.{} s", tenths / 10, tenths % 10)
        }
        _ => format!("{} min", span_ns / (60 * SECOND_NS)),
    }
}

fn which_rule(ruling: &Ruling<'_>) -> String {
    let rule = ruling.decision.rule;
    let certainty = match ruling.decision.is_possible_only() {
        true => ", which may apply,",
        false => "",
    };
    format!(
        "Rule \"{}\" (number {} of policy version {}){certainty} says {}.",
        shown(rule.name.as_bytes()),
        rule.index + 1,
        ruling.version,
        ruling.action(),
    )
}

/// What could not be learned or done.
pub(crate) fn gaps(case: &Case<'_>, ruling: &Ruling<'_>) -> Vec<String> {
    let mut gaps: Vec<String> = file_gaps(case).map(str::to_owned).collect();
    gaps.extend(process_gaps(case).map(str::to_owned));
    match case.container() {
        Some(container) => gaps.extend(container.gaps.iter().map(|gap| shown(gap.as_bytes()))),
        None => gaps.push(
            "the container's runtime said nothing in time: name, image and pod are unknown"
                .to_owned(),
        ),
    }
    if let Some(gap) = ruling.decision.gap {
        let mut text = format!(
            "rule \"{}\" could not be told to match: {}",
            shown(gap.rule.name.as_bytes()),
            gap.missing.text()
        );
        if gap.in_allow_list {
            text.clear();
            let _ = write!(
                text,
                "the allow list of rule \"{}\" could not be told to match: {}",
                shown(gap.rule.name.as_bytes()),
                gap.missing.text()
            );
        }
        gaps.push(text);
    }
    gaps.extend(enforcement_gap(case, ruling).map(str::to_owned));
    gaps
}

/// Why something ran that a rule asks to block, or was stopped although the rules would have let it run.
fn enforcement_gap(case: &Case<'_>, ruling: &Ruling<'_>) -> Option<&'static str> {
    match (case.outcome(), ruling.decision.verdict) {
        (None, Verdict::Block) if !ruling.can_block => {
            Some("this sensor does not block: reported only")
        }
        (Some(_), Verdict::Allowed) => Some(
            "the rule's allow list has it by what could not be told before it ran: it was stopped this time, and may run from now on",
        ),
        (Some(_), Verdict::Ignore) => Some(
            "by what is known now, no rule asks to stop it: the rules or the container's metadata changed meanwhile",
        ),
        _ => None,
    }
}

fn file_gaps(case: &Case<'_>) -> impl Iterator<Item = &'static str> {
    let file = &case.candidate().file;
    let is_own = case.place.is_of_container();
    let is_layered = case.place.home.is_some_and(|home| home.root.overlay);
    let twin = case
        .inspection()
        .map_or(Twin::Unknown, |inspection| inspection.twin);
    [
        (
            case.pending.inspection_timed_out,
            "reading the file took too long: its content is unknown",
        ),
        (
            case.inspection().is_some_and(|inspection| inspection.error.is_some()),
            "the file could not be read whole: its digest is unknown",
        ),
        (
            is_own && is_layered && twin == Twin::Unknown,
            "the image's layers could not be compared: a file whose metadata alone changed cannot be told from a written one",
        ),
        (
            file.flags.has(FileFlags::PATH_TRUNCATED),
            "the path is cut: allow lists that name whole paths do not apply",
        ),
        (
            is_own && file.writer.is_none(),
            "who wrote the file was not seen",
        ),
        (
            case.place.home.is_none(),
            "the container's own root was never seen",
        ),
    ]
    .into_iter()
    .filter_map(|(applies, gap)| applies.then_some(gap))
}

fn process_gaps(case: &Case<'_>) -> impl Iterator<Item = &'static str> {
    let is_cut = case
        .ancestry
        .as_ref()
        .is_some_and(|ancestry| !ancestry.complete);
    [
        (
            case.program.is_none() && case.outcome().is_none(),
            "the program that ran is not known: its record was lost or made room for others",
        ),
        (is_cut, "a part of the process's ancestry is not known"),
    ]
    .into_iter()
    .filter_map(|(applies, gap)| applies.then_some(gap))
}
