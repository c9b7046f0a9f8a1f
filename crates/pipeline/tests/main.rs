//! The pipeline through its public interface.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "the builders of tests fail as loudly as the tests themselves"
)]

mod benign;
mod bounds;
mod denials;
mod detect;
mod metadata;
mod provenance;
mod scans;
mod support;
mod vectors;
