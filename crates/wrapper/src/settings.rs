//! What the sensor tells the wrapper: whom to ask, about which calls, of which containers.

use crate::limits::SCOPE_RULES_MAX;
use crate::places::{self, Places};
use crate::profile::{DEFAULT_CALLS, OPTIONAL_CALLS};
use crate::scope::{ContainerFacts, ScopeRule};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::PathBuf;

/// The version of the file that this wrapper reads.
const VERSION: u32 = 1;

/// The content of `wrapper.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Version of this format. One that the wrapper doesn't know leaves all containers as they are.
    version: u32,
    /// Socket of the agent, an absolute path.
    pub socket: PathBuf,
    /// Whether a container in scope may not start while the agent does not answer.
    #[serde(default)]
    pub require_agent: bool,
    /// Calls to be asked about.
    #[serde(default = "default_calls")]
    pub calls: Vec<String>,
    /// Containers that are asked about: those to which one of the rules applies.
    #[serde(default)]
    pub scope: Vec<ScopeRule>,
    /// Containers that are not, whatever `scope` says.
    #[serde(default)]
    pub except: Vec<ScopeRule>,
    /// Containers that may not start at all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refuse: Vec<Refusal>,
}

/// Containers that may not start, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// Name of the rule that says so.
    pub rule: String,
    /// Which containers; their images must be told.
    pub containers: ScopeRule,
}

/// Why there are no settings to go by.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file can't be read or written.
    #[error("{path} can't be read or written")]
    File {
        /// Which.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// It is not what it should be.
    #[error("{path} is malformed")]
    Malformed {
        /// Which.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// It is of another version of the product.
    #[error("version {found} of the settings, not {VERSION}")]
    Version {
        /// The file's.
        found: u32,
    },
    /// A call that the wrapper asks nobody about.
    #[error("the call {name} can't be asked about")]
    Call {
        /// Its name.
        name: String,
    },
    /// More rules than anybody writes.
    #[error("{count} rules, more than {SCOPE_RULES_MAX}")]
    TooMany {
        /// How many.
        count: usize,
    },
    /// The socket is not an absolute path in UTF-8.
    #[error("the path of the agent's socket is not absolute or not UTF-8")]
    Socket,
}

fn default_calls() -> Vec<String> {
    DEFAULT_CALLS
        .iter()
        .map(|name| (*name).to_owned())
        .collect()
}

impl Settings {
    /// Settings with nothing in scope and the usual calls.
    pub fn new(socket: impl Into<PathBuf>) -> Settings {
        Settings {
            version: VERSION,
            socket: socket.into(),
            require_agent: false,
            calls: default_calls(),
            scope: Vec::new(),
            except: Vec::new(),
            refuse: Vec::new(),
        }
    }

    /// Reads the file; `None` if there is none: nothing is in scope then.
    ///
    /// # Errors
    /// If it can't be read, or is not to be relied on.
    pub fn read(places: &Places) -> Result<Option<Settings>, SettingsError> {
        let path = places.settings();
        let bytes = match places::read_optional(&path) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(None),
            Err(source) => return Err(SettingsError::File { path, source }),
        };
        let settings: Settings = serde_json::from_slice(&bytes)
            .map_err(|source| SettingsError::Malformed { path, source })?;
        settings.check()?;
        Ok(Some(settings))
    }

    /// Writes the file, at once for whoever reads it.
    ///
    /// # Errors
    /// If the settings are not to be relied on, or the file can't be written.
    pub fn write(&self, places: &Places) -> Result<(), SettingsError> {
        self.check()?;
        let path = places.settings();
        let written = serde_json::to_vec_pretty(self)
            .map_err(io::Error::from)
            .and_then(|bytes| places::replace(&path, &bytes, 0o600));
        written.map_err(|source| SettingsError::File { path, source })
    }

    fn check(&self) -> Result<(), SettingsError> {
        if self.version != VERSION {
            let found = self.version;
            return Err(SettingsError::Version { found });
        }
        if !self.socket.is_absolute() || self.socket.to_str().is_none() {
            return Err(SettingsError::Socket);
        }
        let known = |name: &String| {
            let mut known = DEFAULT_CALLS.iter().chain(OPTIONAL_CALLS);
            known.any(|call| call == name)
        };
        if let Some(name) = self.calls.iter().find(|name| !known(name)) {
            return Err(SettingsError::Call { name: name.clone() });
        }
        let count = self
            .scope
            .len()
            .max(self.except.len())
            .max(self.refuse.len());
        if count > SCOPE_RULES_MAX {
            return Err(SettingsError::TooMany { count });
        }
        Ok(())
    }

    /// Why a container may not start, if it may not.
    pub fn refuses(&self, facts: &ContainerFacts) -> Option<&Refusal> {
        let mut refusals = self.refuse.iter();
        refusals.find(|refusal| !facts.is_sandbox && refusal.containers.applies(facts))
    }

    /// Whether a container is asked about.
    pub fn covers(&self, facts: &ContainerFacts) -> bool {
        let applies = |rule: &ScopeRule| rule.applies(facts);
        !facts.is_sandbox && self.scope.iter().any(applies) && !self.except.iter().any(applies)
    }
}
