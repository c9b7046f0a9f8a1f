//! Feeds `yagura_rules::load`: any bytes give rules or errors, and a rule survives being printed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use yagura_rules::{LoadOptions, Loaded, Source, load, print};

fuzz_target!(|bytes: &[u8]| {
    let loaded = read(bytes);
    for diagnostic in &loaded.diagnostics {
        assert!(diagnostic.at.line > 0 && diagnostic.at.column > 0);
        assert!(
            diagnostic
                .to_string()
                .chars()
                .all(|c| c == '\n' || !c.is_control())
        );
    }
    for rule in &loaded.rules {
        let printed = print::rule(rule);
        let again = read(printed.as_bytes());
        let reprinted = again.rules.first().map(print::rule);
        assert_eq!(reprinted.as_deref(), Some(printed.as_str()));
    }
});

fn read(bytes: &[u8]) -> Loaded {
    let source = Source {
        name: "fuzz",
        bytes,
        own: true,
    };
    load(&[source], &LoadOptions::default())
}
