//! A small root file system made of the host's own programs, so that no registry is needed.

use crate::command::CommandError;
use crate::keys::props;
use crate::libraries;
use crate::limits::IMAGE_FILE_BYTES_MAX;
use crate::programs;
use crate::remains::{self, DirectoryError, Remains, RemoveError};
use crate::runtime::is_executable;
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

/// Where the host's programs are taken from: folders that only root writes to. `PATH` may name others.
const PROGRAM_DIRS: [&str; 5] = [
    "/usr/bin",
    "/bin",
    "/usr/sbin",
    "/sbin",
    "/run/current-system/sw/bin",
];
/// Without these nothing can be rehearsed.
const REQUIRED: [&str; 15] = [
    "sh", "cat", "chmod", "cp", "dd", "echo", "env", "ln", "mkdir", "mv", "rm", "sleep", "touch",
    "true", "wc",
];
/// Cases that want one of these say so and are left out where it is missing.
const WANTED: [&str; 16] = [
    "base64",
    "bash",
    "busybox",
    "chown",
    "chroot",
    "head",
    "id",
    "install",
    "ls",
    "mount",
    "pivot_root",
    "readlink",
    "tar",
    "tee",
    "umount",
    "unshare",
];
/// Top-level folders that are links into /usr on most systems, and must be so in the image too: loaders and scripts
/// name them.
const TOP_DIRS: [&str; 6] = ["bin", "sbin", "lib", "lib64", "lib32", "libx32"];
/// Copies of the image's own program, one for each case that changes or moves it. Each has a content of its own.
pub(crate) const SHIPPED_COPIES: [&str; 13] = [
    "shipped",
    "shipped-appended",
    "shipped-overwritten",
    "shipped-patched",
    "shipped-replaced",
    "shipped-moved",
    "shipped-linked",
    "shipped-covered",
    "shipped-touched",
    "shipped-returned",
    "shipped-restored",
    "shipped-renamed",
    "shipped-spare",
];
/// The folder of the image's own shared objects.
const LIBRARY_DIR: &str = "usr/lib/shipped";

/// Why an image could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// No private directory for it.
    #[error("no place for an image")]
    Directory(#[from] DirectoryError),
    /// The host lacks a program that every image needs.
    #[error("this host has no {name}, and no static busybox to stand in")]
    ProgramMissing {
        /// The program.
        name: &'static str,
    },
    /// A loader did not say what a program needs.
    #[error("can't tell which libraries {program} needs")]
    Libraries {
        /// The program.
        program: PathBuf,
        /// Why.
        #[source]
        source: CommandError,
    },
    /// A file could not be put in place.
    #[error("can't put {path} into the image")]
    File {
        /// The file, as the host has it.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
}

/// A file of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageFile<'a> {
    /// Its path in the image.
    pub path: &'a str,
    /// What is in it.
    pub content: &'a [u8],
    /// Its permission bits.
    pub mode: u32,
}

/// A root file system for throw-away containers. Removed when dropped; containers made from it keep it alive.
#[derive(Debug)]
pub struct ThrowAwayImage {
    remains: Remains,
    /// Root of a larger image that this one only adds files to.
    below: Option<PathBuf>,
    loader: Option<PathBuf>,
    programs: BTreeSet<&'static str>,
}

impl ThrowAwayImage {
    /// Builds an image in a private folder below `base`, a folder such as /tmp that exists.
    ///
    /// # Errors
    /// `Directory` if there is no place for it, `ProgramMissing` on a host without a shell or the like, `Libraries` and
    /// `File` if the host's files can't be copied.
    pub fn build(base: &Path) -> Result<ThrowAwayImage, ImageError> {
        let making = remains::begin()?;
        let remains = Remains::create(&making, base, None)?;
        let mut image = Self::empty(remains, None)?;
        image.lay_out()?;
        image.add_host_programs()?;
        image.add_own_files()?;
        image.add_props()?;
        image.add_payload()?;
        Ok(image)
    }

    /// Builds an image of the root file system in `below`, which is only read, and `files` on top of it.
    ///
    /// Containers of it have an overlay root: [`crate::RootKind::Plain`] is refused.
    ///
    /// # Errors
    /// `Directory` if there is no place for it below `base`, `File` if a file can't be put in place.
    pub fn build_above(
        below: &Path,
        base: &Path,
        files: &[ImageFile<'_>],
    ) -> Result<ThrowAwayImage, ImageError> {
        let making = remains::begin()?;
        let remains = Remains::create(&making, base, None)?;
        let image = Self::empty(remains, Some(below.to_owned()))?;
        let root = image.root();
        for dir in ["volume", "data", "payload", "usr/bin"] {
            make_dir(&root.join(dir))?;
        }
        write_program(&root.join("usr/bin/rehearsal-hold"), programs::HOLD)?;
        for file in files {
            let path = root.join(file.path.trim_start_matches('/'));
            make_dir(path.parent().unwrap_or(&root))?;
            write_file(&path, file.content, file.mode)?;
        }
        open_dirs(&root)?;
        image.add_payload()?;
        Ok(image)
    }

    fn empty(remains: Remains, below: Option<PathBuf>) -> Result<ThrowAwayImage, ImageError> {
        let image = ThrowAwayImage {
            remains,
            below,
            loader: None,
            programs: BTreeSet::new(),
        };
        for dir in [image.root().as_path(), image.payload().as_path()] {
            make_dir(dir)?;
        }
        Ok(image)
    }

    /// Tells where the image's own files are on the host. They must not be changed: containers have this as a lower
    /// layer.
    pub fn root(&self) -> PathBuf {
        self.remains.dir.join("root")
    }

    /// Tells where the files are that drift in: what containers see at `/payload`.
    pub fn payload(&self) -> PathBuf {
        self.remains.dir.join("payload")
    }

    /// The layers of its root file system, topmost first.
    pub(crate) fn layers(&self) -> Vec<PathBuf> {
        std::iter::once(self.root())
            .chain(self.below.clone())
            .collect()
    }

    /// Tells whether the image has a program of that name.
    pub fn has(&self, program: &str) -> bool {
        let below = |root: &PathBuf| {
            PROGRAM_DIRS.iter().any(|dir| {
                fs::symlink_metadata(root.join(dir.trim_start_matches('/')).join(program)).is_ok()
            })
        };
        self.programs.contains(program) || self.below.as_ref().is_some_and(below)
    }

    /// Tells the path of the dynamic loader in the image; `None` if the host's shell is static.
    pub fn loader(&self) -> Option<&Path> {
        self.loader.as_deref()
    }

    /// Removes the image. Dropping it does the same, but can't tell of a failure.
    ///
    /// # Errors
    /// What stayed.
    pub fn remove(&self) -> Result<(), RemoveError> {
        self.remains.remove()
    }

    fn lay_out(&self) -> Result<(), ImageError> {
        let root = self.root();
        for dir in TOP_DIRS {
            let host = Path::new("/").join(dir);
            match fs::read_link(&host) {
                Ok(target) => link(&target, &root.join(dir))?,
                Err(_) if matches!(dir, "bin" | "sbin") => make_dir(&root.join(dir))?,
                Err(_) => {}
            }
        }
        for dir in [
            "usr/bin",
            "usr/sbin",
            "usr/lib",
            "usr/local/bin",
            "etc/init.d",
            "opt/tools/bin",
            "opt/applets",
            "root",
            "tmp",
            "var/tmp",
            "proc",
            "dev",
            "sys",
            "run",
            "volume",
            "data",
            "payload",
            "mnt",
            LIBRARY_DIR,
        ] {
            make_dir(&root.join(dir))?;
        }
        for dir in ["tmp", "var/tmp"] {
            set_mode(&root.join(dir), 0o1777)?;
        }
        Ok(())
    }

    fn add_host_programs(&mut self) -> Result<(), ImageError> {
        // First, so that its applets can stand in for what the host lacks.
        let busybox = self.add_program("busybox")?;
        let busybox = busybox.filter(|path| matches!(libraries::loader(path), Ok(None)));
        for name in REQUIRED {
            if self.add_program(name)?.is_some() {
                continue;
            }
            if busybox.is_none() {
                return Err(ImageError::ProgramMissing { name });
            }
            link(
                Path::new("busybox"),
                &self.root().join("usr/bin").join(name),
            )?;
            self.programs.insert(name);
        }
        for name in WANTED {
            self.add_program(name)?;
        }
        if busybox.is_some() {
            let applet = self.root().join("opt/applets/echo");
            link(Path::new("/usr/bin/busybox"), &applet)?;
        }
        // Libraries outside the loader's own folders are found through this; what it names in vain does no harm.
        let cache = Path::new("/etc/ld.so.cache");
        if cache.exists() {
            self.copy_from_host(cache)?;
        }
        Ok(())
    }

    /// Copies a host's program with all it needs and tells where the host has it; `None` if the host hasn't.
    fn add_program(&mut self, name: &'static str) -> Result<Option<PathBuf>, ImageError> {
        let found = PROGRAM_DIRS
            .iter()
            .map(|dir| Path::new(dir).join(name))
            .find(|path| is_executable(path));
        let Some(path) = found else {
            return Ok(None);
        };
        let failed = |source| ImageError::File {
            path: path.clone(),
            source,
        };
        // A link may lead through alternatives or to a program of many names; the image keeps the name and the file.
        let real = fs::canonicalize(&path).map_err(failed)?;
        let placed = self.copy_from_host(&real)?;
        let named = self.root().join(real_place(&path).map_err(failed)?);
        if named != placed && fs::symlink_metadata(&named).is_err() {
            let parent = named.parent().unwrap_or(&named);
            make_dir(parent)?;
            link(&real, &named)?;
        }
        if let Some(loader) = libraries::loader(&real).map_err(failed)? {
            let libraries =
                libraries::libraries(&loader, &real).map_err(|source| ImageError::Libraries {
                    program: real.clone(),
                    source,
                })?;
            for library in libraries {
                self.copy_from_host(&library)?;
            }
            self.copy_from_host(&loader)?;
            self.loader.get_or_insert(loader);
        }
        self.programs.insert(name);
        Ok(Some(real))
    }

    /// Copies a file to the same place in the image, folders resolved; tells where that is on the host.
    fn copy_from_host(&self, host: &Path) -> Result<PathBuf, ImageError> {
        let failed = |source| ImageError::File {
            path: host.to_owned(),
            source,
        };
        let place = self.root().join(real_place(host).map_err(failed)?);
        if fs::symlink_metadata(&place).is_ok() {
            return Ok(place);
        }
        if let Some(parent) = place.parent() {
            make_dir(parent)?;
        }
        let file = File::open(host).map_err(failed)?;
        let found = file.metadata().map_err(failed)?;
        if !found.is_file() || found.len() > IMAGE_FILE_BYTES_MAX {
            return Err(failed(io::Error::from(io::ErrorKind::FileTooLarge)));
        }
        // Without set-user-id bits: nothing here needs them.
        let mode = found.permissions().mode() & 0o777;
        let mut copy = new_file(&place, mode).map_err(failed)?;
        io::copy(&mut file.take(IMAGE_FILE_BYTES_MAX), &mut copy).map_err(failed)?;
        Ok(place)
    }

    fn add_own_files(&self) -> Result<(), ImageError> {
        let root = self.root();
        let bin = root.join("usr/bin");
        for name in SHIPPED_COPIES {
            write_program(&bin.join(name), &named(programs::SHIPPED, name))?;
        }
        let tool = named(programs::SHIPPED, "tool");
        write_program(&root.join("opt/tools/bin/tool"), &tool)?;
        for (name, content) in [
            ("shipped-dynamic", programs::SHIPPED_DYNAMIC),
            ("rehearsal-hold", programs::HOLD),
            ("run-memfd", programs::RUN_MEMFD),
            ("run-descriptor", programs::RUN_DESCRIPTOR),
            ("map-library", programs::MAP_LIBRARY),
        ] {
            write_program(&bin.join(name), content)?;
        }
        for name in ["shipped.so", "changed.so"] {
            let path = root.join(LIBRARY_DIR).join(name);
            write_program(&path, &named(programs::SHIPPED_LIBRARY, name))?;
        }
        let script = format!("#!/bin/sh\necho {}\n", programs::MARKER);
        for path in [
            "usr/bin/shipped-script",
            "usr/bin/changed-script",
            "etc/init.d/shipped",
        ] {
            write_program(&root.join(path), script.as_bytes())?;
        }
        write_file(
            &root.join("usr/lib/shipped/settings.sh"),
            script.as_bytes(),
            0o644,
        )?;
        write_file(
            &root.join("etc/passwd"),
            b"root:x:0:0:root:/root:/bin/sh\n",
            0o644,
        )?;
        write_file(&root.join("etc/group"), b"root:x:0:\n", 0o644)
    }

    /// Puts in what the rehearsals of catalogue keys find there.
    fn add_props(&mut self) -> Result<(), ImageError> {
        let root = self.root();
        for dir in props::DIRS {
            make_dir(&root.join(dir))?;
        }
        for &(path, content) in props::FILES {
            write_file(&root.join(path), content.as_bytes(), 0o644)?;
        }
        for &(prop, paths) in props::PROPS {
            for path in paths {
                let place = root.join(path);
                // What the host brought in under that name is as good a stand-in, and not ours to replace.
                if fs::symlink_metadata(&place).is_ok() {
                    continue;
                }
                make_dir(place.parent().unwrap_or(&root))?;
                write_program(&place, &named(prop.content(), path))?;
            }
        }
        let busybox = root.join("usr/bin/busybox");
        for applet in props::APPLETS.iter().filter(|_| busybox.exists()) {
            let place = root.join("usr/bin").join(applet);
            if !self.programs.contains(applet) && fs::symlink_metadata(&place).is_err() {
                link(Path::new("busybox"), &place)?;
                self.programs.insert(applet);
            }
        }
        Ok(())
    }

    fn add_payload(&self) -> Result<(), ImageError> {
        let payload = self.payload();
        let script = format!("#!/bin/sh\n# drifted\necho {}\n", programs::MARKER);
        for (name, content) in [
            ("drifted", programs::DRIFTED),
            ("drifted-dynamic", programs::DRIFTED_DYNAMIC),
            ("act", programs::ACT),
            ("drifted.so", programs::DRIFTED_LIBRARY),
            ("drifted.sh", script.as_bytes()),
        ] {
            write_program(&payload.join(name), content)?;
        }
        write_file(
            &payload.join("notes.txt"),
            programs::MARKER.as_bytes(),
            0o644,
        )
    }
}

impl Drop for ThrowAwayImage {
    fn drop(&mut self) {
        // Nobody to tell; `cleanup_leftovers` of a later run finds what stayed.
        let _ = self.remains.remove();
    }
}

/// The path with its folder's links resolved, relative to the root: where links among folders can't lead astray.
fn real_place(path: &Path) -> io::Result<PathBuf> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::from(io::ErrorKind::InvalidFilename));
    };
    let real = fs::canonicalize(parent)?.join(name);
    Ok(real
        .components()
        .filter(|part| matches!(part, Component::Normal(_)))
        .collect())
}

/// An ELF file with a name behind its end, where no loader looks: the same program with a content of its own.
fn named(program: &[u8], name: &str) -> Vec<u8> {
    [program, name.as_bytes()].concat()
}

fn make_dir(path: &Path) -> Result<(), ImageError> {
    fs::create_dir_all(path).map_err(|source| ImageError::File {
        path: path.to_owned(),
        source,
    })
}

fn set_mode(path: &Path, mode: u32) -> Result<(), ImageError> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(|source| ImageError::File {
        path: path.to_owned(),
        source,
    })
}

/// Lets everybody pass all directories below `dir`: a layer's directory decides for those of the same name below it.
fn open_dirs(dir: &Path) -> Result<(), ImageError> {
    let failed = |source| ImageError::File {
        path: dir.to_owned(),
        source,
    };
    set_mode(dir, 0o755)?;
    for entry in fs::read_dir(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_type().map_err(failed)?.is_dir() {
            open_dirs(&entry.path())?;
        }
    }
    Ok(())
}

fn link(target: &Path, path: &Path) -> Result<(), ImageError> {
    symlink(target, path).map_err(|source| ImageError::File {
        path: path.to_owned(),
        source,
    })
}

fn new_file(path: &Path, mode: u32) -> io::Result<File> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    // The umask of whoever runs us must not decide what a container may execute.
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    Ok(file)
}

fn write_program(path: &Path, content: &[u8]) -> Result<(), ImageError> {
    write_file(path, content, 0o755)
}

fn write_file(path: &Path, content: &[u8], mode: u32) -> Result<(), ImageError> {
    new_file(path, mode)
        .and_then(|mut file| file.write_all(content))
        .map_err(|source| ImageError::File {
            path: path.to_owned(),
            source,
        })
}
