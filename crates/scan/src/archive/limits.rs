//! Bounds on going into archives. Each has its unit and what it stops.

/// How far archives are gone into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchiveLimits {
    /// Archives and compressions within each other. Stops archives that contain themselves.
    pub depth_max: usize,
    /// Members of one archive on disk, those of archives in it included. Stops millions of tiny ones.
    pub members_max: u64,
    /// Bytes unpacked of one archive on disk, those of archives in it included. Stops bombs that keep below the ratio.
    pub bytes_max: u64,
    /// How many times more bytes may come out of a compression than went in, beyond
    /// [`ArchiveLimits::ratio_free_bytes`]. Stops bombs.
    pub ratio_max: u64,
    /// Bytes that may come out of a compression at any ratio: files of zeros are common while they are small.
    pub ratio_free_bytes: u64,
    /// Bytes of archives within an archive that are held in memory at once: zip files, whose list of members is at the
    /// end, and small ones of other kinds.
    pub held_bytes_max: usize,
}

impl Default for ArchiveLimits {
    fn default() -> ArchiveLimits {
        ArchiveLimits {
            depth_max: 12,
            members_max: 1_000_000,
            bytes_max: 16 << 30,
            ratio_max: 250,
            ratio_free_bytes: 64 << 20,
            held_bytes_max: 128 << 20,
        }
    }
}

/// Bytes unpacked of all archives of a run. Stops a folder full of bombs that each keep below their bounds.
pub const RUN_BYTES_MAX: u64 = 1 << 40;

/// Bombs in one archive on disk after which the rest of it is left out. Stops a bomb of thousands of bombs.
pub(super) const BOMBS_MAX: u32 = 4;

/// Gaps told of one archive on disk. Stops one of nothing but gaps.
pub(super) const GAPS_MAX: u32 = 1000;

/// Bytes of an archive within an archive that could be read as a stream, and is held to be looked at as a whole too. A
/// larger one, such as a layer of an image, is looked at by its members alone.
pub(super) const STREAM_HELD_BYTES_MAX: usize = 8 << 20;

/// Open zstd decompressions within each other; each has a window.
pub(super) const ZSTD_DEPTH_MAX: u32 = 2;

/// Logarithm of the bytes of a zstd window that are allocated. The command line tool makes larger ones only when asked by
/// `--ultra` or `--long`. Stops a few bytes from claiming gigabytes.
pub(super) const ZSTD_WINDOW_LOG_MAX: u32 = 26;

/// Bytes of a name of a member.
pub(super) const NAME_BYTES_MAX: usize = 64 * 1024;

/// Bytes of a pax header, or of the names of a static library. Stops a header that claims gigabytes.
pub(super) const HEADER_BYTES_MAX: usize = 1024 * 1024;
