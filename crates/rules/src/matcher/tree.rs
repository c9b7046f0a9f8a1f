//! Trees that find, in one walk over a text, all that it begins with.

use crate::hash::FixedMap;

/// Byte strings with marks; finds the marks of all that a text begins with.
#[derive(Debug)]
pub(crate) struct PrefixTree {
    /// By the first byte: the node that follows, [`NONE`] if none does. Most texts end here.
    first: Box<[usize; 256]>,
    /// The empty string first.
    nodes: Vec<PrefixNode>,
}

/// No node.
const NONE: usize = usize::MAX;

#[derive(Debug, Default)]
struct PrefixNode {
    next: Vec<(u8, usize)>,
    marks: Vec<u32>,
}

impl Default for PrefixTree {
    fn default() -> Self {
        PrefixTree {
            first: Box::new([NONE; 256]),
            nodes: vec![PrefixNode::default()],
        }
    }
}

impl PrefixTree {
    pub(crate) fn insert(&mut self, text: impl Iterator<Item = u8>, mark: u32) {
        let mut at = 0;
        for byte in text {
            let known = self.follow(at, byte);
            at = match known {
                Some(next) => next,
                None => self.add(at, byte),
            };
        }
        if let Some(node) = self.nodes.get_mut(at)
            && !node.marks.contains(&mark)
        {
            node.marks.push(mark);
        }
    }

    fn follow(&self, at: usize, byte: u8) -> Option<usize> {
        if at == 0 {
            return self
                .first
                .get(usize::from(byte))
                .copied()
                .filter(|next| *next != NONE);
        }
        let mut next = self.nodes.get(at)?.next.iter();
        next.find(|(known, _)| *known == byte)
            .map(|(_, next)| *next)
    }

    fn add(&mut self, at: usize, byte: u8) -> usize {
        let new = self.nodes.len();
        self.nodes.push(PrefixNode::default());
        if at == 0 {
            if let Some(next) = self.first.get_mut(usize::from(byte)) {
                *next = new;
            }
        } else if let Some(node) = self.nodes.get_mut(at) {
            node.next.push((byte, new));
        }
        new
    }

    /// Tells the marks of all strings that the text begins with.
    pub(crate) fn find(&self, mut text: impl Iterator<Item = u8>, mut tell: impl FnMut(&[u32])) {
        let mut at = Some(0);
        while let Some(node) = at.and_then(|at| self.nodes.get(at)) {
            if !node.marks.is_empty() {
                tell(&node.marks);
            }
            at = at
                .zip(text.next())
                .and_then(|(at, byte)| self.follow(at, byte));
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
