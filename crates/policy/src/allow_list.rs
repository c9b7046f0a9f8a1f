//! Programs that may run although they drifted.

use crate::pattern::PathPattern;
use crate::subject::{Missing, Subject, Truth};
use std::fmt;
use yagura_event::{Provenance, Sha256, escape};

/// One entry of a rule's allow list. All that it names must fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowEntry {
    /// The drifted file.
    pub process: ProcessPattern,
    /// The program that started the process.
    pub parent: Option<PathPattern>,
    /// A program somewhere above the process.
    pub ancestor: Option<PathPattern>,
    /// Why it may run.
    pub reason: Option<String>,
}

/// How an allow list names a drifted file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ProcessPattern {
    /// By its path.
    Path(PathPattern),
    /// By its content.
    Sha256(Sha256),
}

impl ProcessPattern {
    /// What a digest begins with.
    pub(crate) const DIGEST_PREFIX: &'static str = "sha256:";

    fn matches(&self, subject: &Subject<'_>) -> Truth {
        match self {
            // The name of an anonymous memory file may look like any path.
            ProcessPattern::Path(pattern)
                if pattern.is_whole_path() && subject.provenance == Provenance::Memfd =>
            {
                Truth::No
            }
            ProcessPattern::Path(pattern) => pattern.matches(subject.path).into(),
            ProcessPattern::Sha256(wanted) => match subject.sha256 {
                Some(found) => (found == *wanted).into(),
                None => Truth::Unknown(Missing::Sha256),
            },
        }
    }
}

impl fmt::Display for ProcessPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProcessPattern::Path(pattern) => pattern.fmt(f),
            ProcessPattern::Sha256(digest) => write!(f, "{}{digest}", Self::DIGEST_PREFIX),
        }
    }
}

impl AllowEntry {
    /// Whether the entry lets the subject run.
    pub(crate) fn matches(&self, subject: &Subject<'_>) -> Truth {
        self.process
            .matches(subject)
            .and(|| self.parent_matches(subject))
            .and(|| self.ancestor_matches(subject))
    }

    fn parent_matches(&self, subject: &Subject<'_>) -> Truth {
        match (&self.parent, subject.parent) {
            (None, _) => Truth::Yes,
            (Some(_), None) => Truth::Unknown(Missing::Parent),
            (Some(pattern), Some(parent)) => pattern.matches(parent).into(),
        }
    }

    fn ancestor_matches(&self, subject: &Subject<'_>) -> Truth {
        match (&self.ancestor, subject.ancestors) {
            (None, _) => Truth::Yes,
            (Some(_), None) => Truth::Unknown(Missing::Ancestors),
            (Some(pattern), Some(all)) => all.iter().any(|path| pattern.matches(path)).into(),
        }
    }
}

impl fmt::Display for AllowEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.process.fmt(f)?;
        if let Some(parent) = &self.parent {
            write!(f, " under parent {parent}")?;
        }
        if let Some(ancestor) = &self.ancestor {
            write!(f, " under ancestor {ancestor}")?;
        }
        if let Some(reason) = &self.reason {
            write!(f, " ({})", escape(reason.as_bytes()))?;
        }
        Ok(())
    }
}

/// What an allow list says of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listing {
    /// This entry lets it run.
    Listed(usize),
    /// No entry does.
    NotListed,
    /// No entry does; one could, if this were known.
    NotListedForLackOf(Missing),
}

/// Looks for the first entry that lets the subject run.
pub(crate) fn find(entries: &[AllowEntry], subject: &Subject<'_>) -> Listing {
    let mut listing = Listing::NotListed;
    for (index, entry) in entries.iter().enumerate() {
        match entry.matches(subject) {
            Truth::Yes => return Listing::Listed(index),
            Truth::No => {}
            Truth::Unknown(missing) => {
                if listing == Listing::NotListed {
                    listing = Listing::NotListedForLackOf(missing);
                }
            }
        }
    }
    listing
}
