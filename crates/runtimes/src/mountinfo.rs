//! `/proc/PID/mountinfo`: the root mount of a container, and where an overlay's layers are on the host.

use crate::limits::LAYERS_MAX;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};
use yagura_event::LayerDirs;

/// The mount at `/` of a mount namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RootMount {
    /// Major and minor device number of the superblock.
    pub(crate) device: (u32, u32),
    /// Name of the file system.
    pub(crate) fs_type: String,
    /// Options of the superblock, still escaped.
    options: Vec<u8>,
}

/// Finds the uppermost mount at `/`.
///
/// Source: proc_pid_mountinfo(5).
pub(crate) fn root_mount(bytes: &[u8]) -> Option<RootMount> {
    bytes
        .split(|byte| *byte == b'\n')
        .filter_map(parse_line)
        .rfind(|(mount_point, _)| *mount_point == b"/")
        .map(|(_, mount)| mount)
}

fn parse_line(line: &[u8]) -> Option<(&[u8], RootMount)> {
    let mut fields = line.split(|byte| *byte == b' ');
    let device = std::str::from_utf8(fields.nth(2)?).ok()?;
    let (major, minor) = device.split_once(':')?;
    let mount_point = fields.nth(1)?;
    // After the mount's own options come any number of optional fields, ended by a lone dash.
    fields.find(|field| *field == b"-")?;
    let fs_type = String::from_utf8_lossy(fields.next()?).into_owned();
    let options = fields.nth(1)?.to_vec();
    let mount = RootMount {
        device: (major.parse().ok()?, minor.parse().ok()?),
        fs_type,
        options,
    };
    Some((mount_point, mount))
}

/// The layers as the mount's options name them; paths may be relative to a directory that the options do not name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct OverlayOptions {
    /// Image layers, uppermost first.
    pub(crate) lower: Vec<PathBuf>,
    /// The container's own layer; empty for a read-only overlay.
    pub(crate) upper: PathBuf,
}

impl RootMount {
    /// Whether it is an overlay of the kernel's.
    pub(crate) fn is_overlay(&self) -> bool {
        self.fs_type == "overlay"
    }

    /// Whether a server outside the kernel must answer before a file of it is read.
    pub(crate) fn may_block(&self) -> bool {
        let name = self.fs_type.as_str();
        name.starts_with("fuse")
            || matches!(
                name,
                "nfs" | "nfs4" | "9p" | "cifs" | "smb3" | "ceph" | "virtiofs" | "autofs"
            )
    }

    /// Whether it is the superblock with the kernel's device number `dev` (12 bits major, 20 bits minor).
    pub(crate) fn has_device(&self, dev: u32) -> bool {
        self.device == (dev >> 20, dev & 0xf_ffff)
    }

    /// The layers, for an overlay.
    ///
    /// Source: Documentation/filesystems/overlayfs.rst; escapes: fs/overlayfs/params.c and fs/seq_file.c, Linux 6.8.
    pub(crate) fn overlay(&self) -> Option<OverlayOptions> {
        if !self.is_overlay() {
            return None;
        }
        let mut layers = OverlayOptions::default();
        for option in self.options.split(|byte| *byte == b',') {
            let mut halves = option.splitn(2, |byte| *byte == b'=');
            let (Some(name), Some(value)) = (halves.next(), halves.next()) else {
                continue;
            };
            let value = decode_octal(value);
            match name {
                b"lowerdir" => layers.lower.extend(split_lower(&value)),
                b"lowerdir+" => layers.lower.push(to_path(value)),
                b"upperdir" => layers.upper = to_path(value),
                _ => {}
            }
        }
        layers.lower.truncate(LAYERS_MAX);
        (!layers.lower.is_empty()).then_some(layers)
    }
}

/// Replaces `\ooo`, which the kernel writes for spaces, commas, backslashes and the like.
fn decode_octal(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        if *first == b'\\'
            && let Some((digits, after)) = after.split_at_checked(3)
            && let Ok(digits) = std::str::from_utf8(digits)
            && let Ok(byte) = u8::from_str_radix(digits, 8)
        {
            out.push(byte);
            rest = after;
        } else {
            out.push(*first);
            rest = after;
        }
    }
    out
}

/// Splits at colons that no backslash precedes. After a double colon come layers that hold content without names:
/// no path is looked up in them.
fn split_lower(value: &[u8]) -> Vec<PathBuf> {
    let mut parts = Vec::new();
    let mut part = Vec::new();
    let mut bytes = value.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => part.extend(bytes.next()),
            b':' if part.is_empty() => return parts,
            b':' => parts.push(to_path(std::mem::take(&mut part))),
            byte => part.push(*byte),
        }
    }
    if !part.is_empty() {
        parts.push(to_path(part));
    }
    parts
}

fn to_path(bytes: Vec<u8>) -> PathBuf {
    PathBuf::from(OsString::from_vec(bytes))
}

/// Why layers were not found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LayersError {
    /// The root file system is an overlay without a layer to write to.
    #[error("the root file system has no upper layer")]
    NoUpper,
    /// No directory of that name exists where the runtime keeps its layers.
    #[error("a layer's directory was not found on the host: {}", path.display())]
    Missing {
        /// The path as the mount names it.
        path: PathBuf,
    },
}

impl OverlayOptions {
    /// Finds the layers' directories below `host_root`. A relative path is tried below every ancestor of the
    /// absolute paths known (the upper layer, `hints`): managers mount from their storage directory to keep the
    /// options under a page.
    ///
    /// # Errors
    /// [`LayersError`], all variants.
    pub(crate) fn resolve(
        &self,
        host_root: &Path,
        hints: &[PathBuf],
    ) -> Result<LayerDirs, LayersError> {
        if self.upper.as_os_str().is_empty() {
            return Err(LayersError::NoUpper);
        }
        let upper = find_directory(&self.upper, &[], host_root, hints)?;
        let lower = self
            .lower
            .iter()
            .map(|path| find_directory(path, &[&self.upper], host_root, hints))
            .collect::<Result<_, _>>()?;
        Ok(LayerDirs { lower, upper })
    }
}

fn find_directory(
    path: &Path,
    known: &[&Path],
    host_root: &Path,
    hints: &[PathBuf],
) -> Result<PathBuf, LayersError> {
    let missing = || LayersError::Missing {
        path: path.to_owned(),
    };
    if path.components().any(|part| part == Component::ParentDir) {
        return Err(missing());
    }
    if path.is_absolute() {
        return existing(path, host_root).ok_or_else(missing);
    }
    known
        .iter()
        .copied()
        .chain(hints.iter().map(PathBuf::as_path))
        .filter(|base| base.is_absolute())
        .flat_map(Path::ancestors)
        .find_map(|base| existing(&base.join(path), host_root))
        .ok_or_else(missing)
}

/// The directory with its symbolic links resolved, such as the short names in `l/` that keep mount options short.
fn existing(path: &Path, host_root: &Path) -> Option<PathBuf> {
    let path = below(host_root, path);
    let path = std::fs::canonicalize(path).ok()?;
    path.is_dir().then_some(path)
}

/// An absolute path of the host as seen through `host_root`.
pub(crate) fn below(host_root: &Path, path: &Path) -> PathBuf {
    host_root.join(path.strip_prefix("/").unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_dir::TestDir;
    use proptest::prelude::*;

    const DOCKER: &[u8] = b"137 98 0:63 / / rw,relatime master:2 - overlay overlay rw,\
lowerdir=/d/overlay2/l/5E6Z:/d/overlay2/l/DOH7,upperdir=/d/overlay2/0beb/diff,workdir=/d/overlay2/0beb/work\n\
138 137 0:66 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw\n";

    fn overlay(options: &str) -> Option<OverlayOptions> {
        let line = format!("1 2 0:41 / / rw - overlay overlay {options}");
        root_mount(line.as_bytes()).expect("a root mount").overlay()
    }

    fn paths(names: &[&str]) -> Vec<PathBuf> {
        names.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn a_docker_root_is_parsed() {
        let mount = root_mount(DOCKER).expect("a root mount");
        assert_eq!(mount.device, (0, 63));
        assert!(mount.has_device(63) && !mount.has_device(64));
        let layers = mount.overlay().expect("an overlay");
        assert_eq!(
            layers.lower,
            paths(&["/d/overlay2/l/5E6Z", "/d/overlay2/l/DOH7"])
        );
        assert_eq!(layers.upper, PathBuf::from("/d/overlay2/0beb/diff"));
    }

    #[test]
    fn the_uppermost_of_stacked_roots_counts() {
        let text =
            b"1 2 8:1 / / rw - ext4 /dev/sda1 rw\n3 1 0:5 / / rw shared:1 - tmpfs tmpfs rw\n";
        let mount = root_mount(text).expect("a root mount");
        assert_eq!(mount.fs_type, "tmpfs");
        assert_eq!(mount.overlay(), None);
    }

    #[test]
    fn device_numbers_are_the_kernels() {
        let mount = root_mount(b"1 2 254:3 / / rw - ext4 /dev/vda rw").expect("a root mount");
        assert!(mount.has_device(254 << 20 | 3));
    }

    #[test]
    fn escapes_are_resolved() {
        let layers = overlay(r"rw,lowerdir=/a\040b\054c:/d\134:e:/f,upperdir=/u\040v,workdir=/w")
            .expect("an overlay");
        assert_eq!(layers.lower, paths(&["/a b,c", "/d:e", "/f"]));
        assert_eq!(layers.upper, PathBuf::from("/u v"));
    }

    #[test]
    fn layers_added_one_by_one_and_data_layers_are_told_apart() {
        let layers =
            overlay("rw,lowerdir+=/top,lowerdir+=/bottom,datadir+=/data,upperdir=/u").expect("one");
        assert_eq!(layers.lower, paths(&["/top", "/bottom"]));
        let layers = overlay("rw,lowerdir=/top:/bottom::/data1::/data2,upperdir=/u").expect("one");
        assert_eq!(layers.lower, paths(&["/top", "/bottom"]));
    }

    #[test]
    fn relative_layers_are_found_beside_the_upper_one_and_links_resolved() {
        let dir = TestDir::new("layers");
        let storage = dir.path().join("storage/overlay");
        for name in ["aaa/diff", "bbb/diff", "l"] {
            std::fs::create_dir_all(storage.join(name)).expect("layer");
        }
        std::os::unix::fs::symlink("../aaa/diff", storage.join("l/SHORT")).expect("link");
        let absolute = OverlayOptions {
            lower: paths(&["l/SHORT"]),
            upper: storage.join("bbb/diff"),
        };
        let layers = absolute.resolve(Path::new("/"), &[]).expect("layers");
        assert_eq!(layers.lower, [storage.join("aaa/diff")]);
        let relative = OverlayOptions {
            upper: PathBuf::from("bbb/diff"),
            ..absolute.clone()
        };
        let hint = [storage.join("bbb/merged")];
        assert_eq!(relative.resolve(Path::new("/"), &hint), Ok(layers));
        assert!(matches!(
            relative.resolve(Path::new("/"), &[]),
            Err(LayersError::Missing { .. })
        ));
    }

    #[test]
    fn missing_and_climbing_layers_are_errors() {
        for lower in ["/no/such/layer", "../../etc"] {
            let options = OverlayOptions {
                lower: paths(&[lower]),
                upper: PathBuf::from("/tmp"),
            };
            assert!(matches!(
                options.resolve(Path::new("/"), &[]),
                Err(LayersError::Missing { .. })
            ));
        }
    }

    proptest! {
        #[test]
        fn no_input_makes_it_panic(options in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut line = b"1 2 0:41 / / rw - overlay overlay rw,lowerdir=".to_vec();
            line.extend(&options);
            if let Some(mount) = root_mount(&line) {
                mount.overlay();
            }
            root_mount(&options);
        }
    }
}
