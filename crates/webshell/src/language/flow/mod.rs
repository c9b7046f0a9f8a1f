//! Follows values through a script, whatever its language: from what a request gives to what runs it.
//!
//! A language brings its syntax into [`node`]'s form and tells as a [`Dialect`] what its platform's names mean. The
//! [`Machine`] walks through that form as the interpreter would, with what is known of each value ([`value`]): both
//! ways of a condition, each loop's body, each function with what it is called with. Constants are folded, so that
//! hidden names and hidden code come to light. Nothing is run: every walk is bounded by steps, depth and bytes.

mod arithmetic;
mod command;
mod condition;
mod expression;
pub(crate) mod fold;
mod machine;
pub(crate) mod node;
pub(crate) mod parse;
mod sink;
mod statement;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod value;
pub(crate) mod words;

pub(crate) use command::is_shell;
pub(crate) use machine::{Argument, Dialect, Invocation, Machine};
pub(crate) use sink::{FileAct, handle, handle_path};

/// Levels of nesting that are looked at. Stops scripts that nest until the stack ends.
pub(crate) const NESTING_MAX: usize = 72;

/// Links of a chain, such as of operators or of `else if`, that are kept as one within another. Stops chains whose
/// end would take the stack.
pub(crate) const LINKS_MAX: usize = 24;

/// Levels of looking, calls of functions included. Stops calls through calls that end the stack together.
const DEPTH_MAX: usize = 240;

/// Pieces of a script that are looked at in all. Stops loops over loops and calls over calls.
const STEPS_MAX: u32 = 150_000;

/// Calls of functions within calls.
const FRAMES_MAX: usize = 16;

/// Elements that loops over known lists go through in all.
const ROUNDS_MAX: u32 = 30_000;

/// Functions of one script that are remembered. Stops scripts of nothing but functions.
const FUNCTIONS_MAX: usize = 20_000;
