//! Members of a zip file, by its central directory: what Java, Android and `unzip` take for its content.
//!
//! Written here because a reader for hostile archives must not hold a list of members that claims any length: the
//! directory is read entry by entry.
//!
//! Source: APPNOTE.TXT 6.3.10, sections 4.3 (structure), 4.4 (fields), 4.5.3 (zip64).

use super::gap::{ArchiveGap, damaged};
use std::io::{self, Read, Seek, SeekFrom};

const END_BYTES: u64 = 22;
/// The longest comment behind the end of the central directory.
const COMMENT_BYTES_MAX: u64 = 0xffff;
const END_MAGIC: &[u8] = b"PK\x05\x06";
const END64_MAGIC: &[u8] = b"PK\x06\x06";
const LOCATOR_MAGIC: &[u8] = b"PK\x06\x07";
const LOCATOR_BYTES: usize = 20;
const ENTRY_MAGIC: &[u8] = b"PK\x01\x02";
const LOCAL_MAGIC: &[u8] = b"PK\x03\x04";
const LOCAL_BYTES: usize = 30;

/// Extra field with the numbers that are too large for their own fields.
const ZIP64: u16 = 1;
/// Flag of encrypted content.
const ENCRYPTED: u16 = 1;

/// How a member is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Stored,
    Deflated,
    Zstd,
}

/// A member as the central directory says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: Vec<u8>,
    pub(super) packed: u64,
    pub(super) size: u64,
    flags: u16,
    method: u16,
    /// Offset of its local header.
    header: u64,
}

impl Entry {
    pub(super) fn is_directory(&self) -> bool {
        self.name.ends_with(b"/") && self.size == 0
    }

    /// How to unpack it.
    ///
    /// # Errors
    /// [`ArchiveGap::Encrypted`], [`ArchiveGap::Method`].
    pub(super) fn method(&self) -> Result<Method, ArchiveGap> {
        if self.flags & ENCRYPTED != 0 {
            return Err(ArchiveGap::Encrypted);
        }
        match self.method {
            0 => Ok(Method::Stored),
            8 => Ok(Method::Deflated),
            93 => Ok(Method::Zstd),
            method => Err(ArchiveGap::Method { method }),
        }
    }
}

/// Reads a zip file entry by entry.
#[derive(Debug)]
pub(super) struct ZipReader<R> {
    reader: R,
    length: u64,
    /// Where the zip file begins: something may stand in front of it.
    start: u64,
    /// Offset of the next entry of the central directory.
    next: u64,
    /// Offset of its end.
    end: u64,
    /// Packed bytes of all members so far.
    packed: u64,
}

impl<R: Read + Seek> ZipReader<R> {
    /// Finds the central directory.
    ///
    /// # Errors
    /// Those of the reader; damaged if there is none.
    pub(super) fn new(mut reader: R) -> io::Result<ZipReader<R>> {
        let length = reader.seek(SeekFrom::End(0))?;
        let (end_at, end) = find_end(&mut reader, length)?;
        let mut size = u64::from(u32_at(&end, 12));
        let mut offset = u64::from(u32_at(&end, 16));
        let mut directory_end = end_at;
        if let Some((at, size64, offset64)) = find_end64(&mut reader, end_at)? {
            (directory_end, size, offset) = (at, size64, offset64);
        }
        let first = directory_end
            .checked_sub(size)
            .ok_or_else(|| damaged("its list of members has an impossible length"))?;
        let start = first
            .checked_sub(offset)
            .ok_or_else(|| damaged("its list of members is at an impossible place"))?;
        Ok(ZipReader {
            reader,
            length,
            start,
            next: first,
            end: directory_end,
            packed: 0,
        })
    }

    /// The next member.
    ///
    /// # Errors
    /// Those of the reader; damaged entries; [`ArchiveGap::Overlap`].
    pub(super) fn next_entry(&mut self) -> io::Result<Option<Entry>> {
        if self.next >= self.end {
            return Ok(None);
        }
        self.reader.seek(SeekFrom::Start(self.next))?;
        let mut head = [0; 46];
        self.reader.read_exact(&mut head)?;
        if !head.starts_with(ENTRY_MAGIC) {
            return Err(damaged("its list of members is broken"));
        }
        let [name, extra, comment] = [28, 30, 32].map(|at| usize::from(u16_at(&head, at)));
        let mut texts = vec![0; name + extra];
        self.reader.read_exact(&mut texts)?;
        self.next += (head.len() + name + extra + comment) as u64;
        let extra = texts.split_off(name);
        let mut entry = Entry {
            name: texts,
            packed: u32_at(&head, 20).into(),
            size: u32_at(&head, 24).into(),
            flags: u16_at(&head, 8),
            method: u16_at(&head, 10),
            header: u32_at(&head, 42).into(),
        };
        widen(&mut entry, &extra);
        // Bombs let many members share one piece of the file.
        self.packed = self.packed.saturating_add(entry.packed);
        match self.packed > self.length {
            true => Err(ArchiveGap::Overlap.into()),
            false => Ok(Some(entry)),
        }
    }

    /// A member's content as it is packed.
    ///
    /// # Errors
    /// Those of the reader; damaged if no member is at its place.
    pub(super) fn packed(&mut self, entry: &Entry) -> io::Result<io::Take<&mut R>> {
        let at = self.start.saturating_add(entry.header);
        let mut head = [0; LOCAL_BYTES];
        self.reader.seek(SeekFrom::Start(at))?;
        self.reader.read_exact(&mut head)?;
        if !head.starts_with(LOCAL_MAGIC) {
            return Err(damaged("no member is where its list of members says"));
        }
        let skipped = u64::from(u16_at(&head, 26)) + u64::from(u16_at(&head, 28));
        let content = at.saturating_add(LOCAL_BYTES as u64 + skipped);
        self.reader.seek(SeekFrom::Start(content))?;
        Ok(self.reader.by_ref().take(entry.packed))
    }
}

/// Finds the record at the end, the last that fits: its comment may hold another.
fn find_end(reader: &mut (impl Read + Seek), length: u64) -> io::Result<(u64, Vec<u8>)> {
    let from = length.saturating_sub(END_BYTES + COMMENT_BYTES_MAX);
    reader.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    reader
        .take(END_BYTES + COMMENT_BYTES_MAX)
        .read_to_end(&mut tail)?;
    let mut candidates = (0..tail.len()).rev().filter_map(|at| {
        let record = tail.get(at..)?;
        let is_end = record.starts_with(END_MAGIC) && record.len() as u64 >= END_BYTES;
        is_end.then(|| (at, record, usize::from(u16_at(record, 20))))
    });
    let exact = |(_, record, comment): &(usize, &[u8], usize)| {
        record.len() as u64 == END_BYTES + *comment as u64
    };
    let found = candidates.clone().find(exact).or_else(|| candidates.next());
    let (at, record, _) =
        found.ok_or_else(|| damaged("it is a zip file without its list of members"))?;
    Ok((from + at as u64, record.to_vec()))
}

/// The place of the zip64 record, and the length and offset of the central directory that it says.
fn find_end64(reader: &mut (impl Read + Seek), end_at: u64) -> io::Result<Option<(u64, u64, u64)>> {
    let Some(locator_at) = end_at.checked_sub(LOCATOR_BYTES as u64) else {
        return Ok(None);
    };
    let mut locator = [0; LOCATOR_BYTES];
    reader.seek(SeekFrom::Start(locator_at))?;
    reader.read_exact(&mut locator)?;
    if !locator.starts_with(LOCATOR_MAGIC) {
        return Ok(None);
    }
    let at = u64_at(&locator, 8);
    let mut record = [0; 56];
    reader.seek(SeekFrom::Start(at))?;
    reader.read_exact(&mut record)?;
    match record.starts_with(END64_MAGIC) {
        true => Ok(Some((at, u64_at(&record, 40), u64_at(&record, 48)))),
        false => Err(damaged("its zip64 record is not where it should be")),
    }
}

/// Takes numbers that have no room in an entry from its extra field.
fn widen(entry: &mut Entry, mut extra: &[u8]) {
    const WIDE: u64 = u32::MAX as u64;
    while extra.len() >= 4 {
        let (kind, length) = (u16_at(extra, 0), usize::from(u16_at(extra, 2)));
        let Some(mut field) = extra.get(4..4 + length) else {
            return;
        };
        extra = extra.get(4 + length..).unwrap_or_default();
        if kind != ZIP64 {
            continue;
        }
        for number in [&mut entry.size, &mut entry.packed, &mut entry.header] {
            if *number == WIDE && field.len() >= 8 {
                *number = u64_at(field, 0);
                field = field.get(8..).unwrap_or_default();
            }
        }
    }
}

/// Little-endian numbers; zero beyond the end.
fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array_at(bytes, at))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let found = bytes.get(at..).and_then(<[u8]>::first_chunk);
    found.copied().unwrap_or([0; N])
}
