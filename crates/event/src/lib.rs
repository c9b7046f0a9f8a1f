//! The words that every other crate speaks: events, processes, containers, files, alerts.
//!
//! Does: hold values, their invariants and their printed names.
//! Never: reads a clock or a file, starts a thread, or decides anything.
//!
//! Start at [`KernelEvent`] (what enters the pipeline) and [`Alert`] (what leaves it).
//! `Serialize` and `Deserialize` here serve recordings alone; the shape of alerts that users see is in [`json`], that of
//! the center's API in the center.

mod alert;
mod behaviour;
mod call;
mod causes;
mod container;
mod document;
mod drift;
mod dropped;
mod enforcement;
mod file;
mod id;
pub mod json;
mod kernel_event;
mod node;
mod process;
mod scan;
mod text;

pub use alert::{
    Action, Alert, AlertProcess, AlertStatus, Category, ConditionEvidence, DenialEvidence,
    DetectionEvidence, DriftEvidence, EventEvidence, PolicyEvidence, ScanEvidence, Severity,
    WriterEvidence,
};
pub use behaviour::{Behaviour, BehaviourSet, Dimension};
pub use call::{
    Call, CallEvent, CallGroup, Endpoint, OpenClass, OpenKey, SocketFacts, Stream, StreamKind,
    TargetFacts,
};
pub use causes::with_causes;
pub use container::{
    Container, ContainerFact, ContainerQuery, ContainerRoot, LayerDirs, Mount, Pod, Runtime,
};
pub use document::{DocumentEvent, DocumentSource};
pub use drift::{DriftKind, DriftVector, Provenance, WrittenHow};
pub use dropped::{Drop, DropPlace, DropReason, LossCounters};
pub use enforcement::{
    AllowRow, CellAction, ContainerRuling, ContainerVerdict, DefenceSlot, DenialEvent,
    DenialOutcome, DenialRule, Denied, DriftCell, EnforcementMeans, EnforcementRow, Membership,
    OriginClass,
};
pub use file::{
    FileFacts, FileFlags, FileId, FileKey, Inspection, InspectionError, InspectionRequest, Sha256,
    Twin,
};
pub use id::{CgroupId, ContainerKey, MonotonicNs, ProcessKey, ProgramKey, WallTime};
pub use kernel_event::{
    Base, BaseFlags, CredentialsEvent, ExecEvent, ExitEvent, KernelEvent, LossEvent, MapEvent,
    NamespacesEvent, RootId, ScriptEvent, Writer, WrittenEvent,
};
pub use node::{Cloud, Node, Provider};
pub use process::{CAPABILITIES, Credentials};
pub use scan::{Finding, ScanAnswer, ScanEngine, ScanMatch, ScanReason, ScanRequest};
pub use text::{Text, escape};
