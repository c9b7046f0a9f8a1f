//! Perl's terms: literals, variables, and words with what they take.

use super::expression::{call, collects, is_operator, is_unary};
use super::parser::{Parser, assign, entity};
use crate::language::flow::node::{Node, Scope};

/// Functions that fill a variable they are handed: its place, and that of what they read from.
const FILLING: [&str; 3] = ["read", "sysread", "recv"];

/// Functions that take `$_` where they are handed nothing.
const TOPICAL: [&str; 12] = [
    "chr",
    "ord",
    "lc",
    "uc",
    "length",
    "defined",
    "hex",
    "oct",
    "quotemeta",
    "int",
    "eval",
    "unlink",
];

impl<'a> Parser<'a> {
    pub(super) fn term(&mut self) -> Node {
        self.space();
        let next = self.peek_at(1);
        match self.peek() {
            b'"' => self.interpolated(),
            b'\'' => self.literal(),
            b'`' => {
                let at = self.at;
                let text = self.interpolated();
                call(entity("qx"), vec![text], at, self.at - at)
            }
            b'$' => self.variable(),
            b'@' if next.is_ascii_alphanumeric() || matches!(next, b'_' | b'{' | b'$' | b':') => {
                self.variable()
            }
            b'%' if next.is_ascii_alphabetic() || matches!(next, b'_' | b'{' | b'$' | b'+') => {
                self.variable()
            }
            b'&' if next != b'&' => self.function_call(),
            b'*' if next.is_ascii_alphabetic() || next == b'{' => {
                self.at += 1;
                self.glob()
            }
            b'(' => self.parentheses(),
            b'[' => {
                self.at += 1;
                let inner = self.items(b']');
                Node::List(inner)
            }
            b'{' => self.anonymous_hash(),
            b'<' => self.angle(),
            b'/' => self.bare_match(),
            byte if byte.is_ascii_digit() || (byte == b'.' && next.is_ascii_digit()) => {
                self.number()
            }
            byte if byte.is_ascii_alphabetic() || byte == b'_' => self.named(),
            _ => Node::Nothing,
        }
    }

    /// `*name` or `*{"name"}`.
    fn glob(&mut self) -> Node {
        let name = match self.peek() {
            b'{' => {
                self.at += 1;
                let inner = self.expression();
                self.take(b'}');
                match inner {
                    Node::Text(name) => String::from_utf8_lossy(&name).into_owned(),
                    _ => String::new(),
                }
            }
            _ => {
                let word = self.word().to_owned();
                self.at += word.len();
                word
            }
        };
        Node::name(&format!("*{}", name.trim_start_matches("main::")))
    }

    fn items(&mut self, close: u8) -> Vec<Node> {
        self.space();
        if self.take(close) {
            return Vec::new();
        }
        let inner = self.expression();
        self.take(close);
        match inner {
            Node::List(values) => values,
            value => vec![value],
        }
    }

    fn parentheses(&mut self) -> Node {
        self.at += 1;
        let mut items = self.items(b')');
        match items.len() {
            1 => items.remove(0),
            _ => Node::List(items),
        }
    }

    fn anonymous_hash(&mut self) -> Node {
        self.at += 1;
        let items = self.items(b'}');
        pairs(items)
    }

    /// A pattern of letters alone is the text it finds, for those that take texts apart.
    fn bare_match(&mut self) -> Node {
        let pattern = self.pattern(1);
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b" ,;:=&-_/".contains(byte);
        match pattern.regex.iter().all(plain) {
            true => Node::text(pattern.regex),
            false => Node::Nothing,
        }
    }

    /// `<HANDLE>`, `<$handle>`, `<*.c>`, or a text announced with `<<`.
    fn angle(&mut self) -> Node {
        let at = self.at;
        if self.peek_at(1) == b'<'
            && let Some(text) = self.announced()
        {
            return text;
        }
        let inner = self.delimited();
        let name = match inner {
            [b'$', name @ ..] => format!("${}", String::from_utf8_lossy(name)),
            b"" => "*ARGV".to_owned(),
            name => format!("*{}", String::from_utf8_lossy(name)),
        };
        if inner.len() > 64 {
            self.at = at + 1;
            return Node::Nothing;
        }
        call(entity("readline"), vec![Node::name(&name)], at, inner.len())
    }

    fn number(&mut self) -> Node {
        let rest = self.rest();
        let length = rest
            .iter()
            .position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_' && *byte != b'.')
            .unwrap_or(rest.len());
        let mut word = rest.get(..length).unwrap_or_default();
        // `1..5` is two numbers.
        if let Some(dots) = memchr::memmem::find(word, b"..") {
            word = word.get(..dots).unwrap_or_default();
        }
        // `1x3` and `1.$x` end the number as well.
        let radix = word.starts_with(b"0x") || word.starts_with(b"0X");
        let digits = word
            .iter()
            .position(|byte| {
                !radix
                    && !byte.is_ascii_digit()
                    && !matches!(byte, b'_' | b'.' | b'e' | b'E' | b'b')
            })
            .unwrap_or(word.len());
        let word = word.get(..digits.max(1)).unwrap_or_default();
        let word = word.strip_suffix(b".").unwrap_or(word);
        self.at += word.len().max(1);
        let text: String = String::from_utf8_lossy(word).replace('_', "");
        let parsed = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(hex) => i64::from_str_radix(hex, 16).ok(),
            None => match text.strip_prefix('0') {
                Some(octal) if !octal.is_empty() && !octal.contains('.') => {
                    i64::from_str_radix(octal, 8).ok()
                }
                _ => text.parse().ok(),
            },
        };
        parsed.map_or(Node::Nothing, Node::Number)
    }

    /// `&name`, `&name(…)`, `&$code(…)`, `&{…}(…)`.
    fn function_call(&mut self) -> Node {
        let at = self.at;
        self.at += 1;
        let callee = match self.peek() {
            b'$' => self.variable(),
            b'{' => {
                self.at += 1;
                match self.statements(Some(b'}')) {
                    Node::Block(mut nodes) if nodes.len() == 1 => nodes.remove(0),
                    inner => inner,
                }
            }
            _ => {
                let word = self.word();
                self.at += word.len();
                Node::name(&format!("&{word}"))
            }
        };
        self.space();
        if self.peek() != b'(' {
            // Without parentheses the caller's arguments are handed on.
            return call(callee, vec![Node::name("@_")], at, self.at - at);
        }
        self.at += 1;
        let args = self.items(b')');
        let handle = match args.first() {
            Some(Node::Name(name)) => name.strip_prefix('*').map(str::to_owned),
            _ => None,
        };
        let called = call(callee.clone(), args, at, self.at - at);
        match (&callee, handle) {
            // The old library's way of giving what was sent: it fills the hash of that name.
            (Node::Name(name), Some(hash)) if &**name == "&ReadParse" => {
                let sent = call(entity("param"), Vec::new(), at, 1);
                let filled = assign(Node::name(&format!("%{hash}")), sent, Scope::Found);
                Node::Block(vec![called, filled])
            }
            _ => called,
        }
    }

    /// A word: a quote, a declaration, a function with what it takes, or a name.
    fn named(&mut self) -> Node {
        let at = self.at;
        let word = self.word().to_owned();
        let after = self.peek_at(word.len());
        if let Some(node) = self.quoted(&word, after) {
            return node;
        }
        self.at += word.len();
        self.space();
        if self.rest().starts_with(b"=>") {
            return Node::text(word.as_bytes());
        }
        match word.as_str() {
            "my" | "our" | "local" | "state" => {
                return match self.take(b'(') {
                    true => Node::List(self.items(b')')),
                    false => self.unary_value(),
                };
            }
            "sub" => return self.anonymous_sub(),
            "do" | "eval" if self.peek() == b'{' => return self.block(),
            "return" => {
                let value = match self.ends_value() {
                    true => Node::Nothing,
                    false => self.expression(),
                };
                return Node::Return(Box::new(value));
            }
            "last" | "next" | "redo" => {
                let label = self.word();
                let named = !label.is_empty() && !is_operator(label);
                self.at += if named { label.len() } else { 0 };
                return Node::Leave;
            }
            "shift" | "pop" => return self.taken(),
            "map" | "grep" | "sort" => return self.made(&word),
            "qw" => return Node::Nothing,
            "new" => return self.constructed(),
            "not" => return Node::Not(Box::new(self.unary_value())),
            "__PACKAGE__" => return Node::Nothing,
            "undef" if self.peek() != b'(' => return Node::Nothing,
            _ => {}
        }
        if self.rest().starts_with(b"->") {
            return Node::Entity(word.as_str().into());
        }
        self.function_of(&word, at)
    }

    fn quoted(&mut self, word: &str, after: u8) -> Option<Node> {
        let at = self.at;
        if !matches!(
            word,
            "q" | "qq" | "qw" | "qx" | "m" | "qr" | "s" | "tr" | "y"
        ) {
            return None;
        }
        let spaced = after == b' '
            && matches!(
                self.peek_at(word.len() + 1),
                b'{' | b'(' | b'/' | b'[' | b'<' | b'|' | b'!' | b'\''
            );
        let delimits = !after.is_ascii_alphanumeric()
            && !after.is_ascii_whitespace()
            && !matches!(after, b',' | b';' | b')' | b'=' | 0);
        if !spaced && !delimits {
            return None;
        }
        self.at += word.len() + usize::from(spaced);
        Some(match word {
            "q" => self.literal(),
            "qq" => self.interpolated(),
            "qw" => {
                let inner = self.delimited();
                let words = inner
                    .split(u8::is_ascii_whitespace)
                    .filter(|word| !word.is_empty());
                Node::List(words.map(Node::text).collect())
            }
            "qx" => {
                let plain = self.peek() == b'\'';
                let text = if plain {
                    self.literal()
                } else {
                    self.interpolated()
                };
                call(entity("qx"), vec![text], at, self.at - at)
            }
            "s" => self.substitution(Node::name("$_")),
            "tr" | "y" => {
                let pattern = self.pattern(2);
                let mut args = vec![Node::name("$_")];
                args.extend([pattern.regex, pattern.replacement, pattern.flags].map(Node::text));
                assign(
                    Node::name("$_"),
                    call(entity("tr"), args, at, 1),
                    Scope::Found,
                )
            }
            _ => {
                self.pattern(1);
                Node::Nothing
            }
        })
    }

    fn unary_value(&mut self) -> Node {
        match self.deeper() {
            true => {
                let node = self.term();
                self.depth -= 1;
                node
            }
            false => Node::Nothing,
        }
    }

    fn anonymous_sub(&mut self) -> Node {
        if self.peek() == b'(' {
            self.delimited();
            self.space();
        }
        self.function("")
    }

    fn ends_value(&self) -> bool {
        let word = self.word();
        // `x` before a parenthesis is a function of that name.
        let operator = is_operator(word) && !(word == "x" && self.peek_at(1) == b'(');
        operator
            || matches!(
                self.peek(),
                b';' | b'}' | b')' | b']' | b',' | b':' | b'?' | 0
            )
    }

    /// `shift`: the first of a list, which loses it.
    fn taken(&mut self) -> Node {
        let parenthesized = self.take(b'(');
        self.space();
        let list = match self.peek() {
            b'@' => self.variable(),
            _ => Node::name(if self.within { "@_" } else { "@ARGV" }),
        };
        if parenthesized {
            self.take(b')');
        }
        let first = Node::name("$\u{0}taken");
        let left = Node::Slice(
            Box::new(list.clone()),
            Box::new([Node::Number(1), Node::Nothing, Node::Nothing]),
        );
        let element = Node::Index(Box::new(list.clone()), Box::new(Node::Number(0)));
        Node::Block(vec![
            assign(first.clone(), element, Scope::Here),
            assign(list, left, Scope::Found),
            first,
        ])
    }

    /// `map { … } list` and `map expression, list`; `grep` and `sort` leave the elements as they are.
    fn made(&mut self, word: &str) -> Node {
        let parenthesized = self.take(b'(');
        self.space();
        let body = match self.peek() {
            b'{' => self.block(),
            _ if word == "sort" => Node::Nothing,
            _ => self.assignment(),
        };
        self.take(b',');
        let over = match self.ends_value() {
            true => Node::Nothing,
            false => self.expression(),
        };
        if parenthesized {
            self.take(b')');
        }
        match word {
            "map" => collects(body, over),
            _ => over,
        }
    }

    /// `new Class(…)`.
    fn constructed(&mut self) -> Node {
        let at = self.at;
        let class = self.word().to_owned();
        self.at += class.len();
        self.space();
        let args = match self.peek() {
            b'(' => {
                self.at += 1;
                self.items(b')')
            }
            _ => Vec::new(),
        };
        call(entity(&format!("{class}.new")), args, at, class.len())
    }

    /// A function by its name, with its arguments.
    fn function_of(&mut self, word: &str, at: usize) -> Node {
        let args = match word {
            "print" | "printf" | "say" | "open" | "close" | "opendir" | "binmode" | "connect"
            | "accept" | "socket" | "exec" | "system" | "syswrite" | "flock" | "eof" | "pipe"
            | "readdir" | "recv" | "read" | "sysread" => self.with_handle(word),
            _ => self.loose_arguments(word),
        };
        let length = self.at.saturating_sub(at);
        if FILLING.contains(&word)
            && let [source, target, ..] = args.as_slice()
        {
            let read = call(entity("readline"), vec![source.clone()], at, length);
            return assign(target.clone(), read, Scope::Found);
        }
        let args = match (word, args.as_slice()) {
            ("split", [_]) => [args, vec![Node::name("$_")]].concat(),
            _ => args,
        };
        let args = match args.is_empty() && TOPICAL.contains(&word) {
            true => vec![Node::name("$_")],
            false => args,
        };
        let callee = Node::name(&format!("&{word}"));
        match (word, args.first()) {
            ("open" | "socket" | "opendir" | "accept", Some(target)) => {
                let target = target.clone();
                assign(target, call(callee, args, at, length), Scope::Found)
            }
            ("chomp" | "chop", Some(Node::Assign(_))) => Node::Block(args),
            ("exit" | "die" | "croak", _) => Node::Block(vec![Node::Several(args), Node::Leave]),
            _ => call(callee, args, at, length),
        }
    }

    fn loose_arguments(&mut self, word: &str) -> Vec<Node> {
        if self.peek() == b'(' {
            self.at += 1;
            return self.items(b')');
        }
        let next = self.peek();
        let starts = (word == "split" && next == b'/')
            || matches!(
                next,
                b'$' | b'@' | b'"' | b'\'' | b'`' | b'\\' | b'&' | b'['
            )
            || (next == b'%' && (self.peek_at(1).is_ascii_alphabetic() || self.peek_at(1) == b'$'))
            || (next == b'<'
                && (self.peek_at(1) == b'<'
                    || self.peek_at(1) == b'$'
                    || self.peek_at(1).is_ascii_uppercase()))
            || (next == b'-' && self.peek_at(1).is_ascii_alphabetic())
            || next.is_ascii_digit()
            || (next.is_ascii_alphabetic() && !is_operator(self.word()));
        if !starts || self.ends_value() {
            return Vec::new();
        }
        if is_unary(word) {
            return match self.deeper() {
                true => {
                    let value = self.postfix();
                    self.depth -= 1;
                    vec![value]
                }
                false => Vec::new(),
            };
        }
        match self.list() {
            Node::List(values) => values,
            value => vec![value],
        }
    }

    /// Arguments of which the first may be a handle: a bare word, a block, or a variable without a comma after it.
    fn with_handle(&mut self, word: &str) -> Vec<Node> {
        let parenthesized = self.peek() == b'(';
        if parenthesized {
            self.at += 1;
            self.space();
        }
        let mut args = Vec::new();
        match self.handle(word) {
            Some(handle) => {
                args.push(handle);
                self.take(b',');
            }
            None if matches!(word, "print" | "printf" | "say") => args.push(Node::Nothing),
            None => {}
        }
        self.space();
        if !self.ends_value() {
            match self.list() {
                Node::List(values) => args.extend(values),
                value => args.push(value),
            }
        }
        if parenthesized {
            self.take(b')');
        }
        args
    }

    fn handle(&mut self, word: &str) -> Option<Node> {
        match self.peek() {
            b'{' if word != "open" => {
                self.at += 1;
                let inner = self.expression();
                self.take(b'}');
                Some(inner)
            }
            b'$' if matches!(word, "print" | "printf" | "say") => {
                let rest = self.rest();
                let name = rest.get(1..).unwrap_or_default();
                let length = name
                    .iter()
                    .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
                    .count();
                let after = name.get(length..).unwrap_or_default();
                let starts = matches!(after, [b' ', b'"' | b'$' | b'@' | b'\'' | b'<', ..]);
                if !starts || length == 0 {
                    return None;
                }
                Some(self.variable())
            }
            b'"' if matches!(word, "open" | "opendir") => {
                // A handle's name may be quoted.
                let inner = self.delimited();
                Some(Node::name(&format!("*{}", String::from_utf8_lossy(inner))))
            }
            _ => {
                let name = self.word();
                let after = self.peek_at(name.len());
                let bare = !name.is_empty()
                    && name.bytes().any(|byte| byte.is_ascii_uppercase())
                    && !is_operator(name)
                    && !matches!(after, b'(' | b'-' | b'\'');
                if !bare {
                    return None;
                }
                self.at += name.len();
                Some(Node::name(&format!("*{name}")))
            }
        }
    }
}

/// Keys with values, from a list of both in turn.
fn pairs(items: Vec<Node>) -> Node {
    let mut entries = Vec::new();
    let mut items = items.into_iter();
    while let Some(key) = items.next() {
        entries.push((key, items.next().unwrap_or(Node::Nothing)));
    }
    Node::Map(entries)
}
