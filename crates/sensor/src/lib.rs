//! The sensor of one node: wires kernel, runtimes and pipeline.
//!
//! Does: start and stop the parts, carry events, answers and alerts between them, read files that may be
//! drift, scan files, carry out a person's commands, prove by a canary what the node sees and stops.
//! Never: decides. What is drift, and what a rule says of it, is the pipeline's and the policy's.
//!
//! Start at [`Sensor::start`]; `main_loop` is where everything meets.

mod canary;
mod config;
mod enforce;
mod inspect;
mod inventory;
mod main_loop;
mod node;
mod recorder;
mod respond;
mod scan;
mod start;
mod uplink;

pub use canary::{CanaryPart, CanaryReport, CanarySettings};
pub use config::SensorConfig;
pub use enforce::{
    Answer, ControlError, DenialCount, EnforceError, EnforceSettings, EnforcedContainer,
    EnforcedItem, EnforcementStatus, Question, Shortfall, ask,
};
pub use inventory::KnownContainer;
pub use main_loop::now;
pub use node::{NodeSettings, find_node};
pub use respond::{RespondSettings, Responder};
pub use scan::ScanSettings;
pub use start::{Sensor, SensorError, Summary};
pub use uplink::{AlertOutput, Connection, Uplink, UplinkError, UplinkOptions};
