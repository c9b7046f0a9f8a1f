//! The workloads, by what they are for.

use super::{BenignStage, BenignWorkload, WorkloadError};
use std::time::Duration;

/// Most take a few seconds; on a machine that is busy with other things, several times that.
const USUAL_LIMIT: Duration = Duration::from_secs(60);
/// For one that waits for the next full minute.
const MINUTE_LIMIT: Duration = Duration::from_secs(100);
/// Times that a kubelet's checks are run.
const CHECK_ROUNDS: usize = 4;

/// Every workload.
pub const WORKLOADS: &[BenignWorkload] = &[
    script(
        "nginx-logrotate",
        "nginx serves, is reloaded, and logrotate signals it from a shell",
        |stage| stage.first("nginx-logrotate.sh", &[]),
    ),
    script(
        "apache-static",
        "Apache serves files and its status, is load-tested with ab and reloaded by its shell script",
        |stage| stage.first("apache-static.sh", &[]),
    ),
    script(
        "php-app",
        "PHP's server writes compiled templates as .php files outside the web root, pictures inside",
        |stage| stage.first("php-app.sh", &[]),
    ),
    script(
        "certificate-renewal",
        "keys and certificates are written below /etc, `openssl s_client` connects, nginx is reloaded",
        |stage| stage.first("certificate-renewal.sh", &[]),
    ),
    script(
        "config-reload",
        "a sidecar sends SIGHUP when a checksum changes",
        |stage| stage.first("config-reload.sh", &[]),
    ),
    script(
        "postgresql",
        "initdb, dumps, base backup; archive_command makes the server start a shell that copies files",
        |stage| stage.first("postgresql.sh", &[]),
    ),
    script(
        "mariadb",
        "mariadb-install-db and mariadbd-safe are shell scripts; SELECT INTO OUTFILE writes a text file",
        |stage| stage.first("mariadb.sh", &[]),
    ),
    script(
        "redis",
        "snapshots, a configuration that the server rewrites itself, replication on the loopback",
        |stage| stage.first("redis.sh", &[]),
    ),
    drifting(
        "apt-install",
        "maintainer scripts create a user, change passwd and group, and register services",
        |stage| stage.first("apt-install.sh", &[]),
    ),
    drifting(
        "dpkg-maintenance",
        "locales, alternatives, ldconfig with a new folder, a diversion that renames a program",
        |stage| stage.first("dpkg-maintenance.sh", &[]),
    ),
    drifting(
        "compile",
        "configure, make and tests run programs that were just compiled",
        |stage| stage.first("compile.sh", &[]),
    ),
    drifting("compile-tmpfs", "the same on a tmpfs volume", |stage| {
        stage.first("compile.sh", &["/volume/build"])
    }),
    drifting(
        "git-work",
        "hooks are scripts that a server's git starts; garbage collection runs in the background",
        |stage| stage.first("git-work.sh", &[]),
    ),
    drifting(
        "ci-build",
        "an archive is uploaded to the artefact store with curl -T and fetched into tar",
        |stage| stage.first_with_peers("ci-build.sh"),
    ),
    BenignWorkload {
        limit: MINUTE_LIMIT,
        ..drifting(
            "cron-jobs",
            "cron starts shells for a backup of /etc, log rotation and a check of the disk; a user's table is installed",
            |stage| stage.first("cron-jobs.sh", &[]),
        )
    },
    drifting(
        "backup-jobs",
        "backups read all of /etc, shadow included, encrypt, split, and restore",
        |stage| stage.first("backup-jobs.sh", &[]),
    ),
    script(
        "ssh-admin",
        "an administrator's session with a terminal, single commands over ssh, scp, rsync and tar over ssh",
        |stage| stage.first_with_ssh_host("ssh-admin.sh"),
    ),
    drifting(
        "ssh-deploy",
        "git pushes, a configuration manager's modules and rsync, each by commands over ssh",
        |stage| stage.first_with_ssh_host("ssh-deploy.sh"),
    ),
    script(
        "ftp-transfer",
        "files go to an FTP server and come back",
        |stage| stage.first("ftp-transfer.sh", &[]),
    ),
    script(
        "health-checks",
        "a kubelet's checks run curl, wget, nc, pg_isready and shells inside, over and over",
        health_checks,
    ),
    script(
        "debug-session",
        "a person with a terminal in the container looks around: env, ps, ss, top, whoami",
        debug_session,
    ),
    script(
        "java-server",
        "a JVM starts df, git, hostname and a shell for ulimit; jcmd attaches to it",
        |stage| stage.first("java-server.sh", &[]),
    ),
    drifting(
        "build-server",
        "a JVM that runs jenkins.war starts a job's shell in its workspace, with git, make and tests",
        |stage| stage.first("build-server.sh", &[]),
    ),
    script(
        "name-node",
        "a JVM with Hadoop's main class asks for groups and disks by bash -c",
        |stage| stage.first("name-node.sh", &[]),
    ),
    script(
        "python-server",
        "workers of a Python service start gzip, file, df and a shell with a pipeline",
        |stage| stage.first("python-server.sh", &[]),
    ),
    script(
        "node-server",
        "Node.js starts df, git and shells",
        |stage| stage.first("node-server.sh", &[]),
    ),
    drifting(
        "python-venv",
        "pip installs a wheel whose command is a new script",
        |stage| stage.first("python-venv.sh", &[]),
    ),
    script(
        "perl-and-ruby",
        "reports run hostname, df and sort through backticks and pipes",
        |stage| stage.first("perl-scripts.sh", &[]),
    ),
    script(
        "log-shipper",
        "compressed batches of a log are sent with curl --data-binary",
        |stage| stage.first_with_peers("log-shipper.sh"),
    ),
    script(
        "exporter",
        "every process's folder in /proc, and /sys, are read many times",
        |stage| stage.first("exporter.sh", &[]),
    ),
    drifting(
        "docker-entrypoint",
        "root prepares files, decodes a secret from base64, runs hooks, and becomes another user",
        |stage| stage.first("docker-entrypoint.sh", &["redis-server"]),
    ),
    script(
        "wait-for-it",
        "scripts wait for services with bash's /dev/tcp, nc -z and curl",
        |stage| stage.first("wait-for-it.sh", &[]),
    ),
    script(
        "mesh-init",
        "an init container with NET_ADMIN writes a service mesh's iptables rules",
        |stage| stage.first_capable(&["NET_ADMIN"], "mesh-init.sh"),
    ),
    script(
        "pipelines",
        "sort, awk, sed, find -exec, xargs -P; a search for large files on the whole disk",
        |stage| stage.first("pipelines.sh", &[]),
    ),
    script(
        "exec-loop",
        "a shell script starts some thousand short programs",
        |stage| stage.first("exec-loop.sh", &[]),
    ),
    script(
        "dns-lookups",
        "services are looked up again and again, some of them in vain",
        |stage| stage.first_with_peers("dns-lookups.sh"),
    ),
    script(
        "load-generator",
        "thousands of short connections to one backend",
        |stage| stage.first_with_peers("load-generator.sh"),
    ),
    script(
        "connection-pool",
        "many connections to a cache on a private address",
        |stage| stage.first_with_peers("connection-pool.sh"),
    ),
    script(
        "service-discovery",
        "eight services on private addresses are asked for their health",
        |stage| stage.first_with_peers("service-discovery.sh"),
    ),
    script(
        "artefact-download",
        "curl and wget fetch an archive into /tmp and into tar, settings into jq and python",
        |stage| stage.first_with_peers("artefact-download.sh"),
    ),
    script(
        "inline-scripts",
        "bash -c with a whole file in it, scripts on standard input, one-liners in five languages",
        |stage| stage.first("inline-scripts.sh", &[]),
    ),
    script(
        "supervisor",
        "a Python supervisor starts servers and shells and starts again what fails",
        |stage| stage.first("supervisor.py", &[]),
    ),
];

pub(super) const fn script(
    name: &'static str,
    what: &'static str,
    run: fn(&mut BenignStage<'_>) -> Result<(), WorkloadError>,
) -> BenignWorkload {
    BenignWorkload {
        name,
        what,
        limit: USUAL_LIMIT,
        drifts: false,
        behaviours: &[],
        image: None,
        run,
    }
}

pub(super) const fn drifting(
    name: &'static str,
    what: &'static str,
    run: fn(&mut BenignStage<'_>) -> Result<(), WorkloadError>,
) -> BenignWorkload {
    BenignWorkload {
        drifts: true,
        ..script(name, what, run)
    }
}

/// Checks as a kubelet's configuration has them.
const CHECKS: &[&[&str]] = &[
    &["curl", "-fsS", "-o", "/dev/null", "http://127.0.0.1/"],
    &["wget", "-q", "--spider", "http://localhost/"],
    &["nc", "-z", "127.0.0.1", "6379"],
    &["redis-cli", "ping"],
    &["pg_isready", "-h", "127.0.0.1", "-U", "postgres"],
    &["/bin/sh", "-c", "test -f /tmp/ready && pgrep -x nginx"],
    &[
        "sh",
        "-c",
        "psql -h 127.0.0.1 -U postgres -At -c 'SELECT 1'",
    ],
    &["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/80"],
    &["cat", "/tmp/ready"],
];

fn health_checks(stage: &mut BenignStage<'_>) -> Result<(), WorkloadError> {
    let server = stage.start(Some("health-checks.sh"))?;
    stage.wait_for(server, "pg_isready -q -h 127.0.0.1 && test -f /tmp/ready")?;
    for check in CHECKS.iter().cycle().take(CHECKS.len() * CHECK_ROUNDS) {
        stage.exec(server, check)?;
    }
    Ok(())
}

/// What a person types. The shell's own end is the last line.
const SESSION: &str = "env | sort | head\nls -la /\nls /srv\ncat /etc/os-release\ncat /etc/nginx/nginx.conf | less\nq\n\
    ps aux\ntop -b -n 1 | head -5\nwhoami\nhostname\ncurl -sI http://127.0.0.1/ | head -1\nss -tlnp\n\
    tail -n 3 /var/log/nginx/access.log\ndf -h\nfree -m\nip addr\ncat /proc/1/limits | head -3\nls -l /proc/1/fd | head\n\
    redis-cli info memory | head -3\nnginx -T 2>/dev/null | head -2\nexit\n";

fn debug_session(stage: &mut BenignStage<'_>) -> Result<(), WorkloadError> {
    let server = stage.start(Some("health-checks.sh"))?;
    stage.wait_for(server, "test -f /tmp/ready")?;
    stage.exec_terminal(server, SESSION)?;
    stage.exec(server, &["ps", "aux"])?;
    stage.exec(server, &["sh", "-c", "id; ls -la /srv; date"])?;
    // As `kubectl cp` copies in both directions.
    stage.exec(server, &["tar", "cf", "-", "/etc/nginx"])?;
    stage.exec(
        server,
        &["sh", "-c", "tar c -C /etc nginx | tar xmf - -C /tmp"],
    )?;
    Ok(())
}
