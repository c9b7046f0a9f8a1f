//! An event of a container with everything around it that rules may ask for.

mod container;
mod event;
mod file;
mod network;
mod process;
mod scan;

pub(crate) use process::{SHELLS, is_shell};

use super::names::AddressNames;
use super::observed::{Observed, What};
use crate::container_table::ContainerEntry;
use crate::process_table::{ProcessTable, Program};
use std::sync::Arc;
use yagura_event::{Credentials, MonotonicNs, Node, WallTime};
use yagura_rules::fields::{Argument, Field};
use yagura_rules::{EventKind, Subject, Value};

/// What fields are answered from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EventSubject<'a> {
    /// What happened.
    pub(crate) observed: &'a Observed,
    /// Its program, if it is known.
    pub(crate) program: Option<&'a Program>,
    /// All programs.
    pub(crate) programs: &'a ProcessTable,
    /// Its container.
    pub(crate) entry: Option<&'a ContainerEntry>,
    /// Names that addresses were looked up by.
    pub(crate) names: &'a AddressNames,
    /// The node.
    pub(crate) node: &'a Arc<Node>,
    /// The node's clock against the monotonic one.
    pub(crate) wall_minus_monotonic_ns: i64,
    /// Number of the event.
    pub(crate) number: u64,
}

impl<'a> EventSubject<'a> {
    /// A monotonic time by the node's clock.
    pub(crate) fn wall(&self, time: MonotonicNs) -> WallTime {
        WallTime(crate::container_table::wall(
            time,
            self.wall_minus_monotonic_ns,
        ))
    }

    fn what(&self) -> &'a What {
        &self.observed.what
    }

    fn credentials(&self) -> Option<Credentials> {
        self.program.map(|program| program.credentials)
    }

    /// A text that is unknown if there is nothing to take it from.
    fn text_of<T>(from: Option<T>, text: impl FnOnce(T) -> &'a [u8]) -> Value<'a> {
        from.map_or(Value::Unknown, |from| Value::text(text(from)))
    }
}

impl Subject for EventSubject<'_> {
    fn kind(&self) -> EventKind {
        self.observed.what.kind()
    }

    fn time(&self) -> MonotonicNs {
        self.observed.time
    }

    fn value(&self, field: Field, argument: &Argument) -> Value<'_> {
        self.process_text(field, argument)
            .or_else(|| self.scan_value(field))
            .or_else(|| self.file_value(field))
            .or_else(|| self.event_value(field, argument))
            .or_else(|| self.network_value(field))
            .or_else(|| self.process_value(field, argument))
            .or_else(|| self.container_value(field, argument))
            .unwrap_or(Value::Absent)
    }
}
