//! Sensors: what the link asks of the center, answered by the store.
//!
//! Does: enrol nodes, store their alerts and reports, hand them documents and commands, cut off who is revoked.
//! Never: keeps what another replica would need. What is here in memory is which sensors hang on this replica, and copies
//! of what is in force and of who is revoked, renewed by the store's notices.
//!
//! Start at [`serve`]; `fleet` is the one trait that the link is served over.

mod commands;
mod documents;
mod enrolment;
mod fleet;
mod intake;
mod reports;
mod sessions;
mod upkeep;

pub(crate) use fleet::FleetCounters;

use crate::start::Center;
use fleet::StoredFleet;
use sessions::Sessions;
use std::sync::Arc;
use tokio::net::TcpListener;
use yagura_proto::server::{ConnectionCounters, LinkServer, ServeError, ServerOptions};

/// What becomes of sensors' connections and calls, since the start.
#[derive(Debug, Clone)]
pub(crate) struct LinkCounters {
    /// What the link counts.
    pub(crate) connections: Arc<ConnectionCounters>,
    /// What the fleet counts.
    pub(crate) fleet: Arc<FleetCounters>,
}

/// The link of a center, not served yet.
#[derive(Debug)]
pub(crate) struct Link {
    center: Center,
    fleet: Arc<StoredFleet>,
    server: LinkServer<StoredFleet>,
}

impl Link {
    /// Prepares the link. `names` are names and addresses for the center's certificate.
    pub(crate) fn new(center: Center, names: Vec<String>) -> Link {
        let sessions = Arc::new(Sessions::new(center.replica().to_owned()));
        let fleet = Arc::new(StoredFleet::new(center.clone(), sessions));
        let options = ServerOptions {
            names,
            ..ServerOptions::default()
        };
        let authority = Arc::clone(center.authority());
        Link {
            server: LinkServer::new(Arc::clone(&fleet), authority, options),
            center,
            fleet,
        }
    }

    /// Counters for metrics.
    pub(crate) fn counters(&self) -> LinkCounters {
        LinkCounters {
            connections: self.server.counters(),
            fleet: self.fleet.counters(),
        }
    }

    /// Serves until the center stops.
    ///
    /// # Errors
    /// [`ServeError`].
    pub(crate) async fn serve(self, port: TcpListener) -> Result<(), ServeError> {
        let mut stopping = self.center.stopping();
        let watching = tokio::spawn(Arc::clone(&self.fleet).watch());
        let stop = async move {
            // Fails only if the center is gone, which is its end, too.
            let _ = stopping.wait_for(|stopping| *stopping).await;
        };
        let served = self.server.serve(port, stop).await;
        watching.abort();
        self.fleet.forget_sessions().await;
        served
    }
}

#[cfg(test)]
mod tests;
