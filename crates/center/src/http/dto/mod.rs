//! Shapes of requests and answers. Requests refuse fields that they don't know; answers may get more fields later.

pub mod access;
pub mod alert;
pub mod catalogue;
pub mod common;
pub mod document;
pub mod fleet;
pub mod incident;
pub mod me;
pub mod oidc;
pub mod overview;
pub mod policy;
pub mod settings;
pub mod trial;
pub mod whitelist;
pub mod words;
