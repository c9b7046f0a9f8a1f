//! Counters for `/metrics`.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// Something that is counted since the center started.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub(crate) fn count(&self) {
        self.add(1);
    }

    /// So many more.
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! counters {
    ($($field:ident, $name:literal, $help:literal;)*) => {
        /// Everything that is counted.
        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(#[doc = $help] pub(crate) $field: Counter,)*
        }

        impl Counters {
            /// Name, meaning and value of each.
            fn rows(&self) -> Vec<(&'static str, &'static str, u64)> {
                vec![$(($name, $help, self.$field.get()),)*]
            }
        }
    };
}

counters! {
    stored_alerts, "alerts_stored", "Alerts that were stored.";
    expired_alerts, "alerts_expired", "Alerts that came when they were older than alerts are kept, and were left out.";
    audit_events, "audit_events", "Kubernetes audit events that were judged.";
    refused_audit_batches, "audit_batches_refused", "Audit batches without their cluster's credential.";
    failed_logins, "logins_failed", "Log-ins with a wrong name or password.";
    throttled_logins, "logins_throttled", "Log-ins that were not looked at since there were too many.";
    refused_requests, "requests_refused", "Requests of callers who may not.";
    connections, "connections", "Connections that were taken.";
    refused_connections, "connections_refused", "Connections beyond the bound.";
    broken_handshakes, "handshakes_broken", "TLS handshakes that failed.";
    delivered_alerts, "output_alerts_delivered", "Alerts that outputs delivered.";
    failed_deliveries, "output_deliveries_failed", "Deliveries that failed and are tried again.";
    dropped_deliveries, "output_alerts_dropped", "Alerts that outputs gave up: refused for good, or waiting for too long or in too great a number.";
    failed_templates, "output_templates_failed", "Texts that went out in their usual form since the output's template failed.";
    repeated_audit_batches, "audit_batches_repeated", "Audit batches that were judged again since another replica judged others of their cluster meanwhile.";
    deferred_audit_batches, "audit_batches_deferred", "Audit batches that were put off since too many were being judged, here or by other replicas.";
}

impl Counters {
    /// As Prometheus reads them.
    pub(crate) fn shown(&self) -> String {
        let mut text = String::new();
        for (name, help, value) in self.rows() {
            let name = format!("yagura_center_{name}_total");
            let _ = write!(
                text,
                "# HELP {name} {help}\n# TYPE {name} counter\n{name} {value}\n"
            );
        }
        text
    }
}
