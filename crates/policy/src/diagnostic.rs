//! What is wrong with a policy file, with the place and a way out.

use crate::limits::{DEPTH_MAX, DIAGNOSTICS_MAX, DOCUMENT_BYTES_MAX, NODES_MAX};
use std::fmt;
use yagura_event::escape;
use yagura_yaml::{Bounds, Position, Problem, Tree};

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The policy cannot be used.
    Error,
    /// The policy can be used, but probably does not do what its author wants.
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

            /// The code as it is printed, such as `YP013`.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text,)+ }
            }

            /// Whether the policy can still be used.
            pub fn severity(self) -> Severity {
                match self { $(Code::$name => Severity::$severity,)+ }
            }
        }
    };
}

codes! {
    /// The file is larger than the bound.
    TooLarge = "YP001", Error;
    /// The file is not UTF-8.
    InvalidUtf8 = "YP002", Error;
    /// The file holds a control character.
    ControlCharacter = "YP003", Error;
    /// The file is not YAML.
    Syntax = "YP004", Error;
    /// Lists and mappings are nested too deeply.
    TooDeep = "YP005", Error;
    /// The file has too many values.
    TooManyNodes = "YP006", Error;
    /// An anchor or alias is used.
    AnchorOrAlias = "YP007", Error;
    /// A tag is used.
    Tag = "YP008", Error;
    /// The file has more than one document.
    ManyDocuments = "YP009", Error;
    /// The file has no document.
    NoDocument = "YP010", Error;
    /// A key of a mapping is not a text.
    KeyNotText = "YP011", Error;
    /// A key stands twice in one mapping.
    DuplicateKey = "YP012", Error;
    /// A field that does not exist.
    UnknownField = "YP013", Error;
    /// A field that must be there is missing.
    MissingField = "YP014", Error;
    /// A value has the wrong shape.
    WrongType = "YP015", Error;
    /// A word that is not one of those the field takes.
    UnknownValue = "YP016", Error;
    /// A text is empty.
    EmptyText = "YP017", Error;
    /// A list is empty where that would mean "never".
    EmptyList = "YP018", Error;
    /// A text is too long.
    TooLong = "YP019", Error;
    /// A list has too many entries.
    TooMany = "YP020", Error;
    /// A text holds a character that may not stand there.
    ForbiddenCharacter = "YP021", Error;
    /// Two rules have the same name.
    DuplicateRuleName = "YP022", Error;
    /// The default rule stands among the rules, or a rule has its name.
    DefaultRuleMoved = "YP023", Error;
    /// The default rule has more than an action.
    DefaultRuleChanged = "YP024", Error;
    /// A condition on a pod label does not name the label.
    LabelKeyMissing = "YP025", Error;
    /// A condition names a label key, but is not on pod labels.
    LabelKeyUnexpected = "YP026", Error;
    /// A SHA-256 digest is not one.
    BadDigest = "YP027", Error;
    /// A pattern could never match.
    BadPattern = "YP028", Error;
    /// An expiry is not a date.
    BadDate = "YP029", Error;
    /// A number is out of range.
    BadNumber = "YP030", Error;
    /// A length of time is not one.
    BadSpan = "YP031", Error;
    /// A defence rule covers no behaviour, so it would never do anything.
    NoBehaviour = "YP032", Error;
    /// An entry of an allow list names nothing, so it would let everything through.
    EmptyEntry = "YP033", Error;
    /// There is a drift policy already.
    SecondDriftPolicy = "YP034", Error;
    /// A rule on images says nothing about which images.
    NoCriterion = "YP035", Error;
    /// There were more errors than are shown.
    MoreErrors = "YP099", Error;
    /// A rule blocks drift everywhere.
    BlocksEverywhere = "YP101", Warning;
    /// A rule can never decide: earlier rules decide everything that it covers.
    Shadowed = "YP102", Warning;
    /// A value stands twice in one list.
    RepeatedValue = "YP103", Warning;
    /// A field has no effect in this rule.
    NoEffect = "YP104", Warning;
    /// A rule blocks in containers that the node itself depends on.
    HitsPlatform = "YP105", Warning;
    /// More rules or entries than the kernel's row of a container has room for.
    RowOverflow = "YP106", Warning;
    /// Something that the kernel can't decide by itself; the message says what is enforced instead.
    NotInKernel = "YP107", Warning;
    /// There were more warnings than are shown.
    MoreWarnings = "YP199", Warning;
}

impl Code {
    /// The code of what is wrong with a file as YAML.
    fn of(problem: &Problem) -> Code {
        match problem {
            Problem::TooLarge { .. } => Code::TooLarge,
            Problem::InvalidUtf8(_) => Code::InvalidUtf8,
            Problem::ControlCharacter(_) => Code::ControlCharacter,
            Problem::Syntax(_) => Code::Syntax,
            Problem::TooDeep(_) => Code::TooDeep,
            Problem::TooManyNodes(_) => Code::TooManyNodes,
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

/// One problem of a policy file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What kind of problem.
    pub code: Code,
    /// Whether the policy can still be used.
    pub severity: Severity,
    /// The file as the caller named it. Not escaped.
    pub file: String,
    /// Line, the first is 1.
    pub line: usize,
    /// Column in characters, the first is 1.
    pub column: usize,
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
            self.line,
            self.column,
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

/// Collects the problems of one file: of errors and of warnings, each up to the bound, so that a flood of warnings
/// hides no error.
#[derive(Debug)]
pub(crate) struct Diagnostics {
    file: String,
    found: Vec<Diagnostic>,
    errors: usize,
    warnings: usize,
}

impl Diagnostics {
    pub(crate) fn new(file: &str) -> Self {
        Diagnostics {
            file: file.to_owned(),
            found: Vec::new(),
            errors: 0,
            warnings: 0,
        }
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

    fn push(&mut self, code: Code, at: Position, message: String, hint: Option<String>) {
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
            file: self.file.clone(),
            line: at.line,
            column: at.column,
            message,
            hint,
        });
    }

    /// Reads a file as YAML within the bounds of policies.
    pub(crate) fn read<'b>(&mut self, bytes: &'b [u8], documents_max: usize) -> Tree<'b> {
        let bounds = Bounds {
            bytes_max: DOCUMENT_BYTES_MAX,
            depth_max: DEPTH_MAX,
            nodes_max: NODES_MAX,
            documents_max,
        };
        let tree = yagura_yaml::read(bytes, &bounds, &mut |at, problem| {
            let code = Code::of(&problem);
            let hint = problem.hint().or(match code {
                Code::TooLarge => {
                    Some("name many values in one condition, or use starts-with and wildcards")
                }
                Code::ManyDocuments if documents_max > 1 => Some("split the file"),
                Code::ManyDocuments => Some("a file holds one policy: remove the line ---"),
                _ => None,
            });
            self.push(code, at, problem.to_string(), hint.map(str::to_owned));
        });
        if tree.complete && tree.documents.is_empty() {
            let message = "the file holds no policy";
            self.report(Code::NoDocument, Position::START, message);
        }
        tree
    }

    /// The file as the caller named it.
    pub(crate) fn file(&self) -> &str {
        &self.file
    }

    /// Errors so far, those beyond the bound included.
    pub(crate) fn errors(&self) -> usize {
        self.errors
    }

    /// All problems in the order of the file.
    pub(crate) fn finish(mut self) -> Vec<Diagnostic> {
        self.found.sort_by_key(|d| (d.line, d.column, d.code));
        let last = self.found.last().map_or(Position::START, |d| Position {
            line: d.line,
            column: d.column,
        });
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
        let mut diagnostics = Diagnostics::new("f");
        for line in 0..DIAGNOSTICS_MAX + 7 {
            let at = Position { line, column: 1 };
            diagnostics.report(Code::Syntax, at, "x");
        }
        let found = diagnostics.finish();
        assert_eq!(found.len(), DIAGNOSTICS_MAX + 1);
        assert_eq!(
            found.last().map(|d| d.message.as_str()),
            Some("7 more errors are not shown")
        );
    }
}
