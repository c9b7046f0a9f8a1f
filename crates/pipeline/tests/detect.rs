//! Events given to detection rules, and what is derived from them.

use crate::support::*;
use yagura_event::*;
use yagura_pipeline::Input;

const RULES: &str = r#"
- rule: Remote shell
  desc: d
  condition: evt.type = remote_stream and proc.name = sh
  output: "how=%stream.how peer=%fd.rip:%fd.rport"
  priority: CRITICAL
  fold_by: [proc.pid, stream.how]
- rule: Held shell
  desc: d
  condition: evt.type = remote_stream and stream.held_ms >= 5000
  output: "held=%stream.held_ms"
  priority: CRITICAL
- rule: Shadow read
  desc: d
  condition: evt.type = openat and fd.name = /etc/shadow and not container.image.repository = trusted
  output: "file=%fd.name image=%container.image"
  priority: WARNING
"#;

fn remote() -> Endpoint {
    Endpoint {
        address: "198.51.100.7".parse().unwrap_or_else(|_| unreachable!()),
        port: 4444,
    }
}

fn socket() -> Stream {
    Stream {
        kind: StreamKind::Socket,
        ino: 77,
        remote: Some(remote()),
    }
}

fn pipe(ino: u64) -> Stream {
    Stream {
        kind: StreamKind::Pipe,
        ino,
        remote: None,
    }
}

fn shell(world: &mut World, pid: u32, streams: [Stream; 3]) {
    let file = world.image_file("/bin/sh");
    let mut exec = world.exec(pid, "/bin/sh", &["sh", "-i"], file);
    exec.streams = streams;
    world.run(exec);
}

pub(crate) fn call(world: &mut World, pid: u32, call: Call) -> CallEvent {
    let base = Base {
        program: world.last_program(pid),
        ..world.base(pid)
    };
    CallEvent {
        base,
        call,
        thread: pid,
        result: 0,
        arguments: [0; 6],
        fd: 3,
        path: Text::default(),
        directory: Text::default(),
        new_path: Text::default(),
        new_directory: Text::default(),
        file: None,
        socket: None,
        target: None,
        data: Text::default(),
        open_key: None,
    }
}

fn connect(world: &mut World, pid: u32) {
    let mut event = call(world, pid, Call::Connect);
    event.socket = Some(SocketFacts {
        family: 2,
        kind: 1,
        protocol: 6,
        remote: Some(remote()),
        ino: 77,
        ..SocketFacts::default()
    });
    world.kernel(KernelEvent::Call(Box::new(event)));
}

fn open(world: &mut World, path: &str, key: u64) {
    let mut event = call(world, INIT_PID, Call::Openat);
    event.path = Text::from(path);
    event.open_key = Some(OpenKey {
        container: BOX,
        file: FileId {
            dev: ROOT_DEV,
            ino: key,
        },
        path: key,
        class: OpenClass::Read,
        epoch: 1,
    });
    world.kernel(KernelEvent::Call(Box::new(event)));
}

fn outputs(world: &World) -> Vec<String> {
    let detections = world
        .out
        .alerts
        .iter()
        .filter_map(|alert| alert.detection.as_ref());
    detections
        .map(|detection| detection.output.clone())
        .collect()
}

#[test]
fn a_shell_whose_streams_are_a_socket_is_found_and_told_again_when_held() {
    let mut world = World::new();
    world.set_rules(RULES);
    shell(&mut world, 200, [socket(), socket(), socket()]);
    assert_eq!(outputs(&world), ["how=direct peer=198.51.100.7:4444"]);
    world.tick(5 * SECOND);
    assert_eq!(outputs(&world).len(), 2, "{:?}", outputs(&world));
    assert!(outputs(&world)[1].starts_with("held=5"));
}

#[test]
fn pipes_to_a_process_with_a_connection_are_found_in_any_order() {
    for connects_first in [true, false] {
        let mut world = World::new();
        world.set_rules(RULES);
        let file = world.image_file("/bin/nc");
        let mut relay = world.exec(300, "/bin/nc", &["nc", "198.51.100.7", "4444"], file);
        relay.streams = [pipe(11), pipe(12), Stream::default()];
        world.run(relay);
        if connects_first {
            connect(&mut world, 300);
        }
        shell(&mut world, 301, [pipe(12), pipe(11), pipe(11)]);
        if !connects_first {
            assert_eq!(outputs(&world), [""; 0]);
            connect(&mut world, 300);
        }
        assert_eq!(outputs(&world), ["how=pipe peer=198.51.100.7:4444"]);
    }
}

#[test]
fn a_download_given_to_a_shell_is_no_remote_shell() {
    let mut world = World::new();
    world.set_rules(RULES);
    let file = world.image_file("/usr/bin/curl");
    let mut curl = world.exec(300, "/usr/bin/curl", &["curl", "http://x/i.sh"], file);
    curl.streams = [Stream::default(), pipe(11), Stream::default()];
    world.run(curl);
    connect(&mut world, 300);
    let out = Stream {
        kind: StreamKind::Other,
        ..Stream::default()
    };
    shell(&mut world, 301, [pipe(11), out.clone(), out]);
    assert_eq!(outputs(&world), [""; 0]);
}

#[test]
fn an_event_waits_for_its_container_and_then_names_it() {
    let mut world = World::empty(ALERT_ALL);
    world.set_rules(RULES);
    world.start_init();
    open(&mut world, "/etc/shadow", 1);
    assert_eq!(outputs(&world), [""; 0]);
    let fact = world.fact();
    world.give(Input::Container(fact));
    assert_eq!(outputs(&world).len(), 1);
    assert!(
        world.out.alerts[0]
            .gaps
            .iter()
            .all(|gap| !gap.contains("metadata"))
    );
}

#[test]
fn metadata_that_never_comes_excuses_nothing_and_is_a_gap() {
    let mut world = World::empty(ALERT_ALL);
    world.set_rules(RULES);
    world.start_init();
    open(&mut world, "/etc/shadow", 1);
    world.tick(2 * SECOND);
    assert_eq!(outputs(&world), ["file=/etc/shadow image=<unknown>"]);
    assert!(
        world.out.alerts[0]
            .gaps
            .iter()
            .any(|gap| gap.contains("metadata"))
    );
}

#[test]
fn repeats_are_one_alert_with_a_count() {
    let mut world = World::new();
    world.set_rules(RULES);
    for _ in 0..5 {
        open(&mut world, "/etc/shadow", 1);
    }
    assert_eq!(outputs(&world).len(), 1);
    let out = &mut world.out;
    world.pipeline.finish(out);
    let counts: Vec<u64> = world.out.alerts.iter().map(|alert| alert.count).collect();
    assert_eq!(counts, [1, 5]);
    assert_eq!(world.out.alerts[0].id, world.out.alerts[1].id);
}

#[test]
fn what_is_told_to_be_quiet_could_not_have_raised_an_alert() {
    let paths = [
        "/etc/shadow",
        "/etc/passwd",
        "/lib/libc.so.6",
        "/tmp/x",
        "/etc/shadow-",
    ];
    let run = |quiet: &[OpenKey]| {
        let mut world = World::new();
        world.set_rules(RULES);
        for round in 0..3 {
            for (key, path) in (1u64..).zip(paths) {
                if round == 0 || !quiet.iter().any(|known| known.path == key) {
                    open(&mut world, path, key);
                }
            }
        }
        world
    };
    let full = run(&[]);
    let quiet = full.out.quiet.clone();
    assert!(
        quiet.iter().all(|key| key.path != 1) && quiet.len() >= 4,
        "{quiet:?}"
    );
    assert_eq!(outputs(&run(&quiet)), outputs(&full));
}
