//! Bytes to events: recordings of what a sensor's pipeline was given, to be judged again later.
//!
//! Does: write and read the capture format.
//! Never: opens a file (it takes readers and writers), or decides what an event means.
//!
//! Start at [`CaptureWriter`] and [`CaptureReader`].

mod capture;
mod document;
mod k8s_audit;

pub use capture::{CaptureError, CaptureHeader, CaptureReader, CaptureWriter, Recorded, VERSION};
pub use document::{SkipReason, SkippedRecord};
pub use k8s_audit::{AuditReader, SeenAuditEvents};
