//! Compression. What comes out is counted while it is made, so a bomb costs no more than the budget.

use std::io::Read;

use flate2::read::{DeflateDecoder, GzDecoder, ZlibDecoder};

use super::Budget;

/// Raw deflate (`gzinflate`, `DeflateStream`).
pub(crate) fn inflate(packed: &[u8], budget: &mut Budget) -> Option<Vec<u8>> {
    unpack(DeflateDecoder::new(packed), budget)
}

/// Deflate in a zlib frame (`gzuncompress`, `zlib.decompress`).
pub(crate) fn unzlib(packed: &[u8], budget: &mut Budget) -> Option<Vec<u8>> {
    unpack(ZlibDecoder::new(packed), budget)
}

/// Deflate in a gzip frame (`gzdecode`, `GZIPInputStream`).
pub(crate) fn gunzip(packed: &[u8], budget: &mut Budget) -> Option<Vec<u8>> {
    unpack(GzDecoder::new(packed), budget)
}

/// Whichever of the three it is, by its first bytes.
pub(crate) fn inflate_any(packed: &[u8], budget: &mut Budget) -> Option<Vec<u8>> {
    match packed {
        [0x1f, 0x8b, ..] => gunzip(packed, budget),
        [0x78, ..] => unzlib(packed, budget).or_else(|| inflate(packed, budget)),
        _ => inflate(packed, budget),
    }
}

/// What came out before an error counts: interpreters check the end of a stream leniently, and so must we.
fn unpack(decoder: impl Read, budget: &mut Budget) -> Option<Vec<u8>> {
    let room = u64::try_from(budget.left()).ok()?;
    let mut plain = Vec::new();
    // An error leaves in `plain` what was good up to there.
    let _cut = decoder.take(room).read_to_end(&mut plain);
    if plain.len() == budget.left() {
        let used_up = budget.left() + 1;
        budget.take(used_up)?;
    }
    budget.take(plain.len())?;
    (!plain.is_empty()).then_some(plain)
}
