//! The rules that ship with the product: the files of `catalogue/`, in the order in which they build on one another.

use crate::source::Source;

include!(concat!(env!("OUT_DIR"), "/catalogue_files.rs"));

/// The files, to be loaded before any of the user's.
pub fn sources<'s>() -> impl Iterator<Item = Source<'s>> {
    FILES.iter().map(|(name, bytes)| Source {
        name,
        bytes,
        own: false,
    })
}
