//! Members of a tar file, read as a stream.
//!
//! Written here because a reader for hostile archives must bound every header: long names and pax headers may claim any
//! length. What is a member follows Go's archive/tar, by which container runtimes unpack layers.
//!
//! Source: POSIX.1-2017 pax; tar(5) of GNU tar 1.35 for long names and base-256 numbers.

use super::gap::damaged;
use super::limits::{HEADER_BYTES_MAX, NAME_BYTES_MAX};
use std::io::{self, Read};

const BLOCK_BYTES: usize = 512;

/// A header's block.
type Block = [u8; BLOCK_BYTES];

/// A member with content.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) name: Vec<u8>,
    pub(super) size: u64,
}

/// Reads a tar file from front to end.
#[derive(Debug)]
pub(super) struct TarReader<R> {
    reader: R,
    /// Bytes of the current member that were not read.
    left: u64,
    /// Bytes behind them up to the next block.
    padding: u64,
}

/// What the headers in front of a member's own say.
#[derive(Debug, Default)]
struct Ahead {
    name: Option<Vec<u8>>,
    size: Option<u64>,
}

impl<R: Read> TarReader<R> {
    pub(super) fn new(reader: R) -> TarReader<R> {
        TarReader {
            reader,
            left: 0,
            padding: 0,
        }
    }

    /// The next regular file, whose content is then read from this reader.
    ///
    /// # Errors
    /// Those of the reader; damaged headers.
    pub(super) fn next_member(&mut self) -> io::Result<Option<Member>> {
        let mut ahead = Ahead::default();
        loop {
            self.skip_rest()?;
            let Some(block) = self.header()? else {
                return Ok(None);
            };
            let size = number(field(&block, 124, 12))
                .ok_or_else(|| damaged("a size in a header is no number"))?;
            match field(&block, 156, 1) {
                b"L" => {
                    let mut name = self.content(size, NAME_BYTES_MAX)?;
                    name.truncate(text(&name).len());
                    ahead.name = Some(name);
                }
                b"x" => {
                    let content = self.content(size, HEADER_BYTES_MAX)?;
                    pax(&content, &mut ahead);
                }
                // A long link target, and pax headers that stand for all members: skipped, however long.
                b"K" | b"g" => self.begin(size),
                // Links, devices, directories and pipes have no content, whatever their size says.
                b"1" | b"2" | b"3" | b"4" | b"5" | b"6" => ahead = Ahead::default(),
                kind => {
                    let is_sparse = kind == b"S";
                    let name = ahead.name.take().unwrap_or_else(|| name(&block));
                    // Go, like tar, takes a name that ends so for a directory.
                    let is_directory = name.ends_with(b"/");
                    let size = ahead.size.take().unwrap_or(size);
                    self.begin(size);
                    if is_sparse {
                        self.skip_sparse_headers(&block)?;
                    }
                    if !is_directory {
                        return Ok(Some(Member { name, size }));
                    }
                }
            }
        }
    }

    fn begin(&mut self, size: u64) {
        self.left = size;
        let blocks = BLOCK_BYTES as u64;
        self.padding = (blocks - size % blocks) % blocks;
    }

    fn skip_rest(&mut self) -> io::Result<()> {
        let rest = self.left.saturating_add(self.padding);
        (self.left, self.padding) = (0, 0);
        let skipped = io::copy(&mut self.reader.by_ref().take(rest), &mut io::sink())?;
        match skipped == rest {
            true => Ok(()),
            false => Err(damaged("it ends within a member")),
        }
    }

    /// The next header; none at the end, which is two empty blocks or nothing at all.
    fn header(&mut self) -> io::Result<Option<Block>> {
        for _ in 0..2 {
            let mut block = [0; BLOCK_BYTES];
            match fill(&mut self.reader, &mut block)? {
                BLOCK_BYTES => {}
                0 => return Ok(None),
                _ => return Err(damaged("it ends within a header")),
            }
            if has_checksum(&block) {
                return Ok(Some(block));
            }
            if block != [0; BLOCK_BYTES] {
                return Err(damaged("a header has a wrong checksum"));
            }
        }
        Ok(None)
    }

    /// The content of a header that is a member by itself.
    fn content(&mut self, size: u64, bytes_max: usize) -> io::Result<Vec<u8>> {
        if size > bytes_max as u64 {
            return Err(damaged("a header is too long"));
        }
        self.begin(size);
        let mut content = Vec::new();
        self.by_ref().read_to_end(&mut content)?;
        Ok(content)
    }

    /// Headers of an old sparse file stand between its own and its content.
    fn skip_sparse_headers(&mut self, header: &Block) -> io::Result<()> {
        let mut is_continued = field(header, 482, 1) != b"\0";
        while is_continued {
            let mut block = [0; BLOCK_BYTES];
            self.reader.read_exact(&mut block)?;
            is_continued = field(&block, 504, 1) != b"\0";
        }
        Ok(())
    }
}

impl<R: Read> Read for TarReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.reader.by_ref().take(self.left).read(buffer)?;
        if length == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(damaged("it ends within a member"));
        }
        self.left -= length as u64;
        Ok(length)
    }
}

/// Whether a file that begins so is a tar file.
pub(super) fn is_header(head: &[u8]) -> bool {
    head.first_chunk().is_some_and(has_checksum)
}

/// Whether a block says the sum of its own bytes, as every header does. Some old ones have summed signed bytes.
fn has_checksum(block: &Block) -> bool {
    let Some(said) = number(field(block, 148, 8)) else {
        return false;
    };
    let bytes = || {
        block.iter().enumerate().map(|(at, byte)| match at {
            148..156 => b' ',
            _ => *byte,
        })
    };
    let sum: u64 = bytes().map(u64::from).sum();
    let signed_sum: i64 = bytes().map(|byte| i64::from(byte.cast_signed())).sum();
    sum == said || i64::try_from(said) == Ok(signed_sum)
}

fn field(block: &Block, at: usize, length: usize) -> &[u8] {
    block.get(at..at + length).unwrap_or_default()
}

/// Up to the first zero byte.
fn text(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Octal digits, or a big-endian number behind a set bit. No digits are zero.
fn number(field: &[u8]) -> Option<u64> {
    if let Some((first, rest)) = field.split_first()
        && first & 0x80 != 0
    {
        // Negative numbers begin with 0xff.
        return rest
            .iter()
            .try_fold(u64::from(first & 0x7f), |number, byte| {
                number.checked_mul(256)?.checked_add(u64::from(*byte))
            });
    }
    let digits = text(field).trim_ascii();
    digits.iter().try_fold(0u64, |number, digit| match digit {
        b'0'..=b'7' => number.checked_mul(8)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    })
}

fn name(block: &Block) -> Vec<u8> {
    let name = text(field(block, 0, 100));
    // GNU's magic has no zero here, and other fields where POSIX has the prefix.
    let prefix = match field(block, 257, 6) {
        b"ustar\0" => text(field(block, 345, 155)),
        _ => b"",
    };
    match prefix.is_empty() {
        true => name.to_vec(),
        false => [prefix, b"/", name].concat(),
    }
}

/// Reads records `LENGTH KEY=VALUE\n`; what is behind a broken one is not read.
fn pax(mut content: &[u8], ahead: &mut Ahead) {
    while let Some(space) = content.iter().position(|byte| *byte == b' ') {
        let length = content.get(..space).and_then(decimal);
        let length = length.and_then(|length| usize::try_from(length).ok());
        let Some(record) = length.and_then(|length| content.get(space + 1..length)) else {
            return;
        };
        content = content.get(space + 1 + record.len()..).unwrap_or_default();
        let record = record.strip_suffix(b"\n").unwrap_or(record);
        let Some(equals) = record.iter().position(|byte| *byte == b'=') else {
            return;
        };
        let value = record.get(equals + 1..).unwrap_or_default();
        match record.get(..equals) {
            Some(b"path" | b"GNU.sparse.name") if value.len() <= NAME_BYTES_MAX => {
                ahead.name = Some(value.to_vec());
            }
            Some(b"size") => ahead.size = decimal(value),
            _ => {}
        }
    }
}

fn decimal(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Reads until the buffer is full or the reader ends.
pub(super) fn fill(reader: &mut (impl Read + ?Sized), buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(length) => filled += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests;
