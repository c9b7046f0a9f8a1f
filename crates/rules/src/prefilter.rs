//! What no rule can match: events that need not be recorded at all.
//!
//! The same conditions are evaluated with every value unknown that isn't given. What then is false stays false whatever the
//! values are, so that nothing is left out that a rule would have matched.

use crate::evaluate::RuleSet;
use crate::fields::{Argument, Field};
use crate::program::Memo;
use crate::state::RuleState;
use crate::subject::{EventKind, Subject, Value};
use yagura_event::{Call, MonotonicNs};

/// Asks a rule set what it could match.
#[derive(Debug)]
pub struct Prefilter<'r> {
    rules: &'r RuleSet,
    memo: Memo,
}

impl RuleSet {
    /// Begins to ask what the rules could match.
    pub fn prefilter(&self) -> Prefilter<'_> {
        Prefilter {
            rules: self,
            memo: Memo::default(),
        }
    }

    /// [`Prefilter::could_match`] with memory that is there already: for one event in between.
    pub fn could_match<S: Subject + ?Sized>(&self, partial: &S, state: &mut RuleState) -> bool {
        self.any_may_match(partial, &mut state.memo)
    }
}

impl Prefilter<'_> {
    /// Whether any rule could match an event of which `partial` knows some fields. It must answer [`Value::Unknown`] for all
    /// others, and for those that it knows what the whole event would.
    pub fn could_match<S: Subject + ?Sized>(&mut self, partial: &S) -> bool {
        self.rules.any_may_match(partial, &mut self.memo)
    }
}

/// `O_ACCMODE`, `O_WRONLY`, `O_RDWR`, `O_CREAT` of open(2), and `O_TMPFILE` without `O_DIRECTORY`: the same on all
/// architectures that Yagura runs on.
mod open_flags {
    pub(super) const ACCESS_MODE: u32 = 3;
    pub(super) const WRITE_ONLY: u32 = 1;
    pub(super) const READ_WRITE: u32 = 2;
    pub(super) const CREATE: u32 = 0o100;
    pub(super) const TEMPORARY: u32 = 0o20_000_000;
}

/// A successful open of which only path and flags are known: by whatever process, in whatever container.
#[derive(Debug, Clone, Copy)]
pub struct PathOpen<'a> {
    /// Which call.
    pub call: Call,
    /// What `fd.name` would be.
    pub path: &'a [u8],
    /// Flags of open(2).
    pub flags: u32,
}

impl Subject for PathOpen<'_> {
    fn kind(&self) -> EventKind {
        EventKind::Call(self.call)
    }

    fn time(&self) -> MonotonicNs {
        MonotonicNs(0)
    }

    fn value(&self, field: Field, _: &Argument) -> Value<'_> {
        let access = self.flags & open_flags::ACCESS_MODE;
        let may_create = self.flags & (open_flags::CREATE | open_flags::TEMPORARY) != 0;
        match field {
            Field::EvtType | Field::SyscallType => Value::text(self.call.as_str()),
            Field::FdName | Field::FsPathName => Value::text(self.path),
            Field::EvtFailed => Value::Boolean(false),
            Field::EvtIsOpenRead => Value::Boolean(access != open_flags::WRITE_ONLY),
            Field::EvtIsOpenWrite => Value::Boolean(matches!(
                access,
                open_flags::WRITE_ONLY | open_flags::READ_WRITE
            )),
            Field::EvtIsOpenCreate | Field::EvtIsOpenExec if !may_create => Value::Boolean(false),
            _ => Value::Unknown,
        }
    }
}
