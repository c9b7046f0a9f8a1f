//! The form of a segment: a header, then batches one after the other, each with a check over all of it.
//!
//! Header: `YGSPOOL1`, the spool's identity (16 bytes), the first number (8), CRC-32 of these (4). Batch: length of the
//! content (4), alerts in it (4), number (8), CRC-32 of these and the content (4), content. Numbers are little-endian.

use super::Batch;
use crate::limits::BATCH_ENCODED_BYTES_MAX;
use bytes::Bytes;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"YGSPOOL1";
/// The end of a segment's name.
const SUFFIX: &str = ".spool";
/// Bytes before the first batch.
pub(super) const HEADER_BYTES: u64 = HEADER_LENGTH as u64;
const HEADER_LENGTH: usize = 36;
/// Bytes before a batch's content.
const RECORD_BYTES: usize = 20;

/// What the head of a segment says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) id: [u8; 16],
    pub(super) first: u64,
}

impl Header {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = [&MAGIC[..], &self.id, &self.first.to_le_bytes()].concat();
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8; HEADER_LENGTH]) -> Option<Header> {
        let header = Header {
            id: array(bytes.get(8..24)?)?,
            first: u64::from_le_bytes(array(bytes.get(24..32)?)?),
        };
        (header.encode() == bytes).then_some(header)
    }
}

fn array<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}

/// A segment on the disk, as far as it can be read.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) first: u64,
    /// The highest number; one below `first` if there is none.
    pub(super) last: u64,
    pub(super) bytes: u64,
    pub(super) batches: u64,
    /// Something in it could not be read, and that was counted.
    pub(super) is_damaged: bool,
}

impl Segment {
    pub(super) fn empty(path: PathBuf, first: u64) -> Segment {
        Segment {
            path,
            first,
            last: first.saturating_sub(1),
            bytes: HEADER_BYTES,
            batches: 0,
            is_damaged: false,
        }
    }

    /// Batches with a higher number, supposing that numbers follow each other.
    pub(super) fn batches_after(&self, number: u64) -> u64 {
        self.batches.min(self.last.saturating_sub(number))
    }
}

/// Name of the segment that begins with a number: names sort as numbers do.
pub(super) fn name(first: u64) -> String {
    format!("{first:020}{SUFFIX}")
}

/// A batch with its place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its number.
    pub number: u64,
    /// Alerts in it.
    pub alerts: u32,
    /// The content.
    pub content: Bytes,
}

/// Why no batch could be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file ends within a batch, its check is wrong, or its length is out of bounds.
    #[error("batch is torn or damaged")]
    Damaged,
    /// The file can't be read.
    #[error("segment cannot be read")]
    Read(#[source] io::Error),
}

/// The bytes of a batch.
pub(super) fn encode_record(number: u64, alerts: u32, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len())
        .unwrap_or(u32::MAX)
        .to_le_bytes();
    let mut bytes = Vec::with_capacity(RECORD_BYTES + content.len());
    bytes.extend(length);
    bytes.extend(alerts.to_le_bytes());
    bytes.extend(number.to_le_bytes());
    bytes.extend(check(&bytes, content).to_le_bytes());
    bytes.extend(content);
    bytes
}

fn check(head: &[u8], content: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head);
    hasher.update(content);
    hasher.finalize()
}

/// Reads the next batch; `None` at the end of the file.
///
/// # Errors
/// [`RecordError`]; nothing behind it can be read.
pub fn read_record(reader: &mut impl Read) -> Result<Option<Record>, RecordError> {
    let mut head = Vec::with_capacity(RECORD_BYTES);
    let fill = |buffer: &mut Vec<u8>, reader: &mut dyn Read, bytes: usize| {
        reader
            .take(bytes as u64)
            .read_to_end(buffer)
            .map_err(RecordError::Read)
    };
    if fill(&mut head, reader, RECORD_BYTES)? == 0 {
        return Ok(None);
    }
    let parsed = parse_head(&head).ok_or(RecordError::Damaged)?;
    let (length, alerts, number, expected) = parsed;
    if length > BATCH_ENCODED_BYTES_MAX {
        return Err(RecordError::Damaged);
    }
    // Grows with what is there, not with what the length says.
    let mut content = Vec::new();
    fill(&mut content, reader, length)?;
    let checked = head.get(..RECORD_BYTES - 4).ok_or(RecordError::Damaged)?;
    if content.len() != length || check(checked, &content) != expected {
        return Err(RecordError::Damaged);
    }
    Ok(Some(Record {
        number,
        alerts,
        content: content.into(),
    }))
}

/// Length, alerts, number and check.
fn parse_head(head: &[u8]) -> Option<(usize, u32, u64, u32)> {
    let length = u32::from_le_bytes(array(head.get(0..4)?)?);
    let alerts = u32::from_le_bytes(array(head.get(4..8)?)?);
    let number = u64::from_le_bytes(array(head.get(8..16)?)?);
    let expected = u32::from_le_bytes(array(head.get(16..20)?)?);
    Some((usize::try_from(length).ok()?, alerts, number, expected))
}

/// What a folder holds.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) id: Option<[u8; 16]>,
    pub(super) segments: Vec<Segment>,
    /// The highest number that was or may have been used.
    pub(super) last: u64,
    pub(super) damaged: u64,
    /// The newest segment ended in a batch that was not finished.
    pub(super) is_torn: bool,
}

/// Looks through a folder, cuts off what was not finished, and removes what is no segment at all.
pub(super) fn load(folder: &Path) -> io::Result<Found> {
    let mut names: Vec<(u64, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let first = name
            .to_str()
            .and_then(|name| name.strip_suffix(SUFFIX)?.parse().ok());
        names.extend(first.map(|first| (first, entry.path())));
    }
    names.sort();
    let mut found = Found::default();
    let newest = names.last().map(|(first, _)| *first);
    for (first, path) in names {
        found.last = found.last.max(first.saturating_sub(1));
        load_segment(&mut found, first, path, newest == Some(first))?;
    }
    Ok(found)
}

fn load_segment(found: &mut Found, first: u64, path: PathBuf, is_newest: bool) -> io::Result<()> {
    let mut reader = BufReader::new(File::open(&path)?);
    let length = reader.get_ref().metadata()?.len();
    let header = read_header(&mut reader)?;
    let Some(header) =
        header.filter(|header| header.first == first && found.id.is_none_or(|id| id == header.id))
    else {
        // A head is on the disk before the first batch: without one there was none.
        tracing::warn!(segment = %name(first), "file is no segment of this spool, and is removed");
        found.damaged += u64::from(length > HEADER_BYTES);
        return std::fs::remove_file(&path);
    };
    found.id = Some(header.id);
    let mut segment = Segment::empty(path, first);
    let is_whole = loop {
        match read_record(&mut reader) {
            Ok(Some(record)) => {
                segment.last = record.number;
                segment.batches += 1;
                segment.bytes += (RECORD_BYTES + record.content.len()) as u64;
            }
            Ok(None) => break true,
            Err(RecordError::Damaged) => break false,
            Err(RecordError::Read(error)) => return Err(error),
        }
    };
    found.last = found.last.max(segment.last);
    if !is_whole && is_newest {
        tracing::info!(
            bytes = length - segment.bytes,
            "unfinished end of the spool is cut off"
        );
        let file = std::fs::OpenOptions::new()
            .write(true)
            .open(&segment.path)?;
        file.set_len(segment.bytes)?;
        file.sync_all()?;
        found.is_torn = true;
    } else if !is_whole {
        segment.is_damaged = true;
        found.damaged += 1;
    }
    found.segments.push(segment);
    Ok(())
}

fn read_header(reader: &mut impl Read) -> io::Result<Option<Header>> {
    let mut bytes = [0; HEADER_LENGTH];
    match reader.read_exact(&mut bytes) {
        Ok(()) => Ok(Header::decode(&bytes)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// Batches of one segment.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) batches: Vec<Batch>,
    /// Where the next batch begins.
    pub(super) offset: u64,
    pub(super) is_damaged: bool,
}

/// Reads batches that follow a number, from an offset at which a batch begins, up to the segment's known end.
pub(super) fn read(
    segment: &Segment,
    offset: u64,
    after: u64,
    batches: usize,
    bytes: usize,
) -> io::Result<Part> {
    let mut file = File::open(&segment.path)?;
    file.seek(SeekFrom::Start(offset))?;
    // What is behind the known end may be half written.
    let mut reader = BufReader::new(file.take(segment.bytes.saturating_sub(offset)));
    let mut part = Part {
        batches: Vec::new(),
        offset,
        is_damaged: false,
    };
    let mut room = bytes;
    while part.batches.len() < batches && room > 0 {
        let record = match read_record(&mut reader) {
            Ok(Some(record)) => record,
            Ok(None) => break,
            Err(RecordError::Damaged) => {
                part.is_damaged = true;
                break;
            }
            Err(RecordError::Read(error)) => return Err(error),
        };
        part.offset += (RECORD_BYTES + record.content.len()) as u64;
        if record.number > after {
            room = room.saturating_sub(record.content.len());
            part.batches.push(Batch {
                number: record.number,
                content: record.content,
            });
        }
    }
    Ok(part)
}

/// Alerts in the batches of a segment that follow a number, as far as they can be read.
pub(super) fn alerts_after(segment: &Segment, number: u64) -> u64 {
    let Ok(mut file) = File::open(&segment.path) else {
        return 0;
    };
    if file.seek(SeekFrom::Start(HEADER_BYTES)).is_err() {
        return 0;
    }
    let mut reader = BufReader::new(file.take(segment.bytes.saturating_sub(HEADER_BYTES)));
    let mut alerts = 0;
    while let Ok(Some(record)) = read_record(&mut reader) {
        if record.number > number {
            alerts += u64::from(record.alerts);
        }
    }
    alerts
}
