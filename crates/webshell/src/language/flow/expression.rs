//! Expressions: what values become.

use std::rc::Rc;

use super::DEPTH_MAX;
use super::machine::{Argument, Invocation, Machine};
use super::node::{Arg, Call, Function, Node};
use super::statement::element_of;
use super::value::{Shape, Taint, Value};

/// Bytes of the longest platform name that is put together from members.
const ENTITY_BYTES_MAX: usize = 200;

/// Functions that are called where the script chooses among them.
const CHOICES_MAX: usize = 32;

/// Parts of names of functions that give back what they are handed in another form.
const CHANGERS: [&str; 26] = [
    "update",
    "final",
    "decode",
    "quote",
    "unescape",
    "decrypt",
    "loads",
    "parse",
    "b64",
    "base64",
    "hex",
    "strip",
    "split",
    "join",
    "format",
    "bytes",
    "concat",
    "trim",
    "lower",
    "encode",
    "inflate",
    "unzip",
    "decompress",
    "buffer",
    "iter",
    "list",
];

/// Members that change what they are called on.
const MUTATORS: [&str; 9] = [
    "push",
    "append",
    "add",
    "unshift",
    "extend",
    "update",
    "insert",
    "set",
    "appendleft",
];

/// Members of values from outside that say nothing of their content.
const PLAIN_MEMBERS: [&str; 8] = [
    "length",
    "size",
    "count",
    "hexdigest",
    "digest",
    "isdigit",
    "isalnum",
    "startswith",
];

impl Machine<'_> {
    /// The value of an expression.
    pub(crate) fn eval(&mut self, node: &Node) -> Value {
        if self.depth >= DEPTH_MAX {
            self.evidence.gap("the script is nested too deeply");
            return Value::unknown();
        }
        if !self.step() {
            return Value::unknown();
        }
        self.depth += 1;
        let value = self.eval_inner(node);
        self.depth -= 1;
        value
    }

    fn eval_inner(&mut self, node: &Node) -> Value {
        match node {
            Node::Text(text) => Shape::Text(text.clone()).into(),
            Node::Number(number) => Value::number(*number),
            Node::Name(name) => match self.lookup(name) {
                Some(value) => value.clone(),
                None => self.dialect.name(name),
            },
            Node::Entity(name) => Shape::Entity(name.clone()).into(),
            Node::Member(object, name) => self.eval_member(node, object, name),
            Node::Index(object, key) => self.eval_index(node, object, key),
            Node::Slice(object, bounds) => self.eval_slice(object, bounds),
            Node::Call(call) => self.eval_call(call),
            Node::Join(parts) => self.eval_join(parts),
            Node::Sum(parts) => self.eval_sum(parts),
            Node::Math(operator, parts) => self.eval_math(*operator, parts),
            Node::List(parts) => {
                let values = parts.iter().map(|part| self.eval(part)).collect();
                Value::list(values)
            }
            Node::Map(entries) => self.eval_map(entries),
            Node::Function(function) => self.eval_function(function),
            Node::Either(parts) => self.eval_either(parts),
            Node::Several(parts) => {
                for part in parts {
                    self.eval(part);
                }
                Value::unknown()
            }
            Node::Compare(_, parts) => {
                for part in parts.iter() {
                    self.eval(part);
                }
                Value::unknown()
            }
            Node::Not(inner) => {
                self.eval(inner);
                Value::unknown()
            }
            Node::And(parts) => self.eval_ways(parts, true),
            Node::Or(parts) => self.eval_ways(parts, false),
            Node::Assign(assign) => self.run_assign(assign),
            Node::Each(each) if each.collects => self.collect(each),
            Node::Block(nodes) => self.eval_block(nodes),
            Node::Nothing => Value::unknown(),
            Node::If(_)
            | Node::While(_)
            | Node::Each(_)
            | Node::Return(_)
            | Node::Leave
            | Node::Class(_) => {
                self.run(node);
                Value::unknown()
            }
        }
    }

    fn eval_block(&mut self, nodes: &[Node]) -> Value {
        let Some((last, before)) = nodes.split_last() else {
            return Value::unknown();
        };
        self.hoist(nodes);
        for node in before {
            self.run(node);
        }
        self.eval(last)
    }

    fn eval_function(&mut self, function: &Rc<Function>) -> Value {
        self.define(function);
        Shape::Function(function.clone()).into()
    }

    fn eval_map(&mut self, entries: &[(Node, Node)]) -> Value {
        let mut known = Vec::new();
        let mut taint = Taint::NONE;
        for (key, value) in entries {
            let key = self.eval(key);
            let value = self.eval(value);
            match key.bytes() {
                Some(key) => known.push((key.into(), value)),
                None => taint = taint.and(value.taint),
            }
        }
        Value {
            shape: Shape::Map(Rc::new(known)),
            taint,
            hidden: false,
        }
    }

    fn eval_either(&mut self, parts: &[Node]) -> Value {
        let mut values = parts.iter().map(|part| self.eval(part)).collect::<Vec<_>>();
        let first = match values.is_empty() {
            true => return Value::unknown(),
            false => values.remove(0),
        };
        values.into_iter().fold(first, Value::or)
    }

    /// The value of `a && b` or `a || b`.
    fn eval_ways(&mut self, parts: &[Node; 2], both: bool) -> Value {
        let [left, right] = parts;
        let first = self.eval(left);
        let (second, changed) = self.branch(|machine| {
            machine.refine(left, both);
            machine.eval(right)
        });
        self.adopt_either(changed, Vec::new());
        match both {
            true if !second.is_unknown() => second,
            _ => first.or(second),
        }
    }

    fn eval_join(&mut self, parts: &[Node]) -> Value {
        let values: Vec<Value> = parts.iter().map(|part| self.eval(part)).collect();
        self.joined(&values, b"")
    }

    /// Values put together as text.
    pub(crate) fn joined(&mut self, values: &[Value], between: &[u8]) -> Value {
        let mut pieces = Vec::new();
        let mut bytes = 0;
        let hidden = values.iter().any(|value| value.hidden);
        for (index, value) in values.iter().enumerate() {
            if index > 0 && !between.is_empty() {
                pieces.push(super::value::Piece::Plain(between.into()));
            }
            bytes += value.bytes().map_or(8, <[u8]>::len) + between.len();
            pieces.extend(value.pieces());
        }
        match self.budget.take(bytes) {
            Some(()) => Value::of_pieces(pieces, hidden),
            None => Value::tainted(
                values
                    .iter()
                    .fold(Taint::NONE, |taint, value| taint.and(value.taint)),
            ),
        }
    }

    fn eval_sum(&mut self, parts: &[Node]) -> Value {
        let values: Vec<Value> = parts.iter().map(|part| self.eval(part)).collect();
        let numbers: Option<Vec<i64>> = values.iter().map(Value::as_number).collect();
        if let Some(numbers) = numbers {
            let sum = numbers.iter().try_fold(0_i64, |sum, n| sum.checked_add(*n));
            return sum.map_or_else(Value::unknown, Value::number);
        }
        let lists: Option<Vec<&[Value]>> = values.iter().map(Value::elements).collect();
        if let Some(lists) = lists {
            let all: Vec<Value> = lists.concat();
            return match self.budget.take(all.len() * 8) {
                Some(()) => Value::list(all),
                None => Value::unknown(),
            };
        }
        self.joined(&values, b"")
    }

    fn eval_member(&mut self, node: &Node, object: &Node, name: &str) -> Value {
        if self.paths
            && let Some(path) = node.path()
            && let Some(value) = self.lookup(&path)
        {
            return value.clone();
        }
        let object = self.eval(object);
        self.member(&object, name)
    }

    /// A member of a value.
    pub(crate) fn member(&mut self, object: &Value, name: &str) -> Value {
        let dialect = self.dialect;
        if let Some(value) = dialect.member(self, object, name) {
            return match object.hidden {
                true => value.uncovered(),
                false => value,
            };
        }
        match &object.shape {
            Shape::Entity(entity) => {
                if **entity == *"self" || entity.starts_with("class:") {
                    let path = match &**entity {
                        "self" => format!("self.{name}"),
                        class => format!("{}.{name}", class.trim_start_matches("class:")),
                    };
                    if let Some(value) = self.lookup(&path) {
                        return value.clone();
                    }
                    return method(object, name);
                }
                if entity.len() + name.len() > ENTITY_BYTES_MAX {
                    return Value::unknown();
                }
                let mut value = Value::entity(&format!("{entity}.{name}"));
                value.hidden = object.hidden;
                value
            }
            Shape::Map(entries) => {
                let found = entries.iter().find(|(key, _)| **key == *name.as_bytes());
                match found {
                    // What was put in under a name that is not known may be this one's.
                    Some((_, value)) if object.taint.any() => {
                        value.clone().or(Value::tainted(object.taint))
                    }
                    Some((_, value)) => value.clone(),
                    None => method(object, name),
                }
            }
            _ => method(object, name),
        }
    }

    fn eval_index(&mut self, node: &Node, object: &Node, key: &Node) -> Value {
        if self.paths
            && let Some(path) = node.path()
            && let Some(value) = self.lookup(&path)
        {
            return value.clone();
        }
        let object = self.eval(object);
        let key = self.eval(key);
        self.index(&object, &key)
    }

    /// An element of a value.
    pub(crate) fn index(&mut self, object: &Value, key: &Value) -> Value {
        let hidden = object.hidden || key.hidden;
        let mut value = match (&object.shape, &key.shape) {
            (Shape::List(values), Shape::Number(at)) => {
                let at = match usize::try_from(*at) {
                    Ok(at) => Some(at),
                    Err(_) => usize::try_from(at.unsigned_abs())
                        .ok()
                        .and_then(|back| values.len().checked_sub(back)),
                };
                at.and_then(|at| values.get(at))
                    .cloned()
                    .unwrap_or_default()
            }
            (Shape::Text(text), Shape::Number(at)) => usize::try_from(*at)
                .ok()
                .and_then(|at| text.get(at))
                .map_or_else(Value::unknown, |byte| Value::text(&[*byte])),
            (_, Shape::Text(_)) => match key.str() {
                Some(name) => self.member(object, name),
                None => element_of(object),
            },
            (Shape::List(values), _) => any_of(values.iter(), Taint::NONE),
            (Shape::Map(entries), _) => {
                any_of(entries.iter().map(|(_, value)| value), object.taint)
            }
            (Shape::Entity(entity), Shape::Number(_)) if &**entity == "given" => object.clone(),
            (Shape::Entity(entity), _) if !key.taint.any() => {
                let entity = entity.clone();
                let dialect = self.dialect;
                dialect
                    .member(self, &Value::entity(&entity), "")
                    .unwrap_or_default()
            }
            // A platform's member of a name from outside: whatever is called then is chosen outside.
            (Shape::Entity(_), _) => method(object, "\u{0}given"),
            _ => element_of(object),
        };
        value.hidden |= hidden;
        value
    }

    fn eval_call(&mut self, call: &Call) -> Value {
        let mut callee = self.eval(&call.callee);
        if let (Node::Name(name), true) = (&call.callee, callee.is_unknown()) {
            // A function that the script does not define still has a name that may tell.
            callee = method(&Value::unknown(), name);
        }
        let args = self.eval_args(&call.args);
        if let Node::Member(owner, name) = &call.callee
            && MUTATORS.contains(&&**name)
        {
            self.mutate(owner, name, &args);
        }
        let at = self
            .cover
            .unwrap_or((self.start + call.offset, call.length));
        self.call_value(&callee, &args, at)
    }

    fn eval_args(&mut self, args: &[Arg]) -> Vec<Argument> {
        args.iter()
            .map(|arg| Argument {
                name: arg.name.clone(),
                value: self.eval(&arg.value),
            })
            .collect()
    }

    /// Calls a value.
    pub(crate) fn call_value(
        &mut self,
        callee: &Value,
        args: &[Argument],
        at: (usize, usize),
    ) -> Value {
        if let Shape::Function(function) = &callee.shape {
            return self.call_function(function, args);
        }
        if let Shape::List(any) = &callee.shape {
            let any = any.clone();
            let mut given = Value::unknown();
            for one in any.iter().take(CHOICES_MAX) {
                given = given.or(self.call_value(one, args, at));
            }
            return given;
        }
        let dialect = self.dialect;
        let call = Invocation { callee, args, at };
        if let Some(value) = dialect.call(self, &call) {
            return value;
        }
        if let Some(class) = callee
            .as_entity()
            .and_then(|name| name.strip_prefix("class:"))
        {
            let start = ["__init__", "constructor"]
                .into_iter()
                .find_map(|name| self.lookup(&format!("{class}.{name}")).cloned());
            if let Some(Shape::Function(function)) = start.map(|value| value.shape) {
                self.call_function(&function, args);
            }
            return Value::entity("self");
        }
        self.call_unknown(&call)
    }

    /// A call of which nothing is known: callbacks are called, and what changes form keeps where it came from.
    fn call_unknown(&mut self, call: &Invocation<'_>) -> Value {
        let receiver = call.method().map(|(object, _)| object.clone());
        let taint = receiver.as_ref().map_or(Taint::NONE, |value| value.taint);
        let given = call.taint();
        for arg in call.args {
            if let Shape::Function(function) = &arg.value.shape {
                let handed = match taint.and(given).any() {
                    true => vec![Argument {
                        name: None,
                        value: Value::tainted(taint.and(given)),
                    }],
                    false => Vec::new(),
                };
                let result = self.call_function(function, &handed);
                if result.taint.any() && call.method().is_some() {
                    return Value::tainted(result.taint);
                }
            }
        }
        let name = match (&call.callee.shape, call.method()) {
            (_, Some((_, name))) => name,
            (Shape::Entity(entity), _) => entity.rsplit('.').next().unwrap_or(entity),
            _ => "",
        };
        if PLAIN_MEMBERS.contains(&name) {
            return Value::unknown();
        }
        let lower = name.to_ascii_lowercase();
        let changes = CHANGERS.iter().any(|part| lower.contains(part));
        match changes {
            true => Value::tainted(taint.and(given)),
            false => Value::tainted(taint.and(call.callee.taint)),
        }
    }
}

/// Any of several values: functions all stay, otherwise what came from outside does.
fn any_of<'v>(values: impl Iterator<Item = &'v Value> + Clone, taint: Taint) -> Value {
    let callable = |value: &&Value| {
        matches!(
            value.shape,
            Shape::Function(_) | Shape::Entity(_) | Shape::Method(_)
        ) && !value.taint.any()
    };
    let functions: Vec<Value> = values.clone().filter(callable).cloned().collect();
    let mut value = match functions.len() {
        0 | 1 => values.cloned().fold(Value::unknown(), Value::or),
        _ => Value::list(functions),
    };
    value.taint = value.taint.and(taint);
    value
}

/// A member that is known by its name alone.
pub(super) fn method(object: &Value, name: &str) -> Value {
    let plain = PLAIN_MEMBERS.contains(&name);
    Value {
        shape: Shape::Method(Rc::new((object.clone(), name.into()))),
        taint: if plain { Taint::NONE } else { object.taint },
        hidden: object.hidden,
    }
}
