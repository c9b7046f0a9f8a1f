//! The crates that decide read no file, no clock, no environment and no network: what they decide depends on their
//! arguments alone, so a recording replays to the same alerts.

use super::{Repository, source};

/// The pure crates.
const PURE: &[&str] = &["crates/event/", "crates/policy/", "crates/pipeline/"];

/// Modules of std that reach outside.
const MODULES: &[&str] = &["env", "fs", "net", "os", "process", "thread"];

/// Functions that read a clock.
const CLOCKS: &[&str] = &["SystemTime::now", "Instant::now"];

pub(super) fn check(repository: &Repository) -> Vec<String> {
    let mut problems = Vec::new();
    for file in repository.with_extension("rs") {
        let pure = PURE.iter().any(|folder| file.path.starts_with(folder));
        if !pure || source::is_test_file(&file.path) {
            continue;
        }
        let code: String = source::product_code(file.text())
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .replace(" ::", "::")
            .replace(":: ", "::");
        for module in std_modules(&code) {
            if MODULES.contains(&module.as_str()) {
                problems.push(format!("{}: uses std::{module}", file.path));
            }
        }
        for clock in CLOCKS.iter().filter(|clock| code.contains(**clock)) {
            problems.push(format!("{}: uses {clock}", file.path));
        }
    }
    problems
}

/// The modules of std that are named, alone or in a group.
fn std_modules(code: &str) -> Vec<String> {
    let mut modules = Vec::new();
    for (_, tail) in code
        .match_indices("std::")
        .filter_map(|(at, word)| Some((at, code.get(at + word.len()..)?)))
    {
        let Some(group) = tail.strip_prefix('{') else {
            modules.push(first_word(tail));
            continue;
        };
        let mut depth = 1usize;
        let mut at_start = true;
        for (index, letter) in group.char_indices() {
            match letter {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => at_start = true,
                _ if letter.is_alphabetic() && at_start => {
                    modules.push(first_word(group.get(index..).unwrap_or_default()));
                    at_start = false;
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    modules
}

fn first_word(text: &str) -> String {
    text.chars()
        .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::repository;
    use super::*;

    #[test]
    fn what_reaches_outside_is_found() {
        let check = |text| check(&repository("crates/policy/src/a.rs", text)).len();
        assert_eq!(check("use std::fs;"), 1);
        assert_eq!(
            check("use std::{\n    collections::{BTreeMap},\n    fs::File,\n};"),
            1
        );
        assert_eq!(check("let now = Instant :: now();"), 1);
        assert_eq!(check("std::env::var(a); std::process::id()"), 2);
        assert_eq!(
            check("use std::{fmt, collections::{HashMap}}; // std::fs"),
            0
        );
        assert_eq!(check("#[cfg(test)]\nmod tests { use std::fs; }"), 0);
        assert_eq!(check("let a = environment::fs();"), 0);
    }

    #[test]
    fn edges_and_tests_may() {
        let check = |path| check(&repository(path, "use std::fs;")).len();
        assert_eq!(check("crates/runtimes/src/a.rs"), 0);
        assert_eq!(check("crates/policy/tests/main.rs"), 0);
        assert_eq!(check("crates/policy/src/parse/tests.rs"), 0);
        assert_eq!(check("crates/policy/src/parse.rs"), 1);
    }
}
