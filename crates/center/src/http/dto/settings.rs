//! Container protection settings, outputs, the audit log, the Kubernetes audit webhook.

use super::alert::AlertFilter;
use super::common::NamedCount;
use super::words::{DeliveryState, OutputKind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// The switches of the container protection settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProtectionSwitches {
    /// Kubernetes threat detection.
    pub k8s_threat_detection: bool,
    /// Container escape prevention. Needs one of the two switches below, and works through defence rules.
    pub container_escape_prevention: bool,
    /// Host proactive defence: malicious host behaviour.
    pub malicious_host_behaviour: bool,
    /// Host proactive defence: website backdoor.
    pub website_backdoor: bool,
}

/// The container protection settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProtectionSettings {
    /// For `If-Match`.
    pub etag: String,
    /// The switches.
    pub switches: ProtectionSwitches,
    /// What each switch needs, and whether it is there.
    pub prerequisites: Vec<Prerequisite>,
    /// Nodes by protection level.
    pub levels: Vec<NamedCount>,
    /// Nodes on which container features don't act since their level is too low: names, at most 100.
    pub nodes_left_out: Vec<String>,
    /// How many those are.
    pub nodes_left_out_count: u64,
    /// Whether escape prevention is on and no defence rule is enabled: the switch alone stops nothing.
    pub needs_defence_rule: bool,
    /// The ready-made rule in observe mode that switching on offers, as a file.
    pub offered_rule: String,
}

/// Something a switch needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Prerequisite {
    /// The switch.
    pub switch: String,
    /// What it needs: `host-defence`, `defence-rule`, `node-level` or `audit-source`.
    pub needs: String,
    /// Whether it is there.
    pub met: bool,
    /// Explained.
    pub explanation: String,
}

/// Switches as they shall be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProtectionChange {
    /// The switches.
    pub switches: ProtectionSwitches,
    /// Also make the ready-made defence rule, in observe mode, if there is none.
    #[serde(default)]
    pub create_offered_rule: bool,
}

/// An output to be made, or as it shall be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OutputDraft {
    /// Name.
    #[schema(min_length = 1, max_length = 128)]
    pub name: String,
    /// Where to.
    pub kind: OutputKind,
    /// Whether alerts are sent.
    pub enabled: bool,
    /// Which alerts.
    #[serde(default)]
    pub filter: AlertFilter,
    /// Settings of the kind, such as `url`, `path`, `address`, `protocol`, `from`, `to`. `docs/reference/outputs.md` has them.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// Secret settings, such as `secret`, `password`, `token`. Those left out keep their value; an empty one is removed.
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
}

/// An output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OutputBody {
    /// Id.
    pub id: String,
    /// For `If-Match`.
    pub etag: String,
    /// Name.
    pub name: String,
    /// Where to.
    pub kind: OutputKind,
    /// Whether alerts are sent.
    pub enabled: bool,
    /// Which alerts.
    pub filter: AlertFilter,
    /// Settings.
    pub settings: BTreeMap<String, String>,
    /// Names of secret settings that have a value.
    pub secrets: Vec<String>,
    /// How it fares.
    pub delivery: DeliveryBody,
}

/// How an output fares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryBody {
    /// In a word.
    pub state: DeliveryState,
    /// Alerts that were stored since what it sent last, counted up to 100,000; those that its filter leaves out are among
    /// them.
    pub waiting: u64,
    /// Alerts that went out.
    pub delivered: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Alerts that were given up.
    pub dropped: u64,
    /// When the last one went out.
    #[schema(format = DateTime)]
    pub last_success: Option<String>,
    /// When the last one failed.
    #[schema(format = DateTime)]
    pub last_failure: Option<String>,
    /// Why.
    pub last_error: String,
    /// When it is tried again.
    #[schema(format = DateTime)]
    pub retry_at: Option<String>,
}

/// Outputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OutputList {
    /// By name.
    pub items: Vec<OutputBody>,
}

/// What a test of an output led to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OutputTestResult {
    /// Whether a test alert went out.
    pub delivered: bool,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Why not; empty if it did.
    pub error: String,
}

/// Which entries of the audit log.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct AuditLogQuery {
    /// Name of who did it.
    pub actor: Option<String>,
    /// What was done.
    pub action: Option<String>,
    /// Kind of what it was done to.
    pub object_kind: Option<String>,
    /// Its id.
    pub object_id: Option<String>,
    /// From this time on, RFC 3339.
    #[param(format = DateTime)]
    pub from: Option<String>,
    /// Up to this time.
    #[param(format = DateTime)]
    pub to: Option<String>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Entries of the page, 1 to 500.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<u32>,
}

/// An entry of the audit log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntryBody {
    /// Number, from 1, without gaps.
    pub number: u64,
    /// When.
    #[schema(format = DateTime)]
    pub time: String,
    /// `user`, `token`, `sensor` or `system`.
    pub actor_kind: String,
    /// Who.
    pub actor: String,
    /// From where.
    pub address: String,
    /// What.
    pub action: String,
    /// Kind of what it was done to.
    pub object_kind: String,
    /// Its id.
    pub object_id: String,
    /// Before.
    #[schema(value_type = Option<Object>)]
    pub before: serde_json::Value,
    /// After.
    #[schema(value_type = Option<Object>)]
    pub after: serde_json::Value,
    /// Hash over this entry and the one before.
    pub hash: String,
}

/// Part of the audit log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditPage {
    /// The newest first.
    pub items: Vec<AuditEntryBody>,
    /// For the next page; null if there is none.
    pub next_cursor: Option<String>,
}

/// Whether the audit log is whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditVerdictBody {
    /// Whether every hash is right.
    pub intact: bool,
    /// Entries that were checked.
    pub entries: u64,
    /// Hash of the newest entry: kept elsewhere, it shows later that nothing was cut off.
    pub head: String,
    /// Number of the first entry that does not fit; null if all do.
    pub broken_at: Option<u64>,
}

/// A credential of the Kubernetes audit webhook is made for a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditWebhookCreate {
    /// Name of the cluster.
    #[schema(
        min_length = 1,
        max_length = 128,
        pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$"
    )]
    pub cluster: String,
}

/// A credential of the Kubernetes audit webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditWebhookBody {
    /// Cluster.
    pub cluster: String,
    /// Who made it.
    pub created_by: String,
    /// When.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When the cluster last sent something.
    #[schema(format = DateTime)]
    pub last_event_at: Option<String>,
    /// Audit events of it that were judged, over all.
    pub events: u64,
}

/// Credentials of the Kubernetes audit webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditWebhookList {
    /// By cluster.
    pub items: Vec<AuditWebhookBody>,
}

/// What the API server needs to send its audit events here.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditWebhookSecret {
    /// The credential.
    pub webhook: AuditWebhookBody,
    /// For `--audit-webhook-config-file`. It holds the secret, which is not shown again.
    pub kubeconfig: String,
    /// For `--audit-policy-file`.
    pub audit_policy: String,
}

/// A change, as the stream of events tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventBody {
    /// What changed: `alerts`, `incident`, `drift-policy`, `node`, …; `missed`: read everything anew.
    pub kind: String,
    /// Id of what changed; empty if there are many.
    pub id: String,
    /// Its version; zero if it has none.
    pub version: i64,
}

impl std::fmt::Debug for AuditWebhookSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AuditWebhookSecret(…)")
    }
}
