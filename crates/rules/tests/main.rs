//! The public interface, as the sensor and the command line use it.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests stop at the first surprise"
)]

mod catalogue;
mod common;
mod corpus;
mod diagnostics;
mod evaluate;
mod hostile;
mod memory;
mod messages;
mod properties;
