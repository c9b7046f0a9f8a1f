//! The overview.

use super::common::NamedCount;
use super::words::Severity;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How things stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OverviewBody {
    /// Begin of the span.
    #[schema(format = DateTime)]
    pub from: String,
    /// End of the span.
    #[schema(format = DateTime)]
    pub to: String,
    /// Open alerts by severity, whatever their time.
    pub open_by_severity: Vec<NamedCount>,
    /// Alerts of the span by category.
    pub by_category: Vec<NamedCount>,
    /// Alerts over time: the whole span in even parts, those without alerts among them.
    pub over_time: Vec<OverviewBucket>,
    /// Incidents with open alerts, at most 500.
    pub open_incidents: u64,
    /// Rules with most alerts in the span.
    pub top_rules: Vec<TopRule>,
    /// Protection of the fleet.
    pub coverage: CoverageSummary,
    /// Policies in force.
    pub policies: Vec<PolicyInForce>,
}

/// Alerts of a part of the span.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OverviewBucket {
    /// Begin.
    #[schema(format = DateTime)]
    pub time: String,
    /// Urgent ones.
    pub urgent: u64,
    /// Suspicious ones.
    pub suspicious: u64,
    /// Reminders.
    pub reminder: u64,
}

/// A rule with many alerts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TopRule {
    /// Name.
    pub rule: String,
    /// Catalogue key; empty for rules without.
    pub key: String,
    /// Severity.
    pub severity: Severity,
    /// Alerts in the span.
    pub alerts: u64,
}

/// How much of the fleet is protected.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CoverageSummary {
    /// Nodes that are known.
    pub nodes: u64,
    /// Nodes whose sensor is connected.
    pub online: u64,
    /// Nodes with the level `host-and-container` whose sensor is connected.
    pub protected: u64,
    /// Nodes whose last canary was seen.
    pub proved: u64,
    /// Coverage gaps of the span.
    pub gaps: u64,
}

/// A policy and where it is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyInForce {
    /// `policies`, `rules` or `settings`.
    pub kind: String,
    /// The newest version.
    pub version: u64,
    /// Connected nodes that have it.
    pub nodes_current: u64,
    /// Connected nodes that don't.
    pub nodes_behind: u64,
}
