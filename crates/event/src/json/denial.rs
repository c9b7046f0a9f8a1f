//! What a process was kept from, as JSON.

use super::alert::path;
use crate::{Behaviour, DenialEvidence, DenialOutcome, Denied, EnforcementMeans};
use schemars::JsonSchema;
use serde::Serialize;

/// What a process was kept from, or would have been if the rule did not only watch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Denial")]
pub struct DenialJson {
    /// The behaviour, by its name in defence rules; null for drift.
    pub behaviour: Option<&'static str>,
    /// Its dimension: `process`, `file` or `syscall`; null for drift.
    pub dimension: Option<&'static str>,
    /// The kind of file that was kept from running: `binary`, `library` or `script`; null for behaviours.
    pub kind: Option<&'static str>,
    /// What became of it: refused before it took effect, its process ended before it could go on, or only seen.
    #[schemars(extend("enum" = [
        DenialOutcome::Blocked.as_str(), DenialOutcome::Killed.as_str(), DenialOutcome::Watched.as_str(),
    ]))]
    pub outcome: &'static str,
    /// By what means.
    #[schemars(extend("enum" = EnforcementMeans::ALL.map(EnforcementMeans::as_str)))]
    pub means: &'static str,
    /// Path of the executable of the process.
    pub exe: String,
    /// Path of the file that it acted on or that was to run; empty if there is none.
    pub file: String,
    /// What it acted on where that is no file; empty otherwise.
    pub target: String,
}

impl From<&DenialEvidence> for DenialJson {
    fn from(denial: &DenialEvidence) -> DenialJson {
        let (behaviour, kind) = match denial.denied {
            Denied::Behaviour(behaviour) => (Some(behaviour), None),
            Denied::Drift(kind, _) => (None, Some(kind.singular())),
        };
        DenialJson {
            behaviour: behaviour.map(Behaviour::as_str),
            dimension: behaviour.map(|behaviour| behaviour.dimension().as_str()),
            kind,
            outcome: denial.outcome.as_str(),
            means: denial.means.as_str(),
            exe: path(&denial.exe),
            file: path(&denial.file),
            target: path(&denial.target),
        }
    }
}
