//! Enforcement on this node.

mod control;
mod fuse;
mod status;

pub use control::{Answer, ControlError, Question, ask};
pub use status::{DenialCount, EnforcedContainer, EnforcedItem, EnforcementStatus, Shortfall};
