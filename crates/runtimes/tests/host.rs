//! Processes that are in no container, and those that are in one nobody knows.

use crate::harness::{HostProcess, config, last_fact, trial, wait_for_process};
use anyhow::{Context as _, Result, ensure};
use libtest_mimic::Trial;
use std::process::Command;
use yagura_event::Runtime;

pub(crate) fn trials() -> Vec<Trial> {
    let needs = &["root", "unshare"];
    vec![
        trial("host_process", &["root"], host_process),
        trial(
            "host_service_with_own_mounts",
            needs,
            service_with_own_mounts,
        ),
        trial("host_unknown_namespaces", needs, unknown_namespaces),
        trial("host_forged_conmon", needs, forged_conmon),
    ]
}

fn host_process() -> Result<()> {
    let fact = last_fact(&config(&[]), std::process::id())?;
    ensure!(fact.container.is_none() && fact.complete, "{fact:?}");
    Ok(())
}

fn service_with_own_mounts() -> Result<()> {
    let mut command = Command::new("unshare");
    let _process = HostProcess::start(command.args(["--mount", "sleep", "54331"]))?;
    let fact = last_fact(&config(&[]), wait_for_process("54331")?)?;
    ensure!(fact.container.is_none(), "{fact:?}");
    Ok(())
}

fn unknown_namespaces() -> Result<()> {
    let mut command = Command::new("unshare");
    let options = ["--mount", "--pid", "--fork", "--kill-child"];
    let _process = HostProcess::start(command.args(options).args(["sleep", "54332"]))?;
    let pid = wait_for_process("54332")?;
    let fact = last_fact(&config(&[]), pid)?;
    let container = fact.container.context("no container")?;
    let namespace = std::fs::read_link(format!("/proc/{pid}/ns/mnt"))?;
    let number = namespace
        .to_string_lossy()
        .trim_start_matches("mnt:[")
        .trim_end_matches(']')
        .to_owned();
    ensure!(container.id == format!("ns-{number}"), "{container:?}");
    ensure!(container.runtime == Runtime::Unknown && !container.gaps.is_empty());
    Ok(())
}

/// A process in namespaces of its own that calls itself conmon must not name the container below it.
fn forged_conmon() -> Result<()> {
    let dir = yagura_testkit::ScratchDir::new()?;
    let conmon = dir.join("conmon");
    std::fs::copy("/bin/sh", &conmon)?;
    std::fs::write(
        dir.join("config.json"),
        r#"{"annotations":{"io.kubernetes.container.name":"forged"}}"#,
    )?;
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "--pid", "--fork", "--kill-child"])
        .arg(&conmon)
        .args(["-c", "sleep 54333; true", "-b"])
        .arg(dir.path());
    let _process = HostProcess::start(&mut command)?;
    let fact = last_fact(&config(&[]), wait_for_process("54333")?)?;
    let container = fact.container.context("no container")?;
    ensure!(container.runtime == Runtime::Unknown, "{container:?}");
    ensure!(
        container.id.starts_with("ns-") && container.name.is_empty(),
        "{container:?}"
    );
    Ok(())
}
