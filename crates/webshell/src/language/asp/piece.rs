//! Code cut out of a page, and where each piece of it came from.

use super::flow::Place;

/// Pieces of code of one page, joined, with the way back to the page.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    /// The joined code.
    pub(crate) code: String,
    origins: Vec<Origin>,
}

#[derive(Debug)]
struct Origin {
    code: usize,
    page: Place,
    shifted: bool,
}

impl Pieces {
    /// Adds a piece as it stands in the page, between what it takes to stand beside the others.
    pub(crate) fn add(&mut self, before: &str, piece: &str, after: &str, offset: usize) {
        self.code.push_str(before);
        self.origins.push(Origin {
            code: self.code.len(),
            page: Place {
                offset,
                length: piece.len(),
            },
            shifted: false,
        });
        self.code.push_str(piece);
        self.code.push_str(after);
    }

    /// Adds a piece that does not stand in the page as it is: all of it belongs to one place.
    pub(crate) fn add_hidden(&mut self, before: &str, piece: &str, after: &str, page: Place) {
        self.code.push_str(before);
        self.origins.push(Origin {
            code: self.code.len(),
            page,
            shifted: true,
        });
        self.code.push_str(piece);
        self.code.push_str(after);
    }

    /// Adds the pieces of another page part.
    pub(crate) fn append(&mut self, other: Pieces) {
        let base = self.code.len();
        self.code.push_str(&other.code);
        self.origins
            .extend(other.origins.into_iter().map(|origin| Origin {
                code: origin.code + base,
                ..origin
            }));
    }

    /// Whether there is no code at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.code.is_empty()
    }

    /// The place in the page of a place in the code.
    pub(crate) fn locate(&self, place: Place) -> Place {
        let after = self
            .origins
            .partition_point(|origin| origin.code <= place.offset);
        let Some(origin) = after.checked_sub(1).and_then(|at| self.origins.get(at)) else {
            return self.origins.first().map_or(place, |first| first.page);
        };
        if origin.shifted {
            return origin.page;
        }
        let into = (place.offset - origin.code).min(origin.page.length);
        Place {
            offset: origin.page.offset + into,
            length: place.length.min(origin.page.length - into),
        }
    }
}
