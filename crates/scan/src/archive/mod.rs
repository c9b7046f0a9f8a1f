//! What is in archives: tar, gzip, zstd, zip (jar, war, ear, whl, apk), ar (deb), and all of these within each other, such
//! as images saved by Docker and blobs of OCI layouts.
//!
//! Which archive a file is, its content tells, never its name. Members are read as a stream and handed to an
//! [`ArchiveSink`]; what is not looked at is a stated [`ArchiveGap`], and the rest goes on. Nothing is written anywhere.

mod ar;
mod gap;
mod kind;
mod limits;
mod ration;
mod tar;
mod visitor;
mod zip;

pub use gap::ArchiveGap;
pub use limits::{ArchiveLimits, RUN_BYTES_MAX};
pub use ration::{RunBudget, UntilError};

use kind::{HEAD_BYTES, Kind};
use std::io::{self, Read, Seek};
use visitor::Visitor;

/// Takes what is in an archive.
pub trait ArchiveSink {
    /// A regular file in the archive. `path` has a name for each archive on the way, not escaped; `size` is what the
    /// archive says. Content that is not read is skipped.
    ///
    /// # Errors
    /// Those of `content`, as they came.
    fn member(
        &mut self,
        path: &[Vec<u8>],
        size: Option<u64>,
        content: &mut dyn Read,
    ) -> io::Result<()>;

    /// Something that was not looked at: a member, or with an empty path the rest of the archive itself.
    fn gap(&mut self, path: &[Vec<u8>], gap: ArchiveGap);
}

/// What a file turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visited {
    /// No archive; the sink was told nothing.
    Plain,
    /// An archive; all that is in it was handed to the sink, or told as a gap.
    Archive,
}

/// Goes into a file if it is an archive. `name` is its own name, from which that of compressed content is made.
///
/// # Errors
/// If the file itself can't be read at its beginning; whatever goes wrong further on is a gap.
pub fn visit_archive(
    name: &[u8],
    file: &mut (impl Read + Seek),
    limits: ArchiveLimits,
    run: &RunBudget,
    sink: &mut dyn ArchiveSink,
) -> io::Result<Visited> {
    let mut head = [0; HEAD_BYTES];
    file.rewind()?;
    let length = tar::fill(file, &mut head)?;
    let Some(kind) = Kind::of(head.get(..length).unwrap_or_default()) else {
        return Ok(Visited::Plain);
    };
    file.rewind()?;
    Visitor::new(limits, run, sink).whole(name, kind, file);
    Ok(Visited::Archive)
}
