//! Alerts: stored exactly once, found by any filter, handled with a history.
//!
//! Reading order: `alert` (what is stored), `insert` (how it gets in), `list` (how it is found), `search` (by words, among
//! millions), `handle` (what people do with it), `counts` (sums over time), `feed` (all of them in the order of storing).

mod alert;
mod codes;
mod counts;
mod feed;
mod handle;
mod insert;
mod list;
mod partitions;
mod search;
mod words;

pub use alert::{Alert, AlertStatus, NewAlert};
pub(crate) use alert::{severity_code, severity_of_code};
pub(crate) use counts::add_up;
pub use counts::{AlertCount, AlertTotal, CountFilter, CountGroup};
pub use feed::{Feed, FeedPosition};
pub use handle::{AlertEvent, AlertEventKind, BulkChange, StatusChange};
pub use insert::{InsertOutcome, Inserted};
pub use list::AlertFilter;
pub(crate) use partitions::{Weeks, first_time_of, prepare, week_of};

use crate::db::Db;

/// The alerts of a store.
#[derive(Debug, Clone, Copy)]
pub struct Alerts<'a> {
    pub(crate) db: &'a Db,
    pub(crate) weeks: &'a Weeks,
}
