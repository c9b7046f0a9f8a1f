//! The detection rule language: Falco's, and what one event cannot say (`sequence`, `threshold`, `first_seen`).
//!
//! Does: read rule files, say all that is wrong with them, compile them, evaluate them against subjects, and explain a match.
//! Never: reads a file, a clock or a table of processes: whoever has the event answers for its fields through [`Subject`].
//!
//! Start at [`Subject`] (what is asked of an event), `ast.rs` (what a condition is) and `fields/` (what can be asked).

pub mod ast;
pub mod fields;
pub mod rule;
mod subject;

pub use subject::{EventKind, Subject, Value};
