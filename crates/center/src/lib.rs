//! The center: where policies are set, alerts are kept and handled, and sensors report to.
//!
//! Does: serve the HTTP API and the console, decide who may do what, keep the audit log, hand alerts on to other systems.
//! Never: touches SQL (that is the store's), speaks to kernels, or trusts what a caller says of itself.
//!
//! Start at [`Center::start`]; `http` is the API (a module for each noun), `app` what it decides, `auth` who may ask.

pub mod app;
pub mod http;
pub mod start;

mod auth;
mod clock;
mod counters;
mod link;
mod outputs;
mod serve;

pub use app::k8s_audit::AUDIT_POLICY;
pub use auth::{Access, Permission};
pub use http::Endpoint;
pub use start::{Center, CenterConfig, Running, StartError, Tls, stored_authority};

/// The API's document.
pub fn openapi() -> utoipa::openapi::OpenApi {
    http::api().1
}

/// Every endpoint of the API with what it asks of its caller.
pub fn endpoints() -> Vec<Endpoint> {
    http::api().2
}
