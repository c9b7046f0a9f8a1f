//! What changed between two versions of something, field by field.

use crate::printer::quoted;
use std::fmt;

/// A field with another value than before, both in the notation of a policy file. Empty where the field was or is
/// left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChange {
    /// Path of the field, such as `scope.conditions`.
    pub field: &'static str,
    /// Value before. Already escaped.
    pub before: String,
    /// Value after. Already escaped.
    pub after: String,
}

/// Things as they display, separated by semicolons.
pub(crate) fn join(items: &[impl fmt::Display]) -> String {
    let texts: Vec<String> = items.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

/// The fields that differ; both lists have the same fields in the same order.
pub(crate) fn changes(
    old: &[(&'static str, String)],
    new: &[(&'static str, String)],
) -> Vec<FieldChange> {
    old.iter()
        .zip(new)
        .filter(|(before, after)| before != after)
        .map(|((field, before), (_, after))| FieldChange {
            field,
            before: before.clone(),
            after: after.clone(),
        })
        .collect()
}

/// A text in the notation of a policy file; empty if there is none.
pub(crate) fn optional(text: &Option<String>) -> String {
    text.as_deref().map(quoted).unwrap_or_default()
}

/// A text, left out where the field has its default.
pub(crate) fn unless(default: bool, text: &str) -> String {
    if default {
        String::new()
    } else {
        text.to_owned()
    }
}

impl fmt::Display for FieldChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |text: &str| {
            if text.is_empty() {
                "(not set)".to_owned()
            } else {
                text.to_owned()
            }
        };
        write!(
            f,
            "{}: {} -> {}",
            self.field,
            shown(&self.before),
            shown(&self.after)
        )
    }
}
