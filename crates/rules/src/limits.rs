//! Bounds on what rule files may hold. Rules come from repositories that others write to; none of it may cost unbounded memory
//! or time, and no nesting may exhaust the stack.

/// Size of a rule file in bytes. Stops files that would fill memory before the first rule is read. Falco's largest has 150 kB.
pub const FILE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Files of one set.
pub const FILES_MAX: usize = 4_096;
/// Nesting of lists and mappings in YAML. A rule needs 8; stops deep nesting from exhausting the stack.
pub const YAML_DEPTH_MAX: usize = 24;
/// Scalars, lists and mappings of one file. Stops a file of `[[],[],…` from costing a hundred times its size.
pub const YAML_NODES_MAX: usize = 400_000;
/// Rules of one set.
pub const RULES_MAX: usize = 20_000;
/// Characters of a name.
pub const NAME_CHARS_MAX: usize = 256;
/// Characters of a description, reason, remedy or output.
pub const PROSE_CHARS_MAX: usize = 8_192;
/// Bytes of one condition as written, appended parts included.
pub const CONDITION_BYTES_MAX: usize = 256 * 1024;
/// Nesting of parentheses, `not` and transformers in one condition. Parsing recurses; Falco's bound is 1,000.
pub const CONDITION_DEPTH_MAX: usize = 100;
/// Nesting of macros in macros and lists in lists.
pub const REFERENCE_DEPTH_MAX: usize = 32;
/// Nesting of a condition with its macros put in. What works on a condition recurses.
pub const RESOLVED_DEPTH_MAX: usize = 200;
/// Tests of one condition with its macros put in. Stops twenty macros, each using the one before twice, from making a million.
pub const RESOLVED_TESTS_MAX: usize = 20_000;
/// Items of one condition with its macros and lists put in, and of one list with others put in.
pub const RESOLVED_ITEMS_MAX: usize = 200_000;
/// Tests and items of all rules, macros and lists together. Stops many of them from each using the bound.
pub const SET_SIZE_MAX: usize = 1_000_000;
/// Names among which a misspelt one is looked for.
pub const NAMES_COMPARED_MAX: usize = 2_000;
/// Exceptions of one rule.
pub const EXCEPTIONS_MAX: usize = 500;
/// Steps of a sequence. Each open sequence holds one event a step.
pub const STEPS_MAX: usize = 16;
/// Fields of `by`, `value` and `fold_by`.
pub const FIELDS_MAX: usize = 8;
/// Longest time of a sequence or threshold, in milliseconds: a day.
pub const WITHIN_MS_MAX: u64 = 24 * 60 * 60 * 1000;
/// Longest time of learning, in milliseconds: ninety days.
pub const LEARNING_MS_MAX: u64 = 90 * WITHIN_MS_MAX;
/// Events or values that a threshold may wait for: so many it must remember.
pub const COUNT_MAX: u32 = 10_000;
/// Examples of one rule, and events of one example.
pub const TESTS_MAX: usize = 100;
/// Bytes of a regular expression compiled. Stops `(a{1000}){1000}`.
pub const REGEX_BYTES_MAX: usize = 1024 * 1024;
/// Errors of one set that are shown, and likewise warnings. Stops a broken file from producing more output than anybody could read.
pub const DIAGNOSTICS_MAX: usize = 500;
