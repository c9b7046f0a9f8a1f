//! Debian packages that are installed here: their files, and what they depend on.

use crate::command::output;
use anyhow::{Context, Result, bail};
use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::process::Command;

/// Packages whose programs the guest always has: what rehearsals copy into their images, the runtimes, and what one
/// misses when looking around.
const ALWAYS: &[&str] = &[
    "bash",
    "bpftool",
    "busybox-static",
    "coreutils",
    "crun",
    "dash",
    "findutils",
    "grep",
    "gzip",
    "hostname",
    "iproute2",
    "libc-bin",
    "mount",
    "procps",
    "runc",
    "sed",
    "tar",
    "util-linux",
];
const PROGRAM_DIRS: &[&str] = &["/bin", "/sbin", "/usr/bin", "/usr/sbin"];
/// What only people read.
const DOCUMENT_DIRS: &[&str] = &[
    "/usr/share/doc",
    "/usr/share/man",
    "/usr/share/info",
    "/usr/share/locale",
];

/// The programs that the guest always has.
///
/// # Errors
/// One of their packages is not installed.
pub(super) fn programs() -> Result<Vec<PathBuf>> {
    let names = ALWAYS.iter().map(|&name| name.to_owned()).collect();
    let mut paths = list(&names)?;
    paths.retain(|path| PROGRAM_DIRS.iter().any(|dir| path.starts_with(dir)));
    Ok(paths)
}

/// All files of packages and of what they depend on, but for documents.
///
/// # Errors
/// One of them is not installed.
pub(super) fn files(packages: &[String]) -> Result<Vec<PathBuf>> {
    if packages.is_empty() {
        return Ok(Vec::new());
    }
    let format = "${Package}\t${Depends}, ${Pre-Depends}\n";
    let installed = output(Command::new("dpkg-query").args(["--show", "--showformat", format]))?;
    let mut paths = list(&with_dependencies(&installed, packages)?)?;
    paths.retain(|path| !DOCUMENT_DIRS.iter().any(|dir| path.starts_with(dir)));
    Ok(paths)
}

/// The files of packages.
fn list(packages: &BTreeSet<String>) -> Result<Vec<PathBuf>> {
    let mut query = Command::new("dpkg-query");
    let listed = output(query.arg("--listfiles").args(packages))
        .context("these packages must be installed: `./dev test` installs what tests need")?;
    Ok(listed
        .lines()
        .filter(|line| line.starts_with('/'))
        .map(PathBuf::from)
        // Folders are made for what is in them, unless they are links; some files were diverted or removed.
        .filter(|path| path.is_file() || (path.is_symlink() && path.is_dir()))
        .collect())
}

/// The packages and, of what they depend on, all that `installed` lists, a line each: name, tab, dependencies.
fn with_dependencies(installed: &str, packages: &[String]) -> Result<BTreeSet<String>> {
    let needs: HashMap<&str, &str> = installed
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .collect();
    let mut found = BTreeSet::new();
    let mut ahead: Vec<&str> = Vec::new();
    for package in packages {
        match needs.get_key_value(package.as_str()) {
            Some((name, _)) => ahead.push(name),
            None => bail!("package {package} is not installed"),
        }
    }
    while let Some(name) = ahead.pop() {
        if found.insert(name.to_owned()) {
            let needed = needs.get(name).copied().unwrap_or_default();
            // Of alternatives, those that are installed; what is only provided by another package is left out.
            let names = needed
                .split([',', '|'])
                .filter_map(|one| one.split([' ', ':', '(']).find(|word| !word.is_empty()));
            ahead.extend(names.filter(|name| needs.contains_key(name)));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_come_along_as_far_as_they_are_installed() {
        let installed =
            "a\tb (>= 1), c | d:any, \nb\ta, lib (= 2), virtual\nd\t, \nlib\t, \nother\tb, \n";
        let found = with_dependencies(installed, &["a".to_owned()]).unwrap();
        let names: Vec<&str> = found.iter().map(String::as_str).collect();
        assert_eq!(names, ["a", "b", "d", "lib"]);
        let missing = with_dependencies(installed, &["c".to_owned()]).unwrap_err();
        assert!(missing.to_string().contains("package c"), "{missing}");
    }
}
