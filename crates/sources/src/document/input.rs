//! A window over a stream of bytes that can go back to where the current record began.

use std::io::{ErrorKind, Read};

/// Bytes read at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// How the bytes of the stream are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Unknown,
    Utf8,
    Utf16 { little: bool },
}

/// The window.
#[derive(Debug)]
pub(super) struct Input<R> {
    reader: R,
    encoding: Encoding,
    /// Bytes of the stream that make no whole unit of UTF-16 yet.
    rest: Vec<u8>,
    window: Vec<u8>,
    /// Where the kept part begins in `window`.
    start: usize,
    /// Bytes of text before the kept part.
    offset: u64,
    ended: bool,
}

impl<R: Read> Input<R> {
    pub(super) fn new(reader: R) -> Input<R> {
        Input {
            reader,
            encoding: Encoding::Unknown,
            rest: Vec::new(),
            window: Vec::new(),
            start: 0,
            offset: 0,
            ended: false,
        }
    }

    /// Bytes of text before the kept part.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The byte at a distance from the beginning of the kept part; `None` behind the end.
    pub(super) fn byte(&mut self, at: usize) -> std::io::Result<Option<u8>> {
        loop {
            if let Some(&byte) = self.window.get(self.start.saturating_add(at)) {
                return Ok(Some(byte));
            }
            if self.ended {
                return Ok(None);
            }
            self.fill()?;
        }
    }

    /// The first bytes of the kept part.
    pub(super) fn kept(&self, bytes: usize) -> &[u8] {
        let rest = self.window.get(self.start..).unwrap_or_default();
        rest.get(..bytes).unwrap_or(rest)
    }

    /// Lets go of the first bytes of the kept part.
    pub(super) fn consume(&mut self, bytes: usize) {
        let bytes = bytes.min(self.window.len().saturating_sub(self.start));
        self.start = self.start.saturating_add(bytes);
        self.offset = self.offset.saturating_add(bytes as u64);
    }

    fn fill(&mut self) -> std::io::Result<()> {
        if self.start > 0 {
            self.window.drain(..self.start);
            self.start = 0;
        }
        let mut chunk = vec![0; CHUNK_BYTES];
        let read = loop {
            match self.reader.read(&mut chunk) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        chunk.truncate(read);
        self.ended = read == 0;
        if self.encoding == Encoding::Utf8 {
            self.window.append(&mut chunk);
            return Ok(());
        }
        self.rest.append(&mut chunk);
        if self.encoding == Encoding::Unknown {
            self.recognise();
        }
        match self.encoding {
            Encoding::Unknown => {}
            Encoding::Utf8 => self.window.append(&mut self.rest),
            Encoding::Utf16 { little } => self.transcode(little),
        }
        Ok(())
    }

    /// Tells the encoding by the byte order mark and takes the mark away. PowerShell's `>` writes UTF-16.
    fn recognise(&mut self) {
        let (encoding, mark) = match self.rest.as_slice() {
            [0xff, 0xfe, ..] => (Encoding::Utf16 { little: true }, 2),
            [0xfe, 0xff, ..] => (Encoding::Utf16 { little: false }, 2),
            [0xef, 0xbb, 0xbf, ..] => (Encoding::Utf8, 3),
            [] | [0xff | 0xfe | 0xef] | [0xef, 0xbb] if !self.ended => return,
            _ => (Encoding::Utf8, 0),
        };
        self.encoding = encoding;
        self.rest.drain(..mark);
    }

    fn transcode(&mut self, little: bool) {
        let unit = |pair: &[u8]| match *pair {
            [a, b] if little => u16::from_le_bytes([a, b]),
            [a, b] => u16::from_be_bytes([a, b]),
            _ => 0,
        };
        let mut whole = self.rest.len() & !1;
        // A pair of surrogates must not be torn apart.
        let last = self.rest.get(whole.saturating_sub(2)..whole).map(unit);
        if !self.ended && last.is_some_and(|unit| (0xd800..0xdc00).contains(&unit)) {
            whole = whole.saturating_sub(2);
        }
        let bytes: Vec<u8> = self.rest.drain(..whole).collect();
        let units = bytes.chunks_exact(2).map(unit);
        let mut utf8 = [0; 4];
        for c in char::decode_utf16(units) {
            let c = c.unwrap_or(char::REPLACEMENT_CHARACTER);
            self.window
                .extend_from_slice(c.encode_utf8(&mut utf8).as_bytes());
        }
        if self.ended {
            self.rest.clear();
        }
    }
}
