//! Walking through trees, and going into archives made by other hands.

#![expect(
    clippy::expect_used,
    reason = "helpers of tests stop at the first surprise"
)]

mod builders;
mod harness;

mod archive;
mod bombs;
mod walk;
