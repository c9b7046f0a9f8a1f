//! Events that come as structured documents rather than from the kernel.

use crate::WallTime;
use serde::{Deserialize, Serialize};

/// Where a document comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DocumentSource {
    /// An audit event of the Kubernetes API server (`audit.k8s.io/v1` Event), as it was sent.
    K8sAudit,
    /// A Windows event, brought into one shape by `yagura-sources`.
    Windows,
}

impl DocumentSource {
    /// The name in rules (`source:`).
    pub fn as_str(self) -> &'static str {
        match self {
            DocumentSource::K8sAudit => "k8s_audit",
            DocumentSource::Windows => "windows",
        }
    }
}

/// One audit or log record. Every text in it may have been chosen by an attacker; sizes and depth are bounded by who made it.
#[derive(Debug, Clone, PartialEq)]
pub struct DocumentEvent {
    /// Where it comes from.
    pub source: DocumentSource,
    /// When it happened, by its own clock.
    pub time: WallTime,
    /// Number of the record in its file or stream, the first is 1.
    pub position: u64,
    /// The record.
    pub value: serde_json::Value,
}
