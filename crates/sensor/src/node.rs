//! Which node this is: from settings, or from what cloud-init left on disk. Never a network call.

use serde_json::Value;
use std::io::Read as _;
use std::path::Path;
use yagura_event::{Cloud, Node, Provider};

/// Where cloud-init keeps the instance's metadata (cloud-init documentation, "Instance metadata").
const INSTANCE_DATA: &str = "/run/cloud-init/instance-data.json";
/// Bytes of instance metadata read; the file may carry user data of any size.
const INSTANCE_DATA_BYTES_MAX: u64 = 4 << 20;
/// Bytes of a name kept.
const NAME_BYTES_MAX: usize = 256;

/// What the user says of the node; the rest is looked up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeSettings {
    /// Node name; the host name if left out.
    pub name: Option<String>,
    /// Cluster name; unknown if left out.
    pub cluster: Option<String>,
    /// Provider and account; from the instance metadata file if left out.
    pub cloud: Option<Cloud>,
}

/// Puts settings and what the machine says together.
pub fn find_node(settings: NodeSettings) -> Node {
    Node {
        name: settings.name.unwrap_or_else(host_name),
        cluster: settings.cluster,
        cloud: settings
            .cloud
            .or_else(|| cloud_from_file(Path::new(INSTANCE_DATA))),
    }
}

fn host_name() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

fn cloud_from_file(path: &Path) -> Option<Cloud> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .ok()?
        .take(INSTANCE_DATA_BYTES_MAX)
        .read_to_end(&mut bytes)
        .ok()?;
    cloud_from_json(&serde_json::from_slice(&bytes).ok()?)
}

/// Reads `v1.cloud_name` and the account where each provider's data source puts it.
fn cloud_from_json(data: &Value) -> Option<Cloud> {
    let (provider, account) = match data.pointer("/v1/cloud_name")?.as_str()? {
        "azure" => (Provider::Azure, "/ds/meta_data/imds/compute/subscriptionId"),
        "aws" => (
            Provider::Aws,
            "/ds/dynamic/instance-identity/document/accountId",
        ),
        "gce" => (Provider::Gcp, "/ds/meta_data/project-id"),
        _ => return None,
    };
    let account = data
        .pointer(account)
        .and_then(Value::as_str)
        .unwrap_or_default();
    Some(Cloud {
        provider,
        account: account.chars().take(NAME_BYTES_MAX).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_provider_and_account_come_from_the_metadata_file() {
        let azure = r#"{"v1":{"cloud_name":"azure"},"ds":{"meta_data":{"imds":{"compute":{"subscriptionId":"sub-1"}}}}}"#;
        let cloud = cloud_from_json(&serde_json::from_str(azure).unwrap());
        assert_eq!(
            cloud,
            Some(Cloud {
                provider: Provider::Azure,
                account: "sub-1".to_owned()
            })
        );
        assert_eq!(
            cloud_from_json(&serde_json::json!({"v1": {"cloud_name": "nocloud"}})),
            None
        );
        assert_eq!(cloud_from_json(&serde_json::json!([1])), None);
    }

    #[test]
    fn settings_come_first() {
        let cloud = Cloud {
            provider: Provider::OnPremises,
            account: "rack-7".to_owned(),
        };
        let settings = NodeSettings {
            name: Some("n1".to_owned()),
            cluster: Some("prod".to_owned()),
            cloud: Some(cloud.clone()),
        };
        let node = find_node(settings);
        assert_eq!(
            (node.name.as_str(), node.cluster.as_deref(), node.cloud),
            ("n1", Some("prod"), Some(cloud))
        );
    }
}
