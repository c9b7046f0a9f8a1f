//! Why a decision came out as it did, rule by rule.

use super::decide::{self, Exclusion, NOTHING, in_scope, stronger};
use super::{Allowed, Decision, DefenceAction, DefenceAllow, DefenceRule, DefenceSubject, RuleRef};
use crate::expiry::Expiry;
use crate::scope::Condition;
use crate::scope_answer::{
    Found, MatchedCondition, ScopeAnswer, ask_scope, write_cloud, write_condition, write_matched,
};
use crate::subject::{Facts, Missing, Truth};
use std::fmt;
use yagura_event::{Behaviour, CellAction, escape};

/// A decision with the reasons for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation<'p> {
    /// The same that [`super::decide`] says.
    pub decision: Decision<'p>,
    /// Every rule, in order.
    pub steps: Vec<Step<'p>>,
}

/// One rule that was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step<'p> {
    /// The rule.
    pub rule: RuleRef<'p>,
    /// What the rule asks for.
    pub action: DefenceAction,
    /// What came of asking it.
    pub outcome: Outcome<'p>,
}

/// What came of asking a rule. Its `Display` is a clause for people, escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<'p> {
    /// The rule is switched off.
    Disabled,
    /// The rule has expired.
    Expired(&'p Expiry),
    /// The rule does not cover the behaviour.
    NotCovered(Behaviour),
    /// The node is in none of the rule's clouds.
    Cloud {
        /// The rule's clouds in words, escaped.
        wanted: String,
        /// The node's cloud in words, escaped.
        found: String,
    },
    /// A condition does not hold.
    Condition {
        /// Position of the condition, the first is 0.
        index: usize,
        /// The condition.
        condition: &'p Condition,
        /// What was found instead.
        found: Found,
    },
    /// The scope could not be told: the rule only watches, if no entry excuses.
    Unknown {
        /// What was missing.
        missing: Missing,
        /// What the rule says.
        says: Says<'p>,
    },
    /// The scope matches.
    Matched {
        /// Its conditions, each with the value that fits. Empty where the rule applies everywhere.
        conditions: Vec<MatchedCondition<'p>>,
        /// What the rule says.
        says: Says<'p>,
    },
}

/// What a rule says that applies, or may apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Says<'p> {
    /// What is to be done.
    pub action: CellAction,
    /// The entry that excuses: position and entry.
    pub excused_by: Option<(usize, &'p DefenceAllow)>,
    /// Entries that could have excused if something were known: position and what was missing.
    pub undecided_entries: Vec<(usize, Missing)>,
    /// Why a rule that asks for blocking only watches although it is certain that it applies.
    pub only_watches: Option<OnlyWatches>,
}

/// Why a rule that asks for blocking only watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnlyWatches {
    /// It is in observe mode.
    Observe,
    /// The node is not in its share of nodes.
    NodeShare,
}

/// Explains what [`super::decide`] decides: the same rules in the same order, every reason kept.
pub fn explain<'p>(rules: &'p [DefenceRule], subject: &DefenceSubject<'_>) -> Explanation<'p> {
    let facts = Facts::of_container(subject.node, subject.container);
    let mut decision = NOTHING;
    let mut steps = Vec::with_capacity(rules.len());
    for (index, rule) in rules.iter().enumerate() {
        let rule_ref = RuleRef {
            index,
            name: &rule.name,
        };
        let (outcome, says) = ask(rule_ref, rule, subject, &facts);
        decision = stronger(decision, says);
        steps.push(Step {
            rule: rule_ref,
            action: rule.action,
            outcome,
        });
    }
    Explanation { decision, steps }
}

fn ask<'p>(
    rule_ref: RuleRef<'p>,
    rule: &'p DefenceRule,
    subject: &DefenceSubject<'_>,
    facts: &Facts<'_>,
) -> (Outcome<'p>, Decision<'p>) {
    match decide::exclusion(rule, subject.now) {
        Some(Exclusion::Disabled) => return (Outcome::Disabled, NOTHING),
        Some(Exclusion::Expired) => {
            let expired = rule.expires.as_ref();
            return (expired.map_or(Outcome::Disabled, Outcome::Expired), NOTHING);
        }
        None => {}
    }
    if !rule.behaviours.contains(subject.behaviour) {
        return (Outcome::NotCovered(subject.behaviour), NOTHING);
    }
    let in_scope = |missing| {
        let decision = in_scope(rule_ref, rule, subject, facts, missing);
        (says(rule, &decision, subject, facts, missing), decision)
    };
    match ask_scope(&rule.scope, facts) {
        ScopeAnswer::Cloud { wanted, found } => (Outcome::Cloud { wanted, found }, NOTHING),
        ScopeAnswer::Condition {
            index,
            condition,
            found,
        } => {
            let outcome = Outcome::Condition {
                index,
                condition,
                found,
            };
            (outcome, NOTHING)
        }
        ScopeAnswer::Unknown(missing) => {
            let (says, decision) = in_scope(Some(missing));
            (Outcome::Unknown { missing, says }, decision)
        }
        ScopeAnswer::Matched(conditions) => {
            let (says, decision) = in_scope(None);
            (Outcome::Matched { conditions, says }, decision)
        }
    }
}

fn says<'p>(
    rule: &'p DefenceRule,
    decision: &Decision<'_>,
    subject: &DefenceSubject<'_>,
    facts: &Facts<'_>,
    missing: Option<Missing>,
) -> Says<'p> {
    let excused = |Allowed { entry, .. }| rule.allow.get(entry).map(|of| (entry, of));
    let certain = rule.action == DefenceAction::Block && missing.is_none();
    let only_watches = match decision.action {
        CellAction::Watch if certain && rule.observe => Some(OnlyWatches::Observe),
        CellAction::Watch if certain && decision.gap.is_none() => Some(OnlyWatches::NodeShare),
        _ => None,
    };
    let undecided = |(index, entry): (usize, &DefenceAllow)| {
        let fits = entry.image_fits(facts).and(|| entry.act_fits(subject));
        match fits {
            Truth::Unknown(missing) => Some((index, missing)),
            Truth::Yes | Truth::No => None,
        }
    };
    Says {
        action: decision.action,
        excused_by: decision.allowed.and_then(excused),
        undecided_entries: rule
            .allow
            .iter()
            .enumerate()
            .filter_map(undecided)
            .collect(),
        only_watches,
    }
}

/// The name of an action in output.
fn word(action: CellAction) -> &'static str {
    match action {
        CellAction::None => "nothing",
        CellAction::Watch => "watch",
        CellAction::Deny => "deny",
    }
}

impl fmt::Display for Outcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Disabled => f.write_str("it is not enabled"),
            Outcome::Expired(expiry) => write!(f, "it expired: {expiry}"),
            Outcome::NotCovered(behaviour) => write!(f, "it does not cover {behaviour}"),
            Outcome::Cloud { wanted, found } => write_cloud(f, wanted, found),
            Outcome::Condition {
                index,
                condition,
                found,
            } => write_condition(f, *index, condition, found),
            Outcome::Unknown { missing, says } => {
                write!(f, "it may apply, but {missing}{says}")
            }
            Outcome::Matched { conditions, says } => {
                write_matched(f, conditions)?;
                write!(f, "{says}")
            }
        }
    }
}

impl fmt::Display for Says<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((index, entry)) = self.excused_by {
            return write!(f, "; allow entry {} excuses it: {entry}", index + 1);
        }
        write!(f, "; {}", word(self.action))?;
        match self.only_watches {
            Some(OnlyWatches::Observe) => f.write_str(" (it only observes)"),
            Some(OnlyWatches::NodeShare) => {
                f.write_str(" (this node is not in its share of nodes)")
            }
            None => Ok(()),
        }
    }
}

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decision = &self.decision;
        f.write_str(word(decision.action))?;
        match decision.rule {
            Some(rule) => writeln!(
                f,
                ": decided by rule {} \"{}\"",
                rule.index,
                escape(rule.name.as_bytes())
            )?,
            None => writeln!(f, ": no rule asks for more")?,
        }
        if let Some(gap) = decision.gap {
            writeln!(f, "  not known: {}", gap.missing)?;
        }
        for step in &self.steps {
            writeln!(
                f,
                "{:>4}  {} ({}): {}",
                step.rule.index,
                escape(step.rule.name.as_bytes()),
                step.action,
                step.outcome
            )?;
            let (Outcome::Matched { says, .. } | Outcome::Unknown { says, .. }) = &step.outcome
            else {
                continue;
            };
            for (entry, missing) in says
                .undecided_entries
                .iter()
                .filter(|_| says.excused_by.is_none())
            {
                writeln!(f, "      allow entry {}: {missing}", entry + 1)?;
            }
        }
        Ok(())
    }
}
