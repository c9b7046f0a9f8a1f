//! Reads VBScript and Visual Basic into steps.

mod expression;

use super::lex::{Word, words};
use crate::language::asp::flow::{Code, Counter, Place, Slot, Step, Target};

/// Brackets within brackets that are read. Stops scripts of nothing but brackets from using up the stack.
const DEPTH_MAX: usize = 96;

/// The steps of a script.
pub(crate) fn visual_basic(text: &str) -> Code {
    let words = words(text);
    let mut reader = Reader {
        words: &words,
        at: 0,
        code: Code::default(),
        depth: 0,
        within: Vec::new(),
    };
    while reader.at < words.len() && !reader.code.cut {
        reader.statement();
    }
    reader.code
}

struct Reader<'t> {
    words: &'t [(Word<'t>, Place)],
    at: usize,
    code: Code,
    depth: usize,
    within: Vec<Slot>,
}

/// What a name with its members and arguments has become.
enum Designator {
    Name(u32, u32),
    Member(Slot, u32),
    /// A call or element; what it was called on, its name, and its arguments.
    Called(Target, u32, Vec<Slot>),
    Value(Slot),
}

impl<'t> Reader<'t> {
    fn word(&self) -> Option<&'t Word<'t>> {
        self.words.get(self.at).map(|(word, _)| word)
    }

    fn ahead(&self, count: usize) -> Option<&'t Word<'t>> {
        self.words.get(self.at + count).map(|(word, _)| word)
    }

    fn place(&self) -> Place {
        self.words
            .get(self.at)
            .map(|(_, place)| *place)
            .unwrap_or_default()
    }

    fn since(&self, start: Place) -> Place {
        let end = match self.at.checked_sub(1).and_then(|at| self.words.get(at)) {
            Some((_, last)) => last.offset + last.length,
            None => start.offset,
        };
        Place {
            offset: start.offset,
            length: end.saturating_sub(start.offset),
        }
    }

    fn is(&self, name: &str) -> bool {
        matches!(self.word(), Some(Word::Name(word)) if word.eq_ignore_ascii_case(name))
    }

    fn take(&mut self, name: &str) -> bool {
        let is = self.is(name);
        self.at += usize::from(is);
        is
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.word(), Some(Word::Sign(word)) if *word == sign)
    }

    fn take_sign(&mut self, sign: &str) -> bool {
        let is = self.is_sign(sign);
        self.at += usize::from(is);
        is
    }

    fn at_end(&self) -> bool {
        matches!(self.word(), None | Some(Word::End))
    }

    fn skip_line(&mut self) {
        while !self.at_end() {
            self.at += 1;
        }
    }

    fn statement(&mut self) {
        let before = self.at;
        match self.word() {
            Some(Word::Name(name)) => {
                let name = name.to_ascii_lowercase();
                self.named_statement(&name);
            }
            Some(Word::Sign(".")) if !self.within.is_empty() => self.simple_statement(),
            Some(_) => self.at += 1,
            None => {}
        }
        // Whatever happens, every statement takes a word.
        if self.at == before {
            self.at += 1;
        }
    }

    fn named_statement(&mut self, name: &str) {
        match name {
            "dim" | "private" | "public" | "static" | "redim" | "const" | "protected"
            | "friend" | "shared" | "overrides" | "readonly" | "shadows" | "overridable"
            | "default" | "preserve" | "partial" | "async" => {
                self.at += 1;
                self.declaration();
            }
            "function" | "sub" | "property" => self.function(),
            "end" => self.end(),
            "if" | "elseif" | "while" | "until" => self.condition(name),
            "select" | "case" | "loop" | "do" | "wend" | "next" | "for" => self.control(name),
            "else" | "try" | "finally" | "then" => self.at += 1,
            "with" => {
                self.at += 1;
                let object = self.expression();
                self.within.push(object);
            }
            "using" => {
                self.at += 1;
                match matches!(self.ahead(1), Some(Word::Name(next)) if next.eq_ignore_ascii_case("as"))
                {
                    true => self.declaration(),
                    false => {
                        self.expression();
                    }
                }
            }
            "set" | "let" | "call" if !matches!(self.ahead(1), Some(Word::Sign("=" | "."))) => {
                self.at += 1;
                self.simple_statement();
            }
            "return" => self.give_back(),
            "class" | "module" | "namespace" | "imports" | "inherits" | "implements" | "option"
            | "on" | "exit" | "goto" | "resume" | "catch" | "throw" | "continue" | "interface" => {
                self.skip_line();
            }
            _ => self.simple_statement(),
        }
    }

    fn end(&mut self) {
        self.at += 1;
        if self.take("function") || self.take("sub") || self.take("property") {
            self.code.end();
        } else if self.take("with") {
            self.within.pop();
        } else if self.take("while") {
            self.code.push(Step::EndLoop, Place::default());
        } else if !self.at_end() {
            self.at += 1;
        }
    }

    fn give_back(&mut self) {
        let start = self.place();
        self.at += 1;
        if self.at_end() {
            return;
        }
        let value = self.expression();
        if let Some(result) = self.code.current().map(|function| function.result) {
            let place = self.since(start);
            self.code.push(Step::Assign(result, value), place);
        }
    }

    fn condition(&mut self, name: &str) {
        let start = self.place();
        self.at += 1;
        self.expression();
        self.take("then");
        if name == "while" {
            self.code.push(Step::Loop(None), start);
        }
    }

    fn control(&mut self, name: &str) {
        let start = self.place();
        self.at += 1;
        match name {
            "select" => {
                self.take("case");
                self.expression();
            }
            "case" => {
                self.take("else");
                while !self.at_end() {
                    let before = self.at;
                    self.expression();
                    self.take_sign(",");
                    self.take("to");
                    if self.at == before {
                        self.at += 1;
                    }
                }
            }
            "do" => {
                if self.take("while") || self.take("until") {
                    self.expression();
                }
                self.code.push(Step::Loop(None), start);
            }
            "loop" => {
                if self.take("while") || self.take("until") {
                    self.expression();
                }
                self.code.push(Step::EndLoop, start);
            }
            "for" => self.for_loop(start),
            // `Next` and `Wend`.
            _ => {
                self.code.push(Step::EndLoop, start);
                self.skip_line();
            }
        }
    }

    fn for_loop(&mut self, start: Place) {
        let each = self.take("each");
        let Some(Word::Name(name)) = self.word() else {
            self.skip_line();
            return;
        };
        self.at += 1;
        let symbol = self.code.symbol(name);
        let variable = self.code.variable(symbol);
        if self.take("as") {
            self.type_name();
        }
        if each {
            self.take("in");
            let all = self.expression();
            let place = self.since(start);
            self.code.push(Step::Assign(variable, all), place);
            self.code.push(Step::Loop(None), place);
            return;
        }
        self.take_sign("=");
        let from = self.expression();
        self.take("to");
        let to = self.expression();
        let by = self.take("step").then(|| self.expression());
        let place = self.since(start);
        let counter = Counter {
            variable,
            from,
            to,
            by,
        };
        self.code.push(Step::Assign(variable, from), place);
        self.code.push(Step::Loop(Some(counter)), place);
    }

    /// `Dim a, b(10), c As New T(x)`, `Const a = 1`; a function where that is what follows.
    fn declaration(&mut self) {
        loop {
            let Some(Word::Name(name)) = self.word() else {
                return;
            };
            let lower = name.to_ascii_lowercase();
            match lower.as_str() {
                "function" | "sub" | "property" => return self.function(),
                "class" | "module" | "structure" | "enum" | "delegate" | "event" => {
                    return self.skip_line();
                }
                "const" | "shared" | "static" | "readonly" | "default" | "preserve" | "dim"
                | "overrides" | "overloads" | "overridable" | "withevents" | "async"
                | "private" | "public" => {
                    self.at += 1;
                    continue;
                }
                _ => {}
            }
            self.declared(name);
            if !self.take_sign(",") {
                return;
            }
        }
    }

    fn declared(&mut self, name: &str) {
        let start = self.place();
        self.at += 1;
        let symbol = self.code.symbol(name);
        let variable = self.code.declare(symbol);
        if self.is_sign("(") {
            self.arguments();
        }
        let mut value = None;
        if self.take("as") {
            let new = self.take("new");
            let class = self.type_name();
            let class = self.code.symbol(&class);
            let arguments = match self.is_sign("(") {
                true => self.arguments(),
                false => Vec::new(),
            };
            let place = self.since(start);
            self.code.push(Step::Declare(variable, class), place);
            if new {
                value = Some(self.code.push(Step::Create(class, arguments.into()), place));
            }
        }
        if self.take_sign("=") {
            value = Some(self.expression());
        }
        if let Some(value) = value {
            let place = self.since(start);
            self.code.push(Step::Assign(variable, value), place);
        }
    }

    /// A class's simple name; what it is generic over is skipped.
    fn type_name(&mut self) -> String {
        let mut last = String::new();
        while let Some(Word::Name(name)) = self.word() {
            last = (*name).to_owned();
            self.at += 1;
            if !self.take_sign(".") {
                break;
            }
        }
        if self.is_sign("(")
            && matches!(self.ahead(1), Some(Word::Name(of)) if of.eq_ignore_ascii_case("of"))
            || self.is_sign("(") && matches!(self.ahead(1), Some(Word::Sign(")")))
        {
            while !self.at_end() && !self.take_sign(")") {
                self.at += 1;
            }
        }
        last
    }

    fn function(&mut self) {
        let start = self.place();
        let property = self.is("property");
        self.at += 1;
        if property {
            let _ = self.take("get") || self.take("let") || self.take("set");
        }
        let Some(Word::Name(name)) = self.word() else {
            return;
        };
        self.at += 1;
        let mut names: Vec<&str> = Vec::new();
        let mut classes: Vec<Option<String>> = Vec::new();
        if self.take_sign("(") {
            while !self.at_end() && !self.take_sign(")") {
                while self.take("byval")
                    || self.take("byref")
                    || self.take("optional")
                    || self.take("paramarray")
                {}
                match self.word() {
                    Some(Word::Name(parameter)) => {
                        names.push(parameter);
                        self.at += 1;
                        if self.take_sign("(") {
                            self.take_sign(")");
                        }
                        let class = self.take("as").then(|| self.type_name());
                        classes.push(class);
                    }
                    _ => self.at += 1,
                }
            }
        }
        self.code.begin(name, &names, start);
        for (parameter, class) in names.iter().zip(classes) {
            if let Some(class) = class {
                let parameter = self.code.symbol(parameter);
                let variable = self.code.declare(parameter);
                let class = self.code.symbol(&class);
                self.code.push(Step::Declare(variable, class), start);
            }
        }
        if self.is("as") || self.is("handles") || self.is("implements") {
            self.skip_line();
        }
    }

    fn simple_statement(&mut self) {
        let start = self.place();
        let designator = self.designator();
        let operator = match self.word() {
            Some(Word::Sign(sign @ ("=" | "&=" | "+="))) => Some(*sign),
            _ => None,
        };
        if let Some(operator) = operator {
            self.at += 1;
            let value = self.expression();
            self.assign(&designator, operator, value, start);
            return;
        }
        let mut arguments = Vec::new();
        let mut joined = false;
        while !self.at_end() {
            let before = self.at;
            joined |= matches!(self.word(), Some(Word::Sign("&" | "+")));
            if joined {
                self.at += usize::from(self.is_sign("&") || self.is_sign("+"));
            }
            arguments.push(self.expression());
            self.take_sign(",");
            if self.at == before {
                self.at += 1;
            }
            if self.starts_statement() {
                break;
            }
        }
        self.call(designator, arguments, start);
    }

    /// `Then`, `Else` and `End` in the middle of a line begin something new; so do calls set side by side, which
    /// pages hold where a line break was lost.
    fn starts_statement(&self) -> bool {
        [
            "else",
            "end",
            "then",
            "elseif",
            "execute",
            "executeglobal",
            "eval",
            "set",
            "next",
        ]
        .iter()
        .any(|name| self.is(name))
    }

    fn assign(&mut self, designator: &Designator, operator: &str, value: Slot, start: Place) {
        let place = self.since(start);
        match *designator {
            Designator::Name(variable, _) => {
                let step = match operator {
                    "=" => Step::Assign(variable, value),
                    _ => Step::Append(variable, value),
                };
                self.code.push(step, place);
            }
            Designator::Member(object, name) => {
                self.code
                    .push(Step::AssignMember(object, name, value), place);
            }
            Designator::Called(Target::Own(variable), name, _) => {
                let object = self.code.push(Step::Name(variable, name), place);
                let element = self.code.symbol("[]");
                self.code
                    .push(Step::AssignMember(object, element, value), place);
            }
            Designator::Called(Target::Object(object), name, _) => {
                self.code
                    .push(Step::AssignMember(object, name, value), place);
            }
            Designator::Value(_) => {}
        }
    }

    fn call(&mut self, designator: Designator, arguments: Vec<Slot>, start: Place) {
        let place = self.since(start);
        let step = match designator {
            Designator::Name(variable, name) => {
                Step::Call(Target::Own(variable), name, arguments.into())
            }
            Designator::Member(object, name) => {
                Step::Call(Target::Object(object), name, arguments.into())
            }
            Designator::Called(target, name, first) => {
                // `Execute ("a") & b`: the bracket was only the beginning of the argument.
                let all = first.into_iter().chain(arguments).collect::<Vec<Slot>>();
                let joined = match all.len() {
                    0 | 1 => all,
                    _ => vec![self.code.push(Step::Join(all.into()), place)],
                };
                Step::Call(target, name, joined.into())
            }
            Designator::Value(_) => return,
        };
        self.code.push(step, place);
    }
}
