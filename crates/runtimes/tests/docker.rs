//! Docker Engine, by its records on disk and over its API.

use crate::harness::{config, last_fact, trial};
use anyhow::{Context as _, Result, ensure};
use libtest_mimic::Trial;
use yagura_event::{Container, Runtime, Text};
use yagura_runtimes::{SocketApi, SocketState, probe};
use yagura_testkit::{DockerEngine, has_all_capabilities};

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial(
        "docker_by_files_and_api",
        &DockerEngine::NEEDS,
        by_files_and_api,
    )]
}

fn check(container: &Container, id: &str, pid: u32) -> Result<()> {
    ensure!(
        container.id == id && container.name == "web",
        "{container:?}"
    );
    ensure!(container.image == DockerEngine::IMAGE, "{container:?}");
    ensure!(container.image_id.starts_with("sha256:"), "{container:?}");
    ensure!(container.runtime == Runtime::Docker, "{container:?}");
    ensure!(
        container.first_pid == pid && container.created.is_some(),
        "{container:?}"
    );
    ensure!(
        container.privileged == Some(has_all_capabilities()) && container.gaps.is_empty(),
        "{container:?}"
    );
    Ok(())
}

fn by_files_and_api() -> Result<()> {
    let docker = DockerEngine::start()?;
    let privileged = has_all_capabilities();
    let flag = format!("--privileged={privileged}");
    let options = ["--name", "web", "--init", &flag];
    let running = docker.run(&options, &["/bin/sleep", "1000"])?;
    let socket = docker.socket();
    for sockets in [vec![], vec![(socket.as_path(), SocketApi::Docker)]] {
        let fact = last_fact(&config(&sockets), running.pid)?;
        let container = fact.container.context("no container")?;
        check(&container, &running.id, running.pid)?;
        ensure!(fact.runtime_files == [Text::from("/sbin/docker-init")]);
        let layers = fact.layers.context("no layers")?;
        ensure!(
            layers
                .lower
                .iter()
                .any(|lower| lower.join("bin/busybox").exists())
        );
    }
    let statuses = probe(&config(&[(&socket, SocketApi::Docker)]));
    let status = statuses.first().context("no status")?;
    ensure!(
        matches!(&status.state, SocketState::Reachable { runtime: Runtime::Docker, version }
            if !version.is_empty()),
        "{status:?}"
    );
    Ok(())
}
