//! Sets of paths with all that lies below them (`pmatch`).

use super::MatcherError;
use super::glob::{Pattern, glob_regex};
use super::tree::PathTree;

/// Paths; each stands for itself and all below.
#[derive(Debug, Default)]
pub(crate) struct PathSet {
    tree: PathTree,
    /// Paths without wildcards, as written.
    paths: Vec<Box<[u8]>>,
    /// Paths with wildcards, which stand for parts of one component.
    patterns: Vec<Pattern>,
}

impl PathSet {
    pub(crate) fn new(items: &[&str]) -> Result<PathSet, MatcherError> {
        let mut set = PathSet::default();
        for item in items {
            if item.contains(['*', '?', '[']) {
                set.patterns
                    .push(glob_regex(item, "[^/]", "(?:/.*)?", false)?);
            } else {
                set.tree.insert(item.as_bytes(), 0);
                set.paths.push(item.as_bytes().into());
            }
        }
        Ok(set)
    }

    pub(crate) fn contains(&self, path: &[u8]) -> bool {
        let mut is_below = false;
        self.tree.find(path, |_| {
            is_below = true;
            true
        });
        is_below || self.patterns.iter().any(|pattern| pattern.is_match(path))
    }

    /// Every path, unless some have wildcards.
    pub(crate) fn paths(&self) -> Option<&[Box<[u8]>]> {
        self.patterns.is_empty().then_some(self.paths.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stands_for_itself_and_all_below() {
        let set = PathSet::new(&["/etc", "/usr/lib/", "/var/*/log"]).unwrap();
        for (path, inside) in [
            ("/etc", true),
            ("/etc/passwd", true),
            ("/etcetera", false),
            ("/usr", false),
            ("/usr/lib", true),
            ("/usr//lib/x", true),
            ("/var/x/log", true),
            ("/var/x/log/y", true),
            ("/var/x/y/log", false),
            ("", false),
        ] {
            assert_eq!(set.contains(path.as_bytes()), inside, "{path}");
        }
        assert!(PathSet::new(&["/"]).unwrap().contains(b"/anything"));
    }
}
