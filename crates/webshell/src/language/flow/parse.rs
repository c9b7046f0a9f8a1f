//! Parsing within a time, whatever is parsed.

use std::ops::ControlFlow;
use std::time::Duration;

use tree_sitter::{Language, ParseOptions, ParseState, Parser, Tree};

use crate::clock::Deadline;
use crate::evidence::Evidence;

/// Time for one script's syntax. Stops texts that a grammar recovers from slowly; ordinary ones take a few
/// milliseconds.
const PARSE_TIME_MAX: Duration = Duration::from_millis(400);

/// The syntax tree of a script, or `None` with the gap noted.
pub(crate) fn tree(language: &Language, source: &[u8], evidence: &mut Evidence) -> Option<Tree> {
    let mut parser = Parser::new();
    parser.set_language(language).ok()?;
    let end = Deadline::after(PARSE_TIME_MAX);
    let mut progress = |_: &ParseState| match end.is_over() {
        false => ControlFlow::Continue(()),
        true => ControlFlow::Break(()),
    };
    let options = ParseOptions::new().progress_callback(&mut progress);
    let mut read = |at: usize, _| source.get(at..).unwrap_or_default();
    let tree = parser.parse_with_options(&mut read, None, Some(options));
    if tree.is_none() {
        evidence.gap("the script took too long to parse");
    }
    tree
}
