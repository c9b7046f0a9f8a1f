//! One module for each command.

pub(crate) mod capture;
pub(crate) mod center;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod enforcement;
pub(crate) mod policy;
pub(crate) mod quarantine;
pub(crate) mod replay;
pub(crate) mod rules;
pub(crate) mod runtime_wrapper;
pub(crate) mod scan;
pub(crate) mod schema;
pub(crate) mod sensor;
pub(crate) mod simulate;
pub(crate) mod uninstall;
