//! The walk's state: variables, functions, bounds.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::node::{Function, Name, Node, Role};
use super::sink::Facts;
use super::value::{Shape, Taint, Value};
use super::{FRAMES_MAX, FUNCTIONS_MAX, ROUNDS_MAX, STEPS_MAX};
use crate::decode::Budget;
use crate::evidence::Evidence;

/// What a language's platform provides.
pub(crate) trait Dialect {
    /// Parses text that was hidden; `None` where it is no code.
    fn parse(&self, code: &[u8], evidence: &mut Evidence) -> Option<Node>;

    /// A name that the script gave no value.
    fn name(&self, name: &str) -> Value;

    /// A member of a value, where the platform says what it is.
    fn member(&self, machine: &mut Machine<'_>, object: &Value, name: &str) -> Option<Value>;

    /// What a call of the platform does and gives; `None` for what is not known.
    fn call(&self, machine: &mut Machine<'_>, call: &Invocation<'_>) -> Option<Value>;

    /// A parameter of a function that nothing in the script calls.
    fn parameter(&self, function: &Function, index: usize, name: &str) -> Value;
}

/// A call that is about to happen.
#[derive(Debug)]
pub(crate) struct Invocation<'a> {
    /// What is called.
    pub(crate) callee: &'a Value,
    /// What is handed over.
    pub(crate) args: &'a [Argument],
    /// Where it stands in the script.
    pub(crate) at: (usize, usize),
}

/// Something handed over.
#[derive(Debug, Clone)]
pub(crate) struct Argument {
    /// Its name, where it is given by name.
    pub(crate) name: Option<Name>,
    /// Its value.
    pub(crate) value: Value,
}

impl Invocation<'_> {
    /// The platform's name of what is called.
    pub(crate) fn entity(&self) -> Option<&str> {
        self.callee.as_entity()
    }

    /// The value and the name of its member that is called.
    pub(crate) fn method(&self) -> Option<(&Value, &str)> {
        match &self.callee.shape {
            Shape::Method(method) => Some((&method.0, &method.1)),
            _ => None,
        }
    }

    /// What is handed over at a place, counted without what is given by name.
    pub(crate) fn arg(&self, index: usize) -> Option<&Value> {
        self.args
            .iter()
            .filter(|arg| arg.name.is_none())
            .nth(index)
            .map(|arg| &arg.value)
    }

    /// What is handed over by a name.
    pub(crate) fn named(&self, name: &str) -> Option<&Value> {
        self.args
            .iter()
            .find(|arg| arg.name.as_deref() == Some(name))
            .map(|arg| &arg.value)
    }

    /// Where anything handed over came from.
    pub(crate) fn taint(&self) -> Taint {
        self.args
            .iter()
            .fold(Taint::NONE, |taint, arg| taint.and(arg.value.taint))
    }
}

/// The variables of one function that is running.
#[derive(Debug, Default)]
pub(super) struct Frame {
    names: HashMap<Name, Value>,
    pub(super) returned: Option<Value>,
    defined: Vec<Rc<Function>>,
    shared: Vec<Name>,
    function: Option<Rc<Function>>,
}

/// A variable as it was before a change.
#[derive(Debug)]
pub(super) struct Change {
    frame: usize,
    name: Name,
    before: Option<Value>,
}

/// What a way through a condition left behind: variables with their frames.
pub(super) type Outcome = Vec<((usize, Name), Option<Value>)>;

/// Walks through a script.
pub(crate) struct Machine<'a> {
    pub(super) dialect: &'a dyn Dialect,
    pub(super) evidence: &'a mut Evidence,
    /// What undoing encodings may still cost.
    pub(crate) budget: Budget,
    pub(super) frames: Vec<Frame>,
    journal: Vec<Change>,
    pub(super) branches: usize,
    pub(super) loops: usize,
    steps: u32,
    pub(super) rounds: u32,
    pub(super) depth: usize,
    called: HashSet<*const Function>,
    kept: Vec<Rc<Function>>,
    /// Where what hides a function's code stands, for functions of hidden code.
    covers: HashMap<*const Function, (usize, usize)>,
    answers: HashMap<*const Function, (u64, Value)>,
    changes: u64,
    pub(super) paths: bool,
    /// Where what hides the code stands that is being walked through.
    pub(super) cover: Option<(usize, usize)>,
    pub(super) layers: usize,
    pub(super) facts: Facts,
    /// Where the part begins that is walked through.
    pub(super) start: usize,
}

impl std::fmt::Debug for Machine<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Machine").finish_non_exhaustive()
    }
}

impl<'a> Machine<'a> {
    /// A machine that has seen nothing.
    pub(crate) fn new(dialect: &'a dyn Dialect, evidence: &'a mut Evidence) -> Machine<'a> {
        Machine {
            dialect,
            evidence,
            budget: Budget::default(),
            frames: vec![Frame::default()],
            journal: Vec::new(),
            branches: 0,
            loops: 0,
            steps: STEPS_MAX,
            rounds: ROUNDS_MAX,
            depth: 0,
            called: HashSet::new(),
            kept: Vec::new(),
            covers: HashMap::new(),
            answers: HashMap::new(),
            changes: 0,
            paths: false,
            cover: None,
            layers: 0,
            facts: Facts::default(),
            start: 0,
        }
    }

    /// The same for a part of a script that begins there.
    pub(crate) fn from(mut self, start: usize) -> Machine<'a> {
        self.start = start;
        self
    }

    /// Walks through a whole script and notes what it found.
    pub(crate) fn walk(mut self, script: &Node) {
        // What one function keeps for another may be kept by the later one, hence again when that was so.
        for _ in 0..2 {
            let before = self.changes;
            self.run(script);
            self.run_uncalled();
            if self.changes == before {
                break;
            }
            self.called.clear();
        }
        self.note_facts();
        if self.budget.exhausted() {
            self.evidence.gap("not all hidden text was uncovered");
        }
    }

    /// Takes one step; `false` where none is left.
    pub(super) fn step(&mut self) -> bool {
        match self.steps.checked_sub(1) {
            Some(left) => {
                self.steps = left;
                true
            }
            None => {
                self.evidence
                    .gap("the script has more ways than are looked at");
                false
            }
        }
    }

    /// A variable's value.
    pub(crate) fn lookup(&self, name: &str) -> Option<&Value> {
        self.frames
            .iter()
            .rev()
            .find_map(|frame| frame.names.get(name))
    }

    /// A variable's value, or what the platform has under its name.
    pub(crate) fn variable(&self, name: &str) -> Value {
        match self.lookup(name) {
            Some(value) => value.clone(),
            None => self.dialect.name(name),
        }
    }

    /// The methods of the script's objects whose names begin so.
    pub(crate) fn methods(&self, prefix: &str) -> Vec<Value> {
        let path = format!("self.{prefix}");
        let Some(script) = self.frames.first() else {
            return Vec::new();
        };
        let mut found: Vec<(&Name, &Value)> = script
            .names
            .iter()
            .filter(|(name, value)| {
                name.starts_with(&path) && matches!(value.shape, Shape::Function(_))
            })
            .collect();
        found.sort_by(|one, other| one.0.cmp(other.0));
        found.into_iter().map(|(_, value)| value.clone()).collect()
    }

    /// Adds to what the running function gives.
    pub(crate) fn give(&mut self, value: Value) {
        self.give_back(value);
    }

    /// Gives a variable of the running function a value.
    pub(crate) fn set_here(&mut self, name: Name, value: Value) {
        let here = self.frames.len() - 1;
        let shared = self
            .frames
            .last()
            .is_some_and(|frame| frame.shared.contains(&name));
        self.set(if shared { 0 } else { here }, name, value);
    }

    /// Gives a variable a value where it is already, otherwise for the whole script.
    pub(crate) fn set_found(&mut self, name: Name, value: Value) {
        let frame = self
            .frames
            .iter()
            .rposition(|frame| frame.names.contains_key(&name))
            .unwrap_or(0);
        self.set(frame, name, value);
    }

    /// Gives a variable of the whole script a value.
    pub(crate) fn set_script(&mut self, name: Name, value: Value) {
        self.set(0, name, value);
    }

    fn set(&mut self, index: usize, name: Name, value: Value) {
        if name.contains('.') {
            self.paths = true;
        }
        let outer = index + 1 < self.frames.len();
        let Some(frame) = self.frames.get_mut(index) else {
            return;
        };
        let taint = value.taint;
        let before = frame.names.insert(name.clone(), value);
        if outer && taint.any() && before.as_ref().map(|value| value.taint) != Some(taint) {
            self.changes += 1;
        }
        if self.branches > 0 {
            self.journal.push(Change {
                frame: index,
                name,
                before,
            });
        }
    }

    fn unset(&mut self, index: usize, name: &str) {
        if let Some(frame) = self.frames.get_mut(index) {
            frame.names.remove(name);
        }
    }

    /// Walks one way through a condition and takes back what it changed, which is given.
    pub(super) fn branch<T>(&mut self, way: impl FnOnce(&mut Self) -> T) -> (T, Outcome) {
        let mark = self.journal.len();
        self.branches += 1;
        let result = way(self);
        self.branches -= 1;
        let mut outcome = Outcome::new();
        let mut seen = HashSet::new();
        for change in self.journal.drain(mark..).rev().collect::<Vec<_>>() {
            if change.frame >= self.frames.len() {
                continue;
            }
            let slot = (change.frame, change.name);
            let now = self
                .frames
                .get(slot.0)
                .and_then(|frame| frame.names.get(&slot.1))
                .cloned();
            if seen.insert(slot.clone()) {
                outcome.push((slot.clone(), now));
            }
            match change.before {
                Some(value) => {
                    if let Some(frame) = self.frames.get_mut(slot.0) {
                        frame.names.insert(slot.1, value);
                    }
                }
                None => self.unset(slot.0, &slot.1),
            }
        }
        (result, outcome)
    }

    /// Goes on with what one way left behind.
    pub(super) fn adopt(&mut self, outcome: Outcome) {
        for ((frame, name), value) in outcome {
            if let Some(value) = value {
                self.set(frame, name, value);
            }
        }
    }

    /// Goes on with what either of two ways may have left behind.
    pub(super) fn adopt_either(&mut self, one: Outcome, other: Outcome) {
        let mut others: HashMap<_, _> = other.into_iter().collect();
        let current = |machine: &Self, slot: &(usize, Name)| {
            machine
                .frames
                .get(slot.0)
                .and_then(|frame| frame.names.get(&slot.1))
                .cloned()
        };
        let mut joined = Outcome::new();
        for (slot, value) in one {
            let other = match others.remove(&slot) {
                Some(value) => value,
                None => current(self, &slot),
            };
            joined.push((slot, either(value, other)));
        }
        for (slot, value) in others {
            let now = current(self, &slot);
            joined.push((slot, either(value, now)));
        }
        self.adopt(joined);
    }

    /// Remembers a function, to be looked at by itself where nothing calls it.
    pub(super) fn define(&mut self, function: &Rc<Function>) {
        if self.kept.len() >= FUNCTIONS_MAX {
            return;
        }
        if let Some(frame) = self.frames.last_mut() {
            frame.defined.push(function.clone());
            if let Some(cover) = self.cover {
                self.covers.insert(Rc::as_ptr(function), cover);
            }
            self.kept.push(function.clone());
        }
    }

    /// Walks through the functions of the running one that nothing called.
    pub(super) fn run_uncalled(&mut self) {
        let defined = match self.frames.last_mut() {
            Some(frame) => std::mem::take(&mut frame.defined),
            None => return,
        };
        for function in defined {
            if !self.called.contains(&Rc::as_ptr(&function)) {
                self.call_function(&function, &[]);
            }
        }
    }

    /// Calls a function of the script. What is not handed over is what the platform may hand over.
    pub(crate) fn call_function(&mut self, function: &Rc<Function>, args: &[Argument]) -> Value {
        let key = Rc::as_ptr(function);
        let again = self.frames.iter().any(|frame| {
            frame
                .function
                .as_ref()
                .is_some_and(|f| Rc::ptr_eq(f, function))
        });
        let taint = args
            .iter()
            .fold(Taint::NONE, |taint, arg| taint.and(arg.value.taint));
        if again || self.frames.len() >= FRAMES_MAX {
            return Value::tainted(taint);
        }
        let plain = args.iter().all(|arg| arg.value.is_unknown());
        if plain
            && let Some((changes, value)) = self.answers.get(&key)
            && *changes == self.changes
        {
            return value.clone();
        }
        self.called.insert(key);
        self.frames.push(Frame {
            shared: function.shared.clone(),
            function: Some(function.clone()),
            ..Frame::default()
        });
        let cover = self.cover;
        self.cover = self.covers.get(&key).copied().or(cover);
        self.bind(function, args);
        self.run(&function.body);
        self.run_uncalled();
        self.cover = cover;
        let frame = self.frames.pop().unwrap_or_default();
        let value = frame.returned.unwrap_or_default();
        if plain {
            self.answers.insert(key, (self.changes, value.clone()));
        }
        value
    }

    fn bind(&mut self, function: &Rc<Function>, args: &[Argument]) {
        let mut given = args.iter().filter(|arg| arg.name.is_none());
        let object = !matches!(function.role, Role::Plain | Role::Route);
        for (index, param) in function.params.iter().enumerate() {
            let name = match &param.target {
                Node::Name(name) => &**name,
                _ => "",
            };
            let value = if index == 0 && object {
                None
            } else if param.rest {
                let mut rest = Vec::new();
                for arg in given.by_ref() {
                    match arg.value.elements() {
                        // Perl hands over the elements of lists, not the lists.
                        Some(values) if name.starts_with('@') => rest.extend_from_slice(values),
                        _ => rest.push(arg.value.clone()),
                    }
                }
                Some(match args.is_empty() {
                    true => self.dialect.parameter(function, index, name),
                    false => Value::list(rest),
                })
            } else {
                args.iter()
                    .find(|arg| !name.is_empty() && arg.name.as_deref() == Some(name))
                    .or_else(|| given.next())
                    .map(|arg| arg.value.clone())
            };
            let value = match value {
                Some(value) => value,
                None => self.missing(function, index, name),
            };
            let value = if param.harmless && args.is_empty() {
                Value::unknown()
            } else {
                value
            };
            self.assign_here(&param.target, value);
        }
    }

    fn missing(&mut self, function: &Rc<Function>, index: usize, name: &str) -> Value {
        let value = self.dialect.parameter(function, index, name);
        let default = function
            .params
            .get(index)
            .and_then(|param| param.default.as_ref());
        match default {
            Some(default) if !value.taint.any() && value.as_entity().is_none() => {
                self.eval(default)
            }
            _ => value,
        }
    }

    /// Notes what the running function gives back.
    pub(super) fn give_back(&mut self, value: Value) {
        if let Some(frame) = self.frames.last_mut() {
            frame.returned = Some(match frame.returned.take() {
                Some(before) => before.or(value),
                None => value,
            });
        }
    }
}

fn either(one: Option<Value>, other: Option<Value>) -> Option<Value> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.or(other)),
        (one, other) => one.or(other),
    }
}
