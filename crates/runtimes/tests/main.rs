//! Identity of containers that real runtimes started. What this machine lacks is said and counted as ignored.

mod containerd;
mod docker;
mod harness;
mod host;
mod oci;
mod podman;
mod worker;

use libtest_mimic::Arguments;

fn main() {
    let arguments = Arguments::from_args();
    let trials = [
        containerd::trials(),
        podman::trials(),
        docker::trials(),
        oci::trials(),
        host::trials(),
        worker::trials(),
    ];
    libtest_mimic::run(&arguments, trials.into_iter().flatten().collect()).exit();
}
