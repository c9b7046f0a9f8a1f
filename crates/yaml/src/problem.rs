//! What can be wrong with a file before anybody asks what it means.

use crate::quote;
use std::fmt;

/// Why a file, or a part of it, is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The file is larger than the bound.
    TooLarge {
        /// Its size in bytes.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
    },
    /// A byte that is not part of any character.
    InvalidUtf8(u8),
    /// A character that YAML does not allow.
    ControlCharacter(char),
    /// Not YAML; the parser's words.
    Syntax(String),
    /// Lists and mappings are nested deeper than the bound.
    TooDeep(usize),
    /// More values than the bound.
    TooManyNodes(usize),
    /// An anchor.
    Anchor,
    /// An alias.
    Alias,
    /// A tag.
    Tag(String),
    /// A second document begins.
    ManyDocuments,
    /// A key of a mapping is a list or a mapping.
    KeyNotText,
    /// A key stands twice in one mapping.
    DuplicateKey(String),
}

impl Problem {
    /// What to do about it, where that does not depend on what the file is for.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Problem::InvalidUtf8(_) => Some("save the file as UTF-8"),
            Problem::ControlCharacter(_) => {
                Some("write it as an escape in a text in double quotes")
            }
            Problem::Anchor => Some("write the value out wherever it is needed"),
            Problem::Alias => Some("write the value out"),
            Problem::Tag(_) => Some("remove it"),
            Problem::DuplicateKey(_) => Some("remove one of them"),
            Problem::TooLarge { .. }
            | Problem::Syntax(_)
            | Problem::TooDeep(_)
            | Problem::TooManyNodes(_)
            | Problem::ManyDocuments
            | Problem::KeyNotText => None,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::TooLarge { bytes, bytes_max } => {
                write!(
                    f,
                    "the file has {bytes} bytes, at most {bytes_max} are read"
                )
            }
            Problem::InvalidUtf8(byte) => write!(f, "not UTF-8: byte 0x{byte:02x}"),
            Problem::ControlCharacter(c) => {
                write!(f, "control character U+{:04X}", u32::from(*c))
            }
            Problem::Syntax(what) => write!(f, "not YAML: {what}"),
            Problem::TooDeep(max) => write!(f, "nested more than {max} levels deep"),
            Problem::TooManyNodes(max) => write!(f, "more than {max} values in one file"),
            Problem::Anchor => f.write_str("anchors are not read"),
            Problem::Alias => f.write_str("aliases are not read"),
            Problem::Tag(tag) => write!(f, "the tag {} is not read", quote(tag)),
            Problem::ManyDocuments => f.write_str("a second document begins here"),
            Problem::KeyNotText => f.write_str("a key is a text"),
            Problem::DuplicateKey(key) => {
                write!(f, "{} stands twice in this mapping", quote(key))
            }
        }
    }
}
