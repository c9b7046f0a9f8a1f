//! Feeds `yagura_scan::archive::visit_archive`: any bytes come to an end within the bounds, as they are and behind the
//! beginning of each kind of archive.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::io::{self, Cursor, Read};
use yagura_scan::archive::{ArchiveGap, ArchiveLimits, ArchiveSink, RunBudget, visit_archive};

/// Small, so that a bound is met often.
const LIMITS: ArchiveLimits = ArchiveLimits {
    depth_max: 4,
    members_max: 200,
    bytes_max: 1 << 20,
    ratio_max: 250,
    ratio_free_bytes: 64 << 10,
    held_bytes_max: 128 << 10,
};
/// A gap for each member, for each archive around it, and one for all.
const GAPS_MAX: u64 = 1000;

/// The beginnings of kinds that are gone into.
const BEGINNINGS: [&[u8]; 5] = [
    b"",
    b"\x1f\x8b\x08\0\0\0\0\0\0\x03",
    b"\x28\xb5\x2f\xfd",
    b"PK\x03\x04",
    b"!<arch>\n",
];

#[derive(Default)]
struct Sink {
    members: u64,
    gaps: u64,
    bytes: u64,
}

impl ArchiveSink for Sink {
    fn member(
        &mut self,
        path: &[Vec<u8>],
        _size: Option<u64>,
        content: &mut dyn Read,
    ) -> io::Result<()> {
        assert!(!path.is_empty() && path.len() <= LIMITS.depth_max + 1);
        self.members += 1;
        self.bytes += io::copy(content, &mut io::sink())?;
        Ok(())
    }

    fn gap(&mut self, path: &[Vec<u8>], gap: ArchiveGap) {
        assert!(path.len() <= LIMITS.depth_max + 1);
        assert!(!gap.to_string().contains(|c: char| c.is_control()));
        self.gaps += 1;
    }
}

fuzz_target!(|bytes: &[u8]| {
    for beginning in BEGINNINGS {
        let file = [beginning, bytes].concat();
        let mut sink = Sink::default();
        let run = RunBudget::default();
        let read = visit_archive(b"x.gz", &mut Cursor::new(&file), LIMITS, &run, &mut sink);
        assert!(read.is_ok());
        assert!(sink.members <= LIMITS.members_max && sink.gaps <= GAPS_MAX);
        // An archive that is held is given whole and by its members.
        assert!(sink.bytes <= 2 * LIMITS.bytes_max + file.len() as u64);
    }
});
