//! Versions, by which a lost update is noticed.

use std::fmt;

/// The version of something that is edited: the first is 1, each change makes it one higher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub i64);

impl Version {
    /// What something new has.
    pub const FIRST: Version = Version(1);

    /// What the next change has.
    pub fn next(self) -> Version {
        Version(self.0.saturating_add(1))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
