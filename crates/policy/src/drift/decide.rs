//! Which rule decides, and what it says.
//!
//! Rules are asked in order; the first whose scope, kinds and provenances all match decides. Where a scope can't be
//! told for lack of facts, the rule neither matches nor fails:
//!
//! - An `ignore` rule is passed over: silence needs certainty.
//! - An `alert` or `block` rule is kept in mind as possible and the evaluation goes on. If it ends in a rule that
//!   reports, that rule decides. If it ends without a report, the first possible rule reports instead, never blocks,
//!   and the decision names what was missing.
//! - An allow list never lets a program run for lack of facts. A program that is surely on the allow list of a
//!   possible rule does not make that rule possible: whichever way the scope turned out, it would not report.

use super::prefilter::Probe;
use super::{DriftPolicy, DriftRule, RuleAction};
use crate::allow_list::{self, Listing};
use crate::subject::{Facts, Missing, Subject, Truth};

/// What a policy says of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision<'p> {
    /// What is to be done.
    pub verdict: Verdict,
    /// The rule that decided.
    pub rule: RuleRef<'p>,
    /// For [`Verdict::Allowed`]: the entry of the rule's allow list, the first is 0.
    pub allowed_by: Option<usize>,
    /// The first thing that was not known and could have led to another decision.
    pub gap: Option<Gap<'p>>,
}

impl Decision<'_> {
    /// Whether the rule decided although it is not certain that it applies: the verdict is `Alert`, whatever the
    /// rule's action.
    pub fn is_possible_only(&self) -> bool {
        self.verdict == Verdict::Alert
            && self
                .gap
                .is_some_and(|gap| gap.rule.index == self.rule.index && !gap.in_allow_list)
    }
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Report.
    Alert,
    /// Nothing.
    Ignore,
    /// Deny and report, as far as the rule's `observe` and `nodes_percent` say so.
    Block,
    /// Nothing: the program is on the rule's allow list. Counted on the rule.
    Allowed,
}

impl Verdict {
    /// The name in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Alert => "alert",
            Verdict::Ignore => "ignore",
            Verdict::Block => "block",
            Verdict::Allowed => "allowed",
        }
    }

    /// Whether an alert comes of it.
    pub fn reports(self) -> bool {
        matches!(self, Verdict::Alert | Verdict::Block)
    }
}

impl From<RuleAction> for Verdict {
    fn from(action: RuleAction) -> Self {
        match action {
            RuleAction::Alert => Verdict::Alert,
            RuleAction::Ignore => Verdict::Ignore,
            RuleAction::Block => Verdict::Block,
        }
    }
}

/// A rule of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleRef<'p> {
    /// Position in the policy, the first is 0. The default rule stands behind all others.
    pub index: usize,
    /// Name. Written by a user: escape it before showing it.
    pub name: &'p str,
    /// Whether it is the default rule.
    pub is_default: bool,
}

/// Something that was not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap<'p> {
    /// The rule that asked for it.
    pub rule: RuleRef<'p>,
    /// What was missing.
    pub missing: Missing,
    /// Whether the rule's allow list asked for it, rather than its scope.
    pub in_allow_list: bool,
}

/// Decides. Allocates nothing.
pub fn decide<'p>(policy: &'p DriftPolicy, subject: &Subject<'_>) -> Decision<'p> {
    let facts = Facts::of(subject);
    let mut doubts = Doubts::default();
    for index in policy.prefilter.candidates(Probe::of(subject, &facts)) {
        let Some(rule) = policy.rules.get(index) else {
            continue;
        };
        if exclusion(rule, subject).is_some() {
            continue;
        }
        let rule_ref = policy.rule_ref(index);
        match rule.scope.matches(&facts) {
            Truth::No => {}
            Truth::Unknown(missing) => doubts.note(rule_ref, rule, missing, subject),
            Truth::Yes => return doubts.settle(verdict_of(rule_ref, rule, subject)),
        }
    }
    doubts.settle(policy.default_decision())
}

impl DriftPolicy {
    /// The rule at a position; any position behind the rules is the default rule.
    pub fn rule_ref(&self, index: usize) -> RuleRef<'_> {
        match self.rules.get(index) {
            Some(rule) => RuleRef {
                index,
                name: &rule.name,
                is_default: false,
            },
            None => RuleRef {
                index: self.default_index(),
                name: Self::DEFAULT_RULE_NAME,
                is_default: true,
            },
        }
    }

    pub(super) fn default_decision(&self) -> Decision<'_> {
        Decision {
            verdict: self.default_action.into(),
            rule: self.rule_ref(self.default_index()),
            allowed_by: None,
            gap: None,
        }
    }
}

/// Why a rule does not take part, whatever its scope says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exclusion {
    Disabled,
    Expired,
    Kind,
    Provenance,
}

pub(super) fn exclusion(rule: &DriftRule, subject: &Subject<'_>) -> Option<Exclusion> {
    if !rule.enabled {
        return Some(Exclusion::Disabled);
    }
    if rule
        .expires
        .as_ref()
        .is_some_and(|e| e.has_passed(subject.now))
    {
        return Some(Exclusion::Expired);
    }
    if !rule.kinds.contains(subject.kind) {
        return Some(Exclusion::Kind);
    }
    (!rule.provenances.contains(subject.provenance)).then_some(Exclusion::Provenance)
}

/// What a rule says once it is certain that it applies.
pub(super) fn verdict_of<'p>(
    rule_ref: RuleRef<'p>,
    rule: &DriftRule,
    subject: &Subject<'_>,
) -> Decision<'p> {
    let (verdict, allowed_by, missing) = match allow_list::find(&rule.allow, subject) {
        Listing::Listed(entry) => (Verdict::Allowed, Some(entry), None),
        Listing::NotListed => (rule.action.into(), None, None),
        Listing::NotListedForLackOf(missing) => (rule.action.into(), None, Some(missing)),
    };
    Decision {
        verdict,
        rule: rule_ref,
        allowed_by,
        gap: missing.filter(|_| verdict.reports()).map(|missing| Gap {
            rule: rule_ref,
            missing,
            in_allow_list: true,
        }),
    }
}

/// What could not be told on the way.
#[derive(Debug, Default)]
pub(super) struct Doubts<'p> {
    /// The first rule whose scope could not be told.
    first: Option<Gap<'p>>,
    /// The first of them that would report.
    possible: Option<Gap<'p>>,
}

impl<'p> Doubts<'p> {
    /// Notes a rule whose scope can't be told.
    pub(super) fn note(
        &mut self,
        rule_ref: RuleRef<'p>,
        rule: &DriftRule,
        missing: Missing,
        subject: &Subject<'_>,
    ) {
        let gap = Gap {
            rule: rule_ref,
            missing,
            in_allow_list: false,
        };
        self.first.get_or_insert(gap);
        if may_report(rule, subject) {
            self.possible.get_or_insert(gap);
        }
    }

    /// The decision, given what the first certain rule says.
    pub(super) fn settle(self, certain: Decision<'p>) -> Decision<'p> {
        match self.possible {
            Some(gap) if !certain.verdict.reports() => Decision {
                verdict: Verdict::Alert,
                rule: gap.rule,
                allowed_by: None,
                gap: Some(gap),
            },
            _ => Decision {
                gap: self.first.or(certain.gap),
                ..certain
            },
        }
    }
}

/// Whether a rule would report the subject if its scope matched.
pub(super) fn may_report(rule: &DriftRule, subject: &Subject<'_>) -> bool {
    rule.action != RuleAction::Ignore
        && !matches!(allow_list::find(&rule.allow, subject), Listing::Listed(_))
}
