//! Regions, clusters, nodes, containers, images, coverage, enrolment, commands, settings of protection.

use super::words::{CloudProvider, CommandKind, CommandState, ProtectionLevel, SensorState};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// A region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegionBody {
    /// Name; empty for nodes without one.
    pub name: String,
    /// Its clusters.
    pub clusters: Vec<String>,
    /// Its nodes.
    pub nodes: u64,
    /// Of these, connected ones.
    pub online: u64,
}

/// Regions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegionList {
    /// By name.
    pub items: Vec<RegionBody>,
}

/// A cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClusterBody {
    /// Name; empty for nodes without one.
    pub name: String,
    /// Region; empty if unknown.
    pub region: String,
    /// Its nodes.
    pub nodes: u64,
    /// Of these, connected ones.
    pub online: u64,
    /// Whether it has a credential for the Kubernetes audit webhook.
    pub audit_webhook: bool,
}

/// Clusters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClusterList {
    /// By name.
    pub items: Vec<ClusterBody>,
}

/// Which nodes.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct NodeQuery {
    /// Name of a cluster.
    pub cluster: Option<String>,
    /// Name of a region.
    pub region: Option<String>,
    /// Whether its sensor is connected.
    pub online: Option<bool>,
    /// Part of the name.
    pub q: Option<String>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Entries of the page, 1 to 500.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<u32>,
}

/// A node and its sensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NodeBody {
    /// Id of its sensor.
    pub id: String,
    /// Changes with every change by a person: for `If-Match`.
    pub etag: String,
    /// Name.
    pub name: String,
    /// Cluster; empty if unknown.
    pub cluster: String,
    /// Region; empty if unknown.
    pub region: String,
    /// Cloud; null if unknown.
    pub provider: Option<CloudProvider>,
    /// Account; empty if unknown.
    pub account: String,
    /// Protection level.
    pub protection_level: ProtectionLevel,
    /// How its sensor is doing.
    pub state: SensorState,
    /// Version of the sensor.
    pub sensor_version: String,
    /// What it enforces by.
    pub backend: String,
    /// Version of the kernel.
    pub kernel: String,
    /// Versions of documents in force there.
    pub versions: Vec<DocumentInForce>,
    /// Counters and other health as the sensor reports them.
    #[schema(value_type = Object)]
    pub health: serde_json::Value,
    /// First time it was heard of.
    #[schema(format = DateTime)]
    pub first_seen: String,
    /// Last time.
    #[schema(format = DateTime)]
    pub last_seen: String,
}

/// A document on a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DocumentInForce {
    /// `policies`, `rules` or `settings`.
    pub kind: String,
    /// Version that is in force there.
    pub version: u64,
    /// Whether it is the newest.
    pub current: bool,
    /// Why the newest is not in force; empty if it is or is on its way.
    pub problem: String,
}

/// Part of a list of nodes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NodePage {
    /// By name.
    pub items: Vec<NodeBody>,
    /// For the next page; null if there is none.
    pub next_cursor: Option<String>,
}

/// A protection level to be set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProtectionLevelChange {
    /// The level.
    pub level: ProtectionLevel,
}

/// Which containers.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ContainerQuery {
    /// Id of a node.
    pub node: Option<String>,
    /// Name of a cluster.
    pub cluster: Option<String>,
    /// Name of a namespace.
    pub namespace: Option<String>,
    /// Whether it runs.
    pub running: Option<bool>,
    /// Part of a name or of an image.
    pub q: Option<String>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Entries of the page, 1 to 500.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<u32>,
}

/// A container.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ContainerBody {
    /// Id.
    pub id: String,
    /// Node.
    pub node: String,
    /// Name.
    pub name: String,
    /// Image reference.
    pub image: String,
    /// Digest of the image's manifest; empty if unknown.
    pub image_digest: String,
    /// Namespace; empty if there is none.
    pub namespace: String,
    /// Pod; empty if there is none.
    pub pod: String,
    /// Cluster; empty if unknown.
    pub cluster: String,
    /// Whether it runs.
    pub running: bool,
    /// First time it was seen.
    #[schema(format = DateTime)]
    pub first_seen: String,
    /// Last time.
    #[schema(format = DateTime)]
    pub last_seen: String,
    /// What else its sensor tells.
    #[schema(value_type = Object)]
    pub document: serde_json::Value,
}

/// Part of a list of containers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ContainerPage {
    /// The containers.
    pub items: Vec<ContainerBody>,
    /// For the next page; null if there is none.
    pub next_cursor: Option<String>,
}

/// An image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ImageBody {
    /// Digest.
    pub digest: String,
    /// Reference.
    pub reference: String,
    /// Containers of it that run.
    pub containers: u64,
    /// First time it was seen.
    #[schema(format = DateTime)]
    pub first_seen: String,
    /// Last time.
    #[schema(format = DateTime)]
    pub last_seen: String,
    /// What scanning it told.
    #[schema(value_type = Object)]
    pub document: serde_json::Value,
}

/// Part of a list of images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ImagePage {
    /// The images.
    pub items: Vec<ImageBody>,
    /// For the next page; null if there is none.
    pub next_cursor: Option<String>,
}

/// Accounts of clouds, as far as nodes told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CloudAccountList {
    /// By provider.
    pub items: Vec<CloudAccounts>,
}

/// Accounts of one cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CloudAccounts {
    /// Provider.
    pub provider: CloudProvider,
    /// Accounts with nodes.
    pub accounts: Vec<String>,
}

/// What became of a harmless rehearsal on a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CanaryBody {
    /// Id of the node.
    pub node: String,
    /// `drift` or `escape`.
    pub kind: String,
    /// When.
    #[schema(format = DateTime)]
    pub time: String,
    /// Whether it was seen.
    pub seen: bool,
    /// Whether it was blocked.
    pub blocked: bool,
    /// How long it took until it was seen, in milliseconds.
    pub latency_ms: f64,
    /// What else is known.
    #[schema(value_type = Object)]
    pub detail: serde_json::Value,
}

/// Part of a list of results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CanaryPage {
    /// The newest of each node and kind.
    pub items: Vec<CanaryBody>,
    /// For the next page; null if there is none.
    pub next_cursor: Option<String>,
}

/// Which gaps.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct GapQuery {
    /// Id of a node.
    pub node: Option<String>,
    /// Whether it lasts.
    pub open: Option<bool>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Entries of the page, 1 to 500.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<u32>,
}

/// A time in which a node saw less than it should.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GapBody {
    /// Id.
    pub id: String,
    /// Id of the node.
    pub node: String,
    /// What kind.
    pub kind: String,
    /// Since when.
    #[schema(format = DateTime)]
    pub started: String,
    /// Until when; null if it lasts.
    #[schema(format = DateTime)]
    pub ended: Option<String>,
    /// What else is known.
    #[schema(value_type = Object)]
    pub detail: serde_json::Value,
}

/// Part of a list of gaps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GapPage {
    /// The newest first.
    pub items: Vec<GapBody>,
    /// For the next page; null if there is none.
    pub next_cursor: Option<String>,
}

/// A token by which sensors enrol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EnrolmentTokenBody {
    /// Id.
    pub id: String,
    /// Cluster that its sensors belong to; empty if they say.
    pub cluster: String,
    /// Region.
    pub region: String,
    /// Whether it works once.
    pub one_time: bool,
    /// How often it was used.
    pub uses: u64,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it ends.
    #[schema(format = DateTime)]
    pub expires_at: String,
    /// Who made it.
    pub created_by: String,
    /// Whether it was revoked.
    pub revoked: bool,
}

/// Tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EnrolmentTokenList {
    /// The newest first.
    pub items: Vec<EnrolmentTokenBody>,
}

/// A token to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnrolmentTokenCreate {
    /// Cluster.
    #[serde(default)]
    #[schema(max_length = 128)]
    pub cluster: String,
    /// Region.
    #[serde(default)]
    #[schema(max_length = 128)]
    pub region: String,
    /// Whether it works once.
    pub one_time: bool,
    /// Hours until it ends, 1 to 8,760.
    #[schema(minimum = 1, maximum = 8760)]
    pub hours: u32,
}

/// A token that was made.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct EnrolmentTokenSecret {
    /// The token.
    pub token: EnrolmentTokenBody,
    /// The secret. It is not shown again.
    pub secret: String,
    /// Commands to copy, each with what it is for.
    pub commands: Vec<CommandToCopy>,
}

/// A command to copy.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommandToCopy {
    /// `linux`, `docker` or `kubernetes`.
    pub platform: String,
    /// The command. It may hold a secret.
    pub command: String,
}

/// Something a sensor is asked to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandCreate {
    /// Id of the node.
    pub node: String,
    /// What.
    pub kind: CommandKind,
    /// With what: `container`, `pid` and `start_time`, `path`, `sha256`, as the kind needs.
    #[serde(default)]
    pub arguments: BTreeMap<String, String>,
    /// Why.
    #[serde(default)]
    #[schema(max_length = 2000)]
    pub reason: String,
}

/// Something a sensor was asked to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CommandBody {
    /// Id.
    pub id: String,
    /// Id of the node.
    pub node: String,
    /// What.
    pub kind: CommandKind,
    /// With what.
    #[schema(value_type = Object)]
    pub arguments: serde_json::Value,
    /// How far it has come.
    pub state: CommandState,
    /// Who asked.
    pub actor: String,
    /// Alert that it is about; empty if none.
    pub alert: String,
    /// When it was asked for.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it was answered.
    #[schema(format = DateTime)]
    pub answered_at: Option<String>,
    /// The answer; null before it comes.
    #[schema(value_type = Option<Object>)]
    pub answer: serde_json::Value,
    /// Bytes of what it brought, which `/commands/{id}/output` gives; null if there is nothing, or nothing any more.
    pub output_bytes: Option<u64>,
}

/// What a command brought, byte for byte.
#[derive(Debug, ToSchema)]
#[schema(value_type = String, format = Binary)]
pub struct CommandOutput(pub Vec<u8>);

/// Which commands.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct CommandQuery {
    /// Id of a node.
    pub node: Option<String>,
    /// Id of an alert.
    pub alert: Option<String>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Entries of the page, 1 to 500.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<u32>,
}

/// Part of a list of commands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CommandPage {
    /// The newest first.
    pub items: Vec<CommandBody>,
    /// For the next page; null if there is none.
    pub next_cursor: Option<String>,
}

impl std::fmt::Debug for EnrolmentTokenSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EnrolmentTokenSecret(…)")
    }
}

impl std::fmt::Debug for CommandToCopy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CommandToCopy(…)")
    }
}
