//! Feeds `yagura_sources::EvtxReader`: any bytes come to an end, as they are and behind the header of a log with one chunk.

#![no_main]

use libfuzzer_sys::fuzz_target;
use yagura_sources::EvtxReader;

/// Bytes of the file's header with its padding.
const HEADER_BYTES: usize = 4096;

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    let mut file = b"ElfFile\0".to_vec();
    file.resize(HEADER_BYTES, 0);
    file.extend(b"ElfChnk\0");
    file.extend(bytes);
    check(&file);
});

fn check(bytes: &[u8]) {
    let mut position = 0;
    for item in EvtxReader::new(bytes) {
        let next = match &item {
            Ok(event) => event.position,
            Err(skipped) => skipped.position,
        };
        assert!(next > position);
        position = next;
    }
}
