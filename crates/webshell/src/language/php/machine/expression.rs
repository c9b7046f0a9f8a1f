//! Expressions.

use std::rc::Rc;

use super::Machine;
use crate::decode;
use crate::language::php::ast::{Cast, Expr, ExprKind, Item, Op, UnaryOp};
use crate::language::php::builtin::constant;
use crate::language::php::sink;
use crate::language::php::value::{Array, Closure, Data, Taint, Value};

/// Bytes of an identifier at least, for pieces to count as a name put together.
const NAME_BYTES_MIN: usize = 3;

impl Machine<'_> {
    /// What an expression is; runs what it does.
    pub(super) fn expression(&mut self, expr: &Expr) -> Value {
        if !self.step() {
            return Value::unknown();
        }
        self.deeper(Value::unknown(), |machine| machine.kind(expr))
    }

    fn kind(&mut self, expr: &Expr) -> Value {
        match &expr.kind {
            ExprKind::Unknown => Value::unknown(),
            ExprKind::Bytes(bytes) => Value::of(Data::Bytes(Rc::clone(bytes))),
            ExprKind::Escaped(bytes) => {
                Value::of(Data::Bytes(Rc::clone(bytes))).with(Taint::DECODED)
            }
            ExprKind::Int(value) => Value::int(*value),
            ExprKind::Float(value) => Value::of(Data::Float(*value)),
            ExprKind::Bool(value) => Value::bool(*value),
            ExprKind::Null => Value::null(),
            ExprKind::Variable(name) => self.variable(name),
            ExprKind::VariableVariable(name) => self.variable_variable(name),
            ExprKind::Index(base, key) => {
                let base = self.expression(base);
                match key {
                    Some(key) => {
                        let key = self.expression(key);
                        self.element(&base, &key)
                    }
                    None => Value::unknown(),
                }
            }
            ExprKind::Constant(name) => self.constant(name, expr),
            ExprKind::Array(items) => self.array(items),
            ExprKind::Concat(parts) => {
                let parts: Vec<Value> = parts.iter().map(|part| self.expression(part)).collect();
                self.concat(&parts)
            }
            ExprKind::Binary(op, operands) => self.binary(*op, operands),
            ExprKind::Unary(op, operand) => self.unary(*op, operand),
            ExprKind::Cast(cast, operand) => {
                let value = self.expression(operand);
                self.cast(*cast, value)
            }
            ExprKind::Assign(target, source) => {
                let value = self.expression(source);
                self.assign(target, value.clone());
                value
            }
            ExprKind::AssignOp(op, target, source) => self.assign_op(*op, target, source),
            ExprKind::AssignRef(target, source) => self.assign_reference(target, source),
            ExprKind::Increment { target, by, before } => self.increment(target, *by, *before),
            _ => self.rarer_expression(expr),
        }
    }

    fn rarer_expression(&mut self, expr: &Expr) -> Value {
        match &expr.kind {
            ExprKind::Ternary(condition, then, otherwise) => {
                self.ternary(condition, then.as_deref(), otherwise)
            }
            ExprKind::Match(subject, arms) => self.matching(subject, arms),
            ExprKind::Closure(function) => {
                let mut captured = Vec::new();
                for (name, by_reference) in &function.uses {
                    let slot = if *by_reference {
                        self.slot(name)
                    } else {
                        let value = self.variable(name);
                        self.new_slot(value)
                    };
                    captured.push((Rc::clone(name), slot));
                }
                if function.arrow {
                    let around = self.frame().names.clone();
                    captured.extend(around);
                }
                let class = self.frame().class.clone();
                Value::of(Data::Closure(Rc::new(Closure {
                    function: Rc::clone(function),
                    captured,
                    class,
                })))
            }
            ExprKind::Include(path) => {
                let path = self.expression(path);
                sink::include(self, &path, expr.span);
                Value::unknown()
            }
            ExprKind::Shell(parts) => {
                let parts: Vec<Value> = parts.iter().map(|part| self.expression(part)).collect();
                let command = self.concat(&parts);
                sink::command(self, "backticks", &command, expr.span);
                Value::unknown()
            }
            ExprKind::Sequence(list) => {
                let values = list.iter().map(|one| self.expression(one));
                values.last().unwrap_or_default()
            }
            ExprKind::Property(object, name) => {
                self.expression(object);
                self.property(name)
            }
            ExprKind::StaticProperty(name) => self.property(name),
            ExprKind::ClassConstant(class, name) => self.class_constant(class, name),
            ExprKind::Call(callee, arguments) => self.call(callee, arguments, expr.span),
            ExprKind::MethodCall(object, name, arguments) => {
                self.method_call(object, name, arguments, expr.span)
            }
            ExprKind::StaticCall(class, name, arguments) => {
                self.static_call(class, name, arguments, expr.span)
            }
            ExprKind::New(class, arguments) => self.new_object(class, arguments, expr.span),
            _ => Value::unknown(),
        }
    }

    fn variable_variable(&mut self, name: &Expr) -> Value {
        let name = self.expression(name);
        match name.text() {
            Some(text) => {
                let hidden = name.taint.has(Taint::DECODED | Taint::JOINED);
                if hidden && super::scope::superglobal(&text).is_some() {
                    self.found.hidden_request = true;
                }
                let name = Rc::from(text.as_slice());
                self.variable(&name)
            }
            None if name.taint.has(Taint::INPUT) => Value::tainted(Taint::JOINED),
            None => Value::unknown(),
        }
    }

    fn constant(&mut self, name: &Rc<[u8]>, expr: &Expr) -> Value {
        if let Some(value) = self.constants.get(name) {
            return value.clone();
        }
        if let Some(value) = constant(name) {
            return value;
        }
        match name.as_ref() {
            b"__FILE__" => Value::bytes(sink::OWN_PATH),
            b"__DIR__" => Value::bytes(&b"/srv/www"[..]),
            b"__LINE__" => {
                let script = self.script();
                let before = script.get(..expr.span.start).unwrap_or_default();
                let lines = memchr::memchr_iter(b'\n', before).count();
                Value::length(lines + 1)
            }
            b"__FUNCTION__" | b"__METHOD__" => {
                let function = self.frame().function.to_vec();
                Value::bytes(function)
            }
            b"__CLASS__" => match &self.frame().class {
                Some(class) => Value::bytes(class.to_vec()),
                None => Value::bytes(Vec::new()),
            },
            b"__COMPILER_HALT_OFFSET__" => self
                .halt_offset()
                .map_or_else(Value::unknown, Value::length),
            // In old PHP a word that is no constant is its own name.
            word if !self.alone
                && word.first().is_some_and(u8::is_ascii_uppercase)
                && word.len() > 4 =>
            {
                Value::unknown()
            }
            word => Value::bytes(word),
        }
    }

    fn array(&mut self, items: &[Item]) -> Value {
        let mut array = Array::default();
        for item in items {
            let key = item.key.as_ref().map(|key| self.expression(key));
            let value = self.expression(&item.value);
            match (key, &value.data) {
                (None, Data::Array(inner)) if item.spread => {
                    inner.values().for_each(|value| array.push(value.clone()));
                }
                (None, _) if item.spread => array.put_somewhere(&value),
                (None, _) => array.push(value),
                (Some(key_value), _) => match key_value.key() {
                    Some(key) => array.set(key, value),
                    None => {
                        array.put_somewhere(&value);
                        array.put_somewhere(&key_value);
                    }
                },
            }
        }
        Value::array(array)
    }

    /// Strings after each other. Around foreign parts only the ends are known.
    pub(in crate::language::php) fn concat(&mut self, parts: &[Value]) -> Value {
        let taint = parts
            .iter()
            .fold(Taint::NONE, |taint, part| taint.join(part.all_taint()));
        let texts: Option<Vec<_>> = parts.iter().map(Value::text).collect();
        let Some(texts) = texts else {
            return self.concat_partly(parts, taint);
        };
        let length = texts.iter().map(|text| text.len()).sum();
        if !self.room(length) {
            return Value::tainted(taint);
        }
        let full = texts.iter().filter(|text| !text.is_empty()).count();
        let mut all = Vec::with_capacity(length);
        texts.iter().for_each(|text| all.extend_from_slice(text));
        let joined = match full > 1 && all.len() >= NAME_BYTES_MIN {
            true => Taint::JOINED,
            false => Taint::NONE,
        };
        Value::bytes(all).with(taint | joined)
    }

    fn concat_partly(&mut self, parts: &[Value], taint: Taint) -> Value {
        let mut head = Vec::new();
        for part in parts {
            let (start, _) = part.ends();
            if self.room(start.len()) {
                head.extend_from_slice(&start);
            }
            if part.text().is_none() {
                break;
            }
        }
        let mut tails = Vec::new();
        for part in parts.iter().rev() {
            tails.push(part.ends().1);
            if part.text().is_none() {
                break;
            }
        }
        let mut tail = Vec::new();
        for part in tails.iter().rev() {
            if self.room(part.len()) {
                tail.extend_from_slice(part);
            }
        }
        let hole = parts.iter().find(|part| part.text().is_none());
        let led = hole.is_some_and(|hole| !hole.all_taint().is_foreign()) && taint.is_foreign();
        let taint = if led { taint | Taint::LED } else { taint };
        let data = match head.is_empty() && tail.is_empty() {
            true => Data::Unknown,
            false => Data::Partial(Rc::new(head), Rc::new(tail)),
        };
        Value { data, taint }
    }

    fn binary(&mut self, op: Op, operands: &[Expr]) -> Value {
        match op {
            Op::BothTrue | Op::EitherTrue => return self.logical(op, operands),
            Op::Coalesce => {
                let mut result = Value::unknown();
                for operand in operands {
                    let value = self.uncertainly(|machine| machine.expression(operand));
                    let foreign = result.taint.is_foreign();
                    result = match foreign {
                        // What the request says comes before what stands in for it.
                        true => Value::tainted(result.taint.join(value.taint)),
                        false => result.join(value),
                    };
                }
                return result;
            }
            _ => {}
        }
        let mut values = operands.iter().map(|operand| self.expression(operand));
        let Some(first) = values.next() else {
            return Value::unknown();
        };
        let rest: Vec<Value> = values.collect();
        rest.iter()
            .fold(first, |left, right| self.operate(op, &left, right))
    }

    /// `a && b`: what is after the first may not run.
    fn logical(&mut self, op: Op, operands: &[Expr]) -> Value {
        let stop = op == Op::EitherTrue;
        let mut sure = true;
        for operand in operands {
            let value = match sure {
                true => self.expression(operand),
                false => self.uncertainly(|machine| machine.expression(operand)),
            };
            match value.truth() {
                Some(truth) if truth == stop && sure => return Value::bool(stop),
                Some(_) => {}
                None => sure = false,
            }
        }
        match sure {
            true => Value::bool(!stop),
            false => Value::unknown(),
        }
    }

    fn unary(&mut self, op: UnaryOp, operand: &Expr) -> Value {
        let value = self.expression(operand);
        match op {
            UnaryOp::Same => value,
            UnaryOp::Not => value
                .truth()
                .map_or_else(Value::unknown, |truth| Value::bool(!truth)),
            UnaryOp::Minus | UnaryOp::Plus => {
                let sign = if op == UnaryOp::Minus { -1 } else { 1 };
                match &value.data {
                    Data::Float(number) => Value::of(Data::Float(number * f64::from(sign))),
                    _ => match value.integer() {
                        Some(number) => Value::int(number.wrapping_mul(i64::from(sign))),
                        None => Value::unknown(),
                    },
                }
            }
            UnaryOp::Invert => match (&value.data, value.integer()) {
                (Data::Bytes(bytes), _) if !value.taint.is_foreign() => {
                    let turned: Vec<u8> = bytes.iter().map(|byte| !byte).collect();
                    Value::bytes(turned).with(value.taint | Taint::DECODED)
                }
                (Data::Int(_), Some(number)) => Value::int(!number),
                _ => Value::tainted(value.taint | Taint::DECODED),
            },
            UnaryOp::Throw => {
                let earlier = std::mem::take(&mut self.thrown);
                self.thrown = earlier.join(value);
                Value::unknown()
            }
        }
    }

    fn cast(&mut self, cast: Cast, value: Value) -> Value {
        match cast {
            Cast::Int => value.integer().map_or_else(Value::unknown, Value::int),
            Cast::Float => match value.number() {
                Some(number) => Value::of(Data::Float(number)),
                None => Value::unknown(),
            },
            Cast::Bool => value.truth().map_or_else(Value::unknown, Value::bool),
            Cast::Null => Value::null(),
            Cast::Text => match value.text() {
                Some(text) => Value::of(Data::Bytes(text)).with(value.taint),
                None => value,
            },
            Cast::Array => match value.data {
                Data::Array(_) | Data::Super(_) => value,
                Data::Unknown => value,
                _ => Value::array(Array::from_iter([value])),
            },
            Cast::Object => value,
        }
    }

    fn ternary(&mut self, condition: &Expr, then: Option<&Expr>, otherwise: &Expr) -> Value {
        let first = self.expression(condition);
        match (first.truth(), then) {
            (Some(true), Some(then)) => return self.expression(then),
            (Some(true), None) => return first,
            (Some(false), _) => return self.expression(otherwise),
            (None, _) => {}
        }
        let one = match then {
            Some(then) => self.uncertainly(|machine| machine.expression(then)),
            None => first,
        };
        let other = self.uncertainly(|machine| machine.expression(otherwise));
        either(one, other)
    }

    fn matching(&mut self, subject: &Expr, arms: &[(Vec<Expr>, Expr)]) -> Value {
        let subject = self.expression(subject);
        let mut result = Value::unknown();
        for (conditions, value) in arms {
            let mut hit = conditions.is_empty();
            for condition in conditions {
                let wanted = self.expression(condition);
                hit |= wanted.text().is_some() && wanted.text() == subject.text();
            }
            if hit && subject.text().is_some() {
                return self.expression(value);
            }
            let value = self.uncertainly(|machine| machine.expression(value));
            result = either(result, value);
        }
        result
    }

    /// An operator on two values.
    pub(super) fn operate(&mut self, op: Op, left: &Value, right: &Value) -> Value {
        match op {
            Op::Concat => self.concat(&[left.clone(), right.clone()]),
            Op::Xor | Op::And | Op::Or => self.bitwise(op, left, right),
            Op::Add => match (&left.data, &right.data) {
                (Data::Array(_), _) | (_, Data::Array(_)) => left.clone().join(right.clone()),
                _ => arithmetic(op, left, right),
            },
            Op::Subtract
            | Op::Multiply
            | Op::Divide
            | Op::Modulo
            | Op::Power
            | Op::ShiftLeft
            | Op::ShiftRight => arithmetic(op, left, right),
            Op::Coalesce => either(left.clone(), right.clone()),
            _ => compare(op, left, right),
        }
    }

    fn bitwise(&mut self, op: Op, left: &Value, right: &Value) -> Value {
        let taint = left.taint.join(right.taint);
        if let (Data::Bytes(one), Data::Bytes(other)) = (&left.data, &right.data)
            && !taint.is_foreign()
        {
            if !self.room(one.len().max(other.len())) {
                return Value::tainted(taint);
            }
            let pairs = one.iter().zip(other.iter());
            let mut made: Vec<u8> = match op {
                Op::Xor => {
                    let (short, long) = if one.len() < other.len() {
                        (one, other)
                    } else {
                        (other, one)
                    };
                    match decode::xor(short, long, &mut self.budget) {
                        Some(made) => made,
                        None => return Value::tainted(taint),
                    }
                }
                Op::And => pairs.map(|(a, b)| a & b).collect(),
                _ => pairs.map(|(a, b)| a | b).collect(),
            };
            if op == Op::Or {
                let longer = if one.len() > other.len() { one } else { other };
                made.extend(longer.iter().skip(made.len()));
            }
            return Value::bytes(made).with(taint | Taint::DECODED);
        }
        let texts = matches!(
            left.data,
            Data::Bytes(_) | Data::Unknown | Data::Partial(..)
        ) && matches!(
            right.data,
            Data::Bytes(_) | Data::Unknown | Data::Partial(..)
        );
        match (left.integer(), right.integer()) {
            (Some(one), Some(other)) => Value::int(match op {
                Op::Xor => one ^ other,
                Op::And => one & other,
                _ => one | other,
            }),
            _ if texts && taint.is_foreign() => Value::tainted(taint | Taint::DECRYPTED),
            _ => Value::unknown(),
        }
    }
}

/// One or the other, where what is foreign may not be hidden by what is known.
fn either(one: Value, other: Value) -> Value {
    let taint = one.taint.join(other.taint);
    let (one_foreign, other_foreign) = (one.taint.is_foreign(), other.taint.is_foreign());
    let data = match (one_foreign, other_foreign) {
        (true, false) => one.data,
        (false, true) => other.data,
        _ => return one.join(other),
    };
    Value { data, taint }
}

fn arithmetic(op: Op, left: &Value, right: &Value) -> Value {
    let (Some(one), Some(other)) = (left.number(), right.number()) else {
        return Value::unknown();
    };
    let both = (left.integer(), right.integer());
    let whole = one.fract() == 0.0 && other.fract() == 0.0;
    if let ((Some(a), Some(b)), true) = (both, whole) {
        let result = match op {
            Op::Add => a.checked_add(b),
            Op::Subtract => a.checked_sub(b),
            Op::Multiply => a.checked_mul(b),
            Op::Modulo => a.checked_rem(b),
            Op::Divide if b != 0 && a % b == 0 => a.checked_div(b),
            Op::Power => u32::try_from(b).ok().and_then(|b| a.checked_pow(b)),
            Op::ShiftLeft => u32::try_from(b).ok().and_then(|b| a.checked_shl(b)),
            Op::ShiftRight => u32::try_from(b).ok().and_then(|b| a.checked_shr(b)),
            _ => None,
        };
        if let Some(result) = result {
            return Value::int(result);
        }
    }
    let result = match op {
        Op::Add => one + other,
        Op::Subtract => one - other,
        Op::Multiply => one * other,
        Op::Divide if other != 0.0 => one / other,
        Op::Power => one.powf(other),
        _ => return Value::unknown(),
    };
    Value::of(Data::Float(result))
}

fn compare(op: Op, left: &Value, right: &Value) -> Value {
    let numbers = match (left.number(), right.number()) {
        (Some(one), Some(other)) if is_number(left) || is_number(right) => Some((one, other)),
        _ => None,
    };
    let texts = left.text().zip(right.text());
    let order = match (numbers, &texts) {
        (Some((one, other)), _) => one.partial_cmp(&other),
        (None, Some((one, other))) => Some(one.cmp(other)),
        _ => None,
    };
    let Some(order) = order else {
        return Value::unknown();
    };
    let same_kind = std::mem::discriminant(&left.data) == std::mem::discriminant(&right.data);
    Value::bool(match op {
        Op::Equal => order.is_eq(),
        Op::NotEqual => order.is_ne(),
        Op::Identical => order.is_eq() && same_kind,
        Op::NotIdentical => order.is_ne() || !same_kind,
        Op::Less => order.is_lt(),
        Op::LessEqual => order.is_le(),
        Op::Greater => order.is_gt(),
        Op::GreaterEqual => order.is_ge(),
        Op::Compare => return Value::int(order as i64),
        Op::OneTrue => {
            return match (left.truth(), right.truth()) {
                (Some(one), Some(other)) => Value::bool(one != other),
                _ => Value::unknown(),
            };
        }
        _ => return Value::unknown(),
    })
}

fn is_number(value: &Value) -> bool {
    matches!(
        value.data,
        Data::Int(_) | Data::Float(_) | Data::Bool(_) | Data::Null
    )
}
