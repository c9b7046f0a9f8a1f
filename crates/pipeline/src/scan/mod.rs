//! Which files are scanned, and what follows from what was found.
//!
//! Start at [`Scans`] (what is known and asked), then [`places`] (which written files matter). The pipeline's part
//! stands in `pipeline/scanning.rs`.

pub(crate) mod places;
mod table;

pub(crate) use table::{Answered, Lookup, Scans, Use};
