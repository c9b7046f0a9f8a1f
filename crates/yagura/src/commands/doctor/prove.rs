//! `yagura doctor --prove`: a drifted program and an attempt to escape, harmless both, in a container of Yagura's own under
//! rules that block them. What was promised is seen to be done.

use super::{Check, Status};
use crate::commands::simulate;
use crate::exit::Failure;

/// Runs the canary.
///
/// # Errors
/// If no container can be made here.
pub(super) fn checks() -> Result<Vec<Check>, Failure> {
    let proofs = simulate::prove()?;
    let checks = proofs.into_iter().map(|proof| {
        let time = proof
            .milliseconds
            .map_or_else(String::new, |ms| format!(", told after {ms:.1} ms"));
        let means = match proof.means.as_str() {
            "" => String::new(),
            means => format!(" by {means}"),
        };
        let found = format!("{}: {}{means}{time}", proof.what, proof.outcome);
        match (proof.is_stopped, proof.is_told) {
            (true, true) => Check::ok(proof.name, found),
            (true, false) => Check::warning(
                proof.name,
                found,
                "it was stopped, and no alert told of it: see the sensor's log",
            ),
            (false, _) => Check {
                status: Status::Missing,
                ..Check::warning(
                    proof.name,
                    found,
                    "blocking does not work here: see `enforcement` above",
                )
            },
        }
    });
    Ok(checks.collect())
}
