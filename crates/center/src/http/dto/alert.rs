//! Alerts and what is done with them.

use super::document::AlertDocument;
use super::words::{ActionTaken, AlertStatus, AlertVerb, Category, Severity};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which alerts. Fields are ANDed; a field with several values, separated by commas, is any of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields, default)]
pub struct AlertFilter {
    /// Statuses, such as `unhandled,handling`.
    pub status: Option<String>,
    /// Severities.
    pub severity: Option<String>,
    /// Categories.
    pub category: Option<String>,
    /// Catalogue keys.
    pub key: Option<String>,
    /// Name of a rule.
    pub rule: Option<String>,
    /// Name of a cluster.
    pub cluster: Option<String>,
    /// Name of a namespace.
    pub namespace: Option<String>,
    /// Name of a node.
    pub node: Option<String>,
    /// Name of a pod.
    pub pod: Option<String>,
    /// Name of a container.
    pub container: Option<String>,
    /// Image reference.
    pub image: Option<String>,
    /// Id of an incident.
    pub incident: Option<String>,
    /// Words that all stand in the alert.
    #[schema(max_length = 256)]
    pub q: Option<String>,
    /// Seen last at this time or later, RFC 3339.
    #[param(format = DateTime)]
    #[schema(format = DateTime)]
    pub from: Option<String>,
    /// Seen last before this time.
    #[param(format = DateTime)]
    #[schema(format = DateTime)]
    pub to: Option<String>,
}

/// An alert in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertSummary {
    /// Id: 32 hexadecimal digits.
    pub id: String,
    /// When it happened first.
    #[schema(format = DateTime)]
    pub first_time: String,
    /// When it was seen last.
    #[schema(format = DateTime)]
    pub last_time: String,
    /// How often.
    pub count: u64,
    /// Where it stands.
    pub status: AlertStatus,
    /// How much it matters.
    pub severity: Severity,
    /// Category.
    pub category: Category,
    /// Catalogue key; empty for rules without one.
    pub key: String,
    /// Name of the rule.
    pub rule: String,
    /// What happened, in one line.
    pub title: String,
    /// The same in Japanese; empty for rules without.
    pub title_ja: String,
    /// What was done.
    pub action: ActionTaken,
    /// Node.
    pub node: String,
    /// Cluster; empty if unknown.
    pub cluster: String,
    /// Namespace; empty if there is none.
    pub namespace: String,
    /// Pod; empty if there is none.
    pub pod: String,
    /// Name of the container; empty if there is none.
    pub container: String,
    /// Image; empty if there is none.
    pub image: String,
    /// Id of its incident.
    pub incident: String,
}

/// Part of a list of alerts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertPage {
    /// Alerts, those seen last first.
    pub items: Vec<AlertSummary>,
    /// To be given as `cursor` for the next page; null if there is none. A search for words may take some pages that are
    /// short or even empty: it goes on there.
    pub next_cursor: Option<String>,
}

/// Which new alerts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields, default)]
pub struct AlertFeedQuery {
    /// Position of an earlier answer; left out, it is where the feed ends now.
    #[param(pattern = "^[0-9]{1,19}-[0-9]{1,19}$")]
    pub after: Option<String>,
    /// Severities.
    pub severity: Option<String>,
}

/// What was stored after a position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertFeed {
    /// Alerts in the order in which they were stored, whenever they happened; each is there once.
    pub items: Vec<AlertSummary>,
    /// To be given as `after` for what comes next.
    pub position: String,
    /// Whether there is more already, or will be in a moment.
    pub more: bool,
}

/// How many alerts a filter finds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertCounts {
    /// All of them.
    pub total: u64,
    /// By severity, of the newest 500.
    pub by_severity: Vec<super::common::NamedCount>,
    /// By status, likewise.
    pub by_status: Vec<super::common::NamedCount>,
    /// By category, likewise.
    pub by_category: Vec<super::common::NamedCount>,
}

/// An alert whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlertDetail {
    /// As in lists.
    pub summary: AlertSummary,
    /// What the sensor reported.
    pub document: AlertDocument,
    /// When the center stored it.
    #[schema(format = DateTime)]
    pub received_at: String,
    /// Number of its comments.
    pub comments: u32,
    /// Verbs that make sense for it and that the caller may use.
    pub verbs: Vec<AlertVerb>,
}

/// Which alerts a verb is for: exactly one of the fields is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AlertSelection {
    /// These.
    #[schema(max_items = 1000)]
    pub ids: Option<Vec<String>>,
    /// All open ones of the same rule as this one.
    pub same_kind_as: Option<String>,
    /// All that a filter finds.
    pub filter: Option<AlertFilter>,
}

/// A verb for some alerts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertAction {
    /// What is done.
    pub verb: AlertVerb,
    /// With which.
    pub selection: AlertSelection,
    /// Why.
    #[serde(default)]
    #[schema(max_length = 2000)]
    pub note: String,
}

/// What a verb would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertActionPreview {
    /// Alerts that are selected.
    pub selected: u64,
    /// Of these, those that would change.
    pub changes: u64,
    /// Some of them.
    pub sample: Vec<AlertSummary>,
    /// What sensors would be asked to do, a sentence each.
    pub commands: Vec<String>,
    /// What else a person should know before, a sentence each.
    pub warnings: Vec<String>,
    /// Whether it can be undone.
    pub undoable: bool,
}

/// What a verb did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertActionResult {
    /// Alerts that were changed.
    pub changed: u64,
    /// Their ids, at most 1,000: undo takes them.
    pub ids: Vec<String>,
    /// Selected alerts that were left as they are.
    pub unchanged: u64,
    /// Ids of commands that were given to sensors.
    pub commands: Vec<String>,
}

/// Something that was done with an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertHistoryEntry {
    /// When.
    #[schema(format = DateTime)]
    pub time: String,
    /// By whom.
    pub actor: String,
    /// What kind of entry: `status`, `undo`, `comment` or `action`.
    pub kind: String,
    /// Status before; null if it stayed.
    pub before: Option<AlertStatus>,
    /// Status after; null if it stayed.
    pub after: Option<AlertStatus>,
    /// Why, or what was said.
    pub text: String,
}

/// What was done with an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertHistory {
    /// The newest first.
    pub items: Vec<AlertHistoryEntry>,
}

/// A comment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommentBody {
    /// Id.
    pub id: String,
    /// When.
    #[schema(format = DateTime)]
    pub time: String,
    /// By whom.
    pub author: String,
    /// What.
    pub text: String,
}

/// Comments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommentList {
    /// The oldest first.
    pub items: Vec<CommentBody>,
}

/// A comment to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CommentCreate {
    /// The text.
    #[schema(min_length = 1, max_length = 4000)]
    pub text: String,
}

/// Alerts whose last change of status is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertUndo {
    /// Their ids.
    #[schema(min_items = 1, max_items = 1000)]
    pub ids: Vec<String>,
}
