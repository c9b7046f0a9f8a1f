//! The virtual machine's disk: the host's own programs at the same places, and what a command needs besides.

use super::kernel::Kernel;
use super::packages;
use crate::command::output;
use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

/// Top-level folders that are links into /usr on most systems: loaders and scripts name them.
const TOP_DIRS: &[&str] = &["bin", "sbin", "lib", "lib64", "lib32", "libx32"];
const EMPTY_DIRS: &[&str] = &[
    "dev",
    "proc",
    "sys",
    "run",
    "tmp",
    "root",
    "mnt",
    "var/tmp",
    "var/lib",
    "var/cache/yagura",
    "var/log",
    "etc",
    "vm/applets",
];

/// Programs larger than this, in bytes, lose their debug information: it is most of what they weigh.
const UNSTRIPPED_BYTES_MAX: u64 = 16 << 20;
/// Room on the disk, for mke2fs. The file has holes: only what is written takes space.
const DISK_SIZE: &str = "3G";

/// The tree that becomes the disk.
#[derive(Debug)]
pub(super) struct Tree {
    root: PathBuf,
    /// ELF files whose libraries are not there yet.
    programs: BTreeSet<PathBuf>,
}

impl Tree {
    /// Lays out a system below `root`, a folder that is not there yet.
    ///
    /// # Errors
    /// A package is not installed or a file can't be copied.
    pub(super) fn build(root: &Path, kernel: &Kernel) -> Result<Tree> {
        let mut tree = Tree {
            root: root.to_owned(),
            programs: BTreeSet::new(),
        };
        for dir in TOP_DIRS {
            if let Ok(target) = fs::read_link(Path::new("/").join(dir)) {
                fs::create_dir_all(root.join(&target))?;
                symlink(target, root.join(dir))?;
            }
        }
        for dir in EMPTY_DIRS {
            fs::create_dir_all(root.join(dir))?;
        }
        for dir in ["tmp", "var/tmp"] {
            fs::set_permissions(root.join(dir), Permissions::from_mode(0o1777))?;
        }
        tree.write(
            "etc/passwd",
            "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534::/:/bin/false\n",
        )?;
        // Container runtimes copy it, though there is no network to look names up in.
        tree.write("etc/resolv.conf", "")?;
        tree.write("etc/group", "root:x:0:\nnogroup:x:65534:\n")?;
        tree.write(
            "etc/hosts",
            "127.0.0.1 localhost yagura-vm\n::1 localhost\n",
        )?;
        tree.add(Path::new("/etc/ld.so.cache"), Path::new("/etc/ld.so.cache"))?;
        tree.add_all(&packages::programs()?)?;
        tree.add_busybox()?;
        kernel.install_modules(root)?;
        tree.write_program("vm/start", include_str!("../../programs/vm/start.sh"))?;
        Ok(tree)
    }

    /// Finds a program as a shell would, puts it at the same place and tells that place.
    ///
    /// # Errors
    /// There is no such program or it can't be copied.
    pub(super) fn add_program(&mut self, name: &str) -> Result<PathBuf> {
        let path = if name.contains('/') {
            std::path::absolute(name)?
        } else {
            let folders = std::env::var_os("PATH").unwrap_or_default();
            std::env::split_paths(&folders)
                .map(|folder| folder.join(name))
                .find(|path| path.is_file())
                .with_context(|| format!("no program `{name}` on the PATH"))?
        };
        self.add(&path, &path)?;
        Ok(path)
    }

    /// Copies a file or folder of the host to `guest`, an absolute path.
    ///
    /// # Errors
    /// It is neither file nor folder, or can't be copied.
    pub(super) fn add(&mut self, host: &Path, guest: &Path) -> Result<()> {
        self.copy(host, guest)
            .with_context(|| format!("copying {} into the virtual machine", host.display()))
    }

    /// Copies files of the host, each to the same place. Links to neighbours and to folders stay links.
    ///
    /// # Errors
    /// A file can't be copied.
    pub(super) fn add_all(&mut self, paths: &[PathBuf]) -> Result<()> {
        for path in paths {
            self.add_linked(path)
                .with_context(|| format!("copying {}", path.display()))?;
        }
        Ok(())
    }

    /// Links `guest` to `target`, both absolute paths of the guest.
    ///
    /// # Errors
    /// There is something else already.
    pub(super) fn link(&self, target: &Path, guest: &Path) -> Result<()> {
        let place = self.place(guest)?;
        symlink(target, &place).with_context(|| format!("linking {}", guest.display()))
    }

    /// Writes a program that the guest runs by `path`, relative to its root.
    ///
    /// # Errors
    /// It can't be written.
    pub(super) fn write_program(&self, path: &str, content: &str) -> Result<()> {
        self.write(path, content)?;
        fs::set_permissions(self.root.join(path), Permissions::from_mode(0o755))?;
        Ok(())
    }

    /// Adds the libraries of all programs and makes `image`, a disk.
    ///
    /// # Errors
    /// A library can't be copied, or mke2fs fails.
    pub(super) fn finish(mut self, image: &Path) -> Result<()> {
        self.add_libraries()?;
        make_file_system(&self.root, image)?;
        fs::remove_dir_all(&self.root)?;
        Ok(())
    }

    fn add_linked(&mut self, path: &Path) -> Result<()> {
        let place = self.place(path)?;
        if fs::symlink_metadata(&place).is_ok() {
            return Ok(());
        }
        match fs::read_link(path) {
            Ok(target) if path.is_dir() => Ok(symlink(target, place)?),
            Ok(target) if target.components().count() == 1 => {
                symlink(&target, place)?;
                self.add_linked(&path.with_file_name(target))
            }
            _ => self.copy(path, path),
        }
    }

    fn copy(&mut self, host: &Path, guest: &Path) -> Result<()> {
        let place = self.place(guest)?;
        let found = fs::metadata(host)?;
        if found.is_dir() {
            fs::create_dir_all(&place)?;
            for entry in fs::read_dir(host)? {
                let name = entry?.file_name();
                self.copy(&host.join(&name), &guest.join(&name))?;
            }
            return Ok(());
        }
        ensure!(found.is_file(), "{} is no file", host.display());
        let is_program = is_elf(host)?;
        if is_program && found.len() > UNSTRIPPED_BYTES_MAX {
            let mut strip = Command::new("strip");
            strip.arg("--strip-debug").arg("-o").args([&place, host]);
            output(&mut strip)?;
        } else {
            fs::copy(host, &place)?;
        }
        if is_program {
            self.programs.insert(host.to_owned());
        }
        Ok(())
    }

    /// Where a path of the guest is on the host, its folder made.
    fn place(&self, guest: &Path) -> Result<PathBuf> {
        let relative: PathBuf = guest
            .components()
            .filter(|part| matches!(part, Component::Normal(_)))
            .collect();
        // Folders among the host's links keep their real names, so that each is in the guest only once.
        let parent = relative.parent().unwrap_or(Path::new(""));
        let real = fs::canonicalize(Path::new("/").join(parent));
        let parent = match real.as_deref().map(|real| real.strip_prefix("/")) {
            Ok(Ok(real)) => self.root.join(real),
            _ => self.root.join(parent),
        };
        fs::create_dir_all(&parent)?;
        Ok(parent.join(relative.file_name().unwrap_or_default()))
    }

    /// Writes a file; `path` is relative to the guest's root.
    ///
    /// # Errors
    /// It can't be written.
    pub(super) fn write(&self, path: &str, content: &str) -> Result<()> {
        let place = self.root.join(path);
        fs::write(&place, content).with_context(|| format!("writing {}", place.display()))
    }

    /// Busybox runs the guest's own scripts, and stands in for programs that are missing.
    fn add_busybox(&mut self) -> Result<()> {
        let busybox = Path::new("/vm/busybox");
        self.add(Path::new("/bin/busybox"), busybox)?;
        for applet in output(Command::new("/bin/busybox").arg("--list"))?.lines() {
            symlink(busybox, self.root.join("vm/applets").join(applet))?;
        }
        // The kernel asks for modules by this name.
        symlink(busybox, self.root.join("usr/sbin/modprobe"))?;
        Ok(())
    }

    fn add_libraries(&mut self) -> Result<()> {
        let programs = std::mem::take(&mut self.programs);
        if programs.is_empty() {
            return Ok(());
        }
        // It fails if any of them is static, and is silent about those.
        let listed = Command::new("ldd")
            .args(programs)
            .env("LC_ALL", "C")
            .stderr(Stdio::null())
            .output()
            .context("starting `ldd`")?;
        for library in libraries_in(&String::from_utf8_lossy(&listed.stdout)) {
            self.add(&library, &library)?;
        }
        Ok(())
    }
}

/// Makes `image`, a disk with what is in a folder.
///
/// # Errors
/// mke2fs fails.
pub(super) fn make_file_system(folder: &Path, image: &Path) -> Result<()> {
    let mut make = Command::new("/sbin/mke2fs");
    make.args(["-q", "-t", "ext4", "-O", "^has_journal"])
        .args(["-E", "lazy_itable_init=1,root_owner=0:0", "-d"])
        .args([folder, image])
        .arg(DISK_SIZE);
    output(&mut make).map(drop)
}

fn is_elf(path: &Path) -> Result<bool> {
    let mut magic = [0; 4];
    let mut file = File::open(path)?;
    Ok(file.read_exact(&mut magic).is_ok() && magic == *b"\x7fELF")
}

/// Lines are `path:`, `name => /path (0x…)` or `/path (0x…)`; the kernel's own library has no path.
fn libraries_in(list: &str) -> BTreeSet<PathBuf> {
    list.lines()
        .filter_map(|line| line.split_once('\t')?.1.rsplit_once(" (0x"))
        .map(|(names, _)| names.rsplit("=> ").next().unwrap_or(names))
        .filter(|path| path.starts_with('/'))
        .map(PathBuf::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_read_once_for_all_programs() {
        let list = "/bin/a:\n\tlinux-vdso.so.1 (0x00007f)\n\tlibc.so.6 => /lib/x/libc.so.6 (0x00007f)\n\
            \t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n/bin/b:\n\tnot a dynamic executable\n\
            /bin/c:\n\tlibc.so.6 => /lib/x/libc.so.6 (0x00007e)\n\tlibno.so => not found\n";
        let found: Vec<_> = libraries_in(list).into_iter().collect();
        let paths = ["/lib/x/libc.so.6", "/lib64/ld-linux-x86-64.so.2"].map(PathBuf::from);
        assert_eq!(found, paths);
    }

    #[test]
    fn links_to_neighbours_and_folders_stay_links() {
        let dir = std::env::temp_dir().join(format!("xtask-disk-{}", std::process::id()));
        let host = dir.join("host");
        fs::create_dir_all(host.join("folder")).unwrap();
        fs::write(host.join("file"), "content").unwrap();
        symlink("file", host.join("beside")).unwrap();
        symlink("folder/../file", host.join("around")).unwrap();
        symlink("folder", host.join("other")).unwrap();
        let mut tree = Tree {
            root: dir.join("root"),
            programs: BTreeSet::new(),
        };
        let paths = ["beside", "around", "other"].map(|name| host.join(name));
        tree.add_all(&paths).unwrap();
        let place = tree.place(&host.join("file")).unwrap();
        let copied = fs::read_to_string(&place);
        let kinds =
            ["beside", "around", "other"].map(|name| place.with_file_name(name).is_symlink());
        fs::remove_dir_all(&dir).unwrap();
        assert_eq!(copied.unwrap(), "content", "a neighbour comes along");
        assert_eq!(kinds, [true, false, true]);
    }

    #[test]
    fn folders_of_the_guest_have_one_name() {
        let tree = Tree {
            root: std::env::temp_dir().join(format!("xtask-place-{}", std::process::id())),
            programs: BTreeSet::new(),
        };
        let real = fs::canonicalize("/bin").unwrap().join("x");
        let place = tree.place(Path::new("/bin/x")).unwrap();
        let expected = tree.root.join(real.strip_prefix("/").unwrap());
        fs::remove_dir_all(&tree.root).unwrap();
        assert_eq!(place, expected);
    }
}
