//! Candidates that wait: for their file to be read, or for their container to be known.

use super::{Pipeline, later};
use crate::drift::{self, Candidate, Trigger};
use crate::limits::END_WAIT_NS;
use crate::pending::{EndWait, Pending};
use crate::script;
use crate::sink::Sink;
use yagura_event::{DropReason, InspectionRequest, MonotonicNs, Text, Twin};

impl Pipeline {
    /// Asks for a file to be read and lets the candidate wait for the answer.
    pub(super) fn consider(&mut self, candidate: Candidate, sink: &mut impl Sink) {
        self.stats.candidates += 1;
        let now = self.now.unwrap_or_default();
        let token = self.next_token();
        let request = self.request(token, &candidate);
        let pending = Pending {
            asked_with_layers: request.layers.is_some(),
            inspection: None,
            inspection_until: Some(later(now, self.config.inspection_wait_ns)),
            metadata_until: later(now, self.config.metadata_wait_ns),
            inspection_timed_out: false,
            metadata_timed_out: false,
            ended: EndWait::Before,
            candidate,
        };
        sink.inspect(request);
        self.pending.insert(token, pending);
        if let Some(oldest) = self.pending.overflow() {
            self.lost(DropReason::Full, 1, sink);
            self.judge(oldest, sink);
        }
    }

    pub(super) fn request(&self, token: u64, candidate: &Candidate) -> InspectionRequest {
        let entry = self.containers.get(candidate.container);
        let program = self.programs.program(candidate.program);
        let arguments = program.map_or_else(Vec::new, |program| match candidate.trigger {
            Trigger::Exec => Vec::new(),
            Trigger::Map => drift::loader_argument(program)
                .map(Text::from)
                .into_iter()
                .collect(),
            Trigger::Script => script::arguments(program),
        });
        InspectionRequest {
            token,
            file: candidate.file.clone(),
            pid: candidate.process.pid,
            // A program that was kept from running is not what its process runs.
            is_exe: candidate.trigger == Trigger::Exec && candidate.denial.is_none(),
            start_ns: candidate.process.start_ns,
            container: candidate.container,
            root: entry
                .and_then(|entry| entry.home)
                .map(|home| home.root)
                .unwrap_or_default(),
            layers: entry.and_then(|entry| entry.layers.clone()),
            arguments,
            cwd: program.map_or_else(Text::default, |program| Text::from(program.cwd())),
        }
    }

    pub(super) fn look_at_running(&mut self, now: MonotonicNs, sink: &mut impl Sink) {
        if self.watchlist.next_look().is_none_or(|next| next > now) {
            return;
        }
        let programs = &self.programs;
        let token = &mut self.token;
        let looks: Vec<(u64, Candidate)> = self
            .watchlist
            .due(
                now,
                |program| programs.is_running(program),
                || {
                    *token += 1;
                    *token
                },
            )
            .into_iter()
            .map(|(token, pending)| (token, pending.candidate.clone()))
            .collect();
        for (token, candidate) in looks {
            sink.inspect(self.request(token, &candidate));
        }
    }

    /// Judges a candidate for which nothing is waited for any more, or lets it go on waiting.
    pub(super) fn settle(&mut self, token: u64, mut pending: Pending, sink: &mut impl Sink) {
        if self.should_ask_again(&pending) {
            let request = self.request(token, &pending.candidate);
            let now = self.now.unwrap_or_default();
            pending.asked_with_layers = true;
            pending.inspection_until = Some(later(now, self.config.inspection_wait_ns));
            sink.inspect(request);
            self.pending.insert(token, pending);
        } else if self.is_ready(&pending) {
            if pending.ended == EndWait::Before && self.may_have_been_ended(&pending) {
                pending.ended = EndWait::Until(later(pending.candidate.time, END_WAIT_NS));
            }
            match pending.ended {
                EndWait::Until(until)
                    if until > self.now() && pending.candidate.denial.is_none() =>
                {
                    self.pending.insert(token, pending);
                }
                _ => self.judge(pending, sink),
            }
        } else {
            self.pending.insert(token, pending);
        }
    }

    /// Whether the file was read before the image's layers were known, so that it was compared with nothing.
    fn should_ask_again(&self, pending: &Pending) -> bool {
        let has_layers = self
            .containers
            .get(pending.candidate.container)
            .is_some_and(|entry| entry.layers.is_some());
        has_layers
            && !pending.asked_with_layers
            && pending.inspection_until.is_none()
            && self.lacks_comparison(pending)
    }

    fn is_ready(&self, pending: &Pending) -> bool {
        let candidate = &pending.candidate;
        let Some(entry) = self.containers.get(candidate.container) else {
            return true;
        };
        if entry.is_no_container() {
            return true;
        }
        if pending.inspection_until.is_some() {
            return false;
        }
        pending.metadata_timed_out
            // What files say comes first and is not all: a pod's labels, which rules may name, come from the
            // runtime's socket.
            || (entry.complete
                // Events of the two rings may overtake each other.
                && (candidate.denial.is_some()
                    || self.programs.program(candidate.program).is_some()))
            || self.is_found_image(pending)
    }

    /// Whether the file stands on the container's layer and was not yet compared with the image.
    fn lacks_comparison(&self, pending: &Pending) -> bool {
        let place = self.place(&pending.candidate);
        let twin = pending
            .inspection
            .as_ref()
            .map_or(Twin::Unknown, |inspection| inspection.twin);
        place.is_of_container()
            && place.home.is_some_and(|home| home.root.overlay)
            && twin == Twin::Unknown
    }
}
