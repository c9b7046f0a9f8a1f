//! Licences, sources and double versions of everything that the product is built from, by the rules of `deny.toml`.
//!
//! `cargo deny` reads the same file and knows more (advisories); this check needs neither it nor a network.

use super::{Repository, SourceFile};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The only place that packages come from.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

pub(super) fn check(repository: &Repository) -> Vec<String> {
    let text = repository
        .file("deny.toml")
        .map(SourceFile::text)
        .unwrap_or_default();
    let rules: toml::Table = match toml::from_str(text) {
        Ok(rules) => rules,
        Err(error) => return vec![format!("deny.toml: {error}")],
    };
    let mut problems = check_licences(repository, &allowed_licences(&rules));
    problems.extend(check_sources(repository));
    problems.extend(check_versions(repository, &skipped(&rules)));
    problems
}

fn allowed_licences(rules: &toml::Table) -> BTreeSet<&str> {
    let list = rules.get("licenses").and_then(|table| table.get("allow"));
    list.and_then(toml::Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(toml::Value::as_str)
        .collect()
}

/// Packages that may be there twice: those with a written reason.
fn skipped(rules: &toml::Table) -> BTreeSet<&str> {
    let list = rules.get("bans").and_then(|table| table.get("skip"));
    list.and_then(toml::Value::as_array)
        .into_iter()
        .flatten()
        .filter(|entry| {
            let reason = entry.get("reason").and_then(toml::Value::as_str);
            reason.is_some_and(|reason| !reason.trim().is_empty())
        })
        .filter_map(|entry| entry.get("crate")?.as_str())
        .map(|name| name.split('@').next().unwrap_or(name))
        .collect()
}

fn check_licences(repository: &Repository, allowed: &BTreeSet<&str>) -> Vec<String> {
    let mut problems = Vec::new();
    for package in repository.packages() {
        let expression = package["license"].as_str().unwrap_or_default();
        match permits(expression, allowed) {
            Ok(true) => {}
            Ok(false) => problems.push(format!("{}: licence {expression}", show(package))),
            Err(problem) => problems.push(format!("{}: {problem}", show(package))),
        }
    }
    problems
}

fn check_sources(repository: &Repository) -> Vec<String> {
    repository
        .packages()
        .filter(|package| {
            package["source"]
                .as_str()
                .is_some_and(|source| source != REGISTRY)
        })
        .map(|package| format!("{} comes from {}", show(package), package["source"]))
        .collect()
}

fn check_versions(repository: &Repository, skipped: &BTreeSet<&str>) -> Vec<String> {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in repository.packages() {
        if let (Some(name), Some(version)) = (package["name"].as_str(), package["version"].as_str())
        {
            versions.entry(name).or_default().push(version);
        }
    }
    let mut problems: Vec<String> = versions
        .iter()
        .filter(|(name, found)| found.len() > 1 && !skipped.contains(*name))
        .map(|(name, found)| {
            format!(
                "{name} is there as {}: write a reason under bans.skip in deny.toml",
                found.join(" and ")
            )
        })
        .collect();
    problems.extend(
        skipped
            .iter()
            .filter(|name| versions.get(**name).is_none_or(|found| found.len() < 2))
            .map(|name| format!("deny.toml: {name} is there once at most: take it off bans.skip")),
    );
    problems
}

fn show(package: &Value) -> String {
    let text = |key: &str| package[key].as_str().unwrap_or("?").to_owned();
    format!("{} {}", text("name"), text("version"))
}

/// Whether the allowed licences satisfy an SPDX expression; `/` is the old way to write OR.
fn permits(expression: &str, allowed: &BTreeSet<&str>) -> Result<bool, String> {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Expression {
        words: &words,
        allowed,
    };
    let permitted = parser.any();
    match (permitted, parser.words) {
        (Some(permitted), []) => Ok(permitted),
        _ => Err(format!(
            "licence expression `{expression}` is not understood"
        )),
    }
}

/// A recursive descent: OR binds weaker than AND, AND weaker than WITH.
struct Expression<'a> {
    words: &'a [&'a str],
    allowed: &'a BTreeSet<&'a str>,
}

impl Expression<'_> {
    fn take(&mut self, word: &str) -> bool {
        let found = self.words.first() == Some(&word);
        if found {
            self.words = self.words.get(1..).unwrap_or_default();
        }
        found
    }

    fn any(&mut self) -> Option<bool> {
        let mut permitted = self.all()?;
        while self.take("OR") {
            permitted |= self.all()?;
        }
        Some(permitted)
    }

    fn all(&mut self) -> Option<bool> {
        let mut permitted = self.one()?;
        while self.take("AND") {
            permitted &= self.one()?;
        }
        Some(permitted)
    }

    fn one(&mut self) -> Option<bool> {
        if self.take("(") {
            let permitted = self.any()?;
            return self.take(")").then_some(permitted);
        }
        let mut licence = self.name()?.to_owned();
        if self.take("WITH") {
            licence = format!("{licence} WITH {}", self.name()?);
        }
        Some(self.allowed.contains(licence.as_str()))
    }

    fn name(&mut self) -> Option<&str> {
        let (name, rest) = self.words.split_first()?;
        self.words = rest;
        let is_word = !matches!(*name, "(" | ")" | "AND" | "OR" | "WITH");
        is_word.then_some(*name)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::repository;
    use super::*;
    use serde_json::json;

    #[test]
    fn expressions_are_understood() {
        let allowed = BTreeSet::from(["MIT", "Apache-2.0 WITH LLVM-exception", "Zlib"]);
        let check = |expression| permits(expression, &allowed);
        assert_eq!(check("MIT"), Ok(true));
        assert_eq!(check("GPL-3.0 OR MIT"), Ok(true));
        assert_eq!(check("GPL-3.0/MIT"), Ok(true));
        assert_eq!(check("GPL-3.0 AND MIT"), Ok(false));
        assert_eq!(check("GPL-3.0 AND MIT OR Zlib"), Ok(true));
        assert_eq!(check("GPL-3.0 AND (MIT OR Zlib)"), Ok(false));
        assert_eq!(check("Apache-2.0 WITH LLVM-exception"), Ok(true));
        assert_eq!(check("Apache-2.0"), Ok(false));
        for broken in ["", "(MIT", "MIT)", "MIT MIT", "OR MIT", "MIT WITH"] {
            assert!(check(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn double_versions_need_a_reason() {
        let mut repository = repository(
            "deny.toml",
            "[licenses]\nallow = [\"MIT\"]\n[bans]\nskip = [{ crate = \"a@1\", reason = \"b still uses it\" }, { crate = \"c\", reason = \"\" }]\n",
        );
        let package = |name: &str, version: &str| json!({ "name": name, "version": version, "license": "MIT", "source": REGISTRY });
        repository.metadata = json!({ "packages": [
            package("a", "1"), package("a", "2"), package("c", "1"), package("c", "2"),
        ] });
        let problems = check(&repository);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with("c is there as 1 and 2"));
        repository.metadata = json!({ "packages": [package("a", "1")] });
        assert_eq!(check(&repository).len(), 1);
    }

    #[test]
    fn other_sources_and_missing_licences_are_found() {
        let mut repository = repository("deny.toml", "[licenses]\nallow = [\"MIT\"]\n");
        repository.metadata = json!({ "packages": [
            { "name": "a", "version": "1", "license": null, "source": "git+https://a.example" },
        ] });
        assert_eq!(check(&repository).len(), 2);
    }
}
