//! YAML files that people write, as a small tree in which everything knows its place.
//!
//! Does: read plain YAML within bounds and report everything else, tell where a character of a text stands in the file,
//! quote user text in messages and guess what a misspelt word was meant to be.
//! Never: knows what a file means. Whoever reads a format maps [`Problem`] to codes of its own.
//!
//! Only scalars, lists and mappings with text keys are read. Anchors, aliases and tags are refused, since they let a small
//! file stand for a huge one, or for something other than what a reviewer reads.
//!
//! Start at [`read`].

mod places;
mod problem;
mod read;
mod words;

pub use places::{Located, Locator};
pub use problem::Problem;
pub use read::{Bounds, Key, Node, Tree, Value, read};
pub use words::{nearest, quote};

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line, the first is 1.
    pub line: usize,
    /// Column in characters, the first is 1.
    pub column: usize,
}

impl Position {
    /// Where a file begins.
    pub const START: Position = Position { line: 1, column: 1 };
}
