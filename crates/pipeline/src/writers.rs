//! Closed tables of programs that write executable files: package managers, download tools, builders.
//!
//! A name alone proves little, so nothing here silences an alert: a package manager counts only while its own
//! executable is the image's, and the other kinds are words in the evidence.

use crate::process_table::{Program, base_name};
use yagura_event::WrittenHow;

/// Package managers of operating systems: they keep a record of every file, with its digest, that the image's own
/// package manager can check. Language package managers (pip, npm, gem, cargo) are left out on purpose: they install
/// and run whatever a project names, which is a known way in.
const PACKAGE_MANAGERS: &[&str] = &[
    // Debian
    "dpkg",
    "dpkg-deb",
    "dpkg-split",
    "apt",
    "apt-get",
    "aptitude",
    "apt-extracttemplates",
    // Red Hat, SUSE
    "rpm",
    "dnf5",
    "microdnf",
    "tdnf",
    "zypper",
    "dnf5daemon-server",
    // Alpine, Arch, OpenWrt, Void, Clear Linux
    "apk",
    "apk.static",
    "pacman",
    "opkg",
    "opkg-cl",
    "xbps-install",
    "xbps-reconfigure",
    "swupd",
];

/// Package managers that are scripts: their interpreter says nothing, so the script's whole path must be one of these.
const PACKAGE_MANAGER_SCRIPTS: &[&str] = &[
    "/usr/bin/dnf",
    "/usr/bin/dnf-3",
    "/usr/bin/yum",
    "/usr/bin/unattended-upgrade",
    "/usr/bin/unattended-upgrades",
    "/usr/bin/emerge",
];

/// Interpreters of those scripts, without their versions.
const PACKAGE_MANAGER_INTERPRETERS: &[&str] = &["python", "platform-python"];

/// Applets of busybox and toybox that are package managers.
const PACKAGE_MANAGER_APPLETS: &[&str] = &["dpkg", "dpkg-deb", "rpm"];

/// Programs that a package manager starts to unpack an archive for it.
const UNPACKERS: &[&str] = &["tar", "bsdtar", "cpio", "rpm2archive", "unzip"];

/// Programs that fetch files from the network.
const DOWNLOADERS: &[&str] = &[
    "curl",
    "wget",
    "wget2",
    "aria2c",
    "axel",
    "fetch",
    "ftp",
    "lftp",
    "ncftpget",
    "tnftp",
    "tftp",
    "sftp",
    "sftp-server",
    "scp",
    "rsync",
    "nc",
    "ncat",
    "netcat",
    "nc.openbsd",
    "nc.traditional",
    "socat",
    "lwp-download",
    "lynx",
    "smbclient",
    "s3cmd",
];

/// Applets of busybox and toybox that fetch files from the network.
const DOWNLOAD_APPLETS: &[&str] = &["wget", "ftpget", "tftp", "nc", "netcat"];

/// Compilers, assemblers, linkers, and what finishes their output. Versions and target triplets in front are
/// stripped before the name is looked up.
const BUILDERS: &[&str] = &[
    "ld",
    "ld.bfd",
    "ld.gold",
    "ld.lld",
    "ld.mold",
    "ld64.lld",
    "gold",
    "lld",
    "mold",
    "collect2",
    "lto1",
    "lto-wrapper",
    "cc",
    "cc1",
    "cc1plus",
    "cc1obj",
    "c++",
    "g++",
    "gcc",
    "as",
    "clang",
    "clang++",
    "tcc",
    "icx",
    "rustc",
    "rust-lld",
    "go",
    "link",
    "compile",
    "asm",
    "gccgo",
    "javac",
    "ghc",
    "ocamlc",
    "ocamlopt",
    "gfortran",
    "f951",
    "gnat1",
    "gdc",
    "d21",
    "dmd",
    "ldc2",
    "nim",
    "zig",
    "swiftc",
    "fpc",
    "nasm",
    "yasm",
    "strip",
    "objcopy",
];

/// Multi-call programs whose applet is the real program.
const MULTI_CALL: &[&str] = &["busybox", "busybox.static", "busybox-static", "toybox"];

/// The name under which a program acts: its executable's, or the applet's of a multi-call program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Acting<'a> {
    /// The name.
    pub(crate) name: &'a [u8],
    /// Whether it is an applet. A multi-call program chooses its applet by the name it was called by, so this name
    /// can be trusted although it is an argument.
    pub(crate) is_applet: bool,
    /// How many arguments stand before those of the program itself.
    pub(crate) skip: usize,
}

/// Finds the name under which a program acts.
pub(crate) fn acting(program: &Program) -> Acting<'_> {
    let exe = program.exe_name();
    if !contains(MULTI_CALL, exe) {
        return Acting {
            name: exe,
            is_applet: false,
            skip: 1,
        };
    }
    let mut argv = program.argv();
    // A login shell is called by its name behind a dash.
    let called = base_name(argv.next().unwrap_or_default());
    let called = called.strip_prefix(b"-").unwrap_or(called);
    match argv.next() {
        Some(applet) if contains(MULTI_CALL, called) => Acting {
            name: applet,
            is_applet: true,
            skip: 2,
        },
        _ => Acting {
            name: called,
            is_applet: true,
            skip: 1,
        },
    }
}

/// Whether a program is a package manager by its name and arguments.
pub(crate) fn is_package_manager(program: &Program) -> bool {
    let acting = acting(program);
    if acting.is_applet {
        return contains(PACKAGE_MANAGER_APPLETS, acting.name);
    }
    contains(PACKAGE_MANAGERS, acting.name)
        || (contains(PACKAGE_MANAGER_INTERPRETERS, without_version(acting.name))
            && program
                .argv()
                .skip(acting.skip)
                .find(|arg| !arg.starts_with(b"-"))
                .is_some_and(|script| contains(PACKAGE_MANAGER_SCRIPTS, script)))
}

/// Whether a program unpacks archives for a package manager that started it.
pub(crate) fn is_unpacker(program: &Program) -> bool {
    contains(UNPACKERS, acting(program).name)
}

/// How a file came about, by the program that wrote it.
pub(crate) fn written_how(program: &Program) -> WrittenHow {
    let acting = acting(program);
    let downloaded = match acting.is_applet {
        true => contains(DOWNLOAD_APPLETS, acting.name),
        false => contains(DOWNLOADERS, acting.name),
    };
    if downloaded {
        WrittenHow::Downloaded
    } else if !acting.is_applet && is_builder(acting.name) {
        WrittenHow::Built
    } else {
        WrittenHow::Other
    }
}

fn is_builder(name: &[u8]) -> bool {
    let known = |name: &[u8]| contains(BUILDERS, name);
    let bare = without_version(name);
    if known(name) || known(bare) {
        return true;
    }
    // A target triplet has at least two parts: `arm-none-`, `x86_64-linux-gnu-`.
    let Some(at) = bare.iter().rposition(|&byte| byte == b'-') else {
        return false;
    };
    let (triplet, tool) = bare.split_at(at);
    triplet.contains(&b'-') && tool.strip_prefix(b"-").is_some_and(known)
}

/// The name without a version behind it: `gcc-12` and `clang14` become `gcc` and `clang`. `cc1` keeps its digit, since
/// callers look up the whole name first.
pub(crate) fn without_version(name: &[u8]) -> &[u8] {
    let end = name
        .iter()
        .rposition(|byte| !byte.is_ascii_digit() && *byte != b'.')
        .map_or(0, |last| last + 1);
    let bare = name.get(..end).unwrap_or(name);
    match bare.strip_suffix(b"-") {
        Some(bare) if end < name.len() => bare,
        _ => bare,
    }
}

pub(crate) fn contains(table: &[&str], name: &[u8]) -> bool {
    table.iter().any(|known| known.as_bytes() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builders_are_known_with_version_and_triplet() {
        for name in [
            "ld",
            "x86_64-linux-gnu-ld.bfd",
            "gcc-12",
            "clang-14",
            "clang14",
            "x86_64-linux-gnu-gcc-12",
            "cc1",
            "cc1plus",
            "aarch64-alpine-linux-musl-g++",
            "arm-none-eabi-as",
            "rustc",
            "ld.lld-15",
            "collect2",
        ] {
            assert!(is_builder(name.as_bytes()), "{name}");
        }
        for name in [
            "",
            "-",
            "ld-linux-x86-64.so.2",
            "bash",
            "x-ld",
            "golang",
            "gcc-",
            "12",
            "a-b-c",
        ] {
            assert!(!is_builder(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn versions_are_stripped() {
        assert_eq!(without_version(b"python3.11"), b"python");
        assert_eq!(without_version(b"gcc-12"), b"gcc");
        assert_eq!(without_version(b"lua"), b"lua");
        assert_eq!(without_version(b"3"), b"");
    }
}
