//! Bytes to events: recordings of what a sensor's pipeline was given, to be judged again later, and the logs of others.
//!
//! Does: write and read the capture format; read Kubernetes audit events and Windows event logs, record by record, passing
//! over what is damaged and saying so.
//! Never: opens a file (it takes readers and writers), or decides what an event means.
//!
//! Start at [`CaptureWriter`] and [`CaptureReader`], [`AuditReader`], and [`EvtxReader`] and [`WindowsJsonReader`].

mod capture;
mod document;
mod k8s_audit;
mod windows;

pub use capture::{CaptureError, CaptureHeader, CaptureReader, CaptureWriter, Recorded, VERSION};
pub use document::{SkipReason, SkippedRecord};
pub use k8s_audit::{AuditReader, SeenAuditEvents};
pub use windows::{EvtxReader, WindowsJsonReader};
