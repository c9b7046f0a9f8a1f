//! An item as JSON.

use jiff::Timestamp;
use serde::Serialize;
use yagura_event::escape;
use yagura_quarantine::Item;

/// An item in quarantine. Text is escaped.
#[derive(Debug, Serialize)]
pub(super) struct ItemJson {
    id: String,
    /// When it was taken, RFC 3339 in UTC.
    pub(super) taken: String,
    /// Id of the container; null for the host.
    pub(super) container: Option<String>,
    pub(super) path: String,
    pub(super) sha256: String,
    pub(super) size: u64,
    /// Permission bits, octal.
    pub(super) mode: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// Last change of the content, RFC 3339 in UTC.
    pub(super) modified: String,
    /// Names that the file had.
    pub(super) links: u64,
    /// Names of its extended attributes that are kept.
    pub(super) xattrs: Vec<String>,
    pub(super) reason: String,
    /// Catalogue key of what was found in it; null if nobody said.
    pub(super) key: Option<String>,
    /// Bytes that it takes in the store.
    stored_bytes: u64,
}

impl From<&Item> for ItemJson {
    fn from(item: &Item) -> ItemJson {
        let metadata = &item.metadata;
        let text = |bytes: &[u8]| escape(bytes).into_owned();
        let finding = metadata.finding.as_ref();
        ItemJson {
            id: metadata.id.to_string(),
            taken: rfc3339(metadata.taken.0),
            container: metadata.container.as_ref().map(|id| text(id.as_bytes())),
            path: text(metadata.path.as_bytes()),
            sha256: metadata.sha256.to_string(),
            size: metadata.size,
            mode: format!("{:04o}", metadata.mode & 0o7777),
            uid: metadata.uid,
            gid: metadata.gid,
            modified: rfc3339(metadata.mtime_ns),
            links: metadata.links,
            xattrs: metadata
                .xattrs
                .iter()
                .map(|xattr| text(xattr.name.as_bytes()))
                .collect(),
            reason: text(metadata.reason.as_bytes()),
            key: finding.map(|finding| text(finding.key.as_bytes())),
            stored_bytes: item.stored_bytes,
        }
    }
}

fn rfc3339(time_ns: i64) -> String {
    // Every i64 of nanoseconds is within jiff's years -9999 to 9999.
    Timestamp::from_nanosecond(i128::from(time_ns))
        .map(|time| format!("{time:.9}"))
        .unwrap_or_default()
}
