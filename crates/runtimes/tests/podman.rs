//! Podman, by its records on disk and over its Docker-compatible API.

use crate::harness::{config, container, last_fact, trial, wait_for_process};
use anyhow::{Context as _, Result, ensure};
use libtest_mimic::Trial;
use std::time::Duration;
use yagura_event::{Container, Runtime, Text};
use yagura_runtimes::{RuntimesConfig, SocketApi, SocketState, probe};
use yagura_testkit::{Podman, has_all_capabilities};

pub(crate) fn trials() -> Vec<Trial> {
    let needs = &Podman::NEEDS;
    let with_init = [needs.as_slice(), &["catatonit"]].concat();
    vec![
        trial("podman_by_its_files", needs, by_its_files),
        trial("podman_over_its_api", needs, over_its_api),
        trial("podman_exec", needs, exec),
        trial("podman_init_helper", &with_init, init_helper),
    ]
}

const SLEEP: [&str; 2] = ["/bin/sleep", "1000"];

fn check(container: &Container, id: &str, pid: u32) -> Result<()> {
    ensure!(
        container.id == id && container.name == "web",
        "{container:?}"
    );
    ensure!(container.image == Podman::IMAGE, "{container:?}");
    ensure!(container.runtime == Runtime::Podman, "{container:?}");
    ensure!(container.image_id.starts_with("sha256:"), "{container:?}");
    ensure!(
        container.image_digest.starts_with("sha256:"),
        "{container:?}"
    );
    ensure!(container.first_pid == pid && container.created.is_some());
    ensure!(container.gaps.is_empty(), "{container:?}");
    Ok(())
}

fn by_its_files() -> Result<()> {
    let podman = Podman::start()?;
    let running = podman.run(&["--name", "web"], &SLEEP)?;
    let fact = last_fact(&config(&[]), running.pid)?;
    let container = fact.container.context("no container")?;
    check(&container, &running.id, running.pid)?;
    ensure!(container.privileged == Some(false));
    let layers = fact.layers.context("no layers")?;
    ensure!(
        layers
            .lower
            .iter()
            .any(|lower| lower.join("bin/busybox").exists())
    );
    ensure!(
        fact.users
            .iter()
            .any(|user| *user == (1000, Text::from("app")))
    );
    Ok(())
}

fn over_its_api() -> Result<()> {
    let podman = Podman::start()?;
    let privileged = has_all_capabilities();
    let flag = format!("--privileged={privileged}");
    let running = podman.run(&["--name", "web", &flag], &SLEEP)?;
    let service = podman.serve()?;
    let config = RuntimesConfig {
        timeout: Duration::from_secs(5),
        ..config(&[(&service.socket, SocketApi::Podman)])
    };
    let container = container(&config, running.pid)?;
    check(&container, &running.id, running.pid)?;
    ensure!(container.privileged == Some(privileged), "{container:?}");
    let status = probe(&config).pop().context("no status")?;
    ensure!(
        matches!(&status.state, SocketState::Reachable { runtime: Runtime::Podman, version }
            if !version.is_empty()),
        "{status:?}"
    );
    Ok(())
}

fn exec() -> Result<()> {
    let podman = Podman::start()?;
    let running = podman.run(&["--name", "web"], &SLEEP)?;
    podman.podman(&["exec", "--detach", "web", "/bin/sleep", "54323"])?;
    let container = container(&config(&[]), wait_for_process("54323")?)?;
    check(&container, &running.id, running.pid)
}

fn init_helper() -> Result<()> {
    let podman = Podman::start()?;
    let helper = "/usr/bin/catatonit";
    let options = ["--name", "web", "--init", "--init-path", helper];
    let running = podman.run(&options, &SLEEP)?;
    let fact = last_fact(&config(&[]), running.pid)?;
    ensure!(
        fact.runtime_files == [Text::from("/run/podman-init")],
        "{fact:?}"
    );
    Ok(())
}
