//! The link over real sockets on loopback.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking, in their helpers, too"
)]

mod alerts;
mod enrolment;
mod hostile;
mod session;
mod support;
