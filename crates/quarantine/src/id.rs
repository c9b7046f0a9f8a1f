//! Names of items.

use chacha20poly1305::aead::Generate as _;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Names an item: 64 random bits, written as 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ItemId(pub(crate) [u8; 8]);

/// Not the id of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an item's id is 16 hexadecimal digits")]
pub struct InvalidItemId;

impl ItemId {
    /// An id that no item has.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub(crate) fn new() -> std::io::Result<ItemId> {
        random().map(ItemId)
    }
}

/// Random bytes for ids, keys and nonces.
///
/// # Errors
/// If the system has none.
pub(crate) fn random<const N: usize>() -> std::io::Result<[u8; N]> {
    <[u8; N]>::try_generate().map_err(std::io::Error::other)
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for ItemId {
    type Err = InvalidItemId;

    fn from_str(text: &str) -> Result<ItemId, InvalidItemId> {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() != 16 || !text.bytes().all(is_hex) {
            return Err(InvalidItemId);
        }
        let number = u64::from_str_radix(text, 16).map_err(|_| InvalidItemId)?;
        Ok(ItemId(number.to_be_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_written_and_read() {
        let id = ItemId([0, 1, 2, 0xab, 0xff, 0, 0, 9]);
        assert_eq!(id.to_string(), "000102abff000009");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_ne!(
            ItemId::new().expect("random"),
            ItemId::new().expect("random")
        );
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in [
            "",
            "000102abff00000",
            "000102ABFF000009",
            "+00102abff000009",
            "../../etc/passwd",
        ] {
            assert_eq!(text.parse::<ItemId>(), Err(InvalidItemId), "{text}");
        }
    }
}
