//! What container managers call in place of runc or crun, so that containers ask before dangerous calls.
//!
//! Does: on `create` and `run`, puts questions for the agent into the seccomp profile of a container in scope, and then
//! executes the runtime with the very arguments it was given. Installs itself in the configurations of containerd, CRI-O
//! and Docker, and takes that back byte by byte.
//! Never: answers a question, permits what a profile refuses, changes a container that isn't in scope, or keeps a
//! container from starting unless its settings say so (images at risk, or an agent that is required).
//!
//! Start at [`run()`] for the way of a container, at [`install`] for that of the wrapper; [`profile`] has the rules by
//! which profiles are changed.

mod limits;

mod places;
mod scope;
mod settings;

mod command_line;
pub mod profile;

mod agent;
mod journal;
mod record;
mod run;
mod stand_in;
mod support;

mod install;

pub use install::{
    InstallError, InstallOptions, Installed, ManagerFiles, ManagerState, ManagerStatus, Programs,
    RemoveError, Removed, install, remove, status,
};
pub use places::{DEFAULT_STATE, PROGRAM_SUFFIX, Places};
pub use record::Manager;
pub use run::{RunError, is_wrapper_name, run};
pub use scope::{ContainerFacts, ScopeRule};
pub use settings::{Refusal, Settings, SettingsError};
