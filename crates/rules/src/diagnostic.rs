//! What is wrong with rule files, with the place and a way out.

use crate::ast::Position;
use crate::limits::DIAGNOSTICS_MAX;
use std::fmt;
use yagura_event::escape;
use yagura_yaml::Problem;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The rules cannot be used.
    Error,
    /// The rules can be used, but perhaps do not do what their author wants.
    Warning,
}

impl Severity {
    /// The name in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// Declares the codes with their printed form, so that code, name and severity stand in one table.
macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal, $severity:ident;)+) => {
        /// What kind of problem it is. Codes are stable: a number is never used again for something else.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[doc = $doc])+ $name,)+ }

        impl Code {
            /// Every code, in order.
            pub const ALL: &'static [Code] = &[$(Code::$name,)+];

            /// The code as it is printed, such as `YR021`.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text,)+ }
            }

            /// Whether the rules can still be used.
            pub fn severity(self) -> Severity {
                match self { $(Code::$name => Severity::$severity,)+ }
            }
        }
    };
}

codes! {
    /// A file is larger than the bound, or there are too many files.
    TooLarge = "YR001", Error;
    /// A file is not UTF-8.
    InvalidUtf8 = "YR002", Error;
    /// A file holds a control character.
    ControlCharacter = "YR003", Error;
    /// A file is not YAML.
    YamlSyntax = "YR004", Error;
    /// Lists and mappings are nested too deeply.
    TooDeep = "YR005", Error;
    /// A file has too many values.
    TooManyValues = "YR006", Error;
    /// An anchor or alias is used.
    AnchorOrAlias = "YR007", Error;
    /// A tag is used.
    Tag = "YR008", Error;
    /// A file has too many documents.
    ManyDocuments = "YR009", Error;
    /// A key of a mapping is not a text.
    KeyNotText = "YR010", Error;
    /// A key stands twice in one mapping.
    DuplicateKey = "YR011", Error;
    /// A value has the wrong shape.
    WrongShape = "YR012", Error;
    /// A key that must be there is missing.
    MissingKey = "YR013", Error;
    /// A text is empty.
    EmptyText = "YR014", Error;
    /// A text is too long.
    TooLong = "YR015", Error;
    /// There are too many of something.
    TooMany = "YR016", Error;
    /// A name could not be used where names are used.
    BadName = "YR017", Error;
    /// A word that is not one of those the key takes.
    UnknownWord = "YR018", Error;
    /// A number or time is none or out of range.
    BadNumber = "YR019", Error;
    /// A version is none.
    BadVersion = "YR020", Error;
    /// A condition is not written as conditions are.
    ConditionSyntax = "YR021", Error;
    /// A condition is nested too deeply or too large, perhaps only with its macros and lists put in.
    ConditionTooLarge = "YR022", Error;
    /// A macro that is not defined, or not yet.
    UnknownMacro = "YR023", Error;
    /// A macro or list leads back to itself.
    Cycle = "YR024", Error;
    /// Something is appended to or overridden that is not defined.
    NothingToChange = "YR025", Error;
    /// `append` and `override` are used in a way that says nothing.
    BadChange = "YR026", Error;
    /// An exception's fields, comparisons and values do not fit together.
    BadException = "YR027", Error;
    /// A rule is defined again for another source.
    SourceChanged = "YR028", Error;
    /// Two things of one rule have the same name.
    DuplicateName = "YR029", Error;
    /// A rule has blocks that exclude one another.
    BlocksConflict = "YR030", Error;
    /// A field that does not exist.
    UnknownField = "YR031", Error;
    /// What stands in a field's brackets, or its absence.
    BadArgument = "YR032", Error;
    /// A field is compared with something that it can never be, or by an operator that it does not have.
    BadComparison = "YR033", Error;
    /// A regular expression, pattern or row of bytes is none.
    BadPattern = "YR034", Error;
    /// There were more errors than are shown.
    MoreErrors = "YR099", Error;
    /// A top-level item that is none of those known.
    UnknownItem = "YR101", Warning;
    /// A key that is not known and has no effect.
    UnknownKey = "YR102", Warning;
    /// The rules ask for a newer engine.
    NewerEngine = "YR103", Warning;
    /// The rules ask for a plugin that is not there.
    PluginMissing = "YR104", Warning;
    /// A rule for a source that is not there; it is left out.
    UnknownSource = "YR105", Warning;
    /// A field that Falco knows but that has no values here.
    FieldNotSupplied = "YR106", Warning;
    /// An event type that never occurs here.
    UnknownEventType = "YR107", Warning;
    /// A rule is left out since a field of it does not exist.
    RuleSkipped = "YR108", Warning;
    /// A name is defined again; the later definition holds.
    Redefined = "YR109", Warning;
    /// A condition can never hold.
    NeverHolds = "YR110", Warning;
    /// A rule looks at every event.
    EveryEvent = "YR111", Warning;
    /// An exception can never apply: another lets the same pass, or the condition excludes it already.
    ShadowedException = "YR112", Warning;
    /// A macro that nothing uses.
    UnusedMacro = "YR113", Warning;
    /// A list that nothing uses.
    UnusedList = "YR114", Warning;
    /// A list without items in a condition that therefore never holds.
    EmptyList = "YR115", Warning;
    /// An exception is appended to without values.
    NoValues = "YR116", Warning;
    /// A field that no event of the rule's source has.
    WrongSource = "YR117", Warning;
    /// There were more warnings than are shown.
    MoreWarnings = "YR199", Warning;
}

impl Code {
    /// The code of what is wrong with a file as YAML.
    pub(crate) fn of(problem: &Problem) -> Code {
        match problem {
            Problem::TooLarge { .. } => Code::TooLarge,
            Problem::InvalidUtf8(_) => Code::InvalidUtf8,
            Problem::ControlCharacter(_) => Code::ControlCharacter,
            Problem::Syntax(_) => Code::YamlSyntax,
            Problem::TooDeep(_) => Code::TooDeep,
            Problem::TooManyNodes(_) => Code::TooManyValues,
            Problem::Anchor | Problem::Alias => Code::AnchorOrAlias,
            Problem::Tag(_) => Code::Tag,
            Problem::ManyDocuments => Code::ManyDocuments,
            Problem::KeyNotText => Code::KeyNotText,
            Problem::DuplicateKey(_) => Code::DuplicateKey,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One problem of a rule file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What kind of problem.
    pub code: Code,
    /// Whether the rules can still be used.
    pub severity: Severity,
    /// The file as the caller named it. Not escaped.
    pub file: String,
    /// Where in it; the file's number is its place in the order of loading.
    pub at: Position,
    /// What is wrong. Text of the user in it is bounded and escaped.
    pub message: String,
    /// What to do about it, escaped likewise.
    pub hint: Option<String>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}: {}[{}]: {}",
            escape(self.file.as_bytes()),
            self.at.line,
            self.at.column,
            self.severity.as_str(),
            self.code,
            self.message
        )?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// Collects the problems of a set of files: of errors and of warnings, each up to the bound, so that a flood of warnings
/// hides no error.
#[derive(Debug, Default)]
pub(crate) struct Diagnostics {
    files: Vec<String>,
    found: Vec<Diagnostic>,
    errors: usize,
    warnings: usize,
}

impl Diagnostics {
    /// Adds a file and says its number.
    pub(crate) fn add_file(&mut self, name: &str) -> u16 {
        let number = u16::try_from(self.files.len()).unwrap_or(u16::MAX);
        self.files.push(name.to_owned());
        number
    }

    /// The name of a file.
    pub(crate) fn file(&self, number: u16) -> &str {
        self.files
            .get(usize::from(number))
            .map_or("", String::as_str)
    }

    /// Notes a problem without a hint.
    pub(crate) fn report(&mut self, code: Code, at: Position, message: impl Into<String>) {
        self.push(code, at, message.into(), None);
    }

    /// Notes a problem and what to do about it.
    pub(crate) fn report_with_hint(
        &mut self,
        code: Code,
        at: Position,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.push(code, at, message.into(), Some(hint.into()));
    }

    /// Notes a problem.
    pub(crate) fn push(&mut self, code: Code, at: Position, message: String, hint: Option<String>) {
        let count = match code.severity() {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        *count += 1;
        if *count <= DIAGNOSTICS_MAX {
            self.add(code, at, message, hint);
        }
    }

    fn add(&mut self, code: Code, at: Position, message: String, hint: Option<String>) {
        self.found.push(Diagnostic {
            code,
            severity: code.severity(),
            file: self.file(at.file).to_owned(),
            at,
            message,
            hint,
        });
    }

    /// Whether one more problem of this kind is shown. If not, hints for it need not be worked out: a hostile file could make
    /// that take long.
    pub(crate) fn shows(&self, code: Code) -> bool {
        let count = match code.severity() {
            Severity::Error => self.errors,
            Severity::Warning => self.warnings,
        };
        count < DIAGNOSTICS_MAX
    }

    /// Errors so far, those beyond the bound included.
    pub(crate) fn errors(&self) -> usize {
        self.errors
    }

    /// All problems in the order of the files.
    pub(crate) fn finish(mut self) -> Vec<Diagnostic> {
        self.found
            .sort_by(|a, b| (a.at, a.code, &a.message).cmp(&(b.at, b.code, &b.message)));
        self.found.dedup();
        let last = self.found.last().map_or(Position::default(), |d| d.at);
        for (count, code, what) in [
            (self.errors, Code::MoreErrors, "errors"),
            (self.warnings, Code::MoreWarnings, "warnings"),
        ] {
            let left_out = count.saturating_sub(DIAGNOSTICS_MAX);
            if left_out > 0 {
                let message = format!("{left_out} more {what} are not shown");
                self.add(code, last, message, None);
            }
        }
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_ordered() {
        let codes: Vec<_> = Code::ALL.iter().map(|c| c.as_str()).collect();
        let mut sorted = codes.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(codes, sorted);
    }

    #[test]
    fn problems_beyond_the_bound_are_counted() {
        let mut diagnostics = Diagnostics::default();
        diagnostics.add_file("f");
        for line in (1..).take(DIAGNOSTICS_MAX + 7) {
            let at = Position {
                file: 0,
                line,
                column: 1,
            };
            diagnostics.report(Code::YamlSyntax, at, "x");
        }
        let found = diagnostics.finish();
        assert_eq!(found.len(), DIAGNOSTICS_MAX + 1);
        assert_eq!(
            found.last().map(|d| d.message.as_str()),
            Some("7 more errors are not shown")
        );
    }
}
