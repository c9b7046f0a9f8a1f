//! Defence rules: what containers are kept from doing, whatever program does it.
//!
//! Rules are not ordered: all whose scope matches apply, denial goes before telling, and an entry of an allow list
//! excuses from its own rule alone.
//!
//! Reading order: the values here and in [`Covered`] and [`DefenceAllow`], [`decide`], [`explain`], then [`print`] and
//! [`diff`]. Files are read by [`crate::set::parse`].

mod allow;
mod covered;
mod decide;
mod diff;
mod explain;
mod means;
pub(crate) mod parse;
mod print;
mod shipped;

pub use allow::DefenceAllow;
pub use covered::{Cover, Covered};
pub use decide::{Allowed, Decision, DefenceSubject, Gap, RuleRef, decide};
pub use diff::{RulesDiff, diff, diff_image_rules};
pub use explain::{Explanation, OnlyWatches, Outcome, Says, Step, explain};
pub use means::{Instead, NodeMeans, Shortfall, shortfalls};
pub use print::{print, print_image_rule};
pub use shipped::{CONTAINER_ESCAPE, shipped};

pub(crate) use covered::names;
pub(crate) use decide::exclusion;

use crate::expiry::Expiry;
use crate::rollout::{PERCENT_MAX, node_blocks};
use crate::scope::Scope;
use crate::span::Span;
use std::fmt;
use yagura_event::{CellAction, Node, WallTime};

/// What a rule asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DefenceAction {
    /// Report.
    Alert,
    /// Deny and report.
    Block,
}

impl DefenceAction {
    /// Every action, in the order of the documentation.
    pub const ALL: [DefenceAction; 2] = [DefenceAction::Alert, DefenceAction::Block];

    /// The name in policies.
    pub fn as_str(self) -> &'static str {
        match self {
            DefenceAction::Alert => "alert",
            DefenceAction::Block => "block",
        }
    }
}

impl fmt::Display for DefenceAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// When blocking by a rule turns back to reporting by itself: a container that restarts over and over because of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fuse {
    /// Never.
    Off,
    /// After so many restarts of one container within a window.
    After {
        /// Restarts, from 1 to [`Fuse::RESTARTS_MAX`].
        restarts: u32,
        /// The window, at most [`Fuse::WITHIN_MAX`].
        within: Span,
    },
}

impl Fuse {
    /// What holds if a rule does not say.
    pub const DEFAULT: Fuse = Fuse::After {
        restarts: 3,
        within: Span::of_seconds(600),
    };
    /// Restarts that a fuse can wait for.
    pub const RESTARTS_MAX: u32 = 100;
    /// The longest window: a day. Restarts are remembered for so long.
    pub const WITHIN_MAX: Span = Span::of_seconds(86_400);

    /// Whether the fuse blows, given how many seconds ago each restart was that a container saw under the rule.
    pub fn blows(self, restarts_ago_seconds: &[u64]) -> bool {
        match self {
            Fuse::Off => false,
            Fuse::After { restarts, within } => {
                let recent = restarts_ago_seconds
                    .iter()
                    .filter(|ago| **ago <= within.seconds());
                u32::try_from(recent.count()).unwrap_or(u32::MAX) >= restarts
            }
        }
    }
}

impl fmt::Display for Fuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fuse::Off => f.write_str("off"),
            Fuse::After { restarts, within } => write!(f, "{restarts} restarts within {within}"),
        }
    }
}

/// A rule. The fields of one that stands in a [`crate::PolicySet`] keep the bounds of the parser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefenceRule {
    /// Name, unique among defence rules.
    pub name: String,
    /// What it asks for.
    pub action: DefenceAction,
    /// Whether it takes part.
    pub enabled: bool,
    /// For `block`: report what would be blocked, block nothing.
    pub observe: bool,
    /// For `block`: the share of nodes that block, in percent, from 1 to 100. The others report.
    pub nodes_percent: u8,
    /// Where it applies.
    pub scope: Scope,
    /// What it covers.
    pub behaviours: Covered,
    /// What it lets through.
    pub allow: Vec<DefenceAllow>,
    /// Who answers for the rule.
    pub owner: Option<String>,
    /// Why the rule is there.
    pub reason: Option<String>,
    /// When the rule stops taking part.
    pub expires: Option<Expiry>,
    /// For `block`: when blocking ends by itself.
    pub fuse: Fuse,
}

impl DefenceRule {
    /// All nodes.
    pub const NODES_PERCENT_MAX: u8 = PERCENT_MAX;
    /// What a file says in `kind`.
    pub const KIND: &'static str = "DefenceRule";

    pub(crate) fn new(name: &str, action: DefenceAction) -> DefenceRule {
        DefenceRule {
            name: name.to_owned(),
            action,
            enabled: true,
            observe: false,
            nodes_percent: DefenceRule::NODES_PERCENT_MAX,
            scope: Scope::default(),
            behaviours: Covered::default(),
            allow: Vec::new(),
            owner: None,
            reason: None,
            expires: None,
            fuse: Fuse::DEFAULT,
        }
    }

    /// Whether the rule can block something in some container of a node now.
    pub fn may_block_on(&self, node: &Node, now: WallTime) -> bool {
        exclusion(self, now).is_none()
            && self.action_on(&node.name) == CellAction::Deny
            && self.scope.may_match_on(node)
    }

    /// What the rule does on a node where it certainly applies.
    pub fn action_on(&self, node: &str) -> CellAction {
        let blocks = self.action == DefenceAction::Block
            && !self.observe
            && node_blocks(self.nodes_percent, node, &self.name);
        if blocks {
            CellAction::Deny
        } else {
            CellAction::Watch
        }
    }
}
