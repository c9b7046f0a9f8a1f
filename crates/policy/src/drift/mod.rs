//! The drift policy: an ordered list of rules, of which the first that matches decides, and a default.
//!
//! Reading order: the values here, [`decide`], [`explain`], then [`parse`], [`print`] and [`diff`].

mod decide;
mod diff;
mod explain;
mod parse;
mod prefilter;
mod print;
#[cfg(test)]
pub(crate) mod properties;
mod sets;

pub use crate::expiry::{Expiry, InvalidExpiry};
pub use decide::{Decision, Gap, RuleRef, Verdict, decide};
pub use diff::{FieldChange, PolicyDiff, RuleChange, RuleMove, RulePlace, diff};
pub use explain::{Explanation, Found, MatchedCondition, Outcome, Step, explain};
pub use parse::{Parsed, parse};
pub use print::print;
pub use sets::{KindSet, ProvenanceSet};

use crate::allow_list::AllowEntry;
use crate::rollout::{PERCENT_MAX, node_blocks};
use crate::scope::{Condition, Field, Operator, Scope};
use prefilter::Prefilter;
use std::fmt;

/// What a rule asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RuleAction {
    /// Report.
    Alert,
    /// Stay silent.
    Ignore,
    /// Deny the execution and report.
    Block,
}

impl RuleAction {
    /// Every action, in the order of the documentation.
    pub const ALL: [RuleAction; 3] = [RuleAction::Alert, RuleAction::Ignore, RuleAction::Block];

    /// The name in policies.
    pub fn as_str(self) -> &'static str {
        match self {
            RuleAction::Alert => "alert",
            RuleAction::Ignore => "ignore",
            RuleAction::Block => "block",
        }
    }
}

impl fmt::Display for RuleAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A rule. The fields of one that stands in a [`DriftPolicy`] keep the bounds of the parser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriftRule {
    /// Name, unique in the policy.
    pub name: String,
    /// What it asks for.
    pub action: RuleAction,
    /// Whether it takes part.
    pub enabled: bool,
    /// Where it applies.
    pub scope: Scope,
    /// Kinds of files that count.
    pub kinds: KindSet,
    /// Provenances that count.
    pub provenances: ProvenanceSet,
    /// Programs that may run although they drifted.
    pub allow: Vec<AllowEntry>,
    /// Who answers for the rule.
    pub owner: Option<String>,
    /// Why the rule is there.
    pub reason: Option<String>,
    /// When the rule stops taking part.
    pub expires: Option<Expiry>,
    /// For `block`: report what would be blocked, block nothing.
    pub observe: bool,
    /// For `block`: the share of nodes that block, in percent, from 1 to 100. The others report.
    pub nodes_percent: u8,
}

impl DriftRule {
    /// A rule that counts binaries of every provenance, everywhere.
    fn new(name: &str, action: RuleAction) -> DriftRule {
        DriftRule {
            name: name.to_owned(),
            action,
            enabled: true,
            scope: Scope::default(),
            kinds: KindSet::DEFAULT,
            provenances: ProvenanceSet::ALL,
            allow: Vec::new(),
            owner: None,
            reason: None,
            expires: None,
            observe: false,
            nodes_percent: DriftRule::NODES_PERCENT_MAX,
        }
    }

    /// Whether the rule denies on a node, where it applies.
    pub fn blocks_on(&self, node: &str) -> bool {
        self.action == RuleAction::Block
            && !self.observe
            && node_blocks(self.nodes_percent, node, &self.name)
    }

    /// All nodes.
    pub const NODES_PERCENT_MAX: u8 = PERCENT_MAX;
}

/// A policy that was checked: names are unique, nothing is empty that may not be, all bounds hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriftPolicy {
    name: Option<String>,
    version: Option<u64>,
    rules: Vec<DriftRule>,
    default_action: RuleAction,
    prefilter: Prefilter,
}

impl DriftPolicy {
    /// Name of the rule that decides when no other does.
    pub const DEFAULT_RULE_NAME: &'static str = "Default binary drift rule";
    /// Name of the suggested rule that is there from the start.
    pub const SUGGESTED_RULE_NAME: &'static str = "Alert on Kube-System namespace";
    /// What a policy file says in `apiVersion`.
    pub const API_VERSION: &'static str = "yagura.dev/v1";
    /// What a policy file says in `kind`.
    pub const KIND: &'static str = "DriftPolicy";

    fn assemble(
        name: Option<String>,
        version: Option<u64>,
        rules: Vec<DriftRule>,
        default_action: RuleAction,
    ) -> DriftPolicy {
        DriftPolicy {
            prefilter: Prefilter::of(&rules),
            name,
            version,
            rules,
            default_action,
        }
    }

    /// The policy in force where nobody wrote one: alerts on add-ons of the cluster, ignores everything else.
    pub fn built_in() -> DriftPolicy {
        let mut suggested = DriftRule::new(Self::SUGGESTED_RULE_NAME, RuleAction::Alert);
        suggested.scope.conditions.push(Condition {
            field: Field::Namespace,
            operator: Operator::Equals,
            values: vec!["kube-system".to_owned()],
        });
        Self::assemble(None, None, vec![suggested], RuleAction::Ignore)
    }

    /// Name of the policy, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Version of the policy, if it has one.
    pub fn version(&self) -> Option<u64> {
        self.version
    }

    /// The rules in order, without the default rule.
    pub fn rules(&self) -> &[DriftRule] {
        &self.rules
    }

    /// What the default rule asks for.
    pub fn default_action(&self) -> RuleAction {
        self.default_action
    }

    /// Position of the default rule: behind all others.
    pub fn default_index(&self) -> usize {
        self.rules.len()
    }
}

impl Default for DriftPolicy {
    fn default() -> Self {
        DriftPolicy::built_in()
    }
}
