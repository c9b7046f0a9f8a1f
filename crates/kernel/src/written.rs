//! The programs that tell of written files, loaded and attached only while somebody wants to know.

use crate::observer::Observer;
use libbpf_rs::{Link, MapCore as _, Object, ObjectBuilder, OpenObject};
use std::cell::RefCell;
use std::os::fd::AsFd as _;

const OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/written.bpf.o"));

/// Maps of which the object has its own: memory that a program may hold while the observing ones run on the same CPU.
const OWN_MAPS: [&str; 2] = ["scratches", "walks"];

/// How the last close of a file is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClosesSeen {
    /// In the function that every last close calls, by a trampoline: costs nothing elsewhere.
    ByTrampoline,
    /// Where the file's memory is given back (Linux 6.7 and later): costs everything that is given back a comparison.
    ByTracepoint,
}

impl ClosesSeen {
    /// In the order in which they are tried.
    const ALL: [ClosesSeen; 2] = [ClosesSeen::ByTrampoline, ClosesSeen::ByTracepoint];

    fn program(self) -> &'static str {
        match self {
            ClosesSeen::ByTrampoline => "on_file_closing",
            ClosesSeen::ByTracepoint => "on_file_freed",
        }
    }

    /// Where the program attaches, as `yagura doctor` names it.
    pub fn attach_point(self) -> &'static str {
        match self {
            ClosesSeen::ByTrampoline => "fentry/locks_remove_file",
            ClosesSeen::ByTracepoint => "tp_btf/kmem_cache_free",
        }
    }
}

/// Why written files cannot be told of.
#[derive(Debug, thiserror::Error)]
pub enum WrittenError {
    /// The object could not be opened.
    #[error("BPF object for written files cannot be opened")]
    Open(#[source] libbpf_rs::Error),
    /// A map of the observing programs could not be shared.
    #[error("map {map} cannot be shared")]
    Share {
        /// The map.
        map: String,
        /// The kernel's reason.
        source: libbpf_rs::Error,
    },
    /// The kernel takes neither program.
    #[error("kernel takes no program that sees files closed: trampoline: {trampoline}")]
    Refused {
        /// Why no trampoline may stand there.
        trampoline: libbpf_rs::Error,
        /// Why the tracepoint does not do.
        source: libbpf_rs::Error,
    },
    /// A program is not in the object.
    #[error("{0} is missing from the BPF object")]
    Missing(&'static str),
}

/// What is attached.
#[derive(Default)]
pub(crate) struct Written {
    attached: RefCell<Option<Attached>>,
}

struct Attached {
    // Before the object, so that the program is detached before its maps go.
    _link: Link,
    _object: Object,
    seen: ClosesSeen,
}

/// Why one of the ways cannot be gone.
enum AttachError {
    Refused(libbpf_rs::Error),
    Broken(WrittenError),
}

impl Observer {
    /// Has every regular file told of that a container's process had open for writing and that was closed for the last
    /// time, or none any more. To begin with none is, and nothing is attached for it. Loading or unloading the program takes
    /// about a tenth of a second.
    ///
    /// # Errors
    /// [`WrittenError`] if this kernel has no place where closes can be seen; then none is told of.
    pub fn set_written(&self, is_wanted: bool) -> Result<(), WrittenError> {
        let mut attached = self.written.attached.borrow_mut();
        if !is_wanted {
            *attached = None;
        } else if attached.is_none() {
            *attached = Some(self.attach_written()?);
        }
        Ok(())
    }

    /// How last closes are seen at the moment; `None` while written files are not told of.
    pub fn closes_seen(&self) -> Option<ClosesSeen> {
        let attached = self.written.attached.borrow();
        attached.as_ref().map(|attached| attached.seen)
    }

    fn attach_written(&self) -> Result<Attached, WrittenError> {
        let mut refused = Vec::new();
        for seen in ClosesSeen::ALL {
            match self.try_written(seen) {
                Ok(attached) => return Ok(attached),
                Err(AttachError::Broken(error)) => return Err(error),
                Err(AttachError::Refused(error)) => refused.push(error),
            }
        }
        let mut refused = refused.into_iter();
        match (refused.next(), refused.next()) {
            (Some(trampoline), Some(source)) => Err(WrittenError::Refused { trampoline, source }),
            _ => Err(WrittenError::Missing("every program")),
        }
    }

    fn try_written(&self, seen: ClosesSeen) -> Result<Attached, AttachError> {
        let mut open = ObjectBuilder::default()
            .open_memory(OBJECT)
            .map_err(|error| AttachError::Broken(WrittenError::Open(error)))?;
        for mut program in open.progs_mut() {
            let is_tried = program.name() == seen.program();
            program.set_autoload(is_tried);
        }
        self.share_maps(&mut open).map_err(AttachError::Broken)?;
        let object = open.load().map_err(AttachError::Refused)?;
        let program = object
            .progs_mut()
            .find(|program| program.name() == seen.program())
            .ok_or(AttachError::Broken(WrittenError::Missing(seen.program())))?;
        let link = program.attach().map_err(AttachError::Refused)?;
        Ok(Attached {
            _link: link,
            _object: object,
            seen,
        })
    }

    /// Gives the object the maps of the observing programs.
    fn share_maps(&self, open: &mut OpenObject) -> Result<(), WrittenError> {
        for mut map in open.maps_mut() {
            let name = map.name().to_os_string();
            // A name with a full stop is that of a section of variables, and may be the same in both by chance.
            let is_section = name.as_encoded_bytes().contains(&b'.');
            if is_section || OWN_MAPS.iter().any(|own| name == *own) {
                continue;
            }
            let Some(shared) = self.object.maps().find(|shared| shared.name() == name) else {
                continue;
            };
            map.reuse_fd(shared.as_fd())
                .map_err(|source| WrittenError::Share {
                    map: name.to_string_lossy().into_owned(),
                    source,
                })?;
        }
        Ok(())
    }
}
