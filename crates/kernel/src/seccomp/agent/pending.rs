//! Questions that have been asked and not answered. Whoever takes one out answers it, so each is answered once.

use crate::seccomp::listener::Listener;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

/// A filter's token, and the kernel's number of the notification, which only that filter has once.
type Key = (u64, u64);

#[derive(Debug, Default)]
pub(super) struct Pending {
    waiting: HashMap<Key, Waiting>,
    by_due: BTreeSet<(Instant, Key)>,
    /// Questions whose answerer has them still, though they were answered for it.
    hanging: HashSet<Key>,
}

#[derive(Debug)]
struct Waiting {
    listener: Arc<Listener>,
    due: Instant,
    /// Whether an answerer has it.
    begun: bool,
}

impl Pending {
    pub(super) fn insert(&mut self, key: Key, listener: Arc<Listener>, due: Instant) {
        let begun = false;
        let waiting = Waiting {
            listener,
            due,
            begun,
        };
        self.waiting.insert(key, waiting);
        self.by_due.insert((due, key));
    }

    /// An answerer takes a question up; `false` if it is answered already.
    pub(super) fn begin(&mut self, key: Key) -> bool {
        let waiting = self.waiting.get_mut(&key);
        waiting.is_some_and(|waiting| {
            waiting.begun = true;
            true
        })
    }

    /// An answerer is done; `true` if the answer is its to give.
    pub(super) fn finish(&mut self, key: Key) -> bool {
        self.hanging.remove(&key);
        self.remove(key)
    }

    pub(super) fn remove(&mut self, key: Key) -> bool {
        let Some(waiting) = self.waiting.remove(&key) else {
            return false;
        };
        self.by_due.remove(&(waiting.due, key));
        true
    }

    /// Answerers that have had a question for longer than the deadline.
    pub(super) fn hanging(&self) -> usize {
        self.hanging.len()
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.by_due.first().map(|(due, _)| *due)
    }

    /// Takes out what is due, with the notification's number.
    pub(super) fn take_overdue(&mut self, now: Instant) -> Vec<(Arc<Listener>, u64)> {
        let mut overdue = Vec::new();
        while let Some((due, key)) = self.by_due.first().copied()
            && due <= now
        {
            self.by_due.remove(&(due, key));
            if let Some(waiting) = self.waiting.remove(&key) {
                if waiting.begun {
                    self.hanging.insert(key);
                }
                overdue.push((waiting.listener, key.1));
            }
        }
        overdue
    }
}
