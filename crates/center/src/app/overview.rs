//! How things stand.

use super::alert_actions::OPEN;
use super::alert_view::severity_shown;
use super::fleet;
use super::in_force;
use crate::auth::Caller;
use crate::clock;
use crate::http::Problem;
use crate::http::dto::common::{NamedCount, SpanQuery};
use crate::http::dto::overview::{
    CoverageSummary, OverviewBody, OverviewBucket, PolicyInForce, TopRule,
};
use crate::http::dto::words::{ProtectionLevel, Severity};
use crate::start::Center;
use std::collections::BTreeMap;
use std::time::Duration;
use yagura_event::WallTime;
use yagura_store::{
    AlertFilter, CountFilter, CountGroup, GapFilter, IncidentFilter, IncidentStatus, Node,
    PAGE_ROWS_MAX, PageRequest,
};

/// The span where the caller does not say.
const SPAN: Duration = Duration::from_secs(24 * 60 * 60);
/// Points of the chart, about.
const POINTS: i64 = 48;
/// Nanoseconds of an hour.
const HOUR_NS: i64 = 3_600_000_000_000;
/// Rules in the list of noisy ones.
const TOP_RULES: u32 = 10;

/// How things stand.
///
/// # Errors
/// [`Problem`] if the span is none.
pub(crate) async fn overview(
    center: &Center,
    caller: &Caller,
    query: &SpanQuery,
) -> Result<OverviewBody, Problem> {
    let to = clock::read_optional("to", query.to.as_deref())?.unwrap_or_else(clock::now);
    let from = clock::read_optional("from", query.from.as_deref())?;
    let from = from.unwrap_or_else(|| clock::minus(to, SPAN));
    if from >= to {
        return Err(Problem::invalid("from", "is not before to"));
    }
    let open = CountFilter {
        statuses: OPEN.to_vec(),
        scope: caller.scope(),
        ..CountFilter::default()
    };
    let span = CountFilter {
        from: Some(from),
        to: Some(to),
        scope: caller.scope(),
        ..CountFilter::default()
    };
    let nodes = fleet::all_nodes(center, caller).await?;
    Ok(OverviewBody {
        from: clock::shown(from),
        to: clock::shown(to),
        open_by_severity: totals(center, &open, CountGroup::Severity).await?,
        by_category: totals(center, &span, CountGroup::Category).await?,
        over_time: over_time(center, &span, from, to).await?,
        open_incidents: open_incidents(center, caller).await?,
        top_rules: top_rules(center, caller, &span).await?,
        coverage: coverage(center, &nodes, from, to).await?,
        policies: policies(center, &nodes).await?,
    })
}

async fn totals(
    center: &Center,
    filter: &CountFilter,
    group: CountGroup,
) -> Result<Vec<NamedCount>, Problem> {
    let totals = center
        .store()
        .alerts()
        .totals(filter, group, PAGE_ROWS_MAX)
        .await?;
    let named = |total: yagura_store::AlertTotal| NamedCount {
        name: total.group,
        count: u64::try_from(total.alerts).unwrap_or_default(),
    };
    Ok(totals.into_iter().map(named).collect())
}

async fn over_time(
    center: &Center,
    span: &CountFilter,
    from: WallTime,
    to: WallTime,
) -> Result<Vec<OverviewBucket>, Problem> {
    let hours = (to.0.saturating_sub(from.0) / HOUR_NS / POINTS).max(1);
    let hours = u32::try_from(hours).unwrap_or(u32::MAX);
    let alerts = center.store().alerts();
    let counts = alerts.counts(span, hours, CountGroup::Severity).await?;
    let mut buckets: BTreeMap<WallTime, OverviewBucket> = bucket_starts(from, to, hours)
        .map(|start| (start, quiet_bucket(start)))
        .collect();
    for count in counts {
        let bucket = buckets.entry(count.time);
        let bucket = bucket.or_insert_with(|| quiet_bucket(count.time));
        let number = u64::try_from(count.alerts).unwrap_or_default();
        match Severity::from_word(&count.group) {
            Some(Severity::Urgent) => bucket.urgent += number,
            Some(Severity::Suspicious) => bucket.suspicious += number,
            Some(Severity::Reminder) => bucket.reminder += number,
            None => {}
        }
    }
    Ok(buckets.into_values().collect())
}

/// When the buckets of a span begin: quiet hours are part of the picture.
fn bucket_starts(from: WallTime, to: WallTime, hours: u32) -> impl Iterator<Item = WallTime> {
    let width = i64::from(hours.max(1)).saturating_mul(HOUR_NS);
    let first = from.0.div_euclid(width).saturating_mul(width);
    let next = move |start: &i64| start.checked_add(width);
    std::iter::successors(Some(first), next)
        .take_while(move |start| *start < to.0)
        .map(WallTime)
}

fn quiet_bucket(start: WallTime) -> OverviewBucket {
    OverviewBucket {
        time: clock::shown(start),
        urgent: 0,
        suspicious: 0,
        reminder: 0,
    }
}

async fn open_incidents(center: &Center, caller: &Caller) -> Result<u64, Problem> {
    let filter = IncidentFilter {
        statuses: vec![IncidentStatus::Open, IncidentStatus::Handling],
        scope: caller.scope(),
        ..IncidentFilter::default()
    };
    let request = PageRequest::first(PAGE_ROWS_MAX);
    let page = center.store().incidents().list(&filter, &request).await?;
    Ok(page.items.len() as u64)
}

async fn top_rules(
    center: &Center,
    caller: &Caller,
    span: &CountFilter,
) -> Result<Vec<TopRule>, Problem> {
    let alerts = center.store().alerts();
    let totals = alerts.totals(span, CountGroup::Rule, TOP_RULES).await?;
    let mut rules = Vec::new();
    for total in totals {
        let filter = AlertFilter {
            rules: vec![total.group.clone()],
            scope: caller.scope(),
            ..AlertFilter::default()
        };
        let newest = alerts.list(&filter, &PageRequest::first(1)).await?.items;
        if let Some(alert) = newest.first() {
            rules.push(TopRule {
                rule: total.group,
                key: alert.key.clone(),
                severity: severity_shown(alert.severity),
                alerts: u64::try_from(total.alerts).unwrap_or_default(),
            });
        }
    }
    Ok(rules)
}

async fn coverage(
    center: &Center,
    nodes: &[Node],
    from: WallTime,
    to: WallTime,
) -> Result<CoverageSummary, Problem> {
    let request = PageRequest::first(PAGE_ROWS_MAX);
    let coverage = center.store().coverage();
    let canaries = coverage.latest_canaries(None, &request).await?.items;
    let gaps = GapFilter {
        from: Some(from),
        to: Some(to),
        ..GapFilter::default()
    };
    let gaps = coverage.gaps(&gaps, &request).await?.items;
    let online = |node: &&Node| node.connected;
    let protected = |node: &&Node| fleet::level(node) == ProtectionLevel::HostAndContainer;
    let proved = |node: &&Node| {
        let mut own = canaries
            .iter()
            .filter(|canary| canary.node == node.report.id)
            .peekable();
        own.peek().is_some() && own.all(|canary| canary.seen)
    };
    Ok(CoverageSummary {
        nodes: nodes.len() as u64,
        online: nodes.iter().filter(online).count() as u64,
        protected: nodes.iter().filter(online).filter(protected).count() as u64,
        proved: nodes.iter().filter(online).filter(proved).count() as u64,
        gaps: gaps
            .iter()
            .filter(|gap| nodes.iter().any(|node| node.report.id == gap.node))
            .count() as u64,
    })
}

async fn policies(center: &Center, nodes: &[Node]) -> Result<Vec<PolicyInForce>, Problem> {
    let newest = in_force::versions(center.store()).await?;
    let kinds = [
        ("policies", newest.policies),
        ("rules", newest.rules),
        ("settings", newest.settings),
    ];
    let row = |(kind, version): (&str, u64)| {
        let online: Vec<&Node> = nodes.iter().filter(|node| node.connected).collect();
        let has = |node: &&&Node| {
            let told = node.report.policy_versions.get(kind);
            let told = told.map(|told| told.get("version").unwrap_or(told));
            told.and_then(serde_json::Value::as_u64) == Some(version)
        };
        let current = online.iter().filter(has).count();
        PolicyInForce {
            kind: kind.to_owned(),
            version,
            nodes_current: current as u64,
            nodes_behind: (online.len() - current) as u64,
        }
    };
    Ok(kinds.into_iter().map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_hours_are_part_of_the_chart() {
        let hour = |count: i64| WallTime(count * HOUR_NS);
        let starts = |from, to, hours| bucket_starts(from, to, hours).collect::<Vec<_>>();
        assert_eq!(
            starts(WallTime(HOUR_NS / 2), hour(2), 1),
            [hour(0), hour(1)]
        );
        assert_eq!(starts(hour(4), hour(10), 3), [hour(3), hour(6), hour(9)]);
        assert!(starts(hour(1), hour(1), 1).is_empty());
    }
}
