//! Which executables and libraries an image has, by size: where a copy of one may come from.

use super::file::open_directory;
use super::hash::Reader;
use super::layers::{self, ImageFile};
use super::limits::{CANDIDATES_MAX, IMAGE_PATH_BYTES_MAX, IMAGES_MAX, SCRIPT_BYTES_MAX};
use super::recent::Recent;
use super::walk::{Allowance, Progress, Walk, WalkedFile};
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Instant;
use yagura_event::{Sha256, Text};

/// A file in use, as it is compared with others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Original<'a> {
    /// Where it stands.
    pub(super) path: &'a [u8],
    /// Size in bytes.
    pub(super) size: u64,
    /// Digest of its content.
    pub(super) sha256: Sha256,
}

impl Original<'_> {
    /// Orders paths so that those with the same base name come first.
    pub(super) fn sort<T>(&self, paths: &mut [T], path: impl Fn(&T) -> &[u8]) {
        paths.sort_by_key(|item| base_name(path(item)) != base_name(self.path));
    }
}

/// Whether a file may be code: executable, or with the name of a shared object.
pub(super) fn may_be_code(file: &WalkedFile<'_>) -> bool {
    file.facts.size > 0
        && (file.facts.is_executable()
            || base_name(file.path).windows(3).any(|part| part == b".so"))
}

/// Endings of scripts' names. Shells, and who starts them with a file, ask for no mode and no ending.
const SCRIPT_ENDINGS: [&[u8]; 13] = [
    b"sh", b"bash", b"ksh", b"zsh", b"py", b"pl", b"pm", b"rb", b"js", b"mjs", b"lua", b"php",
    b"awk",
];

/// Whether a file that is not executable may be a script all the same: small, with a script's ending or none.
pub(super) fn may_be_script(file: &WalkedFile<'_>) -> bool {
    let name = base_name(file.path);
    let ending = name.iter().rposition(|byte| *byte == b'.');
    (1..=SCRIPT_BYTES_MAX).contains(&file.facts.size)
        && ending.is_none_or(|dot| {
            name.get(dot + 1..)
                .is_some_and(|ending| SCRIPT_ENDINGS.contains(&ending))
        })
}

fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

/// The images used last.
#[derive(Debug)]
pub(super) struct Images {
    recent: Recent<Vec<PathBuf>, Image>,
}

impl Images {
    pub(super) fn new() -> Images {
        Images {
            recent: Recent::new(IMAGES_MAX),
        }
    }

    /// Path of an image file with the same content. Files that could not be indexed in time are not found.
    pub(super) fn find_copied(
        &mut self,
        layers: &[PathBuf],
        original: &Original<'_>,
        reader: &mut Reader,
    ) -> Option<Text> {
        let key = layers.to_vec();
        if self.recent.get(&key).is_none() {
            self.recent.insert(key.clone(), Image::default());
        }
        let image = self.recent.get(&key)?;
        let began = Instant::now();
        image.advance(layers, image.allowance.wait_until());
        image.allowance.waited_since(began);
        image.find_copied(layers, original, reader)
    }

    /// Goes on with an unfinished index until `until`. False if there is none.
    pub(super) fn advance(&mut self, until: Instant) -> bool {
        let unfinished = self.recent.entries_mut().find(|(_, image)| !image.is_done);
        if let Some((layers, image)) = unfinished {
            image.advance(layers, until);
            return true;
        }
        false
    }
}

/// Files of an image's layers by size.
#[derive(Debug, Default)]
struct Image {
    /// The layer of the walk.
    layer: usize,
    walk: Option<Walk>,
    allowance: Allowance,
    is_done: bool,
    by_size: HashMap<u64, Vec<Indexed>>,
    path_bytes: usize,
}

#[derive(Debug)]
struct Indexed {
    layer: usize,
    path: Box<[u8]>,
}

impl Image {
    fn advance(&mut self, layers: &[PathBuf], until: Instant) {
        while !self.is_done && Instant::now() < until {
            let Some(directory) = layers.get(self.layer) else {
                self.is_done = true;
                return;
            };
            if self.walk.is_none() {
                self.walk = open_directory(directory).ok().map(Walk::new);
            }
            match self.advance_walk(until) {
                Progress::Unfinished => return,
                Progress::Complete => {
                    self.walk = None;
                    self.layer += 1;
                }
                Progress::CutShort => {
                    tracing::debug!(layers = layers.len(), "image is indexed in part only");
                    self.walk = None;
                    self.is_done = true;
                }
            }
        }
    }

    fn advance_walk(&mut self, until: Instant) -> Progress {
        let layer = self.layer;
        let (by_size, path_bytes) = (&mut self.by_size, &mut self.path_bytes);
        let Some(walk) = &mut self.walk else {
            return Progress::Complete;
        };
        walk.advance(&mut self.allowance, until, |file| {
            if may_be_code(file) {
                *path_bytes += file.path.len();
                by_size.entry(file.facts.size).or_default().push(Indexed {
                    layer,
                    path: file.path.into(),
                });
            }
            *path_bytes < IMAGE_PATH_BYTES_MAX
        })
    }

    fn find_copied(
        &self,
        layers: &[PathBuf],
        original: &Original<'_>,
        reader: &mut Reader,
    ) -> Option<Text> {
        let mut candidates: Vec<&Indexed> = self.by_size.get(&original.size)?.iter().collect();
        original.sort(&mut candidates, |indexed| &indexed.path);
        candidates
            .into_iter()
            .take(CANDIDATES_MAX)
            .find(|indexed| {
                // A file that an upper layer hides or replaces is not in the image.
                let ImageFile::Present { layer, found } = layers::find(layers, &indexed.path)
                else {
                    return false;
                };
                layer == indexed.layer && reader.digest_of_image_file(&found) == Ok(original.sha256)
            })
            .map(|indexed| Text::from(&*indexed.path))
    }
}
