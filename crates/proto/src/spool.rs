//! Batches on the sensor's disk, in order, until the center has stored them.
//!
//! A batch counts as accepted when [`Spool::append`] returns: it was written and `fdatasync` has returned. What a crash
//! leaves half written was never accepted, and is cut off at the next start. Acknowledgements are written without
//! waiting for the disk: one that is lost makes the batch go out twice, which the center notices by its number.
//!
//! The spool is bounded. If the center is away for longer than it has room for, the oldest segment goes, and its alerts
//! are counted.
//!
//! Numbers only ever grow. After damage they skip a stretch, so that none is used for two batches.

mod segment;

pub use segment::{Record, RecordError, read_record};

use crate::token::random;
use crate::{files, wire};
use bytes::Bytes;
use rustix::fs::{FlockOperation, flock};
use segment::{HEADER_BYTES, Header, Segment};
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Name of the file that holds the lock: two programs must not write one spool.
const LOCK: &str = "lock";
/// Name of the file with the highest acknowledged number.
const ACKNOWLEDGED: &str = "acknowledged";
/// Numbers that are skipped after damage: more than a segment can hold batches.
const SKIPPED: u64 = 1 << 24;
/// The smallest useful segment.
const SEGMENT_BYTES_MIN: u64 = 4096;

/// Bounds of a spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpoolOptions {
    /// Bytes on the disk; at least twice a segment.
    pub bytes_max: u64,
    /// Bytes after which a new segment begins. What has to go goes by the segment.
    pub segment_bytes: u64,
}

impl Default for SpoolOptions {
    /// 512 MiB: a quiet node's alerts of weeks, a busy one's of hours.
    fn default() -> SpoolOptions {
        SpoolOptions {
            bytes_max: 512 << 20,
            segment_bytes: 8 << 20,
        }
    }
}

/// Why a spool can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another program has it.
    #[error("spool is in use by another sensor")]
    InUse,
    /// Its folder or files can't be used.
    #[error("spool cannot be used")]
    Folder(#[from] io::Error),
}

/// Why a batch was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Batches have a bound.
    #[error("batch of {0} bytes is longer than {max}", max = crate::limits::BATCH_ENCODED_BYTES_MAX)]
    TooLong(usize),
    /// The disk is full or broken. Nothing was accepted; the same batch may be tried again.
    #[error("spool cannot be written")]
    Write(#[from] io::Error),
}

/// The spool. All methods may be called from several threads; they wait for the disk.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    id: [u8; 16],
    options: SpoolOptions,
    _lock: File,
    writer: Mutex<Writer>,
    shared: Mutex<Shared>,
}

/// What only [`Spool::append`] uses.
#[derive(Debug)]
struct Writer {
    /// The segment that is written; `None` makes the next batch begin a new one.
    file: Option<(File, u64)>,
    next: u64,
}

/// What is short to hold.
#[derive(Debug)]
struct Shared {
    /// Oldest first; the last is the one that is written.
    segments: VecDeque<Segment>,
    acknowledged: u64,
    acknowledged_file: File,
    cursor: Cursor,
    dropped_alerts: u64,
    damaged: u64,
    problem: String,
}

/// Where the next batch to be read stands.
#[derive(Debug, Clone, Copy, Default)]
struct Cursor {
    /// The last number that was read.
    after: u64,
    /// First number of the segment, and the offset behind the batch in it.
    segment: u64,
    offset: u64,
}

impl Spool {
    /// Opens the spool of a folder, or begins one.
    ///
    /// # Errors
    /// [`OpenError`]. Damage is no error: what can be read is kept, the rest is counted.
    pub fn open(folder: &Path, options: SpoolOptions) -> Result<Spool, OpenError> {
        files::make_private_folder(folder)?;
        let lock = private()
            .create(true)
            .truncate(false)
            .open(folder.join(LOCK))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|errno| match errno {
            rustix::io::Errno::WOULDBLOCK => OpenError::InUse,
            other => OpenError::Folder(other.into()),
        })?;
        let found = segment::load(folder)?;
        let id = match found.id {
            Some(id) => id,
            None => random().map_err(|_| io::Error::other("no random bytes"))?,
        };
        let acknowledged_file = private()
            .read(true)
            .create(true)
            .truncate(false)
            .open(folder.join(ACKNOWLEDGED))?;
        let acknowledged = read_acknowledged(&acknowledged_file, id);
        let skipped = if found.damaged > 0 || found.is_torn {
            SKIPPED
        } else {
            0
        };
        let next = found.last.max(acknowledged).saturating_add(1 + skipped);
        let spool = Spool {
            folder: folder.to_owned(),
            id,
            options: SpoolOptions {
                bytes_max: options
                    .bytes_max
                    .max(options.segment_bytes.saturating_mul(2)),
                segment_bytes: options.segment_bytes.max(SEGMENT_BYTES_MIN),
            },
            _lock: lock,
            writer: Mutex::new(Writer { file: None, next }),
            shared: Mutex::new(Shared {
                segments: found.segments.into(),
                acknowledged,
                acknowledged_file,
                cursor: Cursor::default(),
                dropped_alerts: 0,
                damaged: found.damaged,
                problem: String::new(),
            }),
        };
        spool.forget_acknowledged(&mut spool.shared());
        Ok(spool)
    }

    /// The spool's identity.
    pub fn id(&self) -> [u8; 16] {
        self.id
    }

    /// Accepts a batch of that many alerts: once this returns, it is on the disk. Gives its number.
    ///
    /// # Errors
    /// [`AppendError`]; then it is not accepted.
    pub fn append(&self, content: &[u8], alerts: u32) -> Result<u64, AppendError> {
        if content.len() > crate::limits::BATCH_ENCODED_BYTES_MAX {
            return Err(AppendError::TooLong(content.len()));
        }
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let result = self.write(&mut writer, content, alerts);
        self.shared().problem = match &result {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        };
        Ok(result?)
    }

    fn write(&self, writer: &mut Writer, content: &[u8], alerts: u32) -> io::Result<u64> {
        let number = writer.next;
        let record = segment::encode_record(number, alerts, content);
        let is_full = |(_, length): &(File, u64)| *length >= self.options.segment_bytes;
        if writer.file.as_ref().is_none_or(is_full) {
            writer.file = None;
            writer.file = Some((self.begin_segment(number)?, HEADER_BYTES));
        }
        self.make_room(record.len() as u64);
        let Some((file, length)) = &mut writer.file else {
            return Err(io::Error::other("no segment"));
        };
        let written = file
            .write_all_at(&record, *length)
            .and_then(|()| file.sync_data());
        if let Err(error) = written {
            // Whatever part of it is there must not be taken for a batch. The number is not used again.
            if file.set_len(*length).is_err() {
                writer.file = None;
            }
            writer.next = number.saturating_add(1);
            return Err(error);
        }
        *length += record.len() as u64;
        writer.next = number.saturating_add(1);
        if let Some(segment) = self.shared().segments.back_mut() {
            segment.last = number;
            segment.bytes = *length;
            segment.batches += 1;
        }
        Ok(number)
    }

    fn begin_segment(&self, first: u64) -> io::Result<File> {
        let header = Header { id: self.id, first };
        let path = self.folder.join(segment::name(first));
        let mut file = private().create(true).truncate(true).open(&path)?;
        file.write_all(&header.encode())?;
        file.sync_all()?;
        files::sync_folder(&self.folder)?;
        let mut shared = self.shared();
        // One that was begun before a crash and got no batch has the same name.
        shared.segments.retain(|segment| segment.first != first);
        shared.segments.push_back(Segment::empty(path, first));
        // The one before it may have been kept only because it was written.
        self.forget_acknowledged(&mut shared);
        Ok(file)
    }

    /// Lets the oldest segments go until so many more bytes have room.
    fn make_room(&self, more: u64) {
        let mut shared = self.shared();
        while shared.bytes() + more > self.options.bytes_max && shared.segments.len() > 1 {
            let Some(oldest) = shared.segments.pop_front() else {
                return;
            };
            let alerts = segment::alerts_after(&oldest, shared.acknowledged);
            shared.dropped_alerts = shared.dropped_alerts.saturating_add(alerts);
            remove(&oldest.path);
        }
    }

    /// The next batches after that number, at most so many and about so many bytes; at least one if there is one.
    ///
    /// # Errors
    /// If a file can't be read. Damaged batches are no error: they are left out and counted.
    pub fn read_after(&self, number: u64, batches: usize, bytes: usize) -> io::Result<Vec<Batch>> {
        let (segments, mut cursor) = {
            let shared = self.shared();
            let cursor = shared.cursor;
            let from = number.max(shared.acknowledged);
            let segments: Vec<Segment> = shared
                .segments
                .iter()
                .filter(|segment| segment.last > from)
                .cloned()
                .collect();
            (
                segments,
                Cursor {
                    after: from,
                    ..if cursor.after == from {
                        cursor
                    } else {
                        Cursor::default()
                    }
                },
            )
        };
        let mut taken = Vec::new();
        let mut room = bytes;
        for segment in &segments {
            let start = if segment.first == cursor.segment {
                cursor.offset
            } else {
                HEADER_BYTES
            };
            let read = segment::read(segment, start, cursor.after, batches - taken.len(), room);
            let part = match read {
                // It had to go meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                other => other?,
            };
            room = room.saturating_sub(part.batches.iter().map(|batch| batch.content.len()).sum());
            if let Some(last) = part.batches.last() {
                cursor = Cursor {
                    after: last.number,
                    segment: segment.first,
                    offset: part.offset,
                };
            }
            if part.is_damaged {
                self.skip_damage(segment);
            }
            taken.extend(part.batches);
            if taken.len() >= batches || room == 0 {
                break;
            }
        }
        self.shared().cursor = cursor;
        Ok(taken)
    }

    /// Counts a segment whose rest can't be read, once, and does not try again.
    fn skip_damage(&self, damaged: &Segment) {
        let mut shared = self.shared();
        let found = shared
            .segments
            .iter_mut()
            .find(|segment| segment.first == damaged.first && !segment.is_damaged);
        if let Some(segment) = found {
            segment.is_damaged = true;
            shared.damaged += 1;
            tracing::error!(segment = %segment::name(damaged.first), "spool is damaged; batches behind the damage are lost");
        }
    }

    /// Notes that the center has stored everything up to that number.
    pub fn acknowledge(&self, number: u64) {
        let mut shared = self.shared();
        if number <= shared.acknowledged {
            return;
        }
        shared.acknowledged = number;
        if let Err(error) = shared
            .acknowledged_file
            .write_all_at(&encode_acknowledged(number, self.id), 0)
        {
            tracing::warn!(%error, "acknowledgement is not on disk; batches may go out twice");
        }
        self.forget_acknowledged(&mut shared);
    }

    /// Removes segments that are stored, but for the newest, which keeps the spool's identity.
    fn forget_acknowledged(&self, shared: &mut Shared) {
        while shared.segments.len() > 1 {
            let is_stored = shared
                .segments
                .front()
                .is_some_and(|oldest| oldest.last <= shared.acknowledged);
            let Some(oldest) = is_stored.then(|| shared.segments.pop_front()).flatten() else {
                return;
            };
            remove(&oldest.path);
        }
    }

    /// The highest number that the center has stored.
    pub fn acknowledged(&self) -> u64 {
        self.shared().acknowledged
    }

    /// The highest number that was accepted; zero before the first.
    pub fn accepted(&self) -> u64 {
        self.shared()
            .segments
            .iter()
            .map(|segment| segment.last)
            .max()
            .unwrap_or_default()
    }

    /// How it stands, for reports of health.
    pub fn state(&self) -> wire::SpoolState {
        let shared = self.shared();
        let waiting = shared
            .segments
            .iter()
            .filter(|segment| segment.last > shared.acknowledged);
        wire::SpoolState {
            batches: waiting
                .clone()
                .map(|segment| segment.batches_after(shared.acknowledged))
                .sum(),
            bytes: waiting.map(|segment| segment.bytes).sum(),
            dropped_alerts: shared.dropped_alerts,
            damaged: shared.damaged,
            problem: shared.problem.clone(),
        }
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }
}

/// A batch as it goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Its number.
    pub number: u64,
    /// What was appended.
    pub content: Bytes,
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_file(path) {
        tracing::warn!(path = %path.display(), %error, "segment of the spool stays behind");
    }
}

fn encode_acknowledged(number: u64, id: [u8; 16]) -> Vec<u8> {
    let mut bytes = [&number.to_le_bytes()[..], &id].concat();
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

/// The number in the file; zero if it is another spool's, or damaged.
fn read_acknowledged(file: &File, id: [u8; 16]) -> u64 {
    let mut bytes = [0; 28];
    if file.read_exact_at(&mut bytes, 0).is_err() {
        return 0;
    }
    let number = u64::from_le_bytes(std::array::from_fn(|index| {
        bytes.get(index).copied().unwrap_or(0)
    }));
    match encode_acknowledged(number, id) == bytes {
        true => number,
        false => 0,
    }
}

#[cfg(test)]
mod tests;
