//! The detection rule language: Falco's, and what one event cannot say (`sequence`, `threshold`, `first_seen`).
//!
//! Does: read rule files, say all that is wrong with them, compile them, evaluate them against subjects, and explain a match.
//! Never: reads a file, a clock or a table of processes: whoever has the event answers for its fields through [`Subject`].
//!
//! Start at [`Subject`] (what is asked of an event), `ast.rs` (what a condition is) and `fields/` (what can be asked).

pub mod ast;
pub mod catalogue;
pub mod fields;
pub mod limits;
pub mod print;
pub mod rule;

mod advance;
mod assemble;
mod check;
mod collect;
mod compile;
mod diagnostic;
mod evaluate;
mod examples;
mod exception;
mod explain;
mod format;
mod hash;
mod index;
mod keys;
mod kinds;
mod lex;
mod lint;
mod load;
mod lookup;
mod map_subject;
mod matcher;
mod parse;
mod prefilter;
mod program;
mod raw;
mod read;
mod reader;
mod resolve;
mod source;
mod state;
mod subject;
mod transform;
mod truth;
mod version;

pub use compile::CompileError;
pub use diagnostic::{Code, Diagnostic, Severity};
pub use evaluate::{Match, Outcome, RuleError, RuleId, RuleSet, Unknowns};
pub use examples::{FailedExample, run_examples};
pub use explain::Explanation;
pub use kinds::{KindSet, kinds_of};
pub use load::{LoadOptions, Loaded, load};
pub use map_subject::{MapSubject, MapSubjectError};
pub use matcher::MatcherError;
pub use prefilter::{PathOpen, Prefilter};
pub use source::Source;
pub use state::{
    Counted, Evidence, Memory, Occurrence, Remembered, RuleState, RuleStats, SeenEvent,
};
pub use subject::{EventKind, Subject, Value};
pub use truth::Truth;
pub use version::ENGINE_VERSION;
