//! Which behaviours a rule covers.

use std::fmt;
use yagura_event::{Behaviour, BehaviourSet, Dimension};

/// What of one dimension is covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Cover {
    /// Nothing.
    #[default]
    Nothing,
    /// Everything, with what later versions add.
    All,
    /// These. Never empty in a checked rule.
    Only(BehaviourSet),
    /// Everything but these, with what later versions add. Never empty in a checked rule.
    Except(BehaviourSet),
}

/// What a rule covers, by dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Covered {
    /// What processes do to themselves and to others.
    pub process: Cover,
    /// What is done to files.
    pub file: Cover,
    /// System calls by themselves.
    pub syscall: Cover,
}

impl Covered {
    /// What of a dimension is covered.
    pub fn of(&self, dimension: Dimension) -> Cover {
        match dimension {
            Dimension::Process => self.process,
            Dimension::File => self.file,
            Dimension::Syscall => self.syscall,
        }
    }

    pub(crate) fn of_mut(&mut self, dimension: Dimension) -> &mut Cover {
        match dimension {
            Dimension::Process => &mut self.process,
            Dimension::File => &mut self.file,
            Dimension::Syscall => &mut self.syscall,
        }
    }

    /// Whether a behaviour is covered.
    pub fn contains(&self, behaviour: Behaviour) -> bool {
        match self.of(behaviour.dimension()) {
            Cover::Nothing => false,
            Cover::All => true,
            Cover::Only(set) => set.contains(behaviour),
            Cover::Except(set) => !set.contains(behaviour),
        }
    }

    /// Everything that is covered.
    pub fn set(&self) -> BehaviourSet {
        let all = Behaviour::ALL.iter().copied();
        all.filter(|behaviour| self.contains(*behaviour)).collect()
    }
}

impl fmt::Display for Cover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cover::Nothing => f.write_str("none"),
            Cover::All => f.write_str("all"),
            Cover::Only(set) => write!(f, "[{}]", names(*set)),
            Cover::Except(set) => write!(f, "all except [{}]", names(*set)),
        }
    }
}

/// The names of behaviours, separated by commas.
pub(crate) fn names(set: BehaviourSet) -> String {
    let names: Vec<&str> = set.iter().map(Behaviour::as_str).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_dimension_speaks_for_its_own_behaviours() {
        let covered = Covered {
            process: Cover::Except([Behaviour::PrivilegeGain].into_iter().collect()),
            file: Cover::Nothing,
            syscall: Cover::Only([Behaviour::Bpf].into_iter().collect()),
        };
        assert!(covered.contains(Behaviour::Integrity) && covered.contains(Behaviour::Bpf));
        assert!(!covered.contains(Behaviour::PrivilegeGain));
        assert!(!covered.contains(Behaviour::Mount) && !covered.contains(Behaviour::Sysrq));
        assert_eq!(covered.set().iter().count(), 7);
    }
}
