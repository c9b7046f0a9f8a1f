//! Every bound of the analysis, with its unit and the attack it stops.

/// Bytes of a script that are looked at. The longest ordinary scripts are bundles of a few megabytes.
pub const SCRIPT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Reasons kept of one script, the weightiest first. Stops a script of nothing but findings.
pub(crate) const REASONS_MAX: usize = 32;

/// Bytes that undoing encodings may make of one script in all. Stops compression bombs.
pub(crate) const DECODED_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Encodings within encodings that are undone.
pub(crate) const DECODE_DEPTH_MAX: usize = 24;
