//! A candidate with all that is known of it: what the policy is asked about and what an alert is written from.

use crate::container_table::{ContainerEntry, wall};
use crate::drift::{self, Candidate, Circumstances, Finding};
use crate::origin::{Origin, Place};
use crate::package_manager;
use crate::pending::Pending;
use crate::process_table::{Ancestry, ProcessTable, Program};
use crate::writers;
use yagura_event::{
    Container, DenialOutcome, DriftKind, DriftVector, FileFacts, FileFlags, Inspection,
    MonotonicNs, Node, Provenance, Text, Twin, WallTime, Writer, WrittenHow,
};
use yagura_policy::Subject;

/// Who wrote a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WriterFacts<'a> {
    /// What the kernel saw.
    pub(crate) seen: Writer,
    /// The program, if it is still known.
    pub(crate) program: Option<&'a Program>,
    /// What kind of writer it is.
    pub(crate) how: WrittenHow,
}

/// A drifted file that came to run.
#[derive(Debug)]
pub(crate) struct Case<'a> {
    /// What came to run.
    pub(crate) pending: &'a Pending,
    /// The file in its surroundings.
    pub(crate) place: Place<'a>,
    /// Its container.
    pub(crate) entry: Option<&'a ContainerEntry>,
    /// The program that it is, or that loaded it.
    pub(crate) program: Option<&'a Program>,
    /// The program's ancestors.
    pub(crate) ancestry: Option<Ancestry<'a>>,
    /// Who wrote it.
    pub(crate) writer: Option<WriterFacts<'a>>,
    /// Where it comes from.
    pub(crate) origin: Origin,
    /// What kind of drift it is.
    pub(crate) finding: Finding,
    /// Whether it lost its last name while it ran.
    pub(crate) deleted_while_running: bool,
    /// Path as shown and as the policy sees it.
    pub(crate) path: Text,
    /// The node's clock against the monotonic one.
    pub(crate) wall_minus_monotonic_ns: i64,
}

impl<'a> Case<'a> {
    /// The candidate.
    pub(crate) fn candidate(&self) -> &'a Candidate {
        &self.pending.candidate
    }

    /// What was done about it, if something was.
    pub(crate) fn outcome(&self) -> Option<DenialOutcome> {
        let denial = self.candidate().denial.as_ref();
        denial.map(|denial| denial.event.outcome)
    }

    /// What reading the file said.
    pub(crate) fn inspection(&self) -> Option<&'a Inspection> {
        self.pending.inspection.as_ref()
    }

    /// What the runtime says of the container.
    pub(crate) fn container(&self) -> Option<&'a Container> {
        self.entry.and_then(|entry| entry.container.as_deref())
    }

    /// A monotonic time by the node's clock.
    pub(crate) fn wall(&self, time: MonotonicNs) -> WallTime {
        WallTime(wall(time, self.wall_minus_monotonic_ns))
    }

    /// Whether the image has a file at the same path.
    pub(crate) fn replaces_image_file(&self) -> bool {
        replaces_image_file(self.inspection())
    }

    /// Every vector that applies, the main one first.
    pub(crate) fn vectors(&self) -> Vec<DriftVector> {
        let mut vectors = drift::vectors(
            self.finding,
            &Circumstances {
                place: self.place,
                candidate: self.candidate(),
                program: self.program,
                ancestry: self.ancestry.as_ref(),
                provenance: self.origin.provenance,
                replaces_image_file: self.replaces_image_file(),
            },
        );
        if self.deleted_while_running {
            vectors.retain(|vector| *vector != DriftVector::Deleted);
            vectors.insert(0, DriftVector::Deleted);
        }
        vectors
    }

    /// Asks `ask` about the case as a policy sees it.
    pub(crate) fn with_subject<T>(&self, node: &Node, ask: impl FnOnce(&Subject<'_>) -> T) -> T {
        let ancestors: Option<Vec<&[u8]>> = self.ancestry.as_ref().and_then(|ancestry| {
            let known = ancestry.complete || !ancestry.programs.is_empty();
            known.then(|| {
                ancestry
                    .programs
                    .iter()
                    .map(|program| program.exe())
                    .collect()
            })
        });
        ask(&Subject {
            node,
            container: self.container(),
            kind: self.finding.kind,
            provenance: self.origin.provenance,
            path: self.path.as_bytes(),
            sha256: self.inspection().and_then(|inspection| inspection.sha256),
            parent: self.parent(),
            ancestors: ancestors.as_deref(),
            now: self.wall(self.candidate().time),
        })
    }

    /// Path of the program that started the process: the nearest ancestor in another process. A process that the
    /// runtime put into the container has none there, which is known and not a gap.
    fn parent(&self) -> Option<&[u8]> {
        let ancestry = self.ancestry.as_ref()?;
        let pid = self.program?.process.pid;
        let nearest = ancestry
            .programs
            .iter()
            .find(|program| program.process.pid != pid)
            .or_else(|| ancestry.programs.first());
        match nearest {
            Some(program) => Some(program.exe()),
            None if ancestry.complete => Some(b""),
            None => None,
        }
    }

    /// Whether this is the work of a package manager of the image that is running now.
    pub(crate) fn is_package_manager_stage(&self, table: &ProcessTable) -> bool {
        let (Some(program), Some(ancestry)) = (self.program, &self.ancestry) else {
            return false;
        };
        let is_own_work = self
            .writer
            .and_then(|writer| writer.program)
            .is_some_and(|writer| package_manager::writes_as(table, writer));
        let is_expected = match self.finding.kind {
            DriftKind::Scripts | DriftKind::Libraries => true,
            DriftKind::Binaries => self.replaces_image_file(),
        };
        is_own_work && is_expected && package_manager::is_at_work(table, program, ancestry)
    }
}

/// Whether the image has a file at the same path.
pub(crate) fn replaces_image_file(inspection: Option<&Inspection>) -> bool {
    inspection.is_some_and(|inspection| matches!(inspection.twin, Twin::Same | Twin::Different))
}

/// Looks up who wrote a file.
pub(crate) fn writer_facts<'a>(
    table: &'a ProcessTable,
    file: &FileFacts,
) -> Option<WriterFacts<'a>> {
    let seen = file.writer?;
    let program = table.program(seen.program);
    Some(WriterFacts {
        seen,
        program,
        how: program.map_or(WrittenHow::Other, writers::written_how),
    })
}

/// Names the package manager as the origin of what it wrote.
pub(crate) fn with_writer(
    origin: Origin,
    writer: Option<&WriterFacts<'_>>,
    table: &ProcessTable,
) -> Origin {
    let is_own_file = matches!(
        origin.provenance,
        Provenance::Written | Provenance::Modified
    );
    let is_package_manager = writer
        .and_then(|writer| writer.program)
        .is_some_and(|program| package_manager::is_or_is_below(table, program));
    match is_own_file && is_package_manager {
        true => Origin {
            provenance: Provenance::PackageManager,
            ..origin
        },
        false => origin,
    }
}

/// A file's path as it is shown and as policies see it. What is no path in the container's own tree must not look
/// like one: the name of a memory file and the inside of a foreign mount are the process's free choice.
pub(crate) fn shown_path(file: &FileFacts) -> Text {
    let prefix: &[u8] = if file.flags.has(FileFlags::MEMFD) {
        b"memfd:"
    } else if file.flags.has(FileFlags::UNREACHABLE) {
        b"(unreachable)"
    } else if file.flags.has(FileFlags::PATH_TRUNCATED) {
        b"(cut)"
    } else {
        b""
    };
    let path = file
        .path
        .0
        .get(..crate::limits::PATH_BYTES_MAX)
        .unwrap_or(&file.path.0);
    Text([prefix, path].concat())
}
