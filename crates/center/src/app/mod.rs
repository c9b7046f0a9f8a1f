//! What the center decides, one module for each noun; no HTTP.
//!
//! Start at [`ingest`] (an alert's way in), `alert_actions` (what people do with alerts) and `policy` (documents to rules
//! and back).

pub(crate) mod alert_actions;
pub(crate) mod alert_view;
pub(crate) mod alerts;
pub(crate) mod audit_log;
pub(crate) mod catalogue;
pub(crate) mod commands;
pub(crate) mod defence_rules;
pub(crate) mod drift_allow;
pub(crate) mod drift_policy;
pub(crate) mod enrolment;
pub(crate) mod events;
pub(crate) mod fleet;
pub(crate) mod in_force;
pub(crate) mod incidents;
pub mod ingest;
pub(crate) mod k8s_audit;
pub(crate) mod me;
pub(crate) mod oidc;
pub(crate) mod outputs;
pub(crate) mod overview;
pub(crate) mod policy;
pub(crate) mod protection;
pub(crate) mod sessions;
pub(crate) mod simulation;
pub(crate) mod tokens;
pub(crate) mod users;
pub(crate) mod whitelist;
