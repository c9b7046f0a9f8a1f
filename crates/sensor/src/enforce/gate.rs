//! Whether a file may run that a container is about to execute: asked by the kernel, which waits for the answer.
//!
//! This is what stands before the signal that ends a program at its first instruction: it refuses instead of killing,
//! and it has time to look at a file whose metadata alone changed, so that the image's own programs go on running.

use super::asking::{AskingContainer, AskingContainers};
use super::process::{Ancestry, base, name_of};
use crate::inspect::{Asker, holds_content};
use rustix::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;
use yagura_event::{
    CellAction, ContainerKey, DenialEvent, DenialOutcome, Denied, DriftKind, EnforcementMeans,
    EnforcementRow, FileFacts, FileFlags, InspectionRequest, OriginClass, Text, Twin,
};
use yagura_kernel::{Answer, ExecQuestion};
use yagura_policy::{RowQuestion, decide_row};

/// How long a file may be read before its process is left to the signal at its first instruction.
const READ_MAX: Duration = Duration::from_millis(350);
/// How long ago a file must have changed for a further change to have another time: two ticks of the slowest clock.
const FRESH_FOR: Duration = Duration::from_millis(25);
/// Bytes of a table of mounts that are looked through: thousands of mounts.
const MOUNTS_BYTES_MAX: u64 = 1 << 20;
/// What every program begins with (elf(5)).
const ELF_MAGIC: [u8; 4] = *b"\x7fELF";

/// What the gate needs from the rest of the sensor.
pub(super) trait Around: Send + Sync {
    /// The file may run, and need not be ended when it does.
    fn trust(&self, container: ContainerKey, file: &FileFacts) -> Trust;

    /// A file was refused.
    fn denied(&self, event: DenialEvent);
}

/// Whether a file is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// It is.
    Given,
    /// It changed so short a time ago that another change would bear the same time.
    TooFresh,
    /// It could not be told.
    Refused,
}

/// Answers the kernel.
pub(super) struct Gate<A> {
    pub(super) containers: Arc<AskingContainers>,
    pub(super) asker: Asker,
    pub(super) around: A,
}

impl<A: Around> Gate<A> {
    /// Whether the file may run.
    pub(super) fn answer(&self, question: &ExecQuestion<'_>) -> Answer {
        let found = self.containers.find(question.pid);
        let Some(container) = found.filter(|container| container.gates_exec) else {
            return Answer::Allow;
        };
        let mut file = question.facts.clone();
        let class = match self.origin(&container, &mut file, question) {
            Origin::Image => return Answer::Allow,
            Origin::ImageContent => {
                self.trust(&container, &file, question);
                return Answer::Allow;
            }
            // Left to the signal at its first instruction, which needs no answer.
            Origin::Unknown => return Answer::Allow,
            // So is what the process does not see where it lies, such as a layer of a mount of its own: nobody would
            // know the path.
            Origin::Drift(_) if !is_seen_by(question.pid, question.file) => return Answer::Allow,
            Origin::Drift(class) => class,
        };
        let kind = kind_of(question.file);
        let process = Ancestry::of(question.pid, needs_ancestry(&container.row));
        let ancestors: Vec<&[u8]> = process.ancestors.iter().map(Vec::as_slice).collect();
        let decision = decide_row(
            &container.row,
            &RowQuestion {
                what: Denied::Drift(kind, class),
                program: Some(file.path.as_bytes()),
                parent: process.exe.as_deref(),
                ancestors: &ancestors,
                file: None,
            },
        );
        if decision.action != CellAction::Deny {
            return Answer::Allow;
        }
        self.around.denied(DenialEvent {
            base: base(question.pid, container.key),
            denied: Denied::Drift(kind, class),
            outcome: DenialOutcome::Blocked,
            means: EnforcementMeans::Fanotify,
            rule: decision.rule,
            name: Text::from(name_of(question.pid).as_slice()),
            exe: Text::from(process.exe.unwrap_or_default().as_slice()),
            file: Some(file),
            target: Text::default(),
        });
        Answer::Deny
    }

    /// Has the file run. What changed a moment ago is read again once a further change would show; if it has changed
    /// again by then, its program is ended at its first instruction.
    fn trust(&self, container: &AskingContainer, file: &FileFacts, question: &ExecQuestion<'_>) {
        if self.around.trust(container.key, file) != Trust::TooFresh {
            return;
        }
        std::thread::sleep(FRESH_FOR);
        let mut again = question.facts.clone();
        if let Origin::ImageContent = self.origin(container, &mut again, question) {
            let _ = self.around.trust(container.key, &again);
        }
    }

    fn origin(
        &self,
        container: &AskingContainer,
        file: &mut FileFacts,
        question: &ExecQuestion<'_>,
    ) -> Origin {
        if file.flags.has(FileFlags::DELETED) {
            return Origin::Drift(OriginClass::Deleted);
        }
        if file.key.id.dev != container.root.dev {
            file.flags.0 |= FileFlags::OTHER_MOUNT;
            return Origin::Drift(OriginClass::Volume);
        }
        match (container.root.overlay, &container.layers) {
            (true, Some(layers)) => {
                if !holds_content(&layers.upper, file.path.as_bytes()) {
                    return Origin::Image;
                }
                file.flags.0 |= FileFlags::UPPER;
            }
            (true, None) => return Origin::Unknown,
            (false, _) => {
                if file.key.ctime_ns <= container.root.since_ns {
                    tracing::trace!(
                        since_ns = container.root.since_ns,
                        ctime_ns = file.key.ctime_ns,
                        "older than its container"
                    );
                    return Origin::Image;
                }
                file.flags.0 |= FileFlags::BELOW_ROOT;
            }
        }
        let request = InspectionRequest {
            token: 0,
            file: file.clone(),
            pid: question.pid,
            is_exe: false,
            start_ns: 0,
            container: container.key,
            root: container.root,
            layers: container.layers.clone(),
            arguments: Vec::new(),
            cwd: Text::default(),
        };
        self.look(request, question.file, file)
    }

    /// Compares the file with the image's.
    fn look(&self, request: InspectionRequest, file: BorrowedFd<'_>, facts: &FileFacts) -> Origin {
        let Ok(own) = file.try_clone_to_owned() else {
            return Origin::Unknown;
        };
        let Some(said) = self.asker.ask(request, own, READ_MAX) else {
            return Origin::Unknown;
        };
        tracing::trace!(?said, "file was compared with the image");
        let is_own_copy = said.copy_of.as_ref() == Some(&facts.path);
        match said.twin {
            Twin::Same => Origin::ImageContent,
            _ if is_own_copy => Origin::ImageContent,
            Twin::Different | Twin::Absent => Origin::Drift(OriginClass::Layer),
            // Whether it is the image's could not be told: what can't be told never runs under a rule that blocks.
            Twin::Unknown => Origin::Unknown,
        }
    }
}

/// Whether a row denies files that are executed, be they programs or scripts.
pub(super) fn denies_files(row: &EnforcementRow) -> bool {
    let kinds = [DriftKind::Binaries, DriftKind::Scripts];
    let cells = kinds
        .into_iter()
        .flat_map(|kind| OriginClass::ALL.map(|class| row.cell(kind, class)));
    cells.flatten().any(|cell| cell.action == CellAction::Deny)
}

/// A file that is no program of the machine is run by an interpreter: its own, or the shell that finds it can't be
/// executed.
fn kind_of(file: BorrowedFd<'_>) -> DriftKind {
    let mut head = [0; ELF_MAGIC.len()];
    match rustix::io::pread(file, &mut head, 0) {
        Ok(_) if head == ELF_MAGIC => DriftKind::Binaries,
        Ok(_) => DriftKind::Scripts,
        Err(_) => DriftKind::Binaries,
    }
}

/// Whether a file lies on a mount that a process sees.
fn is_seen_by(pid: u32, file: BorrowedFd<'_>) -> bool {
    use rustix::fd::AsRawFd as _;
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", file.as_raw_fd()));
    let mount = info.ok().and_then(|info| {
        let line = info.lines().find_map(|line| line.strip_prefix("mnt_id:"))?;
        Some(format!("{} ", line.trim()))
    });
    // A table that can't be read, or is too long, leaves the file to the signal.
    let table = std::fs::File::open(format!("/proc/{pid}/mountinfo"));
    let mut text = Vec::new();
    let read = table.and_then(|table| {
        use std::io::Read as _;
        table.take(MOUNTS_BYTES_MAX).read_to_end(&mut text)
    });
    mount.is_some_and(|mount| {
        read.is_ok()
            && text
                .split(|byte| *byte == b'\n')
                .any(|line| line.starts_with(mount.as_bytes()))
    })
}

/// Where a file comes from, as far as the gate can tell.
enum Origin {
    /// The image, by where it stands.
    Image,
    /// The image, by its content.
    ImageContent,
    /// Elsewhere.
    Drift(OriginClass),
    /// It could not be told in time.
    Unknown,
}

fn needs_ancestry(row: &EnforcementRow) -> bool {
    let allow = row.drift.iter().flatten().flat_map(|cell| &cell.allow);
    allow.into_iter().any(|allow| !allow.ancestor.is_empty())
}
