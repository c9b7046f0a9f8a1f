//! Which archive it is, by its content.

use super::tar;

/// Bytes from the beginning that tell.
pub(super) const HEAD_BYTES: usize = 512;

/// An archive or compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Gzip,
    Zstd,
    Tar,
    Zip,
    /// Static libraries and Debian packages.
    Ar,
    /// One that is not gone into, by its name.
    Closed(&'static str),
}

/// Beginnings that tell.
const MAGIC: [(&[u8], Kind); 19] = [
    (b"\x1f\x8b\x08", Kind::Gzip),
    (b"\x28\xb5\x2f\xfd", Kind::Zstd),
    (b"PK\x03\x04", Kind::Zip),
    // Without a member.
    (b"PK\x05\x06", Kind::Zip),
    (b"!<arch>\n", Kind::Ar),
    (b"BZh91AY&SY", Kind::Closed("bzip2")),
    (b"BZh61AY&SY", Kind::Closed("bzip2")),
    (b"BZh11AY&SY", Kind::Closed("bzip2")),
    (b"\xfd7zXZ\0", Kind::Closed("xz")),
    (b"7z\xbc\xaf\x27\x1c", Kind::Closed("7z")),
    (b"Rar!\x1a\x07", Kind::Closed("rar")),
    (b"MSCF\0\0\0\0", Kind::Closed("cab")),
    (b"\x04\x22\x4d\x18", Kind::Closed("lz4")),
    (b"LZIP\x01", Kind::Closed("lzip")),
    (b"070701", Kind::Closed("cpio")),
    (b"070702", Kind::Closed("cpio")),
    (b"hsqs", Kind::Closed("squashfs")),
    (b"\xed\xab\xee\xdb", Kind::Closed("rpm")),
    (b"\x1f\x9d", Kind::Closed("compress")),
];

impl Kind {
    /// The kind of an archive that begins so.
    pub(super) fn of(head: &[u8]) -> Option<Kind> {
        let found = MAGIC.iter().find(|(magic, _)| head.starts_with(magic));
        match found {
            Some((_, kind)) => Some(*kind),
            None => tar::is_header(head).then_some(Kind::Tar),
        }
    }
}
