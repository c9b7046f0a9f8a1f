//! Where everything of the wrapper's lies.

use crate::limits::FILE_BYTES_MAX;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// What the name of the program that is run in a runtime's place ends in.
pub const PROGRAM_SUFFIX: &str = "yagura-runtime-wrapper";
/// The folder of the wrapper within the product's state folder.
const FOLDER: &str = "runtime-wrapper";
/// Where the product keeps its state unless told otherwise.
pub const DEFAULT_STATE: &str = "/var/lib/yagura";

/// The files in the state folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    state: PathBuf,
}

impl Places {
    /// Those in a state folder, such as [`DEFAULT_STATE`].
    pub fn new(state: impl Into<PathBuf>) -> Places {
        Places {
            state: state.into(),
        }
    }

    /// Those of a program by the path it was called by: it lies in the wrapper's folder.
    pub(crate) fn of_program(program: &Path) -> Option<Places> {
        let folder = program.parent().filter(|folder| folder.is_absolute())?;
        folder.parent().map(Places::new)
    }

    /// The state folder.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// What the sensor tells: which containers, which calls.
    pub fn settings(&self) -> PathBuf {
        self.state.join("wrapper.json")
    }

    /// The wrapper's own folder.
    pub fn folder(&self) -> PathBuf {
        self.state.join(FOLDER)
    }

    /// The program that is run in place of a runtime of that name.
    pub fn program(&self, runtime: &str) -> PathBuf {
        self.folder().join(format!("{runtime}-{PROGRAM_SUFFIX}"))
    }

    /// What was changed at installation, and which runtime a program stands for.
    pub fn record(&self) -> PathBuf {
        self.folder().join("installed.json")
    }

    /// Whether the wrapper was installed, so that containers may have been made through it.
    pub fn is_installed(&self) -> bool {
        self.record().exists()
    }

    /// What the wrapper did and what it couldn't do.
    pub fn log(&self) -> PathBuf {
        self.folder().join("log")
    }

    /// Files that the installation changed, as they were and as they are.
    pub(crate) fn backups(&self) -> PathBuf {
        self.folder().join("backup")
    }

    /// A file for each container that is asked about, named by its id.
    pub(crate) fn containers(&self) -> PathBuf {
        self.folder().join("containers")
    }

    /// What is known of a runtime.
    pub(crate) fn support(&self, runtime: &str) -> PathBuf {
        self.folder().join(format!("{runtime}-support.json"))
    }
}

/// Reads a whole file of at most `max` bytes.
pub(crate) fn read_bounded(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

/// Reads a file of ordinary size; `None` if there is none.
pub(crate) fn read_optional(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match read_bounded(path, FILE_BYTES_MAX) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes a file so that others see it whole or not at all, with the mode and owner of the one that was there, or
/// `mode`.
pub(crate) fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut name: OsString = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".yagura-{}", std::process::id()));
    let fresh = path.with_file_name(name);
    let written = write_new(&fresh, bytes, mode)
        .and_then(|()| like_the_old(path, &fresh))
        .and_then(|()| std::fs::rename(&fresh, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&fresh);
    }
    written
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let _ = std::fs::remove_file(path);
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(bytes)?;
    file.sync_data()
}

fn like_the_old(old: &Path, fresh: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let Ok(facts) = std::fs::metadata(old) else {
        return Ok(());
    };
    let mode = std::fs::Permissions::from_mode(facts.mode() & 0o7777);
    std::fs::set_permissions(fresh, mode)?;
    std::os::unix::fs::chown(fresh, Some(facts.uid()), Some(facts.gid()))
}
