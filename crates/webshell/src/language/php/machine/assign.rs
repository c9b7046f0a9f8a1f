//! Assignments to everything that can stand on the left.

use std::rc::Rc;

use super::Machine;
use crate::language::php::ast::{Expr, ExprKind, Item, Op, Text};
use crate::language::php::value::{Array, Data, Super, Taint, Value};

impl Machine<'_> {
    /// The name of the variable that an expression names, where it is known.
    pub(super) fn name_of(&mut self, target: &Expr) -> Option<Text> {
        match &target.kind {
            ExprKind::Variable(name) => Some(Rc::clone(name)),
            ExprKind::VariableVariable(name) => {
                let name = self.expression(name).text()?;
                Some(Rc::from(name.as_slice()))
            }
            _ => None,
        }
    }

    pub(super) fn assign(&mut self, target: &Expr, value: Value) {
        if !self.step() {
            return;
        }
        match &target.kind {
            ExprKind::Variable(_) | ExprKind::VariableVariable(_) => match self.name_of(target) {
                Some(name) => {
                    let slot = self.slot(&name);
                    self.set_slot(slot, value);
                }
                None => self.assign_somewhere(target, &value),
            },
            ExprKind::Array(items) => self.destructure(items, &value),
            ExprKind::Index(base, key) => {
                let key = key.as_ref().map(|key| self.expression(key));
                self.deeper((), |machine| machine.assign_index(base, key, value));
            }
            ExprKind::Property(object, name) => {
                self.expression(object);
                self.assign_property(name, value);
            }
            ExprKind::StaticProperty(name) => self.assign_property(name, value),
            ExprKind::Unary(_, inner) => self.deeper((), |machine| machine.assign(inner, value)),
            _ => {}
        }
    }

    /// `$$key = $value` in a loop over the request makes every variable the request's.
    fn assign_somewhere(&mut self, target: &Expr, value: &Value) {
        let ExprKind::VariableVariable(name) = &target.kind else {
            return;
        };
        let name = self.expression(name);
        if name.taint.has(Taint::INPUT) && value.all_taint().has(Taint::INPUT) {
            self.import(value.all_taint());
        }
    }

    /// Lets every variable that isn't set hold something of the request.
    pub(super) fn import(&mut self, taint: Taint) {
        self.frame().unset = taint | Taint::IMPORTED;
    }

    fn destructure(&mut self, items: &[Item], value: &Value) {
        for (at, item) in items.iter().enumerate() {
            let key = match &item.key {
                Some(key) => self.expression(key),
                None => Value::length(at),
            };
            let part = self.element(value, &key);
            self.deeper((), |machine| machine.assign(&item.value, part));
        }
    }

    fn assign_index(&mut self, base: &Expr, key: Option<Value>, value: Value) {
        let holder = match &base.kind {
            ExprKind::Variable(name) if name.as_ref() == b"GLOBALS" => {
                let name = key.and_then(|key| key.text());
                if let Some(name) = name {
                    let slot = self.global_slot(&Rc::from(name.as_slice()));
                    self.set_slot(slot, value);
                }
                return;
            }
            ExprKind::Variable(_) | ExprKind::VariableVariable(_) => {
                let Some(name) = self.name_of(base) else {
                    return;
                };
                if super::scope::superglobal(&name).is_some() {
                    return;
                }
                let slot = self.slot(&name);
                let held = self.take_slot(slot);
                let changed = self.with_element(held, key, value);
                self.set_slot(slot, changed);
                return;
            }
            ExprKind::Index(..) => self.expression(base),
            ExprKind::Property(_, name) | ExprKind::StaticProperty(name) => self.property(name),
            _ => return,
        };
        let changed = self.with_element(holder, key, value);
        self.deeper((), |machine| machine.assign(base, changed));
    }

    /// An array, or a string, with one element changed.
    fn with_element(&mut self, held: Value, key: Option<Value>, value: Value) -> Value {
        let taint = held.taint;
        match held.data {
            Data::Bytes(mut bytes) if !bytes.is_empty() => {
                let at = key.as_ref().and_then(Value::integer);
                let at = at.and_then(|at| usize::try_from(at).ok());
                let new = value.text().and_then(|text| text.first().copied());
                let joined = Taint::JOINED;
                match (at, new) {
                    (Some(at), Some(new)) if at < bytes.len() => {
                        if Rc::strong_count(&bytes) > 1 && !self.room(bytes.len()) {
                            return Value::tainted(taint);
                        }
                        if let Some(place) = Rc::make_mut(&mut bytes).get_mut(at) {
                            *place = new;
                        }
                        Value {
                            data: Data::Bytes(bytes),
                            taint: taint | joined,
                        }
                    }
                    _ => Value::tainted(taint.join(value.all_taint())),
                }
            }
            Data::Super(which) => Value {
                data: Data::Super(which),
                taint,
            },
            Data::Array(mut array) => {
                if Rc::strong_count(&array) > 1 && !self.spend(array.items.len() / 8) {
                    return Value::tainted(taint.join(array.taint()));
                }
                put(Rc::make_mut(&mut array), key, value);
                Value {
                    data: Data::Array(array),
                    taint,
                }
            }
            Data::Object(class) => Value {
                data: Data::Object(class),
                taint,
            },
            Data::Unknown | Data::Partial(..) if taint != Taint::NONE => {
                Value::tainted(taint.join(value.all_taint()))
            }
            _ => {
                let mut array = Array::default();
                put(&mut array, key, value);
                Value {
                    data: Data::Array(Rc::new(array)),
                    taint,
                }
            }
        }
    }

    /// An element of an array or a byte of a string.
    pub(super) fn element(&mut self, base: &Value, key: &Value) -> Value {
        match &base.data {
            Data::Array(array) => {
                let known = key.key().and_then(|key| array.get(&key).cloned());
                let others = match array.is_closed() && key.key().is_some() {
                    true => Taint::NONE,
                    false => array.taint(),
                };
                match known {
                    Some(value) => value.with(base.taint),
                    // An element chosen by the request from what the script lists is checked.
                    None => Value::tainted(base.taint | others),
                }
            }
            Data::Bytes(bytes) => {
                let at = key.integer().map(|at| match at < 0 {
                    true => at.saturating_add(i64::try_from(bytes.len()).unwrap_or(0)),
                    false => at,
                });
                let byte = at
                    .and_then(|at| usize::try_from(at).ok())
                    .and_then(|at| bytes.get(at));
                match byte {
                    Some(byte) => Value::bytes([*byte]).with(base.taint | Taint::JOINED),
                    None => Value::tainted(base.taint),
                }
            }
            Data::Super(which) => self.superglobal_element(*which, key),
            _ => Value::tainted(base.taint),
        }
    }

    fn superglobal_element(&mut self, which: Super, key: &Value) -> Value {
        let name = key.possible_text();
        match (which, name) {
            (Super::Globals, Some(name)) => {
                if let Some(value) = super::scope::superglobal(&name) {
                    return value;
                }
                let slot = self.global_slot(&Rc::from(name.as_slice()));
                self.get_slot(slot)
            }
            (Super::Globals, None) => Value::unknown(),
            (Super::Server, Some(name)) => Value::tainted(server_taint(&name)),
            (Super::Server, None) => Value::tainted(Taint::INPUT),
            (Super::Files, Some(name)) => match name.as_slice() {
                b"tmp_name" => Value::tainted(Taint::UPLOAD),
                b"name" | b"full_path" => Value::tainted(Taint::INPUT | Taint::FILE_NAME),
                b"type" => Value::tainted(Taint::INPUT),
                b"size" | b"error" => Value::unknown(),
                _ => Value::of(Data::Super(Super::Files)),
            },
            (Super::Files, None) => Value::of(Data::Super(Super::Files)),
        }
    }

    fn assign_property(&mut self, name: &Expr, value: Value) {
        let name = self.expression(name).text();
        let name: Text = match name {
            Some(name) => Rc::from(name.as_slice()),
            None => return,
        };
        let value = match self.properties.remove(&name) {
            Some(known) => {
                let taint = known.taint.join(value.taint);
                known
                    .join(value)
                    .with(taint.without(Taint::CHECKED | Taint::QUOTED))
            }
            None => value,
        };
        if self.properties.len() < 10_000 {
            self.properties.insert(name, value);
        }
    }

    /// A property, whatever object holds it.
    pub(super) fn property(&mut self, name: &Expr) -> Value {
        let name = self.expression(name).text();
        let name: Option<Text> = name.map(|name| Rc::from(name.as_slice()));
        name.and_then(|name| self.properties.get(&name).cloned())
            .unwrap_or_default()
    }

    pub(super) fn assign_reference(&mut self, target: &Expr, source: &Expr) -> Value {
        let value = self.expression(source);
        let from = match &source.kind {
            ExprKind::Index(base, Some(key)) if is_globals(base) => {
                let name = self.expression(key).text();
                name.map(|name| self.global_slot(&Rc::from(name.as_slice())))
            }
            ExprKind::Variable(_) | ExprKind::VariableVariable(_) => {
                let name = self.name_of(source);
                let plain = name.filter(|name| super::scope::superglobal(name).is_none());
                plain.map(|name| self.slot(&name))
            }
            _ => None,
        };
        match (from, self.name_of(target)) {
            (Some(slot), Some(name)) => self.bind(&name, slot),
            _ => self.assign(target, value.clone()),
        }
        value
    }

    /// `$a .= $b` adds in place, so that long decoders stay linear.
    pub(super) fn append(&mut self, target: &Expr, value: &Value) -> Option<Value> {
        let ExprKind::Variable(name) = &target.kind else {
            return None;
        };
        let added = value.text()?;
        let slot = self.slot(name);
        if matches!(self.slots.get(slot)?.data, Data::Unset) {
            self.set_slot(slot, Value::bytes(Vec::new()));
        }
        if !matches!(&self.slots.get(slot)?.data, Data::Bytes(_))
            || self.slots.get(slot)?.taint.is_foreign()
        {
            return None;
        }
        if !self.room(added.len()) {
            return None;
        }
        let mut held = self.take_slot(slot);
        let taint = held.taint.join(value.taint) | Taint::JOINED;
        if let Data::Bytes(bytes) = &mut held.data {
            if Rc::strong_count(bytes) > 1 && !self.room(bytes.len()) {
                self.set_slot(slot, Value::tainted(taint));
                return Some(Value::tainted(taint));
            }
            Rc::make_mut(bytes).extend_from_slice(&added);
        }
        held.taint = taint;
        self.set_slot(slot, held);
        Some(Value::unknown())
    }

    pub(super) fn assign_op(&mut self, op: Op, target: &Expr, source: &Expr) -> Value {
        let value = self.expression(source);
        if op == Op::Concat
            && let Some(result) = self.append(target, &value)
        {
            return result;
        }
        let before = self.expression(target);
        let result = match op {
            Op::Coalesce => before.join(value),
            Op::Concat => self.concat(&[before, value]),
            _ => self.operate(op, &before, &value),
        };
        self.assign(target, result.clone());
        result
    }

    pub(super) fn unset(&mut self, target: &Expr) {
        match &target.kind {
            ExprKind::Variable(_) => self.assign(target, Value::unknown()),
            ExprKind::Index(base, Some(key)) => {
                let key = self.expression(key).key();
                let Some(name) = self.name_of(base) else {
                    return;
                };
                let slot = self.slot(&name);
                let mut held = self.take_slot(slot);
                if let (Data::Array(array), Some(key)) = (&mut held.data, key)
                    && self.spend(array.items.len() / 8)
                {
                    Rc::make_mut(array).remove(&key);
                }
                self.set_slot(slot, held);
            }
            _ => {}
        }
    }

    pub(super) fn increment(&mut self, target: &Expr, by: i64, before: bool) -> Value {
        let old = self.expression(target);
        let new = match (&old.data, by) {
            (Data::Bytes(bytes), 1) if !old.taint.is_foreign() && !is_numeric(bytes) => {
                Value::bytes(next_text(bytes)).with(old.taint | Taint::JOINED)
            }
            (Data::Null | Data::Unset, 1) => Value::int(1),
            (Data::Unknown, _) => Value::tainted(old.taint),
            _ => match old.integer() {
                Some(number) => Value::int(number.saturating_add(by)),
                None => Value::unknown(),
            },
        };
        self.assign(target, new.clone());
        if before { new } else { old }
    }
}

fn put(array: &mut Array, key: Option<Value>, value: Value) {
    match key {
        None => array.push(value),
        Some(key) => match key.key() {
            Some(key) => array.set(key, value),
            None => array.put_somewhere(&value),
        },
    }
}

fn is_globals(base: &Expr) -> bool {
    matches!(&base.kind, ExprKind::Variable(name) if name.as_ref() == b"GLOBALS")
}

fn is_numeric(bytes: &[u8]) -> bool {
    !bytes.is_empty()
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_digit() || *byte == b'.')
}

/// What `++` makes of a string: `a` → `b`, `Az` → `Ba`, `zz` → `aaa`.
fn next_text(text: &[u8]) -> Vec<u8> {
    if text.is_empty() {
        return b"1".to_vec();
    }
    let mut next = text.to_vec();
    let mut carried = 0;
    for byte in next.iter_mut().rev() {
        let (first, last) = match byte {
            b'a'..=b'z' => (b'a', b'z'),
            b'A'..=b'Z' => (b'A', b'Z'),
            b'0'..=b'9' => (b'0', b'9'),
            _ => return next,
        };
        if *byte < last {
            *byte += 1;
            return next;
        }
        *byte = first;
        carried = first;
    }
    let front = if carried == b'0' { b'1' } else { carried };
    next.insert(0, front);
    next
}

/// What of the server's array a request chooses.
pub(super) fn server_taint(name: &[u8]) -> Taint {
    const CHOSEN: [&[u8]; 8] = [
        b"QUERY_STRING",
        b"REQUEST_URI",
        b"PATH_INFO",
        b"ORIG_PATH_INFO",
        b"PHP_AUTH_USER",
        b"PHP_AUTH_PW",
        b"PHP_AUTH_DIGEST",
        b"REDIRECT_QUERY_STRING",
    ];
    let harmless = [&b"HTTP_HOST"[..], b"HTTPS"].contains(&name);
    match (name.starts_with(b"HTTP_") || CHOSEN.contains(&name)) && !harmless {
        true => Taint::INPUT,
        false => Taint::NONE,
    }
}
