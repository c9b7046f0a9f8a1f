//! What rules remember of a cluster's audit events, in the form in which it is kept.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use yagura_event::MonotonicNs;
use yagura_rules::{EventKind, Memory, Occurrence, Remembered, SeenEvent};
use yagura_store::{AuditMemory, MEMORY_BYTES_MAX};

#[derive(Debug, Serialize, Deserialize)]
struct Saved {
    rule: String,
    subject: String,
    memory: SavedMemory,
}

/// Keys are bytes, and written as Base64.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SavedMemory {
    Sequence(Vec<Vec<SavedEvent>>),
    Threshold(Vec<SavedOccurrence>),
    FirstSeen { since_ns: u64, values: Vec<String> },
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedEvent {
    time_ns: u64,
    kind: String,
    values: Vec<(String, String)>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedOccurrence {
    time_ns: u64,
    /// The value as a key and as text.
    value: Option<(String, String)>,
}

/// Memories as they are kept, and how many are left out since they are too long.
pub(super) fn write(changed: &[Remembered]) -> (Vec<AuditMemory>, usize) {
    let mut kept = Vec::with_capacity(changed.len());
    for known in changed {
        let saved = Saved {
            rule: known.rule.clone(),
            subject: STANDARD.encode(&known.subject),
            memory: saved(&known.memory),
        };
        // Numbers, texts and lists always have a form in JSON.
        let memory = serde_json::to_string(&saved).unwrap_or_default();
        if memory.len() <= MEMORY_BYTES_MAX {
            let form: &[u8] = match known.memory {
                Memory::Sequence(_) => b"sequence ",
                Memory::Threshold(_) => b"threshold ",
                Memory::FirstSeen { .. } => b"first-seen ",
            };
            kept.push(AuditMemory {
                subject: [form, &known.subject].concat(),
                rule: saved.rule,
                memory,
            });
        }
    }
    let too_long = changed.len() - kept.len();
    (kept, too_long)
}

fn saved(memory: &Memory) -> SavedMemory {
    let event = |event: &Arc<SeenEvent>| SavedEvent {
        time_ns: event.time.0,
        kind: event.kind.as_str().to_owned(),
        values: event.values.clone(),
    };
    match memory {
        Memory::Sequence(chains) => {
            let chains = chains.iter();
            SavedMemory::Sequence(
                chains
                    .map(|chain| chain.iter().map(event).collect())
                    .collect(),
            )
        }
        Memory::Threshold(counted) => {
            let once = |once: &Occurrence| SavedOccurrence {
                time_ns: once.time.0,
                value: once
                    .value
                    .as_ref()
                    .map(|(key, text)| (STANDARD.encode(key), text.clone())),
            };
            SavedMemory::Threshold(counted.iter().map(once).collect())
        }
        Memory::FirstSeen { since, values } => SavedMemory::FirstSeen {
            since_ns: since.0,
            values: values.iter().map(|value| STANDARD.encode(value)).collect(),
        },
    }
}

/// Reads a kept memory; `None` if it is none, or one that a later version wrote.
pub(super) fn read(text: &str) -> Option<Remembered> {
    let saved: Saved = serde_json::from_str(text).ok()?;
    let memory = match saved.memory {
        SavedMemory::Sequence(chains) => {
            let chain = |chain: Vec<SavedEvent>| chain.into_iter().map(event).collect();
            Memory::Sequence(chains.into_iter().map(chain).collect::<Option<_>>()?)
        }
        SavedMemory::Threshold(counted) => {
            Memory::Threshold(counted.into_iter().map(occurrence).collect::<Option<_>>()?)
        }
        SavedMemory::FirstSeen { since_ns, values } => Memory::FirstSeen {
            since: MonotonicNs(since_ns),
            values: values
                .iter()
                .map(|value| STANDARD.decode(value).ok())
                .collect::<Option<_>>()?,
        },
    };
    Some(Remembered {
        rule: saved.rule,
        subject: STANDARD.decode(&saved.subject).ok()?,
        memory,
    })
}

fn event(saved: SavedEvent) -> Option<Arc<SeenEvent>> {
    Some(Arc::new(SeenEvent {
        time: MonotonicNs(saved.time_ns),
        kind: EventKind::from_name(&saved.kind)?,
        values: saved.values,
    }))
}

fn occurrence(saved: SavedOccurrence) -> Option<Occurrence> {
    let value = match saved.value {
        None => None,
        Some((key, text)) => Some((STANDARD.decode(&key).ok()?.into_boxed_slice(), text)),
    };
    Some(Occurrence {
        time: MonotonicNs(saved.time_ns),
        value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remembered(memory: Memory) -> Remembered {
        Remembered {
            rule: "a \"rule\"".to_owned(),
            subject: vec![0, 0xff],
            memory,
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let event = Arc::new(SeenEvent {
            time: MonotonicNs(7),
            kind: EventKind::Audit,
            values: vec![("ka.user.name".to_owned(), "eve".to_owned())],
        });
        let occurrence = |value| Occurrence {
            time: MonotonicNs(8),
            value,
        };
        let counted = Some((vec![0xff].into_boxed_slice(), "10.0.0.1".to_owned()));
        let all = [
            Memory::Sequence(vec![vec![event], Vec::new()]),
            Memory::Sequence(Vec::new()),
            Memory::Threshold(vec![occurrence(None), occurrence(counted)]),
            Memory::FirstSeen {
                since: MonotonicNs(u64::MAX),
                values: vec![vec![0, 1, 2], Vec::new()],
            },
        ]
        .map(remembered);
        let (written, too_long) = write(&all);
        assert_eq!((written.len(), too_long), (4, 0));
        let read: Vec<_> = written.iter().map(|kept| read(&kept.memory)).collect();
        assert_eq!(read, all.map(Some));
        // Both memories of a rule are kept.
        assert_ne!(written[0].subject, written[2].subject);
    }

    #[test]
    fn what_is_no_memory_is_none() {
        for text in [
            "",
            "{}",
            r#"{"rule": "r", "subject": "", "memory": {"dream": []}}"#,
            r#"{"rule": "r", "subject": "?", "memory": {"threshold": []}}"#,
            r#"{"rule": "r", "subject": "", "memory": {"sequence": [[{"time_ns": 1, "kind": "dream", "values": []}]]}}"#,
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_too_long_is_left_out() {
        let long = |bytes: usize| {
            remembered(Memory::FirstSeen {
                since: MonotonicNs(0),
                values: vec![vec![0; bytes]],
            })
        };
        let (kept, too_long) = write(&[long(MEMORY_BYTES_MAX), long(100)]);
        assert_eq!((kept.len(), too_long), (1, 1));
    }
}
