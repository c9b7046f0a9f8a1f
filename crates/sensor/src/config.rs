//! What a sensor is started with.

use crate::canary::CanarySettings;
use crate::enforce::EnforceSettings;
use crate::scan::ScanSettings;
use std::path::PathBuf;
use std::sync::Arc;
use yagura_event::Node;
use yagura_policy::PolicySet;
use yagura_rules::RuleSet;
use yagura_runtimes::RuntimesConfig;

/// Everything a sensor needs to know; valid by construction.
#[derive(Debug, Clone)]
pub struct SensorConfig {
    /// The node.
    pub node: Arc<Node>,
    /// The policies in force at first.
    pub policies: Arc<PolicySet>,
    /// Their version.
    pub policy_version: u64,
    /// Where to keep what is enforced; `None` to block nothing, whatever the policies ask for.
    pub enforce: Option<EnforceSettings>,
    /// The detection rules in force at first.
    pub rules: Arc<RuleSet>,
    /// Whether the kernel side sends every event rather than those that a rule can match: for recordings that any rules are
    /// to be tried on.
    pub send_all: bool,
    /// Where runtimes are looked for.
    pub runtimes: RuntimesConfig,
    /// What files are scanned with; `None` to scan nothing.
    pub scan: Option<ScanSettings>,
    /// Where to record what the pipeline is given, if at all.
    pub record: Option<PathBuf>,
    /// When to prove what this node sees and stops; `None` never to.
    pub canary: Option<CanarySettings>,
}
