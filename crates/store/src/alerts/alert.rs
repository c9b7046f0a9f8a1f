//! An alert as it is stored: columns that it is found by, and its JSON text, which is kept as it came.

use crate::db::Row;
use crate::{StoreError, Version};
use yagura_event::{Category, Severity, WallTime};

/// Where an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AlertStatus {
    /// Nobody has looked at it.
    Unhandled,
    /// Somebody is at it.
    Handling,
    /// Done.
    Handled,
    /// Known and left alone.
    Ignored,
    /// A whitelist rule covers it.
    Whitelisted,
    /// The finding was wrong.
    FalsePositive,
    /// The sensor stopped what it reports.
    AutoBlocked,
    /// Nobody looked at it in time.
    Expired,
}

impl AlertStatus {
    /// Every status.
    pub const ALL: [AlertStatus; 8] = [
        AlertStatus::Unhandled,
        AlertStatus::Handling,
        AlertStatus::Handled,
        AlertStatus::Ignored,
        AlertStatus::Whitelisted,
        AlertStatus::FalsePositive,
        AlertStatus::AutoBlocked,
        AlertStatus::Expired,
    ];

    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            AlertStatus::Unhandled => "unhandled",
            AlertStatus::Handling => "handling",
            AlertStatus::Handled => "handled",
            AlertStatus::Ignored => "ignored",
            AlertStatus::Whitelisted => "whitelisted",
            AlertStatus::FalsePositive => "false-positive",
            AlertStatus::AutoBlocked => "auto-blocked",
            AlertStatus::Expired => "expired",
        }
    }

    /// The status of that name.
    pub fn from_name(name: &str) -> Option<AlertStatus> {
        AlertStatus::ALL
            .into_iter()
            .find(|status| status.as_str() == name)
    }

    pub(crate) fn code(self) -> i64 {
        match self {
            AlertStatus::Unhandled => 0,
            AlertStatus::Handling => 1,
            AlertStatus::Handled => 2,
            AlertStatus::Ignored => 3,
            AlertStatus::Whitelisted => 4,
            AlertStatus::FalsePositive => 5,
            AlertStatus::AutoBlocked => 6,
            AlertStatus::Expired => 7,
        }
    }

    pub(crate) fn of_code(code: i64) -> Result<AlertStatus, StoreError> {
        AlertStatus::ALL
            .into_iter()
            .find(|status| status.code() == code)
            .ok_or_else(|| StoreError::damaged(format!("no status of alerts has the code {code}")))
    }
}

pub(crate) fn severity_code(severity: Severity) -> i64 {
    match severity {
        Severity::Reminder => 0,
        Severity::Suspicious => 1,
        Severity::Urgent => 2,
    }
}

pub(crate) fn severity_of_code(code: i64) -> Result<Severity, StoreError> {
    [Severity::Reminder, Severity::Suspicious, Severity::Urgent]
        .into_iter()
        .find(|severity| severity_code(*severity) == code)
        .ok_or_else(|| StoreError::damaged(format!("no severity has the code {code}")))
}

pub(crate) fn category_code(category: Category) -> i64 {
    match category {
        Category::K8s => 0,
        Category::Network => 1,
        Category::Malware => 2,
        Category::Webshell => 3,
        Category::Process => 4,
        Category::Escape => 5,
        Category::Drift => 6,
        Category::Custom => 7,
    }
}

pub(crate) fn category_of_code(code: i64) -> Result<Category, StoreError> {
    Category::ALL
        .into_iter()
        .find(|category| category_code(*category) == code)
        .ok_or_else(|| StoreError::damaged(format!("no category has the code {code}")))
}

/// An alert that is to be stored. Texts that it is found by are cut at [`crate::NAME_BYTES_MAX`]; the document has them whole.
#[derive(Debug, Clone, PartialEq)]
pub struct NewAlert {
    /// The same for the same finding, unique otherwise: letters, digits, `-` and `_`.
    pub id: String,
    /// When it happened.
    pub time: WallTime,
    /// When it was seen last.
    pub last_time: WallTime,
    /// How often it was seen.
    pub count: u64,
    /// Where it stands when it comes.
    pub status: AlertStatus,
    /// How much it matters.
    pub severity: Severity,
    /// Category of the catalogue.
    pub category: Category,
    /// Name of the detection rule.
    pub rule: String,
    /// Catalogue key; empty for rules that name none.
    pub key: String,
    /// One line.
    pub title: String,
    /// What was done: `alerted`, `blocked`, `killed`.
    pub action: String,
    /// Name of the node; empty for alerts that are about none.
    pub node: String,
    /// Name of the cluster.
    pub cluster: String,
    /// Namespace.
    pub namespace: String,
    /// Name of the pod.
    pub pod: String,
    /// Id of the container.
    pub container_id: String,
    /// Name of the container.
    pub container: String,
    /// Image reference.
    pub image: String,
    /// Id of the first alert of its story: its own if it is the first.
    pub incident: String,
    /// More texts that it is to be found by, beside those above: paths, arguments, users, addresses, digests.
    pub search: Vec<String>,
    /// The whole alert as JSON text, at most [`crate::ALERT_DOCUMENT_BYTES_MAX`].
    pub document: String,
}

/// An alert as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Its id.
    pub id: String,
    /// When it happened; brought near the time of storing where a node's clock was far off.
    pub time: WallTime,
    /// When it was seen last.
    pub last_time: WallTime,
    /// When it was stored.
    pub received: WallTime,
    /// When it was changed last: handled, or seen again.
    pub changed: WallTime,
    /// Its number in the order of storing.
    pub seq: i64,
    /// Goes up with every change.
    pub version: Version,
    /// How often it was seen.
    pub count: u64,
    /// Where it stands.
    pub status: AlertStatus,
    /// How much it matters.
    pub severity: Severity,
    /// Category of the catalogue.
    pub category: Category,
    /// Name of the detection rule.
    pub rule: String,
    /// Catalogue key.
    pub key: String,
    /// One line.
    pub title: String,
    /// What was done.
    pub action: String,
    /// Name of the node.
    pub node: String,
    /// Name of the cluster.
    pub cluster: String,
    /// Namespace.
    pub namespace: String,
    /// Name of the pod.
    pub pod: String,
    /// Id of the container.
    pub container_id: String,
    /// Name of the container.
    pub container: String,
    /// Image reference.
    pub image: String,
    /// Id of the first alert of its story.
    pub incident: String,
    /// The alert as it came: its status and count are as of then.
    pub document: String,
}

/// The columns that make an [`Alert`].
pub(super) const COLUMNS: &str = "id, time, last_time, received, changed, seq, version, count, \
     CAST(status AS BIGINT) AS status, CAST(severity AS BIGINT) AS severity, \
     CAST(category AS BIGINT) AS category, rule, catalogue_key, title, action, node, cluster, namespace, pod, \
     container_id, container, image, incident, document";

pub(super) fn read(row: &Row) -> Result<Alert, StoreError> {
    Ok(Alert {
        id: row.get("id")?,
        time: row.time("time")?,
        last_time: row.time("last_time")?,
        received: row.time("received")?,
        changed: row.time("changed")?,
        seq: row.get("seq")?,
        version: Version(row.get("version")?),
        count: u64::try_from(row.get::<i64>("count")?).unwrap_or_default(),
        status: AlertStatus::of_code(row.get("status")?)?,
        severity: severity_of_code(row.get("severity")?)?,
        category: category_of_code(row.get("category")?)?,
        rule: row.get("rule")?,
        key: row.get("catalogue_key")?,
        title: row.get("title")?,
        action: row.get("action")?,
        node: row.get("node")?,
        cluster: row.get("cluster")?,
        namespace: row.get("namespace")?,
        pod: row.get("pod")?,
        container_id: row.get("container_id")?,
        container: row.get("container")?,
        image: row.get("image")?,
        incident: row.get("incident")?,
        document: row.get("document")?,
    })
}
