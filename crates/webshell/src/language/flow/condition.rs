//! What a condition that held, or did not, tells of the variables in it.

use super::machine::Machine;
use super::node::{Comparison, Node};
use super::value::Value;

/// Members of a list or a map that ask whether it has something.
const HAS: [&str; 11] = [
    "includes",
    "has",
    "contains",
    "hasOwnProperty",
    "indexOf",
    "has_key",
    "__contains__",
    "isdigit",
    "isalnum",
    "isalpha",
    "isnumeric",
];

impl Machine<'_> {
    /// Goes on as if the condition had held, or had not.
    pub(super) fn refine(&mut self, condition: &Node, holds: bool) {
        let mut todo = vec![(condition, holds)];
        while let Some((node, holds)) = todo.pop() {
            match node {
                Node::Not(inner) => todo.push((inner, !holds)),
                Node::And(parts) if holds => todo.extend(parts.iter().map(|part| (part, true))),
                Node::Or(parts) if !holds => todo.extend(parts.iter().map(|part| (part, false))),
                Node::Compare(comparison, parts) => self.refine_compared(*comparison, parts, holds),
                Node::Call(call) if holds => {
                    if let Node::Member(object, name) = &call.callee
                        && HAS.contains(&&**name)
                    {
                        match call.args.first() {
                            Some(arg) => self.refine_among(&arg.value, object),
                            None => self.clear(object),
                        }
                    }
                }
                Node::Block(nodes) => todo.extend(nodes.last().map(|last| (last, holds))),
                Node::Index(object, key) if holds => self.refine_among(key, object),
                _ => {}
            }
        }
    }

    fn refine_compared(&mut self, comparison: Comparison, parts: &[Node; 2], holds: bool) {
        let [left, right] = parts;
        match (comparison, holds) {
            (Comparison::Equal, true) | (Comparison::Unequal, false) => {
                self.refine_equal(left, right);
                self.refine_equal(right, left);
            }
            (Comparison::In, true) | (Comparison::NotIn, false) => {
                self.refine_among(left, right);
            }
            (Comparison::Matches, true) => self.clear(left),
            // `list.indexOf(x) !== -1`, `list.indexOf(x) >= 0`.
            (Comparison::Other, true)
            | (Comparison::Unequal, true)
            | (Comparison::Equal, false) => {
                if let Node::Call(call) = left
                    && let Node::Member(object, name) = &call.callee
                    && &**name == "indexOf"
                    && let Some(arg) = call.args.first()
                {
                    self.refine_among(&arg.value, object);
                }
            }
            _ => {}
        }
    }

    fn refine_equal(&mut self, asked: &Node, constant: &Node) {
        let Some(path) = asked.path() else { return };
        if let Node::Text(_) | Node::Number(_) = constant {
            let value = self.eval(constant);
            self.set_here(path.into(), value);
            self.paths = true;
        }
    }

    fn refine_among(&mut self, asked: &Node, list: &Node) {
        let among = self.eval(list);
        if !among.taint.any() {
            self.clear(asked);
        }
    }

    fn clear(&mut self, asked: &Node) {
        if let Some(path) = asked.path()
            && self.eval(asked).taint.any()
        {
            self.set_here(path.into(), Value::unknown());
            self.paths = true;
        }
    }
}
