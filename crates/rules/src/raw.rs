//! The items of rule files as they are written, before anything in them is looked up.

use crate::ast::Position;
use crate::rule::{Priority, RuleSeverity, TestValue};
use crate::source::Text;

/// Declares the keys of a rule that can be changed later, with what `override` may do to each.
macro_rules! rule_keys {
    ($($(#[doc = $doc:literal])+ $field:ident: $type:ty = $key:literal, $change:ident;)+) => {
        /// The keys of a rule that are there.
        #[derive(Debug, Clone, Default)]
        pub(crate) struct RuleKeys { $($(#[doc = $doc])+ pub(crate) $field: Option<$type>,)+ }

        impl RuleKeys {
            /// Every key with what `override` may do to it.
            pub(crate) const CHANGES: &'static [(&'static str, Change)] = &[$(($key, Change::$change),)+];

            /// Whether a key is there.
            pub(crate) fn has(&self, key: &str) -> bool {
                match key { $($key => self.$field.is_some(),)+ _ => false }
            }

            /// Takes a key over from a later definition.
            pub(crate) fn replace(&mut self, key: &str, later: &RuleKeys) {
                match key { $($key => self.$field.clone_from(&later.$field),)+ _ => {} }
            }
        }
    };
}

/// What `override` may do to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Put something else in its place.
    Replace,
    /// That, or add to it.
    ReplaceOrAppend,
}

rule_keys! {
    /// What it is about.
    description: Text = "desc", ReplaceOrAppend;
    /// What must hold.
    condition: Text = "condition", ReplaceOrAppend;
    /// The message.
    output: Text = "output", ReplaceOrAppend;
    /// Tags.
    tags: Vec<String> = "tags", ReplaceOrAppend;
    /// What is let pass.
    exceptions: Vec<RawException> = "exceptions", ReplaceOrAppend;
    /// Falco's priority.
    priority: Priority = "priority", Replace;
    /// Whether it is evaluated.
    enabled: bool = "enabled", Replace;
    /// Whether to warn of a missing restriction to event types.
    warn_event_types: bool = "warn_evttypes", Replace;
    /// Whether the rule is left out if it has a field that does not exist.
    skip_if_unknown: bool = "skip-if-unknown-filter", Replace;
    /// Falco's recording of events; has no effect.
    capture: bool = "capture", Replace;
    /// How long Falco records, in milliseconds; has no effect.
    capture_duration: u64 = "capture_duration", Replace;
    /// Key of the catalogue.
    key: String = "key", Replace;
    /// How urgent its alerts are.
    severity: RuleSeverity = "severity", Replace;
    /// ATT&CK techniques.
    techniques: Vec<String> = "techniques", ReplaceOrAppend;
    /// Why this is a threat.
    reason: String = "reason", Replace;
    /// What to do about it.
    remedy: String = "remedy", Replace;
    /// Labels.
    title: RawTitle = "title", Replace;
    /// By which fields alerts are one.
    fold_by: Vec<Text> = "fold_by", Replace;
    /// Events one after another.
    sequence: RawSequence = "sequence", Replace;
    /// How many events.
    threshold: RawThreshold = "threshold", Replace;
    /// A value that must be new.
    first_seen: RawFirstSeen = "first_seen", Replace;
    /// Examples.
    tests: Vec<RawTest> = "tests", ReplaceOrAppend;
}

/// A top-level item that can be referred to.
#[derive(Debug)]
pub(crate) enum Item {
    Rule(Box<RawRule>),
    Macro(RawMacro),
    List(RawList),
}

/// How an item relates to one of the same name before it.
#[derive(Debug, Clone, Default)]
pub(crate) enum Mode {
    /// It takes its place.
    #[default]
    Define,
    /// `append: true`.
    Append,
    /// `override`: what happens to which key; whether it is appended, and where that is said.
    Override(Vec<(String, bool, Position)>),
}

#[derive(Debug)]
pub(crate) struct RawRule {
    pub(crate) name: String,
    pub(crate) at: Position,
    pub(crate) mode: Mode,
    /// The source and where it stands, if one is named.
    pub(crate) source: Option<(String, Position)>,
    pub(crate) keys: RuleKeys,
}

#[derive(Debug)]
pub(crate) struct RawMacro {
    pub(crate) name: String,
    pub(crate) at: Position,
    pub(crate) mode: Mode,
    pub(crate) condition: Text,
}

#[derive(Debug)]
pub(crate) struct RawList {
    pub(crate) name: String,
    pub(crate) at: Position,
    pub(crate) mode: Mode,
    pub(crate) items: Vec<(String, Position)>,
}

/// One value or several, as Falco's exceptions have it everywhere.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Entry {
    One(String, Position),
    Many(Vec<Entry>, Position),
}

impl Entry {
    pub(crate) fn at(&self) -> Position {
        match self {
            Entry::One(_, at) | Entry::Many(_, at) => *at,
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct RawException {
    pub(crate) name: String,
    pub(crate) at: Position,
    pub(crate) fields: Option<Entry>,
    pub(crate) comparisons: Option<Entry>,
    pub(crate) values: Vec<Entry>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct RawTitle {
    pub(crate) en: Option<String>,
    pub(crate) ja: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct RawSequence {
    pub(crate) at: Position,
    pub(crate) by: Vec<Text>,
    pub(crate) within_ms: u64,
    pub(crate) ordered: bool,
    /// Name, place and condition.
    pub(crate) steps: Vec<(String, Position, Text)>,
}

#[derive(Debug, Clone)]
pub(crate) struct RawThreshold {
    pub(crate) at: Position,
    pub(crate) by: Vec<Text>,
    pub(crate) distinct: Option<Text>,
    pub(crate) count: u32,
    pub(crate) within_ms: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct RawFirstSeen {
    pub(crate) at: Position,
    pub(crate) by: Vec<Text>,
    pub(crate) value: Vec<Text>,
    pub(crate) learning_ms: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct RawTest {
    pub(crate) name: String,
    pub(crate) at: Position,
    pub(crate) fires: bool,
    pub(crate) events: Vec<RawTestEvent>,
}

#[derive(Debug, Clone)]
pub(crate) struct RawTestEvent {
    pub(crate) at: Position,
    pub(crate) at_ms: u64,
    pub(crate) fields: Vec<(Text, TestValue)>,
}
