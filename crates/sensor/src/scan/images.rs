//! The files of an image, scanned while nothing else is to be done.

use super::limits::IMAGE_FILES_MAX;
use crate::inspect::{Allowance, Found, Lookup, Process, Progress, Walk, look_up};
use rustix::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};
use yagura_event::{ContainerKey, ContainerQuery, ScanAnswer, Text};

/// An image to be scanned, seen through the root directory of a container of it.
#[derive(Debug)]
pub(super) struct ImageJob {
    /// The image's id or name.
    pub(super) image: String,
    /// A container of it.
    pub(super) query: ContainerQuery,
}

/// An image whose files are being scanned.
#[derive(Debug)]
pub(super) struct ImageScan {
    job: ImageJob,
    root: OwnedFd,
    walk: Walk,
    allowance: Allowance,
    /// Paths that the walk found and that are not scanned yet.
    waiting: Vec<Vec<u8>>,
    is_walked: bool,
    files: u64,
    found: Vec<(Text, ScanAnswer)>,
}

impl ImageScan {
    /// Opens the container's root directory; `None` if its process has ended.
    pub(super) fn begin(proc_root: &Path, job: ImageJob) -> Option<ImageScan> {
        let root = Process::open(proc_root, job.query.process)?
            .link("root")
            .ok()?;
        let walked = root.try_clone().ok()?;
        Some(ImageScan {
            job,
            root,
            walk: Walk::new(walked),
            allowance: Allowance::default(),
            waiting: Vec::new(),
            is_walked: false,
            files: 0,
            found: Vec::new(),
        })
    }

    /// The container through which the image is seen.
    pub(super) fn container(&self) -> ContainerKey {
        self.job.query.key
    }

    /// What was found since it was last asked.
    pub(super) fn take_found(&mut self) -> Vec<(Text, ScanAnswer)> {
        std::mem::take(&mut self.found)
    }

    /// Goes on for about so long, handing each file to `scan`. Says whether all is done or a bound was met.
    pub(super) fn advance(
        &mut self,
        slice: Duration,
        mut scan: impl FnMut(&Found, &[u8]) -> Option<ScanAnswer>,
    ) -> bool {
        let until = Instant::now() + slice;
        while Instant::now() < until {
            let Some(path) = self.waiting.pop() else {
                if self.is_walked || !self.walk_on(until) {
                    return self.end();
                }
                continue;
            };
            self.files += 1;
            if self.files > IMAGE_FILES_MAX {
                return self.end();
            }
            let file = look_up(&self.root, &path, Lookup::NoLinks).and_then(Found::new);
            if let Ok(found) = file
                && found.facts.is_regular()
                && let Some(answer) = scan(&found, &path)
            {
                self.found.push((Text::from(path.as_slice()), answer));
            }
        }
        false
    }

    /// Finds more files; false once there are none.
    fn walk_on(&mut self, until: Instant) -> bool {
        let waiting = &mut self.waiting;
        let progress = self.walk.advance(&mut self.allowance, until, |file| {
            if file.facts.size > 0 {
                waiting.push(file.path.to_vec());
            }
            // Scanned before the walk goes on, so that paths do not pile up.
            waiting.len() < 256
        });
        self.is_walked = progress == Progress::Complete
            || (progress == Progress::CutShort && self.waiting.len() < 256);
        !self.waiting.is_empty() || !self.is_walked
    }

    fn end(&self) -> bool {
        tracing::info!(
            image = self.job.image,
            files = self.files,
            "image was scanned"
        );
        true
    }
}
