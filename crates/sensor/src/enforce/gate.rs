//! Whether a file may run that a container is about to execute: asked by the kernel, which waits for the answer.
//!
//! This is what stands before the signal that ends a program at its first instruction: it refuses instead of killing,
//! and it has time to look at a file whose metadata alone changed, so that the image's own programs go on running.

use crate::inspect::{Asker, holds_content};
use rustix::fd::BorrowedFd;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use yagura_event::{
    Base, CellAction, ContainerKey, ContainerRoot, DenialEvent, DenialOutcome, Denied, DriftKind,
    EnforcementMeans, EnforcementRow, FileFacts, FileFlags, InspectionRequest, LayerDirs,
    OriginClass, ProcessKey, Text, Twin,
};
use yagura_kernel::{Answer, ExecQuestion};
use yagura_policy::{RowQuestion, decide_row};

/// How long a file may be read before its process is left to the signal at its first instruction.
const READ_MAX: Duration = Duration::from_millis(350);
/// How long ago a file must have changed for a further change to have another time: two ticks of the slowest clock.
const FRESH_FOR: Duration = Duration::from_millis(25);
/// Ancestors looked up for an allow list: as many as the kernel side climbs.
const ANCESTORS_MAX: usize = 16;
/// Bytes of a table of mounts that are looked through: thousands of mounts.
const MOUNTS_BYTES_MAX: u64 = 1 << 20;
/// What every program begins with (elf(5)).
const ELF_MAGIC: [u8; 4] = *b"\x7fELF";
/// Bytes of a line of /proc that are read.
const LINE_BYTES_MAX: usize = 4096;

/// What the gate knows of one container.
#[derive(Debug, Clone)]
pub(super) struct GatedContainer {
    pub(super) key: ContainerKey,
    pub(super) row: Arc<EnforcementRow>,
    pub(super) root: ContainerRoot,
    pub(super) layers: Option<LayerDirs>,
    /// Mount namespace of its first process.
    pub(super) mount_namespace: u32,
    /// Its cgroup (v2) as /proc writes it; empty if unknown.
    pub(super) cgroup: String,
}

/// The containers that are asked about.
#[derive(Debug, Default)]
pub(super) struct GatedContainers {
    by_key: RwLock<HashMap<ContainerKey, Arc<GatedContainer>>>,
}

impl GatedContainers {
    pub(super) fn set(&self, container: GatedContainer) {
        let mut known = self.by_key.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(container.key, Arc::new(container));
    }

    pub(super) fn remove(&self, key: ContainerKey) {
        let mut known = self.by_key.write().unwrap_or_else(PoisonError::into_inner);
        known.remove(&key);
    }

    /// The container of a process: by its mount namespace, or, if it made itself another one, by its cgroup.
    fn find(&self, pid: u32) -> Option<Arc<GatedContainer>> {
        let known = self.by_key.read().unwrap_or_else(PoisonError::into_inner);
        let namespace = mount_namespace_of(pid)?;
        let by_namespace = known
            .values()
            .find(|container| container.mount_namespace == namespace);
        if let Some(found) = by_namespace {
            return Some(Arc::clone(found));
        }
        let cgroup = cgroup_of(pid)?;
        known
            .values()
            .find(|container| is_within(&cgroup, &container.cgroup))
            .map(Arc::clone)
    }
}

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
    pub(super) containers: Arc<GatedContainers>,
    pub(super) asker: Asker,
    pub(super) around: A,
}

impl<A: Around> Gate<A> {
    /// Whether the file may run.
    pub(super) fn answer(&self, question: &ExecQuestion<'_>) -> Answer {
        let Some(container) = self.containers.find(question.pid) else {
            return Answer::Allow;
        };
        let kind = kind_of(question.file);
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
    fn trust(&self, container: &GatedContainer, file: &FileFacts, question: &ExecQuestion<'_>) {
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
        container: &GatedContainer,
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

/// What /proc says of the process that asks, and of those above it.
struct Ancestry {
    exe: Option<Vec<u8>>,
    ancestors: Vec<Vec<u8>>,
}

impl Ancestry {
    fn of(pid: u32, all: bool) -> Ancestry {
        let exe = exe_of(pid);
        let mut ancestors: Vec<Vec<u8>> = exe.iter().cloned().collect();
        let mut above = pid;
        while all && ancestors.len() < ANCESTORS_MAX {
            let Some(parent) = parent_of(above).filter(|parent| *parent > 1) else {
                break;
            };
            ancestors.extend(exe_of(parent));
            above = parent;
        }
        Ancestry { exe, ancestors }
    }
}

fn base(pid: u32, container: ContainerKey) -> Base {
    Base {
        time: crate::now(),
        container,
        process: ProcessKey {
            pid,
            start_ns: start_of(pid).unwrap_or_default(),
        },
        ..Base::default()
    }
}

fn exe_of(pid: u32) -> Option<Vec<u8>> {
    use std::os::unix::ffi::OsStringExt as _;
    let path = std::fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    Some(path.into_os_string().into_vec())
}

fn line_of(pid: u32, file: &str) -> Option<Vec<u8>> {
    use std::io::Read as _;
    let mut text = Vec::new();
    std::fs::File::open(Path::new("/proc").join(pid.to_string()).join(file))
        .ok()?
        .take(LINE_BYTES_MAX as u64)
        .read_to_end(&mut text)
        .ok()?;
    Some(text)
}

fn name_of(pid: u32) -> Vec<u8> {
    let name = line_of(pid, "comm").unwrap_or_default();
    name.strip_suffix(b"\n").unwrap_or(&name).to_vec()
}

/// The fields of /proc/PID/stat behind the name, which may hold anything.
fn stat_fields(pid: u32) -> Option<Vec<u64>> {
    let line = line_of(pid, "stat")?;
    let end = line.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(line.get(end + 1..)?).ok()?;
    Some(
        rest.split_whitespace()
            .skip(1)
            .map(|field| field.parse().unwrap_or_default())
            .collect(),
    )
}

fn parent_of(pid: u32) -> Option<u32> {
    u32::try_from(*stat_fields(pid)?.first()?).ok()
}

/// Start of a process in nanoseconds of `CLOCK_BOOTTIME`, as exactly as /proc has it.
fn start_of(pid: u32) -> Option<u64> {
    /// proc_pid_stat(5): field 22, the first behind the name and the state being field 4.
    const START: usize = 18;
    let ticks = *stat_fields(pid)?.get(START)?;
    let per_second = rustix::param::clock_ticks_per_second();
    Some(ticks.saturating_mul(1_000_000_000 / per_second.max(1)))
}

fn mount_namespace_of(pid: u32) -> Option<u32> {
    let link = std::fs::read_link(format!("/proc/{pid}/ns/mnt")).ok()?;
    let text = link.to_str()?;
    text.strip_prefix("mnt:[")?.strip_suffix(']')?.parse().ok()
}

/// The cgroup (v2) of a process as /proc writes it.
pub(super) fn cgroup_of(pid: u32) -> Option<String> {
    let text = String::from_utf8(line_of(pid, "cgroup")?).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("0::"))?;
    Some(line.to_owned())
}

/// Whether a cgroup is another one or below it. The root is nobody's own.
fn is_within(cgroup: &str, own: &str) -> bool {
    own.len() > 1
        && cgroup
            .strip_prefix(own)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cgroup_is_within_itself_and_what_is_above() {
        assert!(is_within("/k8s/c1", "/k8s/c1"));
        assert!(is_within("/k8s/c1/inner", "/k8s/c1"));
        assert!(!is_within("/k8s/c12", "/k8s/c1"));
        assert!(!is_within("/k8s", "/k8s/c1"));
        assert!(!is_within("/k8s/c1", "/"));
        assert!(!is_within("/k8s/c1", ""));
    }

    #[test]
    fn proc_tells_of_this_very_process() {
        let pid = std::process::id();
        assert_eq!(exe_of(pid), exe_of(pid).filter(|exe| exe.starts_with(b"/")));
        assert!(start_of(pid).is_some_and(|start| start > 0 && start < crate::now().0));
        assert!(parent_of(pid).is_some_and(|parent| parent > 0));
        assert!(mount_namespace_of(pid).is_some());
    }
}
