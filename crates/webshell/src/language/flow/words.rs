//! A cheap look at a script's words: most scripts have none that a webshell needs.

use aho_corasick::{AhoCorasick, MatchKind};

/// Words that a webshell cannot do without.
#[derive(Debug)]
pub(crate) struct Words {
    search: AhoCorasick,
    /// Where each kind's patterns end.
    ends: [usize; 4],
}

/// Kinds of words, in the order of [`Words::new`].
const INPUT: usize = 0;
const RUN: usize = 1;
const HIDE: usize = 2;
const OPEN: usize = 3;

impl Words {
    /// Words that take input, words that run something, words that hide others, and words that run what is hidden;
    /// each kind in one text, with spaces between and `␣` for a
    /// space within. `None` where they are no words.
    pub(crate) fn new(kinds: [&str; 4]) -> Option<Words> {
        let mut patterns = Vec::new();
        let mut ends = [0; 4];
        for (end, words) in ends.iter_mut().zip(kinds) {
            patterns.extend(list(words).map(|word| word.replace('␣', " ")));
            *end = patterns.len();
        }
        let search = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .build(patterns)
            .ok()?;
        Some(Words { search, ends })
    }

    fn kind(&self, pattern: usize) -> usize {
        self.ends.iter().filter(|end| pattern >= **end).count()
    }

    /// Whether a script takes input and runs something, or runs something hidden.
    pub(crate) fn worth_a_look(&self, content: &[u8]) -> bool {
        let mut seen = [false; 4];
        for found in self.search.find_overlapping_iter(content) {
            if let Some(kind) = seen.get_mut(self.kind(found.pattern().as_usize())) {
                *kind = true;
            }
            if (seen[INPUT] && seen[RUN]) || (seen[HIDE] && seen[OPEN]) {
                return true;
            }
        }
        false
    }

    /// Whether a script takes input.
    pub(crate) fn has_input(&self, content: &[u8]) -> bool {
        self.search
            .find_overlapping_iter(content)
            .any(|found| self.kind(found.pattern().as_usize()) == INPUT)
    }

    /// Where the words stand that run something, in order.
    pub(crate) fn places(&self, content: &[u8]) -> Vec<usize> {
        self.search
            .find_overlapping_iter(content)
            .filter(|found| self.kind(found.pattern().as_usize()) == RUN)
            .map(|found| found.start())
            .collect()
    }
}

/// Whether a word is one of those in a text with spaces between.
pub(crate) fn among(words: &str, word: &str) -> bool {
    !word.is_empty() && list(words).any(|known| known == word)
}

fn list(words: &str) -> impl Iterator<Item = &str> {
    words.split(' ').filter(|word| !word.is_empty())
}
