//! Rows for PostgreSQL's `COPY … FROM STDIN (FORMAT binary)`. The server takes them without parsing, routes and writes them
//! many at a time, and needs a fraction of what an `INSERT` of arrays takes.
//!
//! Source: <https://www.postgresql.org/docs/15/sql-copy.html>, "Binary Format"; for words, `tsvectorrecv` in
//! `src/backend/utils/adt/tsvector.c`.

use super::storable;

/// Begins every stream.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

/// In place of a number of columns: no more rows.
const END: i16 = -1;

/// What a word takes besides its letters.
const WORD_BYTES: usize = 3;

/// Rows in the order of writing. Each row begins with [`CopyRows::row`].
#[derive(Debug)]
pub(crate) struct CopyRows {
    statement: String,
    columns: i16,
    bytes: Vec<u8>,
}

impl CopyRows {
    /// No rows yet, for these columns, which have commas between them. `bytes` is what the rows will take about.
    pub(crate) fn new(table: &str, columns: &str, bytes: usize) -> CopyRows {
        let mut made = CopyRows {
            statement: format!("COPY {table} ({columns}) FROM STDIN (FORMAT binary)"),
            columns: i16::try_from(columns.split(',').count()).unwrap_or(i16::MAX),
            bytes: Vec::with_capacity(bytes),
        };
        made.bytes.extend_from_slice(SIGNATURE);
        // No flags, no extension of the header.
        made.bytes.extend_from_slice(&[0; 8]);
        made
    }

    /// Begins a row.
    pub(crate) fn row(&mut self) {
        self.bytes.extend_from_slice(&self.columns.to_be_bytes());
    }

    /// A column of the type `smallint`. The codes that are stored so are small; others become the greatest number.
    pub(crate) fn small(&mut self, number: i64) {
        self.length(size_of::<i16>());
        let number = i16::try_from(number).unwrap_or(i16::MAX);
        self.bytes.extend_from_slice(&number.to_be_bytes());
    }

    /// A column of the type `bigint`.
    pub(crate) fn int(&mut self, number: i64) {
        self.length(size_of::<i64>());
        self.bytes.extend_from_slice(&number.to_be_bytes());
    }

    /// A column of the type `text`.
    pub(crate) fn text(&mut self, text: &str) {
        let text = storable(text);
        self.length(text.len());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// A column of the type `tsvector`: words with spaces between them, sorted by their bytes, each once. Words consist of
    /// letters and digits.
    pub(crate) fn words(&mut self, words: &str) {
        let words = words.split(' ').filter(|word| !word.is_empty());
        let count = words.clone().count();
        let bytes: usize = words.clone().map(|word| word.len() + WORD_BYTES).sum();
        self.length(size_of::<u32>() + bytes);
        self.length(count);
        for word in words {
            self.bytes.extend_from_slice(word.as_bytes());
            // The end of the text, and no positions.
            self.bytes.extend_from_slice(&[0; WORD_BYTES]);
        }
    }

    /// The statement and its whole stream.
    pub(super) fn finish(mut self) -> (String, Vec<u8>) {
        self.bytes.extend_from_slice(&END.to_be_bytes());
        (self.statement, self.bytes)
    }

    /// A length or count. One beyond the greatest is more than PostgreSQL takes anyway, and it refuses the stream.
    fn length(&mut self, length: usize) {
        let length = i32::try_from(length).unwrap_or(i32::MAX);
        self.bytes.extend_from_slice(&length.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_written_as_the_format_says() {
        let mut rows = CopyRows::new("t", "a, b, c, d", 0);
        rows.row();
        rows.small(2);
        rows.int(-1);
        rows.text("a\0b");
        rows.words("ab c");
        let mut expected = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
        expected.extend(b"\0\x04");
        expected.extend(b"\0\0\0\x02\0\x02");
        expected.extend(b"\0\0\0\x08\xff\xff\xff\xff\xff\xff\xff\xff");
        expected.extend("\0\0\0\x05a\u{fffd}b".as_bytes());
        expected.extend(b"\0\0\0\x0d\0\0\0\x02ab\0\0\0c\0\0\0");
        expected.extend(b"\xff\xff");
        let statement = "COPY t (a, b, c, d) FROM STDIN (FORMAT binary)".to_owned();
        assert_eq!(rows.finish(), (statement, expected));
    }

    #[test]
    fn no_words_are_a_vector_of_none() {
        let mut rows = CopyRows::new("t", "a", 0);
        rows.row();
        rows.words("");
        let (_, bytes) = rows.finish();
        assert!(bytes.ends_with(b"\0\x01\0\0\0\x04\0\0\0\0\xff\xff"));
    }
}
