//! What can go wrong with the kernel's half of prevention.

use std::path::PathBuf;

/// Why something could not be put in force. What was in force before still is.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// The folder for pins is not on a BPF file system.
    #[error("{0} is not on a BPF file system")]
    NoBpffs(PathBuf),
    /// The folder for pins could not be made, read, or cleared.
    #[error("pins in {path} cannot be changed")]
    Pins {
        /// Which.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The object could not be opened.
    #[error("BPF object of the guard cannot be opened")]
    Open(#[source] libbpf_rs::Error),
    /// The kernel refused the programs.
    #[error("kernel refused the guard's BPF programs")]
    Load(#[source] libbpf_rs::Error),
    /// A program without which there is no guard could not be attached.
    #[error("{program} cannot be attached")]
    Attach {
        /// The program.
        program: &'static str,
        /// The kernel's reason.
        source: libbpf_rs::Error,
    },
    /// A link or map could not be pinned, or a pinned one not be opened.
    #[error("pin {path} cannot be used")]
    Pin {
        /// Where.
        path: PathBuf,
        /// The kernel's reason.
        source: libbpf_rs::Error,
    },
    /// A program or map is not in the object.
    #[error("{0} is missing from the guard's BPF object")]
    Missing(&'static str),
    /// The root of the host's first process could not be seen.
    #[error("the host's first process is not visible: containers can't be told from the host")]
    HostUnknown,
    /// The running processes could not be listed.
    #[error("running processes cannot be listed")]
    Existing(#[source] std::io::Error),
    /// The ring of denials cannot be read.
    #[error("ring of denials cannot be read")]
    Ring(#[source] libbpf_rs::Error),
    /// A map refused what was written.
    #[error("map {map} cannot be written")]
    Write {
        /// The map.
        map: &'static str,
        /// The kernel's reason.
        source: libbpf_rs::Error,
    },
    /// More rules are in scope of a container than a row has room for.
    #[error("{0} defence rules are more than a row of 8 has room for")]
    TooManySlots(usize),
    /// An allow list is longer than the kernel side compares.
    #[error("allow list of {0} entries is longer than 64")]
    TooManyAllowed(usize),
    /// A text of an allow list is longer than the kernel side compares.
    #[error("text of {0} bytes in an allow list is longer than 127")]
    TooLong(usize),
    /// The file changed so shortly ago that another change could not be told from this one.
    #[error("file changed {0} ms ago: it can be trusted after 20 ms without a change")]
    TooFresh(i64),
    /// The container has no row.
    #[error("container {0} has no row")]
    UnknownContainer(u64),
}
