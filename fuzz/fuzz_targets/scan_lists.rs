//! Feeds the lists of `yagura_scan`: any bytes give entries and problems, each problem names a line that is there, and any
//! image can be asked for.

#![no_main]

use libfuzzer_sys::fuzz_target;
use yagura_scan::{DigestList, FuzzyList, ImageList, RuleProblem};

fuzz_target!(|bytes: &[u8]| {
    let lines = 1 + bytes.iter().filter(|&&byte| byte == b'\n').count();
    let check = |problems: Vec<RuleProblem>, entries: usize| {
        assert!(problems.len() + entries <= lines);
        for problem in problems {
            assert!(problem.line.is_some_and(|line| line >= 1 && line as usize <= lines));
            assert!(!problem.reason.is_empty());
        }
    };
    let mut digests = DigestList::default();
    check(digests.add("list", bytes), digests.len());
    let mut fuzzies = FuzzyList::default();
    check(fuzzies.add("list", bytes), fuzzies.len());
    let mut images = ImageList::default();
    check(images.add("list", bytes), images.len());
    let name = String::from_utf8_lossy(bytes);
    for digest in [None, Some(name.as_ref())] {
        if let Some(threat) = images.threat(&name, digest) {
            assert!(threat.list == "list" && !threat.entry.is_empty());
        }
    }
});
