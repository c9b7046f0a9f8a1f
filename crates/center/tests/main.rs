//! The API as its callers meet it.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "helpers of tests stop at the first surprise"
)]

mod access;
mod alerts;
mod connections;
mod document;
mod limits;
mod matrix;
mod me;
mod oidc;
mod outputs;
mod policies;
mod scopes;
mod support;
mod webhook;
