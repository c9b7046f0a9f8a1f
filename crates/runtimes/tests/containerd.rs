//! containerd: pods over CRI, and containers that CRI does not show.

use crate::harness::{
    cgroup_directory, config, container, facts, last_fact, query, trial, wait_for_process,
};
use anyhow::{Context as _, Result, bail, ensure};
use libtest_mimic::Trial;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use yagura_event::{Runtime, Text};
use yagura_runtimes::SocketApi;
use yagura_testkit::{
    BindMount, ContainerSpec, Containerd, Pod, PodSpec, RunningContainer, ScratchDir,
};

pub(crate) fn trials() -> Vec<Trial> {
    let needs = &Containerd::NEEDS;
    vec![
        trial("containerd_cri_container", needs, cri_container),
        trial(
            "containerd_exec_and_child_cgroup",
            needs,
            exec_and_child_cgroup,
        ),
        trial("containerd_left_its_cgroup", needs, left_its_cgroup),
        trial("containerd_sandbox", needs, sandbox),
        trial("containerd_without_cri", needs, without_cri),
        trial("containerd_process_ended", needs, process_ended),
        trial(
            "containerd_hostile_password_file",
            needs,
            hostile_password_file,
        ),
    ]
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn pod_spec() -> PodSpec {
    PodSpec {
        name: "web-0".to_owned(),
        namespace: "shop".to_owned(),
        uid: "u-1".to_owned(),
        labels: vec![("app".to_owned(), "web".to_owned())],
        privileged: true,
    }
}

fn start(command: &[&str], privileged: bool) -> Result<(Containerd, Pod, RunningContainer)> {
    let containerd = Containerd::start()?;
    let pod = containerd.run_pod(&pod_spec())?;
    let spec = ContainerSpec {
        name: "app".to_owned(),
        command: strings(command),
        privileged,
        ..ContainerSpec::default()
    };
    let running = containerd.run_container(&pod, &spec)?;
    Ok((containerd, pod, running))
}

fn cri_container() -> Result<()> {
    let containerd = Containerd::start()?;
    let pod = containerd.run_pod(&pod_spec())?;
    let data = ScratchDir::new()?;
    let spec = ContainerSpec {
        name: "app".to_owned(),
        command: strings(&["/bin/sleep", "1000"]),
        mounts: vec![BindMount {
            source: data.path().to_owned(),
            destination: "/data".to_owned(),
            read_only: true,
        }],
        privileged: false,
    };
    let running = containerd.run_container(&pod, &spec)?;
    // The socket is not configured: the shim names it.
    let facts = facts(&config(&[]), query(running.pid)?)?;
    let [first, fact] = facts.as_slice() else {
        bail!("not two facts: {facts:?}");
    };
    let first = first.container.as_ref().context("no first container")?;
    ensure!(first.id == running.id && first.name == "app", "{first:?}");
    let container = fact.container.as_ref().context("no container")?;
    ensure!(container.id == running.id, "{container:?}");
    ensure!(container.name == "app" && container.image == Containerd::IMAGE);
    ensure!(container.image_id.starts_with("sha256:"), "{container:?}");
    ensure!(
        container.image_digest.starts_with("sha256:"),
        "{container:?}"
    );
    ensure!(container.image_id != container.image_digest);
    ensure!(container.runtime == Runtime::Containerd);
    ensure!(container.privileged == Some(false));
    ensure!(container.first_pid == running.pid);
    ensure!(
        container.created.is_some() && container.gaps.is_empty(),
        "{container:?}"
    );
    let mount = container
        .mounts
        .iter()
        .find(|mount| mount.destination == "/data")
        .context("no mount")?;
    ensure!(mount.read_only && mount.source == data.path().to_string_lossy());
    let pod = container.pod.as_ref().context("no pod")?;
    ensure!(
        (pod.name.as_str(), pod.namespace.as_str(), pod.uid.as_str()) == ("web-0", "shop", "u-1")
    );
    ensure!(
        pod.labels.get("app").map(String::as_str) == Some("web"),
        "{pod:?}"
    );
    ensure!(fact.users == [(0, Text::from("root")), (1000, Text::from("app"))]);
    ensure!(fact.runtime_files.is_empty());
    let layers = fact.layers.as_ref().context("no layers")?;
    ensure!(
        layers
            .lower
            .iter()
            .any(|lower| lower.join("bin/busybox").exists())
    );
    containerd.exec(&running.id, &["/bin/cp", "/bin/busybox", "/tmp/dropped"])?;
    ensure!(layers.upper.join("tmp/dropped").exists(), "{layers:?}");
    Ok(())
}

fn exec_and_child_cgroup() -> Result<()> {
    let (containerd, _pod, running) = start(&["/bin/sleep", "1000"], false)?;
    std::thread::scope(|scope| -> Result<()> {
        scope.spawn(|| containerd.exec(&running.id, &["/bin/sleep", "54321"]));
        let pid = wait_for_process("54321")?;
        let child = cgroup_directory(pid)?.join("child");
        std::fs::create_dir(&child)?;
        std::fs::write(child.join("cgroup.procs"), pid.to_string())?;
        let found = container(&config(&[]), pid);
        containerd.stop(&running.id)?;
        let _ = std::fs::remove_dir(&child);
        let found = found?;
        ensure!(found.id == running.id && found.name == "app", "{found:?}");
        ensure!(found.first_pid == running.pid, "{found:?}");
        Ok(())
    })
}

/// A privileged container can move itself to the root cgroup of every hierarchy; its shim still tells.
fn left_its_cgroup() -> Result<()> {
    let (_containerd, _pod, running) = start(&["/bin/sleep", "1000"], true)?;
    let mounts = std::fs::read_to_string("/proc/self/mounts")?;
    for mount in mounts.lines() {
        let mut fields = mount.split(' ');
        let (point, kind) = (fields.nth(1), fields.next());
        if let (Some(point), Some("cgroup" | "cgroup2")) = (point, kind) {
            std::fs::write(format!("{point}/cgroup.procs"), running.pid.to_string())?;
        }
    }
    let container = container(&config(&[]), running.pid)?;
    ensure!(
        container.id == running.id && container.name == "app",
        "{container:?}"
    );
    ensure!(container.privileged == Some(true), "{container:?}");
    Ok(())
}

fn sandbox() -> Result<()> {
    let containerd = Containerd::start()?;
    let pod = containerd.run_pod(&pod_spec())?;
    let pids = containerd.ctr("k8s.io", &["tasks", "ls"])?;
    let pid = pids
        .lines()
        .find(|line| line.starts_with(&pod.id))
        .and_then(|line| line.split_ascii_whitespace().nth(1))
        .context("no task")?
        .parse()?;
    let found = container(&config(&[]), pid)?;
    ensure!(found.id == pod.id && found.name == "POD", "{found:?}");
    let labels = found.pod.context("no pod")?.labels;
    ensure!(
        labels.get("app").map(String::as_str) == Some("web"),
        "{labels:?}"
    );
    Ok(())
}

fn without_cri() -> Result<()> {
    let containerd = Containerd::start()?;
    containerd.load_image_into("tools")?;
    let id = format!("ygt-{}", std::process::id());
    containerd.ctr(
        "tools",
        &[
            "run",
            "--detach",
            Containerd::IMAGE,
            &id,
            "/bin/sleep",
            "54322",
        ],
    )?;
    let fact = last_fact(&config(&[]), wait_for_process("54322")?)?;
    let container = fact.container.context("no container")?;
    ensure!(
        container.id == id && container.runtime == Runtime::Containerd,
        "{container:?}"
    );
    ensure!(container.image == Containerd::IMAGE, "{container:?}");
    ensure!(
        container.image_digest.starts_with("sha256:"),
        "{container:?}"
    );
    ensure!(container.pod.is_none() && fact.layers.is_some());
    Ok(())
}

/// The process of the query is gone, or its pid belongs to another by now: the cgroup leads to one that lives.
fn process_ended() -> Result<()> {
    let (_containerd, _pod, running) = start(&["/bin/sleep", "1000"], false)?;
    let mut query = query(running.pid)?;
    query.process.pid = std::process::id();
    query.process.start_ns = 1;
    let fact = facts(&config(&[]), query)?.pop().context("no fact")?;
    let container = fact.container.context("no container")?;
    ensure!(
        container.id == running.id && container.name == "app",
        "{container:?}"
    );
    ensure!(fact.layers.is_some() && container.first_pid == running.pid);
    Ok(())
}

fn hostile_password_file() -> Result<()> {
    let (containerd, _pod, running) = start(&["/bin/sleep", "1000"], false)?;
    let etc = PathBuf::from(format!("/proc/{}/root/etc", running.pid));
    let passwd = etc.join("passwd");
    for target in [
        "/proc/1/environ",
        "/dev/zero",
        "passwd",
        "/../../../etc/shadow",
    ] {
        std::fs::remove_file(&passwd)?;
        symlink(target, &passwd)?;
        let fact = last_fact(&config(&[]), running.pid)?;
        let container = fact.container.context("no container")?;
        ensure!(fact.users.is_empty() && container.name == "app", "{target}");
    }
    std::fs::remove_file(&passwd)?;
    let fifo = "busybox mkfifo /etc/passwd";
    containerd.exec(&running.id, &["/bin/sh", "-c", fifo])?;
    let fact = last_fact(&config(&[]), running.pid)?;
    ensure!(fact.users.is_empty());
    std::fs::remove_file(&passwd)?;
    std::fs::write(&passwd, "u:x:1:1\n".repeat(1_000_000))?;
    let config = config(&[(&containerd.socket(), SocketApi::Cri)]);
    let fact = last_fact(&config, running.pid)?;
    ensure!(fact.users == [(1, Text::from("u"))], "{:?}", fact.users);
    Ok(())
}
