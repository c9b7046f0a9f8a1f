//! Perl's expressions brought into the common form.

use super::parser::{Parser, assign, entity};
use super::quote::is_strict;
use crate::language::flow::LINKS_MAX;
use crate::language::flow::node::{Arg, Call, Comparison, Each, Node, Operator, Scope};

/// The variable that keeps what the last pattern looked at; what it found came from there.
pub(super) const LOOKED_AT: &str = "$\u{0}match";

/// Words that take what follows as their arguments, where no parenthesis does.
const LOOSE: [&str; 12] = [
    "and", "or", "not", "xor", "if", "unless", "while", "until", "for", "foreach", "x", "cmp",
];

/// Words that compare.
const COMPARING: [&str; 7] = ["eq", "ne", "lt", "gt", "le", "ge", "cmp"];

/// Functions of one argument, which binds tighter than a list.
const UNARY: [&str; 34] = [
    "defined",
    "ref",
    "scalar",
    "lc",
    "uc",
    "lcfirst",
    "ucfirst",
    "length",
    "chr",
    "ord",
    "hex",
    "oct",
    "int",
    "abs",
    "quotemeta",
    "chomp",
    "chop",
    "exists",
    "delete",
    "each",
    "keys",
    "values",
    "shift",
    "pop",
    "close",
    "undef",
    "rand",
    "sqrt",
    "localtime",
    "gmtime",
    "caller",
    "readdir",
    "rmdir",
    "chdir",
];

impl<'a> Parser<'a> {
    /// A whole expression with the loose operators.
    pub(super) fn expression(&mut self) -> Node {
        if !self.deeper() {
            self.at += 1;
            return Node::Nothing;
        }
        let mut left = self.list();
        let mut links = 0;
        loop {
            self.space();
            let word = self.word();
            let both = match word {
                "and" => true,
                "or" | "xor" => false,
                _ => break,
            };
            self.at += word.len();
            let right = self.list();
            let parts = Box::new([left, right]);
            let linked = match both {
                true => Node::And(parts),
                false => Node::Or(parts),
            };
            left = self.linked(&mut links, linked);
        }
        self.depth -= 1;
        left
    }

    /// One more link of a chain, of which what goes beyond the bound is let go.
    pub(super) fn linked(&mut self, links: &mut usize, node: Node) -> Node {
        *links += 1;
        if *links <= LINKS_MAX {
            return node;
        }
        *links = 0;
        self.cut = true;
        Node::Nothing
    }

    /// Values with commas between, or one.
    pub(super) fn list(&mut self) -> Node {
        let first = self.assignment();
        self.space();
        if !self.comma() {
            return first;
        }
        let mut values = vec![first];
        loop {
            self.space();
            if self.ends_list() {
                break;
            }
            let before = self.at;
            values.push(self.assignment());
            if !self.comma() || self.at == before {
                break;
            }
        }
        Node::List(values)
    }

    fn comma(&mut self) -> bool {
        self.space();
        match self.peek() {
            b',' => self.at += 1,
            b'=' if self.peek_at(1) == b'>' => self.at += 2,
            _ => return false,
        }
        true
    }

    fn ends_list(&self) -> bool {
        self.ended()
            || matches!(self.peek(), b')' | b']' | b'}' | b';' | b':')
            || LOOSE.iter().take(10).any(|word| *word == self.word())
    }

    pub(super) fn assignment(&mut self) -> Node {
        if !self.deeper() {
            self.at += 1;
            return Node::Nothing;
        }
        let node = self.assignment_inner();
        self.depth -= 1;
        node
    }

    fn assignment_inner(&mut self) -> Node {
        self.space();
        let declares = matches!(self.word(), "my" | "local" | "our" | "state");
        let listed = self.peek() == b'(';
        let left = self.choice();
        self.space();
        let scope = if declares { Scope::Here } else { Scope::Found };
        let rest = self.rest();
        if rest.starts_with(b"=") && !matches!(self.peek_at(1), b'=' | b'~' | b'>') {
            self.at += 1;
            let left = match left {
                left @ (Node::List(_) | Node::Assign(_)) => left,
                left if listed => Node::List(vec![left]),
                left => left,
            };
            let value = self.assignment();
            let whole = matches!(&left, Node::List(_))
                || matches!(&left, Node::Name(name) if name.starts_with('@'));
            // `*name = sub { … }` defines a function.
            let left = match (&left, &value) {
                (Node::Name(name), Node::Function(_)) if name.starts_with('*') => {
                    Node::name(&name.replacen('*', "&", 1))
                }
                _ => left,
            };
            // A list gets what the pattern found, not whether it did.
            let value = match is_match(&value) && whole {
                true => {
                    let found = call(entity("found"), vec![Node::name(LOOKED_AT)], self.at, 1);
                    Node::Block(vec![value, found])
                }
                false => value,
            };
            return assign(left, value, scope);
        }
        for (sign, length) in [
            (&b".="[..], 2),
            (b"||=", 3),
            (b"//=", 3),
            (b"+=", 2),
            (b"^=", 2),
            (b"x=", 2),
        ] {
            if !rest.starts_with(sign) || (sign == b"x=" && rest.get(2) == Some(&b'=')) {
                continue;
            }
            self.at += length;
            let value = self.assignment();
            let value = match sign {
                b".=" => Node::Join(vec![left.clone(), value]),
                b"+=" => Node::Sum(vec![left.clone(), value]),
                b"^=" => Node::Math(Operator::Xor, Box::new([left.clone(), value])),
                b"x=" => Node::Math(Operator::Times, Box::new([left.clone(), value])),
                _ => Node::Either(vec![left.clone(), value]),
            };
            return assign(left, value, Scope::Found);
        }
        for sign in [&b"-="[..], b"*=", b"/=", b"|=", b"&=", b"%=", b"&&="] {
            if rest.starts_with(sign) {
                self.at += sign.len();
                return Node::Several(vec![self.assignment()]);
            }
        }
        left
    }

    fn choice(&mut self) -> Node {
        let condition = self.either();
        self.space();
        if self.peek() != b'?' {
            return condition;
        }
        self.at += 1;
        let yes = self.assignment();
        self.take(b':');
        let no = self.assignment();
        Node::Block(vec![condition, Node::Either(vec![yes, no])])
    }

    fn either(&mut self) -> Node {
        let mut left = self.compared();
        let mut links = 0;
        loop {
            self.space();
            let rest = self.rest();
            let is = |sign: &[u8]| rest.starts_with(sign) && rest.get(2) != Some(&b'=');
            let both = match () {
                () if is(b"&&") => true,
                () if is(b"||") || is(b"//") => false,
                () => return left,
            };
            self.at += 2;
            let right = self.compared();
            let parts = Box::new([left, right]);
            let linked = match both {
                true => Node::And(parts),
                false => Node::Or(parts),
            };
            left = self.linked(&mut links, linked);
        }
    }

    fn compared(&mut self) -> Node {
        let left = self.sum();
        self.space();
        let rest = self.rest();
        let word = self.word();
        let (comparison, length) = match rest {
            [b'=', b'=', ..] => (Comparison::Equal, 2),
            [b'!', b'=', ..] => (Comparison::Unequal, 2),
            [b'<', b'=', b'>', ..] => (Comparison::Other, 3),
            [b'<' | b'>', b'=', ..] => (Comparison::Other, 2),
            [b'<', next, ..] if *next != b'<' => (Comparison::Other, 1),
            [b'>', next, ..] if *next != b'>' => (Comparison::Other, 1),
            [b'.', b'.', ..] => {
                self.at += if rest.starts_with(b"...") { 3 } else { 2 };
                let right = self.sum();
                return call(entity("range"), vec![left, right], self.at, 2);
            }
            _ if COMPARING.contains(&word) => match word {
                "eq" => (Comparison::Equal, 2),
                "ne" => (Comparison::Unequal, 2),
                _ => (Comparison::Other, word.len()),
            },
            _ => return left,
        };
        self.at += length;
        let right = self.sum();
        Node::Compare(comparison, Box::new([left, right]))
    }

    fn sum(&mut self) -> Node {
        let mut left = self.product();
        let mut links = 0;
        loop {
            self.space();
            let next = self.peek_at(1);
            match self.peek() {
                // Long chains are one text, however long.
                b'.' if next != b'=' && next != b'.' => {
                    let mut parts = vec![left];
                    while self.peek() == b'.' && !matches!(self.peek_at(1), b'=' | b'.') {
                        self.at += 1;
                        parts.push(self.product());
                        self.space();
                    }
                    let text = Node::Join(parts);
                    left = self.linked(&mut links, text);
                }
                b'+' if next != b'=' && next != b'+' => {
                    self.at += 1;
                    let sum = Node::Sum(vec![left, self.product()]);
                    left = self.linked(&mut links, sum);
                }
                b'-' if next != b'=' && next != b'-' && next != b'>' => {
                    self.at += 1;
                    let rest = Node::Math(Operator::Minus, Box::new([left, self.product()]));
                    left = self.linked(&mut links, rest);
                }
                _ => return left,
            }
        }
    }

    fn product(&mut self) -> Node {
        let mut left = self.bound();
        let mut links = 0;
        loop {
            self.space();
            let next = self.peek_at(1);
            let operator = match (self.peek(), next) {
                (b'*', b'*') => (None, 2),
                (b'*', next) if next != b'=' => (Some(Operator::Times), 1),
                (b'/', next) if next != b'/' && next != b'=' => (Some(Operator::Over), 1),
                (b'%', next) if next != b'=' => (Some(Operator::Modulo), 1),
                (b'^', next) if next != b'=' => (Some(Operator::Xor), 1),
                (b'|', next) if next != b'|' && next != b'=' => (Some(Operator::Or), 1),
                (b'&', next) if next != b'&' && next != b'=' => (Some(Operator::And), 1),
                (b'<', b'<') if matches!(self.peek_at(2), b' ' | b'0'..=b'9') => {
                    (Some(Operator::Left), 2)
                }
                (b'>', b'>') => (Some(Operator::Right), 2),
                (b'x', next) if !next.is_ascii_alphabetic() && !matches!(next, b'_' | b'=') => {
                    (Some(Operator::Times), 1)
                }
                _ => return left,
            };
            self.at += operator.1;
            let right = self.bound();
            let linked = match operator.0 {
                Some(operator) => Node::Math(operator, Box::new([left, right])),
                None => Node::Several(vec![left, right]),
            };
            left = self.linked(&mut links, linked);
        }
    }

    /// `value =~ pattern` and the like.
    fn bound(&mut self) -> Node {
        let mut left = self.unary();
        let mut links = 0;
        loop {
            self.space();
            let rest = self.rest();
            let negated = rest.starts_with(b"!~");
            if !negated && !rest.starts_with(b"=~") {
                return left;
            }
            self.at += 2;
            self.space();
            let matched = self.matched(left);
            left = self.linked(&mut links, matched);
            if negated {
                left = Node::Not(Box::new(left));
            }
        }
    }

    fn matched(&mut self, subject: Node) -> Node {
        let word = self.word();
        let quoted = |parser: &Self, length: usize| {
            let next = parser.peek_at(length);
            !next.is_ascii_alphanumeric()
                && !matches!(next, b',' | b';' | b')' | 0)
                && !next.is_ascii_whitespace()
        };
        match word {
            "s" if quoted(self, 1) => {
                self.at += 1;
                self.substitution(subject)
            }
            "tr" | "y" if quoted(self, word.len()) => {
                self.at += word.len();
                let pattern = self.pattern(2);
                let parts = [pattern.regex, pattern.replacement, pattern.flags].map(Node::text);
                let mut args = vec![subject.clone()];
                args.extend(parts);
                let changed = call(entity("tr"), args, self.at, 1);
                self.changed(subject, changed, pattern.flags)
            }
            _ => {
                if matches!(word, "m" | "qr") && quoted(self, word.len()) {
                    self.at += word.len();
                } else if self.peek() != b'/' {
                    let pattern = self.unary();
                    return self.looks(subject, Comparison::Other, pattern);
                }
                let pattern = self.pattern(1);
                let strict = is_strict(pattern.regex);
                let comparison = match strict {
                    true => Comparison::Matches,
                    false => Comparison::Other,
                };
                let found = if strict {
                    Node::Nothing
                } else {
                    subject.clone()
                };
                let keeps = assign(Node::name(LOOKED_AT), found, Scope::Found);
                let compares = Node::Compare(comparison, Box::new([subject, Node::Nothing]));
                Node::Block(vec![keeps, compares])
            }
        }
    }

    fn looks(&mut self, subject: Node, comparison: Comparison, pattern: Node) -> Node {
        let keeps = assign(Node::name(LOOKED_AT), subject.clone(), Scope::Found);
        let compares = Node::Compare(comparison, Box::new([subject, pattern]));
        Node::Block(vec![keeps, compares])
    }

    pub(super) fn substitution(&mut self, subject: Node) -> Node {
        let pattern = self.pattern(2);
        let keeps = assign(Node::name(LOOKED_AT), subject.clone(), Scope::Found);
        let replacement = self.replaced(&pattern);
        // What removes all but some letters leaves no command.
        let cleans = pattern.regex.starts_with(b"[^") || pattern.regex.starts_with(b"\\W");
        let changed = match cleans && matches!(replacement, Node::Text(_)) {
            true => Node::Nothing,
            false => {
                let args = vec![subject.clone(), Node::text(pattern.regex), replacement];
                call(entity("s"), args, self.at, 1)
            }
        };
        let changed = self.changed(subject, changed, pattern.flags);
        Node::Block(vec![keeps, changed])
    }

    fn changed(&mut self, subject: Node, changed: Node, flags: &[u8]) -> Node {
        // `($copy = $x) =~ s/…/…/` changes the copy.
        let (before, target) = match subject {
            Node::Assign(inner) => (Some(Node::Assign(inner.clone())), inner.target),
            subject => (None, subject),
        };
        if flags.contains(&b'r') {
            return changed;
        }
        let assigned = assign(target, changed, Scope::Found);
        match before {
            Some(before) => Node::Block(vec![before, assigned]),
            None => assigned,
        }
    }

    pub(super) fn unary(&mut self) -> Node {
        if !self.deeper() {
            self.at += 1;
            return Node::Nothing;
        }
        self.space();
        let next = self.peek_at(1);
        let node = match self.peek() {
            b'!' if next != b'~' => {
                self.at += 1;
                Node::Not(Box::new(self.unary()))
            }
            b'\\' => {
                self.at += 1;
                self.unary()
            }
            b'~' => {
                self.at += 1;
                Node::Several(vec![self.unary()])
            }
            b'+' if next == b'+' => {
                self.at += 2;
                self.unary()
            }
            b'-' if next == b'-' => {
                self.at += 2;
                self.unary()
            }
            b'+' => {
                self.at += 1;
                self.unary()
            }
            b'-' => self.negated(),
            _ => self.postfix(),
        };
        self.depth -= 1;
        node
    }

    fn negated(&mut self) -> Node {
        self.at += 1;
        let test = self.peek().is_ascii_alphabetic()
            && !self.peek_at(1).is_ascii_alphanumeric()
            && self.peek_at(1) != b'_';
        let called = self.peek() == b'x' && self.peek_at(1) == b'(';
        if test && !called {
            // `-e $path` and its kin.
            self.at += 1;
            let path = self.unary();
            return Node::Several(vec![path]);
        }
        match self.unary() {
            Node::Number(number) => Node::Number(number.saturating_neg()),
            // `-name => …`
            Node::Text(text) => Node::Text([b"-", &text[..]].concat().into()),
            other => Node::Several(vec![other]),
        }
    }
}

fn is_match(node: &Node) -> bool {
    match node {
        Node::Block(nodes) => matches!(nodes.as_slice(), [Node::Assign(_), Node::Compare(..)]),
        _ => false,
    }
}

/// A call.
pub(super) fn call(callee: Node, args: Vec<Node>, offset: usize, length: usize) -> Node {
    let args = args
        .into_iter()
        .map(|value| Arg { name: None, value })
        .collect();
    Node::Call(Box::new(Call {
        callee,
        args,
        offset,
        length,
    }))
}

/// A list made by a block for each element.
pub(super) fn collects(body: Node, over: Node) -> Node {
    Node::Each(Box::new(Each {
        target: Node::name("$_"),
        over,
        body,
        collects: true,
    }))
}

/// Whether a word takes its one argument tightly.
pub(super) fn is_unary(word: &str) -> bool {
    UNARY.contains(&word)
}

/// Whether a word is an operator, so that it is no argument.
pub(super) fn is_operator(word: &str) -> bool {
    LOOSE.contains(&word) || COMPARING.contains(&word)
}
