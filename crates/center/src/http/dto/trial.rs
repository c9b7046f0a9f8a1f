//! Policies that are tried: asked about one case, or judged by history.

use super::policy::{DefencePolicyDraft, DriftPolicyDraft};
use super::words::CloudProvider;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Something that a container does, for "which rule decides?".
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TestSubject {
    /// Name of the node.
    pub node: String,
    /// Cluster; null if unknown.
    pub cluster: Option<String>,
    /// Cloud; null if unknown.
    pub provider: Option<CloudProvider>,
    /// Account; empty if unknown.
    pub account: String,
    /// Namespace; empty for a container outside Kubernetes.
    pub namespace: String,
    /// Pod; empty likewise.
    pub pod: String,
    /// Labels of the pod.
    pub labels: BTreeMap<String, String>,
    /// Name of the container.
    pub container: String,
    /// Image reference.
    pub image: String,
    /// For drift: path of the file. For defence rules: path of the program that acts.
    pub process: String,
    /// SHA-256 of the file; empty if unknown.
    pub sha256: String,
    /// The program that started it; empty if unknown.
    pub parent: String,
    /// Programs above it, the parent first.
    pub ancestors: Vec<String>,
    /// For drift: `binaries`, `libraries` or `scripts`; `binaries` if empty.
    pub kind: String,
    /// For drift: the provenance; `written` if empty.
    pub provenance: String,
    /// For defence rules: the behaviour.
    pub behaviour: String,
    /// For defence rules: the file that is acted on; empty if there is none.
    pub file: String,
}

/// Which rule decides?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DriftTest {
    /// Who is asked about.
    pub subject: TestSubject,
    /// The policy that is asked; null is the one in force.
    #[serde(default)]
    pub draft: Option<DriftPolicyDraft>,
}

/// Which rule decides?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DefenceTest {
    /// Who is asked about.
    pub subject: TestSubject,
    /// The rules that are asked; null are those in force.
    #[serde(default)]
    pub draft: Option<DefencePolicyDraft>,
}

/// What a policy decides, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TestResult {
    /// What happens: `alert`, `ignore`, `block`, `allowed`, `nothing`, `watch` or `deny`.
    pub verdict: String,
    /// Name of the rule that decides; empty if none does.
    pub rule: String,
    /// Its position, from 0.
    pub index: Option<u32>,
    /// Rule by rule, what came of asking.
    pub steps: Vec<TestStep>,
}

/// A rule that was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TestStep {
    /// Position, from 0.
    pub index: u32,
    /// Name.
    pub rule: String,
    /// What it asks for.
    pub action: String,
    /// Whether it matches.
    pub matched: bool,
    /// Why, as a clause. Escaped.
    pub reason: String,
}

/// What a policy would have done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DriftSimulate {
    /// The policy.
    pub draft: DriftPolicyDraft,
    /// Days of history, 1 to 90.
    #[serde(default = "week")]
    #[schema(minimum = 1, maximum = 90)]
    pub days: u32,
}

/// What defence rules would have done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DefenceSimulate {
    /// The rules.
    pub draft: DefencePolicyDraft,
    /// Days of history, 1 to 90.
    #[serde(default = "week")]
    #[schema(minimum = 1, maximum = 90)]
    pub days: u32,
}

fn week() -> u32 {
    7
}

/// What would be different.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SimulationResult {
    /// Stored alerts that were judged anew.
    pub examined: u64,
    /// Whether there were more than are looked at.
    pub truncated: bool,
    /// Alerts that would not have been.
    pub vanish: u64,
    /// Findings that were silent and would alert now.
    pub appear: u64,
    /// Executions that ran and would be blocked.
    pub newly_blocked: u64,
    /// By rule.
    pub rules: Vec<SimulatedRule>,
    /// Some of those that change, at most 50.
    pub sample: Vec<SimulatedAlert>,
    /// What history can't tell, a sentence each.
    pub limits: Vec<String>,
}

/// What a rule decides before and after.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SimulatedRule {
    /// Name.
    pub rule: String,
    /// Alerts that it decides under the policy in force.
    pub before: u64,
    /// Under the draft.
    pub after: u64,
    /// Alerts of it that would vanish.
    pub vanish: u64,
    /// Findings that would alert by it.
    pub appear: u64,
    /// Findings that it would block.
    pub newly_blocked: u64,
}

/// An alert that would be another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SimulatedAlert {
    /// Id of the alert.
    pub alert: String,
    /// Its title.
    pub title: String,
    /// Verdict and rule before.
    pub before: String,
    /// Verdict and rule after.
    pub after: String,
}
