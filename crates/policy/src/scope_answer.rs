//! Why a scope matches or not, for explanations.

use crate::scope::{Condition, Scope};
use crate::subject::{Fact, Facts, Missing, Truth};
use std::fmt;
use yagura_event::{Cloud, escape};

/// What came of asking a scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ScopeAnswer<'p> {
    /// The node is in none of the clouds; both in words, escaped.
    Cloud { wanted: String, found: String },
    /// A condition does not hold.
    Condition {
        index: usize,
        condition: &'p Condition,
        found: Found,
    },
    /// It could not be told.
    Unknown(Missing),
    /// It matches.
    Matched(Vec<MatchedCondition<'p>>),
}

/// What a condition found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// This, as it is: escape it before showing it.
    Text(String),
    /// Nothing: a container without a pod has no namespace.
    Nothing,
}

/// A condition that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchedCondition<'p> {
    /// The condition.
    pub condition: &'p Condition,
    /// What was found. Escape it before showing it.
    pub found: String,
    /// The first of the condition's values that fits.
    pub value: &'p str,
}

/// Asks a scope, keeping every reason.
pub(crate) fn ask_scope<'p>(scope: &'p Scope, facts: &Facts<'_>) -> ScopeAnswer<'p> {
    let clouds = scope.clouds_match(facts);
    if clouds == Truth::No {
        return ScopeAnswer::Cloud {
            wanted: join(&scope.clouds),
            found: facts.cloud.map_or_else(String::new, cloud_text),
        };
    }
    let mut truth = clouds;
    let mut matched = Vec::new();
    for (index, condition) in scope.conditions.iter().enumerate() {
        let fact = condition.field.of(facts);
        match (condition.matches(facts), fact) {
            (Truth::Unknown(missing), _) => truth = truth.and(|| Truth::Unknown(missing)),
            (Truth::Yes, Fact::Known(found)) => matched.push(MatchedCondition {
                condition,
                found: found.to_owned(),
                value: condition.value_for(found).unwrap_or_default(),
            }),
            (_, fact) => {
                let found = match fact {
                    Fact::Known(found) => Found::Text(found.to_owned()),
                    Fact::Absent | Fact::Unknown(_) => Found::Nothing,
                };
                return ScopeAnswer::Condition {
                    index,
                    condition,
                    found,
                };
            }
        }
    }
    match truth {
        Truth::Unknown(missing) => ScopeAnswer::Unknown(missing),
        Truth::Yes | Truth::No => ScopeAnswer::Matched(matched),
    }
}

fn cloud_text(cloud: &Cloud) -> String {
    if cloud.account.is_empty() {
        return cloud.provider.to_string();
    }
    format!(
        "{} \"{}\"",
        cloud.provider,
        escape(cloud.account.as_bytes())
    )
}

/// Says that a node is in another cloud.
pub(crate) fn write_cloud(f: &mut fmt::Formatter<'_>, wanted: &str, found: &str) -> fmt::Result {
    write!(f, "the node is in {found}, not in {wanted}")
}

/// Says that a condition does not hold.
pub(crate) fn write_condition(
    f: &mut fmt::Formatter<'_>,
    index: usize,
    condition: &Condition,
    found: &Found,
) -> fmt::Result {
    write!(f, "condition {} does not hold: {condition}, ", index + 1)?;
    match found {
        Found::Text(text) => write!(f, "but it is \"{}\"", escape(text.as_bytes())),
        Found::Nothing => write!(f, "but there is none"),
    }
}

/// Says why a scope matches.
pub(crate) fn write_matched(
    f: &mut fmt::Formatter<'_>,
    conditions: &[MatchedCondition<'_>],
) -> fmt::Result {
    if conditions.is_empty() {
        return f.write_str("it applies here without conditions");
    }
    f.write_str("its conditions hold: ")?;
    for (index, matched) in conditions.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        write!(
            f,
            "{comma}{} is \"{}\" ({} \"{}\")",
            matched.condition.field,
            escape(matched.found.as_bytes()),
            matched.condition.operator,
            escape(matched.value.as_bytes())
        )?;
    }
    Ok(())
}

fn join(items: &[impl fmt::Display]) -> String {
    let texts: Vec<String> = items.iter().map(ToString::to_string).collect();
    texts.join(", ")
}
