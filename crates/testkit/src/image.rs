//! Images made of what the machine has: busybox, and a program that only waits.

use crate::FixtureError;
use crate::command::output;
use crate::scratch::ScratchDir;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A root file system, as a directory and as the archives that runtimes load.
#[derive(Debug, Clone)]
pub struct Image {
    /// The unpacked root file system.
    pub rootfs: PathBuf,
    /// Its files as a tar archive, for `docker import`.
    pub layer: PathBuf,
}

const APPLETS: [&str; 14] = [
    "sh", "sleep", "cat", "ls", "mount", "mkdir", "echo", "id", "ps", "cp", "chmod", "mv", "ln",
    "true",
];

/// Users of every image made here.
const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/:/bin/sh\n";

/// Makes a busybox image below `dir`.
///
/// # Errors
/// [`FixtureError`]: busybox or tar is not installed, or the disk is full.
pub fn busybox_image(dir: &ScratchDir) -> Result<Image, FixtureError> {
    let rootfs = dir.directory("busybox")?;
    for name in ["bin", "etc", "proc", "sys", "dev", "tmp"] {
        dir.directory(&format!("busybox/{name}"))?;
    }
    let busybox = rootfs.join("bin/busybox");
    std::fs::copy("/bin/busybox", &busybox).map_err(FixtureError::file(&busybox))?;
    for applet in APPLETS {
        let link = rootfs.join("bin").join(applet);
        symlink("busybox", &link).map_err(FixtureError::file(&link))?;
    }
    dir.write("busybox/etc/passwd", PASSWD)?;
    let layer = dir.join("busybox.tar");
    output(
        Command::new("tar")
            .arg("-C")
            .arg(&rootfs)
            .arg("-cf")
            .arg(&layer)
            .arg("."),
    )?;
    Ok(Image { rootfs, layer })
}

/// A pod's first process: waits, and ends when told to, as the first process of a pid namespace otherwise would not.
const PAUSE: &str = "#include <signal.h>\n#include <unistd.h>\n\
static void end(int number) { _exit(number == 0); }\n\
int main(void) { signal(SIGTERM, end); signal(SIGINT, end); for (;;) pause(); }\n";

/// Makes an image with nothing but that program at `/pause`; the directory of its root file system.
pub(crate) fn pause_rootfs(dir: &ScratchDir) -> Result<PathBuf, FixtureError> {
    let rootfs = dir.directory("pause")?;
    let source = dir.write("pause.c", PAUSE)?;
    output(
        Command::new("cc")
            .args(["-static", "-Os", "-o"])
            .arg(rootfs.join("pause"))
            .arg(source),
    )?;
    Ok(rootfs)
}

/// Packs a root file system as an OCI archive, for `ctr images import`.
pub(crate) fn oci_archive(
    dir: &ScratchDir,
    name: &str,
    rootfs: &Path,
    command: &str,
) -> Result<PathBuf, FixtureError> {
    let layout = dir.join(&format!("{name}.oci"));
    let bundle = dir.join(&format!("{name}.bundle"));
    let image = format!("{}:latest", layout.display());
    let umoci = |arguments: &[&str]| output(Command::new("umoci").args(arguments)).map(drop);
    output(
        Command::new("umoci")
            .args(["init", "--layout"])
            .arg(&layout),
    )?;
    umoci(&["new", "--image", &image])?;
    output(
        Command::new("umoci")
            .args(["unpack", "--image", &image])
            .arg(&bundle),
    )?;
    output(
        Command::new("cp")
            .arg("-a")
            .arg(rootfs.join("."))
            .arg(bundle.join("rootfs")),
    )?;
    output(
        Command::new("umoci")
            .args(["repack", "--image", &image])
            .arg(&bundle),
    )?;
    umoci(&["config", "--image", &image, "--config.cmd", command])?;
    let archive = dir.join(&format!("{name}.oci.tar"));
    output(
        Command::new("tar")
            .arg("-C")
            .arg(&layout)
            .arg("-cf")
            .arg(&archive)
            .arg("."),
    )?;
    Ok(archive)
}
