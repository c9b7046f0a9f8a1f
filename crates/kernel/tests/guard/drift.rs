//! Programs, libraries and scripts that are not the image's.

use crate::scene::{Scene, World, all_drift, membership};
use yagura_event::{
    AllowRow, CellAction, CgroupId, ContainerKey, DenialOutcome, Denied, DriftKind, EnforcementRow,
    Membership, OriginClass,
};
use yagura_kernel::GuardBackend;
use yagura_rehearsal::drift::BENIGN;
use yagura_rehearsal::{DriftOutcome, RootKind, drift, rehearse, rehearse_benign};

pub(super) const CASES: &[crate::Case] = &[
    ("a_copied_program_never_runs", a_copied_program_never_runs),
    ("nothing_of_the_matrix_runs", nothing_of_the_matrix_runs),
    ("what_is_the_image_s_runs", what_is_the_image_s_runs),
    (
        "what_only_metadata_changed_runs",
        what_only_metadata_changed_runs,
    ),
    (
        "what_was_written_after_it_never_runs",
        what_was_written_after_it_never_runs,
    ),
    ("watching_only_tells", watching_only_tells),
    ("allow_lists_let_through", allow_lists_let_through),
    ("others_are_left_alone", others_are_left_alone),
    (
        "the_namespace_of_an_ended_container_is_nobody_s",
        the_namespace_of_an_ended_container_is_nobody_s,
    ),
    (
        "who_is_sent_in_from_outside_belongs_to_the_container",
        who_is_sent_in_from_outside_belongs_to_the_container,
    ),
];

/// What an interpreter reads beside the script that it was given: only user space can tell it from data.
const NOT_IN_THE_KERNEL: &[&str] = &["script-sourced"];

fn a_copied_program_never_runs() {
    for kind in [RootKind::Overlay, RootKind::Plain] {
        let scene = Scene::begin(kind, &all_drift(CellAction::Deny));
        let output = scene.shell("cp /usr/bin/shipped /tmp/x && /tmp/x");
        assert!(output.stdout.is_empty(), "{output:?}");
        let denied = scene.denied();
        let class = OriginClass::Layer;
        assert_eq!(denied.denied, Denied::Drift(DriftKind::Binaries, class));
        assert_ne!(denied.outcome, DenialOutcome::Watched);
        assert_eq!(denied.rule, 3);
        assert_eq!(denied.file.unwrap().path.as_bytes(), b"/tmp/x");
        scene.end();
    }
}

fn nothing_of_the_matrix_runs() {
    let scene = Scene::begin(RootKind::Overlay, &all_drift(CellAction::Deny));
    let mut ran = Vec::new();
    let mut stopped = 0;
    for case in drift::cases() {
        let rehearsed = rehearse(case, &scene.container);
        match rehearsed.outcome {
            DriftOutcome::Ran => ran.push(case.name),
            DriftOutcome::NotPossibleHere { .. } => {}
            DriftOutcome::Refused { .. } | DriftOutcome::Killed { .. } => stopped += 1,
        }
    }
    println!("{stopped} stopped, ran: {ran:?}");
    ran.retain(|name| !NOT_IN_THE_KERNEL.contains(name));
    assert!(ran.is_empty(), "{ran:?}");
    scene.end();
}

fn what_is_the_image_s_runs() {
    for kind in [RootKind::Overlay, RootKind::Plain] {
        let scene = Scene::begin(kind, &all_drift(CellAction::Deny));
        for argv in [
            &["/usr/bin/shipped"][..],
            &["/bin/sh", "/usr/bin/shipped-script"],
            &["/usr/bin/shipped-script"],
            &["/bin/sh", "-c", "echo yagura-rehearsal-ran"],
            &[
                "/bin/sh",
                "-c",
                "echo data > /tmp/data && cat /tmp/data && echo yagura-rehearsal-ran",
            ],
        ] {
            let output = scene.run(argv);
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(
                said.contains("yagura-rehearsal-ran"),
                "{argv:?}: {output:?}"
            );
        }
        assert_eq!(scene.denials(), []);
        scene.end();
    }
}

/// Files of the image that are copied up with their content as it was.
const ONLY_METADATA: &[&str] = &[
    "benign-chmod",
    "benign-chown",
    "benign-touch",
    "benign-hard-link",
    "benign-script-touched",
    "benign-init",
];

fn what_only_metadata_changed_runs() {
    if World::get().backend != GuardBackend::Lsm {
        println!("only hooks meet a file before it is copied up");
        return;
    }
    let scene = Scene::begin(RootKind::Overlay, &all_drift(CellAction::Deny));
    let mut refused = Vec::new();
    for case in BENIGN
        .iter()
        .filter(|case| ONLY_METADATA.contains(&case.name))
    {
        match rehearse_benign(case, &scene.container).outcome {
            DriftOutcome::Ran | DriftOutcome::NotPossibleHere { .. } => {}
            other => refused.push((case.name, other)),
        }
    }
    assert!(refused.is_empty(), "{refused:?} {:?}", scene.denials());
    scene.end();
}

/// What makes a file drift that was copied up by a change of its mode before, and the name that is run then.
const AFTER_COPY_UP: &[(&str, &str)] = &[
    ("ln $F /tmp/other", "/tmp/other"),
    ("mv $F $F.moved", "$F.moved"),
    ("ln $F $F.linked", "$F.linked"),
    ("echo >> $F", "$F"),
    ("exec 3>> $F; chmod 711 $F; echo >&3; exec 3>&-", "$F"),
    (
        "dd if=/usr/bin/sh of=$F bs=1 count=9 conv=notrunc 2> /dev/null",
        "$F",
    ),
    (": > $F; cat /payload/drifted > $F", "$F"),
    ("cp $F /tmp/copy; mv /tmp/copy $F", "$F"),
];

fn what_was_written_after_it_never_runs() {
    for (change, run) in AFTER_COPY_UP {
        let scene = Scene::begin(RootKind::Overlay, &all_drift(CellAction::Deny));
        let output = scene.shell(&format!(
            "F=/usr/bin/shipped; chmod 755 $F; {change}; {run}"
        ));
        assert!(output.stdout.is_empty(), "{change}: {output:?}");
        let told = scene.denials();
        assert!(!told.is_empty(), "{change}: {output:?}");
        scene.end();
    }
}

fn watching_only_tells() {
    let scene = Scene::begin(RootKind::Overlay, &all_drift(CellAction::Watch));
    let output = scene.shell("cp /usr/bin/shipped /tmp/x && /tmp/x");
    assert!(!output.stdout.is_empty(), "{output:?}");
    assert_eq!(scene.denied().outcome, DenialOutcome::Watched);
    scene.end();
}

fn allow_lists_let_through() {
    let mut row = all_drift(CellAction::Deny);
    for cell in row.drift.iter_mut().flatten() {
        cell.allow.push(AllowRow {
            program: "/tmp/good/*".to_owned(),
            ancestor: "sh".to_owned(),
            ..AllowRow::default()
        });
        cell.allow.push(AllowRow {
            program: "/tmp/good/*".to_owned(),
            ancestor: "*ash".to_owned(),
            ..AllowRow::default()
        });
    }
    let scene = Scene::begin(RootKind::Overlay, &row);
    let copy = |to: &str| format!("mkdir -p /tmp/good && cp /usr/bin/shipped {to} && {to}; true");
    let good = scene.shell(&copy("/tmp/good/x"));
    assert!(!good.stdout.is_empty(), "{good:?} {:?}", scene.denials());
    let bad = scene.shell(&copy("/tmp/x"));
    assert!(bad.stdout.is_empty(), "{bad:?}");
    scene.end();
}

/// The kernel gives the number of a mount namespace to the next one: the rows of the container before are not for it.
fn the_namespace_of_an_ended_container_is_nobody_s() {
    let mut scene = Scene::begin(RootKind::Overlay, &EnforcementRow::default());
    let next = World::get().container(|_| {});
    let ended = Membership {
        container: ContainerKey(u64::MAX - 1),
        // No cgroup has such a number.
        cgroup: CgroupId(u64::MAX - 1),
        mount_namespace: membership(&next).mount_namespace,
    };
    let deny = all_drift(CellAction::Deny);
    scene.guard.protect(&ended, &deny).unwrap();
    let script = "cp /usr/bin/shipped /tmp/x && /tmp/x";
    let output = next
        .exec(&["/bin/sh", "-c", script], crate::scene::TIMEOUT)
        .unwrap();
    assert!(!output.stdout.is_empty(), "{output:?}");
    scene.guard.forget(ended.container).unwrap();
    next.remove().unwrap();
    scene.end();
}

/// As by `nsenter` on the host, in a cgroup that is not the container's.
fn who_is_sent_in_from_outside_belongs_to_the_container() {
    let scene = Scene::begin(RootKind::Overlay, &all_drift(CellAction::Deny));
    let pid = scene.container.first_pid().to_string();
    let output = std::process::Command::new("nsenter")
        .args(["--target", &pid, "--mount", "--root", "/bin/sh", "-c"])
        .arg("cp /usr/bin/shipped /tmp/y && /tmp/y")
        .output()
        .unwrap();
    assert!(output.stdout.is_empty(), "{output:?}");
    scene.denied();
    scene.end();
}

fn others_are_left_alone() {
    let scene = Scene::begin(RootKind::Overlay, &all_drift(CellAction::Deny));
    let other = World::get().container(|_| {});
    assert_ne!(membership(&other).cgroup, scene.membership.cgroup);
    let script = "cp /usr/bin/shipped /tmp/x && /tmp/x";
    let output = other
        .exec(&["/bin/sh", "-c", script], crate::scene::TIMEOUT)
        .unwrap();
    assert!(!output.stdout.is_empty(), "{output:?}");
    let host = std::env::temp_dir().join(format!("guard-host-{}", std::process::id()));
    std::fs::copy("/bin/true", &host).unwrap();
    assert!(
        std::process::Command::new(&host)
            .status()
            .unwrap()
            .success()
    );
    std::fs::remove_file(&host).unwrap();
    for case in [EnforcementRow::default(), all_drift(CellAction::Watch)] {
        let mut scene_guard =
            yagura_kernel::Guard::start(World::get().backend, &scene.pin_dir).unwrap();
        scene_guard.set_default(&case).unwrap();
    }
    other.remove().unwrap();
    scene.end();
}
