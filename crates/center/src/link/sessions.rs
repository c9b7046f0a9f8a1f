//! The sensors that hang on this replica.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;
use yagura_proto::identity::{SensorId, SensorIdentity, Serial};
use yagura_proto::limits::COMMANDS_WAITING_MAX;
use yagura_proto::refusal::Refusal;
use yagura_proto::server::Push;
use yagura_store::NodeReport;

/// A sensor in session.
#[derive(Debug)]
struct Session {
    serial: Serial,
    pushes: mpsc::Sender<Push>,
    /// The node's row as it will be written next.
    report: NodeReport,
    /// Whether the store has an older one.
    is_dirty: bool,
    /// Time of the last canary that was stored.
    canary_ms: u64,
}

/// The sessions of this replica.
#[derive(Debug)]
pub(super) struct Sessions {
    replica: String,
    by_sensor: Mutex<HashMap<SensorId, Session>>,
    revoked: Mutex<BTreeSet<Serial>>,
}

impl Sessions {
    pub(super) fn new(replica: String) -> Sessions {
        Sessions {
            replica,
            by_sensor: Mutex::default(),
            revoked: Mutex::default(),
        }
    }

    /// The name of this replica.
    pub(super) fn replica(&self) -> &str {
        &self.replica
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<SensorId, Session>> {
        self.by_sensor
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a session; one that the same sensor had before ends.
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
            is_dirty: false,
            canary_ms: 0,
        };
        let former = self.sessions().insert(sensor.id.clone(), session);
        if let Some(former) = former {
            // If it takes nothing any more, it ends by itself.
            let _ = former.pushes.try_send(Push::Disconnect(Refusal::Replaced));
        }
        (pushes, receiver)
    }

    /// Ends a session, unless the sensor has begun another one by now; says whether it did.
    pub(super) fn detach(&self, sensor: &SensorId, pushes: &mpsc::Sender<Push>) -> bool {
        let mut sessions = self.sessions();
        let is_same = sessions
            .get(sensor)
            .is_some_and(|session| session.pushes.same_channel(pushes));
        if is_same {
            sessions.remove(sensor);
        }
        is_same
    }

    /// Changes what is to be written of a node; `false` if it is in no session here.
    pub(super) fn update(&self, sensor: &SensorId, change: impl FnOnce(&mut NodeReport)) -> bool {
        let mut sessions = self.sessions();
        let Some(session) = sessions.get_mut(sensor) else {
            return false;
        };
        change(&mut session.report);
        session.is_dirty = true;
        true
    }

    /// Whether a canary of that time is news.
    pub(super) fn is_new_canary(&self, sensor: &SensorId, time_ms: u64) -> bool {
        let mut sessions = self.sessions();
        let session = sessions.get_mut(sensor);
        session.is_some_and(|session| std::mem::replace(&mut session.canary_ms, time_ms) != time_ms)
    }

    /// What is to be written now.
    pub(super) fn take_dirty(&self) -> Vec<NodeReport> {
        let mut sessions = self.sessions();
        let mut dirty = Vec::new();
        for session in sessions.values_mut() {
            if std::mem::take(&mut session.is_dirty) {
                dirty.push(session.report.clone());
            }
        }
        dirty
    }

    /// Has reports written once more, of those that still are in session.
    pub(super) fn mark_dirty<'i>(&self, sensors: impl Iterator<Item = &'i str>) {
        let mut sessions = self.sessions();
        for sensor in sensors.filter_map(SensorId::parse) {
            if let Some(session) = sessions.get_mut(&sensor) {
                session.is_dirty = true;
            }
        }
    }

    /// The way to a sensor, if it hangs on this replica.
    pub(super) fn pushes(&self, sensor: &SensorId) -> Option<mpsc::Sender<Push>> {
        let sessions = self.sessions();
        sessions.get(sensor).map(|session| session.pushes.clone())
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.sessions().len()
    }

    /// Whether a certificate was revoked, as far as this replica knows.
    pub(super) fn is_revoked(&self, serial: &Serial) -> bool {
        let revoked = self.revoked.lock().unwrap_or_else(PoisonError::into_inner);
        revoked.contains(serial)
    }

    /// Takes note of every revoked certificate, and ends the sessions of those.
    pub(super) fn revoke(&self, revoked: BTreeSet<Serial>) {
        let mut sessions = self.sessions();
        sessions.retain(|_, session| {
            let is_revoked = revoked.contains(&session.serial);
            if is_revoked {
                // One that does not read its pushes loses the sender, which ends its session, too.
                let _ = session.pushes.try_send(Push::Disconnect(Refusal::Revoked));
            }
            !is_revoked
        });
        *self.revoked.lock().unwrap_or_else(PoisonError::into_inner) = revoked;
    }
}
