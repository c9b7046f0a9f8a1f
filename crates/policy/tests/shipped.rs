//! The rule that ships with the product: what it stops, and what it lets through.

use crate::defence::{check, compiled, container, set_of};
use expect_test::expect;
use yagura_event::{Behaviour, CellAction, Denied, EnforcementRow};
use yagura_policy::{RowQuestion, decide_row, defence};

#[test]
fn the_shipped_rule_has_no_problems_and_only_observes() {
    let text = defence::CONTAINER_ESCAPE;
    check(text, expect![[""]]);
    let shipped = defence::shipped();
    let [rule] = shipped.defence() else {
        panic!("one rule");
    };
    assert!(rule.observe && rule.enabled && rule.scope.is_everywhere());
    let left_out = Behaviour::ALL
        .iter()
        .filter(|b| !rule.behaviours.contains(**b));
    let left_out: Vec<&str> = left_out.map(|b| b.as_str()).collect();
    assert_eq!(
        left_out,
        ["privilege-gain", "process-memory", "splice-read-only"]
    );
    assert!(rule.allow.iter().all(|entry| entry.reason.is_some()));
    // The same rule, blocking, asks to be confirmed and leaves room for other rules.
    let blocking = text.replace("observe: true\n", "observe: false\n");
    check(
        &blocking,
        expect![[r#"
            rules.yaml:11:1: warning[YP101]: this rule blocks in every container
              hint: give it a scope, or begin with observe: true"#]],
    );
    let compiled = compiled(&set_of(&blocking), &container("docker.io/library/nginx:1"));
    assert_eq!(compiled.gaps, []);
    assert!(compiled.row.defence.len() <= EnforcementRow::SLOTS_MAX / 2);
}

/// What the shipped rule, blocking, does.
fn shipped_does(
    image: &str,
    program: &str,
    behaviour: Behaviour,
    file: Option<&str>,
) -> CellAction {
    let text = defence::CONTAINER_ESCAPE.replace("observe: true\n", "observe: false\n");
    let compiled = compiled(&set_of(&text), &container(image));
    let question = RowQuestion {
        what: Denied::Behaviour(behaviour),
        program: Some(program.as_bytes()),
        parent: Some(b"/bin/sh"),
        ancestors: &[b"/bin/sh"],
        file: file.map(str::as_bytes),
    };
    decide_row(&compiled.row, &question).action
}

/// Checks what the shipped rule does: image, program, behaviour, file (empty for none).
fn check_shipped(expected: CellAction, cases: &[(&str, &str, Behaviour, &str)]) {
    for (image, program, behaviour, file) in cases {
        let file = Some(*file).filter(|file| !file.is_empty());
        let found = shipped_does(image, program, *behaviour, file);
        assert_eq!(found, expected, "{image} {program} {behaviour} {file:?}");
    }
}

const APP: &str = "docker.io/library/debian:12";
const CILIUM: &str = "quay.io/cilium/cilium:v1.18";
const PROXY: &str = "registry.k8s.io/kube-proxy:v1.34";
const CSI: &str = "registry.k8s.io/sig-storage/csi-node:v1";

#[test]
fn the_shipped_rule_stops_escapes() {
    use Behaviour::*;
    let cases = [
        (APP, "/tmp/x", CorePattern, "/proc/sys/kernel/core_pattern"),
        (
            APP,
            "/tmp/x",
            KernelSettings,
            "/proc/sys/kernel/kptr_restrict",
        ),
        (APP, "/tmp/x", Mount, ""),
        (APP, "/tmp/x", DeviceNode, "/dev/sda"),
        (APP, "/tmp/node", IoUring, ""),
        (APP, "/usr/sbin/sshd", Mount, ""),
        (CILIUM, "/usr/bin/cilium-agent", CorePattern, "/x"),
        (
            PROXY,
            "/usr/sbin/modprobe",
            RuntimeSocket,
            "/run/containerd/containerd.sock",
        ),
    ];
    check_shipped(CellAction::Deny, &cases);
}

#[test]
fn the_shipped_rule_lets_known_good_through() {
    use Behaviour::*;
    let cases = [
        (APP, "/usr/bin/sudo", PrivilegeGain, ""),
        (
            APP,
            "/usr/sbin/sysctl",
            KernelSettings,
            "/proc/sys/net/ipv4/ip_forward",
        ),
        (
            APP,
            "/usr/sbin/sysctl",
            KernelSettings,
            "/host/proc/sys/net/core/somaxconn",
        ),
        (
            APP,
            "/usr/bin/mknod",
            DeviceNode,
            "/var/named/chroot/dev/null",
        ),
        (APP, "/usr/sbin/sshd", Keyring, ""),
        (APP, "/usr/local/bin/node", IoUring, ""),
        (APP, "/usr/sbin/mariadbd", IoUring, ""),
        (APP, "/opt/google/chrome/chrome", NamespaceCreation, ""),
        (APP, "/usr/bin/gdb", ProcessMemory, ""),
        (CILIUM, "/usr/bin/cilium-agent", Bpf, ""),
        (PROXY, "/usr/sbin/modprobe", KernelModule, ""),
        (CSI, "/bin/mount", Mount, ""),
    ];
    check_shipped(CellAction::None, &cases);
}
