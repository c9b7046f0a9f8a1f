//! Commands on real containers, each by its effect, and what they refuse to touch.

use crate::world::{Case, Scene, TIMEOUT, World, wait_until};
use serde_json::Value;
use std::net::UdpSocket;
use std::process::Command as Program;
use yagura_proto::client::CommandReport;
use yagura_proto::command::CommandAction;
use yagura_proto::wire::CommandOutcome;
use yagura_rehearsal::HostNamespace;
use yagura_sources::{CaptureReader, Recorded};

pub(crate) const CASES: &[Case] = &[
    ("a_container_is_frozen_and_goes_on", freeze_and_thaw),
    ("one_process_of_a_container_is_ended", kill_one),
    ("a_file_is_taken_and_put_back", quarantine_and_restore),
    ("a_scan_finds_what_is_in_a_container", scan),
    ("a_container_is_cut_off_and_let_back", isolate_and_rejoin),
    ("a_container_is_recorded", capture),
    ("every_process_of_a_container_is_ended", stop),
    ("what_is_no_container_is_refused", nothing_else_is_touched),
];

fn done(report: &CommandReport) -> Value {
    assert_eq!(report.outcome, CommandOutcome::Done, "{report:?}");
    serde_json::from_slice(&report.result).unwrap_or_default()
}

fn refused(report: &CommandReport) {
    assert_eq!(report.outcome, CommandOutcome::Refused, "{report:?}");
    assert!(!report.text.is_empty());
}

fn freeze_and_thaw(world: &World) {
    let scene = world.start(|_| {});
    let pid = scene.spawn("while :; do :; done");
    let spent = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit_once(')')
            .unwrap()
            .1
            .split_whitespace()
            .nth(11)
            .unwrap()
            .to_owned()
    };
    done(&scene.execute(|container_id| CommandAction::PauseContainer { container_id }));
    let frozen = spent();
    // A bystander gets time meanwhile, so that the clock has moved.
    let bystander = Program::new("sh")
        .args(["-c", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"])
        .status();
    assert!(bystander.unwrap().success());
    assert_eq!(spent(), frozen);
    done(&scene.execute(|container_id| CommandAction::ResumeContainer { container_id }));
    wait_until("the container goes on", || spent() != frozen);
    scene.container.remove().unwrap();
}

/// When a process began, as alerts tell it.
fn start_time(pid: u32) -> String {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let ticks = stat
        .rsplit_once(')')
        .unwrap()
        .1
        .split_whitespace()
        .nth(19)
        .unwrap();
    let since_boot = i128::from(ticks.parse::<u64>().unwrap()) * 10_000_000;
    let boot = jiff::Timestamp::now().as_nanosecond() - i128::from(yagura_sensor::now().0);
    let began = jiff::Timestamp::from_nanosecond(boot + since_boot).unwrap();
    began.to_string()
}

fn kill(scene: &Scene<'_>, pid: u32, start_time: &str) -> CommandReport {
    scene.execute(|container_id| CommandAction::KillProcess {
        pid,
        start_time: start_time.to_owned(),
        container_id,
    })
}

fn kill_one(world: &World) {
    let scene = world.start(|_| {});
    let pid = scene.spawn("exec sleep 3600");
    let began = start_time(pid);
    let wrong = kill(&scene, pid, "2020-01-01T00:00:00Z");
    assert_eq!(wrong.outcome, CommandOutcome::Failed, "{wrong:?}");
    refused(&kill(&scene, pid, "yesterday"));
    // A process of the host, by its true start.
    let mut hosts = Program::new("sleep").arg("3600").spawn().unwrap();
    refused(&kill(&scene, hosts.id(), &start_time(hosts.id())));
    assert!(hosts.try_wait().unwrap().is_none());
    hosts.kill().unwrap();
    hosts.wait().unwrap();
    assert!(scene.processes().contains(&pid));
    let others = scene.processes().len();
    done(&kill(&scene, pid, &began));
    wait_until("the process is gone", || !scene.processes().contains(&pid));
    assert_eq!(scene.processes().len(), others - 1);
    scene.container.remove().unwrap();
}

fn quarantine_and_restore(world: &World) {
    let scene = world.start(|_| {});
    // The host's own file under the same name must stay where it is, whatever the container's links say.
    let outside = world.folder.join("host-file");
    std::fs::write(&outside, "host").unwrap();
    let link = format!(
        "ln -s {} /tmp/out && echo evil > /tmp/evil && chmod 4755 /tmp/evil",
        world.folder.display()
    );
    assert!(scene.shell(&link).succeeded());
    let take = |path: &str, sha256: Option<&str>| {
        scene.execute(|container_id| CommandAction::QuarantineFile {
            container_id,
            path: path.to_owned(),
            sha256: sha256.map(str::to_owned),
        })
    };
    let through = take("/tmp/out/host-file", None);
    assert_ne!(through.outcome, CommandOutcome::Done, "{through:?}");
    refused(&take("/tmp", None));
    refused(&take("/tmp/evil", Some(&"0".repeat(64))));
    assert!(scene.shell("test -f /tmp/evil").succeeded() && outside.exists());
    // SHA-256 of "evil\n".
    let digest = scene.shell("sha256sum /tmp/evil");
    let digest = String::from_utf8_lossy(&digest.stdout)
        .split(' ')
        .next()
        .unwrap()
        .to_owned();
    let meant = Some(digest.as_str()).filter(|digest| digest.len() == 64);
    let taken = done(&take("/tmp/evil", meant));
    assert!(!scene.shell("test -e /tmp/evil").succeeded());
    let item = taken["item"].as_str().unwrap().to_owned();
    let restore = |quarantine_id: &str| {
        world.execute(CommandAction::RestoreFile {
            quarantine_id: quarantine_id.to_owned(),
        })
    };
    refused(&restore("no-such-thing"));
    done(&restore(&item));
    let back = scene.shell("cat /tmp/evil && test ! -u /tmp/evil");
    assert!(back.succeeded());
    assert_eq!(back.stdout, b"evil\n");
    // It is there already.
    refused(&restore(&item));
    scene.container.remove().unwrap();
    // Its container is no more.
    wait_until("the container is forgotten", || {
        restore(&item).outcome == CommandOutcome::Refused
    });
}

fn scan(world: &World) {
    let scene = world.start(|_| {});
    let plant = r#"mkdir -p /tmp/www && printf '%s' '<?php @eval($_POST["cmd"]); ?>' > /tmp/www/shell.php && ln -s /tmp/www /tmp/link"#;
    assert!(scene.shell(plant).succeeded());
    let look = |path: &str| {
        scene.execute(|container_id| CommandAction::Scan {
            container_id,
            path: path.to_owned(),
        })
    };
    for path in ["/tmp/www", "/tmp/www/shell.php", "/tmp/link"] {
        let found = done(&look(path));
        let findings = found["findings"].as_array().unwrap();
        assert!(!findings.is_empty(), "{path}: {found}");
        assert!(
            findings[0]["path"].as_str().unwrap().ends_with("shell.php")
                || path == "/tmp/www/shell.php"
        );
        assert_eq!(found["files"], 1);
    }
    let missing = look("/no/such/folder");
    assert_eq!(missing.outcome, CommandOutcome::Failed, "{missing:?}");
    scene.container.remove().unwrap();
}

fn isolate_and_rejoin(world: &World) {
    let scene = world.start(|options| options.host_namespaces = vec![HostNamespace::Network]);
    let bystander = world.start(|options| options.host_namespaces = vec![HostNamespace::Network]);
    let heard = UdpSocket::bind("127.0.0.1:0").unwrap();
    heard.set_read_timeout(Some(TIMEOUT)).unwrap();
    let port = heard.local_addr().unwrap().port();
    let say = |scene: &Scene<'_>, word: &str| {
        let script = format!("echo {word} > /dev/udp/127.0.0.1/{port}");
        scene
            .container
            .exec(&["bash", "-c", &script], TIMEOUT)
            .unwrap()
            .succeeded()
    };
    let next = || {
        let mut bytes = [0; 64];
        let count = heard.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..count]).trim().to_owned()
    };
    assert!(say(&scene, "before"));
    assert_eq!(next(), "before");
    let isolate = |scene: &Scene<'_>| {
        scene.execute(|container_id| CommandAction::IsolateContainer { container_id })
    };
    assert_eq!(done(&isolate(&scene))["loopback"], false);
    // Twice is as good as once.
    done(&isolate(&scene));
    assert!(!say(&scene, "cut"), "the kernel refuses the packet");
    assert!(say(&bystander, "bystander"));
    assert_eq!(next(), "bystander");
    let rejoin = |scene: &Scene<'_>| {
        scene.execute(|container_id| CommandAction::RejoinContainer { container_id })
    };
    let back = done(&rejoin(&scene));
    assert!(
        back["refused_packets"]
            .as_u64()
            .is_some_and(|count| count > 0),
        "{back}"
    );
    assert!(say(&scene, "after"));
    assert_eq!(next(), "after");
    assert_eq!(done(&rejoin(&scene))["refused_packets"], 0);
    // With a network of its own, loopback goes on working.
    let own = world.start(|_| {});
    assert_eq!(done(&isolate(&own))["loopback"], true);
    let script = "exec 3<>/dev/udp/127.0.0.1/9 && echo x >&3";
    let ran = own
        .container
        .exec(&["bash", "-c", script], TIMEOUT)
        .unwrap();
    assert!(ran.succeeded(), "{ran:?}");
    for scene in [scene, bystander, own] {
        scene.container.remove().unwrap();
    }
}

fn capture(world: &World) {
    let scene = world.start(|_| {});
    let other = world.start(|_| {});
    let id = scene.id();
    let order = |duration_s| CommandAction::Capture {
        container_id: id.clone(),
        duration_s,
    };
    refused(&world.execute(order(0)));
    refused(&world.execute(order(100_000)));
    let recorded = std::thread::scope(|scope| {
        let recording = scope.spawn(|| done(&world.execute(order(3))));
        while !recording.is_finished() {
            scene.shell("cat /etc/hostname; true");
            other.shell("cat /etc/hostname; true");
        }
        recording.join().unwrap()
    });
    assert!(
        recorded["records"].as_u64().is_some_and(|count| count > 0),
        "{recorded}"
    );
    let file = std::fs::File::open(recorded["file"].as_str().unwrap()).unwrap();
    let mut ids = std::collections::BTreeSet::new();
    let mut events = 0;
    for record in CaptureReader::new(file).unwrap() {
        match record.unwrap() {
            Recorded::Container(fact) => ids.extend(fact.container.map(|known| known.id)),
            Recorded::Kernel(_) => events += 1,
            _ => {}
        }
    }
    assert_eq!(ids.into_iter().collect::<Vec<_>>(), [id]);
    assert!(events > 0);
    for scene in [scene, other] {
        scene.container.remove().unwrap();
    }
}

fn stop(world: &World) {
    let scene = world.start(|_| {});
    let other = world.start(|_| {});
    scene.spawn("exec sleep 3600");
    let stopped =
        done(&scene.execute(|container_id| CommandAction::StopContainer { container_id }));
    assert_eq!(stopped["processes"], 2, "{stopped}");
    assert!(scene.processes().is_empty() && !other.processes().is_empty());
    for scene in [scene, other] {
        scene.container.remove().unwrap();
    }
}

fn nothing_else_is_touched(world: &World) {
    let of = |container_id: &str| {
        let container_id = container_id.to_owned();
        [
            CommandAction::StopContainer {
                container_id: container_id.clone(),
            },
            CommandAction::PauseContainer {
                container_id: container_id.clone(),
            },
            CommandAction::IsolateContainer {
                container_id: container_id.clone(),
            },
            CommandAction::Scan {
                container_id: container_id.clone(),
                path: "/etc".to_owned(),
            },
            CommandAction::QuarantineFile {
                container_id: container_id.clone(),
                path: "/etc/hostname".to_owned(),
                sha256: None,
            },
            CommandAction::KillProcess {
                pid: std::process::id(),
                start_time: start_time(std::process::id()),
                container_id,
            },
        ]
    };
    for id in [
        "",
        "/",
        "..",
        "system.slice",
        "0123456789abcdef0123456789abcdef",
    ] {
        for action in of(id) {
            refused(&world.execute(action));
        }
    }
}
