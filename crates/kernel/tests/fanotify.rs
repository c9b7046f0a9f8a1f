//! What containers may execute while the kernel asks.

use crate::programs::Case;
use crate::world::{Scene, TIMEOUT, World};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};
use yagura_event::{DropPlace, DropReason, FileFacts, FileFlags};
use yagura_kernel::{
    Answer, ExecGate, ExecQuestion, GateOptions, LeftOutReason, MarkError, NamespaceError,
    probe_exec_gate,
};
use yagura_rehearsal::{Exit, Output, RootKind};

pub(crate) const CASES: &[Case] = &[
    ("probe_says_yes", probe_says_yes),
    ("dropped_programs_do_not_run", dropped_programs_do_not_run),
    (
        "plain_roots_are_marked_by_mount",
        plain_roots_are_marked_by_mount,
    ),
    ("questions_tell_the_file", questions_tell_the_file),
    (
        "later_mounts_need_a_second_look",
        later_mounts_need_a_second_look,
    ),
    ("hosts_are_never_marked", hosts_are_never_marked),
    (
        "nobody_waits_longer_than_the_deadline",
        nobody_waits_longer_than_the_deadline,
    ),
    ("panics_are_no_answers", panics_are_no_answers),
    ("closing_frees_who_waits", closing_frees_who_waits),
    ("death_frees_who_waits", death_frees_who_waits),
];

/// Makes the test program hold a gate on the container of this process, and answer nothing that is called "dropped".
const HOLD_VARIABLE: &str = "YAGURA_TEST_HOLD_GATE";

fn is_dropped(question: &ExecQuestion<'_>) -> bool {
    question.facts.base_name() == b"dropped"
}

/// Denies what is called "dropped".
fn deny_dropped(question: &ExecQuestion<'_>) -> Answer {
    if is_dropped(question) {
        Answer::Deny
    } else {
        Answer::Allow
    }
}

/// No answer is late in tests that are not about that, however busy the machine is.
const PATIENT: GateOptions = GateOptions {
    deadline: Duration::from_secs(60),
    unanswered: Answer::Allow,
};

fn first_pid(scene: &Scene) -> u32 {
    scene.container.first_pid()
}

fn drop_into(scene: &Scene, folder: &str) -> String {
    scene.shell(&format!("cp /bin/true {folder}/dropped"));
    format!("{folder}/dropped")
}

fn is_refused(output: &Output) -> bool {
    output.exit == Exit::Code(126)
        && String::from_utf8_lossy(&output.stderr).contains("not permitted")
}

fn sh(scene: &Scene, script: &str) -> Output {
    scene.attempt(&["/bin/sh", "-c", script])
}

fn probe_says_yes() {
    probe_exec_gate().unwrap();
}

fn dropped_programs_do_not_run() {
    let world = World::get();
    let scene = world.start(|_| {});
    let bystander = world.start(|_| {});
    let gate = ExecGate::start(PATIENT, deny_dropped).unwrap();
    let marked = gate.mark(first_pid(&scene)).unwrap();
    assert_eq!(marked.left_out, []);
    assert!(
        marked.file_systems >= 3,
        "root, /dev/shm, /volume: {marked:?}"
    );
    for folder in ["/tmp", "/dev/shm", "/volume"] {
        let path = drop_into(&scene, folder);
        let plain = sh(&scene, &path);
        assert!(is_refused(&plain), "{path}: {plain:?}");
        // A mount namespace of its own is no way around.
        let apart = sh(&scene, &format!("unshare -m /bin/sh -c {path}"));
        assert!(is_refused(&apart), "{path}: {apart:?}");
        let moved = format!(
            "mkdir -p /mnt && unshare -m /bin/sh -c 'mount --bind {folder} /mnt && /mnt/dropped'"
        );
        let moved = sh(&scene, &moved);
        assert!(is_refused(&moved), "{path}: {moved:?}");
    }
    // A folder of the host's is seen by the mount.
    let volume = drop_into(&scene, "/data");
    assert!(is_refused(&sh(&scene, &volume)));
    scene.run(&["/bin/true"]);
    // The host, and a container that looks the same, are not asked about.
    let on_host = Command::new(scene.container.data_dir().join("dropped")).status();
    assert!(on_host.unwrap().success());
    let in_root = Command::new(scene.container.host_path("/tmp/dropped")).status();
    assert!(in_root.unwrap().success(), "the host's own process");
    let path = drop_into(&bystander, "/tmp");
    bystander.run(&[&path]);
    gate.unmark(first_pid(&scene)).unwrap();
    scene.run(&["/tmp/dropped"]);
    assert_eq!(gate.take_losses(), []);
}

fn plain_roots_are_marked_by_mount() {
    let scene = World::get().start(|options| options.root = RootKind::Plain);
    let gate = ExecGate::start(PATIENT, deny_dropped).unwrap();
    let marked = gate.mark(first_pid(&scene)).unwrap();
    assert!(marked.mounts >= 1);
    let path = drop_into(&scene, "/tmp");
    assert!(is_refused(&sh(&scene, &path)));
    scene.run(&["/bin/true"]);
    // The root is a folder of the host's file system, whose programs run unasked.
    let in_root = Command::new(scene.container.host_path(&path)).status();
    assert!(in_root.unwrap().success());
}

fn questions_tell_the_file() {
    let scene = World::get().start(|_| {});
    let asked: Arc<Mutex<Vec<(u32, FileFacts)>>> = Arc::default();
    let log = Arc::clone(&asked);
    let gate = ExecGate::start(PATIENT, move |question| {
        log.lock()
            .unwrap()
            .push((question.pid, question.facts.clone()));
        Answer::Allow
    })
    .unwrap();
    gate.mark(first_pid(&scene)).unwrap();
    let path = drop_into(&scene, "/tmp");
    scene.run(&[&path]);
    // A file whose name is gone, by its descriptor.
    scene.shell("exec 3</tmp/dropped; rm /tmp/dropped; /proc/self/fd/3");
    let asked = asked.lock().unwrap();
    let dropped: Vec<_> = asked
        .iter()
        .filter(|(_, facts)| facts.path.as_bytes() == path.as_bytes())
        .collect();
    let [(pid, facts), (_, gone)] = dropped.as_slice() else {
        panic!("asked once by each name: {asked:?}");
    };
    assert_ne!(*pid, 0);
    assert_eq!(facts.magic, FileFacts::OVERLAY_MAGIC);
    assert_eq!(facts.flags.0, FileFlags::OVERLAY);
    assert_eq!(facts.mode & 0o170_777, 0o100_755);
    assert_eq!((facts.links, facts.uid), (1, 0));
    let size = std::fs::metadata("/bin/true").unwrap().len();
    assert_eq!(facts.key.size, size);
    assert_eq!(gone.flags.0, FileFlags::OVERLAY | FileFlags::DELETED);
    assert_eq!(gone.key.id, facts.key.id);
}

fn later_mounts_need_a_second_look() {
    let scene = World::get().start(|_| {});
    let gate = ExecGate::start(PATIENT, deny_dropped).unwrap();
    let before = gate.mark(first_pid(&scene)).unwrap();
    scene.shell(
        "mkdir -p /mnt && mount -t tmpfs none /mnt && mkdir /mnt/b && mount -t tmpfs none /mnt/b",
    );
    let path = drop_into(&scene, "/mnt");
    scene.run(&[&path]);
    let after = gate.mark(first_pid(&scene)).unwrap();
    assert_eq!(after.file_systems, before.file_systems + 2);
    assert!(is_refused(&sh(&scene, &path)));
    // What is covered can't be reached by its path, and is told.
    scene.shell("mount -t tmpfs none /mnt");
    let covered = gate.mark(first_pid(&scene)).unwrap();
    let reasons: Vec<_> = covered
        .left_out
        .iter()
        .map(|left| (left.point.escaped().into_owned(), left.reason))
        .collect();
    let unreachable = LeftOutReason::Unreachable;
    assert_eq!(
        reasons,
        [
            ("/mnt".to_owned(), unreachable),
            ("/mnt/b".to_owned(), unreachable)
        ]
    );
}

fn hosts_are_never_marked() {
    let gate = ExecGate::start(PATIENT, |_| Answer::Deny).unwrap();
    let refused = gate.mark(std::process::id());
    let is_refused = matches!(
        refused,
        Err(MarkError::Namespace {
            source: NamespaceError::Host,
            ..
        })
    );
    assert!(is_refused, "{refused:?}");
    // Closed to who has fewer rights, as this test may have.
    let refused = gate.mark(1);
    assert!(
        matches!(refused, Err(MarkError::Namespace { .. })),
        "{refused:?}"
    );
    assert!(matches!(gate.mark(u32::MAX), Err(MarkError::Root { .. })));
    assert!(Command::new("/bin/true").status().unwrap().success());
}

/// A callback that hangs on "dropped" until it is let go, and then denies.
#[derive(Default)]
struct Hanging {
    is_let_go: Mutex<bool>,
    told: Condvar,
}

impl Hanging {
    fn answer(&self, question: &ExecQuestion<'_>) -> Answer {
        if !is_dropped(question) {
            return Answer::Allow;
        }
        let guard = self.is_let_go.lock().unwrap();
        drop(
            self.told
                .wait_while(guard, |is_let_go| !*is_let_go)
                .unwrap(),
        );
        Answer::Deny
    }

    fn let_go(&self) {
        *self.is_let_go.lock().unwrap() = true;
        self.told.notify_all();
    }

    fn gate(self: &Arc<Self>, options: GateOptions) -> ExecGate {
        let hanging = Arc::clone(self);
        ExecGate::start(options, move |question| hanging.answer(question)).unwrap()
    }
}

fn nobody_waits_longer_than_the_deadline() {
    let scene = World::get().start(|_| {});
    let path = drop_into(&scene, "/tmp");
    let timed_out = |gate: &ExecGate| -> u64 {
        let losses = gate.take_losses();
        let all = losses.iter().inspect(|lost| {
            assert_eq!(lost.place, DropPlace::Fanotify);
            assert_eq!(lost.reason, DropReason::TimedOut);
        });
        all.map(|lost| lost.count).sum()
    };
    let hanging = Arc::new(Hanging::default());
    let open = hanging.gate(GateOptions {
        deadline: Duration::from_millis(400),
        ..PATIENT
    });
    open.mark(first_pid(&scene)).unwrap();
    scene.run(&[&path]);
    assert_eq!(timed_out(&open), 1);
    // More than there may be threads: afterwards nobody decides any more, and everything is let through in time.
    scene.shell("for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do /tmp/dropped || exit 1; done");
    assert!(timed_out(&open) >= 20);
    scene.run(&["/bin/true"]);
    hanging.let_go();
    let until = Instant::now() + TIMEOUT;
    while !is_refused(&sh(&scene, &path)) {
        assert!(Instant::now() < until, "the gate decides again");
    }
    drop(open);
    let hanging = Arc::new(Hanging::default());
    let closed = hanging.gate(GateOptions {
        deadline: Duration::from_millis(400),
        unanswered: Answer::Deny,
    });
    closed.mark(first_pid(&scene)).unwrap();
    assert!(is_refused(&sh(&scene, &path)));
    assert_eq!(timed_out(&closed), 1);
    hanging.let_go();
}

fn panics_are_no_answers() {
    let scene = World::get().start(|_| {});
    let path = drop_into(&scene, "/tmp");
    let gate = ExecGate::start(PATIENT, |question| {
        assert!(!is_dropped(question), "as this test wants it");
        Answer::Allow
    })
    .unwrap();
    gate.mark(first_pid(&scene)).unwrap();
    scene.run(&[&path]);
    let losses = gate.take_losses();
    let [lost] = losses.as_slice() else {
        panic!("{losses:?}");
    };
    assert_eq!((lost.reason, lost.count), (DropReason::Closed, 1));
}

fn closing_frees_who_waits() {
    let scene = World::get().start(|_| {});
    let path = drop_into(&scene, "/tmp");
    let (asks, asked) = std::sync::mpsc::channel();
    let hanging = Arc::new(Hanging::default());
    let held = Arc::clone(&hanging);
    let gate = ExecGate::start(PATIENT, move |question| {
        if is_dropped(question) {
            asks.send(()).unwrap();
        }
        held.answer(question)
    })
    .unwrap();
    gate.mark(first_pid(&scene)).unwrap();
    let runner = scene.spawn(&[&path]);
    asked.recv_timeout(TIMEOUT).unwrap();
    assert!(!runner.is_finished());
    drop(gate);
    assert!(runner.join().unwrap().succeeded());
    hanging.let_go();
}

fn death_frees_who_waits() {
    let scene = World::get().start(|_| {});
    let path = drop_into(&scene, "/tmp");
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .env(HOLD_VARIABLE, first_pid(&scene).to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "marked");
    let runner = scene.spawn(&[&path]);
    assert_eq!(lines.next().unwrap().unwrap(), "asked");
    assert!(!runner.is_finished());
    kill_process(Pid::from_child(&holder), Signal::KILL).unwrap();
    assert!(runner.join().unwrap().succeeded());
    assert!(!holder.wait().unwrap().success());
    scene.run(&[&path]);
}

/// What this program does when a test has started it to hold a gate.
pub(crate) fn hold() -> Option<ExitCode> {
    let pid = std::env::var(HOLD_VARIABLE).ok()?.parse().ok()?;
    let gate = ExecGate::start(PATIENT, |question| {
        if is_dropped(question) {
            say("asked");
            std::thread::park();
        }
        Answer::Allow
    });
    let gate = gate.unwrap();
    gate.mark(pid).unwrap();
    say("marked");
    loop {
        std::thread::park();
    }
}

fn say(word: &str) {
    let mut output = std::io::stdout();
    writeln!(output, "{word}").unwrap();
    output.flush().unwrap();
}
