//! What the compiler and clippy can't check: the shape of the repository itself.
//!
//! Each check is a function from the repository to a list of problems; `cargo xtask tidy` prints them all, and a
//! test of this crate fails on any.

mod source;

mod documents;
mod edges;
mod heads;
mod lengths;
mod licences;
mod programs;
mod purity;
mod safety;
mod text;

use crate::workspace::{self, SourceFile};
use anyhow::{Result, ensure};
use serde_json::Value;
use std::process::ExitCode;

/// What the checks look at.
pub(crate) struct Repository {
    files: Vec<SourceFile>,
    /// The answer of `cargo metadata`.
    metadata: Value,
}

impl Repository {
    fn read() -> Result<Repository> {
        Ok(Repository {
            files: workspace::files()?,
            metadata: workspace::metadata()?,
        })
    }

    fn file(&self, path: &str) -> Option<&SourceFile> {
        self.files.iter().find(|file| file.path == path)
    }

    fn with_extension<'a>(&'a self, extension: &'a str) -> impl Iterator<Item = &'a SourceFile> {
        self.files
            .iter()
            .filter(move |file| file.has_extension(extension))
    }

    /// The packages of this workspace.
    fn members(&self) -> impl Iterator<Item = &Value> {
        self.packages()
            .filter(|package| package["source"].is_null())
    }

    /// Every package of the workspace and of its dependencies.
    fn packages(&self) -> impl Iterator<Item = &Value> {
        let packages = self.metadata.get("packages").and_then(Value::as_array);
        packages.into_iter().flatten()
    }
}

/// A check: what it is called and what finds its problems.
type Check = (&'static str, fn(&Repository) -> Vec<String>);

const CHECKS: &[Check] = &[
    ("edges", edges::check),
    ("async", edges::check_async),
    ("licences", licences::check),
    ("purity", purity::check),
    ("safety", safety::check),
    ("lengths", lengths::check),
    ("heads", heads::check),
    ("programs", programs::check),
    ("text", text::check),
    ("documents", documents::check),
];

/// Prints every problem.
///
/// # Errors
/// The repository can't be read.
pub(crate) fn run() -> Result<ExitCode> {
    check()?;
    println!("tidy");
    Ok(ExitCode::SUCCESS)
}

/// Fails with every problem listed.
///
/// # Errors
/// The repository can't be read or isn't tidy.
pub(crate) fn check() -> Result<()> {
    let problems = problems(&Repository::read()?);
    ensure!(
        problems.is_empty(),
        "the repository is not tidy:\n  {}",
        problems.join("\n  ")
    );
    Ok(())
}

fn problems(repository: &Repository) -> Vec<String> {
    CHECKS
        .iter()
        .flat_map(|(name, check)| {
            check(repository)
                .into_iter()
                .map(move |problem| format!("{name}: {problem}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_tidy() {
        let problems = problems(&Repository::read().unwrap());
        assert!(problems.is_empty(), "\n{}", problems.join("\n"));
    }

    /// A repository of one file, for the tests of the checks.
    pub(super) fn repository(path: &str, text: &str) -> Repository {
        Repository {
            files: vec![SourceFile {
                path: path.to_owned(),
                bytes: text.as_bytes().to_vec(),
            }],
            metadata: Value::Null,
        }
    }
}
