//! Sets of paths with all that lies below them (`pmatch`).

use super::MatcherError;
use super::glob::glob_regex;
use crate::hash::FixedMap;
use regex::bytes::Regex;

/// Paths; each stands for itself and all below.
#[derive(Debug, Default)]
pub(crate) struct PathSet {
    /// The tree of components; the first node is the beginning of every path.
    nodes: Vec<PathNode>,
    /// Paths with wildcards, which stand for parts of one component.
    patterns: Vec<Regex>,
}

#[derive(Debug, Default)]
struct PathNode {
    below: FixedMap<Box<[u8]>, usize>,
    /// Whether a path of the set ends here.
    ends: bool,
}

fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/')
        .filter(|component| !component.is_empty())
}

impl PathSet {
    pub(crate) fn new(items: &[&str]) -> Result<PathSet, MatcherError> {
        let mut set = PathSet {
            nodes: vec![PathNode::default()],
            patterns: Vec::new(),
        };
        for item in items {
            if item.contains(['*', '?', '[']) {
                set.patterns
                    .push(glob_regex(item, "[^/]", "(?:/.*)?", false)?);
            } else {
                set.insert(item.as_bytes());
            }
        }
        Ok(set)
    }

    fn insert(&mut self, path: &[u8]) {
        let mut at = 0;
        for component in components(path) {
            let next = self.nodes.len();
            let Some(node) = self.nodes.get_mut(at) else {
                return;
            };
            at = *node.below.entry(component.into()).or_insert(next);
            if at == next {
                self.nodes.push(PathNode::default());
            }
        }
        if let Some(node) = self.nodes.get_mut(at) {
            node.ends = true;
        }
    }

    pub(crate) fn contains(&self, path: &[u8]) -> bool {
        self.below_an_item(path) || self.patterns.iter().any(|pattern| pattern.is_match(path))
    }

    fn below_an_item(&self, path: &[u8]) -> bool {
        let mut node = self.nodes.first();
        for component in components(path) {
            match node {
                Some(PathNode { ends: true, .. }) => return true,
                Some(above) => {
                    let next = above.below.get(component);
                    node = next.and_then(|at| self.nodes.get(*at));
                }
                None => return false,
            }
        }
        node.is_some_and(|node| node.ends)
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
