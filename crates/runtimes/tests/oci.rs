//! runc and crun without a manager.

use crate::harness::{config, last_fact, trial};
use anyhow::{Context as _, Result, ensure};
use libtest_mimic::Trial;
use yagura_event::Runtime;
use yagura_runtimes::RuntimesConfig;
use yagura_testkit::{OciContainer, OciRuntime};

pub(crate) fn trials() -> Vec<Trial> {
    let needs = |runtime| [OciContainer::NEEDS.as_slice(), &[runtime]].concat();
    vec![
        trial("oci_runc", &needs("runc"), || {
            bare(OciRuntime::Runc, Runtime::Runc)
        }),
        trial("oci_crun", &needs("crun"), || {
            bare(OciRuntime::Crun, Runtime::Crun)
        }),
        trial("oci_unknown_state", &needs("runc"), unknown_state),
    ]
}

const SLEEP: [&str; 2] = ["/bin/sleep", "1000"];

fn bare(runtime: OciRuntime, expected: Runtime) -> Result<()> {
    let id = format!("ygt-{}-{}", runtime.program(), std::process::id());
    let running = OciContainer::run(runtime, &id, &SLEEP)?;
    let config = RuntimesConfig {
        runc_roots: vec![running.state_root()],
        ..config(&[])
    };
    let fact = last_fact(&config, running.container.pid)?;
    let container = fact.container.context("no container")?;
    ensure!(container.id == id && container.name == id, "{container:?}");
    ensure!(
        container.runtime == expected && container.image.is_empty(),
        "{container:?}"
    );
    ensure!(container.privileged == Some(false), "{container:?}");
    ensure!(container.first_pid == running.container.pid);
    ensure!(
        container.created.is_some() && container.gaps.is_empty(),
        "{container:?}"
    );
    let layers = fact.layers.context("no layers")?;
    ensure!(
        layers.upper == running.upper() && layers.lower == [running.lower()],
        "{layers:?}"
    );
    ensure!(fact.users.len() == 2, "{:?}", fact.users);
    Ok(())
}

/// The runtime keeps its state where nobody looks: the cgroup's name must do.
fn unknown_state() -> Result<()> {
    let id = format!("ygt-unknown-{}", std::process::id());
    let running = OciContainer::run(OciRuntime::Runc, &id, &SLEEP)?;
    let fact = last_fact(&config(&[]), running.container.pid)?;
    let container = fact.container.context("no container")?;
    ensure!(
        container.id == id && container.runtime == Runtime::Unknown,
        "{container:?}"
    );
    ensure!(!container.gaps.is_empty() && fact.layers.is_some());
    Ok(())
}
