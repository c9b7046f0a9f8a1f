//! Repeats of a finding made into one alert with a count.

use crate::limits::RUN_BY_MAX;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, HashMap};
use yagura_event::{Alert, AlertProcess, MonotonicNs, WallTime};

/// Findings whose repeats are counted. Stops an attacker who makes each finding different from filling memory: the oldest
/// is told of and forgotten.
const FOLDS_MAX: usize = 1024;
/// A finding's repeats are told of together this long after the first of them.
const WINDOW_NS: u64 = 60_000_000_000;

/// What makes two findings the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct FoldKey([u8; 16]);

impl FoldKey {
    /// The key of these parts. Each is preceded by its length, so that no two lists of parts make the same bytes.
    pub(crate) fn new<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> FoldKey {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let digest = hasher.finalize();
        let mut key = [0; 16];
        for (to, from) in key.iter_mut().zip(digest.iter()) {
            *to = *from;
        }
        FoldKey(key)
    }

    /// The key in hexadecimal digits.
    pub(crate) fn digits(self) -> String {
        use std::fmt::Write as _;
        self.0
            .iter()
            .fold(String::with_capacity(32), |mut digits, byte| {
                let _ = write!(digits, "{byte:02x}");
                digits
            })
    }
}

#[derive(Debug)]
struct Fold {
    alert: Box<Alert>,
    told: u64,
    until: MonotonicNs,
    sequence: u64,
}

/// All findings of the last minute.
#[derive(Debug, Default)]
pub(crate) struct Folds {
    folds: HashMap<FoldKey, Fold>,
    due: BTreeMap<(MonotonicNs, u64), FoldKey>,
    sequence: u64,
}

impl Folds {
    /// Whether the finding is a repeat: then it is counted and nothing else is to be done.
    ///
    /// `runner` is the process that ran the file that a finding is about.
    pub(crate) fn repeats(
        &mut self,
        key: FoldKey,
        last_time: WallTime,
        runner: impl FnOnce() -> Option<AlertProcess>,
    ) -> bool {
        match self.folds.get_mut(&key) {
            Some(fold) => {
                fold.alert.count += 1;
                if let Some(scan) = &mut fold.alert.scan
                    && scan.run_by.len() < RUN_BY_MAX
                    && let Some(runner) = runner()
                    && scan.run_by.iter().all(|known| known.key != runner.key)
                {
                    scan.run_by.push(runner);
                }
                fold.alert.last_time = fold.alert.last_time.max(last_time);
                true
            }
            None => false,
        }
    }

    /// Remembers a new finding; an older one that had to make room is told of if it was repeated.
    pub(crate) fn insert(
        &mut self,
        key: FoldKey,
        alert: &Alert,
        now: MonotonicNs,
    ) -> Option<Alert> {
        self.sequence += 1;
        let until = MonotonicNs(now.0.saturating_add(WINDOW_NS));
        self.due.insert((until, self.sequence), key);
        self.folds.insert(
            key,
            Fold {
                alert: Box::new(alert.clone()),
                told: alert.count,
                until,
                sequence: self.sequence,
            },
        );
        if self.folds.len() <= FOLDS_MAX {
            return None;
        }
        let (_, oldest) = self.due.pop_first()?;
        self.folds.remove(&oldest).and_then(news)
    }

    /// When [`Folds::tick`] is due.
    pub(crate) fn next_deadline(&self) -> Option<MonotonicNs> {
        self.due.first_key_value().map(|((until, _), _)| *until)
    }

    /// Takes a finding whose time is over; it is to be told of again if it was repeated.
    pub(crate) fn tick(&mut self, now: MonotonicNs, told: &mut impl FnMut(Alert)) {
        while let Some(entry) = self.due.first_entry() {
            if entry.key().0 > now {
                return;
            }
            let key = entry.remove();
            if let Some(alert) = self.folds.remove(&key).and_then(news) {
                told(alert);
            }
        }
    }

    /// Tells of every finding that was repeated, in the order in which they came.
    pub(crate) fn finish(&mut self, told: &mut impl FnMut(Alert)) {
        self.tick(MonotonicNs(u64::MAX), told);
    }
}

/// The alert again, if there is news: it was repeated since it was told of.
fn news(fold: Fold) -> Option<Alert> {
    debug_assert!(fold.until.0 > 0 && fold.sequence > 0);
    (fold.alert.count > fold.told).then_some(*fold.alert)
}
