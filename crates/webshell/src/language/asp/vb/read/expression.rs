//! Reads expressions.

use super::super::lex::Word;
use super::{DEPTH_MAX, Designator, Reader};
use crate::language::asp::flow::{Place, Slot, Step, Target};

impl Reader<'_> {
    /// A name with members and arguments. The last part is left open, so that it can be called or assigned.
    pub(super) fn designator(&mut self) -> Designator {
        while matches!(self.word(), Some(Word::Name(name)) if is_operator(name)) {
            self.at += 1;
        }
        let start = self.place();
        let mut open = match self.word() {
            Some(Word::Name(name)) if name.eq_ignore_ascii_case("new") => {
                self.at += 1;
                let class = self.type_name();
                let class = self.code.symbol(&class);
                let arguments = match self.is_sign("(") {
                    true => self.arguments(),
                    false => Vec::new(),
                };
                let place = self.since(start);
                let step = Step::Create(class, arguments.into());
                Designator::Value(self.code.push(step, place))
            }
            Some(Word::Name(name)) => {
                self.at += 1;
                let symbol = self.code.symbol(name);
                Designator::Name(self.code.variable(symbol), symbol)
            }
            Some(Word::Sign(".")) => match self.within.last() {
                Some(&object) => self.member_of(object),
                None => {
                    self.at += 1;
                    return Designator::Value(self.code.push(Step::Nothing, start));
                }
            },
            _ => {
                let value = self.primary();
                Designator::Value(value)
            }
        };
        loop {
            if (self.is_sign(".") && !self.begins_member()) || self.is_sign("?.") {
                let Some(Word::Name(name)) = self.ahead(1) else {
                    self.at += 1;
                    break;
                };
                let object = self.close(open, start);
                self.at += 2;
                open = Designator::Member(object, self.code.symbol(name));
            } else if self.is_sign("(") {
                let arguments = self.arguments();
                open = match open {
                    Designator::Name(variable, name) => {
                        Designator::Called(Target::Own(variable), name, arguments)
                    }
                    Designator::Member(object, name) => {
                        Designator::Called(Target::Object(object), name, arguments)
                    }
                    other => {
                        let callee = self.close(other, start);
                        let place = self.since(start);
                        let step = Step::CallValue(callee, arguments.into());
                        Designator::Value(self.code.push(step, place))
                    }
                };
            } else {
                break;
            }
        }
        open
    }

    fn member_of(&mut self, object: Slot) -> Designator {
        self.at += 1;
        match self.word() {
            Some(Word::Name(name)) => {
                self.at += 1;
                Designator::Member(object, self.code.symbol(name))
            }
            _ => Designator::Value(object),
        }
    }

    /// Within `With`, a dot after a blank begins a member of its object.
    fn begins_member(&self) -> bool {
        let last = self.at.checked_sub(1).and_then(|at| self.words.get(at));
        let apart = last.is_some_and(|(_, last)| last.offset + last.length < self.place().offset);
        apart && !self.within.is_empty()
    }

    /// Ends a designator as a value.
    pub(super) fn close(&mut self, open: Designator, start: Place) -> Slot {
        let place = self.since(start);
        let step = match open {
            Designator::Name(variable, name) => {
                let me = matches!(self.code.name(name), "me" | "mybase" | "myclass");
                match me {
                    true => Step::Nothing,
                    false => Step::Name(variable, name),
                }
            }
            Designator::Member(object, name) => Step::Member(object, name),
            Designator::Called(target, name, arguments) => {
                Step::Call(target, name, arguments.into())
            }
            Designator::Value(slot) => return slot,
        };
        self.code.push(step, place)
    }

    /// Arguments in brackets.
    pub(super) fn arguments(&mut self) -> Vec<Slot> {
        let mut arguments = Vec::new();
        self.take_sign("(");
        while !self.take_sign(")") {
            if self.word().is_none() {
                break;
            }
            // A line may end within brackets in Visual Basic; in VBScript it may not, and then the call is broken.
            if matches!(self.word(), Some(Word::End)) {
                if self.depth == 0 && arguments.is_empty() {
                    break;
                }
                self.at += 1;
                if self.line_opens() {
                    break;
                }
                continue;
            }
            let before = self.at;
            if matches!(self.ahead(1), Some(Word::Sign(":="))) {
                self.at += 2;
            }
            arguments.push(self.expression());
            self.take_sign(",");
            if self.at == before {
                self.at += 1;
            }
        }
        arguments
    }

    fn line_opens(&self) -> bool {
        [
            "end", "if", "dim", "set", "sub", "function", "for", "next", "else", "response",
        ]
        .iter()
        .any(|name| self.is(name))
    }

    pub(super) fn expression(&mut self) -> Slot {
        if self.depth >= DEPTH_MAX {
            self.code.skipped = true;
            let place = self.place();
            self.skip_line();
            return self.code.push(Step::Nothing, place);
        }
        self.depth += 1;
        let start = self.place();
        let mut value = self.joining();
        loop {
            let compares = matches!(
                self.word(),
                Some(Word::Sign("=" | "<>" | "<" | ">" | "<=" | ">="))
            ) || [
                "and", "or", "xor", "is", "like", "andalso", "orelse", "eqv", "imp", "isnot",
            ]
            .iter()
            .any(|name| self.is(name));
            if !compares {
                break;
            }
            self.at += 1;
            while self.take("not") {}
            self.joining();
            let place = self.since(start);
            value = self.code.push(Step::Nothing, place);
        }
        self.depth -= 1;
        value
    }

    /// Parts joined by `&`.
    fn joining(&mut self) -> Slot {
        let start = self.place();
        let mut parts = vec![self.adding()];
        while self.take_sign("&") {
            parts.push(self.adding());
        }
        match parts.as_slice() {
            [only] => *only,
            _ => {
                let place = self.since(start);
                self.code.push(Step::Join(parts.into()), place)
            }
        }
    }

    fn adding(&mut self) -> Slot {
        let start = self.place();
        let mut value = self.multiplying();
        loop {
            let plus = self.is_sign("+");
            if !plus && !self.is_sign("-") {
                return value;
            }
            self.at += 1;
            let right = self.multiplying();
            let place = self.since(start);
            let step = match plus {
                true => Step::Join([value, right].into()),
                false => Step::Operate(b'-', value, right),
            };
            value = self.code.push(step, place);
        }
    }

    fn multiplying(&mut self) -> Slot {
        let start = self.place();
        let mut value = self.signed();
        loop {
            let operator = match self.word() {
                Some(Word::Sign("*")) => b'*',
                Some(Word::Sign("/" | "\\")) => b'/',
                Some(Word::Name(name)) if name.eq_ignore_ascii_case("mod") => b'%',
                Some(Word::Name(name)) if name.eq_ignore_ascii_case("xor") => b'^',
                Some(Word::Sign("^")) => b'p',
                _ => return value,
            };
            self.at += 1;
            let right = self.signed();
            let place = self.since(start);
            value = self.code.push(Step::Operate(operator, value, right), place);
        }
    }

    fn signed(&mut self) -> Slot {
        let start = self.place();
        let mut minus = false;
        while self.is_sign("-") || self.is_sign("+") || self.is("not") {
            minus ^= self.is_sign("-");
            self.at += 1;
        }
        let open = self.designator();
        let value = self.close(open, start);
        if !minus {
            return value;
        }
        let zero = self.code.push(Step::Number(0), start);
        self.code.push(Step::Operate(b'-', zero, value), start)
    }

    fn primary(&mut self) -> Slot {
        let start = self.place();
        match self.word() {
            Some(Word::Text(text)) => {
                self.at += 1;
                self.code.push(Step::Text(text.as_str().into()), start)
            }
            Some(Word::Number(number)) => {
                self.at += 1;
                self.code.push(Step::Number(*number), start)
            }
            Some(Word::Sign("(")) => {
                self.at += 1;
                let value = self.expression();
                self.take_sign(")");
                value
            }
            Some(Word::Sign("{")) => {
                self.at += 1;
                let mut items = Vec::new();
                while !self.take_sign("}") && self.word().is_some() {
                    let before = self.at;
                    if !self.at_end() {
                        items.push(self.expression());
                    }
                    self.take_sign(",");
                    if self.at == before {
                        self.at += 1;
                    }
                }
                self.code.push(Step::List(items.into()), start)
            }
            Some(Word::Sign(")" | "}" | ",") | Word::End) | None => {
                self.code.push(Step::Nothing, start)
            }
            Some(_) => {
                self.at += 1;
                self.code.push(Step::Nothing, start)
            }
        }
    }
}

/// Words before a value that change nothing of interest about it.
fn is_operator(name: &str) -> bool {
    ["addressof", "typeof", "await", "byval", "byref"]
        .iter()
        .any(|operator| name.eq_ignore_ascii_case(operator))
}
