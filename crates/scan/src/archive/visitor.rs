//! Going from archive to archive.

use super::ArchiveSink;
use super::ar::ArReader;
use super::gap::ArchiveGap;
use super::kind::{HEAD_BYTES, Kind};
use super::limits::{
    ArchiveLimits, BOMBS_MAX, GAPS_MAX, STREAM_HELD_BYTES_MAX, ZSTD_DEPTH_MAX, ZSTD_WINDOW_LOG_MAX,
};
use super::ration::{Counted, Ration, Rationed, RunBudget, UntilError, decompressed};
use super::tar::{TarReader, fill};
use super::zip::{Entry, Method, ZipReader};
use flate2::read::{DeflateDecoder, MultiGzDecoder};
use std::io::{self, BufReader, Cursor, Read, Seek};
use std::rc::Rc;

/// A reader that can go back, which zip files need.
pub(super) trait ReadSeek: Read + Seek {}
impl<T: Read + Seek> ReadSeek for T {}

/// Name of compressed content where the file's own name tells none.
const CONTENT_NAME: &[u8] = b"content";
/// Layers of images say by empty files of such names that a lower layer's file is gone.
const WHITEOUT: &[u8] = b".wh.";

/// An archive's bytes.
enum Input<'i> {
    Whole(&'i mut dyn ReadSeek),
    Stream(&'i mut dyn Read),
}

impl Read for Input<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Input::Whole(reader) => reader.read(buffer),
            Input::Stream(reader) => reader.read(buffer),
        }
    }
}

/// A member of a zip file as it is read.
enum Unpacked<'a, R: Read> {
    Stored(Rationed<'a, R>),
    Deflated(Rationed<'a, DeflateDecoder<Counted<R>>>),
    Zstd(Rationed<'a, ZstdDecoder<Counted<R>>>),
}

impl<R: Read> Unpacked<'_, R> {
    fn reader(&mut self) -> &mut dyn Read {
        match self {
            Unpacked::Stored(reader) => reader,
            Unpacked::Deflated(reader) => reader,
            Unpacked::Zstd(reader) => reader,
        }
    }
}

/// A visit to one archive on disk.
pub(super) struct Visitor<'a> {
    limits: ArchiveLimits,
    ration: Rc<Ration<'a>>,
    sink: &'a mut dyn ArchiveSink,
    /// Names of the archives that are open, and of the member.
    path: Vec<Vec<u8>>,
    depth: usize,
    zstd_depth: u32,
    members: u64,
    held_bytes: usize,
    bombs: u32,
    gaps: u32,
    is_over: bool,
}

impl<'a> Visitor<'a> {
    pub(super) fn new(
        limits: ArchiveLimits,
        run: &'a RunBudget,
        sink: &'a mut dyn ArchiveSink,
    ) -> Visitor<'a> {
        Visitor {
            limits,
            ration: Ration::new(limits, run),
            sink,
            path: Vec::new(),
            depth: 0,
            zstd_depth: 0,
            members: 0,
            held_bytes: 0,
            bombs: 0,
            gaps: 0,
            is_over: false,
        }
    }

    /// The archive on disk.
    pub(super) fn whole(&mut self, name: &[u8], kind: Kind, file: &mut dyn ReadSeek) {
        let name = name.rsplit(|byte| *byte == b'/').next().unwrap_or(name);
        let done = match kind {
            // Members of these lie there as they are: reading them costs what decompressing does elsewhere.
            Kind::Tar | Kind::Ar => {
                let mut reader = Rationed::plain(BufReader::new(file), &self.ration);
                self.archive(name, kind, Input::Stream(&mut reader))
            }
            kind => self.archive(name, kind, Input::Whole(file)),
        };
        self.settle(done);
    }

    /// What is in an archive; its name is that of the member or file that it is.
    fn archive(&mut self, name: &[u8], kind: Kind, input: Input<'_>) -> io::Result<()> {
        if let Kind::Closed(form) = kind {
            self.gap(ArchiveGap::Form { form });
            return Ok(());
        }
        if self.depth >= self.limits.depth_max {
            let depth_max = self.limits.depth_max;
            self.gap(ArchiveGap::Depth { depth_max });
            return Ok(());
        }
        self.depth += 1;
        let done = match (kind, input) {
            (Kind::Gzip, input) => self.gzip(name, input),
            (Kind::Zstd, input) => self.zstd(name, input),
            (Kind::Tar, input) => self.tar(input),
            (Kind::Ar, input) => self.ar(input),
            (Kind::Zip, Input::Whole(file)) => self.zip(file),
            (Kind::Zip, Input::Stream(_)) => {
                let bytes_max = self.limits.held_bytes_max;
                Err(ArchiveGap::Held { bytes_max }.into())
            }
            (Kind::Closed(_), _) => Ok(()),
        };
        self.depth -= 1;
        done
    }

    fn gzip(&mut self, name: &[u8], input: Input<'_>) -> io::Result<()> {
        let ration = Rc::clone(&self.ration);
        let mut content = decompressed(input, &ration, |input| Ok(MultiGzDecoder::new(input)))?;
        self.unwrapped(name, &mut content)
    }

    fn zstd(&mut self, name: &[u8], input: Input<'_>) -> io::Result<()> {
        if self.zstd_depth >= ZSTD_DEPTH_MAX {
            let depth_max = ZSTD_DEPTH_MAX as usize;
            return Err(ArchiveGap::Depth { depth_max }.into());
        }
        let ration = Rc::clone(&self.ration);
        let mut content = decompressed(input, &ration, zstd_decoder)?;
        self.zstd_depth += 1;
        let done = self.unwrapped(name, &mut content);
        self.zstd_depth -= 1;
        done
    }

    /// Decompressed content: an archive of the same name, or the one member.
    fn unwrapped(&mut self, name: &[u8], content: &mut dyn Read) -> io::Result<()> {
        let (head, rest) = Head::of(content);
        let mut content = head.bytes().chain(rest);
        match Kind::of(head.bytes()) {
            Some(kind @ (Kind::Tar | Kind::Ar)) => {
                self.archive(name, kind, Input::Stream(&mut content))
            }
            _ => self.member(decompressed_name(name), None, &mut content),
        }
    }

    fn tar(&mut self, input: Input<'_>) -> io::Result<()> {
        let mut reader = TarReader::new(input);
        while let Some(member) = reader.next_member()? {
            let base = member.name.rsplit(|byte| *byte == b'/').next();
            if base.is_some_and(|base| base.starts_with(WHITEOUT)) && member.size == 0 {
                continue;
            }
            self.member(member.name, Some(member.size), &mut reader)?;
        }
        Ok(())
    }

    fn ar(&mut self, input: Input<'_>) -> io::Result<()> {
        let mut reader = ArReader::new(input);
        while let Some(member) = reader.next_member()? {
            self.member(member.name, Some(member.size), &mut reader)?;
        }
        Ok(())
    }

    fn zip(&mut self, file: &mut dyn ReadSeek) -> io::Result<()> {
        let mut reader = ZipReader::new(file)?;
        while let Some(entry) = reader.next_entry()? {
            self.ration.check()?;
            match entry.is_directory() {
                true => self.count()?,
                false => self.zip_member(&mut reader, entry)?,
            }
        }
        Ok(())
    }

    /// Fails only where everything ends.
    fn zip_member(
        &mut self,
        reader: &mut ZipReader<&mut dyn ReadSeek>,
        entry: Entry,
    ) -> io::Result<()> {
        let ration = Rc::clone(&self.ration);
        let size = Some(entry.size);
        let opened = entry.method().and_then(|method| {
            let packed = reader.packed(&entry)?;
            Ok(match method {
                Method::Stored => Unpacked::Stored(Rationed::plain(packed, &ration)),
                Method::Deflated => {
                    let decoder = |packed| Ok(DeflateDecoder::new(packed));
                    Unpacked::Deflated(decompressed(packed, &ration, decoder)?)
                }
                Method::Zstd => Unpacked::Zstd(decompressed(packed, &ration, |packed| {
                    zstd_decoder(packed)
                })?),
            })
        });
        match opened {
            Ok(mut content) => self.member(entry.name, size, content.reader()),
            Err(gap) => {
                self.count()?;
                self.path.push(entry.name);
                self.gap(gap);
                self.path.pop();
                Ok(())
            }
        }
    }

    /// A member: handed to the sink, and gone into if it is an archive. What goes wrong inside it is a gap of its own;
    /// this fails only where everything ends.
    fn member(
        &mut self,
        name: Vec<u8>,
        size: Option<u64>,
        content: &mut dyn Read,
    ) -> io::Result<()> {
        self.count()?;
        self.path.push(name);
        let done = self.inspect(size, content);
        self.settle(done);
        self.path.pop();
        match self.is_over {
            // Told already; nothing more is read.
            true => Err(ArchiveGap::Stopped.into()),
            false => Ok(()),
        }
    }

    /// Counts a member.
    fn count(&mut self) -> io::Result<()> {
        let members_max = self.limits.members_max;
        self.members += 1;
        match self.members > members_max {
            true => Err(ArchiveGap::Members { members_max }.into()),
            false => Ok(()),
        }
    }

    fn inspect(&mut self, size: Option<u64>, content: &mut dyn Read) -> io::Result<()> {
        let (head, rest) = Head::of(content);
        let mut content = head.bytes().chain(rest);
        let name = self.path.last().cloned().unwrap_or_default();
        match Kind::of(head.bytes()) {
            None => self.sink.member(&self.path, size, &mut content),
            Some(Kind::Closed(form)) => {
                self.sink.member(&self.path, size, &mut content)?;
                self.gap(ArchiveGap::Form { form });
                Ok(())
            }
            Some(kind) => self.nested(&name, kind, size, &mut content),
        }
    }

    /// An archive in an archive: held in memory to be looked at as a whole too, if it is small enough.
    fn nested(
        &mut self,
        name: &[u8],
        kind: Kind,
        size: Option<u64>,
        content: &mut dyn Read,
    ) -> io::Result<()> {
        let room = self.limits.held_bytes_max - self.held_bytes;
        let bytes_max = match kind {
            Kind::Zip => room,
            _ => room.min(STREAM_HELD_BYTES_MAX),
        };
        let bound = u64::try_from(bytes_max).unwrap_or(u64::MAX);
        if size.is_some_and(|size| size > bound) {
            return self.archive(name, kind, Input::Stream(content));
        }
        let mut held = Vec::new();
        // What is there of one that can't be read to its end is looked at all the same.
        let read = content.take(bound.saturating_add(1)).read_to_end(&mut held);
        if held.len() > bytes_max {
            let mut content = held.as_slice().chain(content);
            return self.archive(name, kind, Input::Stream(&mut content));
        }
        let length = held.len();
        self.held_bytes += length;
        let looked_at = self
            .sink
            .member(&self.path, Some(length as u64), &mut held.as_slice());
        let done = looked_at
            .and_then(|()| self.archive(name, kind, Input::Whole(&mut Cursor::new(&held))));
        self.held_bytes -= length;
        done.and(read.map(drop))
    }

    /// Tells what stopped an archive, and whether everything ends with it.
    fn settle(&mut self, done: io::Result<()>) {
        let Err(error) = done else { return };
        if self.is_over {
            return;
        }
        let gap = ArchiveGap::from(error);
        self.is_over = gap.is_the_end();
        if matches!(gap, ArchiveGap::Ratio { .. } | ArchiveGap::Overlap) {
            self.bombs += 1;
        }
        match self.is_over {
            // It is about all that is left, not about the member that it happened in.
            true => self.gap_of_all(gap),
            false => self.gap(gap),
        }
        if self.bombs >= BOMBS_MAX && !self.is_over {
            self.is_over = true;
            self.gap_of_all(ArchiveGap::Bombs);
        }
    }

    fn gap_of_all(&mut self, gap: ArchiveGap) {
        let path = std::mem::take(&mut self.path);
        self.gap(gap);
        self.path = path;
    }

    fn gap(&mut self, gap: ArchiveGap) {
        self.gaps += 1;
        match self.gaps.cmp(&GAPS_MAX) {
            std::cmp::Ordering::Less => self.sink.gap(&self.path, gap),
            std::cmp::Ordering::Equal => self.sink.gap(&[], ArchiveGap::More),
            std::cmp::Ordering::Greater => {}
        }
    }
}

/// The beginning of something that is read.
struct Head {
    bytes: [u8; HEAD_BYTES],
    length: usize,
}

impl Head {
    /// Reads the beginning. An error that comes before enough was read comes again, behind it.
    fn of(content: &mut dyn Read) -> (Head, Rest<'_>) {
        let mut head = Head {
            bytes: [0; HEAD_BYTES],
            length: 0,
        };
        let mut until_error = UntilError::new(&mut *content);
        let filled = fill(&mut until_error, &mut head.bytes);
        let error = until_error.into_error();
        head.length = filled.unwrap_or_default();
        (head, Rest { error, content })
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// What is behind the beginning.
struct Rest<'r> {
    error: Option<io::Error>,
    content: &'r mut dyn Read,
}

impl Read for Rest<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.error.take() {
            Some(error) => Err(error),
            None => self.content.read(buffer),
        }
    }
}

type ZstdDecoder<R> = zstd::stream::read::Decoder<'static, BufReader<R>>;

fn zstd_decoder<R: Read>(input: R) -> io::Result<ZstdDecoder<R>> {
    let mut decoder = zstd::stream::read::Decoder::new(input)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
    Ok(decoder)
}

/// The name that compressed content had.
fn decompressed_name(name: &[u8]) -> Vec<u8> {
    let base = name.rsplit(|byte| *byte == b'/').next().unwrap_or(name);
    let endings: [&[u8]; 4] = [b".gz", b".zst", b".GZ", b".gzip"];
    endings
        .iter()
        .find_map(|ending| base.strip_suffix(*ending))
        .filter(|name| !name.is_empty())
        .unwrap_or(CONTENT_NAME)
        .to_vec()
}
