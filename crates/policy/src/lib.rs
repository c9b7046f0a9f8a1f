//! Policies: which drift is reported, ignored or blocked, what containers are kept from doing, and why.
//!
//! Does: parse policy files with all their problems at once, decide, explain, compare and print, and compile the rows
//! that the kernel decides by.
//! Never: reads a file or a clock, starts a thread, or keeps state between decisions.
//!
//! Start at [`set::parse`], [`drift::decide`], [`defence::decide`] and [`compile()`]. The formats are described in
//! `docs/reference/drift-policy.md` and `docs/reference/defence-rule.md`.

pub mod at_risk;
pub mod compile;
pub mod defence;
pub mod drift;
pub mod set;

mod allow_list;
mod changes;
mod checks;
mod diagnostic;
mod expiry;
pub mod limits;
mod parts;
mod pattern;
mod printer;
#[cfg(test)]
mod properties;
mod reader;
mod rollout;
mod row;
mod scope;
mod scope_answer;
mod span;
mod subject;

pub use allow_list::{AllowEntry, ProcessPattern};
pub use compile::{Compiled, ContainerFacts, compile};
pub use diagnostic::{Code, Diagnostic, Severity};
pub use expiry::{Expiry, InvalidExpiry};
pub use pattern::{ImagePattern, InvalidPattern, PathPattern};
pub use rollout::node_blocks;
pub use row::{RowDecision, RowQuestion, decide_row};
pub use scope::{CloudScope, Condition, Field, Operator, Scope};
pub use set::PolicySet;
pub use span::{InvalidSpan, Span};
pub use subject::{Missing, Subject};
