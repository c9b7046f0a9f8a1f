//! Which files a program has already mapped or opened.

use crate::drift::Trigger;
use crate::limits::SEEN_FILES_MAX;
use std::collections::{HashSet, VecDeque};
use yagura_event::{FileKey, ProgramKey};

/// Files that a program mapped or opened, so that each counts once. Bounded: the oldest are forgotten.
#[derive(Debug, Default)]
pub(crate) struct SeenFiles {
    known: HashSet<(ProgramKey, FileKey, Trigger)>,
    order: VecDeque<(ProgramKey, FileKey, Trigger)>,
}

impl SeenFiles {
    /// Notes a file and says whether it is new.
    pub(crate) fn insert(&mut self, program: ProgramKey, file: FileKey, trigger: Trigger) -> bool {
        let entry = (program, file, trigger);
        if !self.known.insert(entry) {
            return false;
        }
        self.order.push_back(entry);
        if self.order.len() > SEEN_FILES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}
