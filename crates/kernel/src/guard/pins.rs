//! Loads the guard's object, pins what it is made of, and adopts what is pinned already.
//!
//! Each version of an object has a folder of its own. A new one is set up beside the one in force, takes over its rows,
//! begins to enforce, and only then does the old one go: there is no moment without.

use crate::guard::programs::{GuardProgram, programs_of};
use crate::guard::{GuardBackend, GuardError, rows};
use crate::programs::{INTERPRETERS, interpreter_key};
use libbpf_rs::btf::Btf;
use libbpf_rs::btf::types::Func;
use libbpf_rs::{MapCore as _, MapFlags, MapHandle, Object, ObjectBuilder, OpenObject};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// `BPF_FS_MAGIC` (include/uapi/linux/magic.h).
const BPF_FS_MAGIC: u64 = 0xcafe_4a11;
/// Maps that are pinned. Others of the object belong to the observing half's headers and are not made.
const MAPS: &[&str] = &[
    "guard_rows",
    "guard_cgroups",
    "guard_namespaces",
    "guard_allow",
    "guard_verdicts",
    "guard_settings",
    "guard_losses",
    "guard_ring",
    CALLS,
    "guard_roots",
    "guarded",
    "guard_scratches",
    "guard_copied_up",
    "guard_question",
    "interpreters",
    "host_roots",
];
/// What a new version takes over from the one before, in this order: first what rows name.
const TAKEN_OVER: &[&str] = &[
    "guard_allow",
    "guard_rows",
    "guard_cgroups",
    "guard_namespaces",
    "guard_verdicts",
    "guard_roots",
    "guard_settings",
];
/// Where a version is set up before it is in force.
const UNFINISHED: &str = "unfinished";
/// The program that meets the running processes.
const EXISTING: &str = "guard_existing";
/// The table of programs for the ends of calls. Pinned like the others: the kernel empties it when nobody holds it.
const CALLS: &str = "guard_calls";

/// A version that is in force.
pub(super) struct Pinned {
    pub(super) dir: PathBuf,
    pub(super) missing: Vec<&'static GuardProgram>,
    pub(super) adopted: bool,
}

impl Pinned {
    /// A map of it.
    pub(super) fn map(&self, name: &'static str) -> Result<MapHandle, GuardError> {
        open_map(&self.dir, name)
    }
}

/// Adopts what is in force, or puts this version in its place.
pub(super) fn begin(backend: GuardBackend, pin_dir: &Path) -> Result<Pinned, GuardError> {
    require_bpffs(pin_dir)?;
    if let Some(pinned) = find(backend, pin_dir) {
        clear_others(pin_dir, &pinned.dir)?;
        return Ok(pinned);
    }
    let dir = pin_dir.join(version_of(backend));
    let unfinished = pin_dir.join(UNFINISHED);
    remove_dir(&unfinished)?;
    create_dir(&unfinished)?;
    let made = set_up(backend, pin_dir, &unfinished);
    let missing = match made {
        Ok(missing) => missing,
        Err(error) => {
            // The first error says more.
            let _ = remove_dir(&unfinished);
            return Err(error);
        }
    };
    fs::rename(&unfinished, &dir).map_err(|source| GuardError::Pins {
        path: dir.clone(),
        source,
    })?;
    clear_others(pin_dir, &dir)?;
    Ok(Pinned {
        dir,
        missing,
        adopted: false,
    })
}

/// What is pinned of this version.
pub(super) fn find(backend: GuardBackend, pin_dir: &Path) -> Option<Pinned> {
    let dir = pin_dir.join(version_of(backend));
    if !dir.exists() {
        return None;
    }
    let missing = programs_of(backend)
        .iter()
        .filter(|program| !dir.join(program.name).exists())
        .collect();
    Some(Pinned {
        dir,
        missing,
        adopted: true,
    })
}

/// The folders of versions below the folder for pins.
pub(super) fn versions(pin_dir: &Path) -> Result<Vec<PathBuf>, GuardError> {
    let entries = match fs::read_dir(pin_dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => {
            return Err(GuardError::Pins {
                path: pin_dir.to_owned(),
                source,
            });
        }
    };
    let ours = |name: &str| {
        name == UNFINISHED
            || GuardBackend::ALL
                .iter()
                .any(|backend| name.starts_with(backend.as_str()))
    };
    Ok(entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| {
            path.file_name()
                .and_then(|name| name.to_str())
                .is_some_and(ours)
        })
        .collect())
}

/// Takes everything of the guard's away from a folder for pins.
pub(super) fn clear(pin_dir: &Path) -> Result<(), GuardError> {
    for version in versions(pin_dir)? {
        remove_dir(&version)?;
    }
    match fs::remove_dir(pin_dir) {
        Ok(()) => Ok(()),
        // Others have pins there.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::DirectoryNotEmpty | ErrorKind::ResourceBusy
            ) =>
        {
            Ok(())
        }
        Err(source) => Err(GuardError::Pins {
            path: pin_dir.to_owned(),
            source,
        }),
    }
}

pub(super) fn open_map(dir: &Path, name: &'static str) -> Result<MapHandle, GuardError> {
    let path = dir.join(name);
    MapHandle::from_pinned_path(&path).map_err(|source| GuardError::Pin { path, source })
}

/// Opens the object with the maps that it needs.
pub(super) fn open(object: &'static [u8]) -> Result<OpenObject, GuardError> {
    libbpf_rs::set_print(None);
    let mut open = ObjectBuilder::default()
        .open_memory(object)
        .map_err(GuardError::Open)?;
    for mut map in open.maps_mut() {
        let name = map.name().to_string_lossy().into_owned();
        // A name with a full stop is that of a section of variables.
        let is_wanted = name.contains('.') || MAPS.contains(&name.as_str());
        map.set_autocreate(is_wanted).map_err(GuardError::Open)?;
    }
    Ok(open)
}

fn set_up(
    backend: GuardBackend,
    pin_dir: &Path,
    dir: &Path,
) -> Result<Vec<&'static GuardProgram>, GuardError> {
    let mut open = open(backend.object())?;
    let mut missing = leave_out_unknown(backend, &mut open);
    for mut map in open.maps_mut() {
        let name = map.name().to_string_lossy().into_owned();
        if MAPS.contains(&name.as_str()) {
            let path = dir.join(&name);
            map.set_pin_path(&path)
                .map_err(|source| GuardError::Pin { path, source })?;
        }
    }
    let object = open.load().map_err(GuardError::Load)?;
    fill_interpreters(dir)?;
    take_over(pin_dir, dir)?;
    write_clock(dir)?;
    // Once to learn the host's root, then all that runs.
    visit_running(&object)?;
    require_host(dir)?;
    attach(backend, &object, dir, &mut missing)?;
    // Twice: a process that forks while the list is walked may be missed once, never its child after that.
    visit_running(&object)?;
    visit_running(&object)?;
    Ok(missing)
}

/// Leaves out the programs for hooks that this kernel does not have, as the object would not load with them.
fn leave_out_unknown(backend: GuardBackend, open: &mut OpenObject) -> Vec<&'static GuardProgram> {
    let types = Btf::from_vmlinux().ok();
    let is_unknown = |program: &&GuardProgram| {
        let mut hooks = program.hooks().filter_map(|hook| hook.strip_prefix("lsm/"));
        hooks.any(|hook| {
            let function = format!("bpf_lsm_{hook}");
            types
                .as_ref()
                .is_some_and(|types| types.type_by_name::<Func<'_>>(&function).is_none())
        })
    };
    let missing: Vec<_> = programs_of(backend).iter().filter(is_unknown).collect();
    for mut program in open.progs_mut() {
        if missing.iter().any(|left| program.name() == left.name) {
            program.set_autoload(false);
        }
    }
    missing
}

fn attach(
    backend: GuardBackend,
    object: &Object,
    dir: &Path,
    missing: &mut Vec<&'static GuardProgram>,
) -> Result<(), GuardError> {
    for program in programs_of(backend) {
        if missing.iter().any(|left| left.name == program.name) {
            continue;
        }
        let found = object
            .progs_mut()
            .find(|candidate| candidate.name() == program.name);
        let loaded = found.ok_or(GuardError::Missing(program.name))?;
        match loaded.attach() {
            Ok(mut link) => {
                let path = dir.join(program.name);
                link.pin(&path)
                    .map_err(|source| GuardError::Pin { path, source })?;
            }
            Err(source) if program.is_required() => {
                return Err(GuardError::Attach {
                    program: program.name,
                    source,
                });
            }
            Err(_) => missing.push(program),
        }
    }
    Ok(())
}

fn visit_running(object: &Object) -> Result<(), GuardError> {
    let found = object
        .progs_mut()
        .find(|candidate| candidate.name() == EXISTING);
    let program = found.ok_or(GuardError::Missing(EXISTING))?;
    let link = program.attach().map_err(|source| GuardError::Attach {
        program: EXISTING,
        source,
    })?;
    let mut iterator = libbpf_rs::Iter::new(&link).map_err(GuardError::Open)?;
    std::io::copy(&mut iterator, &mut std::io::sink()).map_err(GuardError::Existing)?;
    Ok(())
}

fn require_host(dir: &Path) -> Result<(), GuardError> {
    let hosts = open_map(dir, "host_roots")?;
    let host = hosts.lookup(&0u32.to_ne_bytes(), MapFlags::ANY);
    match host {
        // The last field says whether it is known.
        Ok(Some(host)) if host.iter().skip(12).any(|byte| *byte != 0) => Ok(()),
        _ => Err(GuardError::HostUnknown),
    }
}

fn fill_interpreters(dir: &Path) -> Result<(), GuardError> {
    let interpreters = open_map(dir, "interpreters")?;
    for (name, by_call) in INTERPRETERS {
        let kind = if *by_call { 2u8 } else { 1u8 };
        interpreters
            .update(&interpreter_key(name), &[kind], MapFlags::ANY)
            .map_err(|source| GuardError::Write {
                map: "interpreters",
                source,
            })?;
    }
    Ok(())
}

/// Copies what the version in force goes by, if there is one and it means the same by it.
fn take_over(pin_dir: &Path, dir: &Path) -> Result<(), GuardError> {
    let mut versions = versions(pin_dir)?.into_iter();
    let Some(before) = versions.find(|version| version != dir) else {
        return super::switch_on(dir);
    };
    for name in TAKEN_OVER {
        let (Ok(from), Ok(to)) = (open_map(&before, name), open_map(dir, name)) else {
            continue;
        };
        if from.key_size() != to.key_size() || from.value_size() != to.value_size() {
            continue;
        }
        for key in from.keys() {
            let Ok(Some(value)) = from.lookup(&key, MapFlags::ANY) else {
                continue;
            };
            to.update(&key, &value, MapFlags::ANY)
                .map_err(|source| GuardError::Write { map: name, source })?;
        }
    }
    Ok(())
}

fn write_clock(dir: &Path) -> Result<(), GuardError> {
    super::change_settings(dir, |settings| {
        settings.wall_minus_boot_ns = crate::wall_minus_boot_ns();
    })
}

fn version_of(backend: GuardBackend) -> String {
    let number = rows::content_number(backend.object());
    format!("{}-{number:016x}", backend.as_str())
}

fn clear_others(pin_dir: &Path, kept: &Path) -> Result<(), GuardError> {
    for version in versions(pin_dir)? {
        if version != kept {
            remove_dir(&version)?;
        }
    }
    Ok(())
}

fn require_bpffs(pin_dir: &Path) -> Result<(), GuardError> {
    create_dir(pin_dir)?;
    let found = rustix::fs::statfs(pin_dir).map_err(|error| GuardError::Pins {
        path: pin_dir.to_owned(),
        source: error.into(),
    })?;
    if u64::try_from(found.f_type) == Ok(BPF_FS_MAGIC) {
        Ok(())
    } else {
        // It was made in vain; others may have put something there meanwhile.
        let _ = fs::remove_dir(pin_dir);
        Err(GuardError::NoBpffs(pin_dir.to_owned()))
    }
}

fn create_dir(path: &Path) -> Result<(), GuardError> {
    fs::create_dir_all(path).map_err(|source| GuardError::Pins {
        path: path.to_owned(),
        source,
    })
}

/// Removes a folder of pins; links first, so that nothing is enforced by maps that are going.
fn remove_dir(path: &Path) -> Result<(), GuardError> {
    match fs::remove_dir_all(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(source) => Err(GuardError::Pins {
            path: path.to_owned(),
            source,
        }),
    }
}
