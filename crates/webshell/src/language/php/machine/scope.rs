//! Variables, and what branches leave of them.

use std::rc::Rc;

use super::{Frame, Machine};
use crate::language::php::ast::Text;
use crate::language::php::value::{Data, Super, Taint, Value};
use crate::limits::SLOTS_MAX;

/// What one branch changed.
pub(super) type Changes = Vec<(usize, Value)>;

impl Machine<'_> {
    pub(super) fn frame(&mut self) -> &mut Frame {
        if self.frames.is_empty() {
            self.frames.push(Frame::default());
        }
        let last = self.frames.len() - 1;
        // Just made sure of.
        #[allow(clippy::indexing_slicing, reason = "never empty")]
        &mut self.frames[last]
    }

    pub(super) fn new_slot(&mut self, value: Value) -> usize {
        if self.slots.len() >= SLOTS_MAX {
            self.bounds.steps = 0;
            return 0;
        }
        self.slots.push(value);
        self.saved.push(self.branch);
        self.slots.len() - 1
    }

    /// The slot of a variable of the current call, made where there is none.
    pub(super) fn slot(&mut self, name: &Text) -> usize {
        if let Some(slot) = self.frame().names.get(name) {
            return *slot;
        }
        let unset = self.frame().unset;
        let slot = self.new_slot(match unset {
            Taint::NONE => Value::of(Data::Unset),
            unset => Value::tainted(unset),
        });
        // A variable that a branch makes is unset before it.
        self.saved_at_birth(slot);
        self.frame().names.insert(Rc::clone(name), slot);
        slot
    }

    fn saved_at_birth(&mut self, slot: usize) {
        if self.branch != 0
            && let Some(saved) = self.saved.get_mut(slot)
        {
            *saved = 0;
        }
    }

    pub(super) fn global_slot(&mut self, name: &Text) -> usize {
        if let Some(slot) = self.frames.first().and_then(|frame| frame.names.get(name)) {
            return *slot;
        }
        let slot = self.new_slot(Value::unknown());
        self.saved_at_birth(slot);
        if let Some(frame) = self.frames.first_mut() {
            frame.names.insert(Rc::clone(name), slot);
        }
        slot
    }

    pub(super) fn bind(&mut self, name: &Text, slot: usize) {
        self.frame().names.insert(Rc::clone(name), slot);
    }

    pub(super) fn get_slot(&self, slot: usize) -> Value {
        self.slots.get(slot).cloned().unwrap_or_default()
    }

    /// Takes a slot's value to change it in place; [`Machine::set_slot`] puts it back.
    pub(super) fn take_slot(&mut self, slot: usize) -> Value {
        self.save(slot);
        self.slots
            .get_mut(slot)
            .map(std::mem::take)
            .unwrap_or_default()
    }

    pub(super) fn set_slot(&mut self, slot: usize, value: Value) {
        self.save(slot);
        if let Some(place) = self.slots.get_mut(slot) {
            *place = value;
        }
    }

    /// Remembers a slot's value before the current branch first changes it.
    fn save(&mut self, slot: usize) {
        if self.branch == 0 {
            return;
        }
        let branch = self.branch;
        let Some(saved) = self.saved.get_mut(slot).filter(|saved| **saved != branch) else {
            return;
        };
        *saved = branch;
        let old = self.slots.get(slot).cloned().unwrap_or_default();
        self.log.push((slot, old));
    }

    /// The value of a variable of the current call.
    pub(super) fn variable(&mut self, name: &Text) -> Value {
        if let Some(value) = superglobal(name) {
            return value;
        }
        if name.as_ref() == b"this" {
            let class = self.frame().class.clone();
            return class.map_or_else(Value::unknown, |class| Value::of(Data::Object(class)));
        }
        if let Some(slot) = self.frame().names.get(name).copied() {
            return self.get_slot(slot);
        }
        match self.frame().unset {
            Taint::NONE => Value::of(Data::Unset),
            unset => Value::tainted(unset),
        }
    }

    /// Runs what may or may not run, and gives what it changed; everything is as before.
    pub(super) fn branch<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> (T, Changes) {
        let (mark, outer) = (self.log.len(), self.branch);
        self.branches = self.branches.wrapping_add(1).max(1);
        self.branch = self.branches;
        let result = run(self);
        self.branch = outer;
        let olds = self.log.split_off(mark.min(self.log.len()));
        let mut changes = Changes::with_capacity(olds.len());
        // Backwards: the first save of a slot is its oldest value.
        for (slot, old) in olds.into_iter().rev() {
            if let Some(place) = self.slots.get_mut(slot) {
                let new = std::mem::replace(place, old);
                changes.push((slot, new));
            }
        }
        (result, changes)
    }

    /// Leaves the slots as any of the branches may; `always` where one of them is sure to run.
    pub(super) fn merge(&mut self, branches: Vec<Changes>, always: bool) {
        let count = branches.len();
        let mut merged: Vec<(usize, Value, usize)> = Vec::new();
        let mut places = std::collections::HashMap::new();
        for changes in branches {
            let mut seen = std::collections::HashSet::new();
            for (slot, value) in changes {
                // Of several saves of one slot the first listed holds the newest value.
                if !seen.insert(slot) {
                    continue;
                }
                match places
                    .get(&slot)
                    .and_then(|place: &usize| merged.get_mut(*place))
                {
                    Some((_, known, times)) => {
                        *known = std::mem::take(known).join(value);
                        *times += 1;
                    }
                    None => {
                        places.insert(slot, merged.len());
                        merged.push((slot, value, 1));
                    }
                }
            }
        }
        for (slot, value, times) in merged {
            let value = match always && times == count {
                true => value,
                false => self.get_slot(slot).join(value),
            };
            self.set_slot(slot, value);
        }
    }

    /// Runs what may or may not run.
    pub(super) fn uncertainly<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        let (result, changes) = self.branch(run);
        self.merge(vec![changes], false);
        result
    }
}

/// The arrays that hold the request, by their names without `$`.
pub(super) fn superglobal(name: &[u8]) -> Option<Value> {
    Some(match name {
        b"_GET"
        | b"_POST"
        | b"_REQUEST"
        | b"_COOKIE"
        | b"HTTP_RAW_POST_DATA"
        | b"HTTP_GET_VARS"
        | b"HTTP_POST_VARS"
        | b"HTTP_COOKIE_VARS" => Value::tainted(Taint::INPUT),
        b"_SERVER" | b"HTTP_SERVER_VARS" | b"_ENV" => Value::of(Data::Super(Super::Server)),
        b"_FILES" | b"HTTP_POST_FILES" => Value::of(Data::Super(Super::Files)),
        b"_SESSION" => Value::tainted(Taint::SESSION),
        b"GLOBALS" => Value::of(Data::Super(Super::Globals)),
        _ => return None,
    })
}
