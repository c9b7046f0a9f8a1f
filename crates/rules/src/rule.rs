//! Rules as they are after loading: names resolved, lists and macros put in.

use crate::ast::{Expr, Operand, Position};

pub use crate::fields::Source as RuleSource;

/// How important Falco's rules call themselves, the most important first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the names are syslog's")]
pub enum Priority {
    Emergency,
    Alert,
    Critical,
    Error,
    Warning,
    Notice,
    Informational,
    Debug,
}

impl Priority {
    /// Every priority, the most important first.
    pub const ALL: &'static [Priority] = &[
        Priority::Emergency,
        Priority::Alert,
        Priority::Critical,
        Priority::Error,
        Priority::Warning,
        Priority::Notice,
        Priority::Informational,
        Priority::Debug,
    ];

    /// The name in rules and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Priority::Emergency => "EMERGENCY",
            Priority::Alert => "ALERT",
            Priority::Critical => "CRITICAL",
            Priority::Error => "ERROR",
            Priority::Warning => "WARNING",
            Priority::Notice => "NOTICE",
            Priority::Informational => "INFORMATIONAL",
            Priority::Debug => "DEBUG",
        }
    }
}

/// How urgent an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleSeverity {
    /// Somebody must act now.
    Urgent,
    /// Somebody should look.
    Suspicious,
    /// Worth knowing.
    Reminder,
}

impl RuleSeverity {
    /// Every severity, the most urgent first.
    pub const ALL: &'static [RuleSeverity] = &[
        RuleSeverity::Urgent,
        RuleSeverity::Suspicious,
        RuleSeverity::Reminder,
    ];

    /// The name in rules and output.
    pub fn as_str(self) -> &'static str {
        match self {
            RuleSeverity::Urgent => "urgent",
            RuleSeverity::Suspicious => "suspicious",
            RuleSeverity::Reminder => "reminder",
        }
    }
}

impl From<Priority> for RuleSeverity {
    /// What a rule without a severity of its own gets.
    fn from(priority: Priority) -> RuleSeverity {
        match priority {
            Priority::Emergency | Priority::Alert | Priority::Critical => RuleSeverity::Urgent,
            Priority::Error | Priority::Warning => RuleSeverity::Suspicious,
            Priority::Notice | Priority::Informational | Priority::Debug => RuleSeverity::Reminder,
        }
    }
}

/// A rule. Conditions in it hold neither macros nor named lists.
///
/// An event meets the rule if the condition holds and no exception holds. An exception that is unknown does not hold:
/// what is not known never silences an alert.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its name, unique among all rules.
    pub name: String,
    /// Where it was first defined.
    pub position: Position,
    /// What it is about.
    pub description: String,
    /// Which events it looks at.
    pub source: RuleSource,
    /// What must hold; without exceptions. `None` only for a rule with a sequence; there, where it is given, every step
    /// must hold it too.
    pub condition: Option<Expr>,
    /// The message, with `%field` for values.
    pub output: String,
    /// Falco's priority.
    pub priority: Priority,
    /// Tags.
    pub tags: Vec<String>,
    /// Whether it is evaluated.
    pub enabled: bool,
    /// Key of the catalogue.
    pub key: Option<String>,
    /// How urgent its alerts are.
    pub severity: RuleSeverity,
    /// ATT&CK techniques, such as `T1059.004`.
    pub techniques: Vec<String>,
    /// Why this is a threat.
    pub reason: String,
    /// What to do about it.
    pub remedy: String,
    /// Label in English.
    pub title_en: Option<String>,
    /// Label in Japanese.
    pub title_ja: Option<String>,
    /// Alerts with the same values of these fields are one.
    pub fold_by: Vec<Operand>,
    /// Events that must come one after another.
    pub sequence: Option<Sequence>,
    /// How many events there must be.
    pub threshold: Option<Threshold>,
    /// A value that must be new.
    pub first_seen: Option<FirstSeen>,
    /// What is let pass.
    pub exceptions: Vec<Exception>,
    /// Examples that the rule must fire on, or stay silent on.
    pub tests: Vec<RuleTest>,
    /// Whether Falco would warn of a missing restriction to event types.
    pub warn_event_types: bool,
}

impl Rule {
    /// The condition as Falco writes it: `… and not (exceptions)`.
    pub fn whole_condition(&self) -> Option<Expr> {
        let condition = self.condition.clone()?;
        if self.exceptions.is_empty() {
            return Some(condition);
        }
        let passes = self
            .exceptions
            .iter()
            .map(|exception| Expr::Not(Box::new(exception.holds.clone())));
        Some(Expr::And(
            std::iter::once(condition).chain(passes).collect(),
        ))
    }
}

/// What a rule lets pass.
#[derive(Debug, Clone, PartialEq)]
pub struct Exception {
    /// Its name, unique in the rule.
    pub name: String,
    /// Where it stands.
    pub at: Position,
    /// When it applies.
    pub holds: Expr,
}

/// Several events by the same subject within a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Sequence {
    /// Where it stands.
    pub at: Position,
    /// Fields whose values the steps share.
    pub by: Vec<Operand>,
    /// Time from the first step to the last, in milliseconds.
    pub within_ms: u64,
    /// Whether the steps must come in the order of the rule.
    pub ordered: bool,
    /// The steps; at least two.
    pub steps: Vec<Step>,
}

/// One event of a sequence.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Its name, unique in the sequence.
    pub name: String,
    /// Where it stands.
    pub at: Position,
    /// What must hold, besides the rule's condition.
    pub condition: Expr,
}

/// Many events by the same subject within a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    /// Where it stands.
    pub at: Position,
    /// Fields whose values the events share.
    pub by: Vec<Operand>,
    /// What is counted.
    pub count: Count,
    /// Time from the first event to the last, in milliseconds.
    pub within_ms: u64,
}

/// What a threshold counts.
#[derive(Debug, Clone, PartialEq)]
pub enum Count {
    /// Events; at least this many.
    Events(u32),
    /// Different values of a field; at least this many.
    Distinct(Operand, u32),
}

/// A value that was never there before.
#[derive(Debug, Clone, PartialEq)]
pub struct FirstSeen {
    /// Where it stands.
    pub at: Position,
    /// Fields that say whose value it is.
    pub by: Vec<Operand>,
    /// Fields that make up the value.
    pub value: Vec<Operand>,
    /// How long values are only learnt, from the first event of that `by`, in milliseconds.
    pub learning_ms: u64,
}

/// An example of what the rule is for.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleTest {
    /// Its name, unique in the rule.
    pub name: String,
    /// Where it stands.
    pub at: Position,
    /// Whether the rule must fire.
    pub fires: bool,
    /// The events, in the order of time.
    pub events: Vec<TestEvent>,
}

/// An event of an example.
#[derive(Debug, Clone, PartialEq)]
pub struct TestEvent {
    /// Where it stands.
    pub at: Position,
    /// When, in milliseconds after the first.
    pub at_ms: u64,
    /// The fields that it has; all others are absent.
    pub fields: Vec<(Operand, TestValue)>,
}

/// The value of a field in an example. The field's type says how a text is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TestValue {
    /// As written.
    Text(String),
    /// Several.
    List(Vec<TestValue>),
    /// `null`: the event has no such value.
    Absent,
    /// `.unknown`: the value is not known.
    Unknown,
}

/// A macro as it is in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Macro {
    /// Its name.
    pub name: String,
    /// Where it was first defined.
    pub at: Position,
    /// Its condition, other macros put in.
    pub condition: Expr,
}

/// A list as it is in force.
#[derive(Debug, Clone, PartialEq)]
pub struct List {
    /// Its name.
    pub name: String,
    /// Where it was first defined.
    pub at: Position,
    /// Its items, other lists put in.
    pub items: Vec<String>,
}
