//! Bounds on what is read and kept.

use std::time::Duration;

/// Bytes of a bundle's config.json. It holds every annotation of a pod; a larger one is passed on as it is.
pub(crate) const CONFIG_BYTES_MAX: u64 = 16 << 20;
/// Bytes of annotations with which a container is still asked about: the agent takes them with the listener.
pub(crate) const ANNOTATION_BYTES_MAX: usize = 2 << 20;
/// Bytes of a file of our own or of a runtime manager's configuration, against one that fills the memory.
pub(crate) const FILE_BYTES_MAX: u64 = 4 << 20;
/// Bytes of what is told to the agent about a container beside its id.
pub(crate) const METADATA_BYTES_MAX: usize = 4096;
/// Bytes of a container's id, which becomes the name of a file.
pub(crate) const ID_BYTES_MAX: usize = 200;
/// Bytes of the log before it is begun anew; one older is kept.
pub(crate) const LOG_BYTES_MAX: u64 = 1 << 20;
/// Bytes of one text in the log.
pub(crate) const LOG_TEXT_BYTES_MAX: usize = 512;
/// Rules in the scope, and texts in each of their lists.
pub(crate) const SCOPE_RULES_MAX: usize = 1024;
/// Bytes of a runtime's answer about itself.
pub(crate) const ANSWER_BYTES_MAX: usize = 1 << 20;
/// Files that one configuration imports, against one that imports itself in circles.
pub(crate) const IMPORTS_MAX: usize = 64;

/// How long the agent may take to say that it is there. A start waits no longer than this.
pub(crate) const AGENT_TIME: Duration = Duration::from_millis(250);
/// How long a stand-in waits for a runtime that was about to connect.
pub(crate) const STAND_IN_TIME: Duration = Duration::from_secs(10);
