//! Patterns for paths of programs: a base name, a whole path, or either with wildcards.
//!
//! Matching is on bytes and case-sensitive: a path is not text. `*` stands for any bytes, `/` among them, and `?` for
//! one byte.

use crate::limits::PATTERN_BYTES_MAX;
use std::fmt;
use thiserror::Error;

/// How the path of an anonymous memory file is written. Its name is chosen freely by the process that made it, so it
/// must never pass for a path.
const MEMFD_PREFIX: &[u8] = b"memfd:";

/// A pattern for the path of a program.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PathPattern {
    text: String,
    whole_path: bool,
    wildcard: bool,
}

/// Why a text is no pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidPattern {
    /// Nothing is there.
    #[error("a pattern can't be empty")]
    Empty,
    /// The text is longer than any path.
    #[error("a pattern has at most {PATTERN_BYTES_MAX} bytes")]
    TooLong,
    /// A NUL, which no path holds.
    #[error("a pattern can't hold U+0000: no path does")]
    Nul,
    /// Paths are absolute, so the pattern would never match.
    #[error("a pattern with a slash is compared with the whole path, which begins with /")]
    RelativePath,
    /// The base name of a path is never empty.
    #[error("a pattern that ends in a slash names a directory, not a program")]
    Directory,
}

impl PathPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`InvalidPattern`] if the text is empty or too long, or could never match a path.
    pub fn new(text: &str) -> Result<PathPattern, InvalidPattern> {
        if text.is_empty() {
            return Err(InvalidPattern::Empty);
        }
        if text.len() > PATTERN_BYTES_MAX {
            return Err(InvalidPattern::TooLong);
        }
        if text.contains('\0') {
            return Err(InvalidPattern::Nul);
        }
        let whole_path = text.contains('/');
        if whole_path && !text.starts_with(['/', '*', '?']) {
            return Err(InvalidPattern::RelativePath);
        }
        if text.ends_with('/') {
            return Err(InvalidPattern::Directory);
        }
        Ok(PathPattern {
            text: text.to_owned(),
            whole_path,
            wildcard: text.contains(['*', '?']),
        })
    }

    /// The pattern as it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the pattern is compared with the whole path rather than with the base name.
    pub fn is_whole_path(&self) -> bool {
        self.whole_path
    }

    /// Whether the path of a program matches. A whole path must be absolute: the freely chosen name of an anonymous
    /// memory file is compared as a base name only.
    pub fn matches(&self, path: &[u8]) -> bool {
        let pattern = self.text.as_bytes();
        let subject = if self.whole_path {
            if !path.starts_with(b"/") {
                return false;
            }
            path
        } else {
            base_name(path)
        };
        if self.wildcard {
            wildcard_matches(pattern, subject)
        } else {
            pattern == subject
        }
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&yagura_event::escape(self.text.as_bytes()))
    }
}

/// Whether a path matches a text that stands in a kernel row: the meaning is that of [`PathPattern`], for any text.
pub(crate) fn text_matches(text: &str, path: &[u8]) -> bool {
    let subject = if text.contains('/') {
        if !path.starts_with(b"/") {
            return false;
        }
        path
    } else {
        base_name(path)
    };
    wildcard_matches(text.as_bytes(), subject)
}

/// A pattern for references of images, compared with the whole reference as the user wrote it. `*` stands for any
/// bytes and `?` for one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ImagePattern(String);

impl ImagePattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`InvalidPattern`] if the text is empty, too long, or holds a NUL.
    pub fn new(text: &str) -> Result<ImagePattern, InvalidPattern> {
        if text.is_empty() {
            Err(InvalidPattern::Empty)
        } else if text.len() > PATTERN_BYTES_MAX {
            Err(InvalidPattern::TooLong)
        } else if text.contains('\0') {
            Err(InvalidPattern::Nul)
        } else {
            Ok(ImagePattern(text.to_owned()))
        }
    }

    /// The pattern as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a reference matches.
    pub fn matches(&self, image: &str) -> bool {
        wildcard_matches(self.0.as_bytes(), image.as_bytes())
    }
}

impl fmt::Display for ImagePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&yagura_event::escape(self.0.as_bytes()))
    }
}

/// The last component of a path, or the name of an anonymous memory file.
fn base_name(path: &[u8]) -> &[u8] {
    let path = path.strip_prefix(MEMFD_PREFIX).unwrap_or(path);
    path.rsplit(|&byte| byte == b'/').next().unwrap_or(path)
}

/// Matches with `*` and `?`. A mismatch goes back to the latest `*` alone, never to an earlier one, so the time is at
/// most the product of both lengths; a pattern of many stars can't make it explode.
fn wildcard_matches(pattern: &[u8], subject: &[u8]) -> bool {
    let (mut p, mut s) = (0, 0);
    // Where to go on after the latest star took one byte more: the pattern behind it, and the subject.
    let mut retry: Option<(usize, usize)> = None;
    while let Some(&byte) = subject.get(s) {
        match pattern.get(p) {
            Some(b'*') => {
                p += 1;
                retry = Some((p, s));
            }
            Some(&wanted) if wanted == b'?' || wanted == byte => {
                p += 1;
                s += 1;
            }
            _ => match &mut retry {
                Some((behind_star, start)) => {
                    *start += 1;
                    (p, s) = (*behind_star, *start);
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches(pattern: &str, path: &str) -> bool {
        PathPattern::new(pattern).unwrap().matches(path.as_bytes())
    }

    #[test]
    fn plain_names_equal_the_base_name() {
        assert!(matches("dev1.exe", "/tmp/dev1.exe"));
        assert!(!matches("dev1.exe", "/tmp/dev1.exe.bak"));
        assert!(!matches("dev1.exe", "/tmp/dev1.exe/x"));
        assert!(!matches("Dev1.exe", "/tmp/dev1.exe"));
    }

    #[test]
    fn leading_slash_means_the_whole_path() {
        assert!(matches("/opt/tool", "/opt/tool"));
        assert!(!matches("/opt/tool", "/srv/opt/tool"));
    }

    #[test]
    fn wildcards_span_the_base_name_or_the_path() {
        assert!(matches("dev?.exe", "/tmp/dev1.exe"));
        assert!(matches("*.so", "/a/b/c.so"));
        assert!(!matches("t*p", "/tmp/x"));
        assert!(matches("/opt/*/bin/*", "/opt/a/b/bin/tool"));
        assert!(matches("*/bin/t?ol", "/opt/bin/tool"));
        assert!(!matches("/opt/*.bin", "/opt/a.bin.txt"));
    }

    #[test]
    fn names_of_memory_files_never_pass_for_paths() {
        assert!(!matches("/usr/bin/dpkg", "memfd:/usr/bin/dpkg"));
        assert!(!matches("*/dpkg", "memfd:/usr/bin/dpkg"));
        assert!(matches("jit", "memfd:jit"));
        assert!(matches("jit", "jit"));
    }

    #[test]
    fn patterns_that_never_match_are_refused() {
        for (text, error) in [
            ("", InvalidPattern::Empty),
            ("bin/tool", InvalidPattern::RelativePath),
            ("/opt/", InvalidPattern::Directory),
            ("a\0b", InvalidPattern::Nul),
        ] {
            assert_eq!(PathPattern::new(text), Err(error), "{text:?}");
        }
        assert_eq!(
            PathPattern::new(&"x".repeat(PATTERN_BYTES_MAX + 1)),
            Err(InvalidPattern::TooLong)
        );
    }

    #[test]
    fn many_stars_do_not_explode() {
        let pattern = format!("{}b", "a*".repeat(2_000));
        let path = vec![b'a'; 4_096];
        assert!(!wildcard_matches(pattern.as_bytes(), &path));
    }

    /// The definition, word for word; exponential.
    fn naive(pattern: &[u8], subject: &[u8]) -> bool {
        match (pattern.split_first(), subject.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), _) if naive(rest, subject) => true,
            (Some((b'*', _)), Some((_, tail))) => naive(pattern, tail),
            (Some((wanted, rest)), Some((byte, tail))) => {
                (*wanted == b'?' || wanted == byte) && naive(rest, tail)
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn wildcards_agree_with_the_definition(pattern in "[ab*?]{0,8}", subject in "[ab*]{0,10}") {
            prop_assert_eq!(
                wildcard_matches(pattern.as_bytes(), subject.as_bytes()),
                naive(pattern.as_bytes(), subject.as_bytes())
            );
        }
    }
}
