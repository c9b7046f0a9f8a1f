//! `unsafe` stands in one crate only, and each use says why it is sound.

use super::{Repository, source};

/// The only folder that may hold unsafe code.
const UNSAFE_FOLDER: &str = "crates/kernel/";

/// How many lines of the same statement may stand between the comment and the block.
const STATEMENT_LINES_MAX: usize = 6;

pub(super) fn check(repository: &Repository) -> Vec<String> {
    let mut problems = Vec::new();
    for file in repository.with_extension("rs") {
        let code = source::code(file.text());
        for line in unsafe_lines(&code) {
            let place = format!("{}:{}", file.path, line + 1);
            if !file.path.starts_with(UNSAFE_FOLDER) {
                problems.push(format!("{place}: unsafe code outside {UNSAFE_FOLDER}"));
            } else if !is_explained(file.text(), line) {
                problems.push(format!("{place}: no `// SAFETY:` comment above it"));
            }
        }
    }
    problems
}

/// Indices of the lines with an unsafe block or implementation.
fn unsafe_lines(code: &str) -> Vec<usize> {
    let mut lines = Vec::new();
    let mut line = 0;
    let mut before = ' ';
    for (at, letter) in code.char_indices() {
        let tail = code.get(at..).unwrap_or_default();
        if !before.is_alphanumeric()
            && before != '_'
            && let Some(after) = tail.strip_prefix("unsafe")
        {
            let after = after.trim_start();
            if after.starts_with('{') || after.starts_with("impl") {
                lines.push(line);
            }
        }
        line += usize::from(letter == '\n');
        before = letter;
    }
    lines
}

/// Whether a comment with `SAFETY:` stands directly above the statement of the line.
fn is_explained(text: &str, line: usize) -> bool {
    let lines: Vec<&str> = text.lines().take(line + 1).map(str::trim).collect();
    let mut above = lines.iter().rev();
    if above.next().is_some_and(|own| own.contains("SAFETY:")) {
        return true;
    }
    let mut in_statement = 0;
    for line in above {
        if line.starts_with("//") {
            if line.contains("SAFETY:") {
                return true;
            }
        } else {
            in_statement += 1;
            let ends_another = line.is_empty() || line.ends_with([';', '}']);
            if ends_another || in_statement > STATEMENT_LINES_MAX {
                return false;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::super::tests::repository;
    use super::*;

    fn problems(path: &str, text: &str) -> usize {
        check(&repository(path, text)).len()
    }

    #[test]
    fn only_one_crate_may_and_must_explain() {
        let explained = "fn f() {\n    // SAFETY: the pointer is valid,\n    // as its owner lives.\n    let x =\n        unsafe { y() };\n}";
        let bare = "fn f() {\n    // no reason\n    let x = unsafe { y() };\n}";
        assert_eq!(problems("crates/kernel/src/a.rs", explained), 0);
        assert_eq!(problems("crates/kernel/src/a.rs", bare), 1);
        assert_eq!(problems("crates/event/src/a.rs", explained), 1);
    }

    #[test]
    fn a_comment_of_another_statement_does_not_count() {
        let text = "// SAFETY: a\nunsafe { a() };\nunsafe { b() };";
        assert_eq!(problems("crates/kernel/src/a.rs", text), 1);
    }

    #[test]
    fn words_and_attributes_are_not_blocks() {
        let text = "#[unsafe(no_mangle)]\n#![allow(unsafe_code)]\n// unsafe {\nlet a = \"unsafe {\";\nunsafe fn g() {}";
        assert_eq!(problems("crates/event/src/a.rs", text), 0);
    }
}
