//! The fields that conditions and outputs may name: one table per source.

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

/// A field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// `evt.type`.
    EvtType,
}
