//! Documents name what exists.

use super::{Repository, SourceFile};
use crate::workspace::root;

pub(super) fn check(repository: &Repository) -> Vec<String> {
    let mut problems = check_changelog(repository);
    problems.extend(check_code_map(repository));
    problems.extend(
        repository
            .with_extension("md")
            .flat_map(|file| check_links(file, |path| root().join(path).exists())),
    );
    problems
}

fn check_changelog(repository: &Repository) -> Vec<String> {
    let has_section = repository
        .file("CHANGELOG.md")
        .is_some_and(|file| file.text().lines().any(|line| line == "## [Unreleased]"));
    if has_section {
        Vec::new()
    } else {
        vec!["CHANGELOG.md: no section `## [Unreleased]`".to_owned()]
    }
}

/// Every crate has its place in the code map.
fn check_code_map(repository: &Repository) -> Vec<String> {
    let map = repository
        .file("ARCHITECTURE.md")
        .map(SourceFile::text)
        .unwrap_or_default();
    repository
        .files
        .iter()
        .filter_map(|file| {
            file.path
                .strip_prefix("crates/")?
                .strip_suffix("/Cargo.toml")
        })
        .filter(|name| {
            let heading = format!("### `crates/{name}`");
            !map.lines().any(|line| line.starts_with(&heading))
        })
        .map(|name| format!("ARCHITECTURE.md: no heading ### `crates/{name}`"))
        .collect()
}

/// Relative links lead to files.
fn check_links(file: &SourceFile, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    links(file.text())
        .filter(|target| !target.contains("://") && !target.starts_with(['#', '<']))
        .map(|target| target.split('#').next().unwrap_or_default())
        .filter(|target| !exists(&join(folder, target)))
        .map(|target| format!("{}: no file at the link {target}", file.path))
        .collect()
}

/// The targets of `[text](target)`, outside code blocks.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    text.lines()
        .filter(move |line| {
            let fence = line.trim_start().starts_with("```");
            in_code ^= fence;
            !in_code && !fence
        })
        .flat_map(|line| line.split("](").skip(1))
        .filter_map(|tail| tail.split(')').next())
}

fn join(folder: &str, target: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::super::tests::repository;
    use super::*;

    #[test]
    fn links_to_nothing_are_found() {
        let text = "[a](../b.md#c) [d](https://e.f) [g](#h)\n```\n[i](j)\n```\n[k](l.md)\n";
        let repository = repository("docs/a.md", text);
        let problems = check_links(&repository.files[0], |path| path == "b.md");
        assert_eq!(problems, ["docs/a.md: no file at the link l.md"]);
    }

    #[test]
    fn the_changelog_has_a_section_for_what_comes() {
        let check = |text| check_changelog(&repository("CHANGELOG.md", text)).len();
        assert_eq!(check("# Changelog\n\n## [Unreleased]\n"), 0);
        assert_eq!(check("# Changelog\n"), 1);
    }

    #[test]
    fn a_crate_without_a_place_in_the_map_is_found() {
        let mut both = repository("crates/a/Cargo.toml", "");
        assert_eq!(check_code_map(&both).len(), 1);
        both.files
            .extend(repository("ARCHITECTURE.md", "### `crates/a`\n").files);
        assert_eq!(check_code_map(&both).len(), 0);
    }
}
