//! Lists of what is known to be malicious: text, an entry a line, what follows a `#` is a comment.

mod digests;
mod fuzzies;
mod images;

use crate::limits::{FAMILY_CHARS_MAX, LINE_BYTES_MAX};
use crate::report::shown;
use crate::rules::RuleProblem;

pub use digests::DigestList;
pub use fuzzies::FuzzyList;
pub use images::{ImageList, ImageThreat};

/// A line with something on it.
#[derive(Debug, Clone, Copy)]
struct Line<'a> {
    /// Counted from one.
    number: u32,
    /// What stands before the comment, without spaces at its ends; never empty.
    entry: &'a str,
    /// What stands behind the `#`; may be empty.
    comment: &'a str,
}

impl<'a> Line<'a> {
    /// The entry's first word and the family behind it.
    fn with_family(self) -> (&'a str, String) {
        let (word, family) = self
            .entry
            .split_once([' ', '\t'])
            .unwrap_or((self.entry, ""));
        (word, shown(family.trim().as_bytes(), FAMILY_CHARS_MAX))
    }

    /// What is wrong with this line.
    fn problem(self, source: &str, reason: &str) -> RuleProblem {
        RuleProblem {
            file: source.to_owned(),
            line: Some(self.number),
            reason: reason.to_owned(),
        }
    }
}

/// The lines with something on them; those that cannot be read are given to `problem`.
fn lines<'a>(
    source: &'a str,
    content: &'a [u8],
    mut problem: impl FnMut(RuleProblem) + 'a,
) -> impl Iterator<Item = Line<'a>> {
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    (1..)
        .zip(content.split(|&byte| byte == b'\n'))
        .filter_map(move |(number, line)| {
            let unread = Line {
                number,
                entry: "",
                comment: "",
            };
            if line.len() > LINE_BYTES_MAX {
                let reason = format!("the line is longer than {LINE_BYTES_MAX} bytes");
                problem(unread.problem(source, &reason));
                return None;
            }
            let Ok(line) = std::str::from_utf8(line) else {
                problem(unread.problem(source, "the line is not UTF-8"));
                return None;
            };
            let (entry, comment) = line.split_once('#').unwrap_or((line, ""));
            let (entry, comment) = (entry.trim(), comment.trim());
            (!entry.is_empty()).then_some(Line {
                number,
                entry,
                comment,
            })
        })
}
