//! What defence rules say of a behaviour.
//!
//! Every rule is asked. One that is disabled, has expired, does not cover the behaviour, or whose scope certainly does
//! not match says nothing. Where something is not known:
//!
//! - A rule whose scope can't be told watches, whatever its action. So does one that an entry of its allow list might
//!   excuse, if only the container's image were known.
//! - An entry never excuses because something about the act is unknown.

use super::{DefenceAllow, DefenceRule};
use crate::row::strength;
use crate::subject::{Facts, Missing, Truth};
use yagura_event::{Behaviour, CellAction, Container, Node, WallTime};

/// A behaviour of a process in a container.
#[derive(Debug, Clone, Copy)]
pub struct DefenceSubject<'a> {
    /// The node. What is `None` in it is unknown.
    pub node: &'a Node,
    /// The container; `None` if its metadata never arrived, as in [`crate::Subject`].
    pub container: Option<&'a Container>,
    /// What the process is about to do.
    pub behaviour: Behaviour,
    /// Path of the program that acts, `None` if unknown. An anonymous memory file is `memfd:` and its name.
    pub program: Option<&'a [u8]>,
    /// Path of the parent's program; `None` if unknown.
    pub parent: Option<&'a [u8]>,
    /// Paths of the programs above the process, the parent's first; `None` if unknown.
    pub ancestors: Option<&'a [&'a [u8]]>,
    /// Path of the file that it acts on; `None` if there is none or it is unknown.
    pub file: Option<&'a [u8]>,
    /// The time at which expiry is judged.
    pub now: WallTime,
}

/// What the rules together say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision<'p> {
    /// What is to be done.
    pub action: CellAction,
    /// The rule that says so: the first of those that ask for the most. `None` if nothing is to be done.
    pub rule: Option<RuleRef<'p>>,
    /// If nothing is to be done: the first entry that excused the process.
    pub allowed: Option<Allowed<'p>>,
    /// Something that was not known and could have led the deciding rule, or if there is none any rule, elsewhere.
    pub gap: Option<Gap<'p>>,
}

/// A rule of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleRef<'p> {
    /// Position among the defence rules, the first is 0.
    pub index: usize,
    /// Name. Written by a user: escape it before showing it.
    pub name: &'p str,
}

/// An entry of an allow list that excused a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed<'p> {
    /// The rule.
    pub rule: RuleRef<'p>,
    /// Position of the entry, the first is 0.
    pub entry: usize,
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
pub fn decide<'p>(rules: &'p [DefenceRule], subject: &DefenceSubject<'_>) -> Decision<'p> {
    let facts = Facts::of_container(subject.node, subject.container);
    let answers = rules.iter().enumerate().map(|(index, rule)| {
        let rule_ref = RuleRef {
            index,
            name: &rule.name,
        };
        answer(rule_ref, rule, subject, &facts)
    });
    answers.fold(NOTHING, stronger)
}

pub(super) const NOTHING: Decision<'static> = Decision {
    action: CellAction::None,
    rule: None,
    allowed: None,
    gap: None,
};

/// What two rules together say.
pub(super) fn stronger<'p>(earlier: Decision<'p>, later: Decision<'p>) -> Decision<'p> {
    if strength(later.action) > strength(earlier.action) {
        later
    } else if earlier.action != CellAction::None {
        earlier
    } else {
        Decision {
            allowed: earlier.allowed.or(later.allowed),
            gap: earlier.gap.or(later.gap),
            ..earlier
        }
    }
}

/// Why a rule does not take part, whatever its scope says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exclusion {
    Disabled,
    Expired,
}

pub(crate) fn exclusion(rule: &DefenceRule, now: WallTime) -> Option<Exclusion> {
    if !rule.enabled {
        return Some(Exclusion::Disabled);
    }
    let expired = rule.expires.as_ref().is_some_and(|e| e.has_passed(now));
    expired.then_some(Exclusion::Expired)
}

/// What one rule says.
fn answer<'p>(
    rule_ref: RuleRef<'p>,
    rule: &DefenceRule,
    subject: &DefenceSubject<'_>,
    facts: &Facts<'_>,
) -> Decision<'p> {
    if exclusion(rule, subject.now).is_some() || !rule.behaviours.contains(subject.behaviour) {
        return NOTHING;
    }
    match rule.scope.matches(facts) {
        Truth::No => NOTHING,
        Truth::Yes => in_scope(rule_ref, rule, subject, facts, None),
        Truth::Unknown(missing) => in_scope(rule_ref, rule, subject, facts, Some(missing)),
    }
}

/// What a rule says whose scope matches, or may match if something is `missing`.
pub(super) fn in_scope<'p>(
    rule_ref: RuleRef<'p>,
    rule: &DefenceRule,
    subject: &DefenceSubject<'_>,
    facts: &Facts<'_>,
    missing: Option<Missing>,
) -> Decision<'p> {
    let gap = |missing, in_allow_list| {
        Some(Gap {
            rule: rule_ref,
            missing,
            in_allow_list,
        })
    };
    let decision = |action, gap| Decision {
        action,
        rule: Some(rule_ref),
        allowed: None,
        gap,
    };
    match (find(&rule.allow, subject, facts), missing) {
        (Listing::Listed(entry), _) => Decision {
            allowed: Some(Allowed {
                rule: rule_ref,
                entry,
            }),
            ..NOTHING
        },
        (_, Some(missing)) => decision(CellAction::Watch, gap(missing, false)),
        (Listing::NotListed, None) => decision(rule.action_on(&subject.node.name), None),
        (Listing::ActUnknown(missing), None) => {
            decision(rule.action_on(&subject.node.name), gap(missing, true))
        }
        (Listing::ImageUnknown(missing), None) => decision(CellAction::Watch, gap(missing, true)),
    }
}

/// What an allow list says of a behaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listing {
    /// This entry excuses it.
    Listed(usize),
    /// No entry does.
    NotListed,
    /// No entry does; one could, if this were known of the act.
    ActUnknown(Missing),
    /// No entry does; one could, if the container's image were known.
    ImageUnknown(Missing),
}

fn find(entries: &[DefenceAllow], subject: &DefenceSubject<'_>, facts: &Facts<'_>) -> Listing {
    let mut listing = Listing::NotListed;
    for (index, entry) in entries.iter().enumerate() {
        match (entry.image_fits(facts), entry.act_fits(subject)) {
            (Truth::Yes, Truth::Yes) => return Listing::Listed(index),
            (Truth::No, _) | (_, Truth::No) => {}
            (Truth::Yes, Truth::Unknown(missing)) => {
                if listing == Listing::NotListed {
                    listing = Listing::ActUnknown(missing);
                }
            }
            (Truth::Unknown(missing), _) => {
                if !matches!(listing, Listing::ImageUnknown(_)) {
                    listing = Listing::ImageUnknown(missing);
                }
            }
        }
    }
    listing
}
