//! Feeds `yagura_sources::AuditReader`: any bytes come to an end, positions only grow, and every field of every event has a
//! value or none.

#![no_main]

use libfuzzer_sys::fuzz_target;
use yagura_rules::fields::{Argument, all, k8s_audit_values};
use yagura_sources::AuditReader;

fuzz_target!(|bytes: &[u8]| {
    let mut position = 0;
    for item in AuditReader::new(bytes) {
        let next = match &item {
            Ok(event) => event.position,
            Err(skipped) => skipped.position,
        };
        assert!(next > position);
        position = next;
        let Ok(event) = item else { continue };
        for row in all() {
            for argument in [
                Argument::None,
                Argument::Index(0),
                Argument::Key("/user/extra".into()),
            ] {
                let _ = k8s_audit_values::value(row.field, &argument, &event.value);
            }
        }
    }
});
