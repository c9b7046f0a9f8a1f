//! Calls: functions of the script, and what a language's own do to values.

use super::super::code::{Slot, Step, Symbol, Target, Variable};
use super::super::value::{CARRIED, CODED, Constant, TAINT, Traits, Value, WHOLE};
use super::super::{Place, SINK_BITS};
use super::{CALL_DEPTH_MAX, Call, ENCODED_BYTES_MIN, Machine, ROOT_DEPTH_MAX};

impl Machine<'_> {
    pub(super) fn call(
        &mut self,
        target: Target,
        name: Symbol,
        slots: &[Slot],
        place: Place,
    ) -> Value {
        let (object, own) = match target {
            Target::Object(slot) => (Some(slot), None),
            Target::Own(variable) => (None, Some(variable)),
        };
        let on = object.map(|object| self.value(object));
        let arguments = self.all(slots);
        let special = on.as_ref().is_some_and(|on| on.traits >> SINK_BITS != 0);
        if !special && let Some(indexes) = self.functions.get(&name) {
            let fitting = indexes.iter().copied().find(|&index| {
                let function = self.code.functions.get(index);
                function.is_some_and(|function| function.parameters.len() == arguments.len())
            });
            if let Some(function) = fitting.or_else(|| indexes.last().copied()) {
                let given = on.map_or(0, |on| on.traits & TAINT);
                return self.enter(function, &arguments).and(given);
            }
        }
        let text = self.code.name(name);
        let callee = own.map(|variable| self.variable(variable));
        let call = Call {
            object: on.as_ref(),
            callee: callee.as_ref(),
            name: text,
            arguments: &arguments,
            place,
        };
        let known = self.dialect.call(&call, &mut self.found);
        self.spread(object, on.as_ref(), text, slots, &arguments);
        if let Some(value) = known {
            if let Some(text) = value.as_text() {
                self.dialect.text(text, true, place, &mut self.found);
            }
            return value;
        }
        if text == "append" || text == "concat" {
            return self.append_to(object, on.as_ref(), &arguments, place);
        }
        if let (None, Some(list)) = (&on, &callee)
            && let [key] = arguments.as_slice()
            && let (Constant::List(items), Some(at)) = (&list.constant, key.as_number())
        {
            let item = usize::try_from(at).ok().and_then(|at| items.get(at));
            return Value {
                traits: list.traits & CARRIED,
                constant: item.cloned().unwrap_or_default(),
            };
        }
        let own = callee.map_or(0, |callee| callee.traits);
        propagate(on.as_ref(), own, &arguments)
    }

    /// `append` gives its object back, grown.
    fn append_to(
        &mut self,
        object: Option<Slot>,
        on: Option<&Value>,
        arguments: &[Value],
        place: Place,
    ) -> Value {
        let (Some(on), Some(first)) = (on, arguments.first()) else {
            return Value::default();
        };
        let mut grown = self.joined(&[on, first], place);
        if self.loops > 0 {
            grown.traits |= CODED;
        }
        if let Some(root) = object.and_then(|object| self.root(object)) {
            self.assign(root, grown.clone());
        }
        grown
    }

    pub(super) fn call_value(&mut self, callee: Slot, slots: &[Slot], place: Place) -> Value {
        if let Some(Step::Index(object, key)) = self.code.steps.get(callee as usize) {
            let name = self.value(*key);
            if let Some(name) = name.as_text() {
                let arguments = self.all(slots);
                let object = self.value(*object);
                let call = Call {
                    object: Some(&object),
                    callee: None,
                    name: &name.to_ascii_lowercase(),
                    arguments: &arguments,
                    place,
                };
                return self
                    .dialect
                    .call(&call, &mut self.found)
                    .unwrap_or_else(|| propagate(Some(&object), 0, &arguments));
            }
        }
        let arguments = self.all(slots);
        let callee = self.value(callee);
        let call = Call {
            object: None,
            callee: Some(&callee),
            name: "",
            arguments: &arguments,
            place,
        };
        self.dialect
            .call(&call, &mut self.found)
            .unwrap_or_else(|| propagate(None, callee.traits, &arguments))
    }

    pub(super) fn create(&mut self, class: Symbol, slots: &[Slot], place: Place) -> Value {
        let arguments = self.all(slots);
        if let Some(constructors) = self.functions.get(&class)
            && let Some(&function) = constructors.last()
        {
            self.enter(function, &arguments);
        }
        let name = self.code.name(class);
        let kind = self.dialect.class(name);
        let made = self
            .dialect
            .create(name, &arguments, place, &mut self.found);
        made.unwrap_or_else(|| propagate(None, 0, &arguments))
            .and(kind)
    }

    /// What a call changes: the object it is made on, or what it fills.
    fn spread(
        &mut self,
        object: Option<Slot>,
        on: Option<&Value>,
        name: &str,
        slots: &[Slot],
        arguments: &[Value],
    ) {
        const TAKES: [&str; 20] = [
            "append",
            "add",
            "put",
            "push",
            "write",
            "insert",
            "command",
            "setproperty",
            "set",
            "setcommand",
            "addelement",
            "appendline",
            "addscript",
            "addcommand",
            "addargument",
            "loadxml",
            "writetext",
            "open",
            "appendformat",
            "setattribute",
        ];
        const FILLS: [&str; 6] = [
            "read",
            "readfully",
            "copyto",
            "transferto",
            "getbytes",
            "readbytes",
        ];
        if TAKES.contains(&name)
            && on.is_some_and(|on| self.dialect.holds(on))
            && let Some(root) = object.and_then(|object| self.root(object))
        {
            // A file that something is written to says nothing of what is written.
            let taken = arguments
                .iter()
                .filter(|value| value.traits >> SINK_BITS == 0)
                .fold(0, |all, value| all | value.traits);
            self.learn(root, taken & (CARRIED | WHOLE));
        }
        if FILLS.contains(&name)
            && let Some(on) = on
        {
            for &slot in slots {
                if let Some(root) = self.root(slot) {
                    self.learn(root, on.traits & (CARRIED | WHOLE));
                }
            }
        }
    }

    /// The variable that a member of a member belongs to.
    fn root(&self, slot: Slot) -> Option<Variable> {
        let mut slot = slot;
        for _ in 0..ROOT_DEPTH_MAX {
            match self.code.steps.get(slot as usize)? {
                Step::Name(variable, _) => return Some(*variable),
                Step::Member(object, _)
                | Step::Index(object, _)
                | Step::Call(Target::Object(object), _, _)
                | Step::Cast(_, object) => slot = *object,
                _ => return None,
            }
        }
        None
    }

    pub(super) fn assign_member(
        &mut self,
        object: Slot,
        name: Symbol,
        value: Slot,
        place: Place,
    ) -> Value {
        let on = self.value(object);
        let value = self.value(value);
        let text = self.code.name(name);
        let facts = self.dialect.set(&on, text, &value, place, &mut self.found);
        if let Some(root) = self.root(object) {
            self.learn(root, facts | (value.traits & CARRIED));
        }
        value
    }

    /// Goes into a function of the script with these arguments and gives what it gives back.
    pub(super) fn enter(&mut self, index: usize, arguments: &[Value]) -> Value {
        let Some(function) = self.code.functions.get(index) else {
            return Value::default();
        };
        for (&parameter, argument) in function.parameters.iter().zip(arguments) {
            self.assign(parameter, argument.clone());
        }
        let end = function.end.min(self.code.steps.len());
        if self.calls.len() < CALL_DEPTH_MAX && !self.calls.contains(&index) {
            self.calls.push(index);
            let loops = std::mem::take(&mut self.loops);
            self.follow(function.start, end);
            self.loops = loops;
            self.calls.pop();
        }
        let mut result = self.variable(function.result);
        if !result.is_fixed() && arguments.iter().any(encoded) {
            result.traits |= CODED;
        }
        match self.fuel {
            // Another call may have left its constant.
            0 => Value::of(result.traits),
            _ => result,
        }
    }
}

/// What a call gives of which nothing is known: facts go from what it is given to what it gives.
fn propagate(object: Option<&Value>, own: Traits, arguments: &[Value]) -> Value {
    let given = arguments.iter().fold(0, |all, value| all | value.traits) | own;
    let on = object.map_or(0, |object| object.traits);
    let whole = match object {
        Some(object) => object.traits & WHOLE,
        None => (arguments.first().map_or(0, |first| first.traits) | own) & WHOLE,
    };
    let hidden = arguments.iter().any(encoded) || object.is_some_and(encoded);
    let coded = if hidden { CODED } else { 0 };
    Value::of(((given | on) & CARRIED) | whole | coded)
}

/// A fixed text that reads like no text: what is made of it cannot be followed.
fn encoded(value: &Value) -> bool {
    value.as_text().is_some_and(|text| {
        text.len() >= ENCODED_BYTES_MIN
            && !text
                .bytes()
                .any(|byte| matches!(byte, b' ' | b'\n' | b'<' | b'\\'))
            && !text.contains("://")
    })
}
