//! Alerts: found, read, commented on.

use super::alert_actions;
use super::alert_view::{document, filter, severities, status_shown, summary};
use crate::auth::Caller;
use crate::clock;
use crate::http::Problem;
use crate::http::dto::alert::{
    AlertCounts, AlertDetail, AlertFeed, AlertFeedQuery, AlertFilter as AskedFilter, AlertHistory,
    AlertHistoryEntry, AlertPage, CommentBody, CommentCreate, CommentList,
};
use crate::http::dto::common::{NamedCount, PageQuery};
use crate::http::page;
use crate::start::Center;
use std::collections::BTreeMap;
use yagura_store::{Alert, AlertEvent, AlertEventKind, FeedPosition, PAGE_ROWS_MAX, PageRequest};

/// Alerts that are counted for a filter: enough to show "10,000 and more".
const COUNTED_MAX: u32 = 10_000;
/// Characters of a comment.
const COMMENT_CHARS_MAX: usize = 4000;

/// The alert of that id.
///
/// # Errors
/// [`Problem`] if there is none that the caller may see.
pub(crate) async fn find(center: &Center, caller: &Caller, id: &str) -> Result<Alert, Problem> {
    let alert = center.store().alerts().get(id).await?;
    alert
        .filter(|alert| caller.sees(&alert.cluster, &alert.namespace))
        .ok_or_else(|| Problem::not_found("alert"))
}

/// A page of alerts.
///
/// # Errors
/// [`Problem`] if the filter can't be used.
pub(crate) async fn list(
    center: &Center,
    caller: &Caller,
    asked: &AskedFilter,
    query: &PageQuery,
) -> Result<AlertPage, Problem> {
    let filter = filter(asked, caller)?;
    let alerts = center.store().alerts();
    let page = alerts.list_in_steps(&filter, &page(query)?).await?;
    Ok(AlertPage {
        items: page.items.iter().map(summary).collect(),
        next_cursor: page.next.map(|cursor| cursor.to_string()),
    })
}

/// What was stored after a position.
///
/// # Errors
/// [`Problem`] if the position or a severity can't be used.
pub(crate) async fn feed(
    center: &Center,
    caller: &Caller,
    query: &AlertFeedQuery,
) -> Result<AlertFeed, Problem> {
    let severities = severities(query.severity.as_ref())?;
    let alerts = center.store().alerts();
    let Some(after) = &query.after else {
        return Ok(AlertFeed {
            items: Vec::new(),
            position: alerts.feed_end().await?.to_string(),
            more: false,
        });
    };
    let after = FeedPosition::parse(after)
        .ok_or_else(|| Problem::invalid("after", "is no position of this feed"))?;
    let feed = alerts.feed(after, PAGE_ROWS_MAX).await?;
    // What was stored while an older transaction runs is not in the order yet; it was told of, and will not be again.
    let more = alerts.feed_waiting(feed.position, 1).await? > 0;
    let seen = feed.alerts.iter().filter(|alert| {
        caller.sees(&alert.cluster, &alert.namespace)
            && (severities.is_empty() || severities.contains(&alert.severity))
    });
    Ok(AlertFeed {
        items: seen.map(summary).collect(),
        position: feed.position.to_string(),
        more,
    })
}

/// How many alerts a filter finds, by what they are.
///
/// # Errors
/// As [`list`].
pub(crate) async fn count(
    center: &Center,
    caller: &Caller,
    asked: &AskedFilter,
) -> Result<AlertCounts, Problem> {
    let filter = filter(asked, caller)?;
    let alerts = center.store().alerts();
    let newest = alerts
        .list(&filter, &PageRequest::first(PAGE_ROWS_MAX))
        .await?;
    let total = match newest.next {
        // Looking for what is rare takes long enough once.
        None => u32::try_from(newest.items.len()).unwrap_or(COUNTED_MAX),
        Some(_) => alerts.count_up_to(&filter, COUNTED_MAX).await?,
    };
    let by = |name: &dyn Fn(&Alert) -> &'static str| {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for alert in &newest.items {
            *counts.entry(name(alert)).or_default() += 1;
        }
        let named = |(name, count): (&str, u64)| NamedCount {
            name: name.to_owned(),
            count,
        };
        counts.into_iter().map(named).collect()
    };
    Ok(AlertCounts {
        total: total.into(),
        by_severity: by(&|alert| alert.severity.as_str()),
        by_status: by(&|alert| alert.status.as_str()),
        by_category: by(&|alert| alert.category.as_str()),
    })
}

/// An alert whole.
///
/// # Errors
/// As [`find`].
pub(crate) async fn get(
    center: &Center,
    caller: &Caller,
    id: &str,
) -> Result<AlertDetail, Problem> {
    let alert = find(center, caller, id).await?;
    let events = events(center, id).await?;
    let comments = events
        .iter()
        .filter(|event| event.kind == AlertEventKind::Comment);
    let document = document(&alert);
    Ok(AlertDetail {
        verbs: alert_actions::verbs_for(&alert, &document, caller),
        document,
        received_at: clock::shown(alert.received),
        comments: u32::try_from(comments.count()).unwrap_or(u32::MAX),
        summary: summary(&alert),
    })
}

async fn events(center: &Center, id: &str) -> Result<Vec<AlertEvent>, Problem> {
    let request = PageRequest::first(PAGE_ROWS_MAX);
    let page = center.store().alerts().history(id, &request).await?;
    Ok(page.items)
}

/// What was done with an alert.
///
/// # Errors
/// As [`find`].
pub(crate) async fn history(
    center: &Center,
    caller: &Caller,
    id: &str,
) -> Result<AlertHistory, Problem> {
    find(center, caller, id).await?;
    let events = events(center, id).await?;
    Ok(AlertHistory {
        items: events.into_iter().map(entry).collect(),
    })
}

fn entry(event: AlertEvent) -> AlertHistoryEntry {
    AlertHistoryEntry {
        time: clock::shown(event.time),
        actor: event.actor.name,
        kind: event.kind.as_str().to_owned(),
        before: event.from.map(status_shown),
        after: event.to.map(status_shown),
        text: event.text,
    }
}

/// Comments on an alert.
///
/// # Errors
/// As [`find`].
pub(crate) async fn comments(
    center: &Center,
    caller: &Caller,
    id: &str,
) -> Result<CommentList, Problem> {
    find(center, caller, id).await?;
    let events = events(center, id).await?;
    let comments = events
        .into_iter()
        .rev()
        .filter(|event| event.kind == AlertEventKind::Comment);
    Ok(CommentList {
        items: comments.map(comment_shown).collect(),
    })
}

fn comment_shown(event: AlertEvent) -> CommentBody {
    CommentBody {
        id: event.id.to_string(),
        time: clock::shown(event.time),
        author: event.actor.name,
        text: event.text,
    }
}

/// Comments on an alert.
///
/// # Errors
/// As [`find`], and if the text is empty or too long.
pub(crate) async fn comment(
    center: &Center,
    caller: &Caller,
    id: &str,
    asked: &CommentCreate,
) -> Result<CommentBody, Problem> {
    if asked.text.trim().is_empty() || asked.text.chars().count() > COMMENT_CHARS_MAX {
        return Err(Problem::invalid("text", "has 1 to 4,000 characters"));
    }
    find(center, caller, id).await?;
    let alerts = center.store().alerts();
    let event = alerts
        .comment(id, &asked.text, &caller.actor(), clock::now())
        .await
        .map_err(|error| Problem::of_update(error, "alert", |_| serde_json::Value::Null))?;
    Ok(comment_shown(event))
}
