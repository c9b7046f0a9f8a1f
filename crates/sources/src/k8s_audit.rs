//! Kubernetes audit events out of files and requests: JSON Lines, lists, and `EventList` objects.

use crate::document::{Found, Records, Shape, SkipReason, SkippedRecord, parse_time};
use serde_json::Value;
use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::io::Read;
use yagura_event::{DocumentEvent, DocumentSource, WallTime};

/// Audit events that are remembered to know a second copy. A webhook repeats a batch that it was not sure of, and batches
/// hold some hundred events; more would only let a hostile sender take memory.
const REMEMBERED_MAX: usize = 65_536;
/// Wrappings around an event that are taken off: a log shipper's record in a database's record, with a text inside.
const WRAPPINGS_MAX: usize = 4;

const SHAPE: Shape = Shape {
    // `items` of an EventList; the others hold exports of CloudWatch.
    lists: &["items", "events", "logEvents"],
    is_record: |value| unwrap(value.clone()).is_some(),
};

/// Reads audit events one by one. Nothing but the current one is held, however long an `EventList` is.
///
/// A record that can't be taken is skipped and reported. The next is looked for at the beginning of a line, and behind
/// `},`; whatever is found there counts only if it is an event. What has neither before it goes with the damaged one.
///
/// Where a log shipper put the event into a record of its own (`_source`, `log`, `message`, `jsonPayload`), as an object
/// or as text, it is taken out.
#[derive(Debug)]
pub struct AuditReader<R> {
    records: Records<R>,
    last_time: WallTime,
}

impl<R: Read> AuditReader<R> {
    /// Begins at the start of `reader`.
    pub fn new(reader: R) -> AuditReader<R> {
        AuditReader {
            records: Records::new(reader, SHAPE),
            last_time: WallTime(0),
        }
    }

    fn event(&mut self, found: Found) -> Result<DocumentEvent, SkippedRecord> {
        let Some(value) = unwrap(found.value) else {
            return Err(SkippedRecord {
                position: found.position,
                byte_offset: found.byte_offset,
                reason: SkipReason::NotAnEvent,
            });
        };
        // An event without a time happened after the one before, as far as one can tell.
        let time = time(&value).unwrap_or(self.last_time);
        self.last_time = time;
        Ok(DocumentEvent {
            source: DocumentSource::K8sAudit,
            time,
            position: found.position,
            value,
        })
    }
}

impl<R: Read> Iterator for AuditReader<R> {
    type Item = Result<DocumentEvent, SkippedRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.records.next()?;
        Some(item.and_then(|found| self.event(found)))
    }
}

/// Takes an audit event out of what log shippers wrap around it. `None` if there is none.
fn unwrap(mut value: Value) -> Option<Value> {
    for _ in 0..=WRAPPINGS_MAX {
        if is_event(&value) {
            return Some(value);
        }
        let object = value.as_object_mut()?;
        let keys = [
            "_source",
            "jsonPayload",
            "log",
            "message",
            "event",
            "object",
        ];
        let key = keys.iter().find(|key| object.contains_key(**key))?;
        let inner = object.remove(*key)?;
        value = match inner {
            Value::String(text) => serde_json::from_str(&text).ok()?,
            other => other,
        };
    }
    None
}

fn is_event(value: &Value) -> bool {
    let has_text = |key| value.get(key).is_some_and(Value::is_string);
    has_text("verb") && (has_text("auditID") || has_text("requestURI"))
}

/// When the event's stage was reached. The first version of the format that was a beta had one time only.
fn time(event: &Value) -> Option<WallTime> {
    ["stageTimestamp", "requestReceivedTimestamp", "timestamp"]
        .iter()
        .filter_map(|key| event.get(key))
        .chain(event.pointer("/metadata/creationTimestamp"))
        .find_map(|text| parse_time(text.as_str()?))
}

/// Knows audit events that were given before: the API server repeats what it could not deliver for sure.
#[derive(Debug, Default)]
pub struct SeenAuditEvents {
    hasher: RandomState,
    known: HashSet<u64>,
    order: VecDeque<u64>,
}

impl SeenAuditEvents {
    /// Remembers nothing yet.
    pub fn new() -> SeenAuditEvents {
        SeenAuditEvents::default()
    }

    /// Whether this stage of this request is given for the first time. The oldest are forgotten beyond 65,536; events
    /// without an id are always new.
    pub fn is_new(&mut self, event: &Value) -> bool {
        let text = |key| event.get(key).and_then(Value::as_str);
        let Some(id) = text("auditID") else {
            return true;
        };
        let hash = self.hasher.hash_one((id, text("stage")));
        if !self.known.insert(hash) {
            return false;
        }
        self.order.push_back(hash);
        if self.order.len() > REMEMBERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(text: &str) -> Vec<Result<DocumentEvent, SkippedRecord>> {
        AuditReader::new(text.as_bytes()).collect()
    }

    fn event(id: &str) -> Value {
        json!({
            "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": id,
            "stage": "ResponseComplete", "requestURI": "/api", "verb": "get",
            "requestReceivedTimestamp": "2024-05-01T10:00:00.000001Z",
            "stageTimestamp": "2024-05-01T10:00:00.250000Z",
        })
    }

    #[test]
    fn lines_and_lists_give_the_same_events() {
        let lines = format!("{}\n{}\n", event("a"), event("b"));
        let list = json!({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": [event("a"), event("b")]});
        let ids = |text: &str| -> Vec<_> {
            read(text)
                .into_iter()
                .map(|event| event.unwrap())
                .map(|event| (event.position, event.value["auditID"].clone(), event.time))
                .collect()
        };
        let expected = ids(&lines);
        assert_eq!(expected.len(), 2);
        assert_eq!(expected[0].2, WallTime(1_714_557_600_250_000_000));
        assert_eq!(ids(&list.to_string()), expected);
        assert_eq!(ids(&serde_json::to_string_pretty(&list).unwrap()), expected);
        assert_eq!(ids(&json!([event("a"), event("b")]).to_string()), expected);
    }

    #[test]
    fn events_are_taken_out_of_what_shippers_wrap_around_them() {
        let elastic = json!({"_index": "audit", "_source": {"@timestamp": "x", "log": event("a").to_string()}});
        let cloudwatch = json!({"events": [{"timestamp": 1, "message": event("b").to_string()}]});
        let events = read(&format!("{elastic}\n{cloudwatch}\n"));
        assert_eq!(events[0].as_ref().unwrap().value["auditID"], "a");
        assert_eq!(events[1].as_ref().unwrap().value["auditID"], "b");
    }

    #[test]
    fn the_beta_format_has_another_time() {
        let old = json!({"kind": "Event", "apiVersion": "audit.k8s.io/v1beta1", "metadata": {"creationTimestamp": "2018-10-25T13:58:25Z"},
            "timestamp": "2018-10-25T13:58:25Z", "auditID": "a", "stage": "ResponseComplete", "verb": "list"});
        let events = read(&old.to_string());
        assert_eq!(
            events[0].as_ref().unwrap().time,
            WallTime(1_540_475_905_000_000_000)
        );
    }

    #[test]
    fn what_is_no_event_is_counted_and_skipped() {
        let events = read(&format!(
            "{}\n{{\"kind\":\"Pod\"}}\n{{\"kind\":\n{}\n",
            event("a"),
            event("d")
        ));
        assert_eq!(events.len(), 4);
        let reasons: Vec<_> = events.iter().map(|event| event.is_ok()).collect();
        assert_eq!(reasons, [true, false, false, true]);
        assert!(matches!(
            events[1].as_ref().unwrap_err().reason,
            SkipReason::NotAnEvent
        ));
        assert_eq!(events[3].as_ref().unwrap().position, 4);
    }

    #[test]
    fn a_failing_reader_ends_the_stream_with_the_reason() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
                Err(std::io::Error::other("gone"))
            }
        }
        let events: Vec<_> = AuditReader::new(Failing).collect();
        assert_eq!(events.len(), 1);
        let skipped = events[0].as_ref().unwrap_err();
        assert!(matches!(skipped.reason, SkipReason::Unreadable(_)));
    }

    #[test]
    fn repeated_events_are_known_until_they_are_forgotten() {
        let mut seen = SeenAuditEvents::new();
        assert!(seen.is_new(&event("a")));
        assert!(!seen.is_new(&event("a")));
        let mut started = event("a");
        started["stage"] = json!("ResponseStarted");
        assert!(seen.is_new(&started));
        for number in 0..REMEMBERED_MAX {
            assert!(seen.is_new(&event(&number.to_string())));
        }
        assert!(seen.is_new(&event("a")));
        assert_eq!(seen.known.len(), REMEMBERED_MAX);
    }
}
