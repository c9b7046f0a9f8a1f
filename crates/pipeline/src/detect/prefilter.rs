//! What the kernel side need not send: system calls, and opens of paths, that no rule can match whatever else is true.

use super::observed::{SeenCall, What};
use super::subject::EventSubject;
use std::collections::BTreeSet;
use yagura_event::{Call, CallGroup, MonotonicNs, OpenClass};
use yagura_rules::fields::{Argument, Field};
use yagura_rules::{EventKind, RuleSet, RuleState, Subject, Value};

/// A call that is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallWish {
    /// The call.
    pub call: Call,
    /// Whether calls that failed are of interest too.
    pub failed: bool,
}

/// Everything that is to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wishes {
    /// Calls, in the order of their numbers.
    pub calls: Vec<CallWish>,
    /// What opens are for.
    pub opens: BTreeSet<OpenClass>,
    /// Whether opens that failed are of interest too.
    pub failed_opens: bool,
}

impl Wishes {
    /// Asks for successful calls of these kinds, too.
    pub(crate) fn add(&mut self, calls: &[Call]) {
        for call in calls {
            if let Err(at) = self.calls.binary_search_by_key(call, |wish| wish.call) {
                let wish = CallWish {
                    call: *call,
                    failed: false,
                };
                self.calls.insert(at, wish);
            }
        }
    }

    /// Every event that there is.
    pub fn all() -> Wishes {
        let calls = Call::ALL.iter();
        Wishes {
            calls: calls
                .map(|call| CallWish {
                    call: *call,
                    failed: true,
                })
                .collect(),
            opens: [OpenClass::Read, OpenClass::Write, OpenClass::Create].into(),
            failed_opens: true,
        }
    }
}

/// Calls that detection itself needs, whatever the rules: they join streams, or make connections.
const FLOW_CALLS: [Call; 7] = [
    Call::Connect,
    Call::Accept,
    Call::Accept4,
    Call::Dup,
    Call::Dup2,
    Call::Dup3,
    Call::Fcntl,
];
/// Calls that carry data from which look-ups and first data are made.
const DATA_CALLS: [Call; 4] = [Call::Sendto, Call::Sendmsg, Call::Recvfrom, Call::Recvmsg];

/// What the rules and detection itself can make use of.
pub(crate) fn wishes(rules: &RuleSet) -> Wishes {
    let mut prefilter = rules.prefilter();
    let mut could = |kind: EventKind, failed: Option<bool>, write: Option<bool>| {
        prefilter.could_match(&KindOnly {
            kind,
            failed,
            write,
        })
    };
    let wants_data = could(EventKind::Dns, None, None) || could(EventKind::FirstData, None, None);
    let wants_streams = could(EventKind::RemoteStream, None, None);
    let mut wishes = Wishes::default();
    for call in Call::ALL {
        let kind = EventKind::Call(*call);
        let is_needed = (wants_streams && FLOW_CALLS.contains(call))
            || (wants_data && DATA_CALLS.contains(call));
        if is_needed || could(kind, None, None) {
            wishes.calls.push(CallWish {
                call: *call,
                failed: could(kind, Some(true), None),
            });
        }
        if call.group() == CallGroup::Open {
            let mut of = |write, failed| could(kind, Some(failed), Some(write));
            if of(false, false) {
                wishes.opens.insert(OpenClass::Read);
            }
            if of(true, false) || wants_streams {
                wishes.opens.extend([OpenClass::Write, OpenClass::Create]);
            }
            wishes.failed_opens |= of(false, true) || of(true, true);
        }
    }
    wishes
}

/// Whether no rule can match an open of this path with these flags, whoever opens it. Terminals' controlling sides are
/// never quiet: detection follows them.
pub(crate) fn is_quiet(rules: &RuleSet, subject: &EventSubject<'_>, state: &mut RuleState) -> bool {
    let What::Call(call) = &subject.observed.what else {
        return false;
    };
    call.event.call.group() == CallGroup::Open
        && !call.path().ends_with(b"/ptmx")
        && !rules.could_match(&PathOnly { subject, call }, state)
}

/// An event of which nothing is known but its kind, whether it failed, and whether it is an open for writing.
#[derive(Debug)]
struct KindOnly {
    kind: EventKind,
    failed: Option<bool>,
    write: Option<bool>,
}

impl Subject for KindOnly {
    fn kind(&self) -> EventKind {
        self.kind
    }

    fn time(&self) -> MonotonicNs {
        MonotonicNs(0)
    }

    fn value(&self, field: Field, _argument: &Argument) -> Value<'_> {
        match (field, self.failed, self.write) {
            (Field::EvtType, ..) => Value::text(self.kind.as_str()),
            (Field::EvtDir, ..) => Value::text("<"),
            (Field::EvtFailed, Some(failed), _) => Value::Boolean(failed),
            (Field::EvtRes, Some(false), _) => Value::text("SUCCESS"),
            // Without write, read is all that is left; with it both may be.
            (Field::EvtIsOpenWrite, _, Some(write)) => Value::Boolean(write),
            (Field::EvtIsOpenRead, _, Some(false)) => Value::Boolean(true),
            _ => Value::Unknown,
        }
    }
}

/// An open of which only the path and the flags are known.
#[derive(Debug)]
struct PathOnly<'a> {
    subject: &'a EventSubject<'a>,
    call: &'a SeenCall,
}

impl Subject for PathOnly<'_> {
    fn kind(&self) -> EventKind {
        EventKind::Call(self.call.event.call)
    }

    fn time(&self) -> MonotonicNs {
        self.subject.observed.time
    }

    fn value(&self, field: Field, argument: &Argument) -> Value<'_> {
        match field {
            Field::EvtType
            | Field::EvtDir
            | Field::FdName
            | Field::FdDirectory
            | Field::FdFilename
            | Field::FdType
            | Field::FdTypechar
            | Field::FdIsOutside
            | Field::FsPathName
            | Field::EvtFailed
            | Field::EvtRes
            | Field::EvtIsOpenRead
            | Field::EvtIsOpenWrite => self.subject.value(field, argument),
            // Of sockets only.
            Field::FdSip
            | Field::FdRip
            | Field::FdSport
            | Field::FdRport
            | Field::FdIp
            | Field::FdPort => Value::Absent,
            _ => Value::Unknown,
        }
    }
}
