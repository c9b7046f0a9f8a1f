//! The product as a user meets it: the real executable, kernel, runc, crun, containerd, Podman and dpkg.
//!
//! One module for each thing that a user would try. What this machine lacks is said and counted as ignored. Tests look
//! at their own containers alone: a sensor sees every container of the machine, those of other tests too.

#![expect(
    clippy::indexing_slicing,
    reason = "tests index JSON, which answers null, and fail where something is missing"
)]

mod bad_input;
mod benign;
mod catalogue;
mod center;
mod churn;
mod debian;
mod demo;
mod enforcement;
mod harness;
mod hostile;
mod logs;
mod payload;
mod podman;
mod pods;
mod quarantine;
mod recording;
mod runc;
mod scan;
mod scanning;
mod sensor;
mod simulate;

use libtest_mimic::Arguments;

fn main() {
    let arguments = Arguments::from_args();
    let trials = [
        bad_input::trials(),
        pods::trials(),
        podman::trials(),
        benign::trials(),
        hostile::trials(),
        recording::trials(),
        scanning::trials(),
        demo::trials(),
        center::trials(),
        simulate::trials(),
        logs::trials(),
        scan::trials(),
        quarantine::trials(),
        enforcement::trials(),
    ];
    let first = libtest_mimic::run(&arguments, trials.into_iter().flatten().collect());
    // These count what a sensor remembers, or make hundreds of containers: nothing else may run beside them.
    let churn = libtest_mimic::run(&arguments, churn::trials());
    let catalogue = libtest_mimic::run(&arguments, catalogue::trials());
    first.exit_if_failed();
    churn.exit_if_failed();
    catalogue.exit();
}
