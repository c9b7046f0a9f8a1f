//! What changed between two policies.

use super::{DriftPolicy, DriftRule};
pub use crate::changes::FieldChange;
use crate::changes::{changes, join, optional, unless};
use crate::printer::quoted;
use std::collections::HashMap;
use std::fmt;
use yagura_event::escape;

/// The differences between two policies. Rules are the same if they have the same name, so a renamed rule is one
/// that was removed and one that was added.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PolicyDiff {
    /// Changes outside the rules: `metadata.name`, `metadata.version`, `default.action`.
    pub policy: Vec<FieldChange>,
    /// Rules that are gone, with their old positions.
    pub removed: Vec<RulePlace>,
    /// Rules that are new, with their new positions.
    pub added: Vec<RulePlace>,
    /// Rules whose place among the others changed.
    pub moved: Vec<RuleMove>,
    /// Rules whose content changed.
    pub changed: Vec<RuleChange>,
}

impl PolicyDiff {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        *self == PolicyDiff::default()
    }
}

/// A rule and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulePlace {
    /// Position, the first is 0.
    pub index: usize,
    /// Name. Escape it before showing it.
    pub name: String,
    /// The fields of the rule in the notation of a policy file, those at their default left out. Already escaped.
    pub fields: Vec<(&'static str, String)>,
}

/// A rule that stands elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleMove {
    /// Name. Escape it before showing it.
    pub name: String,
    /// Position before, the first is 0.
    pub from: usize,
    /// Position after.
    pub to: usize,
}

/// A rule with other content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleChange {
    /// Name. Escape it before showing it.
    pub name: String,
    /// Position after, the first is 0.
    pub index: usize,
    /// What changed.
    pub fields: Vec<FieldChange>,
}

/// Compares two policies.
pub fn diff(old: &DriftPolicy, new: &DriftPolicy) -> PolicyDiff {
    let old_places = places(old);
    let new_places = places(new);
    let mut diff = PolicyDiff {
        policy: changes(&policy_fields(old), &policy_fields(new)),
        ..PolicyDiff::default()
    };
    for (index, rule) in old.rules().iter().enumerate() {
        if !new_places.contains_key(rule.name.as_str()) {
            diff.removed.push(RulePlace::of(index, rule));
        }
    }
    // Old and new position of the rules that stayed, in the new order.
    let mut kept = Vec::new();
    for (index, rule) in new.rules().iter().enumerate() {
        let Some((from, before)) = old_places.get(rule.name.as_str()) else {
            diff.added.push(RulePlace::of(index, rule));
            continue;
        };
        kept.push((*from, index, rule));
        if *before != rule {
            diff.changed.push(RuleChange {
                name: rule.name.clone(),
                index,
                fields: changes(&rule_fields(before), &rule_fields(rule)),
            });
        }
    }
    let from: Vec<usize> = kept.iter().map(|(from, ..)| *from).collect();
    let stayed = longest_increasing(&from);
    for (at, (from, to, rule)) in kept.iter().enumerate() {
        if stayed.binary_search(&at).is_err() {
            diff.moved.push(RuleMove {
                name: rule.name.clone(),
                from: *from,
                to: *to,
            });
        }
    }
    diff
}

impl RulePlace {
    fn of(index: usize, rule: &DriftRule) -> RulePlace {
        let fields = rule_fields(rule);
        RulePlace {
            index,
            name: rule.name.clone(),
            fields: fields
                .into_iter()
                .filter(|(_, text)| !text.is_empty())
                .collect(),
        }
    }
}

fn places(policy: &DriftPolicy) -> HashMap<&str, (usize, &DriftRule)> {
    let rules = policy.rules().iter().enumerate();
    rules
        .map(|(index, rule)| (rule.name.as_str(), (index, rule)))
        .collect()
}

fn policy_fields(policy: &DriftPolicy) -> Vec<(&'static str, String)> {
    vec![
        (
            "metadata.name",
            policy.name().map(quoted).unwrap_or_default(),
        ),
        (
            "metadata.version",
            policy.version().map(|v| v.to_string()).unwrap_or_default(),
        ),
        ("default.action", policy.default_action().to_string()),
    ]
}

fn rule_fields(rule: &DriftRule) -> Vec<(&'static str, String)> {
    vec![
        ("action", rule.action.to_string()),
        ("enabled", unless(rule.enabled, "false")),
        ("observe", unless(!rule.observe, "true")),
        (
            "nodes_percent",
            unless(
                rule.nodes_percent == DriftRule::NODES_PERCENT_MAX,
                &rule.nodes_percent.to_string(),
            ),
        ),
        ("scope.description", optional(&rule.scope.description)),
        ("scope.clouds", join(&rule.scope.clouds)),
        ("scope.conditions", join(&rule.scope.conditions)),
        ("kinds", rule.kinds.to_string()),
        ("provenances", rule.provenances.to_string()),
        ("allow", join(&rule.allow)),
        ("owner", optional(&rule.owner)),
        ("reason", optional(&rule.reason)),
        (
            "expires",
            rule.expires
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
        ),
    ]
}

/// Positions of a longest increasing subsequence of distinct numbers, in order. The rules in it kept their order, so
/// that moving one rule over many others reads as one move.
fn longest_increasing(numbers: &[usize]) -> Vec<usize> {
    // For each length, the smallest number that ends a subsequence of it, with its position.
    let mut ends: Vec<(usize, usize)> = Vec::new();
    let mut previous: Vec<Option<usize>> = Vec::with_capacity(numbers.len());
    for (at, &number) in numbers.iter().enumerate() {
        let length = ends.partition_point(|(end, _)| *end < number);
        let before = length.checked_sub(1).and_then(|l| ends.get(l));
        previous.push(before.map(|(_, at)| *at));
        match ends.get_mut(length) {
            Some(end) => *end = (number, at),
            None => ends.push((number, at)),
        }
    }
    let last = ends.last().map(|(_, at)| *at);
    let mut chain: Vec<usize> =
        std::iter::successors(last, |&at| previous.get(at).copied().flatten()).collect();
    chain.reverse();
    chain
}

impl fmt::Display for PolicyDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return writeln!(f, "no differences");
        }
        for change in &self.policy {
            writeln!(f, "~ {change}")?;
        }
        for rule in &self.removed {
            writeln!(f, "- {rule}")?;
        }
        for rule in &self.added {
            write!(f, "+ {rule}")?;
            writeln!(f)?;
            for (field, text) in &rule.fields {
                writeln!(f, "    {field}: {text}")?;
            }
        }
        for moved in &self.moved {
            let name = escape(moved.name.as_bytes());
            writeln!(
                f,
                "> rule \"{name}\" moved from {} to {}",
                moved.from, moved.to
            )?;
        }
        for changed in &self.changed {
            let name = escape(changed.name.as_bytes());
            writeln!(f, "~ rule {} \"{name}\"", changed.index)?;
            for change in &changed.fields {
                writeln!(f, "    {change}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for RulePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "rule {} \"{}\"",
            self.index,
            escape(self.name.as_bytes())
        )
    }
}

#[cfg(test)]
mod tests {
    use super::longest_increasing;

    #[test]
    fn one_rule_over_many_is_one_move() {
        assert_eq!(longest_increasing(&[4, 0, 1, 2, 3]), [1, 2, 3, 4]);
        assert_eq!(longest_increasing(&[1, 2, 3, 0]), [0, 1, 2]);
        assert_eq!(longest_increasing(&[2, 1, 0]).len(), 1);
        assert!(longest_increasing(&[]).is_empty());
    }
}
