//! Runs a script in part: computes what can be computed, follows where values come from through the rest.
//!
//! Nothing of the script has an effect here. Branches whose condition isn't known are all taken, and what they leave is
//! joined; loops run while their condition is known and otherwise twice. Everything is counted against [`Bounds`].

mod assign;
mod call;
mod class;
mod expression;
mod scope;
mod statement;

use std::collections::HashMap;
use std::rc::Rc;

use super::ast::{Bytes, Class, Function, Program, Span, Text};
use super::sink::Found;
use super::value::{Taint, Value};
use super::{lower, source};
use crate::clock::Deadline;
use crate::decode::Budget;
use crate::evidence::Evidence;
use crate::limits::{
    EVALUATION_DEPTH_MAX, FOLLOW_TIME_MAX, HIDDEN_TEXTS_MAX, STEPS_MAX, STEPS_MIN, STEPS_PER_BYTE,
    STEPS_PER_FUNCTION, STEPS_PER_HIDDEN_BYTE, STRING_BYTES_MAX, STRINGS_BYTES_MAX,
};

/// Steps between two looks at the clock.
const STEPS_BETWEEN_LOOKS: usize = 1_024;

/// What is left of the bounds.
#[derive(Debug)]
struct Bounds {
    steps: usize,
    deadline: Deadline,
    bytes: usize,
    depth: usize,
    hidden: usize,
}

/// One call's variables.
#[derive(Debug, Default)]
struct Frame {
    names: HashMap<Text, usize>,
    class: Option<Text>,
    function: Text,
    /// What variables that were never set may hold: the request, after `extract($_GET)`.
    unset: Taint,
    returned: Option<Value>,
    arguments: Vec<Value>,
}

/// What following a function's calls cost.
#[derive(Debug, Default)]
struct Cost {
    steps: usize,
    calls: usize,
    /// Calls with each mixture of origins.
    foreign: Vec<(Taint, usize)>,
    last: Value,
}

/// The state of a partial run.
#[derive(Debug)]
pub(super) struct Machine<'evidence> {
    pub(super) evidence: &'evidence mut Evidence,
    pub(super) budget: Budget,
    bounds: Bounds,
    /// The script itself, which some hide in.
    script: Rc<Vec<u8>>,
    functions: HashMap<Text, Rc<Function>>,
    classes: HashMap<Text, Rc<Class>>,
    /// Functions and methods that something called.
    called: Vec<*const Function>,
    constants: HashMap<Text, Value>,
    /// Properties, whatever object holds them.
    properties: HashMap<Text, Value>,
    statics: HashMap<(usize, Text), usize>,
    frames: Vec<Frame>,
    slots: Vec<Value>,
    /// Branch in which a slot was last saved.
    saved: Vec<u32>,
    log: Vec<(usize, Value)>,
    branch: u32,
    branches: u32,
    /// Paths to which the request's content was written.
    written: Vec<Bytes>,
    /// Where hidden code that is looked at stands in the script.
    hidden_at: Option<Span>,
    /// Hidden texts that were looked at.
    texts: Vec<Bytes>,
    /// How many loops are being run.
    looping: usize,
    /// Whether the current loop may have been left in a branch that may have run.
    may_leave: bool,
    halt: Option<usize>,
    /// Whether nothing else can define constants: then a word is its own name.
    alone: bool,
    /// What was thrown so far.
    thrown: Value,
    /// What takes errors.
    handler: Value,
    /// What functions cost so far, and what they gave last.
    costs: HashMap<*const Function, Cost>,
    /// What the sinks saw, for judging them together.
    pub(super) found: Found,
}

impl<'evidence> Machine<'evidence> {
    pub(super) fn new(script: &[u8], evidence: &'evidence mut Evidence) -> Machine<'evidence> {
        Machine {
            evidence,
            budget: Budget::default(),
            bounds: Bounds {
                deadline: Deadline::after(FOLLOW_TIME_MAX),
                steps: steps_for(script),
                bytes: STRINGS_BYTES_MAX,
                depth: EVALUATION_DEPTH_MAX,
                hidden: HIDDEN_TEXTS_MAX,
            },
            script: Rc::new(script.to_vec()),
            functions: HashMap::new(),
            classes: HashMap::new(),
            called: Vec::new(),
            constants: HashMap::new(),
            properties: HashMap::new(),
            statics: HashMap::new(),
            frames: vec![Frame::default()],
            slots: Vec::new(),
            saved: Vec::new(),
            log: Vec::new(),
            branch: 0,
            branches: 0,
            written: Vec::new(),
            hidden_at: None,
            texts: Vec::new(),
            looping: 0,
            may_leave: false,
            halt: None,
            alone: false,
            thrown: Value::unknown(),
            handler: Value::unknown(),
            costs: HashMap::new(),
            found: Found::default(),
        }
    }

    /// Runs a program, then everything in it that nothing called, and then again what may see more by now.
    pub(super) fn run(&mut self, program: &Program) {
        self.halt = program.halt;
        self.alone = !program.includes && program.classes.is_empty();
        self.declare(program);
        self.statements(&program.body);
        let mut cut = self.bounds.steps == 0;
        self.bounds.steps = self.bounds.steps.max(STEPS_MIN / 2);
        for round in 0..2 {
            let before = self.state();
            self.run_uncalled(program, round);
            if before == self.state() {
                break;
            }
        }
        cut |= self.bounds.steps == 0;
        if cut {
            self.evidence
                .gap("a script that takes too long to follow was followed in part");
        }
    }

    /// What functions may see of each other, roughly: enough to tell whether looking again is worth while.
    fn state(&self) -> usize {
        let foreign = |value: &&Value| value.taint.is_foreign();
        let globals = self.frames.first().map(|frame| frame.names.values());
        let slots = globals.into_iter().flatten();
        let globals = slots.filter_map(|slot| self.slots.get(*slot));
        self.properties.len()
            + self.properties.values().filter(foreign).count()
            + globals.filter(foreign).count()
    }

    pub(super) fn declare(&mut self, program: &Program) {
        for function in &program.functions {
            if !function.name.is_empty() {
                self.functions
                    .insert(Rc::clone(&function.name), Rc::clone(function));
            }
        }
        for class in &program.classes {
            self.declare_class(class);
        }
        if program.cut {
            self.evidence
                .gap("parts that are nested too deeply were not looked at");
        }
    }

    fn run_uncalled(&mut self, program: &Program, round: usize) {
        let functions = program.functions.iter().map(|function| (function, None));
        let methods = program.classes.iter().flat_map(|class| {
            let methods = class.methods.iter();
            methods.map(|method| (method, Some(Rc::clone(&class.name))))
        });
        let all: Vec<_> = functions.chain(methods).collect();
        for (function, class) in all {
            let called = self.called.contains(&Rc::as_ptr(function));
            if (round == 0 && called && class.is_none()) || (function.name.is_empty() && called) {
                continue;
            }
            let parameter = Value::tainted(Taint::PARAMETER);
            let arguments = vec![parameter; function.parameters.len()];
            // One that takes long leaves something for the others.
            let share = self.bounds.steps.min(STEPS_PER_FUNCTION);
            let others = self.bounds.steps - share;
            self.bounds.steps = share;
            self.uncertainly(|machine| {
                machine.enter_function(function, arguments, class, &[]);
            });
            self.bounds.steps += others;
        }
    }

    /// Looks at text that would run as code here and now.
    pub(super) fn hidden(&mut self, code: &Bytes, opened: bool, span: Span) {
        if self.texts.contains(code) {
            return;
        }
        if self.bounds.hidden == 0 || !self.budget.enter() {
            self.evidence
                .gap("code hidden too deeply was not looked at");
            return;
        }
        self.bounds.hidden -= 1;
        self.texts.push(Rc::clone(code));
        let mut text = Vec::with_capacity(code.len() + 6);
        if !opened {
            text.extend_from_slice(b"<?php ");
        }
        text.extend_from_slice(code);
        let plain = source::plain(&text);
        self.found.see_hidden(&plain);
        if let Some(program) = lower::read(&plain) {
            let outer = self.hidden_at;
            self.hidden_at = outer.or(Some(span));
            self.declare(&program);
            self.statements(&program.body);
            self.run_uncalled(&program, 0);
            self.hidden_at = outer;
        }
        self.budget.leave();
    }

    /// Notes a reason, at its place in the script.
    pub(super) fn reason(&mut self, weight: u8, text: impl Into<String>, span: Span) {
        let span = self.hidden_at.unwrap_or(span);
        self.evidence.add(weight, text, span.start, span.length);
    }

    /// Counts one step; `false` where none are left.
    fn step(&mut self) -> bool {
        self.bounds.steps = self.bounds.steps.saturating_sub(1);
        if self.bounds.steps.is_multiple_of(STEPS_BETWEEN_LOOKS) && self.bounds.deadline.is_over() {
            self.bounds.steps = 0;
        }
        self.bounds.steps > 0
    }

    /// Runs `look` one level deeper, or gives `otherwise` where the levels are used up.
    fn deeper<T>(&mut self, otherwise: T, look: impl FnOnce(&mut Self) -> T) -> T {
        if self.bounds.depth == 0 {
            self.evidence
                .gap("a script that nests too deeply was followed in part");
            return otherwise;
        }
        self.bounds.depth -= 1;
        let seen = look(self);
        self.bounds.depth += 1;
        seen
    }

    /// Takes bytes for a string that is about to be made; `false` where too few are left.
    pub(super) fn room(&mut self, bytes: usize) -> bool {
        if bytes > STRING_BYTES_MAX {
            return false;
        }
        match self.bounds.bytes.checked_sub(bytes) {
            Some(left) => self.bounds.bytes = left,
            None => return false,
        }
        true
    }

    /// Counts the work of a function over many elements.
    pub(super) fn spend(&mut self, steps: usize) -> bool {
        self.bounds.steps = self.bounds.steps.saturating_sub(steps);
        self.bounds.steps > 0
    }

    pub(super) fn script(&self) -> Bytes {
        Rc::clone(&self.script)
    }

    pub(super) fn halt_offset(&self) -> Option<usize> {
        self.halt
    }

    /// Whether the request's content was written to this path.
    pub(super) fn was_written(&self, path: &Bytes) -> bool {
        self.written.contains(path)
    }

    pub(super) fn note_written(&mut self, path: Bytes) {
        if self.written.len() < 64 {
            self.written.push(path);
        }
    }

    pub(super) fn is_looping(&self) -> bool {
        self.looping > 0
    }

    /// Whether code outside functions is being run.
    pub(super) fn is_outermost(&self) -> bool {
        self.frames.len() == 1
    }
}

/// Steps that a script of this length, and with texts of this length in it, is worth.
fn steps_for(script: &[u8]) -> usize {
    let hidden = longest_word(script).saturating_mul(STEPS_PER_HIDDEN_BYTE);
    let long = script.len().saturating_mul(STEPS_PER_BYTE);
    STEPS_MIN + hidden.saturating_add(long).min(STEPS_MAX)
}

/// Bytes of the longest text without white space: what a decoder may have to go through.
fn longest_word(script: &[u8]) -> usize {
    let words = script.split(u8::is_ascii_whitespace);
    words.map(<[u8]>::len).max().unwrap_or(0)
}
