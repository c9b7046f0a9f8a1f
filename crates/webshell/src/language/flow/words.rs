//! A cheap look at a script's words: most scripts have none that a webshell needs.

use aho_corasick::{AhoCorasick, MatchKind};

/// Words that a webshell cannot do without.
#[derive(Debug)]
pub(crate) struct Words {
    search: AhoCorasick,
    /// Ends of the first and the second kind among the patterns.
    ends: [usize; 2],
}

impl Words {
    /// Words that take input, words that run something, and words that hide either. `None` where they are no words.
    pub(crate) fn new(input: &[&str], run: &[&str], hide: &[&str]) -> Option<Words> {
        let search = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .build(input.iter().chain(run).chain(hide))
            .ok()?;
        Some(Words {
            search,
            ends: [input.len(), input.len() + run.len()],
        })
    }

    /// Whether a script has words of two kinds: it takes input and runs something, or hides one of them.
    pub(crate) fn worth_a_look(&self, content: &[u8]) -> bool {
        let [input_end, run_end] = self.ends;
        let (mut input, mut run, mut hidden) = (false, false, false);
        for found in self.search.find_overlapping_iter(content) {
            match found.pattern().as_usize() {
                at if at < input_end => input = true,
                at if at < run_end => run = true,
                _ => hidden = true,
            }
            if (input && run) || hidden {
                return true;
            }
        }
        false
    }

    /// Where the words stand that run something or hide something, in order.
    pub(crate) fn places(&self, content: &[u8]) -> Vec<usize> {
        self.search
            .find_overlapping_iter(content)
            .filter(|found| found.pattern().as_usize() >= self.ends[0])
            .map(|found| found.start())
            .collect()
    }
}
