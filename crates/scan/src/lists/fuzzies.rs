//! TLSH digests of malicious files.

use super::lines;
use crate::fuzzy::{Fuzzy, LIKE_DISTANCE_MAX};
use crate::limits::FUZZY_MAX;
use crate::rules::RuleProblem;

/// TLSH digests of malicious files. Lines are `T1… FAMILY [# COMMENT]`.
#[derive(Debug, Clone, Default)]
pub struct FuzzyList {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    digest: Fuzzy,
    family: String,
    list: String,
}

/// The known sample that a file is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Like<'a> {
    /// How far it is, at most [`LIKE_DISTANCE_MAX`].
    pub(crate) distance: u32,
    /// The family; may be empty.
    pub(crate) family: &'a str,
    /// The list.
    pub(crate) list: &'a str,
}

impl FuzzyList {
    /// Adds the entries of one list. What is wrong with it is returned; the rest is added.
    pub fn add(&mut self, source: &str, content: &[u8]) -> Vec<RuleProblem> {
        let mut problems = Vec::new();
        let mut unread = Vec::new();
        for line in lines(source, content, |problem| unread.push(problem)) {
            let (word, family) = line.with_family();
            let Some(digest) = Fuzzy::parse(word) else {
                problems.push(line.problem(source, "no TLSH digest: T1 and 70 hexadecimal digits"));
                continue;
            };
            if self.entries.len() >= FUZZY_MAX {
                let reason =
                    format!("more than {FUZZY_MAX} TLSH digests in all; the rest is left out");
                problems.push(line.problem(source, &reason));
                break;
            }
            self.entries.push(Entry {
                digest,
                family,
                list: source.to_owned(),
            });
        }
        problems.append(&mut unread);
        problems
    }

    /// How many digests there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The nearest known sample that is near enough.
    pub(crate) fn nearest(&self, digest: &str) -> Option<Like<'_>> {
        let digest = Fuzzy::parse(digest)?;
        self.entries
            .iter()
            .map(|entry| Like {
                distance: digest.distance(&entry.digest),
                family: &entry.family,
                list: &entry.list,
            })
            .filter(|like| like.distance <= LIKE_DISTANCE_MAX)
            .min_by_key(|like| like.distance)
    }
}
