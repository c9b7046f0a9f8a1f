//! What detection learned of a cluster, kept while no center runs, and shared between replicas.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use yagura_event::MonotonicNs;
use yagura_rules::{Learned, LearnedSubject};
use yagura_store::STATE_BYTES_MAX;

/// The form in which memories are saved.
const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct Saved {
    version: u32,
    rules: Vec<SavedRule>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedRule {
    rule: String,
    subjects: Vec<SavedSubject>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedSubject {
    key: String,
    since_ns: u64,
    values: Vec<String>,
}

/// The name under which a cluster's memory is saved.
pub(super) fn name(cluster: &str) -> String {
    format!("k8s-audit:{cluster}")
}

/// A memory as it is saved, and how many subjects were left out since they would not fit: those met longest ago.
pub(super) fn write(mut learned: Vec<Learned>) -> (Vec<u8>, usize) {
    let mut left_out = 0;
    loop {
        let bytes = encoded(&learned);
        let subjects: usize = learned.iter().map(|rule| rule.subjects.len()).sum();
        if bytes.len() <= STATE_BYTES_MAX || subjects == 0 {
            return (bytes, left_out);
        }
        for rule in &mut learned {
            let oldest = rule.subjects.len().div_ceil(4);
            rule.subjects.drain(..oldest);
            left_out += oldest;
        }
    }
}

fn encoded(learned: &[Learned]) -> Vec<u8> {
    let subject = |subject: &LearnedSubject| SavedSubject {
        key: STANDARD.encode(&subject.key),
        since_ns: subject.since.0,
        values: subject
            .values
            .iter()
            .map(|value| STANDARD.encode(value))
            .collect(),
    };
    let rules = learned.iter().map(|learned| SavedRule {
        rule: learned.rule.clone(),
        subjects: learned.subjects.iter().map(subject).collect(),
    });
    let saved = Saved {
        version: VERSION,
        rules: rules.collect(),
    };
    // Numbers, texts and lists always have a form in JSON.
    serde_json::to_vec(&saved).unwrap_or_default()
}

/// Reads a saved memory; `None` if it is none, or a later version's.
pub(super) fn read(bytes: &[u8]) -> Option<Vec<Learned>> {
    let saved: Saved = serde_json::from_slice(bytes).ok()?;
    if saved.version != VERSION {
        return None;
    }
    let subject = |saved: SavedSubject| {
        let values: Result<Vec<_>, _> = saved
            .values
            .iter()
            .map(|value| STANDARD.decode(value))
            .collect();
        Some(LearnedSubject {
            key: STANDARD.decode(&saved.key).ok()?,
            since: MonotonicNs(saved.since_ns),
            values: values.ok()?,
        })
    };
    let rules = saved.rules.into_iter().map(|saved| {
        Some(Learned {
            rule: saved.rule,
            subjects: saved
                .subjects
                .into_iter()
                .map(subject)
                .collect::<Option<_>>()?,
        })
    });
    rules.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned(subjects: usize, value_bytes: usize) -> Vec<Learned> {
        let subject = |number: usize| LearnedSubject {
            key: number.to_le_bytes().to_vec(),
            since: MonotonicNs(7),
            values: vec![vec![0xff; value_bytes], Vec::new()],
        };
        vec![Learned {
            rule: "a rule".to_owned(),
            subjects: (0..subjects).map(subject).collect(),
        }]
    }

    #[test]
    fn what_is_written_is_read() {
        let (bytes, left_out) = write(learned(3, 10));
        assert_eq!(left_out, 0);
        assert_eq!(read(&bytes).unwrap(), learned(3, 10));
        assert_eq!(read(b"{}"), None);
        assert_eq!(read(br#"{"version": 2, "rules": []}"#), None);
        assert_eq!(
            read(br#"{"version": 1, "rules": [{"rule": "r", "subjects": [{"key": "?", "since_ns": 0, "values": []}]}]}"#),
            None
        );
    }

    #[test]
    fn what_does_not_fit_is_forgotten_from_the_oldest_on() {
        let (bytes, left_out) = write(learned(64, 400_000));
        assert!(bytes.len() <= STATE_BYTES_MAX);
        let kept = read(&bytes).unwrap();
        assert_eq!(kept[0].subjects.len(), 64 - left_out);
        assert_eq!(kept[0].subjects[0].key, left_out.to_le_bytes());
    }
}
