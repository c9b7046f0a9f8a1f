//! From what is written in a rule to a field.

use super::{Argument, ArgumentKind, FieldRow, ROWS};
use std::collections::HashMap;
use std::sync::LazyLock;

/// Fields whose argument may also stand behind a dot: `evt.arg.flags`. Where one is the beginning of another, the longer first.
const DOTTED: &[&str] = &[
    "evt.arg",
    "evt.rawarg",
    "evt.type.is",
    "evt.abspath",
    "thread.cgroup",
    "k8s.pod.label",
    "k8s.ns.label",
    "k8s.rc.label",
    "k8s.rs.label",
    "k8s.svc.label",
    "k8s.deployment.label",
    "container.label",
];

/// Most edits between a misspelt name and what is suggested, per five characters of the name.
const EDITS_PER_FIVE_MAX: usize = 1;

/// What is wrong with a field as written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// There is no such field.
    #[error("unknown field {name:?}")]
    Unknown {
        /// As written.
        name: String,
        /// A field whose name is much like it.
        suggestion: Option<&'static str>,
    },
    /// The field needs an argument.
    #[error("field {0} needs an argument in brackets")]
    ArgumentMissing(&'static str),
    /// The field takes no argument.
    #[error("field {0} takes no argument")]
    ArgumentUnexpected(&'static str),
    /// The field takes a number.
    #[error("field {field} takes a number in brackets, not {argument:?}")]
    ArgumentNotNumber {
        /// The field.
        field: &'static str,
        /// As written.
        argument: String,
    },
}

static BY_NAME: LazyLock<HashMap<&'static str, &'static FieldRow>> =
    LazyLock::new(|| ROWS.iter().map(|row| (row.name, row)).collect());

/// Every field, table by table.
pub fn all() -> &'static [FieldRow] {
    ROWS
}

/// The field of exactly that name.
pub fn find(name: &str) -> Option<&'static FieldRow> {
    BY_NAME.get(name).copied()
}

/// The field and argument meant by a name and the text in brackets behind it. Understands `evt.arg.flags` as `evt.arg[flags]`.
///
/// # Errors
///
/// Says what is wrong: the name, or what stands in the brackets.
pub fn lookup(
    name: &str,
    argument: Option<&str>,
) -> Result<(&'static FieldRow, Argument), LookupError> {
    if let Some(row) = find(name) {
        return Ok((row, parse_argument(row, argument)?));
    }
    if argument.is_none() {
        for dotted in DOTTED {
            let rest = name
                .strip_prefix(dotted)
                .and_then(|rest| rest.strip_prefix('.'));
            if let (Some(rest), Some(row)) = (rest.filter(|rest| !rest.is_empty()), find(dotted)) {
                return Ok((row, parse_argument(row, Some(rest))?));
            }
        }
    }
    Err(LookupError::Unknown {
        name: name.to_owned(),
        suggestion: suggest(name),
    })
}

/// The argument that a field makes of the text in its brackets.
fn parse_argument(row: &'static FieldRow, text: Option<&str>) -> Result<Argument, LookupError> {
    use ArgumentKind::{
        None as Nothing, OptionalAny, OptionalIndex, OptionalKey, RequiredAny, RequiredIndex,
        RequiredKey,
    };
    let Some(text) = text else {
        return match row.argument {
            Nothing | OptionalIndex | OptionalKey | OptionalAny => Ok(Argument::None),
            RequiredIndex | RequiredKey | RequiredAny => {
                Err(LookupError::ArgumentMissing(row.name))
            }
        };
    };
    let number = text.parse::<u32>().map(Argument::Index);
    match row.argument {
        Nothing => Err(LookupError::ArgumentUnexpected(row.name)),
        OptionalIndex | RequiredIndex => number.map_err(|_| LookupError::ArgumentNotNumber {
            field: row.name,
            argument: text.to_owned(),
        }),
        OptionalKey | RequiredKey => Ok(Argument::Key(text.into())),
        OptionalAny | RequiredAny => Ok(number.unwrap_or_else(|_| Argument::Key(text.into()))),
    }
}

/// The field whose name is most like a misspelt one, if any is much like it.
pub fn suggest(name: &str) -> Option<&'static str> {
    let allowed = (name.chars().count() / 5 + 1) * EDITS_PER_FIVE_MAX;
    ROWS.iter()
        .map(|row| (edits(name, row.name), row.name))
        .filter(|(edits, _)| *edits <= allowed)
        .min()
        .map(|(_, name)| name)
}

/// Number of single-character edits between two names.
fn edits(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (at, character) in left.chars().enumerate() {
        let mut diagonal = at;
        let mut before = at + 1;
        let mut next = vec![before];
        for (above, other) in row.iter().skip(1).zip(&right) {
            let substituted = diagonal + usize::from(character != *other);
            before = substituted.min(above + 1).min(before + 1);
            diagonal = *above;
            next.push(before);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::Field;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_rows_are_in_the_order_of_the_fields() {
        let names: HashSet<&str> = all().iter().map(|row| row.name).collect();
        assert_eq!(names.len(), all().len());
        assert!(all().windows(2).all(|pair| pair[0].field < pair[1].field));
        assert!(all().iter().all(|row| row.field.row() == row));
    }

    #[test]
    fn arguments_are_read_by_the_kind_of_the_field() {
        let argument = |name, text| lookup(name, text).map(|(row, argument)| (row.field, argument));
        assert_eq!(
            argument("proc.aname", Some("2")),
            Ok((Field::ProcAname, Argument::Index(2)))
        );
        assert_eq!(
            argument("evt.arg.flags", None),
            Ok((Field::EvtArg, Argument::Key("flags".into())))
        );
        assert_eq!(
            argument("evt.arg", Some("0")),
            Ok((Field::EvtArg, Argument::Index(0)))
        );
        assert_eq!(
            argument("evt.arg", None),
            Err(LookupError::ArgumentMissing("evt.arg"))
        );
        assert_eq!(
            argument("proc.name", Some("2")),
            Err(LookupError::ArgumentUnexpected("proc.name"))
        );
        assert!(matches!(
            argument("proc.aname", Some("x")),
            Err(LookupError::ArgumentNotNumber { .. })
        ));
    }

    #[test]
    fn a_misspelt_name_gets_a_hint() {
        assert_eq!(suggest("proc.nmae"), Some("proc.name"));
        assert_eq!(suggest("fd.snet"), Some("fd.snet"));
        assert_eq!(suggest("something.else.entirely"), None);
    }
}
