//! Which Debian mirrors this machine is set up to use.

use crate::command::{self, Input};
use crate::limits::LIST_TIMEOUT;
use crate::runtime::find_program;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where apt looks for sources.
const SOURCE_DIRS: [&str; 2] = ["/etc/apt", "/etc/apt/sources.list.d"];
/// Bytes of a source file that are read.
const SOURCE_BYTES_MAX: u64 = 256 * 1024;
/// What the key of Debian's archives is called on every Debian.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// Settings of apt that say how to reach a mirror, by their beginnings.
const ACCESS_SETTINGS: [&str; 4] = [
    "Acquire::http::",
    "Acquire::https::",
    "Acquire::Check-",
    "Acquire::Retries",
];

/// Lines for a `sources.list` with this machine's own mirrors of `suite`; empty if it has none.
pub(super) fn of_suite(suite: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for file in source_files() {
        let Ok(text) = read_bounded(&file) else {
            continue;
        };
        let found = if file.extension().is_some_and(|end| end == "sources") {
            stanzas(&text, suite)
        } else {
            one_liners(&text, suite)
        };
        lines.extend(found.into_iter().map(|(uri, suite)| line(&uri, &suite)));
    }
    lines.sort_unstable();
    lines.dedup();
    lines
}

/// Settings of this machine's apt that decide how mirrors are reached, each as apt prints it.
pub(super) fn access_settings() -> Vec<String> {
    let Some(apt_config) = find_program("apt-config") else {
        return Vec::new();
    };
    let mut dump = Command::new(apt_config);
    dump.arg("dump");
    let Ok(output) = command::run(&mut dump, Input::Empty, LIST_TIMEOUT) else {
        return Vec::new();
    };
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter(|line| ACCESS_SETTINGS.iter().any(|start| line.starts_with(start)))
        .map(str::to_owned)
        .collect()
}

fn source_files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = SOURCE_DIRS
        .iter()
        .filter_map(|dir| fs::read_dir(dir).ok())
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|end| end == "list" || end == "sources")
        })
        .collect();
    files.sort_unstable();
    files
}

fn read_bounded(path: &Path) -> std::io::Result<String> {
    use std::io::Read;
    let mut text = String::new();
    fs::File::open(path)?
        .take(SOURCE_BYTES_MAX)
        .read_to_string(&mut text)?;
    Ok(text)
}

fn line(uri: &str, suite: &str) -> String {
    let options = if Path::new(KEYRING).exists() {
        format!("[signed-by={KEYRING}] ")
    } else {
        String::new()
    };
    format!("deb {options}{uri} {suite} main")
}

/// Pairs of URI and suite in the form of paragraphs (deb822).
fn stanzas(text: &str, suite: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for stanza in text.split("\n\n") {
        let field = |name: &str| {
            stanza
                .lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.split_whitespace().collect::<Vec<_>>())
                .unwrap_or_default()
        };
        if field("Enabled").contains(&"no") || !field("Types").contains(&"deb") {
            continue;
        }
        for uri in field("URIs") {
            for found in field("Suites") {
                push_wanted(&mut pairs, uri, found, &field("Components"), suite);
            }
        }
    }
    pairs
}

/// The same in the form of lines.
fn one_liners(text: &str, suite: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for line in text.lines() {
        let Some(rest) = line.trim().strip_prefix("deb ") else {
            continue;
        };
        let rest = rest.trim_start();
        // Options in brackets; those that matter here hold for every mirror of Debian.
        let rest = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((_, rest)) => rest,
            None => rest,
        };
        let mut words = rest.split_whitespace();
        if let (Some(uri), Some(found)) = (words.next(), words.next()) {
            let components: Vec<&str> = words.collect();
            push_wanted(&mut pairs, uri, found, &components, suite);
        }
    }
    pairs
}

/// Keeps what is Debian's own: the sources of others would be taken for it, and their keys are not known.
fn push_wanted(
    pairs: &mut Vec<(String, String)>,
    uri: &str,
    found: &str,
    components: &[&str],
    suite: &str,
) {
    let archive = uri.trim_end_matches('/').rsplit('/').next();
    let is_debian = matches!(archive, Some("debian" | "debian-security"));
    let is_suite = found
        .strip_prefix(suite)
        .is_some_and(|rest| matches!(rest, "" | "-updates" | "-security"));
    if is_debian && is_suite && components.contains(&"main") {
        pairs.push((uri.to_owned(), found.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_mirrors_are_found_in_both_forms() {
        let pair = |uri: &str, suite: &str| (uri.to_owned(), suite.to_owned());
        let text = "Types: deb\nURIs: http://mirror.test/debian\nSuites: bookworm bookworm-updates\n\
                    Components: main contrib\n\nTypes: deb\nURIs: https://other.test/node\nSuites: bookworm\n\
                    Components: main\n\nEnabled: no\nTypes: deb\nURIs: http://off.test/debian\n\
                    Suites: bookworm\nComponents: main\n";
        assert_eq!(
            stanzas(text, "bookworm"),
            [
                pair("http://mirror.test/debian", "bookworm"),
                pair("http://mirror.test/debian", "bookworm-updates"),
            ]
        );
        let text = "# deb http://no.test/debian bookworm main\n\
                    deb [arch=amd64 signed-by=/k.gpg] http://a.test/debian-security/ bookworm-security main\n\
                    deb http://b.test/debian trixie main\ndeb-src http://c.test/debian bookworm main\ndeb [\n";
        assert_eq!(
            one_liners(text, "bookworm"),
            [pair("http://a.test/debian-security/", "bookworm-security")]
        );
    }
}
