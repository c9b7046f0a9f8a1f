//! Containers of runc, made through the wrapper.

use crate::world::{
    ASKS, TIMEOUT, agent, alone, asks, image, log, options, places, refusing_agent, seccomp_mode,
    settings, socket, start,
};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use yagura_kernel::{Fallback, SeccompAnswer};
use yagura_rehearsal::{Privileges, ThrowAwayContainer};
use yagura_wrapper::{Refusal, ScopeRule};

const EPERM: i32 = 1;
const ENOSYS: i32 = 38;
const EINVAL: i32 = 22;

/// What the agent refuses.
const REFUSED: [&str; 16] = [
    "mount",
    "umount",
    "unshare",
    "setns",
    "clone-user",
    "ptrace",
    "process_vm_writev",
    "fsopen",
    "bpf",
    "init_module",
    "keyctl",
    "open_by_handle_at",
    "userfaultfd",
    "io_uring_setup",
    "perf_event_open",
    "clone3",
];
/// What it lets through, or is not asked about.
const ORDINARY: [&str; 4] = ["clone", "unshare-files", "traceme", "memfd_create"];

pub(crate) fn trials() -> Vec<Trial> {
    let trial = |name: &'static str, run: fn()| {
        Trial::test(name, move || {
            let _alone = alone();
            let _ = std::fs::remove_file(places().settings());
            run();
            Ok(())
        })
    };
    vec![
        trial("privileged_containers_ask", privileged_containers_ask),
        trial("what_continues_is_done", what_continues_is_done),
        trial("refusals_of_a_profile_stay", refusals_of_a_profile_stay),
        trial("out_of_scope_nothing_changes", out_of_scope_nothing_changes),
        trial("questions_name_the_container", questions_name_the_container),
        trial(
            "without_its_agent_a_container_goes_on",
            without_its_agent_a_container_goes_on,
        ),
        trial(
            "an_agent_that_comes_back_is_asked_by_new_programs",
            agent_comes_back,
        ),
        trial(
            "a_required_agent_keeps_containers_from_starting",
            required_agent,
        ),
        trial(
            "a_container_of_an_image_at_risk_does_not_start",
            image_at_risk,
        ),
        trial("an_answer_that_hangs_is_given_for_it", hanging_answers),
        trial(
            "broken_settings_keep_nothing_from_starting",
            broken_settings,
        ),
        trial("times", times),
    ]
}

fn assert_refused(container: &ThrowAwayContainer) {
    for (call, errno) in asks(container, &REFUSED) {
        let expected = if call == "clone3" { ENOSYS } else { EPERM };
        assert_eq!(errno, expected, "{call}");
    }
}

fn privileged_containers_ask() {
    settings().write(&places()).unwrap();
    let agent = refusing_agent();
    let container = start(&options(Privileges::Privileged, None));
    assert_eq!(seccomp_mode(container.first_pid()), 2);
    assert_refused(&container);
    for (call, errno) in asks(&container, &ORDINARY) {
        assert_eq!(errno, 0, "{call}");
    }
    let counts = agent.counts();
    assert!(counts.refused >= 15 && counts.continued >= 1, "{counts:?}");
    assert_eq!(
        (counts.timed_out, counts.rejected, counts.panicked),
        (0, 0, 0),
        "{counts:?}"
    );
    assert!(log().contains(container.id()), "{}", log());
    container.remove().unwrap();
    let marker = places().folder().join("containers");
    assert_eq!(
        std::fs::read_dir(marker).unwrap().count(),
        0,
        "a note of a container that is gone"
    );
}

fn what_continues_is_done() {
    settings().write(&places()).unwrap();
    let agent = agent(TIMEOUT, Fallback::Closed, |_| SeccompAnswer::Continue);
    let container = start(&options(Privileges::Privileged, None));
    let results = asks(
        &container,
        &[
            "mount",
            "umount",
            "unshare",
            "setns",
            "clone-user",
            "ptrace",
            "fsopen",
        ],
    );
    assert!(results.values().all(|errno| *errno == 0), "{results:?}");
    // Errors of the kernel's own.
    assert_eq!(asks(&container, &["bpf"])["bpf"], EINVAL);
    assert!(agent.counts().continued >= 8);
}

/// What engines give a container that isn't privileged, as far as it matters here.
fn strict_profile() -> Value {
    json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
        "syscalls": [
            { "names": ["bpf", "keyctl"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13 },
            { "names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38 },
            { "names": ["unshare"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13,
              "args": [{ "index": 0, "value": 0x2_0000, "valueTwo": 0x2_0000, "op": "SCMP_CMP_MASKED_EQ" }] },
            { "names": ["mount", "clone"], "action": "SCMP_ACT_ALLOW" },
        ],
    })
}

fn refusals_of_a_profile_stay() {
    const EACCES: i32 = 13;
    settings().write(&places()).unwrap();
    let _agent = agent(TIMEOUT, Fallback::Open, |_| SeccompAnswer::Continue);
    let container = start(&options(Privileges::Privileged, Some(&strict_profile())));
    let results = asks(
        &container,
        &[
            "bpf",
            "keyctl",
            "unshare",
            "unshare-files",
            "mount",
            "clone",
        ],
    );
    let expected = [
        ("bpf", EACCES),
        ("keyctl", EACCES),
        ("unshare", EACCES),
        ("unshare-files", 0),
        ("mount", 0),
        ("clone", 0),
    ];
    for (call, errno) in expected {
        assert_eq!(results[call], errno, "{call}");
    }
    container.remove().unwrap();
    drop(_agent);
    let _agent = refusing_agent();
    let container = start(&options(Privileges::Privileged, Some(&strict_profile())));
    let results = asks(
        &container,
        &["bpf", "mount", "clone-user", "clone", "ptrace"],
    );
    let expected = [
        ("bpf", EACCES),
        ("mount", EPERM),
        ("clone-user", EPERM),
        ("clone", 0),
        ("ptrace", EPERM),
    ];
    for (call, errno) in expected {
        assert_eq!(results[call], errno, "{call}");
    }
}

fn out_of_scope_nothing_changes() {
    let _agent = refusing_agent();
    let unmarked = || {
        let mut options = options(Privileges::Privileged, None);
        options.annotations.clear();
        options
    };
    // No settings at all, and settings whose scope it isn't in.
    assert_eq!(
        seccomp_mode(start(&options(Privileges::Privileged, None)).first_pid()),
        0
    );
    settings().write(&places()).unwrap();
    let container = start(&unmarked());
    assert_eq!(seccomp_mode(container.first_pid()), 0);
    assert_eq!(asks(&container, &["fsopen"])["fsopen"], 0);
    let mut excepted = settings();
    excepted.except.clone_from(&excepted.scope);
    excepted.write(&places()).unwrap();
    assert_eq!(
        seccomp_mode(start(&options(Privileges::Privileged, None)).first_pid()),
        0
    );
    assert_eq!(_agent.counts().notified, 0);
}

fn questions_name_the_container() {
    settings().write(&places()).unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&seen);
    let agent = agent(TIMEOUT, Fallback::Open, move |question| {
        let name = question.call().map(|call| call.as_str());
        let comm =
            std::fs::read_to_string(format!("/proc/{}/comm", question.pid)).unwrap_or_default();
        let note = (
            question.container.id.clone(),
            name,
            comm,
            question.arguments,
            question.is_waiting(),
        );
        notes.lock().unwrap().push(note);
        SeccompAnswer::Continue
    });
    let container = start(&options(Privileges::Privileged, None));
    seen.lock().unwrap().clear();
    asks(&container, &["unshare-files"]);
    let notes = seen.lock().unwrap();
    let own: Vec<_> = notes
        .iter()
        .filter(|note| note.2.trim() == "asks")
        .collect();
    let [(id, name, _, arguments, waiting)] = own.as_slice() else {
        panic!("not one question: {notes:?}");
    };
    assert_eq!(
        (id.as_str(), *name, *waiting),
        (container.id(), Some("unshare"), true)
    );
    assert_eq!(arguments[0], 0x400);
    assert!(agent.counts().listeners >= 1);
}

fn without_its_agent_a_container_goes_on() {
    settings().write(&places()).unwrap();
    let agent = refusing_agent();
    let old = start(&options(Privileges::Privileged, None));
    assert_refused(&old);
    drop(agent);
    // A program can still be started in it, by whatever way: a probe of its health must not fail.
    let results = asks(&old, &["mount", "fsopen", "clone", "memfd_create"]);
    assert_eq!(
        (results["mount"], results["fsopen"]),
        (ENOSYS, ENOSYS),
        "{results:?}"
    );
    assert_eq!(
        (results["clone"], results["memfd_create"]),
        (0, 0),
        "{results:?}"
    );
    assert!(log().contains("while the agent was away"), "{}", log());
    // A new one starts, and nobody is asked.
    let new = start(&options(Privileges::Privileged, None));
    assert_eq!(seccomp_mode(new.first_pid()), 0);
    assert_eq!(asks(&new, &["fsopen"])["fsopen"], 0);
    assert!(log().contains("nobody is there to be asked"), "{}", log());
}

fn agent_comes_back() {
    settings().write(&places()).unwrap();
    drop(refusing_agent());
    // What a killed process leaves.
    std::fs::create_dir_all(socket().parent().unwrap()).unwrap();
    drop(std::os::unix::net::UnixListener::bind(socket()).unwrap());
    let first = start(&options(Privileges::Privileged, None));
    assert_eq!(seccomp_mode(first.first_pid()), 0);
    let agent = refusing_agent();
    let old = start(&options(Privileges::Privileged, None));
    drop(agent);
    asks(&old, &["clone"]);
    // A stand-in is there; the agent takes its place.
    let _agent = refusing_agent();
    assert_refused(&old);
    assert_refused(&start(&options(Privileges::Privileged, None)));
}

fn required_agent() {
    let mut strict = settings();
    strict.require_agent = true;
    strict.write(&places()).unwrap();
    let refused = ThrowAwayContainer::start(image(), &options(Privileges::Default, None));
    let message = refused.err().map(|error| error.to_string()).unwrap();
    assert!(message.contains("require the agent"), "{message}");
    let mut other = options(Privileges::Default, None);
    other.annotations.clear();
    drop(start(&other));
    let _agent = refusing_agent();
    drop(start(&options(Privileges::Default, None)));
}

/// As a containerd would tell it of a pod.
const IMAGE_ANNOTATION: &str = "io.kubernetes.cri.image-name";

fn image_at_risk() {
    let mut strict = settings();
    strict.refuse.push(Refusal {
        rule: "Miners".to_owned(),
        containers: ScopeRule {
            images: vec!["*/xmrig:*".to_owned()],
            ..ScopeRule::default()
        },
    });
    strict.write(&places()).unwrap();
    let of_image = |image: &str| {
        let mut options = options(Privileges::Default, None);
        let image = image.to_owned();
        options.annotations = [(IMAGE_ANNOTATION.to_owned(), image)].into();
        ThrowAwayContainer::start(crate::world::image(), &options)
    };
    let refused = of_image("registry.example/xmrig:6").err();
    let message = refused.map(|error| error.to_string()).unwrap();
    let reason = "its image registry.example/xmrig:6 is at risk under rule \"Miners\"";
    assert!(message.contains(reason), "{message}");
    drop(of_image("registry.example/web:6").unwrap());
    // Nobody is refused for what its configuration does not tell.
    drop(start(&options(Privileges::Default, None)));
}

fn hanging_answers() {
    for (fallback, expected) in [(Fallback::Open, 0), (Fallback::Closed, EPERM)] {
        settings().write(&places()).unwrap();
        let (release, wait) = mpsc::channel::<()>();
        let wait = Mutex::new(wait);
        let deadline = Duration::from_millis(200);
        let agent = agent(deadline, fallback, move |question| {
            if question.behaviour().is_some() {
                let _ = wait.lock().map(|wait| wait.recv());
            }
            SeccompAnswer::REFUSED
        });
        let container = start(&options(Privileges::Privileged, None));
        let began = Instant::now();
        for _ in 0..4 {
            assert_eq!(asks(&container, &["fsopen"])["fsopen"], expected);
        }
        assert!(began.elapsed() < TIMEOUT / 4);
        let counts = agent.counts();
        assert!(counts.timed_out >= 4, "{counts:?}");
        drop(release);
    }
}

fn broken_settings() {
    for content in [
        "{",
        "{}",
        r#"{"version":2,"socket":"/x"}"#,
        r#"{"version":1,"socket":"x"}"#,
    ] {
        std::fs::write(places().settings(), content).unwrap();
        assert_eq!(
            seccomp_mode(start(&options(Privileges::Default, None)).first_pid()),
            0
        );
    }
    assert!(log().contains("settings"), "{}", log());
}

/// Prints what it costs; asserts nothing about it.
fn times() {
    settings().write(&places()).unwrap();
    let _agent = agent(TIMEOUT, Fallback::Open, |_| SeccompAnswer::REFUSED);
    let asked = start(&options(Privileges::Privileged, None));
    let mut plain = options(Privileges::Privileged, None);
    plain.annotations.clear();
    let free = start(&plain);
    for call in ["fsopen", "io_uring_setup", "memfd_create"] {
        for (what, container) in [("asked", &asked), ("free", &free)] {
            let output = container
                .exec(&[ASKS, "time", call, "2000"], TIMEOUT)
                .unwrap();
            eprint!(
                "median µs, {what}: {}",
                String::from_utf8_lossy(&output.stdout)
            );
        }
    }
    let scoped = options(Privileges::Privileged, None);
    for (what, options) in [("in scope", &scoped), ("out of scope", &plain)] {
        let mut taken: Vec<Duration> = (0..9)
            .map(|_| {
                let began = Instant::now();
                let _container = start(options);
                began.elapsed()
            })
            .collect();
        taken.sort();
        eprintln!("median of a start, {what}: {:?}", taken[taken.len() / 2]);
    }
}
