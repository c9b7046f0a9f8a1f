//! Windows events in JSON files.

use crate::document::{Found, Records, Shape, SkipReason, SkippedRecord};
use crate::windows::normalise::{NormaliseError, normalise};
use serde_json::Value;
use std::io::Read;
use yagura_event::{DocumentEvent, DocumentSource, WallTime};

const SHAPE: Shape = Shape {
    lists: &["Events", "events", "Records", "records", "items", "value"],
    is_record: |value| normalise(value.clone()).is_ok(),
};

/// Reads Windows events one by one: JSON Lines, lists, or objects that hold a list.
///
/// Taken are records as Winlogbeat (ECS and its older form), NXLog, `evtx_dump`, `Get-WinEvent | ConvertTo-Json`, Wazuh and
/// Splunk write them, and flat records with the data beside `EventID`. A record that can't be taken is skipped and
/// reported; the lines between records that Elasticsearch's bulk format has are passed over.
#[derive(Debug)]
pub struct WindowsJsonReader<R> {
    records: Records<R>,
    last_time: WallTime,
}

impl<R: Read> WindowsJsonReader<R> {
    /// Begins at the start of `reader`.
    pub fn new(reader: R) -> WindowsJsonReader<R> {
        WindowsJsonReader {
            records: Records::new(reader, SHAPE),
            last_time: WallTime(0),
        }
    }

    fn event(&mut self, found: Found) -> Result<DocumentEvent, SkippedRecord> {
        match normalise(found.value) {
            Ok(record) => {
                // A record without a time happened after the one before, as far as one can tell.
                let time = record.time.unwrap_or(self.last_time);
                self.last_time = time;
                Ok(DocumentEvent {
                    source: DocumentSource::Windows,
                    time,
                    position: found.position,
                    value: record.value,
                })
            }
            Err(error) => Err(SkippedRecord {
                position: found.position,
                byte_offset: found.byte_offset,
                reason: SkipReason::from(error),
            }),
        }
    }
}

impl<R: Read> Iterator for WindowsJsonReader<R> {
    type Item = Result<DocumentEvent, SkippedRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.records.next()? {
                Ok(found) if is_bulk_action(&found.value) => {}
                Ok(found) => return Some(self.event(found)),
                Err(skipped) => return Some(Err(skipped)),
            }
        }
    }
}

impl From<NormaliseError> for SkipReason {
    fn from(error: NormaliseError) -> SkipReason {
        match error {
            NormaliseError::NotAnEvent => SkipReason::NotAnEvent,
            NormaliseError::TooManyValues { limit } => SkipReason::TooManyValues { limit },
        }
    }
}

/// Whether a value says what is to be done with the next line, as in Elasticsearch's bulk format.
fn is_bulk_action(value: &Value) -> bool {
    value.as_object().is_some_and(|object| {
        object.len() == 1
            && ["index", "create"]
                .iter()
                .any(|action| object.get(*action).is_some_and(Value::is_object))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(text: &str) -> Vec<Result<DocumentEvent, SkippedRecord>> {
        WindowsJsonReader::new(text.as_bytes()).collect()
    }

    #[test]
    fn records_come_with_positions_and_times() {
        let events = read(
            "{\"index\":{\"_index\":\"winlogbeat\"}}\n{\"EventID\":1,\"@timestamp\":\"2020-05-02T03:00:14.861Z\",\"CommandLine\":\"a\"}\n{\"EventID\":1,\"CommandLine\":\"b\"}\n",
        );
        let events: Vec<_> = events.into_iter().map(|event| event.unwrap()).collect();
        assert_eq!(events.len(), 2);
        assert_eq!(events[0].position, 2);
        assert_eq!(events[0].time, WallTime(1_588_388_414_861_000_000));
        assert_eq!(events[1].time, events[0].time);
        assert_eq!(events[1].value["data"]["CommandLine"], "b");
    }

    #[test]
    fn what_is_no_record_is_counted_and_skipped() {
        let events = read(
            "{\"EventID\":1,\"Image\":\"x\"}\n{\"name\":\"x\"}\n{\"EventID\"\n{\"EventID\":3}\n",
        );
        let kinds: Vec<_> = events.iter().map(|event| event.is_ok()).collect();
        assert_eq!(kinds, [true, false, false, true]);
    }

    #[test]
    fn lists_in_objects_are_read() {
        let list = json!({"Events": [{"EventID": 1}, {"EventID": 2}]});
        assert_eq!(read(&list.to_string()).len(), 2);
    }
}
