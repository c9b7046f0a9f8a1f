//! How much may still be unpacked.

use super::gap::ArchiveGap;
use super::limits::{ArchiveLimits, RUN_BYTES_MAX};
use std::cell::Cell;
use std::fmt;
use std::io::{self, Read};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What all archives of a run share: how many bytes may still be unpacked, and whether somebody wants it to end.
#[derive(Debug)]
pub struct RunBudget {
    bytes_left: AtomicU64,
    is_stopped: AtomicBool,
}

impl Default for RunBudget {
    fn default() -> RunBudget {
        RunBudget::new(RUN_BYTES_MAX)
    }
}

impl RunBudget {
    /// A budget of so many bytes.
    pub fn new(bytes_max: u64) -> RunBudget {
        RunBudget {
            bytes_left: AtomicU64::new(bytes_max),
            is_stopped: AtomicBool::new(false),
        }
    }

    /// Ends whatever uses it at its next read.
    pub fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }

    /// Whether it was stopped.
    pub fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: u64) -> bool {
        let take = |left: u64| left.checked_sub(bytes);
        self.bytes_left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_ok()
    }
}

/// What one archive on disk may still cost.
#[derive(Debug)]
pub(super) struct Ration<'a> {
    limits: ArchiveLimits,
    run: &'a RunBudget,
    bytes_left: Cell<u64>,
}

impl<'a> Ration<'a> {
    pub(super) fn new(limits: ArchiveLimits, run: &'a RunBudget) -> Rc<Ration<'a>> {
        Rc::new(Ration {
            limits,
            run,
            bytes_left: Cell::new(limits.bytes_max),
        })
    }

    /// Ends the reading if the run was stopped.
    pub(super) fn check(&self) -> io::Result<()> {
        match self.run.is_stopped() {
            true => Err(ArchiveGap::Stopped.into()),
            false => Ok(()),
        }
    }

    fn take(&self, bytes: u64) -> io::Result<()> {
        self.check()?;
        let bytes_max = self.limits.bytes_max;
        let left = self.bytes_left.get().checked_sub(bytes);
        let left = left.ok_or(ArchiveGap::Bytes { bytes_max })?;
        self.bytes_left.set(left);
        match self.run.take(bytes) {
            true => Ok(()),
            false => Err(ArchiveGap::RunBytes.into()),
        }
    }
}

/// Counts what goes into a decompressor.
#[derive(Debug)]
pub(super) struct Counted<R> {
    reader: R,
    count: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.reader.read(buffer)?;
        self.count.set(self.count.get() + length as u64);
        Ok(length)
    }
}

/// Bytes that count against a ration, and against what went into the decompressor that they come from.
pub(super) struct Rationed<'a, R> {
    reader: R,
    ration: Rc<Ration<'a>>,
    /// Bytes that went in; none where nothing is decompressed.
    consumed: Option<Rc<Cell<u64>>>,
    produced: u64,
}

impl<'a, R: Read> Rationed<'a, R> {
    /// What is read as it is.
    pub(super) fn plain(reader: R, ration: &Rc<Ration<'a>>) -> Rationed<'a, R> {
        Rationed {
            reader,
            ration: Rc::clone(ration),
            consumed: None,
            produced: 0,
        }
    }
}

/// What `decompress` makes of `reader`.
///
/// # Errors
/// Those of `decompress`.
pub(super) fn decompressed<'a, R: Read, D: Read>(
    reader: R,
    ration: &Rc<Ration<'a>>,
    decompress: impl FnOnce(Counted<R>) -> io::Result<D>,
) -> io::Result<Rationed<'a, D>> {
    let count = Rc::new(Cell::new(0));
    let counted = Counted {
        reader,
        count: Rc::clone(&count),
    };
    Ok(Rationed {
        reader: decompress(counted)?,
        ration: Rc::clone(ration),
        consumed: Some(count),
        produced: 0,
    })
}

impl<R: Read> Read for Rationed<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.reader.read(buffer)?;
        self.produced += length as u64;
        self.ration.take(length as u64)?;
        let limits = &self.ration.limits;
        if let Some(consumed) = &self.consumed
            && self.produced > limits.ratio_free_bytes
            && self.produced / limits.ratio_max > consumed.get()
        {
            let ratio_max = limits.ratio_max;
            return Err(ArchiveGap::Ratio { ratio_max }.into());
        }
        Ok(length)
    }
}

/// Content up to an error, which then is its end: what could be unpacked of a damaged archive still counts.
pub struct UntilError<R> {
    reader: R,
    error: Option<io::Error>,
}

impl<R: Read> UntilError<R> {
    /// Reads from `reader` until it fails.
    pub fn new(reader: R) -> UntilError<R> {
        let error = None;
        UntilError { reader, error }
    }

    /// What ended it, if it was not its own end.
    pub fn into_error(self) -> Option<io::Error> {
        self.error
    }
}

impl<R: Read> Read for UntilError<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.error.is_some() {
            return Ok(0);
        }
        match self.reader.read(buffer) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                self.error = Some(error);
                Ok(0)
            }
            read => read,
        }
    }
}

impl<R> fmt::Debug for UntilError<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UntilError")
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}
