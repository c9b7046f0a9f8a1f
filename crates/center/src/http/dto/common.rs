//! Shapes that many answers share.

use super::words::DiagnosticSeverity;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// What went wrong (RFC 9457).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProblemBody {
    /// Names the kind of problem, such as `urn:yagura:problem:stale-etag`. Stable.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What went wrong this time.
    pub detail: String,
    /// Problems of single fields or lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ProblemField>,
    /// Problems of a policy or of rules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diagnostics: Vec<DiagnosticDto>,
    /// The version that is in force now, where the caller's was stale: both versions are then at hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub current: Option<serde_json::Value>,
}

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemField {
    /// Path of the field, such as `conditions.0.value`.
    pub field: String,
    /// What is wrong.
    pub message: String,
}

/// A problem of a policy or of rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DiagnosticDto {
    /// Stable code, such as `YP101`.
    pub code: String,
    /// How bad it is.
    pub severity: DiagnosticSeverity,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Line in the text, from 1; zero for a policy that was given as an object.
    pub line: u32,
    /// Column in characters, from 1; zero likewise.
    pub column: u32,
    /// Position of the rule, from 0; null if it is about no single rule.
    pub rule: Option<u32>,
}

/// A text for people to copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TextBody {
    /// The text.
    pub text: String,
}

/// Which part of a list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Entries of the page, 1 to 500; 50 if left out.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<u32>,
}

/// A span of time.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct SpanQuery {
    /// From this time on, RFC 3339; a day ago if left out.
    #[param(format = DateTime)]
    pub from: Option<String>,
    /// Up to this time; now if left out.
    #[param(format = DateTime)]
    pub to: Option<String>,
}

/// To which clusters and namespaces somebody is limited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessScope {
    /// Clusters; empty is all.
    #[serde(default)]
    #[schema(max_items = 100)]
    pub clusters: Vec<String>,
    /// Namespaces; empty is all.
    #[serde(default)]
    #[schema(max_items = 100)]
    pub namespaces: Vec<String>,
}

impl AccessScope {
    /// Whether nothing is left out.
    pub fn is_everything(&self) -> bool {
        self.clusters.is_empty() && self.namespaces.is_empty()
    }
}

/// A name and a number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NamedCount {
    /// The name.
    pub name: String,
    /// How many.
    pub count: u64,
}
