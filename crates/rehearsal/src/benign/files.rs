//! The files of the workloads, as the image has them.

use crate::image::ImageFile;

/// A program or script of the image.
const fn program(path: &'static str, content: &'static str) -> ImageFile<'static> {
    ImageFile {
        path,
        content: content.as_bytes(),
        mode: 0o755,
    }
}

macro_rules! programs {
    ($($name:literal),* $(,)?) => {
        [$(program(concat!("/opt/workloads/", $name), include_str!(concat!("files/", $name)))),*]
    };
}

/// What workloads run.
pub(super) const PROGRAMS: &[ImageFile<'static>] = &programs![
    "BuildServer.java",
    "GroupMapping.java",
    "JavaServer.java",
    "apache-static.sh",
    "apt-install.sh",
    "artefact-download.sh",
    "backup-agent.sh",
    "backup-jobs.sh",
    "backup.sh",
    "begin.sh",
    "build-server.sh",
    "certificate-renewal.sh",
    "ci-build.sh",
    "cni-agent.sh",
    "compile.sh",
    "config-reload.sh",
    "connection-pool.sh",
    "cron-jobs.sh",
    "debug-tools.sh",
    "dns-lookups.sh",
    "docker-entrypoint.sh",
    "dpkg-maintenance.sh",
    "exec-loop.sh",
    "exporter.py",
    "exporter.sh",
    "ftp-transfer.sh",
    "git-work.sh",
    "health-checks.sh",
    "inline-scripts.sh",
    "java-server.sh",
    "load-generator.sh",
    "log-shipper.sh",
    "mariadb.sh",
    "mesh-init.sh",
    "name-node.sh",
    "nginx-logrotate.sh",
    "node-exporter.sh",
    "node-server.sh",
    "node_server.js",
    "peers.sh",
    "perl-scripts.sh",
    "php-app.sh",
    "pipelines.sh",
    "postgresql.sh",
    "python-server.sh",
    "python-venv.sh",
    "python_server.py",
    "redis.sh",
    "rootless.sh",
    "service-discovery.sh",
    "ssh-admin.sh",
    "ssh-deploy.sh",
    "ssh-target.sh",
    "supervisor.py",
    "touched-programs.sh",
    "wait-for-it.sh",
];

/// What they find.
pub(super) const SETTINGS: [ImageFile<'static>; 4] = [
    ImageFile {
        path: "/srv/php/public/index.php",
        content: include_bytes!("files/index.php"),
        mode: 0o644,
    },
    ImageFile {
        path: "/etc/resolv.conf",
        content: b"nameserver 10.77.0.1\noptions timeout:1 attempts:2\n",
        mode: 0o644,
    },
    ImageFile {
        path: "/etc/hosts",
        content: b"127.0.0.1 localhost workload rehearsal\n::1 localhost\n10.77.0.20 admin\n",
        mode: 0o644,
    },
    ImageFile {
        path: "/etc/hostname",
        content: b"workload\n",
        mode: 0o644,
    },
];
