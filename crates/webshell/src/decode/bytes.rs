//! Encodings that keep the length.

use super::Budget;

/// Letters moved by thirteen places.
pub(crate) fn rot13(text: &[u8], budget: &mut Budget) -> Option<Vec<u8>> {
    budget.take(text.len())?;
    let turn = |byte: u8, first: u8| (byte - first + 13) % 26 + first;
    let turned = text.iter().map(|&byte| match byte {
        b'a'..=b'z' => turn(byte, b'a'),
        b'A'..=b'Z' => turn(byte, b'A'),
        _ => byte,
    });
    Some(turned.collect())
}

/// Back to front.
pub(crate) fn reverse(text: &[u8], budget: &mut Budget) -> Option<Vec<u8>> {
    budget.take(text.len())?;
    Some(text.iter().rev().copied().collect())
}

/// Exclusive or with a key that is repeated; `None` for an empty key.
pub(crate) fn xor(text: &[u8], key: &[u8], budget: &mut Budget) -> Option<Vec<u8>> {
    if key.is_empty() {
        return None;
    }
    budget.take(text.len())?;
    let mixed = text.iter().zip(key.iter().cycle()).map(|(a, b)| a ^ b);
    Some(mixed.collect())
}
