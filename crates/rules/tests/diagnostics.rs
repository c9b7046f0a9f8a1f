//! The Markdown files of `testdata/`: prose, rule files, and what is said of them.
//!
//! Blocks ```` ```yaml ```` are rule files, loaded together in their order; a name may follow, otherwise it is `rules.yaml`. A
//! block ```` ```diagnostics ```` behind them is all that is said of them. A block ```` ```rules ```` is their canonical form.
//! With the environment variable `UPDATE_EXPECT` the blocks are written anew.

use std::path::Path;
use yagura_rules::{LoadOptions, Loaded, Source, load, print};

#[test]
fn everything_that_is_said_of_the_test_data() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut checked = 0;
    let mut failures = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let (found, blocks) = run(&text);
        checked += blocks;
        if found != text {
            if update {
                std::fs::write(&path, found).unwrap();
            } else {
                failures.push(format!(
                    "{}:\n{}",
                    path.display(),
                    difference(&text, &found)
                ));
            }
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
    assert!(checked > 20, "only {checked} blocks found");
}

/// The file with its expectations as they come out, and their number.
fn run(text: &str) -> (String, usize) {
    let mut out = String::new();
    let mut files: Vec<(String, String)> = Vec::new();
    let mut is_checked = false;
    let mut checked = 0;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        out += &format!("{line}\n");
        let Some(language) = line.strip_prefix("```") else {
            continue;
        };
        let block: String = lines
            .by_ref()
            .take_while(|line| *line != "```")
            .map(|line| format!("{line}\n"))
            .collect();
        match language.split_once(' ').unwrap_or((language, "rules.yaml")) {
            ("yaml", name) => {
                if std::mem::take(&mut is_checked) {
                    files.clear();
                }
                files.push((name.to_owned(), block.clone()));
                out += &block;
            }
            ("diagnostics", _) => {
                is_checked = true;
                checked += 1;
                for diagnostic in loaded(&files).diagnostics {
                    out += &format!("{diagnostic}\n");
                }
            }
            ("rules", _) => {
                is_checked = true;
                checked += 1;
                let printed = canonical(&files);
                let again = canonical(&[("printed".to_owned(), printed.clone())]);
                assert_eq!(again, printed);
                out += &printed;
            }
            _ => out += &block,
        }
        out += "```\n";
    }
    (out, checked)
}

fn loaded(files: &[(String, String)]) -> Loaded {
    let sources: Vec<Source<'_>> = files
        .iter()
        .map(|(name, text)| Source {
            name,
            bytes: text.as_bytes(),
            own: true,
        })
        .collect();
    load(&sources, &LoadOptions::default())
}

fn canonical(files: &[(String, String)]) -> String {
    loaded(files).rules.iter().map(print::rule).collect()
}

/// The lines that differ.
fn difference(expected: &str, found: &str) -> String {
    let mut out = String::new();
    let (expected, found): (Vec<_>, Vec<_>) = (expected.lines().collect(), found.lines().collect());
    for line in expected.iter().filter(|line| !found.contains(line)) {
        out += &format!("- {line}\n");
    }
    for line in found.iter().filter(|line| !expected.contains(line)) {
        out += &format!("+ {line}\n");
    }
    out
}
