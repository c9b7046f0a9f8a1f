//! Reasons as a dialect finds them, before they have their place in the file.

use crate::evidence::Evidence;

/// Distinct reasons kept of one run. Stops a script of nothing but reasons.
const FOUND_MAX: usize = 64;

/// A place in the code that is looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// Offset in bytes.
    pub(crate) offset: usize,
    /// Length in bytes.
    pub(crate) length: usize,
}

#[derive(Debug)]
struct Found {
    weight: u8,
    family: &'static str,
    text: String,
    place: Place,
}

/// What was found in one piece of code.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    found: Vec<Found>,
    gaps: Vec<&'static str>,
}

impl Findings {
    /// Notes a reason; the same text counts once, with its greatest weight.
    pub(crate) fn add(&mut self, weight: u8, family: &'static str, text: &str, place: Place) {
        if let Some(known) = self.found.iter_mut().find(|known| known.text == text) {
            known.weight = known.weight.max(weight);
            return;
        }
        if self.found.len() < FOUND_MAX {
            self.found.push(Found {
                weight,
                family,
                text: text.to_owned(),
                place,
            });
        }
    }

    /// Notes something that was not looked at.
    pub(crate) fn gap(&mut self, gap: &'static str) {
        if !self.gaps.contains(&gap) {
            self.gaps.push(gap);
        }
    }

    /// Takes over what was found in hidden code; it counts as found where it is hidden.
    pub(crate) fn take(&mut self, other: Findings, hidden_at: Option<Place>) {
        for found in other.found {
            let place = hidden_at.unwrap_or(found.place);
            self.add(found.weight, found.family, &found.text, place);
        }
        for gap in other.gaps {
            self.gap(gap);
        }
    }

    /// The greatest weight found.
    pub(crate) fn heaviest(&self) -> u8 {
        self.found
            .iter()
            .map(|found| found.weight)
            .max()
            .unwrap_or(0)
    }

    /// Hands everything to the verdict. `locate` gives a place in the file for one in the code.
    pub(crate) fn settle(self, evidence: &mut Evidence, locate: impl Fn(Place) -> Place) {
        for found in self.found {
            let place = locate(found.place);
            evidence.add(found.weight, found.text, place.offset, place.length);
            evidence.family(found.weight, found.family);
        }
        for gap in self.gaps {
            evidence.gap(gap);
        }
    }
}
