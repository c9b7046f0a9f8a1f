//! Undoing the encodings that scripts hide behind. Everything is bounded by a [`Budget`].
//!
//! Each function takes bytes as they stand in a script's string and gives what they decode to, or `None` where they are
//! not of that encoding or the budget is used up. Decoders are as lenient as the interpreters are: what a language
//! would skip is skipped.

#[cfg(test)]
mod tests;

mod bytes;
mod inflate;
mod text;

pub(crate) use bytes::{reverse, rot13, xor};
pub(crate) use inflate::{gunzip, inflate, inflate_any, unzlib};
pub(crate) use text::{
    base32, base64, escapes, hex, html_entities, quoted_printable, url, uuencoded,
};

use crate::limits::{DECODE_DEPTH_MAX, DECODED_BYTES_MAX};

/// What undoing encodings may still cost for one script.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    bytes: usize,
    depth: usize,
    exhausted: bool,
}

impl Default for Budget {
    /// The budget of one script.
    fn default() -> Budget {
        Budget {
            bytes: DECODED_BYTES_MAX,
            depth: DECODE_DEPTH_MAX,
            exhausted: false,
        }
    }
}

impl Budget {
    /// Takes bytes for a result that is about to be made; `None` where too few are left.
    pub(crate) fn take(&mut self, bytes: usize) -> Option<()> {
        match self.bytes.checked_sub(bytes) {
            Some(left) => self.bytes = left,
            None => {
                self.exhausted = true;
                return None;
            }
        }
        Some(())
    }

    /// Bytes that may still be made.
    pub(crate) fn left(&self) -> usize {
        self.bytes
    }

    /// Goes one level deeper, where one is left; every `true` must be followed by a [`Budget::leave`].
    pub(crate) fn enter(&mut self) -> bool {
        match self.depth.checked_sub(1) {
            Some(left) => {
                self.depth = left;
                true
            }
            None => {
                self.exhausted = true;
                false
            }
        }
    }

    /// Comes back from one level.
    pub(crate) fn leave(&mut self) {
        self.depth += 1;
    }

    /// Whether something was not decoded because the budget had run out: a gap of the verdict.
    pub(crate) fn exhausted(&self) -> bool {
        self.exhausted
    }
}
