//! Documents: what every sensor has a copy of.
//!
//! A document is encoded once, however many sensors it goes to: whole, or told by the version that a sensor has. The
//! second is a zstd frame with that version as its dictionary, so that a changed line costs little more than its own
//! bytes. Which of the two is smaller is sent.

use crate::limits::DOCUMENT_BYTES_MAX;
use crate::token::{Digest, sha256};
use crate::wire;
use bytes::Bytes;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use zstd::bulk::{Compressor, Decompressor};

/// zstd's default: documents are small and encoded once.
const LEVEL: i32 = 3;
/// Earlier versions that a document remembers how it is told by. Sensors that were away longer get it whole.
const BASES_MAX: usize = 4;

/// What a document is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DocumentKind {
    /// Drift policy and defence rules: YAML.
    Policies,
    /// Detection rules: YAML.
    Rules,
    /// Switches and bounds: JSON.
    Settings,
}

impl DocumentKind {
    /// Every kind.
    pub const ALL: [DocumentKind; 3] = [
        DocumentKind::Policies,
        DocumentKind::Rules,
        DocumentKind::Settings,
    ];

    /// The name in files, logs and APIs.
    pub fn as_str(self) -> &'static str {
        match self {
            DocumentKind::Policies => "policies",
            DocumentKind::Rules => "rules",
            DocumentKind::Settings => "settings",
        }
    }

    /// The kind of that number in the contract; `None` if this program does not know it.
    pub fn of_wire(kind: i32) -> Option<DocumentKind> {
        match wire::DocumentKind::try_from(kind).ok()? {
            wire::DocumentKind::Unspecified => None,
            wire::DocumentKind::Policies => Some(DocumentKind::Policies),
            wire::DocumentKind::Rules => Some(DocumentKind::Rules),
            wire::DocumentKind::Settings => Some(DocumentKind::Settings),
        }
    }

    /// The number in the contract.
    pub fn to_wire(self) -> i32 {
        i32::from(match self {
            DocumentKind::Policies => wire::DocumentKind::Policies,
            DocumentKind::Rules => wire::DocumentKind::Rules,
            DocumentKind::Settings => wire::DocumentKind::Settings,
        })
    }
}

impl fmt::Display for DocumentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One version of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// What it is about.
    pub kind: DocumentKind,
    /// Its version: greater ones are newer.
    pub version: u64,
    /// SHA-256 of the content.
    pub sha256: Digest,
    /// The whole text.
    pub content: Bytes,
}

/// Why a document can't be sent or taken.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// Documents have a bound.
    #[error("document of {bytes} bytes is longer than {DOCUMENT_BYTES_MAX}")]
    TooLong {
        /// Its length.
        bytes: u64,
    },
    /// A version that must be there is zero.
    #[error("document has no version")]
    NoVersion,
    /// The frame can't be made or read.
    #[error("document cannot be coded")]
    Coding(#[source] std::io::Error),
    /// A kind that this program does not know.
    #[error("document is of unknown kind {0}")]
    Kind(i32),
    /// It is told by a version that this sensor does not have.
    #[error("document is told by a version that is not here")]
    Base,
    /// What came out is not what was sent.
    #[error("document differs from its digest")]
    Digest,
}

impl Document {
    /// A document of that content.
    ///
    /// # Errors
    /// [`DocumentError`] if it is too long or has version zero.
    pub fn new(
        kind: DocumentKind,
        version: u64,
        content: Bytes,
    ) -> Result<Document, DocumentError> {
        if content.len() > DOCUMENT_BYTES_MAX {
            let bytes = content.len() as u64;
            return Err(DocumentError::TooLong { bytes });
        }
        if version == 0 {
            return Err(DocumentError::NoVersion);
        }
        Ok(Document {
            kind,
            version,
            sha256: sha256(&content),
            content,
        })
    }

    /// Reads what the center sent; `current` is what this sensor has of that kind.
    ///
    /// # Errors
    /// [`DocumentError`]; with [`DocumentError::Base`] the whole document has to be asked for.
    pub fn of_update(
        update: &wire::DocumentUpdate,
        current: Option<&Document>,
    ) -> Result<Document, DocumentError> {
        let kind = DocumentKind::of_wire(update.kind).ok_or(DocumentError::Kind(update.kind))?;
        let size = usize::try_from(update.size)
            .ok()
            .filter(|size| *size <= DOCUMENT_BYTES_MAX)
            .ok_or(DocumentError::TooLong { bytes: update.size })?;
        let content = if update.base_sha256.is_empty() {
            zstd::bulk::decompress(&update.content, size)
        } else {
            let base = current
                .filter(|base| base.sha256 == *update.base_sha256)
                .ok_or(DocumentError::Base)?;
            Decompressor::with_dictionary(&base.content)
                .and_then(|mut decompressor| decompressor.decompress(&update.content, size))
        };
        let content = Bytes::from(content.map_err(DocumentError::Coding)?);
        let document = Document::new(kind, update.version, content)?;
        match document.sha256 == *update.sha256 {
            true => Ok(document),
            false => Err(DocumentError::Digest),
        }
    }
}

/// A document as the center sends it: encoded at most once whole and once for each version that sensors still have.
#[derive(Debug)]
pub struct SharedDocument {
    document: Document,
    whole: OnceLock<Bytes>,
    told_by: Mutex<Vec<(Arc<SharedDocument>, Option<Bytes>)>>,
}

impl SharedDocument {
    /// A document, and the earlier versions that sensors are likely to have, the newest first.
    pub fn new(document: Document, earlier: &[Arc<SharedDocument>]) -> Arc<SharedDocument> {
        let bases = earlier.iter().take(BASES_MAX);
        Arc::new(SharedDocument {
            document,
            whole: OnceLock::new(),
            told_by: Mutex::new(bases.map(|base| (base.without_bases(), None)).collect()),
        })
    }

    /// The document itself.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// What is sent to a sensor that has the document with that digest of its kind, or none.
    ///
    /// # Errors
    /// [`DocumentError::Coding`] if zstd fails, which it does for want of memory alone.
    pub fn update_for(&self, has: Option<&[u8]>) -> Result<wire::DocumentUpdate, DocumentError> {
        let whole = self.whole()?;
        let short = has.and_then(|sha256| self.told_by(sha256, whole.len()));
        let (content, base_sha256) = match short {
            Some((content, base)) => (content, Bytes::copy_from_slice(&base)),
            None => (whole, Bytes::new()),
        };
        Ok(wire::DocumentUpdate {
            kind: self.document.kind.to_wire(),
            version: self.document.version,
            sha256: Bytes::copy_from_slice(&self.document.sha256),
            size: self.document.content.len() as u64,
            content,
            base_sha256,
        })
    }

    fn whole(&self) -> Result<Bytes, DocumentError> {
        if let Some(whole) = self.whole.get() {
            return Ok(whole.clone());
        }
        let whole = zstd::bulk::compress(&self.document.content, LEVEL)
            .map(Bytes::from)
            .map_err(DocumentError::Coding)?;
        Ok(self.whole.get_or_init(|| whole).clone())
    }

    /// The document told by the one with that digest, if that is known and shorter than `whole` bytes.
    fn told_by(&self, sha256: &[u8], whole: usize) -> Option<(Bytes, Digest)> {
        let mut bases = self.told_by.lock().unwrap_or_else(PoisonError::into_inner);
        let (base, encoded) = bases
            .iter_mut()
            .find(|(base, _)| base.document.sha256 == *sha256)?;
        let base = &base.document;
        let content = encoded.get_or_insert_with(|| {
            Compressor::with_dictionary(LEVEL, &base.content)
                .and_then(|mut compressor| compressor.compress(&self.document.content))
                .map(Bytes::from)
                // An empty one is never sent: the whole document is.
                .unwrap_or_default()
        });
        let pays = !content.is_empty() && content.len() < whole;
        pays.then(|| (content.clone(), base.sha256))
    }

    /// The same without what it was told by: a chain of versions must not stay in memory.
    fn without_bases(&self) -> Arc<SharedDocument> {
        Arc::new(SharedDocument {
            document: self.document.clone(),
            whole: OnceLock::new(),
            told_by: Mutex::new(Vec::new()),
        })
    }
}

/// Every document that is in force for a sensor; at most one of a kind.
#[derive(Debug, Clone, Default)]
pub struct DocumentSet {
    documents: Vec<Arc<SharedDocument>>,
}

impl DocumentSet {
    /// No documents: a sensor keeps what it has.
    pub fn new() -> DocumentSet {
        DocumentSet::default()
    }

    /// The document of a kind.
    pub fn get(&self, kind: DocumentKind) -> Option<&Arc<SharedDocument>> {
        self.iter().find(|shared| shared.document().kind == kind)
    }

    /// Puts a document in the place of the former one of its kind.
    pub fn put(&mut self, document: Arc<SharedDocument>) {
        let kind = document.document().kind;
        self.documents
            .retain(|former| former.document().kind != kind);
        self.documents.push(document);
    }

    /// Every document.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<SharedDocument>> {
        self.documents.iter()
    }
}

#[cfg(test)]
mod tests;
