//! What kind of drift a file is, and by which vectors it came to run.

use crate::container_table::Home;
use crate::origin::Place;
use crate::process_table::{Ancestry, Program, base_name};
use crate::script;
use yagura_event::{
    BaseFlags, CgroupId, ContainerKey, DenialEvent, DenialRule, DriftKind, DriftVector, FileFacts,
    FileFlags, Inspection, MonotonicNs, ProcessKey, ProgramKey, Provenance, RootId,
};

/// What made a file a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Trigger {
    /// It was executed.
    Exec,
    /// It was mapped executable.
    Map,
    /// An interpreter opened it, or was given it as standard input.
    Script,
}

/// A file that may be drift, as it was when it came to run.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    /// What made it one.
    pub(crate) trigger: Trigger,
    /// When.
    pub(crate) time: MonotonicNs,
    /// Its container.
    pub(crate) container: ContainerKey,
    /// The cgroup of the process.
    pub(crate) cgroup: CgroupId,
    /// The process that ran it.
    pub(crate) process: ProcessKey,
    /// The program that it is, or that mapped or opened it.
    pub(crate) program: ProgramKey,
    /// Facts of the process.
    pub(crate) flags: BaseFlags,
    /// Root of the process's mount namespace.
    pub(crate) root: RootId,
    /// The file.
    pub(crate) file: FileFacts,
    /// What was done about it, if something was.
    pub(crate) denial: Option<Box<Denial>>,
}

/// A file was kept from running.
#[derive(Debug, Clone)]
pub(crate) struct Denial {
    /// What the kernel side told.
    pub(crate) event: DenialEvent,
    /// What kind of file it took it for.
    pub(crate) kind: DriftKind,
    /// The rule, where it is still known.
    pub(crate) rule: Option<DenialRule>,
}

/// What a candidate turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Finding {
    /// What kind of file.
    pub(crate) kind: DriftKind,
    /// The vector that the kind implies; a program's vector is that of its provenance.
    pub(crate) vector: Option<DriftVector>,
}

/// Decides what kind of drift a candidate is; `None` if it is data.
pub(crate) fn find(
    candidate: &Candidate,
    program: Option<&Program>,
    inspection: Option<&Inspection>,
) -> Option<Finding> {
    // What was denied never came to show what it is: if nothing else tells, it is what the kernel side took it for.
    let denied = candidate.denial.as_ref().map(|denial| Finding {
        kind: denial.kind,
        vector: match denial.kind {
            DriftKind::Binaries => None,
            DriftKind::Libraries => Some(DriftVector::Library),
            DriftKind::Scripts => Some(DriftVector::Script),
        },
    });
    match candidate.trigger {
        Trigger::Exec => Some(Finding {
            kind: DriftKind::Binaries,
            vector: None,
        }),
        Trigger::Map => find_mapped(&candidate.file, program, inspection).or(denied),
        // The kernel side had the interpreter's arguments before it.
        Trigger::Script if denied.is_some() => denied,
        Trigger::Script => {
            let is_run = match program {
                Some(program) => {
                    script::is_run(program, candidate.process, &candidate.file, inspection)
                }
                // Without the interpreter's arguments only the content can tell.
                None => inspection.is_some_and(|inspection| {
                    inspection.named_by_argument || inspection.head.starts_with(b"#!")
                }),
            };
            is_run.then_some(Finding {
                kind: DriftKind::Scripts,
                vector: Some(DriftVector::Script),
            })
        }
    }
}

fn find_mapped(
    file: &FileFacts,
    program: Option<&Program>,
    inspection: Option<&Inspection>,
) -> Option<Finding> {
    // The mapping can be reported before the exec that it belongs to.
    if program.is_some_and(|program| program.exe_file.id == file.key.id) {
        return None;
    }
    let loader = program.filter(|program| is_loader(program.exe_name()));
    let named = loader.is_some_and(|loader| {
        loaded_program(loader.argv()).is_some_and(|name| base_name(name) == file.base_name())
            || inspection.is_some_and(|inspection| inspection.named_by_argument)
    });
    let looks_like_library = is_library_name(file.base_name());
    // Just-in-time compilers map memory and files that hold bare machine code: only ELF files are loaded. Content
    // that could not be read is judged by its name.
    let head = inspection
        .map(|inspection| inspection.head.as_slice())
        .filter(|head| !head.is_empty());
    let is_code = match head {
        Some(head) => script::is_elf(head),
        None => named || looks_like_library,
    };
    if !is_code {
        return None;
    }
    // A C library names a program interpreter like a program does; its name tells it apart.
    let is_program = inspection.is_some_and(|inspection| inspection.is_program);
    Some(
        match named || (loader.is_some() && is_program && !looks_like_library) {
            true => Finding {
                kind: DriftKind::Binaries,
                vector: Some(DriftVector::Loader),
            },
            false => Finding {
                kind: DriftKind::Libraries,
                vector: Some(DriftVector::Library),
            },
        },
    )
}

/// Whether a base name is that of a dynamic loader, which runs any program that it is given.
///
/// Source: the loader names of glibc's and musl's ports; musl's loader and C library are one file.
pub(crate) fn is_loader(name: &[u8]) -> bool {
    let versioned = |prefix: &[u8]| {
        name.strip_prefix(prefix)
            .is_some_and(|rest| rest.windows(3).any(|part| part == b".so"))
    };
    name.starts_with(b"ld-linux")
        || name.starts_with(b"ld-musl")
        || versioned(b"ld-")
        || [&b"ld"[..], b"ld64", b"libc"].iter().any(|stem| {
            name.strip_prefix(*stem)
                .is_some_and(|rest| rest.starts_with(b".so"))
        })
}

/// The program that a dynamic loader was asked to run: its first operand.
fn loaded_program<'a>(argv: impl Iterator<Item = &'a [u8]>) -> Option<&'a [u8]> {
    const WITH_VALUE: &[&[u8]] = &[
        b"--library-path",
        b"--preload",
        b"--audit",
        b"--inhibit-rpath",
        b"--argv0",
        b"--glibc-hwcaps-prepend",
        b"--glibc-hwcaps-mask",
    ];
    let mut argv = argv.skip(1);
    while let Some(arg) = argv.next() {
        if WITH_VALUE.contains(&arg) {
            argv.next();
        } else if !arg.starts_with(b"--") || arg == b"--" {
            return if arg == b"--" { argv.next() } else { Some(arg) };
        }
    }
    None
}

/// The argument of a dynamic loader that names what it runs.
pub(crate) fn loader_argument(program: &Program) -> Option<&[u8]> {
    is_loader(program.exe_name())
        .then(|| loaded_program(program.argv()))
        .flatten()
}

fn is_library_name(name: &[u8]) -> bool {
    name.ends_with(b".so") || name.windows(4).any(|part| part == b".so.")
}

/// What the vectors of a finding are told from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Circumstances<'a> {
    /// The file in its surroundings.
    pub(crate) place: Place<'a>,
    /// The candidate.
    pub(crate) candidate: &'a Candidate,
    /// The program that it is or that loaded it, if it is known.
    pub(crate) program: Option<&'a Program>,
    /// Its ancestors.
    pub(crate) ancestry: Option<&'a Ancestry<'a>>,
    /// Where the file comes from.
    pub(crate) provenance: Provenance,
    /// For a package manager's file: whether it took the place of an image file.
    pub(crate) replaces_image_file: bool,
}

/// Every vector that applies, the main one first.
pub(crate) fn vectors(finding: Finding, facts: &Circumstances<'_>) -> Vec<DriftVector> {
    let mut vectors = Vec::with_capacity(4);
    let mut add = |vector: DriftVector| {
        if !vectors.contains(&vector) {
            vectors.push(vector);
        }
    };
    if let Some(vector) = finding.vector {
        add(vector);
    }
    add(provenance_vector(facts));
    let file = &facts.candidate.file;
    if file.flags.has(FileFlags::DELETED) && facts.provenance != Provenance::Memfd {
        add(DriftVector::Deleted);
    }
    if is_entered(facts) {
        add(DriftVector::EnteredExec);
    }
    if is_in_other_namespace(facts) {
        add(DriftVector::Namespace);
    }
    if is_by_descriptor_or_link(finding, facts) {
        add(DriftVector::Descriptor);
    }
    vectors
}

fn provenance_vector(facts: &Circumstances<'_>) -> DriftVector {
    match facts.provenance {
        Provenance::Memfd => DriftVector::Memfd,
        Provenance::Deleted => DriftVector::Deleted,
        // A file of the host is no volume: what matters is how the process came to see it.
        Provenance::Volume if facts.candidate.flags.has(BaseFlags::HOST_ROOT) => {
            DriftVector::Namespace
        }
        Provenance::Volume => DriftVector::Volume,
        Provenance::Modified => DriftVector::Modified,
        Provenance::Copied => DriftVector::Copied,
        Provenance::PackageManager if facts.replaces_image_file => DriftVector::Modified,
        Provenance::PackageManager | Provenance::Written | Provenance::Image => {
            DriftVector::Written
        }
    }
}

/// Whether the process, or the ancestor of it that came into the container, is not of the container's first process.
fn is_entered(facts: &Circumstances<'_>) -> bool {
    let Some(home) = facts.place.home else {
        return false;
    };
    let is_outsider = |flags: BaseFlags, process: ProcessKey| {
        flags.has(BaseFlags::ENTERED) && process != home.init
    };
    let candidate = facts.candidate;
    is_outsider(candidate.flags, candidate.process)
        || facts
            .program
            .is_some_and(|program| is_outsider(program.flags, program.process))
        || facts.ancestry.is_some_and(|ancestry| {
            ancestry
                .programs
                .last()
                .is_some_and(|topmost| is_outsider(topmost.flags, topmost.process))
        })
}

fn is_in_other_namespace(facts: &Circumstances<'_>) -> bool {
    let flags = facts.candidate.flags;
    let Some(home) = facts.place.home else {
        return flags.has(BaseFlags::HOST_ROOT);
    };
    flags.has(BaseFlags::HOST_ROOT)
        || (flags.has(BaseFlags::CHROOT) && !home.chroot)
        || !facts.place.has_home_root()
        || is_other_mount_namespace(facts.program, home)
        // A mount inside the container that shows its own root again: a bind mount.
        || (facts.place.is_of_container() && facts.candidate.file.flags.has(FileFlags::OTHER_MOUNT))
}

fn is_other_mount_namespace(program: Option<&Program>, home: &Home) -> bool {
    program.is_some_and(|program| {
        program.mount_namespace != 0
            && home.mount_namespace != 0
            && program.mount_namespace != home.mount_namespace
    })
}

fn is_by_descriptor_or_link(finding: Finding, facts: &Circumstances<'_>) -> bool {
    let Some(program) = facts.program else {
        return false;
    };
    let file = &facts.candidate.file;
    match facts.candidate.trigger {
        Trigger::Exec => {
            let filename = program.filename();
            let is_link = !program.is_script_exec()
                && !filename.is_empty()
                && !file.flags.has(FileFlags::PATH_TRUNCATED)
                && !file.flags.has(FileFlags::MEMFD)
                && !facts.candidate.flags.has(BaseFlags::CHROOT)
                && script::normalized(program.cwd(), filename) != file.path.as_bytes();
            is_descriptor(filename) || is_link
        }
        Trigger::Script => {
            script::is_named_by_descriptor(program)
                || (program.is_script_exec() && is_descriptor(program.filename()))
        }
        Trigger::Map => {
            finding.vector == Some(DriftVector::Loader)
                && loaded_program(program.argv()).is_some_and(is_descriptor)
        }
    }
}

fn is_descriptor(path: &[u8]) -> bool {
    path.starts_with(b"/proc/") || path.starts_with(b"/dev/fd/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loaders_are_known_by_name() {
        for name in [
            "ld-linux-x86-64.so.2",
            "ld-linux-aarch64.so.1",
            "ld-musl-x86_64.so.1",
            "ld-2.31.so",
            "ld.so",
            "ld.so.1",
            "ld64.so.2",
            "libc.so",
            "libc.so.6",
        ] {
            assert!(is_loader(name.as_bytes()), "{name}");
        }
        for name in [
            "ld",
            "ld.bfd",
            "ldd",
            "libcrypto.so.3",
            "lde",
            "bash",
            "",
            "ld-x",
        ] {
            assert!(!is_loader(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn the_loaders_operand_is_found_behind_its_options() {
        let operand = |argv: &[&'static [u8]]| loaded_program(argv.iter().copied());
        assert_eq!(operand(&[b"ld.so", b"./x", b"/y"]), Some(&b"./x"[..]));
        assert_eq!(
            operand(&[b"ld.so", b"--preload", b"./l.so", b"--list", b"/bin/ls"]),
            Some(&b"/bin/ls"[..])
        );
        assert_eq!(operand(&[b"ld.so", b"--preload"]), None);
        assert_eq!(operand(&[]), None);
    }
}
