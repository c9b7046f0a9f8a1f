//! Feeds `yagura_pipeline::dns::parse`: any payload gives a bounded answer whose names can be shown.

#![no_main]

use libfuzzer_sys::fuzz_target;
use yagura_pipeline::dns::{DnsMessage, parse};

/// Addresses and names that are kept of one message.
const KEPT_MAX: usize = 32;
/// A name's 255 bytes, each written with four characters.
const NAME_CHARACTERS_MAX: usize = 4 * 255;

fuzz_target!(|bytes: &[u8]| {
    let Some(found) = parse(bytes) else {
        assert!(bytes.len() <= 2);
        return;
    };
    if !found.is_dns {
        assert_eq!(found, DnsMessage::default());
    }
    assert!(found.answers.len() <= KEPT_MAX && found.names.len() <= KEPT_MAX);
    for name in found.question.iter().chain(&found.names) {
        assert!(!name.is_empty() && name.len() <= NAME_CHARACTERS_MAX);
        assert!(name.bytes().all(|byte| byte.is_ascii_graphic()));
    }
});
