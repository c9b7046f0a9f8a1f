//! Walking through trees, and going into archives made by other hands.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "helpers of tests stop at the first surprise"
)]

mod builders;
mod harness;

mod archive;
mod bombs;
mod walk;
