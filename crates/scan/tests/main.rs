//! The scanner as its users see it.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    reason = "helpers of tests stop at the first surprise, and cases stand in tables"
)]

mod corpus;
mod own;
mod reading;
mod samples;
mod user;
