//! One module for each command.

pub(crate) mod doctor;
pub(crate) mod policy;
pub(crate) mod schema;
