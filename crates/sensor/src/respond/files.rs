//! Taking a file out of a container, and putting it back.

use super::target::Target;
use super::{Done, Undone};
use crate::inspect::{Lookup, look_up};
use jiff::Timestamp;
use rustix::fd::{AsRawFd as _, OwnedFd};
use rustix::fs::{Mode, OFlags};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use yagura_event::{WallTime, escape};
use yagura_quarantine::{
    Item, ItemId, Limits, Note, PutError, ReadError, RestoreError, RestoreOptions, Source,
    SourceError, Store,
};

/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;

/// Takes a file, if it has the content that is meant.
pub(super) fn quarantine(
    folder: &Path,
    target: &Target,
    path: &str,
    sha256: Option<&str>,
    reason: &str,
) -> Result<Done, Undone> {
    let root = target.root()?;
    if let Some(meant) = sha256 {
        let found = digest(&root, path).map_err(Undone::failed)?;
        if !found.eq_ignore_ascii_case(meant) {
            return Err(Undone::Refused(format!(
                "another file is there by now: its SHA-256 is {found}"
            )));
        }
    }
    let store = open(folder)?;
    let container = Some(target.id().to_owned());
    let source = Source::open(&root, path.as_bytes(), container).map_err(refused_source)?;
    let now = i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX);
    let note = Note {
        time: WallTime(now),
        reason: reason.to_owned(),
        finding: None,
    };
    let item = store.put(&source, &note).map_err(|error| match error {
        PutError::NotRegular { .. } | PutError::TooLarge { .. } => Undone::refused(error),
        error => Undone::failed(error),
    })?;
    if sha256.is_some_and(|meant| !item.metadata.sha256.to_string().eq_ignore_ascii_case(meant)) {
        return give_back(&store, &item, root);
    }
    Ok(taken(&item))
}

/// The file was changed between the look and the taking: it is not the one that was meant.
fn give_back(store: &Store, item: &Item, root: OwnedFd) -> Result<Done, Undone> {
    let id = item.metadata.id;
    let there = yagura_quarantine::Target { root, path: None };
    let options = RestoreOptions {
        replace: false,
        with_privileges: true,
    };
    store
        .restore(id, &there, options)
        .map_err(|error| Undone::Failed(format!("another file was taken, as {id}: {error}")))?;
    store.remove(id).map_err(Undone::failed)?;
    Err(Undone::Refused(
        "the file was changed while it was being taken; it is where it was".to_owned(),
    ))
}

fn taken(item: &Item) -> Done {
    let metadata = &item.metadata;
    let path = escape(metadata.path.as_bytes());
    let other_names = metadata.links.saturating_sub(1);
    let also = match other_names {
        0 => String::new(),
        count => format!("; its content can still be reached by {count} other names (hard links)"),
    };
    Done::new(format!("{path} is in quarantine as {}{also}", metadata.id)).with(json!({
        "item": metadata.id.to_string(),
        "path": path,
        "sha256": metadata.sha256.to_string(),
        "bytes": metadata.size,
        "other_names": other_names,
    }))
}

/// Puts a file back into the container that it was taken from, as far as that runs. The item stays in quarantine.
pub(super) fn restore(
    folder: &Path,
    quarantine_id: &str,
    find: impl FnOnce(&str) -> Result<Target, Undone>,
) -> Result<Done, Undone> {
    let id: ItemId = quarantine_id.parse().map_err(Undone::refused)?;
    let store = open(folder)?;
    let item = store.get(id).map_err(|error| match error {
        ReadError::Missing { .. } => Undone::refused(error),
        error => Undone::failed(error),
    })?;
    let Some(container) = &item.metadata.container else {
        return Err(Undone::Refused(
            "the file was taken from the host, not from a container".to_owned(),
        ));
    };
    let root = find(container)?.root()?;
    let there = yagura_quarantine::Target { root, path: None };
    let restored = store
        .restore(id, &there, RestoreOptions::default())
        .map_err(|error| match error {
            RestoreError::Exists { .. } => Undone::refused(error),
            error => Undone::failed(error),
        })?;
    let path = escape(restored.path.as_bytes());
    let without = match restored.without_privileges {
        true => "; its set-user-id and set-group-id bits and its capabilities were left out",
        false => "",
    };
    Ok(Done::new(format!("{path} is back{without}")).with(json!({
        "item": quarantine_id,
        "path": path,
        "without_privileges": restored.without_privileges,
    })))
}

fn open(folder: &Path) -> Result<Store, Undone> {
    let store = Store::open(folder, Limits::default()).map_err(Undone::failed)?;
    for name in store.leftovers() {
        tracing::warn!(name = %name, "removed from quarantine what an interrupted call had left");
    }
    Ok(store)
}

fn refused_source(error: SourceError) -> Undone {
    match error {
        SourceError::Open(_) => Undone::failed(error),
        error => Undone::refused(error),
    }
}

/// SHA-256 of a regular file below a root, which the path can't leave.
fn digest(root: &OwnedFd, path: &str) -> io::Result<String> {
    let found = look_up(root, path.as_bytes(), Lookup::InRoot)?;
    let kind = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(&found)?.st_mode);
    if kind != rustix::fs::FileType::RegularFile {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let link = format!("/proc/self/fd/{}", found.as_raw_fd());
    let file = File::from(rustix::fs::open(link, flags, Mode::empty())?);
    let mut file = file.take(Limits::default().file_bytes_max.saturating_add(1));
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(yagura_event::Sha256(hasher.finalize().into()).to_string());
        }
        hasher.update(buffer.get(..count).unwrap_or_default());
    }
}
