//! SHA-256 digests of malicious files.

use super::lines;
use crate::limits::{DIGESTS_MAX, REASON_CHARS_MAX};
use crate::report::shown;
use crate::rules::RuleProblem;
use std::collections::HashMap;
use yagura_event::Sha256;

/// SHA-256 digests of malicious files. Lines are `DIGEST [FAMILY] [# COMMENT]`.
#[derive(Debug, Clone, Default)]
pub struct DigestList {
    /// Sorted by digest once [`DigestList::finish`] was called.
    entries: Vec<(Sha256, u32)>,
    /// Each source, family and comment once; what entries point to.
    labels: Vec<Listed>,
    known_labels: HashMap<Listed, u32>,
}

/// What a list says of a digest.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Listed {
    /// The list.
    pub(crate) list: String,
    /// The family; may be empty.
    pub(crate) family: String,
    /// The comment; may be empty.
    pub(crate) comment: String,
}

impl DigestList {
    /// Adds the entries of one list. What is wrong with it is returned; the rest is added.
    pub fn add(&mut self, source: &str, content: &[u8]) -> Vec<RuleProblem> {
        let mut problems = Vec::new();
        let mut unread = Vec::new();
        for line in lines(source, content, |problem| unread.push(problem)) {
            let (word, family) = line.with_family();
            let digits = word.strip_prefix("sha256:").unwrap_or(word);
            let Ok(digest) = digits.parse::<Sha256>() else {
                problems.push(line.problem(source, "no SHA-256 digest of 64 hexadecimal digits"));
                continue;
            };
            if self.entries.len() >= DIGESTS_MAX {
                let reason =
                    format!("more than {DIGESTS_MAX} digests in all; the rest is left out");
                problems.push(line.problem(source, &reason));
                break;
            }
            let label = self.label(Listed {
                list: source.to_owned(),
                family,
                comment: shown(line.comment.as_bytes(), REASON_CHARS_MAX),
            });
            self.entries.push((digest, label));
        }
        problems.append(&mut unread);
        problems
    }

    /// Makes the list ready to be asked.
    pub(crate) fn finish(&mut self) {
        // Stable, so that of two entries for one digest the one given first stays.
        self.entries.sort_by_key(|entry| entry.0.0);
        self.entries.dedup_by_key(|entry| entry.0);
        self.entries.shrink_to_fit();
        self.known_labels = HashMap::new();
    }

    /// How many digests there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What is said of a digest.
    pub(crate) fn get(&self, digest: &Sha256) -> Option<&Listed> {
        let index = self
            .entries
            .binary_search_by_key(&digest.0, |entry| entry.0.0)
            .ok()?;
        self.labels
            .get(usize::try_from(self.entries.get(index)?.1).ok()?)
    }

    fn label(&mut self, label: Listed) -> u32 {
        if let Some(&known) = self.known_labels.get(&label) {
            return known;
        }
        let index = u32::try_from(self.labels.len()).unwrap_or(u32::MAX);
        self.labels.push(label.clone());
        self.known_labels.insert(label, index);
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_found_and_bad_lines_named() {
        let mut list = DigestList::default();
        let [a, b] = [1, 2].map(|byte| Sha256([byte; 32]));
        let text = format!(
            "\u{feff}# head\r\n{a} Sample.A # seen somewhere\r\n\n  {b}\nnothing\n{a} Sample.Other\n{}\n",
            &a.to_string()[1..]
        );
        let mut bytes = text.into_bytes();
        bytes.extend(b"\xff\xfe\n");
        bytes.extend([b'a'; 5000]);
        let problems = list.add("list.txt", &bytes);
        list.finish();
        assert_eq!(list.len(), 2);
        let found = list.get(&a).expect("listed");
        assert_eq!(
            (found.family.as_str(), found.comment.as_str()),
            ("Sample.A", "seen somewhere")
        );
        assert_eq!(list.get(&b).expect("listed").family, "");
        assert_eq!(list.get(&Sha256([3; 32])), None);
        let mut wrong: Vec<_> = problems.iter().filter_map(|problem| problem.line).collect();
        wrong.sort_unstable();
        assert_eq!(wrong, [5, 7, 8, 9], "{problems:?}");
    }
}
