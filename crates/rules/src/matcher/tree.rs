//! Trees that find, in one walk over a text, all that it begins with.

use crate::hash::FixedMap;

/// Byte strings with marks; finds the marks of all that a text begins with.
#[derive(Debug)]
pub(crate) struct PrefixTree {
    nodes: Vec<PrefixNode>,
}

#[derive(Debug, Default)]
struct PrefixNode {
    next: Vec<(u8, usize)>,
    marks: Vec<u32>,
}

impl Default for PrefixTree {
    fn default() -> Self {
        PrefixTree {
            nodes: vec![PrefixNode::default()],
        }
    }
}

impl PrefixTree {
    pub(crate) fn insert(&mut self, text: impl Iterator<Item = u8>, mark: u32) {
        let mut at = 0;
        for byte in text {
            let new = self.nodes.len();
            let Some(node) = self.nodes.get_mut(at) else {
                return;
            };
            at = match node.next.iter().find(|(known, _)| *known == byte) {
                Some((_, next)) => *next,
                None => {
                    node.next.push((byte, new));
                    self.nodes.push(PrefixNode::default());
                    new
                }
            };
        }
        if let Some(node) = self.nodes.get_mut(at)
            && !node.marks.contains(&mark)
        {
            node.marks.push(mark);
        }
    }

    /// Tells the marks of all strings that the text begins with.
    pub(crate) fn find(&self, text: impl Iterator<Item = u8>, mut tell: impl FnMut(&[u32])) {
        let mut node = self.nodes.first();
        let mut text = text;
        while let Some(here) = node {
            if !here.marks.is_empty() {
                tell(&here.marks);
            }
            node = text.next().and_then(|byte| {
                let next = here.next.iter().find(|(known, _)| *known == byte);
                next.and_then(|(_, next)| self.nodes.get(*next))
            });
        }
    }
}

/// Paths with marks; finds the marks of all paths that a path is or lies below.
#[derive(Debug)]
pub(crate) struct PathTree {
    nodes: Vec<PathNode>,
}

#[derive(Debug, Default)]
struct PathNode {
    below: FixedMap<Box<[u8]>, usize>,
    marks: Vec<u32>,
}

impl Default for PathTree {
    fn default() -> Self {
        PathTree {
            nodes: vec![PathNode::default()],
        }
    }
}

fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/')
        .filter(|component| !component.is_empty())
}

impl PathTree {
    pub(crate) fn insert(&mut self, path: &[u8], mark: u32) {
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
        if let Some(node) = self.nodes.get_mut(at)
            && !node.marks.contains(&mark)
        {
            node.marks.push(mark);
        }
    }

    /// Tells the marks of all paths that the path is or lies below, until `tell` says that it is enough.
    pub(crate) fn find(&self, path: &[u8], mut tell: impl FnMut(&[u32]) -> bool) {
        let mut node = self.nodes.first();
        let mut components = components(path);
        while let Some(here) = node {
            if !here.marks.is_empty() && tell(&here.marks) {
                return;
            }
            node = components
                .next()
                .and_then(|component| here.below.get(component))
                .and_then(|at| self.nodes.get(*at));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.nodes.iter().all(|node| node.marks.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_beginning_is_found() {
        let mut tree = PrefixTree::default();
        for (mark, text) in [
            (1, "/etc"),
            (2, "/etc/ssh"),
            (3, "/usr"),
            (4, ""),
            (5, "/etc"),
        ] {
            tree.insert(text.bytes(), mark);
        }
        let find = |text: &str| {
            let mut marks = Vec::new();
            tree.find(text.bytes(), |found| marks.extend_from_slice(found));
            marks
        };
        assert_eq!(find("/etc/ssh/x"), [4, 1, 5, 2]);
        assert_eq!(find("/et"), [4]);
    }
}
