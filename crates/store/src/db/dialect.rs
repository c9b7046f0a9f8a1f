//! Where the two kinds of SQL differ in small.

use super::{Dialect, Value};

/// Writes that a column has one of many values.
pub(crate) struct InList<'a> {
    pub(crate) dialect: Dialect,
    pub(crate) column: &'a str,
}

impl InList<'_> {
    /// The condition, with the values at the placeholder of that number. One value makes a plain comparison, with which
    /// an index also gives the order of what comes after it.
    pub(crate) fn write(&self, texts: &[String], placeholder: usize) -> (String, Value) {
        let column = self.column;
        match (texts, self.dialect) {
            ([only], _) => (format!("{column} = ${placeholder}"), Value::from(only)),
            (many, Dialect::Postgres) => (
                format!("{column} = ANY(${placeholder})"),
                Value::from(many.to_vec()),
            ),
            (many, Dialect::Sqlite) => (
                format!("{column} IN (SELECT value FROM json_each(${placeholder}))"),
                Value::from(many.to_vec()),
            ),
        }
    }
}

/// A pattern of `LIKE … ESCAPE '\'` for texts that contain `text` as it stands.
pub(crate) fn like_pattern(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len().saturating_add(2));
    pattern.push('%');
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}
