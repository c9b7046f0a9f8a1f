//! What changed between two lists of rules that are not ordered.

use super::DefenceRule;
use crate::at_risk::AtRiskImageRule;
use crate::changes::{changes, join, optional, unless};
use crate::drift::{RuleChange, RulePlace};
use std::collections::HashMap;
use std::fmt;
use yagura_event::{Dimension, escape};

/// The differences between two lists of rules. Rules are the same if they have the same name; their order means
/// nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RulesDiff {
    /// Rules that are gone, with their old positions.
    pub removed: Vec<RulePlace>,
    /// Rules that are new, with their new positions.
    pub added: Vec<RulePlace>,
    /// Rules whose content changed.
    pub changed: Vec<RuleChange>,
}

impl RulesDiff {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        *self == RulesDiff::default()
    }
}

/// Fields of a rule in the notation of a file; empty where one is left out.
type FieldTexts = Vec<(&'static str, String)>;

/// Compares two lists of defence rules.
pub fn diff(old: &[DefenceRule], new: &[DefenceRule]) -> RulesDiff {
    let fields = |rules: &[DefenceRule]| {
        let fields = rules
            .iter()
            .map(|rule| (rule.name.clone(), rule_fields(rule)));
        fields.collect()
    };
    diff_named(fields(old), fields(new))
}

/// Compares two lists of rules on images.
pub fn diff_image_rules(old: &[AtRiskImageRule], new: &[AtRiskImageRule]) -> RulesDiff {
    let fields = |rules: &[AtRiskImageRule]| {
        let fields = rules
            .iter()
            .map(|rule| (rule.name.clone(), image_rule_fields(rule)));
        fields.collect()
    };
    diff_named(fields(old), fields(new))
}

fn diff_named(old: Vec<(String, FieldTexts)>, new: Vec<(String, FieldTexts)>) -> RulesDiff {
    let mut diff = RulesDiff::default();
    let mut before: HashMap<String, (usize, FieldTexts)> = HashMap::new();
    let mut order = Vec::with_capacity(old.len());
    for (index, (name, fields)) in old.into_iter().enumerate() {
        order.push(name.clone());
        before.insert(name, (index, fields));
    }
    for (index, (name, fields)) in new.into_iter().enumerate() {
        match before.remove(&name) {
            None => diff.added.push(place(index, name, fields)),
            Some((_, earlier)) if earlier != fields => diff.changed.push(RuleChange {
                name,
                index,
                fields: changes(&earlier, &fields),
            }),
            Some(_) => {}
        }
    }
    for name in order {
        if let Some((index, fields)) = before.remove(&name) {
            diff.removed.push(place(index, name, fields));
        }
    }
    diff
}

fn place(index: usize, name: String, fields: FieldTexts) -> RulePlace {
    RulePlace {
        index,
        name,
        fields: fields
            .into_iter()
            .filter(|(_, text)| !text.is_empty())
            .collect(),
    }
}

fn rule_fields(rule: &DefenceRule) -> FieldTexts {
    let cover = |dimension| rule.behaviours.of(dimension).to_string();
    vec![
        ("action", rule.action.to_string()),
        ("enabled", unless(rule.enabled, "false")),
        ("observe", unless(!rule.observe, "true")),
        (
            "nodes_percent",
            unless(
                rule.nodes_percent == DefenceRule::NODES_PERCENT_MAX,
                &rule.nodes_percent.to_string(),
            ),
        ),
        ("scope.description", optional(&rule.scope.description)),
        ("scope.clouds", join(&rule.scope.clouds)),
        ("scope.conditions", join(&rule.scope.conditions)),
        ("behaviours.process", cover(Dimension::Process)),
        ("behaviours.file", cover(Dimension::File)),
        ("behaviours.syscall", cover(Dimension::Syscall)),
        ("allow", join(&rule.allow)),
        ("owner", optional(&rule.owner)),
        ("reason", optional(&rule.reason)),
        ("expires", join(rule.expires.as_slice())),
        ("fuse", rule.fuse.to_string()),
    ]
}

fn image_rule_fields(rule: &AtRiskImageRule) -> FieldTexts {
    vec![
        ("action", rule.action.to_string()),
        ("enabled", unless(rule.enabled, "false")),
        ("scope.description", optional(&rule.scope.description)),
        ("scope.clouds", join(&rule.scope.clouds)),
        ("scope.conditions", join(&rule.scope.conditions)),
        ("images", join(&rule.images)),
        ("digests", join(&rule.digests)),
        ("scan_older_than", join(rule.scan_older_than.as_slice())),
        ("owner", optional(&rule.owner)),
        ("reason", optional(&rule.reason)),
        ("expires", join(rule.expires.as_slice())),
    ]
}

impl fmt::Display for RulesDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return writeln!(f, "no differences");
        }
        for rule in &self.removed {
            writeln!(f, "- {rule}")?;
        }
        for rule in &self.added {
            writeln!(f, "+ {rule}")?;
            for (field, text) in &rule.fields {
                writeln!(f, "    {field}: {text}")?;
            }
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
