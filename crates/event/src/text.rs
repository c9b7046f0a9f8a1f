//! Text that an attacker may have written.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt::Write as _;

/// Bytes from a container (an argument, a path, a name), kept as they are.
///
/// Whatever shows them must go through [`Text::escaped`]: the bytes may hold terminal control
/// sequences, right-to-left marks, invalid UTF-8, or line ends.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Text(pub Vec<u8>);

impl Text {
    /// The bytes as given by the kernel or the runtime.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether there are no bytes at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text with every byte that could mislead a reader or a terminal written as `\xNN` or `\u{N}`.
    pub fn escaped(&self) -> Cow<'_, str> {
        escape(&self.0)
    }
}

impl From<&str> for Text {
    fn from(value: &str) -> Self {
        Text(value.as_bytes().to_vec())
    }
}

impl From<&[u8]> for Text {
    fn from(value: &[u8]) -> Self {
        Text(value.to_vec())
    }
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\"{}\"", self.escaped())
    }
}

/// Whether a character may be shown as it is. Control and invisible formatting characters may not: they can
/// move a terminal's cursor or reorder what a person reads (Unicode TR36, "bidirectional text spoofing").
fn is_plain(c: char) -> bool {
    !c.is_control()
        && !matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
        && c != '\\'
}

/// Writes bytes as text that is safe to show: valid UTF-8 stays, anything else becomes `\xNN` (a byte that is not
/// UTF-8), `\u{N}` (an unsafe character), `\n`, `\t`, `\r` or `\\`.
pub fn escape(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes)
        && text.chars().all(is_plain)
    {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                '\r' => out.push_str("\\r"),
                c if is_plain(c) => out.push(c),
                c if c.is_ascii() => {
                    let _ = write!(out, "\\x{:02x}", u32::from(c));
                }
                c => {
                    let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
                }
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_borrowed() {
        assert!(matches!(
            escape("/usr/bin/ls 日本".as_bytes()),
            Cow::Borrowed(_)
        ));
    }

    #[test]
    fn control_and_invisible_characters_are_written_out() {
        assert_eq!(escape(b"a\x1b[31mb\n\\"), "a\\x1b[31mb\\n\\\\");
        assert_eq!(escape("x\u{202e}y\u{85}".as_bytes()), "x\\u{202e}y\\u{85}");
        assert_eq!(escape(b"\xff\xfeok"), "\\xff\\xfeok");
    }
}
