//! Which file of an image stands at a path, by overlayfs' rules for stacking layers.
//!
//! Source: Documentation/filesystems/overlayfs.rst, Linux 6.12.

use super::file::{Facts, Found, open_directory};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags, fgetxattr, openat};
use rustix::io::Errno;
use std::path::{Path, PathBuf};

/// What the layers have at a path.
#[derive(Debug)]
pub(super) enum ImageFile {
    /// Layers could not be read, or use a feature that needs the mounted overlay.
    Unknown,
    /// No regular file.
    Absent,
    /// A regular file.
    Present {
        /// Position of the layer that holds its content, from the uppermost.
        layer: usize,
        /// The file.
        found: Found,
    },
}

/// Looks an absolute path up in layers, the uppermost first. Links are never followed: the path is a resolved one.
pub(super) fn find(layers: &[PathBuf], path: &[u8]) -> ImageFile {
    let Some(names) = names(path) else {
        return ImageFile::Unknown;
    };
    let mut is_promised = false;
    for (layer, directory) in layers.iter().enumerate() {
        match look(directory, &names) {
            Ok(InLayer::Nothing) => {}
            Ok(InLayer::MetadataOnly) => is_promised = true,
            Ok(InLayer::Hidden) => break,
            Ok(InLayer::Regular(found)) => return ImageFile::Present { layer, found },
            Ok(InLayer::Redirected) | Err(_) => return ImageFile::Unknown,
        }
    }
    match is_promised || layers.is_empty() {
        true => ImageFile::Unknown,
        false => ImageFile::Absent,
    }
}

/// What one layer says of a path.
#[derive(Debug)]
enum InLayer {
    /// Nothing: the next layer decides.
    Nothing,
    /// Neither this layer nor those below show a regular file there.
    Hidden,
    /// The file, or what is below it, goes by another path in the layers below.
    Redirected,
    /// A regular file.
    Regular(Found),
    /// A regular file's metadata; its content is in a layer below.
    MetadataOnly,
}

fn names(path: &[u8]) -> Option<Vec<&[u8]>> {
    let names: Vec<&[u8]> = path
        .strip_prefix(b"/")?
        .split(|byte| *byte == b'/')
        .collect();
    let are_plain = names
        .iter()
        .all(|name| !matches!(*name, b"" | b"." | b".."));
    are_plain.then_some(names)
}

fn look(layer: &Path, names: &[&[u8]]) -> rustix::io::Result<InLayer> {
    let Some((name, directories)) = names.split_last() else {
        return Ok(InLayer::Nothing);
    };
    let mut directory = open_directory(layer)?;
    let mut nothing = InLayer::Nothing;
    for component in directories {
        let facts = match Facts::of_entry(&directory, *component) {
            Err(Errno::NOENT) => return Ok(nothing),
            facts => facts?,
        };
        if !facts.is_directory() {
            return Ok(InLayer::Hidden);
        }
        directory = open(&directory, component, OFlags::DIRECTORY)?;
        match attribute(&directory, "redirect")? {
            Attribute::Absent => {}
            Attribute::Yes | Attribute::Other => return Ok(InLayer::Redirected),
        }
        // Another value says that whiteouts in this directory are marked by an attribute.
        if attribute(&directory, "opaque")? == Attribute::Yes {
            nothing = InLayer::Hidden;
        }
    }
    match Facts::of_entry(&directory, *name) {
        Err(Errno::NOENT) => Ok(nothing),
        facts if facts?.is_regular() => look_at_file(&directory, name),
        _ => Ok(InLayer::Hidden),
    }
}

fn look_at_file(directory: &OwnedFd, name: &[u8]) -> rustix::io::Result<InLayer> {
    let found = Found::new(open(directory, name, OFlags::NONBLOCK)?)?;
    let has = |name| attribute(&found.handle, name).map(|attribute| attribute != Attribute::Absent);
    if has("whiteout")? {
        return Ok(InLayer::Hidden);
    }
    if !has("metacopy")? {
        return Ok(InLayer::Regular(found));
    }
    match has("redirect")? {
        true => Ok(InLayer::Redirected),
        false => Ok(InLayer::MetadataOnly),
    }
}

fn open(directory: impl AsFd, name: &[u8], more: OFlags) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NOCTTY | OFlags::CLOEXEC | more;
    openat(directory, name, flags, Mode::empty())
}

/// An extended attribute of overlayfs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attribute {
    Absent,
    Yes,
    Other,
}

/// Reads an attribute under either prefix: overlays mounted in a user namespace use the second.
fn attribute(file: impl AsFd, name: &str) -> rustix::io::Result<Attribute> {
    for prefix in ["trusted", "user"] {
        let mut value = [0; 1];
        match fgetxattr(&file, format!("{prefix}.overlay.{name}"), &mut value) {
            Ok(1) if value == *b"y" => return Ok(Attribute::Yes),
            // Longer than the buffer.
            Ok(_) | Err(Errno::RANGE) => return Ok(Attribute::Other),
            Err(Errno::NODATA | Errno::OPNOTSUPP) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Attribute::Absent)
}

/// Whether a file of a container's own layer has its content there, rather than in a layer of the image.
pub(crate) fn holds_content(upper: &Path, path: &[u8]) -> bool {
    let found = names(path).and_then(|names| look(upper, &names).ok());
    matches!(found, Some(InLayer::Regular(_)))
}
