//! The node that a sensor runs on.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Where a node's machine comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Provider {
    /// Microsoft Azure; accounts are subscriptions.
    Azure,
    /// Amazon Web Services; accounts are accounts.
    Aws,
    /// Google Cloud; accounts are projects.
    Gcp,
    /// The user's own machines; accounts are names the user chose.
    OnPremises,
}

impl Provider {
    /// Every provider, in the order of the policy's documentation.
    pub const ALL: [Provider; 4] = [
        Provider::Azure,
        Provider::Aws,
        Provider::Gcp,
        Provider::OnPremises,
    ];

    /// The name in policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Provider::Azure => "azure",
            Provider::Aws => "aws",
            Provider::Gcp => "gcp",
            Provider::OnPremises => "on-premises",
        }
    }

    /// The provider of that name in policies, case-sensitive.
    pub fn from_name(name: &str) -> Option<Provider> {
        Provider::ALL
            .into_iter()
            .find(|provider| provider.as_str() == name)
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The account that a node is billed to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cloud {
    /// The provider.
    pub provider: Provider,
    /// Subscription, account or project; empty if unknown.
    pub account: String,
}

/// The node as configured, or as the cloud's instance metadata file says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Node {
    /// Host name or Kubernetes node name.
    pub name: String,
    /// Cluster name, `None` if not configured.
    pub cluster: Option<String>,
    /// Provider and account, `None` if not configured and not found.
    pub cloud: Option<Cloud>,
}
