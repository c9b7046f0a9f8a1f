//! Feeds `yagura_proto::spool::read_record`: any bytes are batches or damage, and no batch is longer than what was there.

#![no_main]

use libfuzzer_sys::fuzz_target;
use yagura_proto::spool::read_record;

fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    while let Ok(Some(record)) = read_record(&mut rest) {
        assert!(record.content.len() <= bytes.len());
    }
});
