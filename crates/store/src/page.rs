//! Pages of lists. A cursor is the place after which the next page begins, not a number of rows to skip: it stays right
//! while rows come and go, and the ten-thousandth page costs what the first does.

use crate::{PAGE_ROWS_MAX, StoreError};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;
use std::str::FromStr;

/// Bytes of a cursor's text: it comes from outside.
const CURSOR_BYTES_MAX: usize = 4 * 1024;

/// Stands between the parts of a cursor; ids never contain it.
const SEPARATOR: char = '\u{1f}';

/// Which part of a list is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// Rows, from 1 to [`PAGE_ROWS_MAX`]; what is outside is brought inside.
    pub limit: u32,
    /// The place to go on from; `None` for the first page.
    pub after: Option<Cursor>,
}

impl PageRequest {
    /// The first page.
    pub fn first(limit: u32) -> PageRequest {
        PageRequest { limit, after: None }
    }

    /// The page after another.
    pub fn after(limit: u32, cursor: Cursor) -> PageRequest {
        PageRequest {
            limit,
            after: Some(cursor),
        }
    }

    pub(crate) fn rows(&self) -> u32 {
        self.limit.clamp(1, PAGE_ROWS_MAX)
    }
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page begins; `None` if this is the last.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// The same page of something made of its rows.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(change).collect(),
            next: self.next,
        }
    }

    /// Makes a page of rows of which one more than wanted was asked for.
    pub(crate) fn of(
        mut items: Vec<T>,
        request: &PageRequest,
        place: impl Fn(&T) -> Cursor,
    ) -> Page<T> {
        let rows = usize::try_from(request.rows()).unwrap_or(usize::MAX);
        let more = items.len() > rows;
        items.truncate(rows);
        let next = if more { items.last().map(place) } else { None };
        Page { items, next }
    }
}

/// The place of a row in a list: opaque to callers, safe in a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    list: String,
    number: i64,
    text: String,
}

impl Cursor {
    pub(crate) fn new(list: &str, number: i64, text: &str) -> Cursor {
        Cursor {
            list: list.to_owned(),
            number,
            text: text.to_owned(),
        }
    }

    /// What the list named `list` sorts by.
    pub(crate) fn place(&self, list: &str) -> Result<(i64, &str), StoreError> {
        if self.list == list {
            Ok((self.number, &self.text))
        } else {
            Err(StoreError::InvalidCursor)
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = format!(
            "{}{SEPARATOR}{}{SEPARATOR}{}",
            self.list, self.number, self.text
        );
        f.write_str(&URL_SAFE_NO_PAD.encode(plain))
    }
}

impl FromStr for Cursor {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Cursor, StoreError> {
        if text.len() > CURSOR_BYTES_MAX {
            return Err(StoreError::InvalidCursor);
        }
        let bytes = URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_| StoreError::InvalidCursor)?;
        let plain = String::from_utf8(bytes).map_err(|_| StoreError::InvalidCursor)?;
        let mut parts = plain.splitn(3, SEPARATOR);
        let (Some(list), Some(number), Some(text)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(StoreError::InvalidCursor);
        };
        let number = number.parse().map_err(|_| StoreError::InvalidCursor)?;
        Ok(Cursor::new(list, number, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_back_from_text() {
        for text in ["", "a", "名前\u{1f}x", "a/b?c"] {
            let cursor = Cursor::new("alerts", i64::MIN, text);
            assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
        }
    }

    #[test]
    fn other_texts_are_refused() {
        let long = "A".repeat(CURSOR_BYTES_MAX + 1);
        for text in ["", "!", "YQ", "YR9i", long.as_str()] {
            assert!(matches!(
                text.parse::<Cursor>(),
                Err(StoreError::InvalidCursor)
            ));
        }
        let other = Cursor::new("nodes", 0, "");
        assert!(other.place("alerts").is_err());
    }

    #[test]
    fn a_page_ends_where_there_is_no_more() {
        let request = PageRequest::first(2);
        let place = |item: &i64| Cursor::new("x", *item, "");
        assert_eq!(Page::of(vec![1, 2], &request, place).next, None);
        let page = Page::of(vec![1, 2, 3], &request, place);
        assert_eq!(page.items, [1, 2]);
        assert_eq!(page.next, Some(Cursor::new("x", 2, "")));
        assert_eq!(PageRequest::first(0).rows(), 1);
        assert_eq!(PageRequest::first(u32::MAX).rows(), PAGE_ROWS_MAX);
    }
}
