//! Calls of functions by their name, by a variable, and from within others.

use std::rc::Rc;

use super::{Frame, Machine};
use crate::language::php::ast::{Argument, Expr, ExprKind, Function, Span, Text};
use crate::language::php::builtin;
use crate::language::php::lower::small;
use crate::language::php::sink;
use crate::language::php::value::{Array, Data, Taint, Value};
use crate::limits::{CALL_DEPTH_MAX, CHEAP_CALL_STEPS, FOREIGN_CALLS_MAX, FUNCTION_STEPS_MAX};

impl Machine<'_> {
    pub(super) fn arguments(&mut self, arguments: &[Argument]) -> Vec<Value> {
        let mut values = Vec::with_capacity(arguments.len());
        for argument in arguments {
            let value = self.expression(&argument.value);
            if argument.spread {
                let inside = builtin::elements(&value);
                // How many there are isn't known of the request's own arrays.
                let times = if matches!(value.data, Data::Array(_)) {
                    1
                } else {
                    3
                };
                for _ in 0..times {
                    values.extend(inside.iter().cloned());
                }
            } else {
                values.push(value);
            }
        }
        values
    }

    pub(super) fn call(&mut self, callee: &Expr, arguments: &[Argument], span: Span) -> Value {
        let (name, callee_value) = match &callee.kind {
            ExprKind::Constant(name) if !self.constants.contains_key(name) => {
                (Some(small(name)), None)
            }
            _ => {
                let value = self.expression(callee);
                (self.plain_name(&value), Some(value))
            }
        };
        if let (Some(value), _) = (&callee_value, &name) {
            return self.call_value(value, name, arguments, span);
        }
        let Some(name) = name else {
            return Value::unknown();
        };
        self.call_named(&name, arguments, span)
    }

    /// The function that a value names, in small letters.
    fn plain_name(&mut self, value: &Value) -> Option<Text> {
        let text = value.text()?;
        let text = text.strip_prefix(b"\\").unwrap_or(&text);
        (!text.is_empty() && text.len() < 256).then(|| small(text))
    }

    fn call_value(
        &mut self,
        callee: &Value,
        name: Option<Text>,
        arguments: &[Argument],
        span: Span,
    ) -> Value {
        match name {
            Some(name) if !name.contains(&b':') => {
                sink::hidden_name(self, callee, &name, span);
                self.call_named(&name, arguments, span)
            }
            _ => {
                let values = self.arguments(arguments);
                self.invoke(callee, values, span)
            }
        }
    }

    fn call_named(&mut self, name: &Text, arguments: &[Argument], span: Span) -> Value {
        if let Some(function) = self.functions.get(name).map(Rc::clone) {
            let values = self.arguments(arguments);
            let slots = self.reference_slots(&function, arguments);
            return self.enter_function(&function, values, None, &slots);
        }
        if let b"isset" | b"empty" = name.as_ref() {
            return self.isset(name, arguments);
        }
        let values = self.arguments(arguments);
        self.guard(name, arguments, &values);
        self.builtin(name, values, Some(arguments), span)
    }

    /// Slots of the variables that a function takes by reference.
    fn reference_slots(
        &mut self,
        function: &Function,
        arguments: &[Argument],
    ) -> Vec<Option<usize>> {
        let pairs = function.parameters.iter().zip(arguments);
        let mut slots = Vec::new();
        for (parameter, argument) in pairs {
            let slot = match (&argument.value.kind, parameter.by_reference) {
                (ExprKind::Variable(name), true) if super::scope::superglobal(name).is_none() => {
                    Some(self.slot(name))
                }
                _ => None,
            };
            slots.push(slot);
        }
        slots
    }

    /// Whether something is set is known only where all of it is.
    fn isset(&mut self, name: &[u8], arguments: &[Argument]) -> Value {
        let mut all = Some(true);
        for argument in arguments {
            let value = self.expression(&argument.value);
            let truth = match (name, &value.data) {
                _ if value.taint.is_foreign() => None,
                (b"empty", _) => value.truth().map(|truth| !truth),
                (_, Data::Unknown | Data::Unset | Data::Partial(..) | Data::Super(_)) => None,
                (_, Data::Null) => Some(false),
                _ => Some(true),
            };
            all = match (all, truth) {
                (Some(one), Some(other)) => Some(one && other),
                _ => None,
            };
        }
        // What isn't known may be set elsewhere, and a guess of `true` would hide a branch.
        match (name, all) {
            (b"empty", Some(truth)) => Value::bool(truth),
            (_, Some(false)) => Value::bool(false),
            _ => Value::unknown(),
        }
    }

    /// A comparison with what is allowed makes a variable checked.
    fn guard(&mut self, name: &[u8], arguments: &[Argument], values: &[Value]) {
        let at = match name {
            b"in_array" | b"array_key_exists" | b"array_search" | b"ctype_alnum"
            | b"ctype_alpha" | b"ctype_digit" | b"is_numeric" | b"ctype_xdigit"
            | b"method_exists" | b"is_callable" | b"function_exists" | b"class_exists" => {
                usize::from(name == b"method_exists")
            }
            b"preg_match" if values.first().is_some_and(is_whole_pattern) => 1,
            _ => return,
        };
        let Some(argument) = arguments.get(at) else {
            return;
        };
        if let ExprKind::Variable(name) = &argument.value.kind
            && super::scope::superglobal(name).is_none()
        {
            let slot = self.slot(name);
            let value = self.get_slot(slot);
            if value.taint.is_foreign() {
                self.set_slot(slot, value.with(Taint::CHECKED));
            }
        }
    }

    /// Runs a function of the script.
    pub(super) fn enter_function(
        &mut self,
        function: &Rc<Function>,
        arguments: Vec<Value>,
        class: Option<Text>,
        slots: &[Option<usize>],
    ) -> Value {
        let address = Rc::as_ptr(function);
        if !self.called.contains(&address) {
            self.called.push(address);
        }
        if let Some(known) = self.known_result(address, &arguments) {
            return known;
        }
        let before = self.bounds.steps;
        if self.frames.len() > CALL_DEPTH_MAX || !self.step() {
            let taint = arguments
                .iter()
                .fold(Taint::NONE, |taint, value| taint.join(value.all_taint()));
            return Value::tainted(taint);
        }
        let frame = Frame {
            class,
            function: Rc::clone(&function.name),
            arguments: arguments.clone(),
            ..Frame::default()
        };
        self.frames.push(frame);
        self.bind_parameters(function, arguments, slots);
        self.deeper((), |machine| {
            machine.statements(&function.body);
        });
        let returned = self.frames.pop().and_then(|frame| frame.returned);
        let returned = returned.unwrap_or_else(Value::null);
        let spent = before.saturating_sub(self.bounds.steps);
        let cost = self.costs.entry(address).or_default();
        cost.steps += spent;
        cost.last = returned.clone();
        returned
    }

    /// What a function gave before, where following it once more costs more than it can tell.
    fn known_result(&mut self, function: *const Function, arguments: &[Value]) -> Option<Value> {
        let taint = arguments
            .iter()
            .fold(Taint::NONE, |taint, value| taint.join(value.all_taint()));
        let cost = self.costs.entry(function).or_default();
        cost.calls += 1;
        if taint.is_foreign() {
            let mixture = cost.foreign.iter_mut().find(|(known, _)| *known == taint);
            match mixture {
                Some((_, calls)) => *calls += 1,
                None => cost.foreign.push((taint, 1)),
            }
            let often = cost
                .foreign
                .iter()
                .any(|(known, calls)| *known == taint && *calls > FOREIGN_CALLS_MAX);
            let dear = cost.steps > FUNCTION_STEPS_MAX / 4;
            return (often && dear || cost.foreign.len() > 16)
                .then(|| cost.last.clone().with(taint));
        }
        let average = cost.steps / cost.calls;
        let dear = cost.steps > FUNCTION_STEPS_MAX && average > CHEAP_CALL_STEPS;
        dear.then(|| cost.last.clone())
    }

    fn bind_parameters(
        &mut self,
        function: &Function,
        arguments: Vec<Value>,
        slots: &[Option<usize>],
    ) {
        let mut arguments = arguments.into_iter();
        for (at, parameter) in function.parameters.iter().enumerate() {
            if let Some(Some(slot)) = slots.get(at) {
                arguments.next();
                self.bind(&parameter.name, *slot);
                continue;
            }
            let value = if parameter.variadic {
                Value::array(arguments.by_ref().collect::<Array>())
            } else {
                match (arguments.next(), &parameter.default) {
                    (Some(value), Some(default)) if value.taint == Taint::PARAMETER => {
                        self.expression(default).with(Taint::PARAMETER)
                    }
                    (Some(value), _) => value,
                    (None, Some(default)) => self.expression(default),
                    (None, None) => Value::unknown(),
                }
            };
            let slot = self.new_slot(value);
            self.bind(&parameter.name, slot);
        }
    }

    /// Calls what a value says: a closure, a name, or `[object, method]`.
    pub(in crate::language::php) fn invoke(
        &mut self,
        callee: &Value,
        values: Vec<Value>,
        span: Span,
    ) -> Value {
        if !self.step() {
            return Value::unknown();
        }
        if callee.all_taint().is_foreign() && !matches!(callee.data, Data::Object(_)) {
            sink::foreign_callee(self, callee, &values, span);
        }
        match &callee.data {
            Data::Closure(closure) => {
                let closure = Rc::clone(closure);
                let class = closure.class.clone();
                let function = Rc::clone(&closure.function);
                return self.enter_closure(&function, &closure.captured, values, class);
            }
            Data::Callable(inner) => {
                let inner = (**inner).clone();
                return self.deeper(Value::unknown(), |machine| {
                    machine.invoke(&inner, values, span)
                });
            }
            Data::Array(array) => return self.invoke_pair(&array.clone(), values, span),
            Data::Object(class) => return self.invoke_method(&class.clone(), b"__invoke", values),
            _ => {}
        }
        let Some(name) = self.plain_name(callee) else {
            sink::unknown_callee(self, callee, &values, span);
            let taint = values
                .iter()
                .fold(Taint::NONE, |taint, value| taint.join(value.all_taint()));
            return Value::tainted(taint);
        };
        sink::hidden_name(self, callee, &name, span);
        if let Some(at) = memchr::memmem::find(&name, b"::") {
            let class = small(name.get(..at).unwrap_or_default());
            let method = name.get(at + 2..).unwrap_or_default().to_vec();
            return self.invoke_method(&class, &method, values);
        }
        match self.functions.get(&name).map(Rc::clone) {
            Some(function) => self.enter_function(&function, values, None, &[]),
            None => self.builtin(&name, values, None, span),
        }
    }

    fn enter_closure(
        &mut self,
        function: &Rc<Function>,
        captured: &[(Text, usize)],
        values: Vec<Value>,
        class: Option<Text>,
    ) -> Value {
        let address = Rc::as_ptr(function);
        if !self.called.contains(&address) {
            self.called.push(address);
        }
        if self.frames.len() > CALL_DEPTH_MAX {
            return Value::unknown();
        }
        self.frames.push(Frame {
            class,
            ..Frame::default()
        });
        for (name, slot) in captured {
            self.bind(name, *slot);
        }
        self.bind_parameters(function, values, &[]);
        self.deeper((), |machine| {
            machine.statements(&function.body);
        });
        let returned = self.frames.pop().and_then(|frame| frame.returned);
        returned.unwrap_or_default()
    }

    fn invoke_pair(&mut self, pair: &Array, values: Vec<Value>, span: Span) -> Value {
        let mut parts = pair.values();
        let (Some(object), Some(method)) = (parts.next(), parts.next()) else {
            return Value::unknown();
        };
        let class = match &object.data {
            Data::Object(class) => Some(Rc::clone(class)),
            _ => object.text().map(|text| small(&text)),
        };
        let (object, method) = (object.clone(), method.text().map(|text| small(&text)));
        match (class, method) {
            (Some(class), Some(method)) => self.invoke_method(&class, &method, values),
            (None, Some(method)) => {
                sink::method(self, &object, &method, &values, span);
                Value::unknown()
            }
            _ => Value::unknown(),
        }
    }

    fn invoke_method(&mut self, class: &Text, method: &[u8], values: Vec<Value>) -> Value {
        let method = small(method);
        match self.method(Some(class), &method) {
            Some((function, class)) => self.enter_function(&function, values, Some(class), &[]),
            None => Value::unknown(),
        }
    }

    /// A function of PHP's own, or one that isn't known.
    pub(in crate::language::php) fn builtin(
        &mut self,
        name: &Text,
        values: Vec<Value>,
        arguments: Option<&[Argument]>,
        span: Span,
    ) -> Value {
        sink::call(self, name, &values, span);
        self.deeper(Value::unknown(), |machine| {
            builtin::call(machine, name, values, arguments, span)
        })
    }

    /// Writes to a variable that a function of PHP's own takes by reference.
    pub(in crate::language::php) fn write_argument(
        &mut self,
        arguments: Option<&[Argument]>,
        at: usize,
        value: Value,
    ) {
        if let Some(argument) = arguments.and_then(|arguments| arguments.get(at)) {
            self.assign(&argument.value, value);
        }
    }

    /// Marks the variable that holds a path to which the request's content was written.
    pub(in crate::language::php) fn mark_argument(
        &mut self,
        arguments: Option<&[Argument]>,
        at: usize,
        mark: Taint,
    ) {
        let argument = arguments.and_then(|arguments| arguments.get(at));
        if let Some(argument) = argument
            && let ExprKind::Variable(name) = &argument.value.kind
        {
            let slot = self.slot(name);
            let value = self.get_slot(slot);
            self.set_slot(slot, value.with(mark));
        }
    }

    /// The variables of the current call and their values.
    pub(in crate::language::php) fn call_arguments(&mut self) -> Vec<Value> {
        self.frame().arguments.clone()
    }

    /// Sets a variable of the current call.
    pub(in crate::language::php) fn set_variable(&mut self, name: &[u8], value: Value) {
        let slot = self.slot(&Rc::from(name));
        self.set_slot(slot, value);
    }

    /// A variable of the current call, by its name.
    pub(in crate::language::php) fn variable_named(&mut self, name: &[u8]) -> Value {
        self.variable(&Rc::from(name))
    }

    /// Lets every variable that isn't set hold something of the request.
    pub(in crate::language::php) fn import_request(&mut self) {
        self.import(Taint::INPUT);
    }

    pub(in crate::language::php) fn set_handler(&mut self, handler: Value) {
        self.handler = handler;
    }

    pub(in crate::language::php) fn handler(&self) -> Value {
        self.handler.clone()
    }

    pub(in crate::language::php) fn define(&mut self, name: &[u8], value: Value) {
        self.constants.insert(Rc::from(name), value);
    }

    pub(in crate::language::php) fn defined(&self, name: &[u8]) -> Option<Value> {
        self.constants.get(name).cloned()
    }

    pub(in crate::language::php) fn has_function(&self, name: &[u8]) -> bool {
        self.functions.contains_key(name)
    }
}

/// `/^[a-z]+$/`: everything in the value is said.
fn is_whole_pattern(pattern: &Value) -> bool {
    let Some(text) = pattern.text() else {
        return false;
    };
    let inner = text.get(1..).unwrap_or_default();
    inner.starts_with(b"^") && memchr::memmem::rfind(inner, b"$").is_some()
}
