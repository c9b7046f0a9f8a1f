//! Taking files and giving them back, on a real file system.

#![expect(
    clippy::expect_used,
    reason = "helpers of tests stop at the first surprise"
)]

mod harness;

mod put;
mod restore;
mod store;
