//! The public interface: files in, events out, and with the rules on them, alerts.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests stop at the first surprise"
)]

mod catalogue;
mod evtx;
mod evtx_writer;
