//! YARA rules: Yagura's own and the user's.

mod engine;
mod folder;
mod meta;
mod own;
mod user;

pub(crate) use engine::{Engine, FileNames};
pub(crate) use meta::{KEY_DEFAULT, Meta};
pub(crate) use own::{EMBEDDED_DIGESTS, OwnRules, embedded};
pub(crate) use user::UserRules;
