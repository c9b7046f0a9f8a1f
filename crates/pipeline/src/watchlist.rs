//! Drifted programs that still run, watched for the deletion of their file: no kernel event tells of it.

use crate::limits::{WATCH_BATCH, WATCH_LATER_NS, WATCH_SOON_FOR_NS, WATCH_SOON_NS, WATCHED_MAX};
use crate::pending::Pending;
use std::collections::BTreeMap;
use yagura_event::{MonotonicNs, ProgramKey};

/// One watched program.
#[derive(Debug)]
struct Watched {
    /// The judged candidate.
    pending: Pending,
    since: MonotonicNs,
    next: MonotonicNs,
    /// The latest question about it.
    token: u64,
}

/// All watched programs, bounded.
#[derive(Debug, Default)]
pub(crate) struct Watchlist {
    programs: BTreeMap<ProgramKey, Watched>,
    questions: BTreeMap<u64, ProgramKey>,
    /// The earliest `next`; kept since it is asked for after every event.
    next_look: Option<MonotonicNs>,
}

impl Watchlist {
    /// How many are watched.
    pub(crate) fn len(&self) -> usize {
        self.programs.len()
    }

    /// Begins to watch a program and says whether there was room.
    pub(crate) fn add(&mut self, pending: Pending, now: MonotonicNs) -> bool {
        if self.programs.len() >= WATCHED_MAX {
            return false;
        }
        let watched = Watched {
            since: now,
            next: later(now, WATCH_SOON_NS),
            token: 0,
            pending,
        };
        self.next_look = Some(
            self.next_look
                .map_or(watched.next, |next| next.min(watched.next)),
        );
        self.programs
            .insert(watched.pending.candidate.program, watched);
        true
    }

    /// The next time at which one is to be looked at.
    pub(crate) fn next_look(&self) -> Option<MonotonicNs> {
        self.next_look
    }

    /// Forgets programs that ended, and returns those to be looked at now, a bounded number. `next_token` numbers
    /// the questions.
    pub(crate) fn due(
        &mut self,
        now: MonotonicNs,
        is_running: impl Fn(ProgramKey) -> bool,
        mut next_token: impl FnMut() -> u64,
    ) -> Vec<(u64, &Pending)> {
        let questions = &mut self.questions;
        self.programs.retain(|&key, watched| {
            let keep = is_running(key);
            if !keep {
                questions.remove(&watched.token);
            }
            keep
        });
        let mut due: Vec<&mut Watched> = self
            .programs
            .values_mut()
            .filter(|watched| watched.next <= now)
            .collect();
        // The one that has waited longest comes first, so that none starves behind many.
        due.sort_by_key(|watched| watched.next);
        let mut asked = Vec::new();
        for watched in due.into_iter().take(WATCH_BATCH) {
            questions.remove(&watched.token);
            watched.token = next_token();
            questions.insert(watched.token, watched.pending.candidate.program);
            let interval = match now.since(watched.since) < WATCH_SOON_FOR_NS {
                true => WATCH_SOON_NS,
                false => WATCH_LATER_NS,
            };
            watched.next = later(now, interval);
            asked.push((watched.token, watched.pending.candidate.program));
        }
        // At most one batch in each interval, however many are overdue.
        let soonest = later(now, WATCH_SOON_NS);
        self.next_look = self
            .programs
            .values()
            .map(|watched| watched.next.max(soonest))
            .min();
        asked
            .into_iter()
            .filter_map(|(token, key)| Some((token, &self.programs.get(&key)?.pending)))
            .collect()
    }

    /// Takes an answer. Returns the candidate if its file has been deleted; it is then watched no more.
    pub(crate) fn answer(&mut self, token: u64, deleted: bool) -> Option<Pending> {
        let key = self.questions.remove(&token)?;
        if !deleted {
            return None;
        }
        self.programs.remove(&key).map(|watched| watched.pending)
    }

    /// Takes a program out, if it is watched.
    pub(crate) fn take(&mut self, program: ProgramKey) -> Option<Pending> {
        let watched = self.programs.remove(&program)?;
        self.questions.remove(&watched.token);
        Some(watched.pending)
    }

    /// Moves every time: those set before the time was known were counted from zero.
    pub(crate) fn shift(&mut self, by: MonotonicNs) {
        for watched in self.programs.values_mut() {
            watched.since = later(watched.since, by.0);
            watched.next = later(watched.next, by.0);
        }
        self.next_look = self.next_look.map(|next| later(next, by.0));
    }
}

fn later(time: MonotonicNs, by_ns: u64) -> MonotonicNs {
    MonotonicNs(time.0.saturating_add(by_ns))
}
