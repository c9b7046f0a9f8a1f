//! Every bound of the analysis, with its unit and the attack it stops.

use std::time::Duration;

/// Bytes of a script that are looked at. The longest ordinary scripts are bundles of a few megabytes.
pub const SCRIPT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Reasons kept of one script, the weightiest first. Stops a script of nothing but findings.
pub(crate) const REASONS_MAX: usize = 32;

/// Bytes that undoing encodings may make of one script in all. Stops compression bombs.
pub(crate) const DECODED_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Encodings within encodings that are undone.
pub(crate) const DECODE_DEPTH_MAX: usize = 24;

/// Levels of a script's syntax that are read. Stops recursion on `((((…`.
pub(crate) const SYNTAX_DEPTH_MAX: usize = 120;

/// Times a grammar may ask whether to go on, at least; each is about a hundred of its steps.
pub(crate) const PARSE_CHECKS_MIN: usize = 1_000;

/// Times a grammar may ask whether to go on for each 1024 bytes. Stops syntax that is slow to recover from.
pub(crate) const PARSE_CHECKS_PER_KILOBYTE: usize = 200;

/// Processor time for reading one script's syntax. Stops text on which the grammar recovers slowly.
pub(crate) const PARSE_TIME_MAX: Duration = Duration::from_millis(1_000);

/// Processor time for following one script. Stops steps that are dearer than others.
pub(crate) const FOLLOW_TIME_MAX: Duration = Duration::from_millis(2_000);

/// Steps of evaluating one script. Stops loops and exponential calls.
pub(crate) const STEPS_MIN: usize = 120_000;

/// Further steps for each byte of a script.
pub(crate) const STEPS_PER_BYTE: usize = 4;

/// Further steps for each byte of the longest word, which a decoder of the script's own goes through.
pub(crate) const STEPS_PER_HIDDEN_BYTE: usize = 40;

/// Further steps of one script at most.
pub(crate) const STEPS_MAX: usize = 2_000_000;

/// Steps for a function that nothing calls.
pub(crate) const STEPS_PER_FUNCTION: usize = 20_000;

/// Steps in one function from which on only calls with something foreign are followed.
pub(crate) const FUNCTION_STEPS_MAX: usize = 20_000;

/// Steps of a call that is worth following however often.
pub(crate) const CHEAP_CALL_STEPS: usize = 60;

/// Calls of one function with the same mixture of origins that are followed, once it is known to cost.
pub(crate) const FOREIGN_CALLS_MAX: usize = 3;

/// Levels of evaluation: expressions in statements in functions in hidden code. Stops stack exhaustion.
pub(crate) const EVALUATION_DEPTH_MAX: usize = 260;

/// Rounds of one loop whose condition is known. Stops `while (1)`.
pub(crate) const ROUNDS_MAX: usize = 100_000;

/// Bytes of one string that is made. Stops `str_repeat` and doubling loops.
pub(crate) const STRING_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Bytes of strings that are made in all.
pub(crate) const STRINGS_BYTES_MAX: usize = 48 * 1024 * 1024;

/// Elements of one array that is made. Stops `range(0, 1e9)`.
pub(crate) const ARRAY_ITEMS_MAX: usize = 100_000;

/// Levels of arrays in arrays. Stops exhausting the stack when they are dropped.
pub(crate) const ARRAY_DEPTH_MAX: u8 = 32;

/// Calls within calls that are followed.
pub(crate) const CALL_DEPTH_MAX: usize = 12;

/// Variables of all calls of one script.
pub(crate) const SLOTS_MAX: usize = 400_000;

/// Texts that a script hides and that are looked at as code.
pub(crate) const HIDDEN_TEXTS_MAX: usize = 200;
