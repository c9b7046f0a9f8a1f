//! The archive that a kernel unpacks as its first file system.
//!
//! Source: Documentation/driver-api/early-userspace/buffer-format.rst of Linux 6.1.

use anyhow::{Context, Result};

/// Names and contents begin at multiples of this many bytes.
const ALIGNMENT: usize = 4;
const DIR_MODE: u32 = 0o040_755;
const PROGRAM_MODE: u32 = 0o100_755;

/// An archive in the making: folders before what is in them.
#[derive(Debug, Default)]
pub(super) struct Archive {
    bytes: Vec<u8>,
    entries: u32,
}

impl Archive {
    /// Adds a folder.
    pub(super) fn add_dir(&mut self, name: &str) {
        self.add(name, DIR_MODE, 0, &[]);
    }

    /// Adds a file that may be executed.
    ///
    /// # Errors
    /// It is too large for the format.
    pub(super) fn add_program(&mut self, name: &str, content: &[u8]) -> Result<()> {
        let size = u32::try_from(content.len()).with_context(|| format!("{name} is too large"))?;
        self.add(name, PROGRAM_MODE, size, content);
        Ok(())
    }

    /// Ends the archive.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.add("TRAILER!!!", 0, 0, &[]);
        self.bytes
    }

    fn add(&mut self, name: &str, mode: u32, size: u32, content: &[u8]) {
        self.entries += 1;
        let [inode, links] = [self.entries, 1];
        let name_size = name.len() + 1;
        self.bytes.extend_from_slice(b"070701");
        let owner_and_time = "0".repeat(8);
        let device_numbers = "0".repeat(4 * 8);
        let header = format!(
            "{inode:08x}{mode:08x}{owner_and_time}{owner_and_time}{links:08x}{owner_and_time}\
             {size:08x}{device_numbers}{name_size:08x}{:08x}",
            0
        );
        self.bytes.extend_from_slice(header.as_bytes());
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.align();
        self.bytes.extend_from_slice(content);
        self.align();
    }

    fn align(&mut self) {
        let size = self.bytes.len().next_multiple_of(ALIGNMENT);
        self.bytes.resize(size, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Size in bytes of an entry's header: a mark and thirteen numbers of eight hexadecimal digits.
    const HEADER_SIZE: usize = 6 + 13 * 8;

    #[test]
    fn entries_are_aligned_and_sized() {
        let mut archive = Archive::default();
        archive.add_dir("bin");
        archive.add_program("bin/a", b"hello").unwrap();
        let bytes = archive.finish();
        // Each name's end and each content's end is rounded up to four.
        let second = HEADER_SIZE + 6;
        let third = second + HEADER_SIZE + 6 + 8;
        for at in [0, second, third] {
            assert_eq!(&bytes[at..at + 6], b"070701", "{at}");
        }
        let number = |at: usize, index: usize| {
            let from = at + 6 + index * 8;
            let digits = std::str::from_utf8(&bytes[from..from + 8]).unwrap();
            u32::from_str_radix(digits, 16).unwrap()
        };
        assert_eq!(number(second, 1), PROGRAM_MODE);
        assert_eq!(number(second, 6), 5);
        assert_eq!(number(second, 11), 6);
        assert_eq!(bytes.len(), third + HEADER_SIZE + 14);
    }
}
