//! Every crate says at its head what it does and what it never does.

use super::Repository;

pub(super) fn check(repository: &Repository) -> Vec<String> {
    let roots = repository.with_extension("rs").filter(|file| {
        let parts: Vec<&str> = file.path.split('/').collect();
        matches!(parts.as_slice(), ["crates", _, "src", "lib.rs" | "main.rs"])
    });
    let mut problems = Vec::new();
    for file in roots {
        let head: Vec<&str> = file
            .text()
            .lines()
            .take_while(|line| line.starts_with("//!"))
            .collect();
        for word in ["Does:", "Never:"] {
            let says = |line: &&str| line.trim_start_matches("//!").trim().starts_with(word);
            if !head.iter().any(says) {
                problems.push(format!(
                    "{}: its head has no line `//! {word} …`",
                    file.path
                ));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::super::tests::repository;
    use super::*;

    #[test]
    fn heads_say_does_and_never() {
        let check = |path, text| check(&repository(path, text)).len();
        let good = "//! A.\n//!\n//! Does: b.\n//! Never: c.\n\nmod d;";
        assert_eq!(check("crates/a/src/lib.rs", good), 0);
        assert_eq!(check("crates/a/src/lib.rs", "//! A.\n//! Does: b.\n"), 1);
        assert_eq!(
            check("crates/a/src/lib.rs", "mod a;\n//! Does: b.\n//! Never: c."),
            2
        );
        assert_eq!(check("crates/a/src/b.rs", ""), 0);
    }
}
