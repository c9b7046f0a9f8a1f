//! Bounds on what a policy file may hold. A file is written by a person with rights, but it can also come from a
//! repository that somebody else may write to; none of it may cost unbounded memory or time.

/// Size of a policy file in bytes. Stops files that would fill memory before the first rule is read.
pub const DOCUMENT_BYTES_MAX: usize = 1024 * 1024;
/// Nesting of lists and mappings. A policy needs 9; stops deep nesting from exhausting the stack.
pub const DEPTH_MAX: usize = 24;
/// Scalars, lists and mappings in one file. Stops a file of `[[],[],…` from costing a hundred times its size.
pub const NODES_MAX: usize = 200_000;
/// Rules of one policy. Bounds the time of a decision.
pub const RULES_MAX: usize = 10_000;
/// Cloud entries of one scope.
pub const CLOUDS_MAX: usize = 100;
/// Accounts of one cloud entry.
pub const ACCOUNTS_MAX: usize = 1_000;
/// Conditions of one scope.
pub const CONDITIONS_MAX: usize = 100;
/// Values of one condition.
pub const VALUES_MAX: usize = 1_000;
/// Entries of one allow list.
pub const ALLOW_ENTRIES_MAX: usize = 1_000;
/// Characters of a rule's, policy's or owner's name. Names stand in every alert.
pub const NAME_CHARS_MAX: usize = 128;
/// Characters of a description or reason.
pub const PROSE_CHARS_MAX: usize = 2_000;
/// Characters of an account, a label key, or a condition's value.
pub const VALUE_CHARS_MAX: usize = 1_024;
/// Bytes of a process pattern: Linux's PATH_MAX. With it the time of a wildcard match is bounded.
pub const PATTERN_BYTES_MAX: usize = 4_096;
/// Errors of one file that are shown, and likewise warnings. Stops a broken file from producing more output than anybody could read.
pub const DIAGNOSTICS_MAX: usize = 500;
/// Documents of one file. Bounds what one file can make of a set.
pub const DOCUMENTS_MAX: usize = 1_000;
/// Defence rules of one set, and likewise rules on images. Bounds the time of compiling a container's row.
pub const SET_RULES_MAX: usize = 1_000;
