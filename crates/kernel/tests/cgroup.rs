//! What programs on a container's cgroup refuse, and whom they leave alone.

use crate::programs::Case;
use crate::world::{ACT, Scene, TIMEOUT, World};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;
use yagura_event::{
    AllowRow, Behaviour, CgroupId, ContainerKey, DefenceSlot, DenialOutcome, EnforcementMeans,
    EnforcementRow, Membership,
};
use yagura_kernel::{CgroupError, CgroupGuard, probe_cgroup, remove_cgroup_pins};
use yagura_rehearsal::Privileges;

pub(crate) const CASES: &[Case] = &[
    ("kernel_settings_are_denied", kernel_settings_are_denied),
    ("devices_are_denied", devices_are_denied),
    ("runtime_sockets_are_denied", runtime_sockets_are_denied),
    (
        "watching_tells_and_denies_nothing",
        watching_tells_and_denies_nothing,
    ),
    ("denial_outlives_its_holder", denial_outlives_its_holder),
    ("nothing_becomes_allowed", nothing_becomes_allowed),
    (
        "only_a_container_s_own_cgroup",
        only_a_container_s_own_cgroup,
    ),
];

/// The rule's number in these tests.
const RULE: u32 = 4711;
const EVERYTHING: [Behaviour; 7] = [
    Behaviour::CorePattern,
    Behaviour::ModprobePath,
    Behaviour::KernelSettings,
    Behaviour::BlockDevice,
    Behaviour::DeviceNode,
    Behaviour::KernelMemory,
    Behaviour::RuntimeSocket,
];

/// A BPF file system of a test's own.
struct Pins(PathBuf);

impl Pins {
    fn new(name: &str) -> Pins {
        let path = std::env::temp_dir().join(format!("pins-{name}-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        mount("bpf", &path, "bpf", MountFlags::empty(), None).unwrap();
        Pins(path)
    }
}

impl Drop for Pins {
    fn drop(&mut self) {
        let _ = unmount(&self.0, UnmountFlags::DETACH);
        let _ = fs::remove_dir(&self.0);
    }
}

fn directory(scene: &Scene) -> PathBuf {
    let id = scene.container.id();
    ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"]
        .into_iter()
        .map(|top| Path::new(top).join(id))
        .find(|path| path.join("cgroup.procs").exists())
        .expect("runc makes a version 2 cgroup")
}

fn membership(scene: &Scene) -> Membership {
    Membership {
        container: ContainerKey(77),
        cgroup: CgroupId(fs::metadata(directory(scene)).unwrap().ino()),
        mount_namespace: 0,
    }
}

fn row(deny: &[Behaviour], watch: &[Behaviour], allowed: &[&str]) -> EnforcementRow {
    let allow = allowed.iter().map(|file| AllowRow {
        file: (*file).to_owned(),
        ..AllowRow::default()
    });
    EnforcementRow {
        defence: vec![DefenceSlot {
            rule: RULE,
            deny: deny.iter().copied().collect(),
            watch: watch.iter().copied().collect(),
            allow: allow.collect(),
        }],
        ..EnforcementRow::default()
    }
}

fn install(guard: &CgroupGuard, scene: &Scene, row: &EnforcementRow) {
    let installed = guard
        .install(&membership(scene), &directory(scene), row)
        .unwrap();
    assert!(installed.refused.is_empty(), "{installed:?}");
    assert!(installed.left_out.is_empty(), "{installed:?}");
}

/// What a record says of a denial.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    means: u8,
    number: u8,
    outcome: u8,
    target: String,
}

fn told(
    means: EnforcementMeans,
    behaviour: Behaviour,
    outcome: DenialOutcome,
    target: &str,
) -> Told {
    Told {
        means: means as u8,
        number: behaviour as u8,
        outcome: outcome as u8,
        target: target.to_owned(),
    }
}

/// Takes what is in the ring.
fn take(guard: &CgroupGuard) -> Vec<Told> {
    let taken = RefCell::new(Vec::new());
    let mut builder = libbpf_rs::RingBufferBuilder::new();
    builder
        .add(guard.ring(), |bytes| {
            let number = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap());
            assert_eq!(bytes[..2], 9u16.to_ne_bytes());
            assert_eq!(number(72), RULE);
            assert_eq!(bytes[16..24], 77u64.to_ne_bytes(), "the container");
            assert_eq!(number(4) as usize, bytes.len());
            taken.borrow_mut().push(Told {
                number: bytes[65],
                outcome: bytes[67],
                means: bytes[68],
                target: String::from_utf8_lossy(&bytes[192..]).into_owned(),
            });
            0
        })
        .unwrap();
    builder.build().unwrap().consume().unwrap();
    let mut taken = taken.into_inner();
    // An overlay makes a node by making it in its upper layer: the kernel asks twice.
    taken.dedup();
    taken
}

/// Gives a setting the value that it has.
fn rewrite(setting: &str) -> String {
    format!("cat {setting} > /tmp/value && tee {setting} < /tmp/value > /dev/null")
}

fn is_refused(scene: &Scene, script: &str) -> bool {
    let output = scene.attempt(&["/bin/sh", "-c", script]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.succeeded() || said.contains("not permitted"),
        "{script}: {said}"
    );
    !output.succeeded()
}

const CORE_PATTERN: &str = "/proc/sys/kernel/core_pattern";
const DOMAIN: &str = "/proc/sys/kernel/domainname";
const FORWARD: &str = "/proc/sys/net/ipv4/ip_forward";

fn kernel_settings_are_denied() {
    let pins = Pins::new("settings");
    let scene = World::get().start(|_| {});
    let bystander = World::get().start(|_| {});
    let guard = CgroupGuard::start(&pins.0, None).unwrap();
    assert!(guard.missing().is_empty(), "{:?}", guard.missing());
    let deny = [Behaviour::CorePattern, Behaviour::KernelSettings];
    install(&guard, &scene, &row(&deny, &[], &["/proc/sys/net/*"]));
    for setting in [CORE_PATTERN, DOMAIN] {
        assert!(is_refused(&scene, &rewrite(setting)), "{setting}");
        assert!(!is_refused(&bystander, &rewrite(setting)), "{setting}");
        let value = fs::read(setting).unwrap();
        fs::write(setting, value).unwrap();
    }
    assert!(!is_refused(&scene, &rewrite(FORWARD)), "let through");
    // A child cgroup is no way out.
    let child = format!(
        "mkdir -p /mnt/c && mount -t cgroup2 none /mnt/c && mkdir /mnt/c/{0}/child && \
         echo $$ > /mnt/c/{0}/child/cgroup.procs && {1}",
        scene.container.id(),
        rewrite(CORE_PATTERN)
    );
    assert!(is_refused(&scene, &child));
    let sysctl = EnforcementMeans::CgroupSysctl;
    let blocked = DenialOutcome::Blocked;
    assert_eq!(
        take(&guard),
        [
            told(sysctl, Behaviour::CorePattern, blocked, CORE_PATTERN),
            told(sysctl, Behaviour::KernelSettings, blocked, DOMAIN),
            told(sysctl, Behaviour::CorePattern, blocked, CORE_PATTERN),
        ]
    );
    // A row is replaced as a whole.
    install(&guard, &scene, &row(&[Behaviour::KernelSettings], &[], &[]));
    assert!(!is_refused(&scene, &rewrite(CORE_PATTERN)));
    assert!(is_refused(&scene, &rewrite(DOMAIN)));
    guard.remove(membership(&scene).cgroup).unwrap();
    assert!(!is_refused(&scene, &rewrite(DOMAIN)));
    assert_eq!(guard.take_losses(), None);
}

/// Devices that no driver has: opened, they are not there, unless something refuses before.
const NODES: &str = "mknod /tmp/block b 240 0 && mknod /tmp/memory c 1 4";

fn devices_are_denied() {
    let pins = Pins::new("devices");
    let scene = World::get().start(|_| {});
    let bystander = World::get().start(|_| {});
    scene.shell(NODES);
    bystander.shell(NODES);
    let guard = CgroupGuard::start(&pins.0, None).unwrap();
    let deny = [
        Behaviour::BlockDevice,
        Behaviour::DeviceNode,
        Behaviour::KernelMemory,
    ];
    install(&guard, &scene, &row(&deny, &[], &[]));
    assert!(is_refused(&scene, "cat /tmp/block"));
    assert!(is_refused(&scene, "cat /tmp/memory"));
    assert!(is_refused(&scene, "mknod /tmp/other b 240 0"));
    assert!(is_refused(&scene, "mknod /tmp/other c 1 1"));
    let there = bystander.attempt(&["/bin/cat", "/tmp/block"]);
    assert!(
        String::from_utf8_lossy(&there.stderr).contains("No such device"),
        "{there:?}"
    );
    bystander.shell("mknod /tmp/other b 240 0");
    // What every container has.
    scene.shell(
        "echo x > /dev/null && head -c 4 /dev/urandom > /dev/zero && : < /dev/full && \
         : > /dev/ptmx && mknod /tmp/null c 1 3 && echo x > /tmp/null",
    );
    let device = EnforcementMeans::CgroupDevice;
    let blocked = DenialOutcome::Blocked;
    assert_eq!(
        take(&guard),
        [
            told(
                device,
                Behaviour::BlockDevice,
                blocked,
                "block device 240:0"
            ),
            told(
                device,
                Behaviour::KernelMemory,
                blocked,
                "character device 1:4"
            ),
            told(device, Behaviour::DeviceNode, blocked, "block device 240:0"),
            told(
                device,
                Behaviour::DeviceNode,
                blocked,
                "character device 1:1"
            ),
        ]
    );
}

fn runtime_sockets_are_denied() {
    let pins = Pins::new("sockets");
    let scene = World::get().start(|_| {});
    let bystander = World::get().start(|_| {});
    let guard = CgroupGuard::start(&pins.0, None).unwrap();
    install(&guard, &scene, &row(&[Behaviour::RuntimeSocket], &[], &[]));
    let connect = |scene: &Scene, name: &str| {
        let unlinked = name
            .strip_prefix('/')
            .map_or("true".to_owned(), |_| format!("rm -f {name}"));
        let acts = format!(
            "{unlinked}; {ACT} socket 1 1 0 bind unix:{name} listen socket 1 1 0 connect unix:{name} exit 0"
        );
        is_refused(scene, &acts)
    };
    for name in [
        "/tmp/docker.sock",
        "/tmp/containerd.sock",
        "@/containerd-shim/x.sock",
    ] {
        assert!(connect(&scene, name), "{name}");
        assert!(!connect(&bystander, name), "{name}");
    }
    for name in ["/tmp/mydocker.sock", "/tmp/docker.sock.d", "@docker.sock"] {
        assert!(!connect(&scene, name), "{name}");
    }
    let targets: Vec<_> = take(&guard).into_iter().map(|told| told.target).collect();
    assert_eq!(
        targets,
        [
            "/tmp/docker.sock",
            "/tmp/containerd.sock",
            "\0/containerd-shim/x.sock"
        ]
    );
    install(
        &guard,
        &scene,
        &row(&[Behaviour::RuntimeSocket], &[], &["/tmp/docker.sock"]),
    );
    assert!(!connect(&scene, "/tmp/docker.sock"));
    assert!(connect(&scene, "/tmp/crio.sock"));
}

fn watching_tells_and_denies_nothing() {
    let pins = Pins::new("watching");
    let scene = World::get().start(|_| {});
    let guard = CgroupGuard::start(&pins.0, None).unwrap();
    install(&guard, &scene, &row(&[], &EVERYTHING, &[]));
    assert!(!is_refused(&scene, &rewrite(CORE_PATTERN)));
    assert!(!is_refused(&scene, "mknod /tmp/block b 240 0"));
    let watched = DenialOutcome::Watched;
    assert_eq!(
        take(&guard),
        [
            told(
                EnforcementMeans::CgroupSysctl,
                Behaviour::CorePattern,
                watched,
                CORE_PATTERN
            ),
            told(
                EnforcementMeans::CgroupDevice,
                Behaviour::DeviceNode,
                watched,
                "block device 240:0"
            ),
        ]
    );
}

fn denial_outlives_its_holder() {
    let pins = Pins::new("outlives");
    let scene = World::get().start(|_| {});
    let other = World::get().start(|_| {});
    let cgroup = membership(&scene).cgroup;
    let guard = CgroupGuard::start(&pins.0, None).unwrap();
    install(&guard, &scene, &row(&[Behaviour::CorePattern], &[], &[]));
    install(&guard, &other, &row(&[Behaviour::CorePattern], &[], &[]));
    drop(guard);
    assert!(is_refused(&scene, &rewrite(CORE_PATTERN)));
    // Taken over, with what was told meanwhile.
    let guard = CgroupGuard::start(&pins.0, None).unwrap();
    assert_eq!(take(&guard).len(), 1);
    assert!(guard.installed().unwrap().contains(&cgroup));
    assert!(is_refused(&scene, &rewrite(CORE_PATTERN)));
    assert_eq!(take(&guard).len(), 1);
    install(&guard, &scene, &row(&[Behaviour::KernelSettings], &[], &[]));
    assert!(!is_refused(&scene, &rewrite(CORE_PATTERN)));
    // A container that has ended leaves only pins.
    let ended = membership(&other).cgroup;
    assert_eq!(guard.sweep().unwrap(), []);
    std::sync::Arc::into_inner(other.container)
        .unwrap()
        .remove()
        .unwrap();
    // The kernel takes the programs off a little later.
    let until = Instant::now() + TIMEOUT;
    while guard.sweep().unwrap() != [ended] {
        assert!(Instant::now() < until, "the ended container is swept");
        thread::yield_now();
    }
    assert_eq!(guard.installed().unwrap(), [cgroup]);
    remove_cgroup_pins(&pins.0).unwrap();
    assert!(!is_refused(&scene, &rewrite(DOMAIN)));
    assert!(!pins.0.join("cgroup").exists());
}

fn nothing_becomes_allowed() {
    let one = Pins::new("one");
    let two = Pins::new("two");
    // What the runtime refuses by itself, and does so still.
    let limited = World::get().start(|options| options.privileges = Privileges::Default);
    let open = "rm -f /tmp/block && mknod /tmp/block b 240 0 && cat /tmp/block";
    assert!(is_refused(&limited, open));
    let first = CgroupGuard::start(&one.0, None).unwrap();
    let second = CgroupGuard::start(&two.0, None).unwrap();
    install(&first, &limited, &row(&[Behaviour::CorePattern], &[], &[]));
    assert!(is_refused(&limited, open));
    // Of two programs on a cgroup, in either order, the one that denies goes before.
    let scene = World::get().start(|_| {});
    let denying = row(&[Behaviour::DeviceNode], &[], &[]);
    let other = row(&[Behaviour::CorePattern], &[], &[]);
    install(&first, &scene, &denying);
    install(&second, &scene, &other);
    assert!(is_refused(&scene, "mknod /tmp/block b 240 0"));
    install(&first, &scene, &other);
    assert!(!is_refused(&scene, "mknod /tmp/block b 240 0"));
    install(&second, &scene, &denying);
    assert!(is_refused(&scene, "mknod /tmp/next b 240 0"));
}

fn only_a_container_s_own_cgroup() {
    let pins = Pins::new("own");
    let scene = World::get().start(|_| {});
    let guard = CgroupGuard::start(&pins.0, None).unwrap();
    let own = directory(&scene);
    let top = own.parent().unwrap();
    let row = row(&EVERYTHING, &[], &[]);
    let at_top = Membership {
        cgroup: CgroupId(fs::metadata(top).unwrap().ino()),
        ..membership(&scene)
    };
    for (membership, path) in [
        (at_top, top),
        (membership(&scene), top),
        (membership(&scene), Path::new("/tmp")),
        (Membership::default(), &own),
    ] {
        let refused = guard.install(&membership, path, &row);
        assert!(
            matches!(refused, Err(CgroupError::NotItsOwn { .. })),
            "{refused:?}"
        );
    }
    assert_eq!(guard.installed().unwrap(), []);
    assert!(
        probe_cgroup()
            .iter()
            .all(|(_, shortfall)| shortfall.is_none())
    );
}
