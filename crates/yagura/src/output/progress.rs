//! How far a long reading has come: a line on standard error, on a terminal only.

use std::io::{self, IsTerminal as _, Read, Seek, SeekFrom, Write as _};
use std::time::{Duration, Instant};

/// How often the line is drawn again.
const REDRAW: Duration = Duration::from_millis(200);
const WIDTH: u64 = 40;

/// Progress of one reading. The line is wiped away when it is dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    total: u64,
    done: u64,
    drawn: Option<Instant>,
    is_shown: bool,
}

impl Progress {
    /// Of that many bytes; nothing is shown if there are none or standard error is no terminal.
    pub(crate) fn new(total: u64) -> Progress {
        Progress {
            total,
            done: 0,
            drawn: None,
            is_shown: total > 0 && io::stderr().is_terminal(),
        }
    }

    /// Nothing is shown.
    pub(crate) fn hidden() -> Progress {
        Progress {
            total: 0,
            done: 0,
            drawn: None,
            is_shown: false,
        }
    }

    /// The reader, observed.
    pub(crate) fn reading<R>(self, reader: R) -> Observed<R> {
        Observed {
            reader,
            progress: self,
        }
    }

    fn add(&mut self, bytes: usize) {
        self.done = self.done.saturating_add(bytes as u64);
        let is_due = self.drawn.is_none_or(|drawn| drawn.elapsed() >= REDRAW);
        if self.is_shown && is_due {
            self.drawn = Some(Instant::now());
            let share = self.done.min(self.total);
            let filled = share * WIDTH / self.total;
            let bar: String = (0..WIDTH)
                .map(|at| if at < filled { '█' } else { '░' })
                .collect();
            let _ = write!(io::stderr(), "\r{bar} {:3}%", share * 100 / self.total);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.drawn.is_some() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

/// A reader whose progress is shown.
#[derive(Debug)]
pub(crate) struct Observed<R> {
    reader: R,
    progress: Progress,
}

impl<R: Read> Read for Observed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.progress.add(count);
        Ok(count)
    }
}

impl<R: Seek> Seek for Observed<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.reader.seek(to)
    }
}
