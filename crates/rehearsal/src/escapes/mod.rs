//! The ways out of a container as attempts with outcomes: whether the harmless effect of each is there.
//!
//! Unlike the rehearsals of the catalogue key ([`crate::keys`]), which are made to be noticed, these are made to be
//! stopped. Each runs in a container with the privileges that it needs, as steps of one process; whether it got there
//! is looked up from outside of the container wherever that can be seen from there: in a stand-in for a host's file,
//! the container's mounts, the memory of a process made for the purpose, what a listener heard.
//!
//! Whoever enforces does so between [`EscapeStage::set`] and [`EscapeStage::attempt`]. What this machine allows by
//! itself is told by [`control`], whose container nobody may guard: a technique that the machine refuses anyway proves
//! nothing.

mod attempt;
mod effect;
mod helper;
mod stage;
mod table;
mod trace;

use crate::bundle::{HostNamespace, Privileges};
use crate::keys::concat;
use yagura_event::Behaviour;

pub use attempt::{Attempt, AttemptResult, control};
pub use stage::{EscapeError, EscapeStage};
pub use table::TECHNIQUES;
pub use trace::{Step, StepResult};

/// One way out of a container.
#[derive(Debug, Clone, Copy)]
pub struct EscapeTechnique {
    /// Short name, unique among all.
    pub name: &'static str,
    /// One line for people.
    pub title: &'static str,
    /// The vulnerability that made it known, if it is one.
    pub cve: Option<&'static str>,
    /// Behaviours that cover it: to deny any one of them is to stop it.
    pub behaviours: &'static [Behaviour],
    /// The technique that this is another form of.
    pub variant_of: Option<&'static str>,
    /// What its container is given.
    pub needs: EscapeNeeds,
    /// How the process that does it comes into the container.
    entry: Entry,
    /// The steps of that process, separated by semicolons (`programs/act_steps.h`). Words in braces are filled in.
    steps: &'static str,
    /// By what it is known to have got there.
    effect: Effect,
}

/// What a technique's container is given, and what stands around it.
#[derive(Debug, Clone, Copy)]
pub struct EscapeNeeds {
    /// What its processes may do.
    pub privileges: Privileges,
    /// Capabilities beside those of `privileges`.
    pub capabilities: &'static [&'static str],
    /// Namespaces that it shares with the host.
    pub host_namespaces: &'static [HostNamespace],
    /// Directories of the stand-in for the host's root (empty: all of it), and where it has them.
    pub mounts: &'static [(&'static str, &'static str)],
    /// A listener of the host's: its path in the container, or its abstract name behind an `@`.
    pub listener: Option<&'static str>,
    /// Whether a process outside of the container is made to be acted on.
    pub victim: bool,
    /// Whether a program of the host's is run in the container's namespaces from outside, as runtimes once did.
    pub visitor: bool,
    /// Whether the stand-in for the host's root is a file system of its own, in which paths are those of a host.
    pub host_file_system: bool,
    /// Whether a block device of the host is made to be acted on; the container has a node of it at /host-disk.
    pub block_device: bool,
}

impl EscapeNeeds {
    const DEFAULT: EscapeNeeds = EscapeNeeds {
        privileges: Privileges::Default,
        capabilities: &[],
        host_namespaces: &[],
        mounts: &[],
        listener: None,
        victim: false,
        visitor: false,
        host_file_system: false,
        block_device: false,
    };
    const ADMIN: EscapeNeeds = EscapeNeeds {
        privileges: Privileges::Admin,
        ..EscapeNeeds::DEFAULT
    };
    const PRIVILEGED: EscapeNeeds = EscapeNeeds {
        privileges: Privileges::Privileged,
        ..EscapeNeeds::DEFAULT
    };
    /// A privileged container that sees the host's processes, one to act on among them.
    const VICTIM: EscapeNeeds = EscapeNeeds {
        host_namespaces: &[HostNamespace::Pid],
        victim: true,
        ..EscapeNeeds::PRIVILEGED
    };
    const BLOCK_DEVICE: EscapeNeeds = EscapeNeeds {
        block_device: true,
        ..EscapeNeeds::PRIVILEGED
    };
    /// A plain container that has the host's root at /host.
    const HOST_FILES: EscapeNeeds = EscapeNeeds::mounts(&[("", "/host")]);

    /// The same where the host's root is a file system of its own.
    const HOST_FILE_SYSTEM: EscapeNeeds = EscapeNeeds {
        host_file_system: true,
        ..EscapeNeeds::HOST_FILES
    };

    const fn mounts(mounts: &'static [(&'static str, &'static str)]) -> EscapeNeeds {
        EscapeNeeds {
            mounts,
            ..EscapeNeeds::DEFAULT
        }
    }

    const fn listener(at: &'static str) -> EscapeNeeds {
        EscapeNeeds {
            listener: Some(at),
            ..EscapeNeeds::DEFAULT
        }
    }
}

/// How the process that attempts it comes into the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    /// By the runtime's `exec`.
    Exec,
    /// The same, with descriptor 3 open on the stand-in for the host's root, as a runtime once leaked one.
    ExecWithDescriptor,
    /// From the host, with all of the host's rights: cgroups and namespaces are the container's, its limits are not.
    HostRights,
    /// The same, with the stand-in for the host's root as its working directory.
    HostDirectory,
    /// The same, and still in the host's network.
    HostNetwork,
}

/// By what an attempt is known to have got there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// The process says so, which it can only after it has used what it got.
    Used,
    /// The process says that it is root.
    Root,
    /// The process says so, or the last write was begun and nobody knows: it leaves what it writes as it was.
    Stored,
    /// It tells a secret that it can't know otherwise.
    Told,
    /// A file of the stand-in for the host's root has the secret in it.
    HostFile(&'static str),
    /// A file of the stand-in for the host's root is a link.
    HostLink(&'static str),
    /// Something is mounted there in the container.
    Mounted(&'static str),
    /// A file in the container has the set-user-id bit.
    SetUserId(&'static str),
    /// The listener heard something.
    Heard,
    /// The word of the process outside has changed.
    Word,
    /// The container has another host name.
    HostName,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_variants_are_of_a_technique() {
        let names: BTreeSet<_> = TECHNIQUES.iter().map(|technique| technique.name).collect();
        assert_eq!(names.len(), TECHNIQUES.len());
        for technique in TECHNIQUES {
            let of = |name| TECHNIQUES.iter().find(|other| other.name == name);
            let first = technique.variant_of.map(of);
            assert!(
                first.is_none_or(|first| first.is_some_and(|first| first.variant_of.is_none()))
            );
            assert!(!technique.behaviours.is_empty(), "{}", technique.name);
        }
    }

    #[test]
    fn every_behaviour_of_the_vocabulary_is_put_to_the_test() {
        let covered: BTreeSet<_> = TECHNIQUES
            .iter()
            .flat_map(|technique| technique.behaviours)
            .collect();
        let missing: Vec<_> = Behaviour::ALL
            .iter()
            .filter(|behaviour| !covered.contains(behaviour))
            .collect();
        assert_eq!(missing, Vec::<&Behaviour>::new());
    }
}
