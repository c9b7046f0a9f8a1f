//! The documents that are in force, on the sensor's disk: what it begins with while the center is away.

use crate::document::{Document, DocumentError, DocumentKind};
use crate::limits::DOCUMENT_BYTES_MAX;
use crate::{UnixMs, files, hex, wire};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Why a document is not kept.
#[derive(Debug, thiserror::Error)]
pub enum DocumentsError {
    /// It is not what was sent.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// It can't be written.
    #[error("document cannot be kept")]
    File(#[from] io::Error),
}

/// First line of a file; the document follows.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    version: u64,
    sha256: String,
    since_ms: u64,
}

#[derive(Debug, Clone)]
struct InForce {
    document: Document,
    since: UnixMs,
}

/// The documents.
#[derive(Debug)]
pub(super) struct Documents {
    folder: PathBuf,
    in_force: Mutex<BTreeMap<DocumentKind, InForce>>,
    refused: Mutex<BTreeMap<DocumentKind, (u64, Vec<String>)>>,
}

impl Documents {
    /// Reads those of a folder. A damaged one is left out: the center sends it again.
    pub(super) fn load(folder: &Path) -> io::Result<Documents> {
        files::make_private_folder(folder)?;
        let mut in_force = BTreeMap::new();
        for kind in DocumentKind::ALL {
            let Some(bytes) = files::read(&folder.join(kind.as_str()), DOCUMENT_BYTES_MAX + 4096)?
            else {
                continue;
            };
            match parse(kind, bytes) {
                Some(document) => {
                    in_force.insert(kind, document);
                }
                None => {
                    tracing::warn!(%kind, "document on the disk is damaged; the center is asked for it");
                }
            }
        }
        Ok(Documents {
            folder: folder.to_owned(),
            in_force: Mutex::new(in_force),
            refused: Mutex::default(),
        })
    }

    pub(super) fn all(&self) -> Vec<Document> {
        let in_force = self.in_force.lock().unwrap_or_else(PoisonError::into_inner);
        in_force
            .values()
            .map(|in_force| in_force.document.clone())
            .collect()
    }

    pub(super) fn get(&self, kind: DocumentKind) -> Option<Document> {
        let in_force = self.in_force.lock().unwrap_or_else(PoisonError::into_inner);
        in_force
            .get(&kind)
            .map(|in_force| in_force.document.clone())
    }

    /// Keeps what was put in force.
    pub(super) fn keep(&self, document: Document) -> Result<(), DocumentsError> {
        let since = UnixMs::now();
        let head = Head {
            version: document.version,
            sha256: hex::encode(&document.sha256),
            since_ms: since.0,
        };
        let mut bytes = serde_json::to_vec(&head).map_err(io::Error::other)?;
        bytes.push(b'\n');
        bytes.extend_from_slice(&document.content);
        let kind = document.kind;
        self.refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&kind);
        let mut in_force = self.in_force.lock().unwrap_or_else(PoisonError::into_inner);
        // In force it is, whether the disk takes it or not.
        in_force.insert(kind, InForce { document, since });
        Ok(files::replace(&self.folder, kind.as_str(), &bytes)?)
    }

    /// Remembers what was not put in force, and why.
    pub(super) fn refuse(&self, kind: DocumentKind, version: u64, problems: Vec<String>) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.insert(kind, (version, problems));
    }

    /// What is told to the center about a kind.
    pub(super) fn state(&self, kind: DocumentKind) -> wire::DocumentState {
        let in_force = self.in_force.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = wire::DocumentState {
            kind: kind.to_wire(),
            ..wire::DocumentState::default()
        };
        if let Some(InForce { document, since }) = in_force.get(&kind) {
            state.version = document.version;
            state.sha256 = Bytes::copy_from_slice(&document.sha256);
            state.since_ms = since.0;
        }
        if let Some((version, problems)) = refused.get(&kind) {
            state.refused_version = *version;
            state.problems.clone_from(problems);
        }
        state
    }

    /// The same about every kind.
    pub(super) fn states(&self) -> Vec<wire::DocumentState> {
        DocumentKind::ALL
            .into_iter()
            .map(|kind| self.state(kind))
            .collect()
    }
}

fn parse(kind: DocumentKind, bytes: Vec<u8>) -> Option<InForce> {
    let bytes = Bytes::from(bytes);
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let head: Head = serde_json::from_slice(bytes.get(..end)?).ok()?;
    let document = Document::new(kind, head.version, bytes.slice(end + 1..)).ok()?;
    let is_whole = hex::encode(&document.sha256) == head.sha256;
    let since = UnixMs(head.since_ms);
    is_whole.then_some(InForce { document, since })
}
