//! Which alerts are of the canary's own containers.

use crossbeam_channel::Sender;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use yagura_event::{Alert, MonotonicNs};

/// Containers that are remembered: repeats of an alert are told a little later.
const REMEMBERED: usize = 16;

/// An alert of a container of the canary's, with the time at which it arrived.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) alert: Alert,
    pub(super) at: MonotonicNs,
}

/// A container of the canary's.
#[derive(Debug)]
struct Entry {
    id: String,
    from: MonotonicNs,
    /// When it was taken away; `None` while it is there.
    until: Option<MonotonicNs>,
    alerts: Sender<Arrived>,
}

/// The containers that the canary made.
#[derive(Debug, Default)]
pub(crate) struct Book {
    entries: Mutex<VecDeque<Entry>>,
}

impl Book {
    /// Notes a container before it is there. What is told of it goes to `alerts`.
    pub(super) fn open(&self, id: &str, from: MonotonicNs, alerts: Sender<Arrived>) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= REMEMBERED {
            entries.pop_front();
        }
        entries.push_back(Entry {
            id: id.to_owned(),
            from,
            until: None,
            alerts,
        });
    }

    /// Notes that all containers are gone: what happens later under their ids is not theirs.
    pub(super) fn close(&self, at: MonotonicNs) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        for entry in entries.iter_mut() {
            entry.until.get_or_insert(at);
        }
    }

    /// Takes an alert if it is of the canary's containers; any other comes back.
    pub(crate) fn take(&self, alert: Alert, at: MonotonicNs) -> Option<Alert> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let id = alert.container_id();
        let entry = entries.iter().find(|entry| {
            entry.id == id
                && alert.monotonic >= entry.from
                && entry.until.is_none_or(|until| alert.monotonic <= until)
        });
        let Some(entry) = entry else {
            return Some(alert);
        };
        // Nobody listens any more once the run is over.
        let _ = entry.alerts.try_send(Arrived { alert, at });
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::unbounded;
    use std::sync::Arc;
    use yagura_event::{Action, AlertStatus, Category, Container, Severity, WallTime};

    fn alert(id: &str, at: u64) -> Alert {
        let container = Container {
            id: id.to_owned(),
            name: "yagura-rehearsal-7".to_owned(),
            ..Container::default()
        };
        Alert {
            id: String::new(),
            time: WallTime(0),
            monotonic: MonotonicNs(at),
            rule: "".into(),
            key: "".into(),
            category: Category::Network,
            severity: Severity::Urgent,
            status: AlertStatus::Unhandled,
            title: "".into(),
            explanation: String::new(),
            remedy: String::new(),
            techniques: Vec::new(),
            action: Action::Alerted,
            count: 1,
            last_time: WallTime(0),
            node: Arc::default(),
            container: (!id.is_empty()).then(|| Arc::new(container)),
            process: None,
            ancestors: Vec::new(),
            drift: None,
            policy: None,
            detection: None,
            scan: None,
            denial: None,
            incident: String::new(),
            gaps: Vec::new(),
        }
    }

    #[test]
    fn only_what_its_own_containers_did_while_they_were_there_is_taken() {
        let book = Book::default();
        let (sender, taken) = unbounded();
        book.open("own", MonotonicNs(10), sender);
        let at = MonotonicNs(99);
        // The same name is no reason: the id is.
        assert!(book.take(alert("other", 20), at).is_some());
        assert!(book.take(alert("own", 9), at).is_some());
        assert!(book.take(alert("own", 20), at).is_none());
        book.close(MonotonicNs(30));
        assert!(book.take(alert("own", 30), at).is_none());
        assert!(book.take(alert("own", 31), at).is_some());
        assert!(book.take(alert("", 20), at).is_some());
        let times: Vec<u64> = taken
            .try_iter()
            .map(|arrived| arrived.alert.monotonic.0)
            .collect();
        assert_eq!(times, [20, 30]);
    }
}
