//! Kernel events to drift alerts: process table, container table, origin of files, policy decision, explanation.
//!
//! Does: keep what is known of processes and containers, tell the image's files from all others, ask the policy, and
//! write alerts that need no further look-up.
//! Never: reads a clock, a file or a socket, starts a thread, or waits. What it needs read it asks for through
//! [`Sink`]; answers and time come back as [`Input`]. The same inputs give the same alerts, byte for byte.
//!
//! Start at [`Pipeline::step`] in `pipeline.rs`, then `origin.rs` and `drift.rs` for what counts as drift, and `judge.rs`
//! for the decision.

mod alert;
mod case;
mod container_table;
mod denial;
mod detect;
pub mod dns;
mod drift;
mod explain;
mod incidents;
mod judge;
mod limits;
mod origin;
mod package_manager;
mod pending;
mod pipeline;
mod process_table;
mod ruling;
mod scan;
mod script;
mod seen_files;
mod sink;
mod stats;
mod watchlist;
mod writers;

pub use detect::{CallWish, Documents, Wishes};
pub use pipeline::{Input, Pipeline, PipelineConfig};
pub use sink::{Enforced, Sink};
pub use stats::{RuleStats, Stats};
