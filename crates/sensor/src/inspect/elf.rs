//! Whether an ELF file is a program rather than a library.

use super::limits::{DYNAMIC_BYTES_MAX, PROGRAM_HEADERS_BYTES_MAX};
use std::fs::File;

/// Something that can be read anywhere.
pub(super) trait ReadAt {
    /// Reads up to the buffer's length from `offset`; zero at the end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<usize>;
}

impl ReadAt for File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, buffer, offset)
    }
}

// Source: System V ABI, "Object Files" and "Program Loading"; DF_1_PIE: glibc's elf.h.
const TYPE_EXECUTABLE: u16 = 2;
const TYPE_SHARED: u16 = 3;
const SEGMENT_DYNAMIC: u32 = 2;
const SEGMENT_INTERPRETER: u32 = 3;
const TAG_END: u64 = 0;
const TAG_FLAGS_1: u64 = 0x6fff_fffb;
const FLAG_1_PIE: u64 = 0x0800_0000;
/// In `e_phnum`: the number does not fit. The kernel reads it as the number itself, and so refuses the program.
const HEADERS_ELSEWHERE: u16 = 0xffff;

/// Whether the content is an ELF program: linked to a fixed address, naming a program interpreter, or marked as
/// position-independent executable. Whatever cannot be read as ELF is none.
pub(super) fn is_program(content: &dyn ReadAt) -> bool {
    decide(content).unwrap_or(false)
}

fn decide(content: &dyn ReadAt) -> Option<bool> {
    let header = Header::read(content)?;
    match header.layout.u16(&header.bytes, 16)? {
        TYPE_EXECUTABLE => return Some(true),
        TYPE_SHARED => {}
        _ => return Some(false),
    }
    let segments = header.segments(content)?;
    if segments
        .iter()
        .any(|segment| segment.kind == SEGMENT_INTERPRETER)
    {
        return Some(true);
    }
    Some(
        segments
            .iter()
            .filter(|segment| segment.kind == SEGMENT_DYNAMIC)
            .any(|segment| header.layout.is_marked_program(content, segment)),
    )
}

/// How numbers are laid out in a file.
#[derive(Debug, Clone, Copy)]
struct Layout {
    is_64: bool,
    is_little: bool,
}

impl Layout {
    fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let raw = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(match self.is_little {
            true => u16::from_le_bytes(raw),
            false => u16::from_be_bytes(raw),
        })
    }

    fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let raw = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(match self.is_little {
            true => u32::from_le_bytes(raw),
            false => u32::from_be_bytes(raw),
        })
    }

    /// A number as wide as an address.
    fn word(self, bytes: &[u8], at: usize) -> Option<u64> {
        if !self.is_64 {
            return self.u32(bytes, at).map(u64::from);
        }
        let raw = bytes.get(at..at.checked_add(8)?)?.try_into().ok()?;
        Some(match self.is_little {
            true => u64::from_le_bytes(raw),
            false => u64::from_be_bytes(raw),
        })
    }

    fn header_bytes(self) -> usize {
        if self.is_64 { 64 } else { 52 }
    }

    fn segment_bytes(self) -> u16 {
        if self.is_64 { 56 } else { 32 }
    }

    fn segment(self, bytes: &[u8]) -> Option<Segment> {
        let (offset_at, size_at) = if self.is_64 { (8, 32) } else { (4, 16) };
        Some(Segment {
            kind: self.u32(bytes, 0)?,
            offset: self.word(bytes, offset_at)?,
            size: self.word(bytes, size_at)?,
        })
    }

    /// Whether a dynamic section says that the file is a position-independent executable.
    fn is_marked_program(self, content: &dyn ReadAt, dynamic: &Segment) -> bool {
        let half = if self.is_64 { 8 } else { 4 };
        let bytes = read_up_to(content, dynamic.offset, dynamic.size.min(DYNAMIC_BYTES_MAX));
        bytes
            .chunks_exact(half * 2)
            .map_while(|entry| Some((self.word(entry, 0)?, self.word(entry, half)?)))
            .take_while(|(tag, _)| *tag != TAG_END)
            .any(|(tag, value)| tag == TAG_FLAGS_1 && value & FLAG_1_PIE != 0)
    }
}

/// The part of a program header that matters here.
#[derive(Debug)]
struct Segment {
    kind: u32,
    offset: u64,
    size: u64,
}

struct Header {
    layout: Layout,
    bytes: Vec<u8>,
}

impl Header {
    fn read(content: &dyn ReadAt) -> Option<Header> {
        let bytes = read_up_to(content, 0, 64);
        if !bytes.starts_with(b"\x7fELF") {
            return None;
        }
        let layout = Layout {
            is_64: *bytes.get(4)? == 2,
            is_little: *bytes.get(5)? != 2,
        };
        (bytes.len() >= layout.header_bytes()).then_some(Header { layout, bytes })
    }

    fn segments(&self, content: &dyn ReadAt) -> Option<Vec<Segment>> {
        let layout = self.layout;
        let (offset_at, size_at, count_at) = if layout.is_64 {
            (32, 54, 56)
        } else {
            (28, 42, 44)
        };
        let offset = layout.word(&self.bytes, offset_at)?;
        let size = layout.u16(&self.bytes, size_at)?;
        let count = layout.u16(&self.bytes, count_at)?;
        if size != layout.segment_bytes() || count == HEADERS_ELSEWHERE {
            return None;
        }
        let table_bytes = u64::from(size) * u64::from(count);
        let table = read_up_to(content, offset, table_bytes.min(PROGRAM_HEADERS_BYTES_MAX));
        table
            .chunks_exact(size.into())
            .map(|bytes| layout.segment(bytes))
            .collect()
    }
}

/// Bytes from `offset`, fewer than `length` where the content ends or cannot be read.
fn read_up_to(content: &dyn ReadAt, offset: u64, length: u64) -> Vec<u8> {
    let mut buffer = vec![0; usize::try_from(length).unwrap_or_default()];
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        let at = offset.saturating_add(filled as u64);
        match content.read_at(rest, at) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    buffer.truncate(filled);
    buffer
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    impl ReadAt for Vec<u8> {
        fn read_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
            let rest = usize::try_from(offset)
                .ok()
                .and_then(|offset| self.get(offset..))
                .unwrap_or_default();
            let count = rest.len().min(buffer.len());
            buffer[..count].copy_from_slice(&rest[..count]);
            Ok(count)
        }
    }

    /// A 64-bit little-endian file with one segment and a dynamic section behind it.
    fn elf64(kind: u16, segment: u32, dynamic: &[(u64, u64)]) -> Vec<u8> {
        let mut file = vec![0; 120];
        file[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        file[16..18].copy_from_slice(&kind.to_le_bytes());
        file[32..40].copy_from_slice(&64u64.to_le_bytes());
        file[54..56].copy_from_slice(&56u16.to_le_bytes());
        file[56..58].copy_from_slice(&1u16.to_le_bytes());
        file[64..68].copy_from_slice(&segment.to_le_bytes());
        file[72..80].copy_from_slice(&120u64.to_le_bytes());
        file[96..104].copy_from_slice(&(dynamic.len() as u64 * 16).to_le_bytes());
        for (tag, value) in dynamic {
            file.extend(tag.to_le_bytes());
            file.extend(value.to_le_bytes());
        }
        file
    }

    /// The same in 32 bits, big-endian.
    fn elf32(kind: u16, segment: u32, dynamic: &[(u32, u32)]) -> Vec<u8> {
        let mut file = vec![0; 84];
        file[..7].copy_from_slice(b"\x7fELF\x01\x02\x01");
        file[16..18].copy_from_slice(&kind.to_be_bytes());
        file[28..32].copy_from_slice(&52u32.to_be_bytes());
        file[42..44].copy_from_slice(&32u16.to_be_bytes());
        file[44..46].copy_from_slice(&1u16.to_be_bytes());
        file[52..56].copy_from_slice(&segment.to_be_bytes());
        file[56..60].copy_from_slice(&84u32.to_be_bytes());
        file[68..72].copy_from_slice(
            &u32::try_from(dynamic.len() * 8)
                .expect("small")
                .to_be_bytes(),
        );
        for (tag, value) in dynamic {
            file.extend(tag.to_be_bytes());
            file.extend(value.to_be_bytes());
        }
        file
    }

    #[test]
    fn files_of_this_machine_are_told_apart() {
        let is_program_at = |path: &str| is_program(&File::open(path).expect("file"));
        assert!(is_program_at("/bin/ls"));
        assert!(!is_program_at("/etc/passwd"));
        // The compiler's support library is mapped into this very test; unlike the C library it names no interpreter.
        let maps = std::fs::read_to_string("/proc/self/maps").expect("maps");
        let library = maps
            .split_whitespace()
            .find(|word| word.contains("/libgcc_s.so"))
            .expect("a library");
        assert!(!is_program_at(library));
    }

    #[test]
    fn type_interpreter_and_mark_make_a_program() {
        let pie = (TAG_FLAGS_1, FLAG_1_PIE | 1);
        assert!(is_program(&elf64(TYPE_EXECUTABLE, 1, &[])));
        assert!(is_program(&elf64(TYPE_SHARED, SEGMENT_INTERPRETER, &[])));
        assert!(is_program(&elf64(
            TYPE_SHARED,
            SEGMENT_DYNAMIC,
            &[(1, 5), pie]
        )));
        assert!(!is_program(&elf64(
            TYPE_SHARED,
            SEGMENT_DYNAMIC,
            &[(0, 0), pie]
        )));
        assert!(!is_program(&elf64(
            TYPE_SHARED,
            SEGMENT_DYNAMIC,
            &[(TAG_FLAGS_1, 1)]
        )));
        assert!(!is_program(&elf64(1, SEGMENT_INTERPRETER, &[])));
    }

    #[test]
    fn narrow_and_big_endian_files_are_read() {
        let pie = (0x6fff_fffb, 0x0800_0000);
        assert!(is_program(&elf32(TYPE_EXECUTABLE, 1, &[])));
        assert!(is_program(&elf32(TYPE_SHARED, SEGMENT_INTERPRETER, &[])));
        assert!(is_program(&elf32(TYPE_SHARED, SEGMENT_DYNAMIC, &[pie])));
        assert!(!is_program(&elf32(TYPE_SHARED, SEGMENT_DYNAMIC, &[(1, 1)])));
    }

    #[test]
    fn offsets_beyond_the_file_make_no_program() {
        let mut file = elf64(TYPE_SHARED, SEGMENT_DYNAMIC, &[(TAG_FLAGS_1, FLAG_1_PIE)]);
        file[72..80].copy_from_slice(&u64::MAX.to_le_bytes());
        file[96..104].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(!is_program(&file));
        file[32..40].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(!is_program(&file));
    }

    proptest! {
        #[test]
        fn no_content_makes_it_panic(
            mut bytes in proptest::collection::vec(any::<u8>(), 0..400),
            is_elf in any::<bool>(),
        ) {
            if is_elf {
                bytes.splice(..bytes.len().min(4), *b"\x7fELF");
            }
            is_program(&bytes);
        }

        #[test]
        fn no_change_to_a_file_makes_it_panic(at in 4usize..152, value in any::<u8>()) {
            let mut file = elf64(TYPE_SHARED, SEGMENT_DYNAMIC, &[(1, 5), (TAG_FLAGS_1, FLAG_1_PIE)]);
            file[at] = value;
            is_program(&file);
        }
    }
}
