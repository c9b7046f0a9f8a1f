//! Debian's cloud kernel: which one it is, where it lies unpacked, and its modules.

use crate::command::output;
use anyhow::{Context, Result, ensure};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The package that depends on the newest kernel for virtual machines.
const META_PACKAGE: &str = "linux-image-cloud-amd64";
const PREFIX: &str = "linux-image-";
const SUFFIX: &str = "-cloud-amd64";

/// What the kernel needs to reach its disk and the ports for output.
const BOOT_MODULES: &[&str] = &["virtio_pci", "virtio_blk", "virtio_console"];

/// What containers, their networks and their images may need; loaded on demand.
const MODULES: &[&str] = &[
    "overlay",
    "loop",
    "squashfs",
    "fuse",
    "binfmt_misc",
    "veth",
    "bridge",
    "br_netfilter",
    "dummy",
    "tun",
    "nf_tables",
    "nft_compat",
    "nft_chain_nat",
    "nft_masq",
    "xt_MASQUERADE",
    "xt_addrtype",
    "xt_comment",
    "xt_conntrack",
    "xt_multiport",
    "unix_diag",
    "tcp_diag",
    "udp_diag",
];

/// A kernel's package.
#[derive(Debug, PartialEq, Eq)]
struct Package {
    /// Its name, such as `linux-image-6.1.0-56-cloud-amd64`.
    name: String,
    /// Its version, such as `6.1.192-2`.
    version: String,
}

impl Package {
    /// What the kernel calls itself: the name of its modules' folder.
    fn release(&self) -> &str {
        self.name.strip_prefix(PREFIX).unwrap_or(&self.name)
    }
}

/// A kernel, unpacked.
#[derive(Debug)]
pub(super) struct Kernel {
    dir: PathBuf,
    release: String,
    /// The text of `modules.dep`.
    dependencies: String,
}

impl Kernel {
    /// Finds the kernel that Debian ships, and fetches it unless `cache` has it.
    ///
    /// # Errors
    /// This is no Debian on x86-64, the package can't be fetched, or it can't be unpacked.
    pub(super) fn fetch(cache: &Path) -> Result<Kernel> {
        ensure!(
            cfg!(target_arch = "x86_64"),
            "the virtual machine is for x86-64 alone"
        );
        let mut show = Command::new("apt-cache");
        show.args(["show", "--no-all-versions", META_PACKAGE]);
        let package = package_in(&output(show.env("LC_ALL", "C"))?)
            .with_context(|| format!("{META_PACKAGE} depends on no kernel"))?;
        let dir = cache.join(format!("{}_{}", package.name, package.version));
        if !dir.exists() {
            unpack(&package, &dir)?;
        }
        let modules = dir.join("lib/modules").join(package.release());
        let list = modules.join("modules.dep");
        let dependencies =
            fs::read_to_string(&list).with_context(|| format!("reading {}", list.display()))?;
        Ok(Kernel {
            release: package.release().to_owned(),
            dir,
            dependencies,
        })
    }

    /// The file that is booted.
    pub(super) fn image(&self) -> PathBuf {
        self.dir
            .join("boot")
            .join(format!("vmlinuz-{}", self.release))
    }

    /// The modules that come before the disk, in the order in which they load.
    pub(super) fn boot_modules(&self) -> Vec<PathBuf> {
        let folder = self.module_folder();
        load_order(&self.dependencies, BOOT_MODULES)
            .into_iter()
            .map(|path| folder.join(path))
            .collect()
    }

    /// Puts the modules that programs may ask for below `root`, with the lists that modprobe reads.
    ///
    /// # Errors
    /// A file can't be copied, or depmod fails.
    pub(super) fn install_modules(&self, root: &Path) -> Result<()> {
        let from = self.module_folder();
        let to = root.join("lib/modules").join(&self.release);
        let wanted: Vec<&str> = BOOT_MODULES.iter().chain(MODULES).copied().collect();
        let mut paths = load_order(&self.dependencies, &wanted);
        paths.extend([
            "modules.builtin",
            "modules.builtin.modinfo",
            "modules.order",
        ]);
        for path in paths {
            let place = to.join(path);
            fs::create_dir_all(place.parent().unwrap_or(&to))?;
            fs::copy(from.join(path), &place).with_context(|| format!("copying {path}"))?;
        }
        let mut depmod = Command::new("/sbin/depmod");
        output(depmod.arg("-b").arg(root).arg(&self.release)).map(drop)
    }

    fn module_folder(&self) -> PathBuf {
        self.dir.join("lib/modules").join(&self.release)
    }
}

/// Fetches a package and unpacks it to `dir`, which is there only once it is whole.
fn unpack(package: &Package, dir: &Path) -> Result<()> {
    eprintln!("fetching {} {}", package.name, package.version);
    let part = dir.with_file_name(format!("part-{}", std::process::id()));
    fs::create_dir_all(&part)?;
    let mut download = Command::new("apt-get");
    download
        .current_dir(&part)
        // The user that apt would go over to can't write here.
        .args(["--quiet=2", "-o", "APT::Sandbox::User=root", "download"])
        .arg(format!("{}={}", package.name, package.version));
    output(&mut download)?;
    let archive = fs::read_dir(&part)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .context("apt-get left no package")?;
    output(Command::new("dpkg-deb").arg("-x").arg(&archive).arg(&part))?;
    output(
        Command::new("/sbin/depmod")
            .arg("-b")
            .arg(&part)
            .arg(package.release()),
    )?;
    fs::remove_file(&archive)?;
    if fs::rename(&part, dir).is_err() {
        // Another run was first.
        fs::remove_dir_all(&part)?;
        ensure!(dir.exists(), "can't make {}", dir.display());
    }
    Ok(())
}

/// The kernel that a package depends on, from the answer of `apt-cache show`.
fn package_in(control: &str) -> Option<Package> {
    let field = |name: &str| {
        control
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    };
    let depended = field("Depends")?.split(',').find_map(|dependency| {
        let name = dependency.split_whitespace().next()?;
        let release = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
        // The name becomes part of paths and of commands.
        let is_release = release.starts_with(|first: char| first.is_ascii_digit())
            && release
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || ".+-".contains(c));
        is_release.then_some((dependency, name))
    });
    let (dependency, name) = depended?;
    let exact = dependency
        .split_once("(= ")
        .and_then(|(_, version)| version.split(')').next());
    let version = exact.or(field("Version"))?.trim();
    let is_version = version.starts_with(|first: char| first.is_ascii_digit())
        && version
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || ".+-~:".contains(c));
    is_version.then(|| Package {
        name: name.to_owned(),
        version: version.to_owned(),
    })
}

/// The paths of modules and of what they depend on, each behind its dependencies. What `modules.dep` doesn't list is
/// part of the kernel itself.
fn load_order<'a>(dependencies: &'a str, wanted: &[&str]) -> Vec<&'a str> {
    let modules: HashMap<&str, (&str, &str)> = dependencies
        .lines()
        .filter_map(|line| {
            let (path, needs) = line.split_once(':')?;
            let name = path.rsplit('/').next()?.split('.').next()?;
            Some((name, (path, needs)))
        })
        .collect();
    let mut order = Vec::new();
    for (path, needs) in wanted.iter().filter_map(|name| modules.get(name)) {
        // depmod names what loads first last.
        for path in needs.split_whitespace().rev().chain([*path]) {
            if !order.contains(&path) {
                order.push(path);
            }
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_what_the_meta_package_depends_on() {
        let control = "Package: linux-image-cloud-amd64\nVersion: 6.1.192-2\n\
            Depends: linux-base (>= 4), linux-image-6.1.0-56-cloud-amd64 (= 6.1.192-2)\n";
        let package = package_in(control).unwrap();
        assert_eq!(package.name, "linux-image-6.1.0-56-cloud-amd64");
        assert_eq!(package.release(), "6.1.0-56-cloud-amd64");
        assert_eq!(package.version, "6.1.192-2");

        let inexact = "Version: 7.1+3~bpo\nDepends: linux-image-6.12.9-cloud-amd64\n";
        assert_eq!(package_in(inexact).unwrap().version, "7.1+3~bpo");
    }

    #[test]
    fn names_that_lead_elsewhere_are_no_kernel() {
        for depends in [
            "linux-image-6.1-amd64 (= 6.1)",
            "linux-image-cloud-amd64 (= 6.1)",
            "linux-image-../../x-cloud-amd64 (= 6.1)",
            "linux-image-6.1/x-cloud-amd64 (= 6.1)",
            "linux-image-6.1-cloud-amd64 (= ../6.1)",
            "",
        ] {
            let control = format!("Depends: {depends}\n");
            assert_eq!(package_in(&control), None, "{depends}");
        }
    }

    #[test]
    fn modules_load_behind_what_they_need() {
        let dependencies = "a/virtio.ko: a/virtio_ring.ko\na/virtio_ring.ko:\n\
            a/virtio_blk.ko: a/virtio.ko a/virtio_ring.ko\nb/overlay.ko:\n";
        assert_eq!(
            load_order(
                dependencies,
                &["virtio_blk", "built_in", "virtio", "overlay"]
            ),
            [
                "a/virtio_ring.ko",
                "a/virtio.ko",
                "a/virtio_blk.ko",
                "b/overlay.ko"
            ]
        );
    }
}
