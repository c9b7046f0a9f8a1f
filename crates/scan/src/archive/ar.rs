//! Members of an `ar` file, read as a stream: Debian packages and static libraries.
//!
//! Source: ar(5); deb(5).

use super::gap::damaged;
use super::limits::HEADER_BYTES_MAX;
use super::tar::{Member, fill};
use std::io::{self, Read};

const HEADER_BYTES: usize = 60;
/// Bytes in front of the first header.
const MAGIC_BYTES: usize = 8;

/// Reads an `ar` file from front to end.
#[derive(Debug)]
pub(super) struct ArReader<R> {
    reader: R,
    /// Bytes of the current member that were not read.
    left: u64,
    has_padding: bool,
    is_begun: bool,
    /// Names of more than 15 bytes, as GNU keeps them in a member of their own.
    long_names: Vec<u8>,
}

impl<R: Read> ArReader<R> {
    pub(super) fn new(reader: R) -> ArReader<R> {
        ArReader {
            reader,
            left: 0,
            has_padding: false,
            is_begun: false,
            long_names: Vec::new(),
        }
    }

    /// The next member, whose content is then read from this reader.
    ///
    /// # Errors
    /// Those of the reader; damaged headers.
    pub(super) fn next_member(&mut self) -> io::Result<Option<Member>> {
        if !self.is_begun {
            self.is_begun = true;
            self.reader.read_exact(&mut [0; MAGIC_BYTES])?;
        }
        loop {
            let rest = self.left.saturating_add(u64::from(self.has_padding));
            io::copy(&mut self.reader.by_ref().take(rest), &mut io::sink())?;
            let mut header = [0; HEADER_BYTES];
            match fill(&mut self.reader, &mut header)? {
                HEADER_BYTES => {}
                0 => return Ok(None),
                _ => return Err(damaged("it ends within a header")),
            }
            if !header.ends_with(b"`\n") {
                return Err(damaged("a header has a wrong end"));
            }
            let size = header.get(48..58).unwrap_or_default().trim_ascii();
            let size = decimal(size).ok_or_else(|| damaged("a size in a header is no number"))?;
            self.left = size;
            self.has_padding = size % 2 == 1;
            let name = header.get(..16).unwrap_or_default().trim_ascii_end();
            match name {
                b"//" => {
                    self.long_names = self.content(size)?;
                }
                // The symbol table.
                b"/" | b"/SYM64/" => {}
                name => {
                    let name = self.name(name)?;
                    let size = self.left;
                    return Ok(Some(Member { name, size }));
                }
            }
        }
    }

    fn content(&mut self, size: u64) -> io::Result<Vec<u8>> {
        if size > HEADER_BYTES_MAX as u64 {
            return Err(damaged("a header is too long"));
        }
        let mut content = Vec::new();
        self.by_ref().take(size).read_to_end(&mut content)?;
        Ok(content)
    }

    fn name(&mut self, name: &[u8]) -> io::Result<Vec<u8>> {
        // BSD puts long names in front of the content.
        if let Some(length) = name.strip_prefix(b"#1/").and_then(decimal) {
            let mut name = self.content(length)?;
            let end = name.iter().position(|byte| *byte == 0);
            name.truncate(end.unwrap_or(name.len()));
            return Ok(name);
        }
        if let Some(at) = name.strip_prefix(b"/").and_then(decimal) {
            let from = usize::try_from(at)
                .ok()
                .and_then(|at| self.long_names.get(at..));
            let line = from.unwrap_or_default().split(|byte| *byte == b'\n').next();
            let line = line.unwrap_or_default();
            return Ok(line.strip_suffix(b"/").unwrap_or(line).to_vec());
        }
        Ok(name.strip_suffix(b"/").unwrap_or(name).to_vec())
    }
}

impl<R: Read> Read for ArReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.reader.by_ref().take(self.left).read(buffer)?;
        if length == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(damaged("it ends within a member"));
        }
        self.left -= length as u64;
        Ok(length)
    }
}

fn decimal(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, content: &str) -> String {
        let padding = if content.len() % 2 == 1 { "\n" } else { "" };
        format!(
            "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n{content}{padding}",
            0,
            0,
            0,
            644,
            content.len()
        )
    }

    fn members(ar: &[u8]) -> io::Result<Vec<(String, String)>> {
        let mut reader = ArReader::new(ar);
        let mut found = Vec::new();
        while let Some(member) = reader.next_member()? {
            let mut content = String::new();
            reader.read_to_string(&mut content)?;
            found.push((String::from_utf8_lossy(&member.name).into_owned(), content));
        }
        Ok(found)
    }

    #[test]
    fn names_of_all_kinds_are_read() {
        let ar = [
            "!<arch>\n".to_owned(),
            member("/", "symbols"),
            member("//", "a_name_of_more_than_15.o/\n"),
            member("/0", "long"),
            member("short.o/", "odd"),
            member("#1/8", "bsd\0\0\0\0\0content"),
            member("debian-binary", "2.0\n"),
        ]
        .concat();
        let expected = [
            ("a_name_of_more_than_15.o", "long"),
            ("short.o", "odd"),
            ("bsd", "content"),
            ("debian-binary", "2.0\n"),
        ];
        let expected = expected.map(|(name, content)| (name.to_owned(), content.to_owned()));
        assert_eq!(members(ar.as_bytes()).expect("members"), expected);
    }

    #[test]
    fn what_is_cut_is_an_error() {
        let ar = ["!<arch>\n".to_owned(), member("a/", "content")].concat();
        assert_eq!(members(ar.as_bytes()).expect("whole").len(), 1);
        for length in [30, 60, 70] {
            assert!(members(&ar.as_bytes()[..length]).is_err(), "{length}");
        }
        let huge = format!("!<arch>\n{:<16}{:<32}{:<10}`\n", "//", 0, "9999999999");
        assert!(members(huge.as_bytes()).is_err());
    }
}
