//! Why a decision came out as it did, rule by rule.

use super::decide::{self, Doubts, Exclusion};
use super::{
    Decision, DriftPolicy, DriftRule, Expiry, KindSet, ProvenanceSet, RuleAction, RuleRef, Verdict,
};
use crate::allow_list::AllowEntry;
use crate::scope::Condition;
use crate::scope_answer::{ScopeAnswer, ask_scope, write_cloud, write_condition, write_matched};
use crate::subject::{Facts, Missing, Subject, Truth};
use std::fmt;
use yagura_event::{DriftKind, Provenance, escape};

pub use crate::scope_answer::{Found, MatchedCondition};

/// A decision with the reasons for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation<'p> {
    /// The same that [`super::decide`] says.
    pub decision: Decision<'p>,
    /// What was asked.
    pub steps: Vec<Step<'p>>,
    allow_entry: Option<&'p AllowEntry>,
}

/// One rule that was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step<'p> {
    /// The rule.
    pub rule: RuleRef<'p>,
    /// What the rule asks for.
    pub action: RuleAction,
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
    /// The rule does not count files of this kind.
    Kind {
        /// Kinds that it counts.
        counted: KindSet,
        /// What was found.
        found: DriftKind,
    },
    /// The rule does not count files from there.
    Provenance {
        /// Provenances that it counts.
        counted: ProvenanceSet,
        /// What was found.
        found: Provenance,
    },
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
    /// The scope could not be told.
    Unknown {
        /// What was missing.
        missing: Missing,
        /// Whether the rule reports if no later one does.
        possible: bool,
    },
    /// The rule matches.
    Matched {
        /// Its conditions, each with the value that fits. Empty where the rule applies everywhere.
        conditions: Vec<MatchedCondition<'p>>,
        /// Entries of its allow list that could have let the file run if something were known: position and what
        /// was missing.
        undecided_entries: Vec<(usize, Missing)>,
    },
}

/// Explains what [`super::decide`] decides: the same rules in the same order, every reason kept.
pub fn explain<'p>(policy: &'p DriftPolicy, subject: &Subject<'_>) -> Explanation<'p> {
    let facts = Facts::of(subject);
    let mut doubts = Doubts::default();
    let mut steps = Vec::new();
    for (index, rule) in policy.rules().iter().enumerate() {
        let rule_ref = policy.rule_ref(index);
        let outcome = ask(rule, subject, &facts);
        let matched = matches!(outcome, Outcome::Matched { .. });
        if let Outcome::Unknown { missing, .. } = outcome {
            doubts.note(rule_ref, rule, missing, subject);
        }
        steps.push(Step {
            rule: rule_ref,
            action: rule.action,
            outcome,
        });
        if matched {
            let decision = doubts.settle(decide::verdict_of(rule_ref, rule, subject));
            let allow_entry = decision.allowed_by.and_then(|entry| rule.allow.get(entry));
            return Explanation {
                decision,
                steps,
                allow_entry,
            };
        }
    }
    steps.push(Step {
        rule: policy.rule_ref(policy.default_index()),
        action: policy.default_action(),
        outcome: Outcome::Matched {
            conditions: Vec::new(),
            undecided_entries: Vec::new(),
        },
    });
    Explanation {
        decision: doubts.settle(policy.default_decision()),
        steps,
        allow_entry: None,
    }
}

fn ask<'p>(rule: &'p DriftRule, subject: &Subject<'_>, facts: &Facts<'_>) -> Outcome<'p> {
    if let Some(outcome) = excluded(rule, subject) {
        return outcome;
    }
    match ask_scope(&rule.scope, facts) {
        ScopeAnswer::Cloud { wanted, found } => Outcome::Cloud { wanted, found },
        ScopeAnswer::Condition {
            index,
            condition,
            found,
        } => Outcome::Condition {
            index,
            condition,
            found,
        },
        ScopeAnswer::Unknown(missing) => Outcome::Unknown {
            missing,
            possible: decide::may_report(rule, subject),
        },
        ScopeAnswer::Matched(conditions) => Outcome::Matched {
            conditions,
            undecided_entries: undecided_entries(rule, subject),
        },
    }
}

fn excluded<'p>(rule: &'p DriftRule, subject: &Subject<'_>) -> Option<Outcome<'p>> {
    Some(match decide::exclusion(rule, subject)? {
        Exclusion::Disabled => Outcome::Disabled,
        Exclusion::Expired => rule
            .expires
            .as_ref()
            .map_or(Outcome::Disabled, Outcome::Expired),
        Exclusion::Kind => Outcome::Kind {
            counted: rule.kinds,
            found: subject.kind,
        },
        Exclusion::Provenance => Outcome::Provenance {
            counted: rule.provenances,
            found: subject.provenance,
        },
    })
}

fn undecided_entries(rule: &DriftRule, subject: &Subject<'_>) -> Vec<(usize, Missing)> {
    let gap_of = |(index, entry): (usize, &AllowEntry)| match entry.matches(subject) {
        Truth::Unknown(missing) => Some((index, missing)),
        Truth::Yes | Truth::No => None,
    };
    rule.allow.iter().enumerate().filter_map(gap_of).collect()
}

impl fmt::Display for Outcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Disabled => f.write_str("it is not enabled"),
            Outcome::Expired(expiry) => write!(f, "it expired: {expiry}"),
            Outcome::Kind { counted, found } => {
                write!(f, "it counts {counted}, and this is a {}", found.singular())
            }
            Outcome::Provenance { counted, found } => {
                write!(
                    f,
                    "it counts the provenances {counted}, and this is {found}"
                )
            }
            Outcome::Cloud { wanted, found } => write_cloud(f, wanted, found),
            Outcome::Condition {
                index,
                condition,
                found,
            } => write_condition(f, *index, condition, found),
            Outcome::Unknown {
                missing,
                possible: true,
            } => {
                write!(f, "it may apply, but {missing}")
            }
            Outcome::Unknown {
                missing,
                possible: false,
            } => {
                write!(f, "it can't be told whether it applies: {missing}")
            }
            Outcome::Matched { conditions, .. } => write_matched(f, conditions),
        }
    }
}

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decision = &self.decision;
        writeln!(
            f,
            "{}: decided by rule {} \"{}\"",
            decision.verdict.as_str(),
            decision.rule.index,
            escape(decision.rule.name.as_bytes())
        )?;
        if let Some(entry) = self.allow_entry {
            writeln!(f, "  on its allow list: {entry}")?;
        }
        if decision.is_possible_only() {
            writeln!(f, "  since it may apply and no later rule reports")?;
        }
        if let Some(gap) = decision.gap {
            writeln!(f, "  not known: {}", gap.missing)?;
        }
        for step in &self.steps {
            write!(
                f,
                "{:>4}  {} ({}): {}",
                step.rule.index,
                escape(step.rule.name.as_bytes()),
                step.action,
                step.outcome
            )?;
            writeln!(f)?;
            if let Outcome::Matched {
                undecided_entries, ..
            } = &step.outcome
                && decision.verdict != Verdict::Allowed
            {
                for (entry, missing) in undecided_entries {
                    writeln!(f, "      allow entry {}: {missing}", entry + 1)?;
                }
            }
        }
        Ok(())
    }
}
