//! An alert's way into the store: what it says is checked, whitelist rules are asked, hits are counted.

use super::whitelist::Whitelist;
use crate::clock;
use crate::start::Center;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::HashMap;
use yagura_event::WallTime;
use yagura_store::{AlertStatus, Hit, HitKind, InsertOutcome, Inserted, NewAlert, StoreError};

/// Characters of a single text of an alert that is indexed for search.
const SEARCH_TEXT_CHARS_MAX: usize = 1024;

/// Why an alert's document is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It is no JSON.
    #[error("it is no JSON object")]
    NotJson,
    /// It lacks a field, or holds a value that is none of the field's.
    #[error("its field {0} is missing or wrong")]
    Field(&'static str),
}

/// Reads an alert's document. `node` and `cluster` are the sensor's as its certificate says: what the document says of
/// them does not count.
///
/// # Errors
/// [`Malformed`].
pub fn read(json: &[u8], node: &str, cluster: &str) -> Result<NewAlert, Malformed> {
    let mut document: Value = serde_json::from_slice(json).map_err(|_| Malformed::NotJson)?;
    let object = document.as_object_mut().ok_or(Malformed::NotJson)?;
    object.insert("node".to_owned(), node.into());
    object.insert("cluster".to_owned(), cluster.into());
    let text = |pointer: &str| {
        let value = document.pointer(pointer).and_then(Value::as_str);
        value.unwrap_or_default().to_owned()
    };
    let time = |field: &'static str| {
        let time = text(&format!("/{field}")).parse::<Timestamp>();
        let nanoseconds = time.map_err(|_| Malformed::Field(field))?.as_nanosecond();
        i64::try_from(nanoseconds)
            .map(WallTime)
            .map_err(|_| Malformed::Field(field))
    };
    let id = text("/id");
    if id.len() != 32 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Malformed::Field("id"));
    }
    let word = |field: &'static str| text(&format!("/{field}"));
    let incident = Some(word("incident")).filter(|incident| !incident.is_empty());
    Ok(NewAlert {
        time: time("time")?,
        last_time: time("last_time").or_else(|_| time("time"))?,
        count: document
            .get("count")
            .and_then(Value::as_u64)
            .unwrap_or(1)
            .max(1),
        status: AlertStatus::from_name(&word("status")).ok_or(Malformed::Field("status"))?,
        severity: super::alert_view::severity_of(&word("severity"))
            .ok_or(Malformed::Field("severity"))?,
        category: super::alert_view::category_of(&word("category"))
            .unwrap_or(yagura_event::Category::Custom),
        rule: Some(word("rule"))
            .filter(|rule| !rule.is_empty())
            .ok_or(Malformed::Field("rule"))?,
        key: word("key"),
        title: word("title"),
        action: word("action"),
        node: node.to_owned(),
        cluster: cluster.to_owned(),
        namespace: text("/pod/namespace"),
        pod: text("/pod/name"),
        container_id: text("/container/id"),
        container: text("/container/name"),
        image: text("/container/image"),
        incident: incident.unwrap_or_else(|| id.clone()),
        search: search(&document),
        document: document.to_string(),
        id,
    })
}

/// Texts of an alert by which people look for it.
fn search(document: &Value) -> Vec<String> {
    const POINTERS: [&str; 13] = [
        "/process/exe",
        "/process/cwd",
        "/process/user",
        "/drift/path",
        "/drift/sha256",
        "/drift/vector",
        "/scan/path",
        "/scan/sha256",
        "/scan/family",
        "/denial/behaviour",
        "/denial/file",
        "/denial/target",
        "/detection/output",
    ];
    let fixed = POINTERS
        .iter()
        .filter_map(|pointer| document.pointer(pointer));
    let lists = ["/process/argv", "/techniques"];
    let listed = lists
        .iter()
        .filter_map(|pointer| document.pointer(pointer)?.as_array())
        .flatten();
    fixed
        .chain(listed)
        .filter_map(Value::as_str)
        .map(|text| text.chars().take(SEARCH_TEXT_CHARS_MAX).collect())
        .collect()
}

/// Whitelist rules that covered alerts, with how often.
type Covered = HashMap<String, i64>;

/// Stores alerts, exactly once each. Those that a whitelist rule covers are stored as whitelisted; those that are older than
/// alerts are kept are counted and left out, and have no outcome.
///
/// # Errors
/// [`StoreError`]: nothing was stored then.
pub async fn record(center: &Center, mut alerts: Vec<NewAlert>) -> Result<Inserted, StoreError> {
    let now = clock::now();
    let expired = leave_out_expired(&mut alerts, clock::minus(now, center.alerts_kept()));
    if expired > 0 {
        center.counters().expired_alerts.add(expired);
        tracing::warn!(
            expired,
            "alerts are older than alerts are kept, and were left out"
        );
    }
    if alerts.is_empty() {
        return Ok(Inserted {
            outcomes: Vec::new(),
        });
    }
    let rules = center.whitelist().await?;
    let covered = whitelist(&rules, &mut alerts, now);
    let inserted = center.store().alerts().insert(&alerts, now).await?;
    let hits = hits(&alerts, &inserted, &covered, now);
    if !hits.is_empty() {
        center.store().hits().add(&hits).await?;
    }
    let stored = |outcome: &&InsertOutcome| matches!(outcome, InsertOutcome::New);
    let new = inserted.outcomes.iter().filter(stored).count();
    center.counters().stored_alerts.add(new as u64);
    Ok(inserted)
}

/// Leaves out what was last seen before a time, and says how much that was. What began before and still happens counts from
/// then on.
fn leave_out_expired(alerts: &mut Vec<NewAlert>, kept_since: WallTime) -> u64 {
    let before = alerts.len();
    alerts.retain(|alert| alert.last_time >= kept_since);
    for alert in alerts.iter_mut() {
        alert.time = alert.time.max(kept_since);
    }
    (before - alerts.len()) as u64
}

/// Marks what whitelist rules cover; returns which rule covers which alert.
fn whitelist(rules: &Whitelist, alerts: &mut [NewAlert], now: WallTime) -> Vec<Option<String>> {
    alerts
        .iter_mut()
        .map(|alert| {
            let rule = rules.covering(alert, now)?.to_owned();
            alert.status = AlertStatus::Whitelisted;
            Some(rule)
        })
        .collect()
}

fn hits(
    alerts: &[NewAlert],
    inserted: &Inserted,
    covered: &[Option<String>],
    now: WallTime,
) -> Vec<Hit> {
    let mut rules = Covered::new();
    let mut whitelisted = Covered::new();
    let outcomes = alerts.iter().zip(&inserted.outcomes).zip(covered);
    for ((alert, outcome), covered) in outcomes {
        if *outcome != InsertOutcome::New {
            continue;
        }
        *rules.entry(alert.rule.clone()).or_default() += 1;
        if let Some(rule) = covered {
            *whitelisted.entry(rule.clone()).or_default() += 1;
        }
    }
    let hit = |kind| {
        move |(id, hits): (String, i64)| Hit {
            kind,
            id,
            hits,
            last: now,
        }
    };
    rules
        .into_iter()
        .map(hit(HitKind::Rule))
        .chain(whitelisted.into_iter().map(hit(HitKind::Whitelist)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document() -> Value {
        json!({
            "id": "0".repeat(32), "time": "2026-01-02T03:04:05.000000006Z",
            "last_time": "2026-01-02T03:04:06Z", "rule": "R", "key": "proc.x", "category": "process",
            "severity": "urgent", "status": "unhandled", "title": "T", "action": "alerted", "count": 2,
            "node": "liar", "cluster": "elsewhere", "incident": "",
            "pod": {"namespace": "shop", "name": "web-1"}, "process": {"exe": "/tmp/x", "argv": ["x", "-v"]},
        })
    }

    #[test]
    fn the_sensor_does_not_say_whose_it_is() {
        let alert = read(document().to_string().as_bytes(), "node-1", "prod").unwrap();
        assert_eq!(
            (alert.node.as_str(), alert.cluster.as_str()),
            ("node-1", "prod")
        );
        let stored: Value = serde_json::from_str(&alert.document).unwrap();
        assert_eq!(stored["node"], "node-1");
        assert_eq!(alert.incident, "0".repeat(32));
        assert_eq!(alert.namespace, "shop");
        assert!(alert.search.contains(&"-v".to_owned()));
        assert_eq!(alert.count, 2);
    }

    #[test]
    fn what_is_older_than_alerts_are_kept_is_left_out() {
        let old = read(document().to_string().as_bytes(), "n", "").unwrap();
        let kept_since = WallTime(old.last_time.0 - 1);
        assert!(old.time < kept_since, "it began before");
        let gone = NewAlert {
            last_time: WallTime(kept_since.0 - 1),
            ..old.clone()
        };
        let mut alerts = vec![gone, old];
        assert_eq!(leave_out_expired(&mut alerts, kept_since), 1);
        assert_eq!(alerts.len(), 1);
        assert_eq!(alerts[0].time, kept_since);
    }

    #[test]
    fn what_is_no_alert_is_refused() {
        assert_eq!(read(b"[]", "n", "").unwrap_err(), Malformed::NotJson);
        for (field, value) in [
            ("id", json!("x")),
            ("time", json!("yesterday")),
            ("status", json!("fine")),
            ("severity", json!(3)),
            ("rule", json!("")),
        ] {
            let mut broken = document();
            broken[field] = value;
            let error = read(broken.to_string().as_bytes(), "n", "").unwrap_err();
            assert_eq!(error, Malformed::Field(field));
        }
    }
}
