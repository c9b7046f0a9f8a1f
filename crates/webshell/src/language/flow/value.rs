//! What is known of a value without running the script.

use std::rc::Rc;

use super::node::{Function, Name, Text};

/// Where a value's content came from, as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Taint(u8);

impl Taint {
    /// Nothing from outside.
    pub(crate) const NONE: Taint = Taint(0);
    /// From a web request.
    pub(crate) const WEB: Taint = Taint(1);
    /// From a connection that is not known to be the web server's.
    pub(crate) const SOCKET: Taint = Taint(2);

    /// From either.
    pub(crate) fn and(self, other: Taint) -> Taint {
        Taint(self.0 | other.0)
    }

    /// Whether any of it came from outside.
    pub(crate) fn any(self) -> bool {
        self.0 != 0
    }

    /// Whether a web request gave it.
    pub(crate) fn web(self) -> bool {
        self.0 & Taint::WEB.0 != 0
    }
}

/// A part of a text.
#[derive(Debug, Clone)]
pub(crate) enum Piece {
    /// Known bytes.
    Plain(Text),
    /// From outside.
    Tainted(Taint),
    /// Not known, but not from outside.
    Unknown,
}

/// What kind of value it is, as far as it is known.
#[derive(Debug, Clone, Default)]
pub(crate) enum Shape {
    /// Nothing is known.
    #[default]
    Unknown,
    /// A known text.
    Text(Text),
    /// A text that is known in parts.
    Mixed(Rc<[Piece]>),
    /// A known number.
    Number(i64),
    /// A list of values.
    List(Rc<Vec<Value>>),
    /// Keys with values.
    Map(Rc<Vec<(Text, Value)>>),
    /// Something the platform provides.
    Entity(Name),
    /// A function of the script.
    Function(Rc<Function>),
    /// A member of a value that is called by name.
    Method(Rc<(Value, Name)>),
}

/// A value.
#[derive(Debug, Clone, Default)]
pub(crate) struct Value {
    /// What is known of it.
    pub(crate) shape: Shape,
    /// Where its content came from.
    pub(crate) taint: Taint,
    /// Whether it was hidden: decoded, or put together where a plain literal would have done.
    pub(crate) hidden: bool,
}

/// Parts of one text that are told apart; more are merged. Stops texts of nothing but parts.
const PIECES_MAX: usize = 64;

impl Value {
    /// Nothing is known.
    pub(crate) fn unknown() -> Value {
        Value::default()
    }

    /// From outside, nothing else known.
    pub(crate) fn tainted(taint: Taint) -> Value {
        Value {
            taint,
            ..Value::default()
        }
    }

    /// From a web request.
    pub(crate) fn request() -> Value {
        Value::tainted(Taint::WEB)
    }

    /// A known text.
    pub(crate) fn text(bytes: &[u8]) -> Value {
        Shape::Text(bytes.into()).into()
    }

    /// A known number.
    pub(crate) fn number(number: i64) -> Value {
        Shape::Number(number).into()
    }

    /// Something the platform provides.
    pub(crate) fn entity(name: &str) -> Value {
        Shape::Entity(name.into()).into()
    }

    /// A list.
    pub(crate) fn list(values: Vec<Value>) -> Value {
        let taint = values
            .iter()
            .fold(Taint::NONE, |taint, value| taint.and(value.taint));
        let hidden = values.iter().any(|value| value.hidden);
        Value {
            shape: Shape::List(Rc::new(values)),
            taint,
            hidden,
        }
    }

    /// The same, but hidden.
    pub(crate) fn uncovered(mut self) -> Value {
        self.hidden = true;
        self
    }

    /// The bytes, where all are known.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        match &self.shape {
            Shape::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The bytes as text, where all are known and they are text.
    pub(crate) fn str(&self) -> Option<&str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// The number, where it is known.
    pub(crate) fn as_number(&self) -> Option<i64> {
        match self.shape {
            Shape::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The elements, where they are known.
    pub(crate) fn elements(&self) -> Option<&[Value]> {
        match &self.shape {
            Shape::List(values) => Some(values),
            _ => None,
        }
    }

    /// The platform's name, where it is something the platform provides.
    pub(crate) fn as_entity(&self) -> Option<&str> {
        match &self.shape {
            Shape::Entity(name) => Some(name),
            _ => None,
        }
    }

    /// Whether nothing at all is known.
    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self.shape, Shape::Unknown) && !self.taint.any()
    }

    /// The value as parts of a text.
    pub(crate) fn pieces(&self) -> Vec<Piece> {
        match &self.shape {
            Shape::Text(text) => vec![Piece::Plain(text.clone())],
            Shape::Mixed(pieces) => pieces.to_vec(),
            Shape::Number(number) => {
                vec![Piece::Plain(number.to_string().into_bytes().into())]
            }
            _ if self.taint.any() => vec![Piece::Tainted(self.taint)],
            _ => vec![Piece::Unknown],
        }
    }

    /// Parts as a value; neighbours that are known become one.
    pub(crate) fn of_pieces(parts: Vec<Piece>, hidden: bool) -> Value {
        let mut taint = Taint::NONE;
        let mut merged: Vec<Piece> = Vec::new();
        let mut plain: Vec<u8> = Vec::new();
        let flush = |plain: &mut Vec<u8>, merged: &mut Vec<Piece>| {
            if !plain.is_empty() {
                merged.push(Piece::Plain(std::mem::take(plain).into()));
            }
        };
        for part in parts {
            match part {
                Piece::Plain(text) => plain.extend_from_slice(&text),
                Piece::Tainted(more) => {
                    taint = taint.and(more);
                    flush(&mut plain, &mut merged);
                    merged.push(Piece::Tainted(more));
                }
                Piece::Unknown => {
                    flush(&mut plain, &mut merged);
                    if !matches!(merged.last(), Some(Piece::Unknown)) {
                        merged.push(Piece::Unknown);
                    }
                }
            }
        }
        flush(&mut plain, &mut merged);
        merged.truncate(PIECES_MAX);
        let shape = match merged.as_slice() {
            [] => Shape::Text(Text::from(&b""[..])),
            [Piece::Plain(text)] => Shape::Text(text.clone()),
            [Piece::Unknown] | [Piece::Tainted(_)] => Shape::Unknown,
            _ => Shape::Mixed(merged.into()),
        };
        Value {
            shape,
            taint,
            hidden,
        }
    }

    /// One of two values, whichever the script took: what came from outside wins, then what is known.
    pub(crate) fn or(self, other: Value) -> Value {
        let taint = self.taint.and(other.taint);
        let hidden = self.hidden || other.hidden;
        let first = match (self.taint.any(), other.taint.any()) {
            (true, false) => true,
            (false, true) => false,
            _ => !matches!(self.shape, Shape::Unknown) || self.taint.any(),
        };
        let (first, second) = match first {
            true => (self, other),
            false => (other, self),
        };
        // A program that may run is worth more than the text or nothing it may be instead.
        let callable = |shape: &Shape| matches!(shape, Shape::Function(_) | Shape::Entity(_));
        let shape = match callable(&second.shape) && !callable(&first.shape) && !taint.any() {
            true => second.shape,
            false => first.shape,
        };
        Value {
            shape,
            taint,
            hidden,
        }
    }
}

impl From<Shape> for Value {
    fn from(shape: Shape) -> Value {
        Value {
            shape,
            ..Value::default()
        }
    }
}
