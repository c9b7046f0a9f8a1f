//! What an installation changed, so that it can be taken back.

use crate::places::{self, Places};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

/// A manager of containers whose configuration names the runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Manager {
    /// containerd, by its CRI plugin.
    Containerd,
    /// CRI-O.
    CriO,
    /// Docker.
    Docker,
}

impl Manager {
    /// Every one.
    pub const ALL: [Manager; 3] = [Manager::Containerd, Manager::CriO, Manager::Docker];

    /// The name in output, and of its unit for systemd.
    pub fn as_str(self) -> &'static str {
        match self {
            Manager::Containerd => "containerd",
            Manager::CriO => "crio",
            Manager::Docker => "docker",
        }
    }
}

/// A file of a manager's that was changed or made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Change {
    pub(crate) manager: Manager,
    /// Where it is on the host.
    pub(crate) file: PathBuf,
    /// Name of both copies in the folder of backups.
    pub(crate) copy: String,
    /// Whether it was there before.
    pub(crate) existed: bool,
}

/// The content of `installed.json`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Runtime by the name of the program that takes its place.
    pub(crate) programs: BTreeMap<String, PathBuf>,
    pub(crate) changes: Vec<Change>,
}

impl Record {
    /// Reads it; empty if nothing is installed.
    pub(crate) fn read(places: &Places) -> io::Result<Record> {
        match places::read_optional(&places.record())? {
            Some(bytes) => Ok(serde_json::from_slice(&bytes)?),
            None => Ok(Record::default()),
        }
    }

    pub(crate) fn write(&self, places: &Places) -> io::Result<()> {
        let bytes = serde_json::to_vec_pretty(self)?;
        places::replace(&places.record(), &bytes, 0o600)
    }

    pub(crate) fn runtime_of(&self, program: &str) -> Option<PathBuf> {
        self.programs.get(program).cloned()
    }
}
