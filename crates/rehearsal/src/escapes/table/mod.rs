//! The techniques, in the order of the documentation; forms of one and the same stand behind it.

/// A setting of the kernel is given what it holds.
macro_rules! write_back {
    ($path:literal) => {
        concat!("load ", $path, "; open w ", $path, "; store; used")
    };
}

/// The secret is written into a new file.
macro_rules! write_secret {
    ($path:literal) => {
        concat!("text {secret}; open create ", $path, "; store")
    };
}

/// What a file holds is told.
macro_rules! tell_secret {
    ($path:literal) => {
        concat!("open r ", $path, "; tell")
    };
}

mod calls;
mod devices;
mod host;
mod processes;
mod settings;

use super::{Effect, Entry, EscapeNeeds, EscapeTechnique, concat};
use yagura_event::Behaviour;

/// Every technique.
pub const TECHNIQUES: &[EscapeTechnique] = &concat::concat::<_, { concat::count(GROUPS) }>(GROUPS);

const GROUPS: &[&[EscapeTechnique]] = &[
    settings::SETTINGS,
    devices::DEVICES,
    host::SOCKETS,
    processes::PROCESSES,
    calls::CALLS,
    host::HOST_FILES,
];

const fn way(
    name: &'static str,
    title: &'static str,
    behaviours: &'static [Behaviour],
    needs: EscapeNeeds,
    steps: &'static str,
    effect: Effect,
) -> EscapeTechnique {
    EscapeTechnique {
        name,
        title,
        cve: None,
        behaviours,
        variant_of: None,
        needs,
        entry: Entry::Exec,
        steps,
        effect,
    }
}

impl EscapeTechnique {
    const fn cve(self, cve: &'static str) -> EscapeTechnique {
        EscapeTechnique {
            cve: Some(cve),
            ..self
        }
    }

    const fn form_of(self, name: &'static str) -> EscapeTechnique {
        EscapeTechnique {
            variant_of: Some(name),
            ..self
        }
    }

    const fn entered(self, entry: Entry) -> EscapeTechnique {
        EscapeTechnique { entry, ..self }
    }
}
