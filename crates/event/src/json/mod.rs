//! Alerts as JSON: the shape that users build on, and that a center stores.
//!
//! Every text that a container, a runtime or a file may have chosen is escaped and bounded here.
//!
//! Start at [`AlertJson`].

mod alert;
mod denial;
mod detection;
mod escaped;
mod scan;

pub use alert::{
    ANCESTORS_MAX, AlertJson, CloudJson, ContainerJson, DriftJson, FileJson, PodJson, PolicyJson,
    ProcessJson, ProgramJson, WriterJson, rfc3339,
};
pub use denial::DenialJson;
pub use detection::{ConditionJson, DetectionJson, EventJson};
pub use escaped::{CUT, bounded};
pub use scan::{FindingJson, MatchJson, ScanJson};
