//! A Debian root file system made of this machine's own packages: with dpkg and its database, gcc and Python.

use crate::harness::{DEADLINE, run};
use crate::payload::compile;
use crate::runc::Image;
use anyhow::{Context as _, Result, ensure};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use yagura_testkit::ScratchDir;

/// Programs that it needs beside those of a container; Debian's packages of gcc and Python among them.
pub(crate) const NEEDS: [&str; 9] = [
    "root",
    "runc",
    "mount",
    "umount",
    "tar",
    "cc",
    "dpkg-deb",
    "apt-cache",
    "/usr/bin/python3",
];

/// What the image has, with all that these depend on.
const PACKAGES: [&str; 14] = [
    "bash",
    "busybox-static",
    "coreutils",
    "diffutils",
    "dash",
    "dpkg",
    "findutils",
    "gcc",
    "grep",
    "libc-bin",
    "libc6-dev",
    "python3",
    "sed",
    "tar",
];

/// Makes the image; `hello` 1.0 is installed in it.
pub(crate) fn image() -> Result<Image> {
    let dir = ScratchDir::new()?;
    let rootfs = dir.join("debian");
    for folder in [
        "usr/bin",
        "usr/sbin",
        "usr/lib",
        "usr/lib64",
        "proc",
        "dev",
        "tmp",
        "root",
        "payload",
    ] {
        fs::create_dir_all(rootfs.join(folder))?;
    }
    for link in ["bin", "sbin", "lib", "lib64"] {
        symlink(format!("usr/{link}"), rootfs.join(link))?;
    }
    copy_files(&dir, &rootfs)?;
    for folder in ["updates", "parts", "triggers", "info"] {
        fs::create_dir_all(rootfs.join("var/lib/dpkg").join(folder))?;
    }
    fs::write(rootfs.join("var/lib/dpkg/status"), "")?;
    fs::write(rootfs.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n")?;
    fs::write(rootfs.join("etc/group"), "root:x:0:\n")?;
    let init = rootfs.join("etc/init.d/hello");
    fs::create_dir_all(rootfs.join("etc/init.d"))?;
    fs::write(&init, INIT_SCRIPT)?;
    fs::set_permissions(&init, fs::Permissions::from_mode(0o755))?;
    let package = package(&dir, 1)?;
    let mut install = Command::new("dpkg");
    install
        .arg("--root")
        .arg(&rootfs)
        .arg("--install")
        .arg(package);
    run(&mut install, DEADLINE)?.expect(0)?;
    Ok(Image { rootfs, dir })
}

const INIT_SCRIPT: &str =
    "#!/bin/sh\nset -e\n. /etc/default/hello\ncase \"$1\" in start) hello $GREETED ;; esac\n";

/// Copies what the packages hold, as dpkg lists it.
fn copy_files(dir: &ScratchDir, rootfs: &Path) -> Result<()> {
    let mut closure = Command::new("apt-cache");
    closure.args([
        "depends",
        "--recurse",
        "--installed",
        "--no-recommends",
        "--no-suggests",
    ]);
    closure.args([
        "--no-conflicts",
        "--no-breaks",
        "--no-replaces",
        "--no-enhances",
    ]);
    let packages = run(closure.args(PACKAGES), DEADLINE)?.expect(0)?.text();
    // Those that are depended on stand indented below.
    let packages = packages
        .lines()
        .filter(|line| line.starts_with(|first: char| first.is_ascii_alphanumeric()));
    let mut list = Command::new("dpkg-query");
    list.arg("--listfiles")
        .args(packages.filter(|name| !name.contains(' ')));
    // Virtual packages among them have no files, which it calls a failure.
    let files = run(&mut list, DEADLINE)?.text();
    let files = files
        .lines()
        .filter(|line| line.starts_with('/') && !line.starts_with("/usr/share/doc"));
    let names: String = files
        .map(|file| format!("{}\n", file.trim_start_matches('/')))
        .collect();
    let archive = dir.join("debian.tar");
    let mut pack = Command::new("tar");
    pack.args([
        "-C",
        "/",
        "--no-recursion",
        "--files-from",
        "-",
        "--ignore-failed-read",
        "-cf",
    ]);
    let mut packing = pack
        .arg(&archive)
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    packing
        .stdin
        .take()
        .context("standard input")?
        .write_all(names.as_bytes())?;
    packing.wait()?;
    let mut unpack = Command::new("tar");
    unpack
        .arg("-C")
        .arg(rootfs)
        .args(["--keep-directory-symlink", "-xpf"])
        .arg(&archive);
    run(&mut unpack, DEADLINE * 2)?.expect(0)?;
    fs::remove_file(archive)?;
    ensure!(rootfs.join("usr/bin/dpkg").exists(), "no dpkg in the image");
    Ok(())
}

/// A package with a program, the library that it needs, a script, settings, and maintainer scripts that use them all.
pub(crate) fn package(dir: &ScratchDir, version: u32) -> Result<PathBuf> {
    let tree = dir.join(&format!("hello-{version}"));
    let file = |path: &str, content: &[u8], mode: u32| -> Result<()> {
        let path = tree.join(path);
        fs::create_dir_all(path.parent().context("a folder")?)?;
        fs::write(&path, content)?;
        Ok(fs::set_permissions(
            &path,
            fs::Permissions::from_mode(mode),
        )?)
    };
    let library = format!("int greeting(void) {{ return {version}; }}\n");
    let library = compile(dir, "libhello.so", &library, &["-shared", "-fPIC"])?;
    let program = format!(
        "#include <stdio.h>\nint greeting(void);\nint main(void) {{ printf(\"hello %d of {version}\\n\", greeting()); return 0; }}\n"
    );
    let link = ["-L", &dir.path().to_string_lossy(), "-lhello"];
    let program = compile(dir, "hello", &program, &link)?;
    file("usr/bin/hello", &fs::read(program)?, 0o755)?;
    file("usr/lib/libhello.so", &fs::read(library)?, 0o644)?;
    file(
        "usr/share/hello/setup",
        b"#!/bin/sh\nhello > /var/lib/hello\n",
        0o755,
    )?;
    file(
        "etc/default/hello",
        format!("GREETED=world\nVERSION={version}\n").as_bytes(),
        0o644,
    )?;
    let control = format!(
        "Package: hello\nVersion: {version}.0\nArchitecture: all\nMaintainer: nobody\nDescription: greets\n"
    );
    file("DEBIAN/control", control.as_bytes(), 0o644)?;
    for script in ["preinst", "postinst", "prerm", "postrm"] {
        let mut text = format!("#!/bin/sh\nset -e\n# version {version}\necho \"$0\" > /dev/null\n");
        if script == "postinst" {
            text.push_str("hello\n/usr/share/hello/setup\nsh /usr/share/hello/setup\n");
        }
        file(&format!("DEBIAN/{script}"), text.as_bytes(), 0o755)?;
    }
    let archive = dir.join(&format!("hello-{version}.deb"));
    let mut build = Command::new("dpkg-deb");
    build
        .args(["--root-owner-group", "--build"])
        .arg(&tree)
        .arg(&archive);
    run(&mut build, DEADLINE)?.expect(0)?;
    Ok(archive)
}
