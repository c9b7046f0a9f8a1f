//! Into the configurations of managers, and out of them again.
//!
//! Of every file that is changed a copy is kept, as it was and as it became. As long as it is as it became, removal puts
//! the copy back; if somebody has changed it since, removal takes out only what was put in.

mod containerd;
mod crio;
mod docker;
mod wraps;

use crate::limits::FILE_BYTES_MAX;
use crate::places::{self, Places};
use crate::record::{Change, Manager, Record};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub(crate) use wraps::{Left, Wraps};

/// Where managers have their configurations, as paths of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagerFiles {
    /// containerd's configuration.
    pub containerd: PathBuf,
    /// CRI-O's configuration.
    pub crio: PathBuf,
    /// The folder of files that are read after that.
    pub crio_drop_ins: PathBuf,
    /// The configuration of Docker's daemon.
    pub docker: PathBuf,
}

impl Default for ManagerFiles {
    fn default() -> ManagerFiles {
        ManagerFiles {
            containerd: "/etc/containerd/config.toml".into(),
            crio: "/etc/crio/crio.conf".into(),
            crio_drop_ins: "/etc/crio/crio.conf.d".into(),
            docker: "/etc/docker/daemon.json".into(),
        }
    }
}

/// What to install where.
#[derive(Debug, Clone)]
pub struct InstallOptions {
    /// Where the host's root is seen, such as `/` or `/host`. All other paths but `executable` are the host's.
    pub root: PathBuf,
    /// Where the wrapper keeps its files.
    pub places: Places,
    /// Where managers keep theirs.
    pub files: ManagerFiles,
    /// The managers meant.
    pub managers: Vec<Manager>,
    /// The program that is copied to be the wrapper.
    pub executable: PathBuf,
    /// Whether the copy is tried out before any manager is told of it: it must answer `--version` as the runtime does.
    pub try_out: bool,
}

impl InstallOptions {
    /// The usual places on this host, this process's own program, all managers that are found.
    ///
    /// # Errors
    /// If the kernel doesn't tell which program this is.
    pub fn here() -> io::Result<InstallOptions> {
        Ok(InstallOptions {
            root: "/".into(),
            places: Places::new(places::DEFAULT_STATE),
            files: ManagerFiles::default(),
            managers: Manager::ALL.to_vec(),
            executable: std::env::current_exe()?,
            try_out: true,
        })
    }

    /// A path of the host as it is seen from here.
    fn seen(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    fn seen_places(&self) -> Places {
        Places::new(self.seen(self.places.state()))
    }

    /// Whether a manager is there at all.
    fn has(&self, manager: Manager) -> bool {
        let file = match manager {
            Manager::Containerd => &self.files.containerd,
            Manager::CriO => &self.files.crio_drop_ins,
            Manager::Docker => &self.files.docker,
        };
        file.parent()
            .is_some_and(|folder| self.seen(folder).is_dir())
    }
}

/// Why nothing was installed. What was changed before the error is changed back.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// None of the managers is there, or all of them were left alone.
    #[error("no manager's configuration was changed: {}", reasons(.left))]
    Nothing {
        /// Why.
        left: Vec<(Manager, String)>,
    },
    /// A file can't be read or written.
    #[error("{path} can't be read or written")]
    File {
        /// Which.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The copy does not do what the runtime does.
    #[error("{program} does not answer as {runtime} does, so no manager is told of it")]
    TriedInVain {
        /// The copy.
        program: PathBuf,
        /// The runtime whose place it is to take.
        runtime: PathBuf,
    },
}

fn reasons(left: &[(Manager, String)]) -> String {
    let texts = left
        .iter()
        .map(|(manager, why)| format!("{} ({why})", manager.as_str()));
    texts.collect::<Vec<_>>().join(", ")
}

/// What was installed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Installed {
    /// Files of managers that were changed or made. Each of these managers must be restarted.
    pub changed: Vec<(Manager, PathBuf)>,
    /// Managers in which it was installed already.
    pub already: Vec<Manager>,
    /// What was left alone, and why: a whole manager, or one of its runtimes.
    pub left: Vec<(Manager, String)>,
}

/// Why something is still installed.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// A file can't be read or written.
    #[error("{path} can't be read or written")]
    File {
        /// Which.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// Somebody has changed the file since, so that it can't be read any more.
    #[error(
        "{path} was changed since and is malformed now; the wrapper must be taken out of it by hand"
    )]
    Malformed {
        /// Which.
        path: PathBuf,
    },
}

/// What was removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Removed {
    /// Files that are again as they were, to the byte.
    pub restored: Vec<(Manager, PathBuf)>,
    /// Files that others had changed since, from which only the wrapper was taken out.
    pub edited: Vec<(Manager, PathBuf)>,
}

/// How it stands with a manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ManagerState {
    /// There is no such manager.
    Absent,
    /// It is there, without the wrapper.
    NotInstalled,
    /// It calls the wrapper, if it was restarted since.
    Installed,
    /// Its configuration was changed since, and still names the wrapper.
    Changed,
    /// Its configuration was changed since, and doesn't name the wrapper any more.
    Lost,
}

/// The state of one manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagerStatus {
    /// Which.
    pub manager: Manager,
    /// How it stands.
    pub state: ManagerState,
    /// Its files that were changed.
    pub files: Vec<PathBuf>,
}

/// An edited file of a manager.
pub(crate) struct Edit {
    pub(crate) file: PathBuf,
    /// `None` if there was none.
    pub(crate) before: Option<Vec<u8>>,
    pub(crate) after: Vec<u8>,
}

/// Has managers call the wrapper in place of runc and crun.
///
/// # Errors
/// If that can't be done in any manager, or not safely.
pub fn install(options: &InstallOptions) -> Result<Installed, InstallError> {
    let places = options.seen_places();
    let file = |path: PathBuf| move |source| InstallError::File { path, source };
    make_folders(&places).map_err(file(places.folder()))?;
    let mut record = Record::read(&places).map_err(file(places.record()))?;
    let mut wraps = Wraps::new(&options.root, &options.places, &record.programs);
    let (mut installed, mut edits) = (Installed::default(), Vec::new());
    for manager in options.managers.iter().copied() {
        if !options.has(manager) {
            installed.left.push((manager, "it is not there".to_owned()));
            continue;
        }
        match state_of(options, manager, &record) {
            ManagerState::Installed | ManagerState::Changed => {
                installed.already.push(manager);
                continue;
            }
            // What is kept of it is out of date.
            _ => record.changes.retain(|change| change.manager != manager),
        }
        match edits_of(options, manager, &mut wraps) {
            Ok(of_manager) => edits.extend(of_manager.into_iter().map(|edit| (manager, edit))),
            Err(left) => installed.left.push((manager, left.to_string())),
        }
        let left = wraps.take_left().into_iter().map(|left| (manager, left));
        installed.left.extend(left);
    }
    if edits.is_empty() && installed.already.is_empty() {
        let left = installed.left;
        return Err(InstallError::Nothing { left });
    }
    record.programs = wraps.into_programs();
    place_programs(options, &places, &record)?;
    for (index, (manager, edit)) in edits.iter().enumerate() {
        let copy = format!("{}-{index}", manager.as_str());
        keep_copies(&places, &copy, edit).map_err(file(places.backups()))?;
        record.changes.push(Change {
            manager: *manager,
            file: edit.file.clone(),
            copy,
            existed: edit.before.is_some(),
        });
        installed.changed.push((*manager, edit.file.clone()));
    }
    // Before the files: whatever happens now, removal knows what to do.
    record.write(&places).map_err(file(places.record()))?;
    for (_, edit) in &edits {
        let path = options.seen(&edit.file);
        if let Err(source) = places::replace(&path, &edit.after, 0o644) {
            let _ = remove(options, Programs::Keep);
            return Err(InstallError::File { path, source });
        }
    }
    Ok(installed)
}

fn make_folders(places: &Places) -> io::Result<()> {
    let mut folder = std::fs::DirBuilder::new();
    folder.recursive(true).mode(0o700);
    [places.folder(), places.backups(), places.containers()]
        .iter()
        .try_for_each(|path| folder.create(path))
}

fn edits_of(
    options: &InstallOptions,
    manager: Manager,
    wraps: &mut Wraps,
) -> Result<Vec<Edit>, Left> {
    match manager {
        Manager::Containerd => containerd::edits(options, wraps),
        Manager::CriO => crio::edits(options, wraps),
        Manager::Docker => docker::edits(options, wraps),
    }
}

fn keep_copies(places: &Places, copy: &str, edit: &Edit) -> io::Result<()> {
    let folder = places.backups();
    if let Some(before) = &edit.before {
        places::replace(&folder.join(format!("{copy}.before")), before, 0o600)?;
    }
    places::replace(&folder.join(format!("{copy}.after")), &edit.after, 0o600)
}

/// Copies the executable once for each runtime whose place it takes.
fn place_programs(
    options: &InstallOptions,
    places: &Places,
    record: &Record,
) -> Result<(), InstallError> {
    for name in record.programs.keys() {
        let path = places.folder().join(name);
        let fresh = places.folder().join(format!(".{name}.new"));
        let placed = std::fs::copy(&options.executable, &fresh)
            .and_then(|_| {
                use std::os::unix::fs::PermissionsExt as _;
                std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o755))
            })
            .and_then(|()| std::fs::rename(&fresh, &path));
        if let Err(source) = placed {
            let _ = std::fs::remove_file(&fresh);
            return Err(InstallError::File { path, source });
        }
    }
    // The copies look up there which runtime they stand for.
    let path = places.record();
    record
        .write(places)
        .map_err(|source| InstallError::File { path, source })?;
    let failing = record.programs.iter().find(|(name, runtime)| {
        options.try_out && !answers_alike(options, &options.places.folder().join(name), runtime)
    });
    match failing {
        Some((name, runtime)) => Err(InstallError::TriedInVain {
            program: options.places.folder().join(name),
            runtime: runtime.clone(),
        }),
        None => Ok(()),
    }
}

/// Whether two programs of the host say the same to `--version`.
fn answers_alike(options: &InstallOptions, program: &Path, runtime: &Path) -> bool {
    let answer = |program: &Path| {
        let mut command = if options.root == Path::new("/") {
            Command::new(program)
        } else {
            let mut command = Command::new("chroot");
            command.arg(&options.root).arg(program);
            command
        };
        let output = command.arg("--version").stdin(Stdio::null()).output();
        output.ok().filter(|output| output.status.success())
    };
    let expected = answer(runtime);
    expected.is_some_and(|expected| {
        answer(program).is_some_and(|found| found.stdout == expected.stdout)
    })
}

/// What becomes of the programs that were called in place of runtimes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Programs {
    /// They become links to the runtimes: what manages containers made through them goes on calling them by their names.
    Keep,
    /// They go, with the wrapper's whole folder. Containers made through them can't be managed any more: for hosts on
    /// which none is left.
    Delete,
}

/// Has managers call their runtimes again.
///
/// # Errors
/// If a file can't be changed back; the others are, then.
pub fn remove(options: &InstallOptions, programs: Programs) -> Result<Removed, RemoveError> {
    let places = options.seen_places();
    let file = |path: PathBuf| move |source| RemoveError::File { path, source };
    let mut record = Record::read(&places).map_err(file(places.record()))?;
    let mut removed = Removed::default();
    let (mut stay, mut failure) = (Vec::new(), None);
    for change in std::mem::take(&mut record.changes) {
        let outcome = take_back(options, &places, &change);
        let told = (change.manager, change.file.clone());
        match outcome {
            Ok(TakenBack::Restored) => removed.restored.push(told),
            Ok(TakenBack::Edited) => removed.edited.push(told),
            Ok(TakenBack::Gone) => {}
            Err(error) => {
                failure = Some(error);
                stay.push(change);
            }
        }
    }
    record.changes = stay;
    if let Some(failure) = failure {
        record.write(&places).map_err(file(places.record()))?;
        return Err(failure);
    }
    if programs == Programs::Delete {
        return match std::fs::remove_dir_all(places.folder()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(file(places.folder())(error))
            }
            _ => Ok(removed),
        };
    }
    for (name, runtime) in &record.programs {
        let path = places.folder().join(name);
        let fresh = places.folder().join(format!(".{name}.new"));
        let _ = std::fs::remove_file(&fresh);
        let linked = symlink(runtime, &fresh).and_then(|()| std::fs::rename(&fresh, &path));
        linked.map_err(file(path))?;
    }
    if places.folder().is_dir() {
        record.write(&places).map_err(file(places.record()))?;
    }
    Ok(removed)
}

enum TakenBack {
    Restored,
    Edited,
    /// The file is gone, or nothing in it speaks of the wrapper.
    Gone,
}

fn take_back(
    options: &InstallOptions,
    places: &Places,
    change: &Change,
) -> Result<TakenBack, RemoveError> {
    let path = options.seen(&change.file);
    let error = |source| RemoveError::File {
        path: path.clone(),
        source,
    };
    let Some(now) = places::read_optional(&path).map_err(error)? else {
        return Ok(TakenBack::Gone);
    };
    let copy = |ending: &str| {
        let path = places.backups().join(format!("{}.{ending}", change.copy));
        places::read_bounded(&path, FILE_BYTES_MAX)
    };
    let before = change
        .existed
        .then(|| copy("before"))
        .transpose()
        .map_err(error)?;
    if now == copy("after").map_err(error)? {
        let restored = match &before {
            Some(before) => places::replace(&path, before, 0o644),
            None => std::fs::remove_file(&path),
        };
        return restored.map(|()| TakenBack::Restored).map_err(error);
    }
    let folder = options.places.folder();
    let edited = match change.manager {
        Manager::Containerd => containerd::take_out(&now, before.as_deref(), &folder),
        Manager::Docker => docker::take_out(&now, before.as_deref()),
        // A file of our own: it goes, whatever was made of it.
        Manager::CriO => {
            std::fs::remove_file(&path).map_err(error)?;
            return Ok(TakenBack::Edited);
        }
    };
    match edited {
        None => Err(RemoveError::Malformed { path }),
        Some(edited) if edited == now => Ok(TakenBack::Gone),
        Some(edited) => {
            places::replace(&path, &edited, 0o644).map_err(error)?;
            Ok(TakenBack::Edited)
        }
    }
}

/// How it stands with each manager.
///
/// # Errors
/// If the record of the installation can't be read.
pub fn status(options: &InstallOptions) -> io::Result<Vec<ManagerStatus>> {
    let record = Record::read(&options.seen_places())?;
    let status = options.managers.iter().map(|manager| {
        let changes = record
            .changes
            .iter()
            .filter(|change| change.manager == *manager);
        ManagerStatus {
            manager: *manager,
            state: state_of(options, *manager, &record),
            files: changes.map(|change| change.file.clone()).collect(),
        }
    });
    Ok(status.collect())
}

fn state_of(options: &InstallOptions, manager: Manager, record: &Record) -> ManagerState {
    let places = options.seen_places();
    let own = record
        .changes
        .iter()
        .filter(|change| change.manager == manager);
    let program = options.places.folder();
    let states = own.map(|change| {
        let now = places::read_optional(&options.seen(&change.file))
            .ok()
            .flatten();
        let now = now.unwrap_or_default();
        let after = places.backups().join(format!("{}.after", change.copy));
        if places::read_bounded(&after, FILE_BYTES_MAX).is_ok_and(|after| after == now) {
            ManagerState::Installed
        } else if String::from_utf8_lossy(&now).contains(program.to_string_lossy().as_ref()) {
            ManagerState::Changed
        } else {
            ManagerState::Lost
        }
    });
    let rank = |state: &ManagerState| match state {
        ManagerState::Lost => 2,
        ManagerState::Changed => 1,
        _ => 0,
    };
    states.max_by_key(rank).unwrap_or(if options.has(manager) {
        ManagerState::NotInstalled
    } else {
        ManagerState::Absent
    })
}
