//! An event made of names and values: for the examples in rules, and for tests.

use crate::fields::{Argument, Field, FieldRow, FieldType, LookupError, Source, lookup};
use crate::matcher::parse_number;
use crate::rule::{TestEvent, TestValue};
use crate::subject::{EventKind, Subject, Value};
use std::collections::HashMap;
use yagura_event::MonotonicNs;

/// An event that has the given fields and no others.
#[derive(Debug, Clone)]
pub struct MapSubject {
    kind: EventKind,
    time: MonotonicNs,
    values: HashMap<(Field, Argument), Value<'static>>,
    /// The value of fields that were not given.
    others: Value<'static>,
}

/// Why an event can't be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MapSubjectError {
    /// The field, or what stands in its brackets.
    #[error(transparent)]
    Field(#[from] LookupError),
    /// The text is no value of the field's type.
    #[error("{text:?} is not a {value}, which {field} is")]
    Value {
        /// The field.
        field: &'static str,
        /// Its type.
        value: &'static str,
        /// As written.
        text: String,
    },
    /// `evt.type` is missing, or names no kind of event.
    #[error("{0:?} is no kind of event; give evt.type")]
    Kind(String),
}

impl MapSubject {
    /// Makes an event without fields, at time zero.
    pub fn new(kind: EventKind) -> MapSubject {
        MapSubject {
            kind,
            time: MonotonicNs(0),
            values: HashMap::new(),
            others: Value::Absent,
        }
    }

    /// Sets when it happened.
    #[must_use]
    pub fn at(mut self, time: MonotonicNs) -> MapSubject {
        self.time = time;
        self
    }

    /// Makes every field that isn't given unknown instead of absent.
    #[must_use]
    pub fn others_unknown(mut self) -> MapSubject {
        self.others = Value::Unknown;
        self
    }

    /// Gives a field a value, both as in rules: `proc.aname[1]`, `evt.arg.flags`.
    ///
    /// # Errors
    ///
    /// There is no such field, or the text is no value of its type.
    pub fn with(self, name: &str, value: &TestValue) -> Result<MapSubject, MapSubjectError> {
        let (name, argument) = match name.strip_suffix(']').and_then(|rest| rest.split_once('[')) {
            Some((name, argument)) => (name, Some(argument)),
            None => (name, None),
        };
        self.with_argument(name, argument, value)
    }

    fn with_argument(
        mut self,
        name: &str,
        argument: Option<&str>,
        value: &TestValue,
    ) -> Result<MapSubject, MapSubjectError> {
        let (row, argument) = lookup(name, argument)?;
        let value = read(row, value)?;
        self.values.insert((row.field, argument), value);
        Ok(self)
    }

    /// Makes the event of an example. Its kind is what `evt.type` says; audit events need none.
    ///
    /// # Errors
    ///
    /// A field or value is wrong, or the kind isn't known.
    pub fn from_test(event: &TestEvent, source: Source) -> Result<MapSubject, MapSubjectError> {
        let named = event
            .fields
            .iter()
            .find_map(|(operand, value)| match value {
                TestValue::Text(text) if operand.field == "evt.type" => Some(text.as_str()),
                _ => None,
            });
        let kind = match (named, source) {
            (Some(name), _) => EventKind::from_name(name),
            (None, Source::K8sAudit) => Some(EventKind::Audit),
            (None, Source::Windows) => Some(EventKind::WindowsOther),
            (None, Source::Syscall) => None,
        };
        let kind =
            kind.ok_or_else(|| MapSubjectError::Kind(named.unwrap_or_default().to_owned()))?;
        let time = MonotonicNs(event.at_ms.saturating_mul(1_000_000));
        event.fields.iter().try_fold(
            MapSubject::new(kind).at(time),
            |subject, (operand, value)| {
                subject.with_argument(&operand.field, operand.argument.as_deref(), value)
            },
        )
    }
}

/// Reads a value by the type of its field.
fn read(row: &'static FieldRow, value: &TestValue) -> Result<Value<'static>, MapSubjectError> {
    let text = match value {
        TestValue::Absent => return Ok(Value::Absent),
        TestValue::Unknown => return Ok(Value::Unknown),
        TestValue::List(entries) => {
            let entries = entries.iter().map(|entry| read(row, entry));
            return entries.collect::<Result<_, _>>().map(Value::List);
        }
        TestValue::Text(text) => text,
    };
    let read = match row.value {
        FieldType::Text | FieldType::List => Some(Value::owned(text.as_str())),
        FieldType::Number | FieldType::Port | FieldType::Time | FieldType::Duration => {
            parse_number(text).map(Value::Number)
        }
        FieldType::Boolean => text.parse().ok().map(Value::Boolean),
        FieldType::Address => text.parse().ok().map(Value::Address),
        FieldType::Dynamic => {
            Some(parse_number(text).map_or_else(|| Value::owned(text.as_str()), Value::Number))
        }
    };
    read.ok_or_else(|| MapSubjectError::Value {
        field: row.name,
        value: row.value.as_str(),
        text: text.clone(),
    })
}

impl Subject for MapSubject {
    fn kind(&self) -> EventKind {
        self.kind
    }

    fn time(&self) -> MonotonicNs {
        self.time
    }

    fn value(&self, field: Field, argument: &Argument) -> Value<'_> {
        if let Some(value) = self.values.get(&(field, argument.clone())) {
            return borrowed(value);
        }
        match (field, argument) {
            (Field::EvtType, _) => Value::text(self.kind.as_str()),
            (Field::EvtDir, _) => Value::text("<"),
            (Field::EvtSource, _) => Value::text(self.kind.source().as_str()),
            // The entry of a list that was given as a whole.
            (_, Argument::Index(index)) => match self.values.get(&(field, Argument::None)) {
                Some(Value::List(entries)) => {
                    entries.get(*index as usize).map_or(Value::Absent, borrowed)
                }
                _ => self.others.clone(),
            },
            _ => self.others.clone(),
        }
    }
}

/// The value without copying its text.
fn borrowed<'v>(value: &'v Value<'static>) -> Value<'v> {
    match value {
        Value::Text(text) => Value::text(text),
        Value::List(entries) => Value::List(entries.iter().map(borrowed).collect()),
        other => other.clone(),
    }
}
