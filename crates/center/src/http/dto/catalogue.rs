//! The detection catalogue and the user's rules.

use super::common::DiagnosticDto;
use super::words::{Category, Severity};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An item of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CatalogueItem {
    /// Key.
    pub key: String,
    /// Category.
    pub category: Category,
    /// Label in English.
    pub label_en: String,
    /// Label in Japanese.
    pub label_ja: String,
    /// Severity.
    pub severity: Severity,
    /// Sources that it needs.
    pub sources: Vec<String>,
    /// Its rules.
    pub rules: Vec<DetectionRuleBody>,
    /// Whether at least one of its rules is on.
    pub enabled: bool,
    /// Alerts so far.
    pub hits: u64,
    /// When the last one was.
    #[schema(format = DateTime)]
    pub last_seen: Option<String>,
}

/// The catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CatalogueBody {
    /// The items, in their order.
    pub items: Vec<CatalogueItem>,
    /// Rules without a key of the catalogue, the user's among them.
    pub other_rules: Vec<DetectionRuleBody>,
}

/// A detection rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DetectionRuleBody {
    /// Name.
    pub name: String,
    /// What it is about.
    pub description: String,
    /// Which events it looks at.
    pub source: String,
    /// The condition.
    pub condition: String,
    /// Severity.
    pub severity: Severity,
    /// Tags.
    pub tags: Vec<String>,
    /// ATT&CK techniques.
    pub techniques: Vec<String>,
    /// Why this is a threat.
    pub reason: String,
    /// What to do about it.
    pub remedy: String,
    /// Number of examples that it is tested with.
    pub tests: u32,
    /// Names of exceptions.
    pub exceptions: Vec<String>,
    /// Whether the user wrote it.
    pub own: bool,
    /// Whether it is on: by itself, and by the switch.
    pub enabled: bool,
    /// Alerts so far.
    pub hits: u64,
    /// When the last one was.
    #[schema(format = DateTime)]
    pub last_seen: Option<String>,
}

/// A switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleSwitch {
    /// Whether the rule is evaluated.
    pub enabled: bool,
}

/// The user's rules: a file in the rule language, whose exceptions and overrides may be about shipped rules too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserRulesBody {
    /// Version, from 0.
    pub version: u64,
    /// The file.
    pub text: String,
    /// Who saved it.
    pub saved_by: String,
    /// When.
    #[schema(format = DateTime)]
    pub saved_at: Option<String>,
    /// What is doubtful about it.
    pub diagnostics: Vec<DiagnosticDto>,
}

/// A file of rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RulesText {
    /// The file.
    #[schema(max_length = 1048576)]
    pub text: String,
}

/// What is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckResult {
    /// Whether it can be used.
    pub usable: bool,
    /// What is wrong or doubtful.
    pub diagnostics: Vec<DiagnosticDto>,
}

/// A field that conditions can test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleFieldBody {
    /// Name.
    pub name: String,
    /// Type.
    pub kind: String,
    /// What it is.
    pub description: String,
}

/// Fields that conditions can test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleFieldList {
    /// By name.
    pub items: Vec<RuleFieldBody>,
}
