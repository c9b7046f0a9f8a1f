//! What of a rule a node can't enforce.

use super::{DefenceAction, DefenceRule};
use std::fmt;
use yagura_event::{Behaviour, BehaviourSet};

/// What a node's kernel and the sensor's rights on it make possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NodeMeans {
    /// Behaviours that can be refused before they take effect.
    pub deny: BehaviourSet,
    /// Behaviours whose process can be ended before it can use what it got.
    pub kill: BehaviourSet,
}

/// A behaviour that a rule blocks and a node can't refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shortfall {
    /// The behaviour.
    pub behaviour: Behaviour,
    /// What is done instead.
    pub instead: Instead,
}

/// What a node does about a behaviour that it can't refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instead {
    /// The process is ended before it can use what it got.
    Killed,
    /// It is not stopped.
    NotStopped,
}

/// Tells which behaviours of a rule would not be refused on a node. A rule that does not block has no shortfalls.
pub fn shortfalls(rule: &DefenceRule, means: NodeMeans) -> Vec<Shortfall> {
    if rule.action != DefenceAction::Block {
        return Vec::new();
    }
    let refused = |behaviour: &Behaviour| means.deny.contains(*behaviour);
    let missing = rule.behaviours.set().iter().filter(|b| !refused(b));
    let shortfall = |behaviour| Shortfall {
        behaviour,
        instead: if means.kill.contains(behaviour) {
            Instead::Killed
        } else {
            Instead::NotStopped
        },
    };
    missing.map(shortfall).collect()
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let behaviour = self.behaviour;
        match self.instead {
            Instead::Killed => write!(f, "{behaviour}: not refused here, the process is ended"),
            Instead::NotStopped => write!(f, "{behaviour}: not stopped here"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::defence::Cover;

    #[test]
    fn what_can_be_neither_refused_nor_killed_is_not_stopped() {
        let mut rule = DefenceRule::new("r", DefenceAction::Block);
        let set = |all: &[Behaviour]| all.iter().copied().collect::<BehaviourSet>();
        rule.behaviours.syscall =
            Cover::Only(set(&[Behaviour::Mount, Behaviour::Bpf, Behaviour::Kexec]));
        let means = NodeMeans {
            deny: set(&[Behaviour::Mount]),
            kill: set(&[Behaviour::Bpf, Behaviour::Mount]),
        };
        let found: Vec<String> = shortfalls(&rule, means)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            found,
            [
                "kexec: not stopped here",
                "bpf: not refused here, the process is ended"
            ]
        );
        rule.action = DefenceAction::Alert;
        assert!(shortfalls(&rule, means).is_empty());
    }
}
