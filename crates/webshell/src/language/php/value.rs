//! What is known of a value: its bytes where they can be computed, and where it came from.

use std::collections::HashMap;
use std::fmt;
use std::ops::BitOr;
use std::rc::Rc;

use super::ast::{Bytes, Function, Text};
use crate::limits::{ARRAY_DEPTH_MAX, ARRAY_ITEMS_MAX};

/// Where a value came from and what was done to it.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Taint(u16);

impl Taint {
    pub(super) const NONE: Taint = Taint(0);
    /// The request's own words.
    pub(super) const INPUT: Taint = Taint(1);
    /// Content from another host.
    pub(super) const REMOTE: Taint = Taint(1 << 1);
    /// An uploaded file's temporary path.
    pub(super) const UPLOAD: Taint = Taint(1 << 2);
    /// Content of a local file.
    pub(super) const FILE: Taint = Taint(1 << 3);
    /// What an earlier request left in the session.
    pub(super) const SESSION: Taint = Taint(1 << 4);
    /// Went through a decoder.
    pub(super) const DECODED: Taint = Taint(1 << 5);
    /// Put together from pieces.
    pub(super) const JOINED: Taint = Taint(1 << 6);
    /// Compared with what is allowed.
    pub(super) const CHECKED: Taint = Taint(1 << 7);
    /// Quoted for a shell.
    pub(super) const QUOTED: Taint = Taint(1 << 8);
    /// A path to which the request's content was written.
    pub(super) const WRITTEN: Taint = Taint(1 << 9);
    /// An argument of a function that is looked at without its caller.
    pub(super) const PARAMETER: Taint = Taint(1 << 10);
    /// The name that an upload gives itself.
    pub(super) const FILE_NAME: Taint = Taint(1 << 11);
    /// Decrypted with a key.
    pub(super) const DECRYPTED: Taint = Taint(1 << 12);
    /// Variables made of the whole request, as old scripts do.
    pub(super) const IMPORTED: Taint = Taint(1 << 13);
    /// Something that isn't known, and isn't foreign, stands before what is foreign.
    pub(super) const LED: Taint = Taint(1 << 14);

    /// Those that make a value someone else's.
    const FOREIGN: u16 = 1 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4;
    /// Those that vanish unless every foreign part has them.
    const MERITS: u16 = 1 << 7 | 1 << 8;

    pub(super) fn has(self, other: Taint) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether any of it is someone else's.
    pub(super) fn is_foreign(self) -> bool {
        self.0 & Taint::FOREIGN != 0
    }

    pub(super) fn without(self, other: Taint) -> Taint {
        Taint(self.0 & !other.0)
    }

    /// That of a value made of two.
    pub(super) fn join(self, other: Taint) -> Taint {
        match (self.is_foreign(), other.is_foreign()) {
            (true, true) => {
                let merits = self.0 & other.0 & Taint::MERITS;
                Taint((self.0 | other.0) & !Taint::MERITS | merits)
            }
            (true, false) => Taint(self.0 | other.0 & !Taint::MERITS),
            (false, true) => Taint(other.0 | self.0 & !Taint::MERITS),
            (false, false) => Taint(self.0 | other.0),
        }
    }
}

impl BitOr for Taint {
    type Output = Taint;

    fn bitor(self, other: Taint) -> Taint {
        Taint(self.0 | other.0)
    }
}

impl fmt::Debug for Taint {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        write!(out, "{:#b}", self.0)
    }
}

/// Items of an array from which on its keys are looked up in a table.
const INDEX_ITEMS_MIN: usize = 32;

/// A key of an array.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Int(i64),
    Bytes(Bytes),
}

#[derive(Debug, Clone, Default)]
pub(super) struct Array {
    pub(super) items: Vec<(Key, Value)>,
    /// Where each key stands, once there are many.
    index: HashMap<Key, usize>,
    next: i64,
    /// That of everything that was ever put in, under keys that are known and others.
    taint: Taint,
    /// Whether there are elements under keys that aren't known.
    open: bool,
    /// Levels of arrays inside.
    depth: u8,
    /// Where `current` stands.
    pub(super) cursor: usize,
}

impl Array {
    fn place(&self, key: &Key) -> Option<usize> {
        if let Key::Int(number) = key {
            let guess = usize::try_from(*number).ok();
            let hit = guess.filter(|guess| self.items.get(*guess).is_some_and(|(k, _)| k == key));
            if hit.is_some() {
                return hit;
            }
        }
        match self.items.len() > INDEX_ITEMS_MIN {
            true => self.index.get(key).copied(),
            false => self.items.iter().position(|(known, _)| known == key),
        }
    }

    fn append(&mut self, key: Key, value: Value) {
        self.items.push((key, value));
        let count = self.items.len();
        if count == INDEX_ITEMS_MIN + 1 {
            self.index_all();
        } else if count > INDEX_ITEMS_MIN
            && let Some((key, _)) = self.items.last()
        {
            self.index.insert(key.clone(), count - 1);
        }
    }

    fn index_all(&mut self) {
        let keys = self.items.iter().enumerate();
        self.index = keys.map(|(at, (key, _))| (key.clone(), at)).collect();
    }

    pub(super) fn get(&self, key: &Key) -> Option<&Value> {
        let place = self.place(key)?;
        self.items.get(place).map(|(_, value)| value)
    }

    /// Notes an element under a key that isn't known.
    pub(super) fn put_somewhere(&mut self, value: &Value) {
        self.taint = self.taint.join(value.all_taint());
        self.open = true;
    }

    /// Whether all keys are known.
    pub(super) fn is_closed(&self) -> bool {
        !self.open
    }

    /// The value as an element: no deeper than [`ARRAY_DEPTH_MAX`].
    fn admit(&mut self, value: Value) -> Value {
        self.taint = self.taint.join(value.all_taint());
        match &value.data {
            Data::Array(inner) if inner.depth >= ARRAY_DEPTH_MAX => {
                Value::tainted(value.all_taint())
            }
            Data::Array(inner) => {
                self.depth = self.depth.max(inner.depth + 1);
                value
            }
            _ => value,
        }
    }

    pub(super) fn set(&mut self, key: Key, value: Value) {
        let value = self.admit(value);
        if let Some(place) = self.place(&key) {
            if let Some((_, known)) = self.items.get_mut(place) {
                *known = value;
            }
            return;
        }
        if self.items.len() >= ARRAY_ITEMS_MAX {
            self.open = true;
            return;
        }
        if let Key::Int(number) = key {
            self.next = self.next.max(number.saturating_add(1));
        }
        self.append(key, value);
    }

    pub(super) fn push(&mut self, value: Value) {
        let value = self.admit(value);
        if self.items.len() >= ARRAY_ITEMS_MAX {
            self.open = true;
            return;
        }
        let key = Key::Int(self.next);
        self.next = self.next.saturating_add(1);
        self.append(key, value);
    }

    pub(super) fn remove(&mut self, key: &Key) {
        if let Some(place) = self.place(key) {
            self.items.remove(place);
            if self.items.len() >= INDEX_ITEMS_MIN {
                self.index_all();
            }
        }
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &Value> {
        self.items.iter().map(|(_, value)| value)
    }

    /// That of all elements.
    pub(super) fn taint(&self) -> Taint {
        self.taint
    }
}

impl FromIterator<Value> for Array {
    fn from_iter<T: IntoIterator<Item = Value>>(values: T) -> Array {
        let mut array = Array::default();
        values.into_iter().for_each(|value| array.push(value));
        array
    }
}

/// The arrays that PHP fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Super {
    Server,
    Files,
    Globals,
}

/// A function with what it took from around it.
#[derive(Debug)]
pub(super) struct Closure {
    pub(super) function: Rc<Function>,
    pub(super) captured: Vec<(Text, usize)>,
    pub(super) class: Option<Text>,
}

#[derive(Debug, Clone, Default)]
pub(super) enum Data {
    #[default]
    Unknown,
    /// A variable that nothing seen so far has set: nothing, unless something unseen does.
    Unset,
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Bytes(Bytes),
    /// A string of which only the beginning and the end are known.
    Partial(Bytes, Bytes),
    Array(Rc<Array>),
    Closure(Rc<Closure>),
    /// An instance of a class, by its name in small letters.
    Object(Text),
    /// An instance that wraps a callable, such as a `ReflectionFunction`.
    Callable(Rc<Value>),
    /// An open file, by its path.
    Stream(Rc<Value>),
    Super(Super),
}

#[derive(Debug, Clone, Default)]
pub(super) struct Value {
    pub(super) data: Data,
    pub(super) taint: Taint,
}

impl Value {
    pub(super) fn unknown() -> Value {
        Value::default()
    }

    pub(super) fn null() -> Value {
        Value::of(Data::Null)
    }

    pub(super) fn of(data: Data) -> Value {
        Value {
            data,
            taint: Taint::NONE,
        }
    }

    pub(super) fn tainted(taint: Taint) -> Value {
        Value {
            data: Data::Unknown,
            taint,
        }
    }

    pub(super) fn bytes(bytes: impl Into<Vec<u8>>) -> Value {
        Value::of(Data::Bytes(Rc::new(bytes.into())))
    }

    pub(super) fn int(value: i64) -> Value {
        Value::of(Data::Int(value))
    }

    pub(super) fn length(value: usize) -> Value {
        Value::int(i64::try_from(value).unwrap_or(i64::MAX))
    }

    pub(super) fn bool(value: bool) -> Value {
        Value::of(Data::Bool(value))
    }

    pub(super) fn array(array: Array) -> Value {
        Value::of(Data::Array(Rc::new(array)))
    }

    pub(super) fn with(mut self, taint: Taint) -> Value {
        self.taint = self.taint | taint;
        self
    }

    /// That of the value and, in an array, of its elements.
    pub(super) fn all_taint(&self) -> Taint {
        match &self.data {
            Data::Array(array) => self.taint.join(array.taint()),
            Data::Super(Super::Files) => self.taint | Taint::UPLOAD | Taint::FILE_NAME,
            Data::Super(Super::Server) => self.taint | Taint::INPUT,
            _ => self.taint,
        }
    }

    pub(super) fn is_known(&self) -> bool {
        !matches!(
            self.data,
            Data::Unknown | Data::Unset | Data::Partial(..) | Data::Super(_)
        )
    }

    /// As a string, where that is known. A foreign value's known bytes are only one possibility and so don't count.
    pub(super) fn text(&self) -> Option<Bytes> {
        match self.taint.is_foreign() {
            true => None,
            false => self.possible_text(),
        }
    }

    /// As a string, where one possibility is known.
    pub(super) fn possible_text(&self) -> Option<Bytes> {
        Some(match &self.data {
            Data::Bytes(bytes) => Rc::clone(bytes),
            Data::Int(value) => Rc::new(value.to_string().into_bytes()),
            Data::Float(value) => Rc::new(float_text(*value).into_bytes()),
            Data::Bool(true) => Rc::new(b"1".to_vec()),
            Data::Bool(false) | Data::Null | Data::Unset => Rc::default(),
            Data::Array(_) => Rc::new(b"Array".to_vec()),
            _ => return None,
        })
    }

    /// As a number, where that is known.
    pub(super) fn number(&self) -> Option<f64> {
        if self.taint.is_foreign() {
            return None;
        }
        match &self.data {
            Data::Int(value) => Some(*value as f64),
            Data::Float(value) => Some(*value),
            Data::Bool(value) => Some(f64::from(u8::from(*value))),
            Data::Null | Data::Unset => Some(0.0),
            Data::Bytes(bytes) => Some(leading_number(bytes)),
            _ => None,
        }
    }

    pub(super) fn integer(&self) -> Option<i64> {
        match self.data {
            Data::Int(value) if !self.taint.is_foreign() => Some(value),
            _ => self.number().map(whole),
        }
    }

    /// Whether it counts as true, where that is known.
    pub(super) fn truth(&self) -> Option<bool> {
        if self.taint.is_foreign() {
            return None;
        }
        Some(match &self.data {
            Data::Null => false,
            Data::Bool(value) => *value,
            Data::Int(value) => *value != 0,
            Data::Float(value) => *value != 0.0,
            Data::Bytes(bytes) => !matches!(bytes.as_slice(), b"" | b"0"),
            Data::Array(array) if array.is_closed() => !array.items.is_empty(),
            Data::Closure(_) | Data::Object(_) | Data::Callable(_) => true,
            _ => return None,
        })
    }

    pub(super) fn key(&self) -> Option<Key> {
        if self.taint.is_foreign() {
            return None;
        }
        Some(match &self.data {
            Data::Int(value) => Key::Int(*value),
            Data::Bool(value) => Key::Int(i64::from(*value)),
            Data::Float(value) => Key::Int(whole(*value)),
            Data::Null => Key::Bytes(Rc::default()),
            Data::Bytes(bytes) => bytes_key(bytes),
            _ => return None,
        })
    }

    /// What is known where either value may be: one possibility's data, and everything either may come from.
    pub(super) fn join(self, later: Value) -> Value {
        let taint = self.taint.join(later.taint);
        let data = match (self.data, later.data) {
            (data, Data::Unknown | Data::Unset | Data::Null) => data,
            (Data::Unknown | Data::Unset | Data::Null, data) => data,
            (Data::Array(one), Data::Array(other)) if one.items.len() > other.items.len() => {
                Data::Array(one)
            }
            (_, data) => data,
        };
        Value { data, taint }
    }

    /// The known beginning and end of it as a string.
    pub(super) fn ends(&self) -> (Bytes, Bytes) {
        match (&self.data, self.text()) {
            (Data::Partial(head, tail), _) => (Rc::clone(head), Rc::clone(tail)),
            (_, Some(text)) => (Rc::clone(&text), text),
            _ => (Rc::default(), Rc::default()),
        }
    }
}

pub(super) fn bytes_key(bytes: &Bytes) -> Key {
    let number = str::from_utf8(bytes)
        .ok()
        .and_then(|text| text.parse::<i64>().ok())
        .filter(|number| number.to_string().as_bytes() == bytes.as_slice());
    match number {
        Some(number) => Key::Int(number),
        None => Key::Bytes(Rc::clone(bytes)),
    }
}

pub(super) fn key_value(key: &Key) -> Value {
    match key {
        Key::Int(number) => Value::int(*number),
        Key::Bytes(bytes) => Value::of(Data::Bytes(Rc::clone(bytes))),
    }
}

/// The number that a string begins with, as PHP reads it.
pub(super) fn leading_number(bytes: &[u8]) -> f64 {
    let text = bytes.trim_ascii_start();
    let mut end = usize::from(matches!(text.first(), Some(b'-' | b'+')));
    let mut dotted = false;
    while let Some(byte) = text.get(end) {
        match byte {
            b'0'..=b'9' => {}
            b'.' if !dotted => dotted = true,
            _ => break,
        }
        end += 1;
    }
    let text = text.get(..end).unwrap_or_default();
    str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0.0)
}

fn float_text(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "INF" } else { "-INF" }.to_owned();
    }
    if value.is_nan() {
        return "NAN".to_owned();
    }
    if value.abs() >= 1e15 && value != 0.0 {
        // PHP writes 1.0E+25.
        let text = format!("{value:E}");
        return text.replacen('E', if text.contains('.') { "E+" } else { ".0E+" }, 1);
    }
    value.to_string()
}

/// A number without its fraction, as PHP casts it; beyond the range its nearest end.
#[allow(
    clippy::cast_possible_truncation,
    reason = "a saturating cast is meant"
)]
pub(super) fn whole(number: f64) -> i64 {
    number as i64
}

/// The byte that a number stands for, as `chr` reads it.
pub(super) fn low_byte(number: i64) -> u8 {
    let [low, ..] = number.to_le_bytes();
    low
}
