//! Webshells in shell.

use crate::evidence::Evidence;

/// Looks at one script.
pub(crate) fn look(_content: &[u8], _evidence: &mut Evidence) {}
