//! The sensors that hang on this replica.

use crate::app::fleet::OFFLINE;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;
use yagura_proto::identity::{SensorId, SensorIdentity, Serial};
use yagura_proto::limits::COMMANDS_WAITING_MAX;
use yagura_proto::refusal::Refusal;
use yagura_proto::server::Push;
use yagura_store::{GapChange, NodeReport};

/// The kind of gap that there is while a sensor tells of something that it can't see or stop.
const REDUCED: &str = "reduced-coverage";
/// The kinds of gaps that sessions make and end.
const GAP_KINDS: [&str; 2] = [OFFLINE, REDUCED];

/// A sensor in session.
#[derive(Debug)]
struct Session {
    serial: Serial,
    pushes: mpsc::Sender<Push>,
    /// The node's row as it will be written next.
    report: NodeReport,
    /// Whether the store has an older one.
    is_dirty: bool,
    /// What the node can't see or stop, as told in this session.
    lacks: Option<Value>,
    /// What the store does not know yet of the node's gaps, by their kind.
    gaps: BTreeMap<&'static str, Option<Value>>,
    /// Time of the last canary that was stored.
    canary_ms: u64,
}

/// What the store is to know.
#[derive(Debug, Default)]
pub(super) struct Unwritten {
    /// Sensors whose sessions have ended.
    pub(super) ended: Vec<String>,
    /// Rows of nodes.
    pub(super) reports: Vec<NodeReport>,
    /// Changes of their gaps, to be written after their rows.
    pub(super) gaps: Vec<GapChange>,
}

#[derive(Debug, Default)]
struct State {
    by_sensor: HashMap<SensorId, Session>,
    /// Sessions that have ended and were not followed by another one, which the store does not know.
    ended: BTreeSet<SensorId>,
}

/// The sessions of this replica.
#[derive(Debug)]
pub(super) struct Sessions {
    replica: String,
    state: Mutex<State>,
    revoked: Mutex<BTreeSet<Serial>>,
}

impl Sessions {
    pub(super) fn new(replica: String) -> Sessions {
        Sessions {
            replica,
            state: Mutex::default(),
            revoked: Mutex::default(),
        }
    }

    /// The name of this replica.
    pub(super) fn replica(&self) -> &str {
        &self.replica
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a session; one that the same sensor had before ends. The gap that its absence was is to be closed.
    pub(super) fn attach(
        &self,
        sensor: &SensorIdentity,
        report: NodeReport,
    ) -> (mpsc::Sender<Push>, mpsc::Receiver<Push>) {
        let (pushes, receiver) = mpsc::channel(COMMANDS_WAITING_MAX);
        let session = Session {
            serial: sensor.serial.clone(),
            pushes: pushes.clone(),
            report,
            is_dirty: true,
            lacks: None,
            gaps: BTreeMap::from([(OFFLINE, None)]),
            canary_ms: 0,
        };
        let mut state = self.state();
        state.ended.remove(&sensor.id);
        let former = state.by_sensor.insert(sensor.id.clone(), session);
        if let Some(former) = former {
            // If it takes nothing any more, it ends by itself.
            let _ = former.pushes.try_send(Push::Disconnect(Refusal::Replaced));
        }
        (pushes, receiver)
    }

    /// Ends a session, unless the sensor has begun another one by now.
    pub(super) fn detach(&self, sensor: &SensorId, pushes: &mpsc::Sender<Push>) {
        let mut state = self.state();
        let session = state.by_sensor.get(sensor);
        if session.is_some_and(|session| session.pushes.same_channel(pushes)) {
            state.by_sensor.remove(sensor);
            state.ended.insert(sensor.clone());
        }
    }

    /// Ends all sessions.
    pub(super) fn end_all(&self) {
        let State { by_sensor, ended } = &mut *self.state();
        ended.extend(by_sensor.drain().map(|(sensor, _)| sensor));
    }

    /// Changes what is to be written of a node; nothing if it is in no session here.
    pub(super) fn update(&self, sensor: &SensorId, change: impl FnOnce(&mut NodeReport)) {
        if let Some(session) = self.state().by_sensor.get_mut(sensor) {
            change(&mut session.report);
            session.is_dirty = true;
        }
    }

    /// Takes note of a list of what a node can't see or stop.
    pub(super) fn note_gaps(&self, sensor: &SensorId, lacks: Value) {
        if let Some(session) = self.state().by_sensor.get_mut(sensor)
            && session.lacks.as_ref() != Some(&lacks)
        {
            let is_whole = lacks.as_array().is_none_or(Vec::is_empty);
            let detail = (!is_whole).then(|| json!({ "gaps": lacks }));
            session.lacks = Some(lacks);
            session.gaps.insert(REDUCED, detail);
        }
    }

    /// Whether a canary of that time is news.
    pub(super) fn is_new_canary(&self, sensor: &SensorId, time_ms: u64) -> bool {
        let mut state = self.state();
        let session = state.by_sensor.get_mut(sensor);
        session.is_some_and(|session| std::mem::replace(&mut session.canary_ms, time_ms) != time_ms)
    }

    /// What is to be written now.
    pub(super) fn take_unwritten(&self) -> Unwritten {
        let mut state = self.state();
        let ended = std::mem::take(&mut state.ended).into_iter();
        let mut unwritten = Unwritten {
            ended: ended.map(|sensor| sensor.as_str().to_owned()).collect(),
            ..Unwritten::default()
        };
        for (sensor, session) in &mut state.by_sensor {
            if std::mem::take(&mut session.is_dirty) {
                unwritten.reports.push(session.report.clone());
            }
            let gaps = std::mem::take(&mut session.gaps).into_iter();
            unwritten.gaps.extend(gaps.map(|(kind, detail)| GapChange {
                node: sensor.as_str().to_owned(),
                kind: kind.to_owned(),
                detail,
            }));
        }
        unwritten
    }

    /// Has ends of sessions written once more, where no other one has begun.
    pub(super) fn put_back_ended(&self, sensors: &[String]) {
        let mut state = self.state();
        for sensor in sensors.iter().filter_map(|sensor| SensorId::parse(sensor)) {
            if !state.by_sensor.contains_key(&sensor) {
                state.ended.insert(sensor);
            }
        }
    }

    /// Has reports written once more, of those that still are in session.
    pub(super) fn put_back_reports(&self, reports: &[NodeReport]) {
        let mut state = self.state();
        for sensor in reports
            .iter()
            .filter_map(|report| SensorId::parse(&report.id))
        {
            if let Some(session) = state.by_sensor.get_mut(&sensor) {
                session.is_dirty = true;
            }
        }
    }

    /// Has changes of gaps written once more, where the node is in session and nothing newer is known.
    pub(super) fn put_back_gaps(&self, gaps: &[GapChange]) {
        let mut state = self.state();
        for change in gaps {
            let sensor = SensorId::parse(&change.node);
            let kind = GAP_KINDS.iter().find(|kind| **kind == change.kind);
            if let (Some(sensor), Some(kind)) = (sensor, kind)
                && let Some(session) = state.by_sensor.get_mut(&sensor)
            {
                session
                    .gaps
                    .entry(kind)
                    .or_insert_with(|| change.detail.clone());
            }
        }
    }

    /// The way to a sensor, if it hangs on this replica.
    pub(super) fn pushes(&self, sensor: &SensorId) -> Option<mpsc::Sender<Push>> {
        let state = self.state();
        state
            .by_sensor
            .get(sensor)
            .map(|session| session.pushes.clone())
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.state().by_sensor.len()
    }

    /// Whether a certificate was revoked, as far as this replica knows.
    pub(super) fn is_revoked(&self, serial: &Serial) -> bool {
        let revoked = self.revoked.lock().unwrap_or_else(PoisonError::into_inner);
        revoked.contains(serial)
    }

    /// Takes note of every revoked certificate, and ends the sessions of those.
    pub(super) fn revoke(&self, revoked: BTreeSet<Serial>) {
        let mut state = self.state();
        let State { by_sensor, ended } = &mut *state;
        by_sensor.retain(|sensor, session| {
            let is_revoked = revoked.contains(&session.serial);
            if is_revoked {
                // One that does not read its pushes loses the sender, which ends its session, too.
                let _ = session.pushes.try_send(Push::Disconnect(Refusal::Revoked));
                ended.insert(sensor.clone());
            }
            !is_revoked
        });
        *self.revoked.lock().unwrap_or_else(PoisonError::into_inner) = revoked;
    }
}
