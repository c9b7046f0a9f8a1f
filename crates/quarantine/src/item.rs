//! What is known of a stored file.

use crate::id::ItemId;
use serde::{Deserialize, Serialize};
use yagura_event::{Finding, Sha256, Text, WallTime};

/// An extended attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Xattr {
    /// Its name, such as `security.capability`.
    pub name: Text,
    /// Its value.
    pub value: Text,
}

/// What a file was before it was taken. Sealed with the content: whoever changes it is found out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// The item.
    pub id: ItemId,
    /// When it was taken.
    pub taken: WallTime,
    /// Id of the container that it was taken from; none for the host.
    pub container: Option<String>,
    /// Where it was, from the container's root.
    pub path: Text,
    /// Device number of the directory it was in.
    pub directory_dev: u64,
    /// Inode number of the directory it was in.
    pub directory_ino: u64,
    /// Digest of the content.
    pub sha256: Sha256,
    /// Bytes of the content.
    pub size: u64,
    /// Mode bits with the file type.
    pub mode: u32,
    /// Owner, as the host numbers users.
    pub uid: u32,
    /// Group, as the host numbers groups.
    pub gid: u32,
    /// Time of the last change of the content, in nanoseconds since 1970.
    pub mtime_ns: i64,
    /// Time of the last change of the content or metadata, in nanoseconds since 1970.
    pub ctime_ns: i64,
    /// Names that the file had. More than one: the content may still be reached by another.
    pub links: u64,
    /// Capabilities and users' attributes.
    pub xattrs: Vec<Xattr>,
    /// Whether it had more attributes than are kept.
    pub xattrs_cut: bool,
    /// Why it was taken, in words of whoever took it.
    pub reason: String,
    /// What was found in it.
    pub finding: Option<Finding>,
}

/// A stored file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What it was.
    pub metadata: Metadata,
    /// Bytes that it takes in the store.
    pub stored_bytes: u64,
}
