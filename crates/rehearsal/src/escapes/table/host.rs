//! Files and sockets of the host.

use super::way;
use crate::bundle::HostNamespace;
use crate::escapes::{Effect, EscapeNeeds, EscapeTechnique};
use yagura_event::Behaviour::*;

pub(super) const SOCKETS: &[EscapeTechnique] = &[
    way(
        "docker-socket",
        "a privileged container is asked for through Docker's socket, a stand-in",
        &[RuntimeSocket],
        EscapeNeeds::listener("/var/run/docker.sock"),
        "connect /var/run/docker.sock; text {request}; store",
        Effect::Heard,
    ),
    way(
        "docker-socket-elsewhere",
        "the same where the socket is mounted elsewhere",
        &[RuntimeSocket],
        EscapeNeeds::listener("/mnt/docker.sock"),
        "connect /mnt/docker.sock; text {request}; store",
        Effect::Heard,
    )
    .form_of("docker-socket"),
    way(
        "docker-socket-linked",
        "the same through a symbolic link",
        &[RuntimeSocket],
        EscapeNeeds::listener("/var/run/docker.sock"),
        "link /var/run/docker.sock /tmp/s; connect /tmp/s; text {request}; store",
        Effect::Heard,
    )
    .form_of("docker-socket"),
    way(
        "docker-socket-renamed",
        "the same through a hard link under another name, made where the host's folder is mounted",
        &[RuntimeSocket],
        EscapeNeeds {
            mounts: &[("run", "/host/run")],
            ..EscapeNeeds::listener("/var/run/docker.sock")
        },
        "hard-link /host/run/docker.sock /host/run/s; connect /host/run/s; text {request}; store",
        Effect::Heard,
    )
    .form_of("docker-socket"),
    way(
        "docker-socket-descriptor",
        "the same through a descriptor of the socket in /proc",
        &[RuntimeSocket],
        EscapeNeeds::listener("/var/run/docker.sock"),
        "open path /var/run/docker.sock; connect /proc/self/fd/3; text {request}; store",
        Effect::Heard,
    )
    .form_of("docker-socket"),
    way(
        "containerd-socket",
        "containerd's socket, a stand-in, is spoken to",
        &[RuntimeSocket],
        EscapeNeeds::listener("/run/containerd/containerd.sock"),
        "connect /run/containerd/containerd.sock; text {request}; store",
        Effect::Heard,
    ),
    way(
        "crio-socket",
        "CRI-O's socket, a stand-in, is spoken to",
        &[RuntimeSocket],
        EscapeNeeds::listener("/var/run/crio/crio.sock"),
        "connect /var/run/crio/crio.sock; text {request}; store",
        Effect::Heard,
    ),
    way(
        "shim-socket",
        "a containerd shim's abstract socket, a stand-in, is spoken to from the host's network",
        &[RuntimeSocket],
        EscapeNeeds {
            host_namespaces: &[HostNamespace::Network],
            ..EscapeNeeds::listener("@/containerd-shim/{secret}/shim.sock")
        },
        "connect @/containerd-shim/{secret}/shim.sock; text {request}; store",
        Effect::Heard,
    )
    .cve("CVE-2020-15257"),
];

pub(super) const HOST_FILES: &[EscapeTechnique] = &[
    way(
        "host-cron",
        "a job is written into the host's cron folder, a stand-in",
        &[HostJobs],
        EscapeNeeds::HOST_FILES,
        write_secret!("/host/etc/cron.d/agent"),
        Effect::HostFile("etc/cron.d/agent"),
    ),
    way(
        "host-cron-folder",
        "the same where only that folder is mounted",
        &[HostJobs],
        EscapeNeeds::mounts(&[("etc/cron.d", "/jobs")]),
        write_secret!("/jobs/agent"),
        Effect::HostFile("etc/cron.d/agent"),
    )
    .form_of("host-cron"),
    way(
        "host-cron-moved",
        "the same, written elsewhere and moved there",
        &[HostJobs],
        EscapeNeeds::HOST_FILES,
        "text {secret}; open create /host/share/agent; store; rename /host/share/agent /host/etc/cron.d/agent",
        Effect::HostFile("etc/cron.d/agent"),
    )
    .form_of("host-cron"),
    way(
        "host-cron-linked",
        "the same by a hard link to a file elsewhere",
        &[HostJobs],
        EscapeNeeds::HOST_FILES,
        "text {secret}; open create /host/share/agent; store; hard-link /host/share/agent /host/etc/cron.d/agent",
        Effect::HostFile("etc/cron.d/agent"),
    )
    .form_of("host-cron"),
    way(
        "host-cron-mapped",
        "the same by memory that is the file's",
        &[HostJobs],
        EscapeNeeds::HOST_FILES,
        "text x; open create /host/etc/cron.d/agent; store; text {secret}; open rw /host/etc/cron.d/agent; \
         store-mapped",
        Effect::HostFile("etc/cron.d/agent"),
    )
    .form_of("host-cron"),
    way(
        "host-cron-io-uring",
        "the same, opened by a ring",
        &[HostJobs, IoUring],
        EscapeNeeds::HOST_FILES,
        "text {secret}; io-uring-open create /host/etc/cron.d/agent; store",
        Effect::HostFile("etc/cron.d/agent"),
    )
    .form_of("host-cron"),
    way(
        "host-cron-linked-folder",
        "the same through a symbolic link",
        &[HostJobs],
        EscapeNeeds::HOST_FILES,
        "text {secret}; link /host/etc/cron.d /tmp/jobs; open create /tmp/jobs/agent; store",
        Effect::HostFile("etc/cron.d/agent"),
    )
    .form_of("host-cron"),
    way(
        "host-crontab",
        "a table is written for the host's root, a stand-in",
        &[HostJobs],
        EscapeNeeds::HOST_FILES,
        write_secret!("/host/var/spool/cron/crontabs/root"),
        Effect::HostFile("var/spool/cron/crontabs/root"),
    )
    .form_of("host-cron"),
    way(
        "systemd-unit",
        "a unit is written into the host's systemd folder, a stand-in",
        &[HostJobs],
        EscapeNeeds::HOST_FILES,
        write_secret!("/host/etc/systemd/system/agent.service"),
        Effect::HostFile("etc/systemd/system/agent.service"),
    ),
    way(
        "host-ssh-key",
        "a key is written for the host's root, a stand-in",
        &[HostAccounts],
        EscapeNeeds::HOST_FILES,
        write_secret!("/host/root/.ssh/authorized_keys"),
        Effect::HostFile("root/.ssh/authorized_keys"),
    ),
    way(
        "host-sudoers",
        "a rule is written for the host's sudo, a stand-in",
        &[HostAccounts],
        EscapeNeeds::HOST_FILES,
        write_secret!("/host/etc/sudoers.d/agent"),
        Effect::HostFile("etc/sudoers.d/agent"),
    )
    .form_of("host-ssh-key"),
    way(
        "host-passwd",
        "an account is added to the host's, a stand-in",
        &[HostAccounts],
        EscapeNeeds::HOST_FILES,
        "text {secret}; open append /host/etc/passwd; store",
        Effect::HostFile("etc/passwd"),
    )
    .form_of("host-ssh-key"),
    way(
        "static-pod",
        "a manifest is written where the kubelet starts pods from, a stand-in",
        &[KubeletFiles],
        EscapeNeeds::HOST_FILES,
        write_secret!("/host/etc/kubernetes/manifests/agent.yaml"),
        Effect::HostFile("etc/kubernetes/manifests/agent.yaml"),
    ),
    way(
        "kubelet-credentials",
        "the kubelet's credentials, a stand-in, are read",
        &[KubeletFiles],
        EscapeNeeds::HOST_FILES,
        tell_secret!("/host/var/lib/kubelet/pki/kubelet-client-current.pem"),
        Effect::Told,
    ),
    way(
        "kubelet-credentials-folder",
        "the same where only that folder is mounted",
        &[KubeletFiles],
        EscapeNeeds::mounts(&[("var/lib/kubelet", "/k")]),
        tell_secret!("/k/pki/kubelet-client-current.pem"),
        Effect::Told,
    )
    .form_of("kubelet-credentials"),
    way(
        "kubelet-settings",
        "the kubelet's settings, a stand-in, are read",
        &[KubeletFiles],
        EscapeNeeds::HOST_FILES,
        tell_secret!("/host/etc/kubernetes/kubelet.conf"),
        Effect::Told,
    )
    .form_of("kubelet-credentials"),
    way(
        "kubelet-credentials-openat2",
        "the same, opened by openat2",
        &[KubeletFiles],
        EscapeNeeds::HOST_FILES,
        "openat2 r /host/var/lib/kubelet/pki/kubelet-client-current.pem; tell",
        Effect::Told,
    )
    .form_of("kubelet-credentials"),
    way(
        "kubelet-credentials-io-uring",
        "the same, opened by a ring",
        &[KubeletFiles, IoUring],
        EscapeNeeds::HOST_FILES,
        "io-uring-open r /host/var/lib/kubelet/pki/kubelet-client-current.pem; tell",
        Effect::Told,
    )
    .form_of("kubelet-credentials"),
    way(
        "log-symlink",
        "a link out of the host's log folder, a stand-in, is planted",
        &[PlantedLink],
        EscapeNeeds::mounts(&[("var/log/pods", "/var/log/pods")]),
        "link /etc/shadow /var/log/pods/default_web-0_1/main/0.log",
        Effect::HostLink("var/log/pods/default_web-0_1/main/0.log"),
    ),
    way(
        "log-symlink-host",
        "the same where all of the host's files are mounted",
        &[PlantedLink],
        EscapeNeeds::HOST_FILES,
        "link /etc/shadow /host/var/log/pods/default_web-0_1/main/0.log",
        Effect::HostLink("var/log/pods/default_web-0_1/main/0.log"),
    )
    .form_of("log-symlink"),
    way(
        "log-symlink-moved",
        "the same for a link that is made elsewhere and moved there",
        &[PlantedLink],
        EscapeNeeds::HOST_FILES,
        "link /etc/shadow /host/share/0.log; rename /host/share/0.log /host/var/log/pods/default_web-0_1/main/0.log",
        Effect::HostLink("var/log/pods/default_web-0_1/main/0.log"),
    )
    .form_of("log-symlink"),
    way(
        "host-preload",
        "a library is named for all of the host's programs, in a stand-in of the list",
        &[HostPreload],
        EscapeNeeds::HOST_FILES,
        write_secret!("/host/etc/ld.so.preload"),
        Effect::HostFile("etc/ld.so.preload"),
    ),
    way(
        "host-loader-settings",
        "a folder is named for the libraries of all of the host's programs, in a stand-in of the settings",
        &[HostPreload],
        EscapeNeeds::HOST_FILES,
        write_secret!("/host/etc/ld.so.conf.d/agent.conf"),
        Effect::HostFile("etc/ld.so.conf.d/agent.conf"),
    )
    .form_of("host-preload"),
    way(
        "host-cron-own-root",
        "the same where the host's root is a file system of its own",
        &[HostJobs],
        EscapeNeeds::HOST_FILE_SYSTEM,
        write_secret!("/host/etc/cron.d/agent"),
        Effect::HostFile("etc/cron.d/agent"),
    )
    .form_of("host-cron"),
    way(
        "systemd-unit-own-root",
        "the same where the host's root is a file system of its own",
        &[HostJobs],
        EscapeNeeds::HOST_FILE_SYSTEM,
        write_secret!("/host/etc/systemd/system/agent.service"),
        Effect::HostFile("etc/systemd/system/agent.service"),
    )
    .form_of("systemd-unit"),
    way(
        "host-ssh-key-own-root",
        "the same where the host's root is a file system of its own",
        &[HostAccounts],
        EscapeNeeds::HOST_FILE_SYSTEM,
        write_secret!("/host/root/.ssh/authorized_keys"),
        Effect::HostFile("root/.ssh/authorized_keys"),
    )
    .form_of("host-ssh-key"),
    way(
        "static-pod-own-root",
        "the same where the host's root is a file system of its own",
        &[KubeletFiles],
        EscapeNeeds::HOST_FILE_SYSTEM,
        write_secret!("/host/etc/kubernetes/manifests/agent.yaml"),
        Effect::HostFile("etc/kubernetes/manifests/agent.yaml"),
    )
    .form_of("static-pod"),
    way(
        "kubelet-credentials-own-root",
        "the same where the host's root is a file system of its own",
        &[KubeletFiles],
        EscapeNeeds::HOST_FILE_SYSTEM,
        tell_secret!("/host/var/lib/kubelet/pki/kubelet-client-current.pem"),
        Effect::Told,
    )
    .form_of("kubelet-credentials"),
    way(
        "log-symlink-own-root",
        "the same where the host's root is a file system of its own",
        &[PlantedLink],
        EscapeNeeds::HOST_FILE_SYSTEM,
        "link /etc/shadow /host/var/log/pods/default_web-0_1/main/0.log",
        Effect::HostLink("var/log/pods/default_web-0_1/main/0.log"),
    )
    .form_of("log-symlink"),
    way(
        "host-preload-own-root",
        "the same where the host's root is a file system of its own",
        &[HostPreload],
        EscapeNeeds::HOST_FILE_SYSTEM,
        write_secret!("/host/etc/ld.so.preload"),
        Effect::HostFile("etc/ld.so.preload"),
    )
    .form_of("host-preload"),
];
