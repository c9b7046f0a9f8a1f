//! Follows values through a script's steps.

mod calls;

use std::collections::HashMap;

use super::code::{Code, Slot, Step, Symbol, Variable};
use super::value::{CARRIED, CODED, Constant, LIST_ITEMS_MAX, Traits, Value, WHOLE, joined};
use super::{Findings, Place};
use crate::decode::Budget;

/// Times the steps are gone through: once to learn what functions give back, once what they are given, once to report.
const PASSES: usize = 3;
/// Steps followed for one script, repeated loops and functions included. Stops loops in loops and functions that call
/// each other.
const FUEL: usize = 1_500_000;
/// Functions followed into functions.
const CALL_DEPTH_MAX: usize = 6;
/// Rounds of one loop that are followed.
const ROUNDS_MAX: usize = 20_000;
/// Bytes of a text from which on it is taken for an encoded one, if it reads so.
const ENCODED_BYTES_MIN: usize = 24;
/// Members of members looked through for the variable they belong to.
const ROOT_DEPTH_MAX: usize = 48;

/// A call, as a dialect sees it.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    /// What it is called on.
    pub(crate) object: Option<&'a Value>,
    /// What is called, where that is no plain name.
    pub(crate) callee: Option<&'a Value>,
    /// The name, lower case; empty where it has none.
    pub(crate) name: &'a str,
    /// The arguments.
    pub(crate) arguments: &'a [Value],
    /// Where it stands.
    pub(crate) place: Place,
}

impl Call<'_> {
    /// An argument, or an unknown value.
    pub(crate) fn argument(&self, index: usize) -> Value {
        self.arguments.get(index).cloned().unwrap_or_default()
    }

    /// Whether the object has any of these traits.
    pub(crate) fn on(&self, traits: Traits) -> bool {
        self.object.is_some_and(|object| object.is(traits))
    }

    /// All facts of all arguments.
    pub(crate) fn given(&self) -> Traits {
        self.arguments
            .iter()
            .fold(0, |all, argument| all | argument.traits)
    }
}

/// What a language's own names mean.
pub(crate) trait Dialect {
    /// A name that the script does not set.
    fn name(&mut self, name: &str) -> Value;
    /// The facts about objects of a class.
    fn class(&self, name: &str) -> Traits;
    /// A member of an object; `None` where it is nothing special.
    fn member(
        &mut self,
        object: &Value,
        name: &str,
        place: Place,
        found: &mut Findings,
    ) -> Option<Value>;
    /// What a call gives; `None` where it is nothing special.
    fn call(&mut self, call: &Call<'_>, found: &mut Findings) -> Option<Value>;
    /// What making an object gives.
    fn create(
        &mut self,
        class: &str,
        arguments: &[Value],
        place: Place,
        found: &mut Findings,
    ) -> Option<Value>;
    /// A member of an object takes a value; gives facts that the object has from then on.
    fn set(
        &mut self,
        object: &Value,
        name: &str,
        value: &Value,
        place: Place,
        found: &mut Findings,
    ) -> Traits;
    /// Whether an object holds what it is given: a list does, an open file passes it on.
    fn holds(&self, object: &Value) -> bool;
    /// A text that is fixed in the script, `made` from parts or as it stands.
    fn text(&mut self, text: &str, made: bool, place: Place, found: &mut Findings);
}

/// Follows a script's values and gives what was found.
pub(crate) fn run(code: &Code, dialect: &mut dyn Dialect) -> Findings {
    let mut functions: HashMap<Symbol, Vec<usize>> = HashMap::new();
    for (index, function) in code.functions.iter().enumerate() {
        functions.entry(function.name).or_default().push(index);
    }
    let mut machine = Machine {
        code,
        dialect,
        functions,
        values: vec![Value::default(); code.steps.len()],
        variables: vec![Value::default(); code.variables.len()],
        set: vec![false; code.variables.len()],
        found: Findings::default(),
        fuel: FUEL,
        texts: Budget::default(),
        calls: Vec::new(),
        loops: 0,
    };
    for _ in 0..PASSES {
        machine.found = Findings::default();
        machine.fuel = FUEL;
        machine.texts = Budget::default();
        machine.follow(0, code.steps.len());
    }
    if code.cut || code.skipped || machine.fuel == 0 {
        machine
            .found
            .gap("part of the script is too long or too deep to be followed");
    }
    machine.found
}

struct Machine<'a> {
    code: &'a Code,
    dialect: &'a mut dyn Dialect,
    functions: HashMap<Symbol, Vec<usize>>,
    values: Vec<Value>,
    variables: Vec<Value>,
    set: Vec<bool>,
    found: Findings,
    fuel: usize,
    texts: Budget,
    calls: Vec<usize>,
    loops: usize,
}

struct Round {
    start: usize,
    counter: Option<Count>,
}

struct Count {
    variable: Variable,
    now: i64,
    to: i64,
    by: i64,
    left: usize,
}

impl Count {
    fn next(&mut self) -> Option<i64> {
        let next = self.now.checked_add(self.by)?;
        let within = (self.by > 0 && next <= self.to) || (self.by < 0 && next >= self.to);
        self.left = self.left.checked_sub(1)?;
        self.now = next;
        within.then_some(next)
    }
}

impl Machine<'_> {
    fn follow(&mut self, start: usize, end: usize) {
        let mut rounds: Vec<Round> = Vec::new();
        let mut at = start;
        let code = self.code;
        while at < end {
            let Some(left) = self.fuel.checked_sub(1) else {
                return;
            };
            self.fuel = left;
            let Some(step) = code.steps.get(at) else {
                return;
            };
            match step {
                Step::Loop(counter) => {
                    let counter = counter.and_then(|counter| {
                        let from = self.value(counter.from).as_number()?;
                        let to = self.value(counter.to).as_number()?;
                        let by = counter
                            .by
                            .map_or(Some(1), |by| self.value(by).as_number())?;
                        self.assign(counter.variable, Value::number(from));
                        Some(Count {
                            variable: counter.variable,
                            now: from,
                            to,
                            by,
                            left: ROUNDS_MAX,
                        })
                    });
                    self.loops += 1;
                    rounds.push(Round {
                        start: at + 1,
                        counter,
                    });
                }
                Step::EndLoop => {
                    if let Some(again) = self.next_round(&mut rounds) {
                        at = again;
                        continue;
                    }
                }
                other => {
                    let value = self.step(other, code.place(at));
                    if let Some(slot) = self.values.get_mut(at) {
                        *slot = value;
                    }
                }
            }
            at += 1;
        }
        self.loops = self.loops.saturating_sub(rounds.len());
    }

    fn next_round(&mut self, rounds: &mut Vec<Round>) -> Option<usize> {
        let round = rounds.last_mut()?;
        if let Some(count) = &mut round.counter
            && let Some(next) = count.next()
        {
            let (variable, start) = (count.variable, round.start);
            self.assign(variable, Value::number(next));
            return Some(start);
        }
        rounds.pop();
        self.loops = self.loops.saturating_sub(1);
        None
    }

    fn step(&mut self, step: &Step, place: Place) -> Value {
        match step {
            Step::Text(text) => {
                self.dialect.text(text, false, place, &mut self.found);
                Value::text(&**text)
            }
            Step::Number(number) => Value::number(*number),
            Step::Name(variable, symbol) => self.name(*variable, *symbol),
            Step::Member(object, name) => self.member(*object, *name, place),
            Step::Index(object, key) => self.index(*object, *key, place),
            Step::Call(target, name, arguments) => self.call(*target, *name, arguments, place),
            Step::CallValue(callee, arguments) => self.call_value(*callee, arguments, place),
            Step::Create(class, arguments) => self.create(*class, arguments, place),
            Step::Join(parts) => self.join(parts, place),
            Step::Operate(operator, left, right) => {
                operate(*operator, &self.value(*left), &self.value(*right))
            }
            Step::List(items) => self.list(items),
            Step::Any(items) => self.any(items),
            Step::Assign(variable, value) => {
                let value = self.value(*value);
                self.assign(*variable, value.clone());
                value
            }
            Step::Append(variable, value) => {
                let value = self.value(*value);
                self.append(*variable, &value, place)
            }
            Step::AssignMember(object, name, value) => {
                self.assign_member(*object, *name, *value, place)
            }
            Step::Declare(variable, class) => {
                let traits = self.dialect.class(self.code.name(*class));
                self.learn(*variable, traits);
                Value::default()
            }
            Step::Cast(class, value) => {
                let traits = self.dialect.class(self.code.name(*class));
                self.value(*value).and(traits)
            }
            Step::Function(index) => {
                if let Some(function) = self.code.functions.get(*index) {
                    // Visual Basic grows a function's result from nothing.
                    self.assign(function.result, Value::text(""));
                }
                Value::default()
            }
            Step::Nothing | Step::End | Step::Loop(_) | Step::EndLoop => Value::default(),
        }
    }

    fn value(&self, slot: Slot) -> Value {
        self.values.get(slot as usize).cloned().unwrap_or_default()
    }

    fn all(&self, slots: &[Slot]) -> Vec<Value> {
        slots.iter().map(|&slot| self.value(slot)).collect()
    }

    fn variable(&self, variable: Variable) -> Value {
        let index = variable as usize;
        self.variables.get(index).cloned().unwrap_or_default()
    }

    fn is_set(&self, variable: Variable) -> bool {
        self.set.get(variable as usize).copied().unwrap_or(false)
    }

    /// Facts stay with a variable, whatever it takes later: which of the ways to a use is gone is not known.
    fn assign(&mut self, variable: Variable, mut value: Value) {
        let index = variable as usize;
        // Of a loop only one way is followed; a text that comes of it may be another.
        if self.loops > 0 && matches!(value.constant, Constant::Text(_)) {
            value.traits |= CODED;
        }
        if let (Some(known), Some(set)) = (self.variables.get_mut(index), self.set.get_mut(index)) {
            known.traits |= value.traits;
            known.constant = value.constant;
            *set = true;
        }
    }

    fn learn(&mut self, variable: Variable, traits: Traits) {
        if let Some(known) = self.variables.get_mut(variable as usize) {
            known.traits |= traits;
        }
    }

    fn append(&mut self, variable: Variable, value: &Value, place: Place) -> Value {
        let before = self.variable(variable);
        let mut after = self.joined(&[&before, value], place);
        if self.loops > 0 {
            after.traits |= CODED;
        }
        self.assign(variable, after.clone());
        after
    }

    fn name(&mut self, variable: Variable, symbol: Symbol) -> Value {
        let value = self.variable(variable);
        if self.is_set(variable) {
            return value;
        }
        if let Some(&function) = self.functions.get(&symbol).and_then(|all| all.last()) {
            return self.enter(function, &[]);
        }
        let known = self.dialect.name(self.code.name(symbol));
        known.and(value.traits)
    }

    fn member(&mut self, object: Slot, name: Symbol, place: Place) -> Value {
        let object = self.value(object);
        let text = self.code.name(name);
        if let Some(value) = self.dialect.member(&object, text, place, &mut self.found) {
            return value;
        }
        if let Some(&function) = self.functions.get(&name).and_then(|all| all.last()) {
            return self.enter(function, &[]);
        }
        let field = match self.code.field(name) {
            Some(variable) if self.is_set(variable) => self.variable(variable),
            Some(variable) => Value::of(self.variable(variable).traits),
            None => Value::default(),
        };
        let carried = object.traits & (CARRIED | WHOLE);
        field.and(carried)
    }

    fn index(&mut self, object: Slot, key: Slot, place: Place) -> Value {
        let list = self.value(object);
        let key = self.value(key);
        let carried = (list.traits & (CARRIED | WHOLE)) | (key.traits & CODED);
        match (&list.constant, &key.constant) {
            (Constant::List(items), Constant::Number(at)) => {
                let item = usize::try_from(*at).ok().and_then(|at| items.get(at));
                Value {
                    traits: carried,
                    constant: item.cloned().unwrap_or_default(),
                }
            }
            (_, Constant::Text(name)) => {
                let name = name.to_ascii_lowercase();
                let call = Call {
                    object: Some(&list),
                    callee: None,
                    name: "[]",
                    arguments: std::slice::from_ref(&key),
                    place,
                };
                self.dialect
                    .call(&call, &mut self.found)
                    .or_else(|| self.dialect.member(&list, &name, place, &mut self.found))
                    .unwrap_or_else(|| Value::of(carried))
            }
            _ => {
                let call = Call {
                    object: Some(&list),
                    callee: None,
                    name: "[]",
                    arguments: std::slice::from_ref(&key),
                    place,
                };
                let known = self.dialect.call(&call, &mut self.found);
                known.unwrap_or_else(|| Value::of(carried))
            }
        }
    }

    fn joined(&mut self, parts: &[&Value], place: Place) -> Value {
        let mut value = joined(parts);
        if let Some(text) = value.as_text() {
            if self.texts.take(text.len()).is_some() {
                self.dialect.text(text, true, place, &mut self.found);
            } else {
                value.constant = Constant::Unknown;
                value.traits |= CODED;
            }
        }
        value
    }

    fn join(&mut self, slots: &[Slot], place: Place) -> Value {
        let parts = self.all(slots);
        if let [left, right] = parts.as_slice()
            && let (Constant::Number(left), Constant::Number(right)) =
                (&left.constant, &right.constant)
        {
            return Value::number(left.wrapping_add(*right));
        }
        let parts: Vec<&Value> = parts.iter().collect();
        self.joined(&parts, place)
    }

    fn list(&mut self, slots: &[Slot]) -> Value {
        let items = self.all(slots);
        let traits = items.iter().fold(0, |all, item| all | item.traits);
        let flat = items
            .iter()
            .all(|item| matches!(item.constant, Constant::Text(_) | Constant::Number(_)));
        if !flat || items.is_empty() || items.len() > LIST_ITEMS_MAX {
            return Value::of(traits);
        }
        let constants = items.into_iter().map(|item| item.constant).collect();
        Value {
            traits,
            constant: Constant::List(constants),
        }
    }

    fn any(&mut self, slots: &[Slot]) -> Value {
        let items = self.all(slots);
        let traits = items.iter().fold(0, |all, item| all | item.traits);
        let mut fixed = items.into_iter().filter(Value::is_fixed);
        let constant = match (fixed.next(), fixed.next()) {
            (Some(only), None) => only.constant,
            _ => Constant::Unknown,
        };
        Value { traits, constant }
    }
}

fn operate(operator: u8, left: &Value, right: &Value) -> Value {
    let traits = (left.traits | right.traits) & CARRIED;
    let (Some(a), Some(b)) = (left.as_number(), right.as_number()) else {
        return Value::of(traits);
    };
    let number = match operator {
        b'-' => a.wrapping_sub(b),
        b'*' => a.wrapping_mul(b),
        b'/' => a.checked_div(b).unwrap_or(0),
        b'%' => a.checked_rem(b).unwrap_or(0),
        b'^' => a ^ b,
        b'&' => a & b,
        b'|' => a | b,
        b'<' => a.wrapping_shl(u32::try_from(b & 63).unwrap_or(0)),
        b'>' => a.wrapping_shr(u32::try_from(b & 63).unwrap_or(0)),
        _ => return Value::of(traits),
    };
    Value::number(number).and(traits)
}
