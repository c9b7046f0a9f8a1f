//! The center: running one, and the commands that ask one.
//!
//! Start at `client` (how a center is found and asked), then one module for each command.

pub(crate) mod alerts;
pub(crate) mod client;
pub(crate) mod commands;
pub(crate) mod completion;
mod json_file;
pub(crate) mod k8s;
pub(crate) mod lists;
pub(crate) mod login;
pub(crate) mod nodes;
pub(crate) mod outputs;
mod own_sensor;
pub(crate) mod policies;
pub(crate) mod serve;
pub(crate) mod settings;
pub(crate) mod up;
