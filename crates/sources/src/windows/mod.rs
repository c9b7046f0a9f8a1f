//! Windows event records from files, in one shape whatever wrote them.
//!
//! The shape, which `win.*` fields read:
//!
//! ```json
//! {
//!   "event_id": 4688, "channel": "Security", "provider": "Microsoft-Windows-Security-Auditing",
//!   "computer": "WS01.corp.local", "record_id": 1234, "time": "2024-05-01T10:00:00.25Z", "user": "CORP\\alice",
//!   "data": { "NewProcessName": "C:\\Windows\\System32\\cmd.exe", "CommandLine": "cmd /c dir" }
//! }
//! ```
//!
//! `data` has all of the record's own values as texts, under the names that the provider gives them. What a format doesn't
//! tell is left out.

mod evtx;
mod json;
mod message;
mod normalise;

pub use evtx::EvtxReader;
pub use json::WindowsJsonReader;
