//! Rule files of others, which are not part of this repository: `YAGURA_RULE_FILES` names them, with colons between, in the
//! order of loading. All must load without an error; what is said of them is printed.

use yagura_rules::{LoadOptions, RuleSet, Source, load};

#[test]
fn rule_files_of_others_load() {
    let Some(names) = std::env::var_os("YAGURA_RULE_FILES") else {
        eprintln!("skipped: YAGURA_RULE_FILES is not set");
        return;
    };
    let files: Vec<(String, Vec<u8>)> = std::env::split_paths(&names)
        .map(|path| (path.display().to_string(), std::fs::read(&path).unwrap()))
        .collect();
    let sources: Vec<Source<'_>> = files
        .iter()
        .map(|(name, bytes)| Source {
            name,
            bytes,
            own: false,
        })
        .collect();
    let loaded = load(&sources, &LoadOptions::default());
    for diagnostic in &loaded.diagnostics {
        eprintln!("{diagnostic}");
    }
    eprintln!(
        "{} rules, {} macros, {} lists",
        loaded.rules.len(),
        loaded.macros.len(),
        loaded.lists.len()
    );
    assert!(!loaded.has_errors());
    RuleSet::compile(loaded.rules).unwrap();
}
