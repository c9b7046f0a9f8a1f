//! The canary: seen and stopped by the sensor that watches the node, and nobody's alert.

use crate::world::{Case, World, left_behind, wait_until};
use std::sync::PoisonError;

pub(crate) const CASES: &[Case] = &[("canary_is_seen_blocked_and_no_user_s_alert", canary_proves)];

fn canary_proves(world: &World) {
    wait_until("the first canary has run", || {
        world.sensor.canary().is_some()
    });
    let report = world.sensor.canary().unwrap();
    for (kind, part) in [("drift", &report.drift), ("escape", &report.escape)] {
        assert!(part.seen && part.blocked, "{kind}: {part:?}");
        assert!(
            matches!(part.outcome, "blocked" | "killed"),
            "{kind}: {part:?}"
        );
        assert!(
            !part.means.is_empty() && part.problem.is_empty(),
            "{kind}: {part:?}"
        );
        assert!(
            part.latency_ns.is_some_and(|latency| latency > 0),
            "{kind}: {part:?}"
        );
    }
    // The policies in force say nothing of drift and escapes: what was told was of the canary alone.
    let alerts = world.alerts.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(alerts.is_empty(), "{alerts:?}");
    drop(alerts);
    wait_until("its containers are forgotten", || {
        let known = world.sensor.containers().unwrap_or_default();
        let own = yagura_rehearsal::own_prefix();
        !known
            .iter()
            .any(|known| known.container.id.starts_with(&own))
    });
    // All that is left is the image of these tests.
    assert_eq!(left_behind(&std::env::temp_dir()), 1);
    // What held for the canary holds for nobody else: a container under its kind of name may do as it likes.
    let scene = world.start(|_| {});
    let ran = scene.shell("cp /bin/echo /tmp/dropped && /tmp/dropped ran");
    assert!(ran.succeeded(), "{ran:?}");
    assert_eq!(ran.stdout.trim_ascii(), b"ran");
    scene.container.remove().unwrap();
}
