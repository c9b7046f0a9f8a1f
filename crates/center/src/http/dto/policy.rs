//! Drift policy, defence rules, rules on images.

use super::common::DiagnosticDto;
use super::trial::SimulationResult;
use super::words::CloudProvider;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Where a rule applies. Clouds are ORed, conditions are ANDed, values of one condition are ORed; an empty scope is everywhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ScopeBody {
    /// What the scope means to its author.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Clouds; empty is everywhere.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub clouds: Vec<CloudScopeBody>,
    /// Conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<ConditionBody>,
}

/// A cloud, or some accounts of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CloudScopeBody {
    /// Provider.
    pub provider: CloudProvider,
    /// Accounts; null is the whole provider, with accounts that are added later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accounts: Option<Vec<String>>,
}

/// A comparison of one field with some values, of which one must fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConditionBody {
    /// `container-name`, `image-name`, `namespace`, `pod-label`, `pod-name` or `cluster-name`.
    pub field: String,
    /// Key of the label, for `pod-label` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// `starts-with`, `ends-with`, `equals` or `contains`.
    pub operator: String,
    /// Values.
    pub values: Vec<String>,
}

/// A program that may run although it drifted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AllowBody {
    /// Base name, whole path, wildcard, or `sha256:` and a digest.
    pub process: String,
    /// Only if this program started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Only below this program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ancestor: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A rule of the drift policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DriftRuleBody {
    /// Name, unique in the policy.
    pub name: String,
    /// `alert`, `ignore` or `block`.
    pub action: String,
    /// Whether it takes part.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Where it applies.
    #[serde(default)]
    pub scope: ScopeBody,
    /// `binaries`, `libraries`, `scripts`; `binaries` alone if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kinds: Option<Vec<String>>,
    /// Provenances that count; all if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenances: Option<Vec<String>>,
    /// Programs that may run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<AllowBody>,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Why it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// A date or an RFC 3339 time at which it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// For `block`: report what would be blocked, block nothing.
    #[serde(default)]
    pub observe: bool,
    /// For `block`: the share of nodes that block, 1 to 100.
    #[serde(default = "all_nodes")]
    pub nodes_percent: u8,
}

fn yes() -> bool {
    true
}

fn all_nodes() -> u8 {
    100
}

/// The drift policy: the first rule that matches decides, the default rule if none does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DriftPolicyBody {
    /// The rules in order, without the default rule.
    pub rules: Vec<DriftRuleBody>,
    /// Action of the default rule: `alert`, `ignore` or `block`.
    pub default_action: String,
}

/// A fuse: when a block rule turns back to alert in a workload that restarts over and over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FuseBody {
    /// Whether there is one.
    pub enabled: bool,
    /// Restarts, 1 to 100.
    pub restarts: u32,
    /// Within this time, such as `10m`.
    pub within: String,
}

/// What a rule covers of one dimension.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CoverBody {
    /// `none`, `all`, `only` or `except`.
    pub mode: String,
    /// Names of behaviours, for `only` and `except`.
    #[serde(default)]
    pub behaviours: Vec<String>,
}

/// What a defence rule lets through. All that is given must fit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DefenceAllowBody {
    /// The program that acts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    /// The program that started it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// A program above it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ancestor: Option<String>,
    /// The file that it acts on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Only for these behaviours; null is all of the rule's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behaviours: Option<Vec<String>>,
    /// When it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A defence rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DefenceRuleBody {
    /// Name, unique among defence rules.
    pub name: String,
    /// `alert` or `block`.
    pub action: String,
    /// Whether it takes part.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// For `block`: the learning mode, which only records what would have been blocked.
    #[serde(default)]
    pub observe: bool,
    /// For `block`: the share of nodes that block, 1 to 100.
    #[serde(default = "all_nodes")]
    pub nodes_percent: u8,
    /// Where it applies.
    #[serde(default)]
    pub scope: ScopeBody,
    /// What processes do.
    pub process: CoverBody,
    /// What happens to files.
    pub file: CoverBody,
    /// System calls.
    pub syscall: CoverBody,
    /// What it lets through.
    #[serde(default)]
    pub allow: Vec<DefenceAllowBody>,
    /// Who answers for it.
    #[serde(default)]
    pub owner: Option<String>,
    /// Why it is there.
    #[serde(default)]
    pub reason: Option<String>,
    /// When it ends.
    #[serde(default)]
    pub expires: Option<String>,
    /// The fuse; null is the default one.
    #[serde(default)]
    pub fuse: Option<FuseBody>,
}

/// A rule on images at risk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageRuleBody {
    /// Name, unique among rules on images.
    pub name: String,
    /// `alert`, `block` or `allow`.
    pub action: String,
    /// Whether it takes part.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Where it applies.
    #[serde(default)]
    pub scope: ScopeBody,
    /// Patterns of image references.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<String>,
    /// Digests, each `sha256:` and 64 digits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub digests: Vec<String>,
    /// Images whose last scan is older than this, such as `30d`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scan_older_than: Option<String>,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Why it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
}

/// All defence rules and rules on images.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DefencePolicyBody {
    /// Defence rules; their order means nothing.
    pub rules: Vec<DefenceRuleBody>,
    /// Rules on images.
    #[serde(default)]
    pub image_rules: Vec<ImageRuleBody>,
}

/// A version of the drift policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DriftPolicyVersion {
    /// Number, from 1.
    pub version: u64,
    /// The version as `If-Match` takes it.
    pub etag: String,
    /// Who saved it.
    pub saved_by: String,
    /// When.
    #[schema(format = DateTime)]
    pub saved_at: String,
    /// What its author said about it.
    pub comment: String,
    /// The policy.
    pub policy: DriftPolicyBody,
    /// The same as a file.
    pub yaml: String,
    /// What is doubtful about it.
    pub diagnostics: Vec<DiagnosticDto>,
}

/// A version of the defence rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DefencePolicyVersion {
    /// Number, from 1.
    pub version: u64,
    /// The version as `If-Match` takes it.
    pub etag: String,
    /// Who saved it.
    pub saved_by: String,
    /// When.
    #[schema(format = DateTime)]
    pub saved_at: String,
    /// What its author said about it.
    pub comment: String,
    /// The rules.
    pub policy: DefencePolicyBody,
    /// The same as a file.
    pub yaml: String,
    /// What is doubtful about it.
    pub diagnostics: Vec<DiagnosticDto>,
}

/// A drift policy to be looked at or saved: exactly one of `policy` and `yaml` is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DriftPolicyDraft {
    /// As an object.
    pub policy: Option<DriftPolicyBody>,
    /// As a file.
    #[schema(max_length = 1048576)]
    pub yaml: Option<String>,
    /// What its author says about it.
    #[schema(max_length = 2000)]
    pub comment: String,
    /// Save although there are warnings.
    pub accept_warnings: bool,
}

/// Defence rules to be looked at or saved: exactly one of `policy` and `yaml` is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DefencePolicyDraft {
    /// As an object.
    pub policy: Option<DefencePolicyBody>,
    /// As a file.
    #[schema(max_length = 1048576)]
    pub yaml: Option<String>,
    /// What its author says about it.
    #[schema(max_length = 2000)]
    pub comment: String,
    /// Save although there are warnings.
    pub accept_warnings: bool,
}

/// A version in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyVersionSummary {
    /// Number.
    pub version: u64,
    /// Who saved it.
    pub saved_by: String,
    /// When.
    #[schema(format = DateTime)]
    pub saved_at: String,
    /// What its author said about it.
    pub comment: String,
}

/// Versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyVersionPage {
    /// The newest first.
    pub items: Vec<PolicyVersionSummary>,
    /// For the next page; null if there is none.
    pub next_cursor: Option<String>,
}

/// Back to an earlier version: it becomes the newest one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyRollback {
    /// The version whose content is taken.
    #[schema(minimum = 1)]
    pub version: u64,
    /// Why.
    #[serde(default)]
    #[schema(max_length = 2000)]
    pub comment: String,
}

/// What changed between two policies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyDiffBody {
    /// Whether nothing did.
    pub is_empty: bool,
    /// Changes outside the rules.
    pub policy: Vec<FieldChangeBody>,
    /// Rules that are gone.
    pub removed: Vec<RulePlaceBody>,
    /// Rules that are new.
    pub added: Vec<RulePlaceBody>,
    /// Rules that stand elsewhere.
    pub moved: Vec<RuleMoveBody>,
    /// Rules with other content.
    pub changed: Vec<RuleChangeBody>,
    /// All of it as text for people.
    pub text: String,
}

/// A field with another value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldChangeBody {
    /// Path of the field.
    pub field: String,
    /// Before; empty if it was left out.
    pub before: String,
    /// After; empty if it is left out.
    pub after: String,
}

/// A rule and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RulePlaceBody {
    /// `drift`, `defence` or `image`.
    pub kind: String,
    /// Position, from 0.
    pub index: u32,
    /// Name.
    pub name: String,
    /// Its fields in the notation of a file.
    pub fields: BTreeMap<String, String>,
}

/// A rule that stands elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleMoveBody {
    /// Name.
    pub name: String,
    /// Position before.
    pub from: u32,
    /// Position after.
    pub to: u32,
}

/// A rule with other content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleChangeBody {
    /// `drift`, `defence` or `image`.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Position after.
    pub index: u32,
    /// What changed.
    pub fields: Vec<FieldChangeBody>,
}

/// The narrowest way to let the program of a drift alert run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DriftAllowProposal {
    /// Position of the rule that gets the entry, from 0; null if the default rule decided: then there is a new rule in front of it.
    pub rule_index: Option<u32>,
    /// Name of that rule.
    pub rule: String,
    /// The entry.
    pub entry: AllowBody,
    /// The policy with it, to be saved.
    pub policy: DriftPolicyBody,
    /// ETag of the policy that it was made of.
    pub etag: String,
    /// What would change, judged by the last 7 days.
    pub effect: SimulationResult,
}

/// A behaviour that defence rules can name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BehaviourBody {
    /// The name in rules.
    pub name: String,
    /// The dimension: `process`, `file` or `syscall`.
    pub dimension: String,
    /// What it covers, in a sentence.
    pub covers: String,
}

/// Behaviours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BehaviourList {
    /// Every behaviour, in the order of the documentation.
    pub items: Vec<BehaviourBody>,
}
