//! What was not looked at in an archive, and why.

use std::io;

/// Why a member, or the rest of an archive, was not looked at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveGap {
    /// More comes out than archives have: a bomb.
    #[error("not looked at further: it unpacks to more than {ratio_max} times its size")]
    Ratio {
        /// The bound.
        ratio_max: u64,
    },
    /// Several members are bombs.
    #[error("the rest was not looked at: several of its members are decompression bombs")]
    Bombs,
    /// Members lie over each other.
    #[error("the rest was not looked at: its members overlap")]
    Overlap,
    /// It unpacks to more than is looked at.
    #[error("the rest was not looked at: it unpacks to more than {bytes_max} bytes")]
    Bytes {
        /// The bound in bytes.
        bytes_max: u64,
    },
    /// This run has unpacked as much as it may.
    #[error("the rest was not looked at: this run unpacked as many bytes as it may")]
    RunBytes,
    /// It has more members than are looked at.
    #[error("the rest was not looked at: it has more than {members_max} members")]
    Members {
        /// The bound.
        members_max: u64,
    },
    /// Archives within archives, too many.
    #[error("what is in it was not looked at: it is more than {depth_max} archives deep")]
    Depth {
        /// The bound.
        depth_max: usize,
    },
    /// A zip file in an archive, too large to be held.
    #[error("not looked at: a zip file inside an archive is looked at up to {bytes_max} bytes")]
    Held {
        /// The bound in bytes.
        bytes_max: usize,
    },
    /// Its content is encrypted.
    #[error("not looked at: it is encrypted")]
    Encrypted,
    /// A compression or archive that is not gone into.
    #[error("what is in it was not looked at: {form} is not unpacked")]
    Form {
        /// Its name.
        form: &'static str,
    },
    /// A method of zip that is not unpacked.
    #[error("not looked at: zip's compression method {method} is not unpacked")]
    Method {
        /// Its number.
        method: u16,
    },
    /// It can't be read further.
    #[error("the rest was not looked at: {what}")]
    Damaged {
        /// What is wrong. From a decompressor, so escaped already.
        what: String,
    },
    /// More gaps than are told.
    #[error("there are more gaps than are told")]
    More,
    /// The run was interrupted.
    #[error("the rest was not looked at: the scan was interrupted")]
    Stopped,
}

impl ArchiveGap {
    /// Whether nothing more of the archive on disk is looked at.
    pub(super) fn is_the_end(&self) -> bool {
        matches!(
            self,
            ArchiveGap::Bombs
                | ArchiveGap::Bytes { .. }
                | ArchiveGap::RunBytes
                | ArchiveGap::Members { .. }
                | ArchiveGap::Stopped
        )
    }
}

impl From<ArchiveGap> for io::Error {
    fn from(gap: ArchiveGap) -> io::Error {
        io::Error::other(gap)
    }
}

impl From<io::Error> for ArchiveGap {
    /// What a reader below said; its error went through decompressors and parsers unchanged.
    fn from(error: io::Error) -> ArchiveGap {
        match error.downcast::<ArchiveGap>() {
            Ok(gap) => gap,
            Err(error) => ArchiveGap::Damaged {
                what: yagura_event::escape(error.to_string().as_bytes()).into_owned(),
            },
        }
    }
}

/// An archive that breaks the rules of its form.
pub(super) fn damaged(what: &str) -> io::Error {
    ArchiveGap::Damaged {
        what: what.to_owned(),
    }
    .into()
}
