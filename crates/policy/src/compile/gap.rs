//! Where a row does less than the policies say.

use crate::defence::names;
use crate::set::RuleKind;
use crate::subject::Missing;
use std::fmt;
use yagura_event::{
    AllowRow, BehaviourSet, CellAction, DriftKind, EnforcementRow, OriginClass, escape,
};

/// A difference between a rule and what the row holds of it. Its `Display` is a line for people, escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowGap {
    /// What kind of rule.
    pub kind: RuleKind,
    /// The rule's name. Escape it before showing it.
    pub rule: String,
    /// What the row lacks.
    pub lack: Lack,
}

/// What a row lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lack {
    /// It can't be told whether the rule applies: it watches, and blocks nothing.
    Scope(Missing),
    /// The fuse of the rule blew: it only watches.
    Fuse,
    /// An entry might excuse the whole container: these behaviours are watched instead of denied.
    Image {
        /// What is only watched.
        behaviours: BehaviourSet,
        /// What is missing.
        missing: Missing,
    },
    /// The kernel can't tell the provenances of a class apart, and the policy treats them differently.
    Provenances {
        /// The kind of file.
        file: DriftKind,
        /// What the kernel can tell.
        class: OriginClass,
        /// What is done with all of them.
        instead: CellAction,
    },
    /// An entry by digest, which the kernel can't compare: the row is without it.
    Digest {
        /// Position of the entry, the first is 0.
        entry: usize,
    },
    /// An entry with a text that is too long: the row is without it.
    LongText {
        /// Position of the entry, the first is 0.
        entry: usize,
        /// Bytes of the text.
        bytes: usize,
    },
    /// More entries than a rule has room for: the row is without the last ones.
    Entries {
        /// How many are left out.
        left_out: usize,
    },
    /// The row has too few slots to keep entries for single behaviours apart: they excuse from all that the rule
    /// covers.
    Widened,
    /// The row has no slot left: the rule is not in it.
    NoSlot,
}

impl fmt::Display for RowGap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            RuleKind::Drift => "drift",
            RuleKind::Defence => "defence",
        };
        let name = escape(self.rule.as_bytes());
        write!(f, "{kind} rule \"{name}\": {}", self.lack)
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const ENTRIES: usize = EnforcementRow::ALLOW_MAX;
        const SLOTS: usize = EnforcementRow::SLOTS_MAX;
        const BYTES: usize = AllowRow::TEXT_BYTES_MAX;
        match self {
            Lack::Scope(missing) => {
                write!(
                    f,
                    "it can't be told whether it applies, so it blocks nothing: {missing}"
                )
            }
            Lack::Fuse => f.write_str(
                "the workload restarted over and over because of it, so it only watches here",
            ),
            Lack::Image {
                behaviours,
                missing,
            } => write!(
                f,
                "an entry of its allow list may excuse the container, so this is only watched: {}; {missing}",
                names(*behaviours)
            ),
            Lack::Provenances {
                file,
                class,
                instead,
            } => {
                let what = match instead {
                    CellAction::None => "the kernel lets it run, and the sensor decides",
                    CellAction::Watch => "the kernel only watches",
                    CellAction::Deny => "the kernel denies unless any of the rules allows it",
                };
                write!(
                    f,
                    "the kernel can't tell the provenances of {file} apart ({}): {what}",
                    provenances(*class)
                )
            }
            Lack::Digest { entry } => write!(
                f,
                "allow entry {} is by digest, which the kernel can't compare: the row is without it",
                entry + 1
            ),
            Lack::LongText { entry, bytes } => write!(
                f,
                "allow entry {} has a text of {bytes} bytes, the kernel compares {BYTES}: it excuses nothing there",
                entry + 1
            ),
            Lack::Entries { left_out } => write!(
                f,
                "the kernel has room for {ENTRIES} allow entries: the last {left_out} excuse nothing there"
            ),
            Lack::Widened => write!(
                f,
                "a container has room for {SLOTS} slots: entries for single behaviours excuse from the whole rule"
            ),
            Lack::NoSlot => {
                write!(
                    f,
                    "a container has room for {SLOTS} slots: the rule is not enforced"
                )
            }
        }
    }
}

fn provenances(class: OriginClass) -> String {
    let names: Vec<&str> = class.provenances().iter().map(|p| p.as_str()).collect();
    names.join(", ")
}
