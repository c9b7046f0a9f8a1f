//! Bytes to events: recordings of what a sensor's pipeline was given, to be judged again later.
//!
//! Does: write and read the capture format.
//! Never: opens a file (it takes readers and writers), or decides what an event means.
//!
//! Start at [`CaptureWriter`] and [`CaptureReader`].

mod capture;

pub use capture::{CaptureError, CaptureHeader, CaptureReader, CaptureWriter, Recorded, VERSION};
