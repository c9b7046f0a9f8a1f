//! Arithmetic, cuts and formats: ways to make a text of parts that do not look like it.

use super::machine::Machine;
use super::node::{Node, Operator};
use super::statement::element_of;
use super::value::{Shape, Taint, Value};
use crate::decode;

impl Machine<'_> {
    pub(super) fn eval_math(&mut self, operator: Operator, parts: &[Node; 2]) -> Value {
        let [left, right] = [self.eval(&parts[0]), self.eval(&parts[1])];
        if operator == Operator::Modulo && !matches!(left.shape, Shape::Number(_)) {
            return self.formatted(&left, &right);
        }
        if operator == Operator::Times {
            let text = left.bytes().zip(right.as_number());
            if let Some((text, times)) = text {
                let times = usize::try_from(times).unwrap_or(0);
                let bytes = text.len().saturating_mul(times);
                return match self.budget.take(bytes) {
                    Some(()) => Value::text(&text.repeat(times)),
                    None => Value::unknown(),
                };
            }
        }
        if let (Operator::Xor, Some(text), Some(key)) = (operator, left.bytes(), right.bytes())
            && text.len() > 1
        {
            let mixed = decode::xor(text, key, &mut self.budget);
            return mixed.map_or_else(Value::unknown, |mixed| Value::text(&mixed).uncovered());
        }
        match number_of(&left).zip(number_of(&right)) {
            Some((a, b)) => calculate(operator, a, b).map_or_else(Value::unknown, Value::number),
            // What a cipher of a script's own makes of input is still input.
            None => Value::tainted(left.taint.and(right.taint)),
        }
    }

    /// `format % values`: where the placeholders stand, the values do.
    pub(crate) fn formatted(&mut self, format: &Value, values: &Value) -> Value {
        let Some(format) = format.bytes().map(<[u8]>::to_vec) else {
            return Value::tainted(format.taint.and(values.taint));
        };
        let given: Vec<Value> = match &values.shape {
            Shape::List(values) => values.to_vec(),
            Shape::Map(entries) => entries.iter().map(|(_, value)| value.clone()).collect(),
            _ => vec![values.clone()],
        };
        let by_name = matches!(values.shape, Shape::Map(_));
        let mut given = given.into_iter();
        let mut parts = Vec::new();
        let mut rest: &[u8] = &format;
        while let Some(at) = memchr::memchr(b'%', rest) {
            let (before, tail) = rest.split_at(at);
            parts.push(Value::text(before));
            let mut tail = tail.get(1..).unwrap_or_default();
            if let Some(more) = tail.strip_prefix(b"%") {
                parts.push(Value::text(b"%"));
                rest = more;
                continue;
            }
            let kind = tail
                .iter()
                .position(|byte| byte.is_ascii_alphabetic() && *byte != b'l')
                .unwrap_or(tail.len());
            if by_name {
                parts.push(Value::tainted(values.taint.and(entries_taint(values))));
                let close = memchr::memchr(b')', tail).map_or(0, |at| at + 1);
                tail = tail.get(close..).unwrap_or_default();
                rest = tail.get(1..).unwrap_or_default();
                continue;
            }
            let value = given.next().unwrap_or_else(|| element_of(values));
            let number = matches!(tail.get(kind), Some(b'd' | b'i' | b'u' | b'f' | b'x'));
            parts.push(match (number, tail.get(kind)) {
                (true, _) if value.as_number().is_none() => Value::unknown(),
                (_, Some(b'c')) => match value.as_number().and_then(|n| u8::try_from(n).ok()) {
                    Some(byte) => Value::text(&[byte]).uncovered(),
                    None => value,
                },
                _ => value,
            });
            rest = tail.get(kind + 1..).unwrap_or_default();
        }
        parts.push(Value::text(rest));
        self.joined(&parts, b"")
    }

    pub(super) fn eval_slice(&mut self, object: &Node, bounds: &[Node; 3]) -> Value {
        let object = self.eval(object);
        let bounds = [
            self.eval(&bounds[0]),
            self.eval(&bounds[1]),
            self.eval(&bounds[2]),
        ];
        let [from, to, step] = bounds.map(|bound| bound.as_number());
        match &object.shape {
            Shape::Text(text) => {
                let cut = cut(text, from, to, step);
                match self.budget.take(cut.len()) {
                    Some(()) => Value::text(&cut).uncovered(),
                    None => Value::unknown(),
                }
            }
            Shape::List(values) => {
                let mut list = Value::list(cut(values, from, to, step));
                list.hidden |= object.hidden;
                list
            }
            _ => element_of(&object),
        }
    }
}

fn entries_taint(value: &Value) -> Taint {
    match &value.shape {
        Shape::Map(entries) => entries
            .iter()
            .fold(Taint::NONE, |taint, (_, value)| taint.and(value.taint)),
        _ => value.taint,
    }
}

/// A number, or the code of a single character.
fn number_of(value: &Value) -> Option<i64> {
    match (value.as_number(), value.bytes()) {
        (Some(number), _) => Some(number),
        (None, Some([byte])) => Some(i64::from(*byte)),
        _ => None,
    }
}

fn calculate(operator: Operator, a: i64, b: i64) -> Option<i64> {
    match operator {
        Operator::Minus => a.checked_sub(b),
        Operator::Times => a.checked_mul(b),
        Operator::Over => a.checked_div(b),
        Operator::Modulo => a.checked_rem_euclid(b),
        Operator::Xor => Some(a ^ b),
        Operator::And => Some(a & b),
        Operator::Or => Some(a | b),
        Operator::Left => a.checked_shl(u32::try_from(b).ok()?),
        Operator::Right => a.checked_shr(u32::try_from(b).ok()?),
    }
}

/// A part of a list, as Python cuts it; never longer than the list.
fn cut<T: Clone>(all: &[T], from: Option<i64>, to: Option<i64>, step: Option<i64>) -> Vec<T> {
    let length = i64::try_from(all.len()).unwrap_or(i64::MAX);
    let step = step.unwrap_or(1);
    if step == 0 {
        return Vec::new();
    }
    let back = step < 0;
    let place = |bound: i64| match bound < 0 {
        true => (bound.saturating_add(length)).max(if back { -1 } else { 0 }),
        false => bound.min(if back { length - 1 } else { length }),
    };
    let start = from.map_or(if back { length - 1 } else { 0 }, place);
    let end = to.map_or(if back { -1 } else { length }, place);
    let mut taken = Vec::new();
    let mut at = start;
    while (back && at > end) || (!back && at < end) {
        if let Some(item) = usize::try_from(at).ok().and_then(|at| all.get(at)) {
            taken.push(item.clone());
        }
        at = at.saturating_add(step);
    }
    taken
}
