//! Bounds on texts, in the two ways there are: refuse what a caller can shorten, cut what an attacker chose.

use crate::StoreError;
use std::borrow::Cow;

/// Stands at the end of a text that was cut.
const CUT: char = '…';

/// Refuses a text that is too long.
pub(crate) fn check(what: &'static str, text: &str, bytes_max: usize) -> Result<(), StoreError> {
    if text.len() > bytes_max {
        return Err(StoreError::TooLarge {
            what,
            bytes: text.len(),
            bytes_max,
        });
    }
    Ok(())
}

/// Refuses too many items.
pub(crate) fn check_count(
    what: &'static str,
    count: usize,
    count_max: usize,
) -> Result<(), StoreError> {
    if count > count_max {
        return Err(StoreError::TooMany {
            what,
            count,
            count_max,
        });
    }
    Ok(())
}

/// The JSON text of a value that may not be long.
pub(crate) fn checked_json(
    what: &'static str,
    value: &serde_json::Value,
    bytes_max: usize,
) -> Result<String, StoreError> {
    let text = value.to_string();
    check(what, &text, bytes_max)?;
    Ok(text)
}

/// The text, or its beginning with a mark where it is longer than `bytes_max`.
pub(crate) fn cut(text: &str, bytes_max: usize) -> String {
    bounded(text, bytes_max).into_owned()
}

/// The same without a copy of what is short enough.
pub(crate) fn bounded(text: &str, bytes_max: usize) -> Cow<'_, str> {
    if text.len() <= bytes_max {
        return Cow::Borrowed(text);
    }
    let room = bytes_max.saturating_sub(CUT.len_utf8());
    let mut kept: String = text
        .char_indices()
        .take_while(|(at, character)| at.saturating_add(character.len_utf8()) <= room)
        .map(|(_, character)| character)
        .collect();
    kept.push(CUT);
    Cow::Owned(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcdefgh", 6), "abc…");
        assert_eq!(cut("日本語日本語", 10), "日本…");
    }
}
