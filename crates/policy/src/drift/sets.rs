//! Which kinds and provenances a rule counts.

use std::fmt;
use yagura_event::{DriftKind, Provenance};

/// Kinds of drifted files. Never empty in a checked rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KindSet(u8);

impl KindSet {
    /// What counts if a rule does not say: binaries.
    pub const DEFAULT: KindSet = KindSet(KindSet::bit(DriftKind::Binaries));
    pub(crate) const NONE: KindSet = KindSet(0);

    /// The set without duplicates.
    pub fn of(kinds: impl IntoIterator<Item = DriftKind>) -> KindSet {
        KindSet(kinds.into_iter().fold(0, |set, kind| set | Self::bit(kind)))
    }

    const fn bit(kind: DriftKind) -> u8 {
        match kind {
            DriftKind::Binaries => 1,
            DriftKind::Libraries => 1 << 1,
            DriftKind::Scripts => 1 << 2,
        }
    }

    /// Whether the kind counts.
    pub fn contains(self, kind: DriftKind) -> bool {
        self.0 & Self::bit(kind) != 0
    }

    /// The kinds in the order of the documentation.
    pub fn iter(self) -> impl Iterator<Item = DriftKind> {
        DriftKind::ALL
            .into_iter()
            .filter(move |k| self.contains(*k))
    }
}

impl fmt::Display for KindSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_names(f, self.iter().map(DriftKind::as_str))
    }
}

/// Provenances of drifted files. Never empty in a checked rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProvenanceSet(u8);

impl ProvenanceSet {
    /// What counts if a rule does not say: every provenance that is drift.
    pub const ALL: ProvenanceSet = ProvenanceSet(0b0111_1111);

    /// The set without duplicates. [`Provenance::Image`] is never drift and adds nothing.
    pub fn of(provenances: impl IntoIterator<Item = Provenance>) -> ProvenanceSet {
        ProvenanceSet(provenances.into_iter().fold(0, |set, p| set | Self::bit(p)))
    }

    const fn bit(provenance: Provenance) -> u8 {
        match provenance {
            Provenance::Image => 0,
            Provenance::Copied => 1,
            Provenance::Modified => 1 << 1,
            Provenance::PackageManager => 1 << 2,
            Provenance::Written => 1 << 3,
            Provenance::Volume => 1 << 4,
            Provenance::Memfd => 1 << 5,
            Provenance::Deleted => 1 << 6,
        }
    }

    /// Whether the provenance counts.
    pub fn contains(self, provenance: Provenance) -> bool {
        self.0 & Self::bit(provenance) != 0
    }

    /// The provenances in the order of the documentation.
    pub fn iter(self) -> impl Iterator<Item = Provenance> {
        Provenance::DRIFTED
            .into_iter()
            .filter(move |p| self.contains(*p))
    }
}

impl fmt::Display for ProvenanceSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == ProvenanceSet::ALL {
            return f.write_str("all");
        }
        write_names(f, self.iter().map(Provenance::as_str))
    }
}

fn write_names(
    f: &mut fmt::Formatter<'_>,
    names: impl Iterator<Item = &'static str>,
) -> fmt::Result {
    for (index, name) in names.enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        write!(f, "{comma}{name}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_every_drifted_provenance() {
        assert_eq!(ProvenanceSet::of(Provenance::DRIFTED), ProvenanceSet::ALL);
        assert!(!ProvenanceSet::ALL.contains(Provenance::Image));
    }

    #[test]
    fn sets_print_in_the_order_of_the_documentation() {
        let set = KindSet::of([DriftKind::Scripts, DriftKind::Binaries]);
        assert_eq!(set.to_string(), "binaries, scripts");
        let set = ProvenanceSet::of([Provenance::Memfd, Provenance::Copied]);
        assert_eq!(set.to_string(), "copied, memfd");
    }
}
