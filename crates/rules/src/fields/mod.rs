//! The fields that conditions and outputs may name: one table per source.
//!
//! Each table is a macro of rows `Variant = "name", type, argument, sources, "description"`, with `missing "why"` behind it if
//! Yagura can't supply the field. The tables hand their rows on to [`Field`] below, so that all there is to a field stands in
//! one line and the variants, the documentation, `rules fields` and the hints for misspelt names come from it.

mod container;
mod derived;
mod event;
mod fd;
mod k8s_audit;
pub mod k8s_audit_values;
mod lookup;
mod process;
mod user;
mod windows;
pub mod windows_values;

pub use lookup::{LookupError, all, find, lookup, suggest};

use container::container_fields;
use derived::derived_fields;
use event::event_fields;
use fd::fd_fields;
use k8s_audit::k8s_audit_fields;
use process::process_fields;
use user::user_fields;
use windows::windows_fields;

/// What stands in brackets behind a field.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Argument {
    /// Nothing.
    #[default]
    None,
    /// A number: `proc.aname[2]`.
    Index(u32),
    /// A text: `evt.arg[flags]`, `jevt.value[/user/username]`.
    Key(Box<str>),
}

/// What a field's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FieldType {
    /// Bytes, mostly text.
    Text,
    /// A whole number.
    Number,
    /// Yes or no.
    Boolean,
    /// An IP address; compared with addresses and networks.
    Address,
    /// A port number.
    Port,
    /// Several texts.
    List,
    /// Nanoseconds since 1970.
    Time,
    /// Nanoseconds.
    Duration,
    /// A text or a number, whichever the event has.
    Dynamic,
}

impl FieldType {
    /// The name for reading.
    pub fn as_str(self) -> &'static str {
        match self {
            FieldType::Text => "text",
            FieldType::Number => "number",
            FieldType::Boolean => "boolean",
            FieldType::Address => "address",
            FieldType::Port => "port",
            FieldType::List => "list",
            FieldType::Time => "time",
            FieldType::Duration => "duration",
            FieldType::Dynamic => "text or number",
        }
    }
}

/// What may stand in brackets behind a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ArgumentKind {
    /// Nothing.
    None,
    /// Nothing or a number.
    OptionalIndex,
    /// A number.
    RequiredIndex,
    /// Nothing or a text.
    OptionalKey,
    /// A text.
    RequiredKey,
    /// Nothing, a number, or a text.
    OptionalAny,
    /// A number or a text.
    RequiredAny,
}

/// Which events a rule looks at (`source:`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Source {
    /// The kernel's events and what is derived from them, containers included.
    #[default]
    Syscall,
    /// Audit events of the Kubernetes API server.
    K8sAudit,
    /// Windows logs.
    Windows,
}

impl Source {
    /// Every source.
    pub const ALL: &'static [Source] = &[Source::Syscall, Source::K8sAudit, Source::Windows];

    /// The name in rules.
    pub fn as_str(self) -> &'static str {
        match self {
            Source::Syscall => "syscall",
            Source::K8sAudit => "k8s_audit",
            Source::Windows => "windows",
        }
    }

    /// The source of that name.
    pub fn from_name(name: &str) -> Option<Source> {
        Source::ALL
            .iter()
            .copied()
            .find(|source| source.as_str() == name)
    }
}

/// Whether Yagura has values for a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Availability {
    /// It has.
    Supplied,
    /// It has none: the field is always absent. Says why, or what to use instead.
    NotSupplied(&'static str),
}

/// All there is to know about a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldRow {
    /// The field.
    pub field: Field,
    /// The name in rules.
    pub name: &'static str,
    /// What its value is.
    pub value: FieldType,
    /// What may stand in brackets.
    pub argument: ArgumentKind,
    /// The sources whose events can have it.
    pub sources: &'static [Source],
    /// What it says, in a sentence.
    pub description: &'static str,
    /// Whether there are values.
    pub availability: Availability,
}

/// The sources meant by a word in the tables.
macro_rules! sources {
    (Any) => {
        Source::ALL
    };
    (Kernel) => {
        &[Source::Syscall]
    };
    (Audit) => {
        &[Source::K8sAudit]
    };
    (Windows) => {
        &[Source::Windows]
    };
    (Document) => {
        &[Source::K8sAudit, Source::Windows]
    };
}

macro_rules! availability {
    () => {
        Availability::Supplied
    };
    ($reason:literal) => {
        Availability::NotSupplied($reason)
    };
}

macro_rules! declare_fields {
    ([] $($field:ident = $name:literal, $value:ident, $argument:ident, $sources:ident, $description:literal
        $(, missing $reason:literal)?;)+) => {
        /// A field.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Field {
            $(#[doc = concat!("`", $name, "`: ", $description)] $field,)+
        }

        /// Every field, in the order of [`Field`].
        static ROWS: &[FieldRow] = &[$(*Field::$field.row(),)+];

        impl Field {
            /// How many fields there are.
            pub const COUNT: usize = ROWS.len();

            /// All there is to know about it.
            pub const fn row(self) -> &'static FieldRow {
                match self { $(Field::$field => &FieldRow {
                    field: Field::$field,
                    name: $name,
                    value: FieldType::$value,
                    argument: ArgumentKind::$argument,
                    sources: sources!($sources),
                    description: $description,
                    availability: availability!($($reason)?),
                },)+ }
            }

            /// The name in rules.
            pub const fn name(self) -> &'static str {
                self.row().name
            }
        }
    };
}

event_fields! {
    [process_fields fd_fields user_fields container_fields derived_fields k8s_audit_fields windows_fields declare_fields]
}
