//! Lists by status, severity and category alone, with PostgreSQL. Few values have these, and an index for each would be
//! three to write; one has them all before the time. Every combination that is asked for is looked up there by itself,
//! and the answer is the first of what all of them give: a value that no recent alert has is found as fast as others.

use super::alert::category_code;
use super::{AlertFilter, AlertStatus, severity_code};
use crate::filter::Scope;
use std::collections::BTreeSet;
use yagura_event::{Category, Severity};

const SEVERITIES: [Severity; 3] = [Severity::Urgent, Severity::Suspicious, Severity::Reminder];

/// That a row has the combination.
pub(super) const CONDITION: &str =
    "status = wanted_status AND severity = wanted_severity AND category = wanted_category";

/// Whether a filter restricts something by text, of which other indexes have more: names, ids, what somebody may see.
pub(super) fn has_texts(filter: &AlertFilter) -> bool {
    let scope = filter.scope.clone();
    let without = AlertFilter {
        statuses: filter.statuses.clone(),
        severities: filter.severities.clone(),
        categories: filter.categories.clone(),
        from: filter.from,
        to: filter.to,
        text: filter.text.clone(),
        scope: scope.filter(|scope| *scope == Scope::default()),
        ..AlertFilter::default()
    };
    without != *filter
}

/// The combinations that a filter asks for as a table, and the filter without them; none where it asks for none or has texts.
pub(super) fn alone(filter: &AlertFilter) -> Option<(String, AlertFilter)> {
    let rest = AlertFilter {
        statuses: Vec::new(),
        severities: Vec::new(),
        categories: Vec::new(),
        ..filter.clone()
    };
    if rest == *filter || has_texts(filter) {
        return None;
    }
    let statuses = or_all(&filter.statuses, &AlertStatus::ALL);
    let severities = or_all(&filter.severities, &SEVERITIES);
    let categories = or_all(&filter.categories, &Category::ALL);
    // What is asked for twice is not listed twice.
    let mut rows = BTreeSet::new();
    for status in statuses {
        for severity in severities {
            for category in categories {
                rows.insert(format!(
                    "({}::smallint, {}::smallint, {}::smallint)",
                    status.code(),
                    severity_code(*severity),
                    category_code(*category)
                ));
            }
        }
    }
    let rows = Vec::from_iter(rows).join(", ");
    let names = "wanted_status, wanted_severity, wanted_category";
    let table = format!("(VALUES {rows}) AS wanted ({names})");
    Some((table, rest))
}

fn or_all<'a, T>(some: &'a [T], all: &'a [T]) -> &'a [T] {
    match some {
        [] => all,
        some => some,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(filter: &AlertFilter) -> Option<usize> {
        alone(filter).map(|(table, _)| table.matches("), (").count() + 1)
    }

    #[test]
    fn what_is_not_restricted_may_have_any_value() {
        let severity = AlertFilter {
            severities: vec![Severity::Urgent],
            ..AlertFilter::default()
        };
        assert_eq!(
            rows(&severity),
            Some(AlertStatus::ALL.len() * Category::ALL.len())
        );
        let all = AlertFilter {
            statuses: vec![
                AlertStatus::Handled,
                AlertStatus::Expired,
                AlertStatus::Handled,
            ],
            categories: vec![Category::K8s],
            ..severity.clone()
        };
        assert_eq!(rows(&all), Some(2));
        let none = AlertFilter::default();
        assert_eq!(rows(&none), None);
        let node = AlertFilter {
            nodes: vec!["node-1".to_owned()],
            ..severity
        };
        assert_eq!(rows(&node), None);
    }
}
