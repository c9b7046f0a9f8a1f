//! Which program takes the place of which runtime.

use crate::places::{PROGRAM_SUFFIX, Places};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Runtimes whose profiles the wrapper knows how to change.
const RUNTIMES: [&str; 2] = ["runc", "crun"];
/// Where managers find a runtime that their configuration only names.
const FOLDERS: [&str; 4] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"];

/// Why a runtime or a manager is left alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Left {
    #[error("the runtime {0} is neither runc nor crun")]
    OtherRuntime(String),
    #[error("{0} takes the place of another runtime of that name already")]
    SameName(String),
    #[error("its runtime of type {0} is none of the OCI kind")]
    OtherType(String),
    #[error("its configuration can't be read: {0}")]
    File(String),
    #[error("its configuration is malformed")]
    Malformed,
    #[error("its configuration has version {0}, not 2 or 3")]
    Version(i64),
    #[error("its configuration names no runtime that is runc or crun")]
    NoRuntime,
    #[error("its default runtime {0} can't be wrapped")]
    Default(String),
}

/// The programs, while managers' configurations are gone over.
pub(crate) struct Wraps {
    root: PathBuf,
    places: Places,
    programs: BTreeMap<String, PathBuf>,
    left: Vec<String>,
}

impl Wraps {
    pub(crate) fn new(root: &Path, places: &Places, programs: &BTreeMap<String, PathBuf>) -> Wraps {
        Wraps {
            root: root.to_owned(),
            places: places.clone(),
            programs: programs.clone(),
            left: Vec::new(),
        }
    }

    /// The program for a runtime, by path or by name.
    pub(crate) fn program(&mut self, runtime: &str) -> Result<String, Left> {
        let path = Path::new(runtime);
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        if !RUNTIMES.contains(&name) {
            return Err(Left::OtherRuntime(runtime.to_owned()));
        }
        let runtime = self.whole_path(path);
        let program = self.places.program(name);
        let key = format!("{name}-{PROGRAM_SUFFIX}");
        if self
            .programs
            .get(&key)
            .is_some_and(|known| *known != runtime)
        {
            return Err(Left::SameName(key));
        }
        self.programs.insert(key, runtime);
        Ok(program.to_string_lossy().into_owned())
    }

    fn whole_path(&self, path: &Path) -> PathBuf {
        if path.is_absolute() {
            return path.to_owned();
        }
        let candidates = FOLDERS.iter().map(|folder| Path::new(folder).join(path));
        let is_there = |candidate: &PathBuf| {
            self.root
                .join(candidate.strip_prefix("/").unwrap_or(candidate))
                .is_file()
        };
        candidates
            .into_iter()
            .find(is_there)
            .unwrap_or_else(|| path.to_owned())
    }

    /// Notes a runtime that stays as it is.
    pub(crate) fn leave(&mut self, handler: &str, why: &Left) {
        self.left.push(format!("runtime {handler}: {why}"));
    }

    pub(crate) fn take_left(&mut self) -> Vec<String> {
        std::mem::take(&mut self.left)
    }

    pub(crate) fn into_programs(self) -> BTreeMap<String, PathBuf> {
        self.programs
    }
}
