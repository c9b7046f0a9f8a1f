//! Feeds `yagura_sources::WindowsJsonReader`: any bytes come to an end, positions only grow, and every field of every record
//! has a value or none.

#![no_main]

use libfuzzer_sys::fuzz_target;
use yagura_rules::fields::{Argument, all, windows_values};
use yagura_sources::WindowsJsonReader;

fuzz_target!(|bytes: &[u8]| {
    let mut position = 0;
    for item in WindowsJsonReader::new(bytes) {
        let next = match &item {
            Ok(event) => event.position,
            Err(skipped) => skipped.position,
        };
        assert!(next > position);
        position = next;
        let Ok(event) = item else { continue };
        let _ = windows_values::windows_kind(&event.value);
        for row in all() {
            for argument in [Argument::None, Argument::Key("CommandLine".into())] {
                let _ = windows_values::value(row.field, &argument, &event.value);
            }
        }
    }
});
