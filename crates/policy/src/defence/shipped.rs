//! The rule that ships with the product.

use crate::set::{self, PolicySet};

/// The ready-made rule against container escapes, in observe mode, with its comments.
pub const CONTAINER_ESCAPE: &str =
    include_str!("../../../../catalogue/defence/container-escape.yaml");

/// What the shipped file holds: one defence rule.
pub fn shipped() -> PolicySet {
    let parsed = set::parse("container-escape.yaml", CONTAINER_ESCAPE.as_bytes());
    // A test keeps the file free of errors.
    parsed.set.unwrap_or_default()
}
