//! Candidates that wait for an answer: an inspection, or the container's metadata. Never longer than their deadlines.

use crate::drift::Candidate;
use crate::limits::PENDING_MAX;
use std::collections::{BTreeMap, BTreeSet};
use yagura_event::{ContainerKey, FileId, Inspection, MonotonicNs, ProcessKey, Twin};

/// A candidate with what it still waits for.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    /// What is to be judged.
    pub(crate) candidate: Candidate,
    /// What reading the file said so far.
    pub(crate) inspection: Option<Inspection>,
    /// Until when an answer is waited for; `None` if none is outstanding.
    pub(crate) inspection_until: Option<MonotonicNs>,
    /// Until when the container's metadata is waited for.
    pub(crate) metadata_until: MonotonicNs,
    /// Whether the last request named the container's layers.
    pub(crate) asked_with_layers: bool,
    /// Whether an answer did not come in time.
    pub(crate) inspection_timed_out: bool,
    /// Whether metadata did not come in time.
    pub(crate) metadata_timed_out: bool,
    /// Whether, and until when, word is waited for that the kernel has ended it.
    pub(crate) ended: EndWait,
}

/// Waiting for word that the kernel has ended a program: the record of its start may come before that of its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum EndWait {
    /// Not yet.
    #[default]
    Before,
    /// Until then.
    Until(MonotonicNs),
    /// No more.
    Over,
}

impl Pending {
    /// The time at which something has to be given up.
    fn deadline(&self) -> Option<MonotonicNs> {
        let metadata = (!self.metadata_timed_out).then_some(self.metadata_until);
        let ended = match self.ended {
            EndWait::Until(until) => Some(until),
            EndWait::Before | EndWait::Over => None,
        };
        [self.inspection_until, metadata, ended]
            .into_iter()
            .flatten()
            .min()
    }

    /// Gives up what is overdue and says how many things that were.
    fn expire(&mut self, now: MonotonicNs) -> u64 {
        let mut given_up = 0;
        if matches!(self.ended, EndWait::Until(until) if until <= now) {
            self.ended = EndWait::Over;
        }
        if self.inspection_until.is_some_and(|until| until <= now) {
            self.inspection_until = None;
            self.inspection_timed_out = true;
            given_up += 1;
        }
        if !self.metadata_timed_out && self.metadata_until <= now {
            self.metadata_timed_out = true;
            given_up += 1;
        }
        given_up
    }

    /// Adds an answer. A second answer, given with more knowledge of the container, may have come too late to read
    /// the file: what the first one read stays.
    pub(crate) fn answer(&mut self, new: Inspection) {
        self.inspection_until = None;
        self.inspection_timed_out = false;
        self.inspection = Some(match self.inspection.take() {
            None => new,
            Some(old) => Inspection {
                token: new.token,
                sha256: new.sha256.or(old.sha256),
                is_program: new.is_program || old.is_program,
                twin: match new.twin {
                    Twin::Unknown => old.twin,
                    twin => twin,
                },
                copy_of: new.copy_of.or(old.copy_of),
                named_by_argument: new.named_by_argument || old.named_by_argument,
                deleted: new.deleted || old.deleted,
                error: if new.sha256.or(old.sha256).is_some() {
                    None
                } else {
                    new.error
                },
                head: if new.head.is_empty() {
                    old.head
                } else {
                    new.head
                },
            },
        });
    }
}

/// A candidate that waited too long for something.
#[derive(Debug)]
pub(crate) struct Expired {
    /// Its token.
    pub(crate) token: u64,
    /// The candidate.
    pub(crate) pending: Pending,
    /// How many things are waited for no more.
    pub(crate) given_up: u64,
}

/// All that wait, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct PendingQueue {
    waiting: BTreeMap<u64, Pending>,
    deadlines: BTreeSet<(MonotonicNs, u64)>,
}

impl PendingQueue {
    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// The next time at which something has to be given up.
    pub(crate) fn next_deadline(&self) -> Option<MonotonicNs> {
        self.deadlines.first().map(|&(deadline, _)| deadline)
    }

    /// Adds one under its token.
    pub(crate) fn insert(&mut self, token: u64, pending: Pending) {
        if let Some(deadline) = pending.deadline() {
            self.deadlines.insert((deadline, token));
        }
        self.waiting.insert(token, pending);
    }

    /// Takes one out.
    pub(crate) fn remove(&mut self, token: u64) -> Option<Pending> {
        let pending = self.waiting.remove(&token)?;
        if let Some(deadline) = pending.deadline() {
            self.deadlines.remove(&(deadline, token));
        }
        Some(pending)
    }

    /// Takes out the oldest if there are too many.
    pub(crate) fn overflow(&mut self) -> Option<Pending> {
        if self.waiting.len() <= PENDING_MAX {
            return None;
        }
        let oldest = *self.waiting.first_key_value()?.0;
        self.remove(oldest)
    }

    /// Takes out one whose deadline has come, with what is overdue given up.
    pub(crate) fn expire(&mut self, now: MonotonicNs) -> Option<Expired> {
        let &(deadline, token) = self.deadlines.first()?;
        if deadline > now {
            return None;
        }
        let mut pending = self.remove(token)?;
        let given_up = pending.expire(now);
        Some(Expired {
            token,
            pending,
            given_up,
        })
    }

    /// Tokens of those that belong to a container, the oldest first.
    pub(crate) fn tokens_of(&self, container: ContainerKey) -> Vec<u64> {
        self.waiting
            .iter()
            .filter(|(_, pending)| pending.candidate.container == container)
            .map(|(token, _)| *token)
            .collect()
    }

    /// The use of a file by a process, if it waits here.
    pub(crate) fn find(&self, process: ProcessKey, file: FileId) -> Option<u64> {
        let is_it = |pending: &Pending| {
            let candidate = &pending.candidate;
            candidate.process == process && candidate.file.key.id == file
        };
        let mut waiting = self.waiting.iter();
        waiting
            .find(|(_, pending)| is_it(pending))
            .map(|(token, _)| *token)
    }

    /// Moves every deadline: those set before the time was known were counted from zero.
    pub(crate) fn shift(&mut self, by: MonotonicNs) {
        let later = |time: MonotonicNs| MonotonicNs(time.0.saturating_add(by.0));
        self.deadlines.clear();
        for (token, pending) in &mut self.waiting {
            pending.metadata_until = later(pending.metadata_until);
            pending.inspection_until = pending.inspection_until.map(later);
            if let Some(deadline) = pending.deadline() {
                self.deadlines.insert((deadline, *token));
            }
        }
    }
}
