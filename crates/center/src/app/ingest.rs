//! An alert's way into the store: what it says is checked, whitelist rules are asked, hits are counted.

use super::whitelist::Whitelist;
use crate::clock;
use crate::start::Center;
use jiff::Timestamp;
use serde_json_borrow::{ObjectAsVec, Value};
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
    /// It has a field twice: readers would not agree on what it says.
    #[error("it has a field twice")]
    Twice,
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
    let read: Value<'_> = serde_json::from_slice(json).map_err(|_| Malformed::NotJson)?;
    let top = Fields(read.as_object().ok_or(Malformed::NotJson)?);
    let (pod, container) = (top.object("pod"), top.object("container"));
    for fields in [Some(top), pod, container].into_iter().flatten() {
        fields.check_unique()?;
    }
    let time = |field: &'static str| {
        let time = top.text(field).parse::<Timestamp>();
        let nanoseconds = time.map_err(|_| Malformed::Field(field))?.as_nanosecond();
        i64::try_from(nanoseconds)
            .map(WallTime)
            .map_err(|_| Malformed::Field(field))
    };
    let id = top.text("id");
    if id.len() != 32 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Malformed::Field("id"));
    }
    let of = |fields: Option<Fields<'_>>, name| {
        fields.map_or_else(String::new, |fields| fields.text(name).to_owned())
    };
    let says = |field, value| top.get(field).and_then(Value::as_str) == Some(value);
    let is_own = says("node", node) && says("cluster", cluster);
    Ok(NewAlert {
        id: id.to_owned(),
        time: time("time")?,
        last_time: time("last_time").or_else(|_| time("time"))?,
        count: top.get("count").and_then(Value::as_u64).unwrap_or(1).max(1),
        status: AlertStatus::from_name(top.text("status")).ok_or(Malformed::Field("status"))?,
        severity: super::alert_view::severity_of(top.text("severity"))
            .ok_or(Malformed::Field("severity"))?,
        category: super::alert_view::category_of(top.text("category"))
            .unwrap_or(yagura_event::Category::Custom),
        rule: Some(top.text("rule").to_owned())
            .filter(|rule| !rule.is_empty())
            .ok_or(Malformed::Field("rule"))?,
        key: top.text("key").to_owned(),
        title: top.text("title").to_owned(),
        action: top.text("action").to_owned(),
        node: node.to_owned(),
        cluster: cluster.to_owned(),
        namespace: of(pod, "namespace"),
        pod: of(pod, "name"),
        container_id: of(container, "id"),
        container: of(container, "name"),
        image: of(container, "image"),
        incident: match top.text("incident") {
            "" => id.to_owned(),
            incident => incident.to_owned(),
        },
        search: search(top),
        document: match is_own {
            true => std::str::from_utf8(json)
                .map_err(|_| Malformed::NotJson)?
                .to_owned(),
            false => owned_by(json, node, cluster)?,
        },
    })
}

/// The document with the node and cluster that its sensor has.
fn owned_by(json: &[u8], node: &str, cluster: &str) -> Result<String, Malformed> {
    let mut document: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(json).map_err(|_| Malformed::NotJson)?;
    document.insert("node".to_owned(), node.into());
    document.insert("cluster".to_owned(), cluster.into());
    Ok(serde_json::Value::from(document).to_string())
}

/// An object of a document.
#[derive(Debug, Clone, Copy)]
struct Fields<'a>(&'a ObjectAsVec<'a>);

impl<'a> Fields<'a> {
    fn get(self, name: &str) -> Option<&'a Value<'a>> {
        self.0.get(name)
    }

    fn object(self, name: &str) -> Option<Fields<'a>> {
        self.get(name)?.as_object().map(Fields)
    }

    /// The text of a field; empty where it has none.
    fn text(self, name: &str) -> &'a str {
        self.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    fn check_unique(self) -> Result<(), Malformed> {
        let mut names: Vec<&str> = self.0.keys().collect();
        names.sort_unstable();
        let is_twice = |pair: &[&str]| matches!(pair, [first, second] if first == second);
        match names.windows(2).any(is_twice) {
            true => Err(Malformed::Twice),
            false => Ok(()),
        }
    }
}

/// Texts of an alert by which people look for it.
fn search(document: Fields<'_>) -> Vec<String> {
    const PLACES: [(&str, &[&str]); 5] = [
        ("process", &["exe", "cwd", "user"]),
        ("drift", &["path", "sha256", "vector"]),
        ("scan", &["path", "sha256", "family"]),
        ("denial", &["behaviour", "file", "target"]),
        ("detection", &["output"]),
    ];
    let fixed = PLACES.into_iter().flat_map(|(part, names)| {
        let part = document.object(part);
        names.iter().filter_map(move |name| part?.get(name))
    });
    let arguments = document
        .object("process")
        .and_then(|process| process.get("argv"));
    let listed = [arguments, document.get("techniques")]
        .into_iter()
        .filter_map(|list| list?.as_array())
        .flatten();
    fixed
        .chain(listed)
        .filter_map(Value::as_str)
        .map(|text| {
            let end = text.char_indices().nth(SEARCH_TEXT_CHARS_MAX);
            let end = end.map_or(text.len(), |(end, _)| end);
            text.get(..end).unwrap_or_default().to_owned()
        })
        .collect()
}

/// Stores alerts, exactly once each. Those that a whitelist rule covers are stored as whitelisted.
///
/// # Errors
/// [`StoreError`]: nothing was stored then.
pub async fn record(center: &Center, alerts: &mut [NewAlert]) -> Result<Inserted, StoreError> {
    let now = clock::now();
    let rules = center.whitelist().await?;
    let covered = whitelist(&rules, alerts, now);
    let inserted = center.store().alerts().insert(alerts, now).await?;
    let hits = hits(alerts, &inserted, &covered, now);
    if !hits.is_empty() {
        center.store().hits().add(&hits).await?;
    }
    let new = inserted.count(InsertOutcome::New);
    center.counters().stored_alerts.add(new as u64);
    Ok(inserted)
}

/// Leaves out alerts that are older than alerts are kept, and counts them.
pub fn leave_out_expired(center: &Center, alerts: &mut Vec<NewAlert>) {
    let kept_since = clock::minus(clock::now(), center.alerts_kept());
    let expired = retain_since(alerts, kept_since);
    if expired > 0 {
        center.counters().expired_alerts.add(expired);
        tracing::warn!(
            expired,
            "alerts are older than alerts are kept, and were left out"
        );
    }
}

/// Leaves out what was last seen before a time, and says how much that was. What began before and still happens counts from
/// then on.
fn retain_since(alerts: &mut Vec<NewAlert>, kept_since: WallTime) -> u64 {
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
    let mut rules: HashMap<&str, i64> = HashMap::new();
    let mut whitelisted: HashMap<&str, i64> = HashMap::new();
    let outcomes = alerts.iter().zip(&inserted.outcomes).zip(covered);
    for ((alert, outcome), covered) in outcomes {
        if *outcome != InsertOutcome::New {
            continue;
        }
        *rules.entry(&alert.rule).or_default() += 1;
        if let Some(rule) = covered {
            *whitelisted.entry(rule).or_default() += 1;
        }
    }
    let hit = |kind| {
        move |(id, hits): (&str, i64)| Hit {
            kind,
            id: id.to_owned(),
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
    use serde_json::{Value, json};

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
    fn what_is_its_sensors_own_is_stored_as_it_came() {
        let json = br#"{"id":"0123456789abcdef0123456789abcdef", "time":"2026-01-02T03:04:05Z","rule":"R","severity":"urgent","status":"unhandled","node":"node-1","cluster":"","techniques":["T1\u0041"]}"#;
        let alert = read(json, "node-1", "").unwrap();
        assert_eq!(alert.document.as_bytes(), json);
        assert_eq!(alert.search, ["T1A"]);
        assert_eq!(alert.incident, alert.id);
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        let json = document().to_string();
        for twice in [r#""node":"a""#, r#""pod":{"name":"a","name":"b"}"#] {
            let doubled = json.replacen('{', &format!("{{{twice},"), 1);
            let error = read(doubled.as_bytes(), "node-1", "prod").unwrap_err();
            assert_eq!(error, Malformed::Twice);
        }
        // What nobody could read later.
        let deep = format!("{{\"x\":{}1{},", "[".repeat(200), "]".repeat(200));
        for broken in [deep.as_str(), r#"{"x":"\ud800","#, r#"{"x":1e999,"#] {
            let broken = json.replacen('{', broken, 1);
            assert_eq!(
                read(broken.as_bytes(), "n", "").unwrap_err(),
                Malformed::NotJson
            );
        }
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
        assert_eq!(retain_since(&mut alerts, kept_since), 1);
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
