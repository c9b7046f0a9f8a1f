//! What rehearsals find in the image beside the host's programs: stand-ins by name and place, and applets.

use crate::programs;

/// What a stand-in does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prop {
    /// Nothing: name and arguments are the rehearsal.
    Quiet,
    /// Runs as a server does what its standard input says (`serve.c`).
    Server,
    /// Lives until standard input ends: a container's first process under another name.
    Hold,
    /// Does what its arguments say (`act.c`).
    Act,
}

impl Prop {
    /// The program.
    pub(crate) fn content(self) -> &'static [u8] {
        match self {
            Prop::Quiet => programs::QUIET,
            Prop::Server => programs::SERVE,
            Prop::Hold => programs::HOLD,
            Prop::Act => programs::ACT,
        }
    }
}

/// The program of all acts, for scripts.
pub(crate) const ACT: &str = "/usr/bin/rehearsal-act";

/// Stand-ins by what they do. Each file has a content of its own: its path stands behind the program's end.
pub(crate) const PROPS: &[(Prop, &[&str])] = &[
    // The second one's name is what a login from elsewhere hangs below, the third one's that of a runtime.
    (
        Prop::Act,
        &[
            "usr/bin/rehearsal-act",
            "usr/sbin/sshd",
            "usr/local/sbin/runc",
        ],
    ),
    (
        Prop::Server,
        &[
            "opt/couchdb/erts-13.2/bin/beam.smp",
            "opt/couchdb/bin/couchjs",
            "usr/sbin/vsftpd",
            "usr/sbin/proftpd",
            "usr/sbin/pure-ftpd",
            "usr/lib/jvm/java-17-openjdk/bin/java",
            "usr/sbin/cron",
            "usr/sbin/crond",
            "usr/sbin/atd",
            "usr/sbin/mysqld",
            "usr/sbin/mariadbd",
            "opt/oracle/product/19c/dbhome_1/bin/oracle",
            "opt/oracle/product/19c/dbhome_1/bin/extproc",
            "opt/oracle/product/19c/dbhome_1/bin/tnslsnr",
            "usr/lib/postgresql/15/bin/postgres",
            "opt/app/venv/bin/python3",
            "opt/app/venv/bin/gunicorn",
            "usr/sbin/php-fpm8.2",
            "usr/sbin/apache2",
            "usr/sbin/nginx",
            "usr/lib/systemd/systemd",
        ],
    ),
    (
        Prop::Hold,
        &[
            "opt/miner/xmrig",
            "opt/miner/kdevtmpfsi",
            "opt/entry/chroot",
            "opt/entry/bash",
            "opt/entry/sh",
        ],
    ),
    (
        Prop::Quiet,
        &[
            // Interpreters.
            "usr/bin/python3",
            "usr/bin/python",
            "usr/bin/perl",
            "usr/bin/php",
            "usr/bin/ruby",
            "usr/bin/node",
            "usr/bin/lua",
            "usr/bin/gawk",
            "usr/bin/tclsh",
            "usr/bin/pwsh",
            "usr/bin/groovy",
            "usr/bin/go",
            // Network tools.
            "usr/bin/socat",
            "usr/bin/ncat",
            "usr/bin/nc.openbsd",
            "usr/bin/openssl",
            "usr/bin/curl",
            "usr/bin/telnet",
            "usr/bin/ssh",
            "usr/bin/scp",
            "usr/bin/sshpass",
            "usr/bin/autossh",
            "usr/bin/sshuttle",
            "usr/bin/dbclient",
            "usr/bin/zsh",
            "usr/bin/rlwrap",
            "usr/local/bin/chisel",
            "usr/local/bin/frpc",
            "usr/local/bin/ngrok",
            "usr/local/bin/htc",
            "usr/bin/nmap",
            "usr/bin/masscan",
            "usr/local/bin/zgrab2",
            "usr/local/bin/nuclei",
            "usr/local/bin/fscan",
            "usr/bin/sqlmap",
            "usr/bin/hydra",
            "usr/bin/medusa",
            "usr/bin/ncrack",
            "usr/bin/patator",
            "usr/bin/tcpdump",
            // Administration.
            "usr/sbin/useradd",
            "usr/sbin/adduser",
            "usr/sbin/usermod",
            "usr/sbin/iptables",
            "usr/sbin/ip6tables",
            "usr/sbin/nft",
            "usr/sbin/ufw",
            "usr/sbin/setenforce",
            "usr/sbin/auditctl",
            "usr/bin/systemctl",
            "usr/bin/chattr",
            "usr/bin/at",
            "usr/bin/pkill",
            "usr/bin/gdb",
            "usr/bin/strace",
            "usr/bin/sudo",
            "usr/bin/sudoedit",
            "usr/bin/pkexec",
            "usr/sbin/debugfs",
            "usr/sbin/capsh",
            "usr/bin/apt-get",
            "usr/bin/apk",
            "usr/bin/yum",
            "usr/local/bin/jattach",
            // Containers.
            "usr/bin/docker",
            "usr/bin/dockerd",
            "usr/local/bin/kubectl",
            "usr/local/bin/crictl",
            "usr/bin/ctr",
            "usr/bin/runc",
        ],
    ),
];

/// busybox's applets that rehearsals use, where the host's own programs of that name are not in the image anyway.
pub(crate) const APPLETS: &[&str] = &[
    "awk", "crontab", "cut", "find", "grep", "hostname", "ifconfig", "ip", "killall", "mkfifo",
    "mknod", "mke2fs", "nc", "netstat", "nslookup", "nsenter", "ps", "sed", "setsid", "shred",
    "sort", "tr", "uname", "wget", "whoami", "xxd",
];

/// Directories that rehearsals write to.
pub(crate) const DIRS: &[&str] = &[
    "etc/cron.d",
    "etc/pam.d",
    "etc/ssh",
    "etc/sudoers.d",
    "etc/systemd/system",
    "etc/profile.d",
    "usr/lib/security",
    "root/.ssh",
    "root/.aws",
    "usr/lib/mysql/plugin",
    "var/log/audit",
    "var/spool/cron/crontabs",
    "var/www/html/uploads",
    "opt/tomcat/webapps/ROOT",
    "home/app",
];

/// Plain files: path and content.
pub(crate) const FILES: &[(&str, &str)] = &[
    ("etc/shadow", "root:*:19000:0:99999:7:::\n"),
    ("etc/sudoers", "root ALL=(ALL:ALL) ALL\n"),
    ("etc/crontab", "# m h dom mon dow user command\n"),
    ("etc/pam.d/common-auth", "auth required pam_unix.so\n"),
    ("etc/hostname", "rehearsal\n"),
    ("root/.bash_history", "ls\n"),
    (
        "root/.aws/credentials",
        "[default]\n# a stand-in: no key was ever here\n",
    ),
    ("var/log/auth.log", "\n"),
    ("var/log/wtmp", ""),
    ("var/www/html/index.php", "<?php echo 'hello'; ?>\n"),
];
