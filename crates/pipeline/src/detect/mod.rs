//! Detection: events of containers, and what is derived from them, given to the rules.
//!
//! Reading order: `observed` (what rules are asked about), `detector` (the way of one event), `subject` (how fields are answered),
//! `flows` (where standard streams lead), `alert` and `fold` (what comes of a match).

mod alert;
mod arguments;
mod detector;
mod documents;
mod flows;
mod fold;
mod names;
mod observe;
mod observed;
mod paths;
mod prefilter;
pub(crate) mod rights;
mod subject;
mod times;
mod words;

pub(crate) use detector::{Detector, Surroundings};
pub use documents::Documents;
pub(crate) use fold::{FoldKey, Folds};
pub(crate) use observed::{SeenDrift, SeenScan, What};
pub(crate) use paths::absolute;
pub use prefilter::{CallWish, Wishes};
