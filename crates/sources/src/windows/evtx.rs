//! Windows event log files (`.evtx`).
//!
//! A file is a header and chunks of 64 KiB, each with its own records, strings and templates, so that a damaged chunk costs
//! only itself. The `evtx` crate decodes a chunk; it bounds what crafted templates can make of a record.
//!
//! Source: MS-EVEN6 2.2.12-2.2.17 for the binary XML; the file's layout as in libyal's description of the format.

use crate::document::{SkipReason, SkippedRecord, cut};
use crate::windows::normalise::normalise;
use evtx::{EvtxChunkData, ParserSettings};
use std::collections::VecDeque;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use yagura_event::{DocumentEvent, DocumentSource, WallTime};

/// Bytes of the file's header with its padding.
const HEADER_BYTES: usize = 4096;
/// Bytes of a chunk.
const CHUNK_BYTES: usize = 65_536;
/// What the header begins with.
const FILE_MAGIC: &[u8] = b"ElfFile\0";
/// What a chunk begins with.
const CHUNK_MAGIC: &[u8] = b"ElfChnk\0";
/// Bytes of what the decoder says of a damaged record: it may quote from it.
const DETAIL_BYTES_MAX: usize = 200;

/// Reads the records of an event log file, chunk by chunk.
///
/// A damaged chunk or record is skipped and reported; reading goes on with the next. Checksums are not asked for: logs
/// that are taken from running machines rarely have the right ones.
pub struct EvtxReader<R> {
    reader: R,
    settings: Arc<ParserSettings>,
    pending: VecDeque<Result<DocumentEvent, SkippedRecord>>,
    position: u64,
    byte_offset: u64,
    last_time: WallTime,
    started: bool,
    over: bool,
}

impl<R> std::fmt::Debug for EvtxReader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EvtxReader")
            .field("position", &self.position)
            .field("byte_offset", &self.byte_offset)
            .finish_non_exhaustive()
    }
}

impl<R: Read> EvtxReader<R> {
    /// Begins at the start of `reader`.
    pub fn new(reader: R) -> EvtxReader<R> {
        EvtxReader {
            reader,
            settings: Arc::new(ParserSettings::new().indent(false)),
            pending: VecDeque::new(),
            position: 0,
            byte_offset: 0,
            last_time: WallTime(0),
            started: false,
            over: false,
        }
    }

    fn read_on(&mut self) -> Result<(), SkipReason> {
        if !self.started {
            self.started = true;
            let header = self.block(HEADER_BYTES)?;
            if !header.starts_with(FILE_MAGIC) {
                self.over = true;
                return Err(SkipReason::Malformed("not an event log file".into()));
            }
            self.byte_offset = HEADER_BYTES as u64;
            return Ok(());
        }
        let chunk = self.block(CHUNK_BYTES)?;
        if chunk.is_empty() {
            self.over = true;
            return Ok(());
        }
        let offset = self.byte_offset;
        self.byte_offset = offset.saturating_add(chunk.len() as u64);
        // Chunks that were allocated and never used are zero.
        if chunk.iter().all(|&byte| byte == 0) {
            return Ok(());
        }
        if !chunk.starts_with(CHUNK_MAGIC) {
            self.skip(
                offset,
                SkipReason::Malformed("not a chunk of records".into()),
            );
            return Ok(());
        }
        if chunk.len() < CHUNK_BYTES {
            self.skip(offset, SkipReason::Truncated);
        }
        self.decode(chunk, offset);
        Ok(())
    }

    /// Reads so many bytes, or what is left.
    fn block(&mut self, bytes: usize) -> Result<Vec<u8>, SkipReason> {
        let mut block = Vec::with_capacity(bytes);
        self.reader
            .by_ref()
            .take(bytes as u64)
            .read_to_end(&mut block)
            .map_err(SkipReason::Unreadable)?;
        Ok(block)
    }

    /// Decodes a chunk; what is missing at its end is taken as unused.
    fn decode(&mut self, mut chunk: Vec<u8>, offset: u64) {
        chunk.resize(CHUNK_BYTES, 0);
        let settings = Arc::clone(&self.settings);
        // Nothing of the chunk is used after a panic, so that nothing half-made can be seen.
        let decoded = catch_unwind(AssertUnwindSafe(|| decode_chunk(chunk, settings)));
        let records =
            decoded.unwrap_or_else(|_| vec![Err("the decoder gave up on the chunk".to_owned())]);
        for record in records {
            match record {
                Ok(record) => self.take(record, offset),
                Err(detail) => {
                    let detail = cut(detail, DETAIL_BYTES_MAX);
                    self.skip(offset, SkipReason::Malformed(detail));
                }
            }
        }
    }

    fn take(&mut self, record: Decoded, offset: u64) {
        match normalise(record.value) {
            Ok(normalised) => {
                let time = normalised.time.or(record.time).unwrap_or(self.last_time);
                self.last_time = time;
                self.position = self.position.saturating_add(1);
                self.pending.push_back(Ok(DocumentEvent {
                    source: DocumentSource::Windows,
                    time,
                    position: self.position,
                    value: normalised.value,
                }));
            }
            Err(error) => self.skip(offset, SkipReason::from(error)),
        }
    }

    fn skip(&mut self, byte_offset: u64, reason: SkipReason) {
        self.position = self.position.saturating_add(1);
        self.pending.push_back(Err(SkippedRecord {
            position: self.position,
            byte_offset,
            reason,
        }));
    }
}

impl<R: Read> Iterator for EvtxReader<R> {
    type Item = Result<DocumentEvent, SkippedRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(item) = self.pending.pop_front() {
                return Some(item);
            }
            if self.over {
                return None;
            }
            if let Err(reason) = self.read_on() {
                self.over = true;
                self.skip(self.byte_offset, reason);
            }
        }
    }
}

/// A record as the decoder gives it.
struct Decoded {
    value: serde_json::Value,
    time: Option<WallTime>,
}

/// The records of a chunk, or what the decoder says of each that it can't read.
fn decode_chunk(data: Vec<u8>, settings: Arc<ParserSettings>) -> Vec<Result<Decoded, String>> {
    let mut chunk = match EvtxChunkData::new(data, false) {
        Ok(chunk) => chunk,
        Err(error) => return vec![Err(error.to_string())],
    };
    let mut chunk = match chunk.parse(settings) {
        Ok(chunk) => chunk,
        Err(error) => return vec![Err(error.to_string())],
    };
    chunk
        .iter()
        .map(|record| {
            let record = record
                .and_then(evtx::EvtxRecord::into_json_value)
                .map_err(|error| error.to_string())?;
            Ok(Decoded {
                time: i64::try_from(record.timestamp.as_nanosecond())
                    .ok()
                    .map(WallTime),
                value: record.data,
            })
        })
        .collect()
}
