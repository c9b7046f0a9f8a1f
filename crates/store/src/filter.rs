//! Conditions of lists, with their values at numbered placeholders.

use crate::StoreError;
use crate::db::{Dialect, InList, Value, like_pattern};
use crate::limits::{FILTER_VALUES_MAX, NAME_BYTES_MAX};
use crate::text::{check, check_count};
use yagura_event::WallTime;

/// What the one who asks may see. An empty list restricts nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// Clusters.
    pub clusters: Vec<String>,
    /// Namespaces; where there are some, what belongs to no namespace is not seen.
    pub namespaces: Vec<String>,
}

/// Conditions that all must hold.
#[derive(Debug)]
pub(crate) struct Conditions {
    dialect: Dialect,
    parts: Vec<String>,
    values: Vec<Value>,
}

impl Conditions {
    pub(crate) fn new(dialect: Dialect) -> Conditions {
        Conditions {
            dialect,
            parts: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Conditions that go on where a part of the statement has values already.
    pub(crate) fn following(dialect: Dialect, values: Vec<Value>) -> Conditions {
        Conditions {
            dialect,
            parts: Vec::new(),
            values,
        }
    }

    /// A condition without values. Its text comes from this crate alone.
    pub(crate) fn plain(&mut self, condition: impl Into<String>) {
        self.parts.push(condition.into());
    }

    /// A condition with one value between two pieces.
    pub(crate) fn push(&mut self, head: &str, value: impl Into<Value>, tail: &str) {
        self.values.push(value.into());
        self.parts
            .push(format!("{head}${}{tail}", self.values.len()));
    }

    /// The place after which a page begins, where the list is sorted by a number and then a text.
    pub(crate) fn after(&mut self, columns: (&str, &str), ascending: bool, place: (i64, &str)) {
        let first = self.values.len().saturating_add(1);
        self.values.push(place.0.into());
        self.values.push(place.1.into());
        let sign = if ascending { '>' } else { '<' };
        self.parts.push(format!(
            "({}, {}) {sign} (${first}, ${})",
            columns.0,
            columns.1,
            first.saturating_add(1)
        ));
    }

    /// The same where the list is sorted by two numbers, descending.
    pub(crate) fn before_numbers(&mut self, columns: (&str, &str), place: (i64, i64)) {
        let first = self.values.len().saturating_add(1);
        self.values.push(place.0.into());
        self.values.push(place.1.into());
        self.parts.push(format!(
            "({}, {}) < (${first}, ${})",
            columns.0,
            columns.1,
            first.saturating_add(1)
        ));
    }

    /// The same where the list is sorted by a number and two texts, descending.
    pub(crate) fn before_three(&mut self, columns: (&str, &str, &str), place: (i64, &str, &str)) {
        let first = self.values.len().saturating_add(1);
        self.values.push(place.0.into());
        self.values.push(place.1.into());
        self.values.push(place.2.into());
        self.parts.push(format!(
            "({}, {}, {}) < (${first}, ${}, ${})",
            columns.0,
            columns.1,
            columns.2,
            first.saturating_add(1),
            first.saturating_add(2)
        ));
    }

    /// The same where the list is sorted by two texts, ascending.
    pub(crate) fn after_texts(&mut self, columns: (&str, &str), place: (&str, &str)) {
        let first = self.values.len().saturating_add(1);
        self.values.push(place.0.into());
        self.values.push(place.1.into());
        self.parts.push(format!(
            "({}, {}) > (${first}, ${})",
            columns.0,
            columns.1,
            first.saturating_add(1)
        ));
    }

    /// That a column has one of some values; no values restrict nothing.
    pub(crate) fn texts(&mut self, column: &str, texts: &[String]) -> Result<(), StoreError> {
        if texts.is_empty() {
            return Ok(());
        }
        let list = InList {
            dialect: self.dialect,
            column,
        };
        let (condition, value) = list.write(checked(texts)?, self.values.len().saturating_add(1));
        self.parts.push(condition);
        self.values.push(value);
        Ok(())
    }

    /// The same for a column of which PostgreSQL's index holds a hash and then the time, which is also the order of what
    /// is found. Equal hashes are no proof, so that the texts are compared, too: in a form that the planner does not take
    /// for a second condition that leaves fewer rows.
    pub(crate) fn hashed_texts(
        &mut self,
        column: &str,
        texts: &[String],
    ) -> Result<(), StoreError> {
        if self.dialect == Dialect::Postgres && !texts.is_empty() {
            let number = self.values.len().saturating_add(1);
            self.parts.push(match texts {
                [_] => format!(
                    "hashtextextended({column}, 0) = hashtextextended(${number}, 0) \
                     AND CASE WHEN {column} = ${number} THEN true ELSE false END"
                ),
                _ => format!(
                    "hashtextextended({column}, 0) = ANY(ARRAY(\
                     SELECT hashtextextended(wanted, 0) FROM unnest(${number}::text[]) AS wanted)) \
                     AND CASE WHEN {column} = ANY(${number}) THEN true ELSE false END"
                ),
            });
            self.values.push(match checked(texts)? {
                [only] => only.into(),
                many => many.into(),
            });
            return Ok(());
        }
        self.texts(column, texts)
    }

    /// That a column has one of some numbers, which come from this crate's own tables of codes.
    pub(crate) fn codes(&mut self, column: &str, codes: &[i64]) {
        match codes {
            [] => {}
            [only] => self.parts.push(format!("{column} = {only}")),
            many => {
                let many: Vec<String> = many.iter().map(i64::to_string).collect();
                // A few codes are a large part of all rows. Going over them by an index would mean sorting them; SQLite
                // takes a plus sign for a request not to.
                let plain = match self.dialect {
                    Dialect::Sqlite => "+",
                    Dialect::Postgres => "",
                };
                self.parts
                    .push(format!("{plain}{column} IN ({})", many.join(", ")));
            }
        }
    }

    pub(crate) fn from(&mut self, column: &str, time: Option<WallTime>) {
        if let Some(time) = time {
            self.push(&format!("{column} >= "), time, "");
        }
    }

    pub(crate) fn before(&mut self, column: &str, time: Option<WallTime>) {
        if let Some(time) = time {
            self.push(&format!("{column} < "), time, "");
        }
    }

    /// That one of some columns contains a text, whatever the case of its ASCII letters.
    pub(crate) fn contains(&mut self, columns: &[&str], text: &str) -> Result<(), StoreError> {
        if text.is_empty() {
            return Ok(());
        }
        check("a search text", text, NAME_BYTES_MAX)?;
        self.values.push(like_pattern(&text.to_lowercase()).into());
        let number = self.values.len();
        let any: Vec<String> = columns
            .iter()
            .map(|column| format!("lower({column}) LIKE ${number} ESCAPE '\\'"))
            .collect();
        self.parts.push(format!("({})", any.join(" OR ")));
        Ok(())
    }

    /// What the one who asks may see. `namespace` is `None` for lists of what has no namespace.
    pub(crate) fn scope(
        &mut self,
        scope: Option<&Scope>,
        cluster: &str,
        namespace: Option<&str>,
    ) -> Result<(), StoreError> {
        let Some(scope) = scope else {
            return Ok(());
        };
        self.texts(cluster, &scope.clusters)?;
        if let Some(namespace) = namespace {
            self.texts(namespace, &scope.namespaces)?;
        }
        Ok(())
    }

    /// One expression of all conditions, of which there must be one, and the values.
    pub(crate) fn joined(self) -> (String, Vec<Value>) {
        (format!("({})", self.parts.join(" AND ")), self.values)
    }

    /// The `WHERE` clause with a space before it, empty if there are no conditions, and the values.
    pub(crate) fn finish(self) -> (String, Vec<Value>) {
        if self.parts.is_empty() {
            return (String::new(), self.values);
        }
        (format!(" WHERE {}", self.parts.join(" AND ")), self.values)
    }
}

fn checked(texts: &[String]) -> Result<&[String], StoreError> {
    check_count("values of a filter", texts.len(), FILTER_VALUES_MAX)?;
    for text in texts {
        check("a value of a filter", text, NAME_BYTES_MAX)?;
    }
    Ok(texts)
}
