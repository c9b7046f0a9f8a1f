//! The thread: it stops at once, its queue is bounded, and sockets that misbehave become gaps.

use crate::harness::{HostProcess, config, facts, query, trial, wait_for_process};
use anyhow::{Context as _, Result, bail, ensure};
use libtest_mimic::Trial;
use std::io::Write as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use yagura_event::{CgroupId, ContainerKey, ContainerQuery, ContainerRoot, ProcessKey};
use yagura_runtimes::{Runtimes, RuntimesConfig, SocketApi, SocketState, probe};
use yagura_testkit::{Containerd, ScratchDir};

pub(crate) fn trials() -> Vec<Trial> {
    let needs = &["root", "unshare"];
    let with_containerd = [Containerd::NEEDS.as_slice(), &["unshare"]].concat();
    vec![
        trial("worker_stops_while_asking", needs, stops_while_asking),
        trial("worker_queue_is_bounded", &[], queue_is_bounded),
        trial("worker_bad_sockets_are_gaps", needs, bad_sockets_are_gaps),
        trial(
            "worker_unknown_to_the_runtime",
            &with_containerd,
            unknown_to_the_runtime,
        ),
        trial("probe_says_why_not", &[], probe_says_why_not),
    ]
}

/// A process in a cgroup that looks like a container of CRI's, which no runtime knows.
#[derive(Debug)]
struct Lookalike {
    id: String,
    cgroup: PathBuf,
    process: Option<HostProcess>,
    pid: u32,
}

impl Lookalike {
    fn start(sleep: &str) -> Result<Lookalike> {
        let id = format!("{:0>64}", format!("{:x}{sleep}", std::process::id()));
        let root = RuntimesConfig::default().cgroup_root;
        let cgroup = root.join(format!("cri-containerd-{id}.scope"));
        std::fs::create_dir(&cgroup)?;
        let mut command = Command::new("unshare");
        let options = ["--mount", "--pid", "--fork", "--kill-child"];
        let process = HostProcess::start(command.args(options).args(["sleep", sleep]))?;
        let mut lookalike = Lookalike {
            id,
            cgroup,
            process: Some(process),
            pid: 0,
        };
        lookalike.pid = wait_for_process(sleep)?;
        let procs = lookalike.cgroup.join("cgroup.procs");
        std::fs::write(procs, lookalike.pid.to_string())?;
        Ok(lookalike)
    }
}

impl Drop for Lookalike {
    fn drop(&mut self) {
        drop(self.process.take());
        // The process below unshare ends a moment later.
        let deadline = Instant::now() + Duration::from_secs(5);
        while std::fs::remove_dir(&self.cgroup).is_err() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn stops_while_asking() -> Result<()> {
    let lookalike = Lookalike::start("54341")?;
    let dir = ScratchDir::new()?;
    let socket = dir.join("silent.sock");
    let _listener = UnixListener::bind(&socket)?;
    let config = RuntimesConfig {
        timeout: Duration::from_secs(60),
        ..config(&[(&socket, SocketApi::Cri)])
    };
    let (sender, receiver) = std::sync::mpsc::channel();
    let runtimes = Runtimes::start(config, move |fact| {
        let _ = sender.send(fact);
    })?;
    runtimes.ask(query(lookalike.pid)?)?;
    // The first fact says that the socket is being asked.
    let first = receiver.recv_timeout(Duration::from_secs(10))?;
    ensure!(!first.complete);
    let begin = Instant::now();
    drop(runtimes);
    ensure!(
        begin.elapsed() < Duration::from_secs(1),
        "{:?}",
        begin.elapsed()
    );
    Ok(())
}

fn queue_is_bounded() -> Result<()> {
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let runtimes = Runtimes::start(config(&[]), move |_| {
        let _ = wait.recv();
    })?;
    let query = ContainerQuery {
        key: ContainerKey(1),
        cgroup: CgroupId(0),
        process: ProcessKey {
            pid: std::process::id(),
            start_ns: 0,
        },
        root: ContainerRoot::default(),
    };
    let refused = (0..100_000).any(|_| runtimes.ask(query).is_err());
    drop(release);
    ensure!(refused);
    Ok(())
}

/// A listener that answers every connection with the same bytes, for the rest of the process's life.
fn answer_with(socket: &Path, bytes: &'static [u8]) -> Result<()> {
    let listener = UnixListener::bind(socket)?;
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(bytes);
        }
    });
    Ok(())
}

fn bad_sockets_are_gaps() -> Result<()> {
    let lookalike = Lookalike::start("54342")?;
    let dir = ScratchDir::new()?;
    let (silent, garbage, file) = (dir.join("a.sock"), dir.join("b.sock"), dir.join("c.sock"));
    let _listener = UnixListener::bind(&silent)?;
    answer_with(
        &garbage,
        b"HTTP/1.1 500 \xff\x1b[31m\r\nContent-Length: 4\r\n\r\noops",
    )?;
    std::fs::write(&file, "")?;
    let config = RuntimesConfig {
        timeout: Duration::from_millis(200),
        ..config(&[
            (&silent, SocketApi::Cri),
            (&garbage, SocketApi::Cri),
            (&file, SocketApi::Cri),
        ])
    };
    let fact = facts(&config, query(lookalike.pid)?)?
        .pop()
        .context("no fact")?;
    let container = fact.container.context("no container")?;
    ensure!(container.id == lookalike.id);
    for path in [&silent, &garbage, &file] {
        let path = path.display().to_string();
        ensure!(
            container.gaps.iter().any(|gap| gap.contains(&path)),
            "{container:?}"
        );
    }
    ensure!(
        container
            .gaps
            .iter()
            .any(|gap| gap.contains("within 200 ms")),
        "{container:?}"
    );
    Ok(())
}

fn unknown_to_the_runtime() -> Result<()> {
    let lookalike = Lookalike::start("54343")?;
    let containerd = Containerd::start()?;
    let socket = containerd.socket();
    let config = config(&[(&socket, SocketApi::Cri)]);
    let begin = Instant::now();
    let fact = facts(&config, query(lookalike.pid)?)?
        .pop()
        .context("no fact")?;
    let taken = begin.elapsed();
    // It was asked again for about a second, in case it learns of the container late.
    ensure!(
        taken > Duration::from_millis(800) && taken < Duration::from_secs(4),
        "{taken:?}"
    );
    let gaps = fact.container.context("no container")?.gaps;
    ensure!(
        gaps.iter().any(|gap| gap.contains("does not know")),
        "{gaps:?}"
    );
    Ok(())
}

fn probe_says_why_not() -> Result<()> {
    let dir = ScratchDir::new()?;
    let (absent, garbage) = (dir.join("absent.sock"), dir.join("b.sock"));
    answer_with(&garbage, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{]")?;
    let statuses = probe(&config(&[
        (&absent, SocketApi::Cri),
        (&garbage, SocketApi::Docker),
        (&garbage, SocketApi::Cri),
    ]));
    let [first, others @ ..] = statuses.as_slice() else {
        bail!("no statuses");
    };
    ensure!(first.state == SocketState::Absent, "{first:?}");
    ensure!(others.len() == 2, "{others:?}");
    for status in others {
        ensure!(
            matches!(&status.state, SocketState::Failed { reason } if !reason.is_empty()),
            "{status:?}"
        );
    }
    Ok(())
}
