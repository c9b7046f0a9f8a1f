//! Whitelist rules: alerts that nobody needs to see.

use super::alert::AlertSummary;
use super::common::NamedCount;
use super::words::{WhitelistField, WhitelistOperator};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A comparison of one field with one value. All of a rule's must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WhitelistCondition {
    /// What is compared.
    pub field: WhitelistField,
    /// How.
    pub operator: WhitelistOperator,
    /// With what.
    #[schema(min_length = 1, max_length = 1024)]
    pub value: String,
}

/// A whitelist rule to be made, or as it shall be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WhitelistDraft {
    /// Name of the detection rule whose alerts it covers.
    #[schema(min_length = 1, max_length = 256)]
    pub rule: String,
    /// Conditions, all of which must hold.
    #[schema(min_items = 1, max_items = 20)]
    pub conditions: Vec<WhitelistCondition>,
    /// Only on these nodes; empty is all.
    #[serde(default)]
    #[schema(max_items = 100)]
    pub nodes: Vec<String>,
    /// Who answers for it.
    #[serde(default)]
    #[schema(max_length = 256)]
    pub owner: String,
    /// Why.
    #[serde(default)]
    #[schema(max_length = 2000)]
    pub reason: String,
    /// When it ends; null is never.
    #[serde(default)]
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
    /// Whether it is in force.
    #[serde(default = "enabled")]
    pub enabled: bool,
    /// Whether alerts that are open already and that it covers become `whitelisted`.
    #[serde(default)]
    pub apply_to_open: bool,
}

fn enabled() -> bool {
    true
}

/// A whitelist rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WhitelistRuleBody {
    /// Id.
    pub id: String,
    /// Changes with every change: for `If-Match`.
    pub etag: String,
    /// Name of the detection rule.
    pub rule: String,
    /// Conditions.
    pub conditions: Vec<WhitelistCondition>,
    /// Nodes; empty is all.
    pub nodes: Vec<String>,
    /// Owner.
    pub owner: String,
    /// Reason.
    pub reason: String,
    /// End.
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
    /// Whether it is in force.
    pub enabled: bool,
    /// Whether it has ended.
    pub expired: bool,
    /// Alerts that it covered.
    pub hits: u64,
    /// When it last covered one.
    #[schema(format = DateTime)]
    pub last_hit_at: Option<String>,
    /// Who made it.
    pub created_by: String,
    /// When.
    #[schema(format = DateTime)]
    pub created_at: String,
}

/// Whitelist rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WhitelistRuleList {
    /// The newest first.
    pub items: Vec<WhitelistRuleBody>,
}

/// Which past alerts a rule would have silenced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WhitelistPreview {
    /// How many of those that were looked at.
    pub silenced: u64,
    /// How many were looked at: the newest of the rule.
    pub examined: u64,
    /// Some of them.
    pub sample: Vec<AlertSummary>,
    /// By node.
    pub by_node: Vec<NamedCount>,
    /// What a person should know, a sentence each.
    pub warnings: Vec<String>,
}

/// The narrowest rule that covers an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WhitelistProposal {
    /// The rule.
    pub draft: WhitelistDraft,
    /// Conditions that could be added or used instead, with the alert's values.
    pub candidates: Vec<WhitelistCondition>,
}
