//! Puts macros and lists into conditions.

use crate::ast::{Expr, Item, Operator, Position, Test};
use crate::collect::{Age, Collection};
use crate::diagnostic::{Code, Diagnostics};
use crate::limits::{
    NAMES_COMPARED_MAX, REFERENCE_DEPTH_MAX, RESOLVED_DEPTH_MAX, RESOLVED_ITEMS_MAX,
    RESOLVED_TESTS_MAX, SET_SIZE_MAX,
};
use crate::parse;
use crate::source::Text;
use std::rc::Rc;
use yagura_yaml::{nearest, quote};

/// Knows all macros and lists.
#[derive(Debug)]
pub(crate) struct Resolver<'c> {
    collection: &'c Collection,
    macros: Vec<State<Resolved>>,
    lists: Vec<State<Rc<Vec<Item>>>>,
    /// Names of what is being resolved, for the message on a cycle.
    chain: Vec<String>,
    /// Tests and items of all that has been resolved.
    spent: usize,
    pub(crate) macros_used: Vec<bool>,
    pub(crate) lists_used: Vec<bool>,
    pub(crate) diagnostics: &'c mut Diagnostics,
}

/// How far a macro or list has been resolved.
#[derive(Debug, Clone)]
enum State<T> {
    New,
    Busy,
    Done(T),
    /// Something was wrong with it and has been reported.
    Failed,
}

/// A condition with everything put in.
#[derive(Debug, Clone)]
pub(crate) struct Resolved {
    pub(crate) expr: Rc<Expr>,
    pub(crate) size: Size,
}

/// How large a condition is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Size {
    pub(crate) tests: usize,
    pub(crate) items: usize,
    depth: usize,
}

impl Size {
    fn add(&mut self, other: Size) {
        self.tests += other.tests;
        self.items += other.items;
        self.depth = self.depth.max(other.depth);
    }
}

/// Something was wrong and has been reported.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reported;

impl<'c> Resolver<'c> {
    pub(crate) fn new(collection: &'c Collection, diagnostics: &'c mut Diagnostics) -> Self {
        Resolver {
            macros: vec![State::New; collection.macros.len()],
            lists: vec![State::New; collection.lists.len()],
            macros_used: vec![false; collection.macros.len()],
            lists_used: vec![false; collection.lists.len()],
            chain: Vec::new(),
            spent: 0,
            collection,
            diagnostics,
        }
    }

    /// A rule's condition with everything put in. Rules see all macros, wherever they are defined.
    pub(crate) fn condition(&mut self, text: &Text) -> Result<Resolved, Reported> {
        let expr = self.parse(text)?;
        self.expr(&expr)
    }

    /// A condition that did not come as one text, with everything put in.
    pub(crate) fn expr(&mut self, expr: &Expr) -> Result<Resolved, Reported> {
        let mut size = Size::default();
        let expr = self.put_in(expr, usize::MAX, 0, &mut size)?;
        self.spend(size.tests + size.items)?;
        Ok(Resolved {
            expr: Rc::new(expr),
            size,
        })
    }

    /// A macro with everything put in.
    pub(crate) fn macro_at(&mut self, index: usize) -> Result<Resolved, Reported> {
        match self.macros.get(index) {
            Some(State::Done(resolved)) => return Ok(resolved.clone()),
            Some(State::New) => {}
            _ => return Err(Reported),
        }
        let Some(entry) = self.collection.macros.get(index) else {
            return Err(Reported);
        };
        self.check_spent()?;
        set(&mut self.macros, index, State::Busy);
        self.chain.push(entry.name.clone());
        let mut size = Size::default();
        let expr = self
            .parse(&entry.condition)
            .and_then(|expr| self.put_in(&expr, entry.age.last, 0, &mut size));
        self.chain.pop();
        let resolved = expr.and_then(|expr| {
            self.spend(size.tests + size.items)?;
            Ok(Resolved {
                expr: Rc::new(expr),
                size,
            })
        });
        let state = resolved.clone().map_or(State::Failed, State::Done);
        set(&mut self.macros, index, state);
        resolved
    }

    /// The items of a list with other lists put in.
    pub(crate) fn list_at(&mut self, index: usize) -> Result<Rc<Vec<Item>>, Reported> {
        match self.lists.get(index) {
            Some(State::Done(items)) => return Ok(Rc::clone(items)),
            Some(State::New) => {}
            _ => return Err(Reported),
        }
        let collection = self.collection;
        let Some(entry) = collection.lists.get(index) else {
            return Err(Reported);
        };
        self.check_spent()?;
        set(&mut self.lists, index, State::Busy);
        self.chain.push(entry.name.clone());
        let mut items = Vec::new();
        let mut result = Ok(());
        for (text, at) in &entry.items {
            let item = parse::item(text, *at);
            if let Item::Name(at, name) = &item
                && let Some(inner) = self.visible_list(name, index, entry.age)
            {
                result = self.include(inner, *at, &mut items);
            } else {
                items.push(literal(item));
            }
            if items.len() > RESOLVED_ITEMS_MAX {
                let message = format!("a list of more than {RESOLVED_ITEMS_MAX} items");
                self.diagnostics.report(Code::TooMany, *at, message);
                result = Err(Reported);
            }
            if result.is_err() {
                break;
            }
        }
        self.chain.pop();
        let result = result.and_then(|()| self.spend(items.len()));
        let items = Rc::new(items);
        let state = match result {
            Ok(()) => State::Done(Rc::clone(&items)),
            Err(Reported) => State::Failed,
        };
        set(&mut self.lists, index, state);
        result.map(|()| items)
    }

    /// The list that an item of another list names. An item that is the name of its own list is only a word.
    fn visible_list(&self, name: &str, of: usize, age: Age) -> Option<usize> {
        let index = self.collection.list_index(name)?;
        let inner = self.collection.lists.get(index)?;
        (index != of && inner.age.first < age.last).then_some(index)
    }

    fn include(
        &mut self,
        index: usize,
        at: Position,
        items: &mut Vec<Item>,
    ) -> Result<(), Reported> {
        let is_busy = matches!(self.lists.get(index), Some(State::Busy));
        let name = self.collection.lists.get(index).map(|l| l.name.as_str());
        self.check_reference("list", name.unwrap_or_default(), is_busy, at)?;
        mark(&mut self.lists_used, index);
        items.extend(self.list_at(index)?.iter().cloned());
        Ok(())
    }

    fn parse(&mut self, text: &Text) -> Result<Expr, Reported> {
        parse::condition(text).map_err(|error| {
            self.diagnostics
                .push(error.code, error.at, error.message, error.hint);
            Reported
        })
    }

    /// Recursion is bounded: by that of parsing, and between macros by that of references.
    fn put_in(
        &mut self,
        expr: &Expr,
        sees: usize,
        depth: usize,
        size: &mut Size,
    ) -> Result<Expr, Reported> {
        size.depth = size.depth.max(depth);
        match expr {
            Expr::And(children) => {
                let children = self.put_in_all(children, sees, depth, size)?;
                Ok(join(children, true, Expr::And))
            }
            Expr::Or(children) => {
                let children = self.put_in_all(children, sees, depth, size)?;
                Ok(join(children, false, Expr::Or))
            }
            Expr::Not(child) => Ok(match self.put_in(child, sees, depth + 1, size)? {
                Expr::Constant(value) => Expr::Constant(!value),
                child => Expr::Not(Box::new(child)),
            }),
            Expr::Macro(at, name) => self.put_in_macro(*at, name, sees, depth, size),
            Expr::Constant(value) => Ok(Expr::Constant(*value)),
            Expr::Test(test) => self.put_in_test(test, size),
        }
    }

    /// All children, also if one of them fails: all problems are told at once.
    fn put_in_all(
        &mut self,
        children: &[Expr],
        sees: usize,
        depth: usize,
        size: &mut Size,
    ) -> Result<Vec<Expr>, Reported> {
        let mut out = Ok(Vec::with_capacity(children.len()));
        for child in children {
            let child = self.put_in(child, sees, depth + 1, size);
            out = match (out, child) {
                (Ok(mut out), Ok(child)) => {
                    out.push(child);
                    Ok(out)
                }
                _ => Err(Reported),
            };
        }
        out
    }

    fn put_in_macro(
        &mut self,
        at: Position,
        name: &str,
        sees: usize,
        depth: usize,
        size: &mut Size,
    ) -> Result<Expr, Reported> {
        let collection = self.collection;
        let index = collection.macro_index(name);
        let entry = index.and_then(|index| collection.macros.get(index));
        let (Some(index), Some(entry)) = (index, entry) else {
            self.unknown_macro(at, name);
            return Err(Reported);
        };
        if entry.age.first >= sees {
            let message = format!("macro {} is defined only later", quote(name));
            let hint = "define it before the macro that uses it";
            self.diagnostics
                .report_with_hint(Code::UnknownMacro, at, message, hint);
            return Err(Reported);
        }
        let is_busy = matches!(self.macros.get(index), Some(State::Busy));
        self.check_reference("macro", name, is_busy, at)?;
        mark(&mut self.macros_used, index);
        let inner = self.macro_at(index)?;
        let mut total = inner.size;
        total.depth += depth + 1;
        total.add(*size);
        self.check_size(total, at)?;
        *size = total;
        Ok((*inner.expr).clone())
    }

    fn put_in_test(&mut self, test: &Test, size: &mut Size) -> Result<Expr, Reported> {
        let mut right = Vec::with_capacity(test.right.len());
        for item in &test.right {
            match item {
                Item::Name(at, name) => match self.collection.list_index(name) {
                    Some(index) => {
                        mark(&mut self.lists_used, index);
                        right.extend(self.list_at(index)?.iter().cloned());
                    }
                    None => right.push(Item::Literal(*at, name.clone())),
                },
                item => right.push(item.clone()),
            }
            let total = Size {
                items: size.items + right.len(),
                ..*size
            };
            self.check_size(total, test.at)?;
        }
        if right.is_empty() && test.operator.takes_list() {
            if test.right.is_empty() {
                let message = "nothing is in an empty list: this never holds";
                self.diagnostics.report(Code::EmptyList, test.at, message);
            }
            return Ok(Expr::Constant(false));
        }
        size.tests += 1;
        size.items += right.len();
        self.check_size(*size, test.at)?;
        let test = Test {
            right,
            ..test.clone()
        };
        Ok(constant(&test).map_or(Expr::Test(test), Expr::Constant))
    }

    fn check_size(&mut self, size: Size, at: Position) -> Result<(), Reported> {
        let (what, max) = if size.tests > RESOLVED_TESTS_MAX {
            ("tests", RESOLVED_TESTS_MAX)
        } else if size.items > RESOLVED_ITEMS_MAX {
            ("values", RESOLVED_ITEMS_MAX)
        } else if size.depth > RESOLVED_DEPTH_MAX {
            ("levels", RESOLVED_DEPTH_MAX)
        } else {
            return Ok(());
        };
        let message =
            format!("with its macros and lists put in, the condition has more than {max} {what}");
        self.diagnostics
            .report(Code::ConditionTooLarge, at, message);
        Err(Reported)
    }

    /// Counts what has been made; once it is too much, nothing more is.
    fn spend(&mut self, size: usize) -> Result<(), Reported> {
        let before = self.spent;
        self.spent += size;
        if before <= SET_SIZE_MAX && self.spent > SET_SIZE_MAX {
            let message = format!(
                "all rules, macros and lists together have more than {SET_SIZE_MAX} tests and values"
            );
            let at = Position {
                file: 0,
                line: 1,
                column: 1,
            };
            self.diagnostics
                .report(Code::ConditionTooLarge, at, message);
        }
        self.check_spent()
    }

    fn check_spent(&self) -> Result<(), Reported> {
        if self.spent > SET_SIZE_MAX {
            return Err(Reported);
        }
        Ok(())
    }

    fn check_reference(
        &mut self,
        what: &str,
        name: &str,
        is_busy: bool,
        at: Position,
    ) -> Result<(), Reported> {
        if is_busy {
            let begin = self.chain.iter().position(|other| other == name);
            let cycle = self.chain.iter().skip(begin.unwrap_or_default());
            let names: Vec<_> = cycle.map(String::as_str).chain([name]).collect();
            let message = format!(
                "{what} {} leads back to itself: {}",
                quote(name),
                quote(&names.join(" → "))
            );
            self.diagnostics.report(Code::Cycle, at, message);
            return Err(Reported);
        }
        if self.chain.len() >= REFERENCE_DEPTH_MAX {
            let message = format!("{what}s nested more than {REFERENCE_DEPTH_MAX} levels deep");
            self.diagnostics
                .report(Code::ConditionTooLarge, at, message);
            return Err(Reported);
        }
        Ok(())
    }

    fn unknown_macro(&mut self, at: Position, name: &str) {
        let message = format!("there is no macro {}", quote(name));
        if !self.diagnostics.shows(Code::UnknownMacro) {
            return self.diagnostics.report(Code::UnknownMacro, at, message);
        }
        let names = self.collection.macros.iter().take(NAMES_COMPARED_MAX);
        let names = names.map(|entry| entry.name.as_str());
        let hint = if self.collection.list_index(name).is_some() {
            format!("it is a list: write for example proc.name in ({name})")
        } else {
            match nearest(name, names) {
                Some(near) => format!("did you mean {}?", quote(near)),
                None => "a field has a dot, such as proc.name".to_owned(),
            }
        };
        self.diagnostics
            .report_with_hint(Code::UnknownMacro, at, message, hint);
    }
}

/// What is left of children of which some always or never hold. `neutral` is the value that changes nothing.
fn join(children: Vec<Expr>, neutral: bool, make: fn(Vec<Expr>) -> Expr) -> Expr {
    if children.contains(&Expr::Constant(!neutral)) {
        return Expr::Constant(!neutral);
    }
    let mut left: Vec<Expr> = children
        .into_iter()
        .filter(|child| *child != Expr::Constant(neutral))
        .collect();
    match left.pop() {
        None => Expr::Constant(neutral),
        Some(only) if left.is_empty() => only,
        Some(last) => {
            left.push(last);
            make(left)
        }
    }
}

/// What needs no event: Falco's ways to write "always" and "never" (events are counted from 1, and all have a time), and the
/// direction of a call: one event stands for both its beginning and its end, so that rules for either work.
fn constant(test: &Test) -> Option<bool> {
    if !test.left.transformers.is_empty() {
        return None;
    }
    let is_zero = matches!(test.right.as_slice(), [Item::Literal(_, text)] if text == "0");
    match (test.left.field.as_str(), test.operator) {
        ("evt.num", Operator::Equal | Operator::Less | Operator::LessOrEqual) if is_zero => {
            Some(false)
        }
        ("evt.num", Operator::NotEqual | Operator::Greater | Operator::GreaterOrEqual)
            if is_zero =>
        {
            Some(true)
        }
        ("jevt.rawtime", Operator::Equal) if is_zero => Some(false),
        ("jevt.rawtime", Operator::Exists) => Some(true),
        ("evt.dir", Operator::Equal) => Some(true),
        _ => None,
    }
}

fn literal(item: Item) -> Item {
    match item {
        Item::Name(at, text) => Item::Literal(at, text),
        item => item,
    }
}

fn set<T>(states: &mut [State<T>], index: usize, state: State<T>) {
    if let Some(slot) = states.get_mut(index) {
        *slot = state;
    }
}

fn mark(used: &mut [bool], index: usize) {
    if let Some(slot) = used.get_mut(index) {
        *slot = true;
    }
}
