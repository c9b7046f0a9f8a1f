use super::*;
use expect_test::expect;
use proptest::prelude::*;
use yagura_event::WallTime;

const CRI: &str = r#"{"ociVersion":"1.0.2","root":{"path":"rootfs"},
 "process":{"args":["/bin/sleep"],"capabilities":{"bounding":["CAP_CHOWN","CAP_KILL"]}},
 "mounts":[{"destination":"/proc","type":"proc","source":"proc","options":["nosuid"]},
  {"destination":"/data","type":"bind","source":"/host/data","options":["rbind","ro"]}],
 "linux":{"maskedPaths":["/proc/acpi"],"resources":{"devices":[{"allow":false,"access":"rwm"}]}},
 "annotations":{"io.kubernetes.cri.container-name":"app","io.kubernetes.cri.container-type":"container",
  "io.kubernetes.cri.image-name":"localhost/busy:latest","io.kubernetes.cri.sandbox-id":"5b",
  "io.kubernetes.cri.sandbox-name":"web-0","io.kubernetes.cri.sandbox-namespace":"shop",
  "io.kubernetes.cri.sandbox-uid":"u-1"}}"#;

const PODMAN: &str = r#"{"annotations":{"io.container.manager":"libpod",
 "io.kubernetes.cri-o.Created":"2026-11-22T06:49:56.23385952Z","io.podman.annotations.privileged":"FALSE"},
 "mounts":[{"destination":"/run/podman-init","type":"bind","source":"/usr/libexec/podman/catatonit",
 "options":["bind","ro"]}],"linux":{}}"#;

const PRIVILEGED: &str = r#"{"process":{"capabilities":{"bounding":["CAP_SYS_ADMIN","CAP_SYS_MODULE",
 "CAP_SYS_RAWIO","CAP_SYS_PTRACE","CAP_NET_ADMIN"]}},
 "linux":{"resources":{"devices":[{"allow":false,"access":"rwm"},{"allow":true,"access":"rwm"}]}}}"#;

const CRIO_SANDBOX: &str = r#"{"annotations":{"io.container.manager":"cri-o",
 "io.kubernetes.cri-o.ContainerID":"5b","io.kubernetes.cri-o.ContainerType":"sandbox",
 "io.kubernetes.cri-o.SandboxID":"5b","io.kubernetes.cri-o.KubeName":"web-0",
 "io.kubernetes.cri-o.Namespace":"shop","io.kubernetes.container.name":"POD","io.kubernetes.pod.uid":"u-1",
 "io.kubernetes.cri-o.Labels":"{\"app\":\"web\",\"io.kubernetes.pod.name\":\"web-0\"}"}}"#;

fn spec(json: &str) -> Spec {
    parse(json.as_bytes()).expect("a configuration")
}

#[test]
fn containerds_annotations_name_container_and_pod() {
    let spec = spec(CRI);
    assert!(!spec.is_sandbox());
    assert_eq!(spec.sandbox_id().as_deref(), Some("5b"));
    expect![[r#"
        Container {
            id: "",
            name: "app",
            image: "localhost/busy:latest",
            image_id: "",
            image_digest: "",
            runtime: Containerd,
            privileged: Some(
                false,
            ),
            mounts: [
                Mount {
                    destination: "/proc",
                    source: "proc",
                    read_only: false,
                },
                Mount {
                    destination: "/data",
                    source: "/host/data",
                    read_only: true,
                },
            ],
            pod: Some(
                Pod {
                    name: "web-0",
                    namespace: "shop",
                    uid: "u-1",
                    labels: {},
                },
            ),
            command: [
                "/bin/sleep",
            ],
            capabilities: Some(
                33,
            ),
            host_namespaces: None,
            labels: {},
            ip: "",
            sandbox_id: "5b",
            created: None,
            first_pid: 0,
            gaps: [],
        }
    "#]]
    .assert_debug_eq(&spec.container());
}

#[test]
fn podmans_annotations_name_the_manager_and_the_init_helper_is_the_runtimes() {
    let spec = spec(PODMAN);
    let container = spec.container();
    assert_eq!(container.runtime, Runtime::Podman);
    assert_eq!(container.privileged, Some(false));
    assert_eq!(container.created, Some(WallTime(1_795_330_196_233_859_520)));
    assert_eq!(spec.runtime_files(), [Text::from("/run/podman-init")]);
}

#[test]
fn crios_sandbox_carries_the_pods_labels() {
    let spec = spec(CRIO_SANDBOX);
    let container = spec.container();
    assert!(spec.is_sandbox());
    assert_eq!(
        (container.name.as_str(), container.runtime),
        ("POD", Runtime::CriO)
    );
    let pod = container.pod.expect("a pod");
    assert_eq!(
        (pod.name.as_str(), pod.namespace.as_str()),
        ("web-0", "shop")
    );
    assert_eq!(pod.labels.get("app").map(String::as_str), Some("web"));
}

#[test]
fn only_all_privileges_together_are_privileged() {
    assert_eq!(spec(PRIVILEGED).privileged(), Some(true));
    let masked = PRIVILEGED.replace(r#""linux":{"#, r#""linux":{"maskedPaths":["/proc/kcore"],"#);
    assert_eq!(spec(&masked).privileged(), Some(false));
    let one_device = PRIVILEGED.replace(r#"{"allow":true,"#, r#"{"allow":true,"major":7,"#);
    assert_eq!(spec(&one_device).privileged(), Some(false));
    assert_eq!(spec("{}").privileged(), None);
}

#[test]
fn a_writable_mount_named_like_an_init_helper_is_not_the_runtimes() {
    let spec = spec(
        r#"{"mounts":[{"destination":"/x","source":"/home/me/tini","options":["rbind","rw"]},
            {"destination":"/sbin/docker-init","source":"/usr/bin/docker-init","options":["bind","ro"]}]}"#,
    );
    assert_eq!(spec.runtime_files(), [Text::from("/sbin/docker-init")]);
}

#[test]
fn absent_and_null_parts_are_fine_and_wrong_types_an_error() {
    let spec =
        spec(r#"{"annotations":null,"mounts":null,"process":null,"linux":{"maskedPaths":null}}"#);
    assert_eq!(spec.manager(), None);
    assert!(spec.mounts().is_empty());
    assert!(parse(br#"{"annotations":7}"#).is_err());
}

proptest! {
    #[test]
    fn no_input_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&bytes);
    }
}
