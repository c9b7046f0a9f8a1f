//! Policies: which drift is reported, ignored or blocked, and why.
//!
//! Does: parse a policy file with all its problems at once, decide, explain, compare and print.
//! Never: reads a file or a clock, starts a thread, or keeps state between decisions.
//!
//! Start at [`drift::parse`] and [`drift::decide`]. The format is described in `docs/reference/drift-policy.md`.

pub mod drift;

mod allow_list;
mod diagnostic;
pub mod limits;
mod pattern;
mod reader;
mod scope;
mod subject;

pub use allow_list::{AllowEntry, ProcessPattern};
pub use diagnostic::{Code, Diagnostic, Severity};
pub use pattern::{InvalidPattern, PathPattern};
pub use scope::{CloudScope, Condition, Field, Operator, Scope};
pub use subject::{Missing, Subject};
