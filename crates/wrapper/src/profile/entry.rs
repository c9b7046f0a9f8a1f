//! Entries of a profile, as the OCI runtime specification has them.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// What becomes of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Action {
    #[serde(rename = "SCMP_ACT_ALLOW")]
    Allow,
    #[serde(rename = "SCMP_ACT_LOG")]
    Log,
    #[serde(rename = "SCMP_ACT_NOTIFY")]
    Notify,
    #[serde(rename = "SCMP_ACT_ERRNO")]
    Errno,
    /// Any other: it kills, traps, or is for a tracer to say.
    #[serde(untagged)]
    Other(String),
}

impl Action {
    pub(super) fn permits(&self) -> bool {
        matches!(self, Action::Allow | Action::Log)
    }
}

/// A condition on an argument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Argument {
    pub(super) index: u32,
    pub(super) value: u64,
    #[serde(rename = "valueTwo", default)]
    pub(super) value_two: u64,
    pub(super) op: String,
    #[serde(flatten)]
    pub(super) others: Map<String, Value>,
}

impl Argument {
    /// The first argument, but for what `mask` leaves out, equals `value`.
    pub(super) fn masked(mask: u64, value: u64) -> Argument {
        Argument {
            index: 0,
            value: mask,
            value_two: value,
            op: "SCMP_CMP_MASKED_EQ".to_owned(),
            others: Map::new(),
        }
    }

    /// Whether it holds only if none of `flags` is in the first argument.
    pub(super) fn excludes(&self, flags: u64) -> bool {
        match (self.index, self.op.as_str()) {
            (0, "SCMP_CMP_MASKED_EQ") => self.value & flags == flags && self.value_two & flags == 0,
            (0, "SCMP_CMP_EQ") => self.value & flags == 0,
            _ => false,
        }
    }
}

/// Calls that are treated alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) names: Vec<String>,
    pub(super) action: Action,
    #[serde(rename = "errnoRet", default, skip_serializing_if = "Option::is_none")]
    pub(super) errno: Option<u64>,
    #[serde(
        rename = "args",
        default,
        deserialize_with = "null_as_empty",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub(super) arguments: Vec<Argument>,
    #[serde(flatten)]
    pub(super) others: Map<String, Value>,
}

impl Entry {
    pub(super) fn of(call: &str, action: Action) -> Entry {
        Entry {
            names: vec![call.to_owned()],
            action,
            errno: None,
            arguments: Vec::new(),
            others: Map::new(),
        }
    }

    pub(super) fn names(&self, call: &str) -> bool {
        self.names.iter().any(|name| name == call)
    }

    pub(super) fn is_unconditional(&self) -> bool {
        self.arguments.is_empty()
    }
}

/// Programs in Go write an empty list as `null`.
pub(super) fn null_as_empty<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
