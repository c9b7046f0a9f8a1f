//! Checks what conditions ask against the table of fields.
use crate::diagnostic::Diagnostics;
use crate::raw::RuleKeys;
use crate::rule::Rule;

/// Remembers what has been reported: a macro stands in many rules.
#[derive(Debug, Default)]
pub(crate) struct Checker {}

impl Checker {
    pub(crate) fn rule(&mut self, _rule: &Rule, _keys: &RuleKeys, _diagnostics: &mut Diagnostics) -> bool {
        true
    }
}
