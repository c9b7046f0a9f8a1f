//! Alerts between the store and callers.

use crate::auth::Caller;
use crate::clock;
use crate::http::Problem;
use crate::http::dto::alert::{AlertFilter as AskedFilter, AlertSummary};
use crate::http::dto::document::AlertDocument;
use crate::http::dto::words::{ActionTaken, AlertStatus, Category, Severity};
use serde_json::Value;
use yagura_store::{Alert, AlertFilter};

/// Characters of a search: each word costs a walk through the index.
const SEARCH_CHARS_MAX: usize = 256;

/// An alert in a list.
pub(crate) fn summary(alert: &Alert) -> AlertSummary {
    let document: Value = serde_json::from_str(&alert.document).unwrap_or_default();
    let title_ja = document
        .pointer("/detection/title_ja")
        .and_then(Value::as_str);
    AlertSummary {
        id: alert.id.clone(),
        first_time: clock::shown(alert.time),
        last_time: clock::shown(alert.last_time),
        count: alert.count,
        status: status_shown(alert.status),
        severity: severity_shown(alert.severity),
        category: category_shown(alert.category),
        key: alert.key.clone(),
        rule: alert.rule.clone(),
        title: alert.title.clone(),
        title_ja: title_ja.unwrap_or_default().to_owned(),
        action: ActionTaken::from_word(&alert.action).unwrap_or(ActionTaken::Alerted),
        node: alert.node.clone(),
        cluster: alert.cluster.clone(),
        namespace: alert.namespace.clone(),
        pod: alert.pod.clone(),
        container: alert.container.clone(),
        image: alert.image.clone(),
        incident: alert.incident.clone(),
    }
}

/// What the sensor reported.
pub(crate) fn document(alert: &Alert) -> AlertDocument {
    serde_json::from_str(&alert.document).unwrap_or_else(|error| {
        tracing::warn!(alert = alert.id, error = %error, "a stored alert can't be read whole");
        AlertDocument::default()
    })
}

/// A filter as the store takes it, cut to what the caller may see.
///
/// # Errors
/// A problem that names what can't be used.
pub(crate) fn filter(asked: &AskedFilter, caller: &Caller) -> Result<AlertFilter, Problem> {
    let text = asked.q.clone().unwrap_or_default();
    if text.chars().count() > SEARCH_CHARS_MAX {
        return Err(Problem::invalid("q", "has more than 256 characters"));
    }
    Ok(AlertFilter {
        statuses: words("status", asked.status.as_ref(), |word| {
            yagura_store::AlertStatus::from_name(word)
        })?,
        severities: severities(asked.severity.as_ref())?,
        categories: words("category", asked.category.as_ref(), category_of)?,
        keys: words("key", asked.key.as_ref(), |word| Some(word.to_owned()))?,
        rules: one(&asked.rule),
        clusters: one(&asked.cluster),
        namespaces: one(&asked.namespace),
        nodes: one(&asked.node),
        pods: one(&asked.pod),
        containers: one(&asked.container),
        images: one(&asked.image),
        incidents: one(&asked.incident),
        from: clock::read_optional("from", asked.from.as_deref())?,
        to: clock::read_optional("to", asked.to.as_deref())?,
        text,
        scope: caller.scope(),
        ..AlertFilter::default()
    })
}

fn one(name: &Option<String>) -> Vec<String> {
    name.iter()
        .filter(|name| !name.is_empty())
        .cloned()
        .collect()
}

/// Severities, separated by commas.
///
/// # Errors
/// [`Problem`] if one of them is none.
pub(crate) fn severities(list: Option<&String>) -> Result<Vec<yagura_event::Severity>, Problem> {
    words("severity", list, severity_of)
}

fn words<T>(
    field: &str,
    list: Option<&String>,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, Problem> {
    let list = list.map_or("", String::as_str);
    let words = list
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty());
    words
        .map(|word| {
            let unknown = || Problem::invalid(field, "holds a word that is none of its values");
            read(word).ok_or_else(unknown)
        })
        .collect()
}

/// A severity of that name.
pub(crate) fn severity_of(word: &str) -> Option<yagura_event::Severity> {
    Severity::from_word(word).map(|severity| match severity {
        Severity::Urgent => yagura_event::Severity::Urgent,
        Severity::Suspicious => yagura_event::Severity::Suspicious,
        Severity::Reminder => yagura_event::Severity::Reminder,
    })
}

/// A category of that name.
pub(crate) fn category_of(word: &str) -> Option<yagura_event::Category> {
    yagura_event::Category::ALL
        .into_iter()
        .find(|category| category.as_str() == word)
}

/// A severity as callers see it.
pub(crate) fn severity_shown(severity: yagura_event::Severity) -> Severity {
    match severity {
        yagura_event::Severity::Urgent => Severity::Urgent,
        yagura_event::Severity::Suspicious => Severity::Suspicious,
        yagura_event::Severity::Reminder => Severity::Reminder,
    }
}

/// A category as callers see it.
pub(crate) fn category_shown(category: yagura_event::Category) -> Category {
    Category::from_word(category.as_str()).unwrap_or(Category::Custom)
}

/// A status as callers see it.
pub(crate) fn status_shown(status: yagura_store::AlertStatus) -> AlertStatus {
    AlertStatus::from_word(status.as_str()).unwrap_or(AlertStatus::Unhandled)
}
