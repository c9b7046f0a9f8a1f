//! What is in the Debian root file system: changing anything here makes it be built anew.

/// The release: its programs and their versions are what rehearsals were written against.
pub(super) const SUITE: &str = "bookworm";

/// Packages of the Debian root file system, beside what they need but without what they recommend.
pub const PACKAGES: &[&str] = &[
    // Servers that rows of the catalogue name, or that benign workloads run.
    "apache2",
    "cron",
    "dnsmasq-base",
    "mariadb-server",
    "nginx-light",
    "openssh-server",
    "postgresql-15",
    "proftpd-core",
    "redis-server",
    // Languages.
    "gcc",
    "libc6-dev",
    "make",
    "nodejs",
    "openjdk-17-jdk-headless",
    "perl",
    "php-cli",
    "python3",
    "python3-venv",
    "ruby",
    // Clients and tools of the network.
    "bind9-host",
    "curl",
    "iproute2",
    "iptables",
    "ncat",
    "net-tools",
    "netcat-openbsd",
    "nmap",
    "openssh-client",
    "rsync",
    "socat",
    "sshpass",
    "tcpdump",
    "wget",
    // What administrators and builds use.
    "apt-utils",
    "bc",
    "ca-certificates",
    "file",
    "gdb",
    "git",
    "iputils-ping",
    "jq",
    "less",
    "locales",
    "logrotate",
    "lsof",
    "openssl",
    "procps",
    "psmisc",
    "strace",
    "sudo",
    "unzip",
    "vim-tiny",
    "xz-utils",
    "zip",
    "zstd",
];

/// Packages that lie in [`PACKAGE_DIR`] for workloads that install something without a network.
pub(super) const SPARE_PACKAGES: [&str; 4] = ["hello", "libevent-2.1-7", "memcached", "tree"];

/// Where the root file system has a few packages that are not installed, with an index.
pub const PACKAGE_DIR: &str = "/opt/packages";

/// Files that nothing here uses and that are large, by dpkg's patterns. Folders stay: scripts of packages need them.
pub(super) const EXCLUDED: [&str; 10] = [
    "/usr/share/doc/*",
    "/usr/share/man/*.gz",
    "/usr/share/locale/*.mo",
    "/usr/lib/jvm/*/jmods/*",
    "/usr/lib/*/libLLVM*",
    "/usr/lib/*/libz3*",
    // Without it PostgreSQL does not look for the library above.
    "/usr/lib/postgresql/*/llvmjit*",
    "/usr/lib/postgresql/*/bitcode/*",
    "/usr/lib/gcc/*/lto1",
    "/usr/lib/gcc/*san.a",
];

/// Run by mmdebstrap with the root file system as first argument, once all packages are there. Databases made by
/// packages' own scripts go: workloads make theirs.
pub(super) const FINISH: &str = r#"set -eu
root=$1
chroot "$root" pg_dropcluster 15 main
find "$root/var/lib/mysql" -mindepth 1 -delete
chroot "$root" useradd --create-home --shell /bin/bash app
echo app:rehearsal | chroot "$root" chpasswd
cd "$root/opt/packages"
chroot "$root" sh -c 'cd /opt/packages && apt-ftparchive packages . >Packages'
rm -f "$root/etc/resolv.conf" "$root/etc/hostname"
"#;

/// A number that differs whenever what is built would differ.
pub(super) fn version() -> u64 {
    // FNV-1a: short, and the same in every build of this program.
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    [SUITE, std::env::consts::ARCH, PACKAGE_DIR, FINISH]
        .iter()
        .chain(PACKAGES)
        .chain(&SPARE_PACKAGES)
        .chain(&EXCLUDED)
        .flat_map(|text| text.bytes().chain([0]))
        .fold(BASIS, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(PRIME)
        })
}
