//! The file of a backup of PostgreSQL: a line that says what it is, a line of JSON about the tables, their rows in frames,
//! and a digest of all that, without which a file that was cut off would pass for a whole one.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

/// What the file begins with.
const MAGIC: &str = "yagura postgres backup 1\n";

/// Stands in the place of a table's number before the digest.
const END: u32 = u32::MAX;

/// Bytes of one frame: a damaged length must not make a reader ask for all memory.
const FRAME_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Bytes of the line about tables.
const HEAD_BYTES_MAX: u64 = 1024 * 1024;

/// What an archive has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// Tables in the order in which they are written.
    pub(super) tables: Vec<TableHead>,
    /// Weeks that alerts have partitions for.
    pub(super) weeks: Vec<i64>,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TableHead {
    /// Its name.
    pub(super) name: String,
    /// Its columns, in the order of their values.
    pub(super) columns: Vec<String>,
}

/// Some rows of a table, in the text format of `COPY`; not always whole rows.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// Number of the table.
    pub(super) table: u32,
    /// The bytes.
    pub(super) bytes: Vec<u8>,
}

/// Writes an archive.
pub(super) struct Writer {
    file: BufWriter<File>,
    digest: Sha256,
}

impl Writer {
    pub(super) fn create(path: &Path, head: &Head) -> io::Result<Writer> {
        let file = File::options().write(true).open(path)?;
        let mut writer = Writer {
            file: BufWriter::new(file),
            digest: Sha256::new(),
        };
        writer.put(MAGIC.as_bytes())?;
        writer.put(serde_json::to_string(head)?.as_bytes())?;
        writer.put(b"\n")?;
        Ok(writer)
    }

    pub(super) fn frame(&mut self, frame: &Frame) -> io::Result<()> {
        for part in frame.bytes.chunks(FRAME_BYTES_MAX) {
            let length = u32::try_from(part.len()).map_err(io::Error::other)?;
            self.put(&frame.table.to_be_bytes())?;
            self.put(&length.to_be_bytes())?;
            self.put(part)?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.put(&END.to_be_bytes())?;
        let digest = self.digest.finalize();
        self.file.write_all(&digest)?;
        let file = self
            .file
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        file.sync_all()
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digest.update(bytes);
        self.file.write_all(bytes)
    }
}

/// Reads an archive.
pub(super) struct Reader {
    file: BufReader<File>,
    digest: Sha256,
}

impl Reader {
    pub(super) fn open(path: &Path) -> io::Result<(Head, Reader)> {
        let mut reader = Reader {
            file: BufReader::new(File::open(path)?),
            digest: Sha256::new(),
        };
        let mut magic = vec![0; MAGIC.len()];
        reader.take(&mut magic)?;
        if magic != MAGIC.as_bytes() {
            return Err(wrong("it does not begin like one"));
        }
        let mut line = Vec::new();
        let mut bounded = (&mut reader.file).take(HEAD_BYTES_MAX);
        bounded.read_until(b'\n', &mut line)?;
        reader.digest.update(&line);
        let head = serde_json::from_slice(&line)?;
        Ok((head, reader))
    }

    /// The next frame; `None` at the end, if the digest is right.
    pub(super) fn frame(&mut self) -> io::Result<Option<Frame>> {
        let mut word = [0; 4];
        self.take(&mut word)?;
        let table = u32::from_be_bytes(word);
        if table == END {
            let expected = self.digest.clone().finalize();
            let mut found = [0; 32];
            self.file.read_exact(&mut found)?;
            return if found[..] == expected[..] {
                Ok(None)
            } else {
                Err(wrong("its digest is another"))
            };
        }
        self.take(&mut word)?;
        let length = usize::try_from(u32::from_be_bytes(word)).map_err(io::Error::other)?;
        if length > FRAME_BYTES_MAX {
            return Err(wrong("a frame is too long"));
        }
        let mut bytes = vec![0; length];
        self.take(&mut bytes)?;
        Ok(Some(Frame { table, bytes }))
    }

    fn take(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.file.read_exact(bytes)?;
        self.digest.update(&*bytes);
        Ok(())
    }
}

fn wrong(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
