//! Incidents: alerts of one story.

use super::alert::AlertSummary;
use super::words::Severity;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which incidents.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct IncidentQuery {
    /// `true`: those with alerts that are open; `false`: the others.
    pub open: Option<bool>,
    /// Name of a cluster.
    pub cluster: Option<String>,
    /// Name of a node.
    pub node: Option<String>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Entries of the page, 1 to 500.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<u32>,
}

/// An incident in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentSummary {
    /// Id: that of its first alert.
    pub id: String,
    /// Title of its most severe alert.
    pub title: String,
    /// The same in Japanese; empty for rules without.
    pub title_ja: String,
    /// The highest severity.
    pub severity: Severity,
    /// Number of alerts.
    pub alerts: u64,
    /// Of these, open ones.
    pub open: u64,
    /// First time.
    #[schema(format = DateTime)]
    pub first_time: String,
    /// Last time.
    #[schema(format = DateTime)]
    pub last_time: String,
    /// Nodes.
    pub nodes: Vec<String>,
    /// Cluster; empty if unknown.
    pub cluster: String,
    /// Names of containers.
    pub containers: Vec<String>,
}

/// Part of a list of incidents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentPage {
    /// Those seen last first.
    pub items: Vec<IncidentSummary>,
    /// For the next page; null if there is none.
    pub next_cursor: Option<String>,
}

/// An incident whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentDetail {
    /// As in lists.
    pub summary: IncidentSummary,
    /// Its alerts, the earliest first, at most 500.
    pub alerts: Vec<AlertSummary>,
    /// What happened, in order.
    pub timeline: Vec<TimelineEntry>,
    /// What took part.
    pub graph: Graph,
}

/// A point of a timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TimelineEntry {
    /// When.
    #[schema(format = DateTime)]
    pub time: String,
    /// `alert`, `process`, `file`, `network` or `audit`.
    pub kind: String,
    /// What, in a sentence. Escaped.
    pub text: String,
    /// Id of the alert that tells it.
    pub alert: String,
    /// Node of the graph that it is about; empty if none.
    pub node: String,
}

/// What took part in an incident, and how it hangs together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Graph {
    /// Nodes, at most 500.
    pub nodes: Vec<GraphNode>,
    /// Edges.
    pub edges: Vec<GraphEdge>,
    /// Whether nodes are left out.
    pub truncated: bool,
}

/// Something that took part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GraphNode {
    /// Id in this graph.
    pub id: String,
    /// `machine`, `container`, `process`, `file`, `peer` or `account`.
    pub kind: String,
    /// Name. Escaped.
    pub label: String,
    /// Further facts, a line each.
    pub facts: Vec<String>,
    /// Ids of alerts about it.
    pub alerts: Vec<String>,
}

/// How two things hang together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GraphEdge {
    /// From.
    pub from: String,
    /// To.
    pub to: String,
    /// `contains`, `started`, `wrote`, `executed`, `connected` or `requested`.
    pub kind: String,
}
