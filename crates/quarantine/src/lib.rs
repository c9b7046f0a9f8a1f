//! A place for files that were taken out of containers: owned by root alone, encrypted at rest.
//!
//! Does: copies a file into the store, removes the original if it is still the same, gives it back where it was or where
//! somebody wants it, and tells what is stored.
//! Never: decides what belongs there, runs or shows a stored file, follows a link out of a container's root, or believes a
//! stored byte that its key did not seal.
//!
//! The key lies in the store beside the items. It keeps stored malware from being run, matched by another scanner or
//! carried off in a backup of single files; it is no protection from root.
//!
//! Start at [`Store::open`]; a file's way is [`Source::open`] → [`Store::put`] → [`Store::restore`].

mod facts;
mod id;
mod item;
mod key;
mod limits;
mod locate;
mod put;
mod restore;
mod seal;
mod source;
mod store;

pub use id::{InvalidItemId, ItemId};
pub use item::{Item, Metadata, Xattr};
pub use limits::{Limits, NOTE_BYTES_MAX};
pub use locate::LocateError;
pub use put::{Note, PutError};
pub use restore::{RestoreError, RestoreOptions, Restored, Target};
pub use seal::{SealError, UnsealError};
pub use source::{Source, SourceError};
pub use store::{Listing, OpenError, ReadError, RemoveError, Store, Unusable};
