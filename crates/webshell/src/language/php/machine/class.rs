//! Classes and objects.

use std::rc::Rc;

use super::Machine;
use crate::language::php::ast::{Argument, Class, Expr, ExprKind, Function, Span, Text};
use crate::language::php::builtin;
use crate::language::php::lower::small;
use crate::language::php::sink;
use crate::language::php::value::{Data, Taint, Value};

/// Classes one above the other that are looked through for a method.
const ANCESTORS_MAX: usize = 16;

impl Machine<'_> {
    pub(super) fn declare_class(&mut self, class: &Rc<Class>) {
        self.classes
            .insert(Rc::clone(&class.name), Rc::clone(class));
        for (name, value) in &class.properties {
            if let Some(value) = value {
                let value = self.expression(value);
                self.properties.entry(Rc::clone(name)).or_insert(value);
            }
        }
        for (name, value) in &class.constants {
            let value = self.expression(value);
            let key = [class.name.as_ref(), b"::", name].concat();
            self.constants.insert(Rc::from(key), value);
        }
    }

    /// The name of a class as an expression gives it, in small letters.
    fn class_name(&mut self, class: &Expr) -> (Option<Text>, Value) {
        let value = match &class.kind {
            ExprKind::Constant(name) => {
                let own = [&b"self"[..], b"static", b"parent"];
                let name = small(name);
                let name = match own.contains(&name.as_ref()) {
                    true => self.frame().class.clone().unwrap_or(name),
                    false => name,
                };
                return (Some(name), Value::unknown());
            }
            _ => self.expression(class),
        };
        let name = match &value.data {
            Data::Object(class) => Some(Rc::clone(class)),
            _ => value.text().map(|text| small(&text)),
        };
        (name, value)
    }

    pub(super) fn class_constant(&mut self, class: &Expr, name: &Text) -> Value {
        let (class, _) = self.class_name(class);
        let Some(class) = class else {
            return Value::unknown();
        };
        if name.eq_ignore_ascii_case(b"class") {
            return Value::bytes(class.to_vec());
        }
        let key = [class.as_ref(), b"::", name].concat();
        self.constants
            .get(key.as_slice())
            .cloned()
            .unwrap_or_default()
    }

    pub(super) fn method(&self, class: Option<&Text>, name: &[u8]) -> Option<(Rc<Function>, Text)> {
        let find = |class: &Class| {
            let method = class
                .methods
                .iter()
                .find(|method| method.name.as_ref() == name)?;
            Some((Rc::clone(method), Rc::clone(&class.name)))
        };
        if let Some(class) = class {
            let mut next = self.classes.get(class);
            for _ in 0..ANCESTORS_MAX {
                let Some(class) = next else { break };
                if let Some(found) = find(class) {
                    return Some(found);
                }
                next = class
                    .parent
                    .as_ref()
                    .and_then(|parent| self.classes.get(parent));
            }
            return None;
        }
        // An object whose class isn't known: the only method of that name is meant.
        let mut found = self.classes.values().filter_map(|class| find(class));
        let only = found.next()?;
        found.next().is_none().then_some(only)
    }

    pub(super) fn method_call(
        &mut self,
        object: &Expr,
        name: &Expr,
        arguments: &[Argument],
        span: Span,
    ) -> Value {
        let object = self.expression(object);
        let name_value = match &name.kind {
            ExprKind::Closure(_) => Value::unknown(),
            _ => self.expression(name),
        };
        let values = self.arguments(arguments);
        if let Data::Closure(_) = name_value.data {
            return self.invoke(&name_value, values, span);
        }
        let Some(method) = name_value.text().map(|name| small(&name)) else {
            return Value::unknown();
        };
        if let Some(result) = self.invoker(&object, &method, &values, span) {
            return result;
        }
        let class = match &object.data {
            Data::Object(class) => Some(class),
            _ => None,
        };
        if let Some((function, class)) = self.method(class, &method) {
            return self.enter_function(&function, values, Some(class), &[]);
        }
        if let Some((function, class)) = self.method(class, b"__call") {
            let list = Value::array(values.into_iter().collect());
            let arguments = vec![Value::bytes(method.to_vec()), list];
            return self.enter_function(&function, arguments, Some(class), &[]);
        }
        sink::method(self, &object, &method, &values, span);
        if method.as_ref() == b"getmessage" {
            let message = self.properties.get(&small(b"message")).cloned();
            return message.unwrap_or_default().with(object.taint);
        }
        builtin::method(&object, &method)
    }

    /// Methods that call what their object wraps.
    fn invoker(
        &mut self,
        object: &Value,
        method: &[u8],
        values: &[Value],
        span: Span,
    ) -> Option<Value> {
        let callable = match (&object.data, method) {
            (Data::Callable(callable), _) => (**callable).clone(),
            (Data::Closure(_), b"call" | b"__invoke" | b"bindto" | b"invoke") => object.clone(),
            _ => return None,
        };
        match method {
            b"invoke" | b"__invoke" => Some(self.invoke(&callable, values.to_vec(), span)),
            b"invokeargs" => {
                let inner = values.last().map(builtin::elements).unwrap_or_default();
                Some(self.invoke(&callable, inner, span))
            }
            b"call" => {
                let rest = values.get(1..).unwrap_or_default().to_vec();
                Some(self.invoke(&callable, rest, span))
            }
            b"getclosure" | b"bindto" => Some(callable),
            b"getname" | b"getshortname" => Some(callable),
            _ => None,
        }
    }

    pub(super) fn static_call(
        &mut self,
        class: &Expr,
        name: &Expr,
        arguments: &[Argument],
        span: Span,
    ) -> Value {
        let (class, _) = self.class_name(class);
        let name = self.expression(name);
        let values = self.arguments(arguments);
        let Some(method) = name.text().map(|name| small(&name)) else {
            return Value::unknown();
        };
        let class = class.unwrap_or_else(|| small(b""));
        if class.as_ref() == b"closure" && method.as_ref() == b"fromcallable" {
            return values.first().cloned().unwrap_or_default();
        }
        if class.as_ref() == b"ffi" {
            sink::ffi(self, &values, span);
        }
        match self.method(Some(&class), &method) {
            Some((function, class)) => self.enter_function(&function, values, Some(class), &[]),
            None => {
                let callee = self.method(Some(&class), b"__callstatic");
                let Some((function, class)) = callee else {
                    let object = Value::of(Data::Object(class));
                    sink::method(self, &object, &method, &values, span);
                    return Value::unknown();
                };
                let list = Value::array(values.into_iter().collect());
                let arguments = vec![Value::bytes(method.to_vec()), list];
                self.enter_function(&function, arguments, Some(class), &[])
            }
        }
    }

    pub(super) fn new_object(&mut self, class: &Expr, arguments: &[Argument], span: Span) -> Value {
        let (name, value) = self.class_name(class);
        let values = self.arguments(arguments);
        if value.taint.has(Taint::INPUT) {
            sink::new_foreign(self, &value, &values, span);
            return Value::unknown();
        }
        let Some(name) = name else {
            return Value::unknown();
        };
        if let Some((function, class)) = self.method(Some(&name), b"__construct") {
            self.promote(&function, &values);
            self.enter_function(&function, values, Some(class), &[]);
        } else if let Some((function, class)) = self.method(Some(&name), &name) {
            self.enter_function(&function, values, Some(class), &[]);
        } else if let b"reflectionfunction" | b"reflectionmethod" = name.as_ref() {
            let callable = values.into_iter().next().unwrap_or_default();
            return match callable.data {
                Data::Callable(_) => callable,
                _ => Value::of(Data::Callable(Rc::new(callable))),
            };
        } else if !self.classes.contains_key(&name) {
            sink::new_object(self, &name, &values, span);
            let thrown = name.ends_with(b"exception") || name.ends_with(b"error");
            if let (true, Some(message)) = (thrown, values.first()) {
                self.properties.insert(small(b"message"), message.clone());
            }
            return builtin::object(&name, &values);
        }
        Value::of(Data::Object(name))
    }

    /// Parameters of a constructor that are properties, too.
    fn promote(&mut self, function: &Function, values: &[Value]) {
        for (parameter, value) in function.parameters.iter().zip(values) {
            if parameter.promoted {
                let known = self.properties.remove(&parameter.name);
                let value = known.unwrap_or_default().join(value.clone());
                self.properties.insert(Rc::clone(&parameter.name), value);
            }
        }
    }
}
