//! The capture format: eight bytes of magic, two of version, then one zstd stream of frames. A frame is its length
//! (four bytes, little endian) and its content in postcard's wire format; the first is the header.

use serde::{Deserialize, Serialize};
use std::io::{BufReader, Read, Write};
use yagura_event::{
    ContainerFact, ContainerKey, DenialEvent, DenialRule, Inspection, KernelEvent, MonotonicNs,
    Node, ScanAnswer, Text,
};

const MAGIC: [u8; 8] = *b"YAGURACP";

/// The version this program writes. Other versions are refused with their number.
pub const VERSION: u16 = 2;

/// Bytes of one frame. Stops a damaged or hostile length from asking for memory.
const FRAME_BYTES_MAX: usize = 1 << 20;
/// Compression level: the fastest that still halves the size.
const LEVEL: i32 = 1;

/// What a recording was made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptureHeader {
    /// The node as configured then.
    pub node: Node,
    /// Version of the program that recorded it.
    pub program_version: String,
    /// Wall time minus monotonic time at the start, in nanoseconds.
    pub wall_minus_monotonic_ns: i64,
}

/// One input of the pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Recorded {
    /// A record of the kernel side.
    Kernel(KernelEvent),
    /// News about a container.
    Container(Box<ContainerFact>),
    /// What reading a file said.
    Inspection(Inspection),
    /// The clock was set: wall time minus monotonic time in nanoseconds.
    Clock(i64),
    /// Time passed.
    Tick(MonotonicNs),
    /// A container made that many calls more than are reported.
    Flood(ContainerKey, u64),
    /// What scanning a file said.
    Scanned(Box<ScanAnswer>),
    /// What was found in a file of a container's image, or of the image by a list.
    ImageFinding(ContainerKey, Text, Box<ScanAnswer>),
    /// A process was kept from something; with the rule, where it was known.
    Denied(Box<DenialEvent>, Option<DenialRule>),
}

/// Why a recording cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The file does not begin as a recording does.
    #[error("this is not a Yagura recording")]
    NotACapture,
    /// The recording has another version.
    #[error("recording has version {0}, this program reads version {VERSION}")]
    Version(u16),
    /// Reading or writing failed, or the recording ends in the middle.
    #[error("recording cannot be read or written")]
    Io(#[from] std::io::Error),
    /// A frame is larger than any that is written.
    #[error("frame {frame} claims {bytes} bytes, more than {FRAME_BYTES_MAX}")]
    FrameTooLarge {
        /// Position of the frame, the header is 0.
        frame: u64,
        /// What it claims.
        bytes: u64,
    },
    /// A frame does not hold what it should.
    #[error("frame {frame} is damaged")]
    Frame {
        /// Position of the frame, the header is 0.
        frame: u64,
        /// What was wrong.
        source: postcard::Error,
    },
}

/// Writes a recording.
pub struct CaptureWriter<W: Write> {
    stream: zstd::Encoder<'static, W>,
    frame: Vec<u8>,
    frames: u64,
}

impl<W: Write> std::fmt::Debug for CaptureWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CaptureWriter")
            .field("frames", &self.frames)
            .finish_non_exhaustive()
    }
}

impl<W: Write> CaptureWriter<W> {
    /// Begins a recording.
    ///
    /// # Errors
    /// If writing fails.
    pub fn new(mut file: W, header: &CaptureHeader) -> Result<Self, CaptureError> {
        file.write_all(&MAGIC)?;
        file.write_all(&VERSION.to_le_bytes())?;
        let mut stream = zstd::Encoder::new(file, LEVEL)?;
        // A changed bit can decompress to something else that looks whole: only this tells.
        stream.include_checksum(true)?;
        let mut writer = CaptureWriter {
            stream,
            frame: Vec::new(),
            frames: 0,
        };
        writer.put(header)?;
        Ok(writer)
    }

    /// Appends one input.
    ///
    /// # Errors
    /// If writing fails, or the input is larger than a frame may be.
    pub fn write(&mut self, input: &Recorded) -> Result<(), CaptureError> {
        self.put(input)
    }

    fn put(&mut self, content: &impl Serialize) -> Result<(), CaptureError> {
        let frame = self.frames;
        self.frame.clear();
        self.frame = postcard::to_extend(content, std::mem::take(&mut self.frame))
            .map_err(|source| CaptureError::Frame { frame, source })?;
        let bytes = u32::try_from(self.frame.len()).unwrap_or(u32::MAX);
        if self.frame.len() > FRAME_BYTES_MAX {
            return Err(CaptureError::FrameTooLarge {
                frame,
                bytes: u64::from(bytes),
            });
        }
        self.stream.write_all(&bytes.to_le_bytes())?;
        self.stream.write_all(&self.frame)?;
        self.frames += 1;
        Ok(())
    }

    /// Ends the recording; one that was not finished is read up to where it was cut.
    ///
    /// # Errors
    /// If writing fails.
    pub fn finish(self) -> Result<W, CaptureError> {
        Ok(self.stream.finish()?)
    }
}

/// Reads a recording, one input after the other.
pub struct CaptureReader<R: Read> {
    stream: zstd::Decoder<'static, BufReader<R>>,
    header: CaptureHeader,
    frame: Vec<u8>,
    frames: u64,
    ended: bool,
}

impl<R: Read> std::fmt::Debug for CaptureReader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CaptureReader")
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}

impl<R: Read> CaptureReader<R> {
    /// Opens a recording.
    ///
    /// # Errors
    /// If it is none, is of another version, or its header is damaged.
    pub fn new(mut file: R) -> Result<Self, CaptureError> {
        let mut start = [0u8; 10];
        file.read_exact(&mut start)
            .map_err(|_| CaptureError::NotACapture)?;
        let [magic @ .., low, high] = start;
        if magic != MAGIC {
            return Err(CaptureError::NotACapture);
        }
        let version = u16::from_le_bytes([low, high]);
        if version != VERSION {
            return Err(CaptureError::Version(version));
        }
        let mut stream = zstd::Decoder::new(file)?;
        let mut frame = Vec::new();
        let end_of_file = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
        if !read_frame(&mut stream, &mut frame, 0)? {
            return Err(CaptureError::Io(end_of_file()));
        }
        let header = decode(&frame, 0)?;
        Ok(CaptureReader {
            stream,
            header,
            frame,
            frames: 1,
            ended: false,
        })
    }

    /// What the recording was made of.
    pub fn header(&self) -> &CaptureHeader {
        &self.header
    }

    fn read(&mut self) -> Result<Option<Recorded>, CaptureError> {
        if !read_frame(&mut self.stream, &mut self.frame, self.frames)? {
            return Ok(None);
        }
        let input = decode(&self.frame, self.frames)?;
        self.frames += 1;
        Ok(Some(input))
    }
}

impl<R: Read> Iterator for CaptureReader<R> {
    type Item = Result<Recorded, CaptureError>;

    /// The next input; after an error or the end, nothing more.
    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.read().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

/// Reads one frame; `false` at the end of the stream.
fn read_frame(
    stream: &mut impl Read,
    frame: &mut Vec<u8>,
    number: u64,
) -> Result<bool, CaptureError> {
    let mut length = [0u8; 4];
    let mut have = 0;
    while let Some(rest) = length.get_mut(have..).filter(|rest| !rest.is_empty()) {
        match stream.read(rest) {
            Ok(0) if have == 0 => return Ok(false),
            Ok(0) => return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into()),
            Ok(count) => have += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    let bytes = u32::from_le_bytes(length);
    let too_large = CaptureError::FrameTooLarge {
        frame: number,
        bytes: u64::from(bytes),
    };
    let Ok(size) = usize::try_from(bytes) else {
        return Err(too_large);
    };
    if size > FRAME_BYTES_MAX {
        return Err(too_large);
    }
    frame.clear();
    frame.resize(size, 0);
    stream.read_exact(frame)?;
    Ok(true)
}

fn decode<'a, T: Deserialize<'a>>(frame: &'a [u8], number: u64) -> Result<T, CaptureError> {
    postcard::from_bytes(frame).map_err(|source| CaptureError::Frame {
        frame: number,
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use yagura_event::{ExecEvent, ExitEvent};

    fn header() -> CaptureHeader {
        CaptureHeader {
            node: Node::default(),
            program_version: "0".to_owned(),
            wall_minus_monotonic_ns: 5,
        }
    }

    fn record(inputs: &[Recorded]) -> Vec<u8> {
        let mut writer = CaptureWriter::new(Vec::new(), &header()).unwrap();
        for input in inputs {
            writer.write(input).unwrap();
        }
        writer.finish().unwrap()
    }

    fn some_inputs() -> Vec<Recorded> {
        let exec = ExecEvent {
            argv: vec!["sh".into(), "\u{1b}[2J".into()],
            ..ExecEvent::default()
        };
        vec![
            Recorded::Kernel(KernelEvent::Exec(Box::new(exec))),
            Recorded::Kernel(KernelEvent::Exit(ExitEvent::default())),
            Recorded::Clock(-3),
            Recorded::Tick(MonotonicNs(9)),
        ]
    }

    #[test]
    fn what_was_written_is_read() {
        let bytes = record(&some_inputs());
        let reader = CaptureReader::new(bytes.as_slice()).unwrap();
        assert_eq!(reader.header(), &header());
        assert_eq!(
            reader.map(Result::unwrap).collect::<Vec<_>>(),
            some_inputs()
        );
    }

    #[test]
    fn other_files_and_versions_are_refused() {
        assert!(matches!(
            CaptureReader::new(&b"hello"[..]),
            Err(CaptureError::NotACapture)
        ));
        let mut bytes = record(&[]);
        bytes[8] = 7;
        assert!(matches!(
            CaptureReader::new(bytes.as_slice()),
            Err(CaptureError::Version(7))
        ));
    }

    #[test]
    fn a_cut_recording_gives_an_error_once_and_then_ends() {
        let bytes = record(&some_inputs());
        let reader = CaptureReader::new(&bytes[..bytes.len() - 4]);
        if let Ok(reader) = reader {
            let results: Vec<_> = reader.collect();
            assert_eq!(results.iter().filter(|result| result.is_err()).count(), 1);
            assert!(results.last().is_some_and(Result::is_err));
        }
    }

    proptest! {
        #[test]
        fn damaged_recordings_never_panic(mut bytes in Just(record(&some_inputs())), at in 10usize..60, value: u8) {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
            if let Ok(reader) = CaptureReader::new(bytes.as_slice()) {
                let _ = reader.take(100).count();
            }
        }
    }
}
