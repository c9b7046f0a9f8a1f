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
        trial(
            "oci_as_crio_runs_it",
            &[needs("runc").as_slice(), &["conmon"]].concat(),
            as_crio_runs_it,
        ),
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

/// conmon and runc as CRI-O starts them; its socket is absent, which must be said.
fn as_crio_runs_it() -> Result<()> {
    let id = format!("{:0>64}", format!("{:x}c10", std::process::id()));
    let annotations = [
        ("io.container.manager", "cri-o"),
        ("io.kubernetes.container.name", "app"),
        ("io.kubernetes.cri-o.ContainerID", &id),
        ("io.kubernetes.cri-o.ContainerType", "container"),
        ("io.kubernetes.cri-o.ImageName", "quay.io/shop/web:1"),
        ("io.kubernetes.cri-o.SandboxID", "5b"),
        ("io.kubernetes.pod.name", "web-0"),
        ("io.kubernetes.pod.namespace", "shop"),
        ("io.kubernetes.pod.uid", "u-1"),
    ];
    let running = OciContainer::run_as_crio(&id, &annotations, &SLEEP)?;
    let fact = last_fact(&config(&[]), running.container.pid)?;
    let container = fact.container.context("no container")?;
    ensure!(
        container.id == id && container.name == "app",
        "{container:?}"
    );
    ensure!(container.runtime == Runtime::CriO, "{container:?}");
    ensure!(container.image == "quay.io/shop/web:1", "{container:?}");
    ensure!(
        container.first_pid == running.container.pid,
        "{container:?}"
    );
    let pod = container.pod.as_ref().context("no pod")?;
    ensure!(
        (pod.name.as_str(), pod.namespace.as_str(), pod.uid.as_str()) == ("web-0", "shop", "u-1")
    );
    ensure!(
        container
            .gaps
            .iter()
            .any(|gap| gap.contains("no socket of cri-o")),
        "{container:?}"
    );
    ensure!(fact.layers.is_some());
    Ok(())
}
