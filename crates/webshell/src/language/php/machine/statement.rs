//! Statements.

use std::rc::Rc;

use super::Machine;
use super::scope::Changes;
use crate::language::php::ast::{Expr, ExprKind, Statement, Text};
use crate::language::php::value::{Data, Taint, Value, key_value};
use crate::limits::ROUNDS_MAX;

/// How a statement ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Flow {
    Next,
    Break(usize),
    Continue(usize),
    Return,
    Goto(Text),
    Exit,
}

/// Rounds of a loop that something unknown may have left. Further ones say no more than these.
const UNSURE_ROUNDS_MAX: usize = 16;

/// Jumps that one list of statements follows. Stops `a: goto a;`.
const JUMPS_MAX: usize = 20_000;

impl Machine<'_> {
    /// Runs a list of statements. What stands behind an unconditional end runs too, as something else may reach it.
    pub(super) fn statements(&mut self, list: &[Statement]) -> Flow {
        let mut at = 0;
        let mut jumps = 0;
        let mut visited: Option<Vec<bool>> = None;
        while let Some(statement) = list.get(at) {
            if !self.step() {
                return Flow::Next;
            }
            if let Some(visited) = &mut visited
                && let Some(place) = visited.get_mut(at)
            {
                *place = true;
            }
            let flow = self.deeper(Flow::Next, |machine| machine.statement(statement));
            match flow {
                Flow::Next => at += 1,
                Flow::Goto(label) => {
                    let target = list.iter().position(
                        |statement| matches!(statement, Statement::Label(known) if *known == label),
                    );
                    let Some(target) = target else {
                        return Flow::Goto(label);
                    };
                    jumps += 1;
                    if jumps > JUMPS_MAX {
                        return Flow::Next;
                    }
                    if visited.is_none() {
                        let mut before = vec![false; list.len()];
                        before.iter_mut().take(at + 1).for_each(|seen| *seen = true);
                        visited = Some(before);
                    }
                    at = target;
                }
                Flow::Exit if self.is_outermost() => {
                    self.rest(list, at + 1, visited.as_deref());
                    return Flow::Exit;
                }
                other => return other,
            }
        }
        if let Some(visited) = visited {
            self.rest(list, 0, Some(&visited));
        }
        Flow::Next
    }

    /// Runs statements that the flow passed by.
    fn rest(&mut self, list: &[Statement], from: usize, visited: Option<&[bool]>) {
        for (at, statement) in list.iter().enumerate().skip(from) {
            let seen = visited.and_then(|visited| visited.get(at)).copied();
            if seen != Some(true) && self.step() {
                self.uncertainly(|machine| {
                    machine.deeper(Flow::Next, |machine| machine.statement(statement))
                });
            }
        }
    }

    fn statement(&mut self, statement: &Statement) -> Flow {
        match statement {
            Statement::Expr(expr) => {
                self.expression(expr);
                match &expr.kind {
                    ExprKind::Constant(word) if is_exit(word) => Flow::Exit,
                    ExprKind::Call(callee, _) if matches!(&callee.kind, ExprKind::Constant(word) if is_exit(word)) => {
                        Flow::Exit
                    }
                    _ => Flow::Next,
                }
            }
            Statement::If(arms, otherwise) => self.if_statement(arms, otherwise),
            Statement::While {
                condition,
                body,
                after,
            } => self.loop_statement(std::slice::from_ref(condition), &[], body, *after),
            Statement::For {
                first,
                condition,
                step,
                body,
            } => {
                for expr in first {
                    self.expression(expr);
                }
                self.loop_statement(condition, step, body, false)
            }
            Statement::Foreach {
                subject,
                key,
                value,
                body,
            } => self.foreach_statement(subject, key.as_ref(), value, body),
            Statement::Switch(subject, cases) => self.switch_statement(subject, cases),
            Statement::Block(list) => self.statements(list),
            Statement::Return(value) => {
                let value = value.as_ref().map(|value| self.expression(value));
                let value = value.unwrap_or_else(Value::null);
                let frame = self.frame();
                frame.returned = Some(match frame.returned.take() {
                    Some(earlier) => earlier.join(value),
                    None => value,
                });
                Flow::Return
            }
            Statement::Break(levels) => Flow::Break(*levels),
            Statement::Continue(levels) => Flow::Continue(*levels),
            Statement::Goto(label) => Flow::Goto(Rc::clone(label)),
            Statement::Label(_) | Statement::Declared => Flow::Next,
            Statement::Exit(value) => {
                if let Some(value) = value {
                    self.expression(value);
                }
                Flow::Exit
            }
            other => self.declaration(other),
        }
    }

    fn declaration(&mut self, statement: &Statement) -> Flow {
        match statement {
            Statement::Global(names) => {
                for name in names {
                    if let Some(name) = self.name_of(name) {
                        let slot = self.global_slot(&name);
                        self.bind(&name, slot);
                    }
                }
            }
            Statement::Static(variables) => {
                for (name, value) in variables {
                    self.static_variable(name, value.as_ref());
                }
            }
            Statement::Unset(targets) => {
                for target in targets {
                    self.unset(target);
                }
            }
            Statement::Try(body, others) => return self.try_statement(body, others),
            Statement::Const(constants) => {
                for (name, value) in constants {
                    let value = self.expression(value);
                    self.constants.insert(Rc::clone(name), value);
                }
            }
            _ => {}
        }
        Flow::Next
    }

    /// A static variable is one slot for each function, whatever its calls.
    fn static_variable(&mut self, name: &Text, value: Option<&Expr>) {
        let function = self.frame().function.as_ptr() as usize;
        let key = (function, Rc::clone(name));
        let slot = match self.statics.get(&key) {
            Some(slot) => *slot,
            None => {
                let value = value.map(|value| self.expression(value));
                let slot = self.new_slot(value.unwrap_or_default());
                self.statics.insert(key, slot);
                slot
            }
        };
        self.bind(name, slot);
    }

    fn if_statement(&mut self, arms: &[(Expr, Vec<Statement>)], otherwise: &[Statement]) -> Flow {
        let mut branches: Vec<Changes> = Vec::new();
        let mut flows = Vec::new();
        let mut sure = false;
        for (condition, body) in arms {
            let truth = self.expression(condition).truth();
            match truth {
                Some(false) => {
                    self.passed_by(body);
                    continue;
                }
                Some(true) if branches.is_empty() => return self.statements(body),
                _ => {}
            }
            let (flow, changes) = self.branch(|machine| machine.statements(body));
            if flow == Flow::Next {
                branches.push(changes);
            }
            flows.push(flow);
            sure = truth == Some(true);
            if sure {
                break;
            }
        }
        if branches.is_empty() && flows.is_empty() {
            return self.statements(otherwise);
        }
        if !sure {
            let (flow, changes) = self.branch(|machine| machine.statements(otherwise));
            if flow == Flow::Next {
                branches.push(changes);
            }
            flows.push(flow);
        }
        self.merge(branches, true);
        let flow = together(&flows);
        self.may_leave |= flow == Flow::Next
            && flows
                .iter()
                .any(|flow| !matches!(flow, Flow::Next | Flow::Continue(_)));
        flow
    }

    /// A branch that isn't taken is still part of the script, unless a loop has been through.
    fn passed_by(&mut self, body: &[Statement]) {
        if self.looping == 0 && !body.is_empty() {
            self.branch(|machine| machine.statements(body));
        }
    }

    fn holds(&mut self, conditions: &[Expr]) -> Option<bool> {
        let mut truth = Some(true);
        for condition in conditions {
            truth = self.expression(condition).truth();
        }
        truth
    }

    fn loop_statement(
        &mut self,
        conditions: &[Expr],
        step: &[Expr],
        body: &[Statement],
        after: bool,
    ) -> Flow {
        let mut first = after;
        let mut rounds = 0;
        let mut unsure = 0;
        let outer = std::mem::take(&mut self.may_leave);
        self.looping += 1;
        let flow = loop {
            let truth = if std::mem::take(&mut first) {
                Some(true)
            } else {
                self.holds(conditions)
            };
            rounds += 1;
            if truth == Some(false) {
                if rounds == 1 {
                    self.looping -= 1;
                    self.passed_by(body);
                    self.looping += 1;
                }
                break Flow::Next;
            }
            if truth.is_none() || rounds > ROUNDS_MAX || !self.step() {
                break self.unknown_rounds(conditions, step, body, rounds);
            }
            match self.statements(body) {
                Flow::Next | Flow::Continue(1) => {}
                Flow::Break(1) => break Flow::Next,
                Flow::Break(levels) => break Flow::Break(levels - 1),
                Flow::Continue(levels) => break Flow::Continue(levels - 1),
                other => break other,
            }
            for expr in step {
                self.expression(expr);
            }
            if std::mem::take(&mut self.may_leave) {
                unsure += 1;
                if unsure > UNSURE_ROUNDS_MAX {
                    break Flow::Next;
                }
            }
        };
        self.looping -= 1;
        self.may_leave = outer;
        flow
    }

    /// Runs a body whose number of rounds isn't known: what one round leaves may be what the next begins with.
    fn unknown_rounds(
        &mut self,
        conditions: &[Expr],
        step: &[Expr],
        body: &[Statement],
        rounds: usize,
    ) -> Flow {
        if rounds > ROUNDS_MAX {
            return Flow::Next;
        }
        let again = if self.looping > 1 { 1 } else { 2 };
        for round in 0..again {
            self.uncertainly(|machine| {
                if round > 0 {
                    machine.holds(conditions);
                }
                machine.statements(body);
                for expr in step {
                    machine.expression(expr);
                }
            });
        }
        Flow::Next
    }

    fn foreach_statement(
        &mut self,
        subject: &Expr,
        key: Option<&Expr>,
        value: &Expr,
        body: &[Statement],
    ) -> Flow {
        let over = self.expression(subject);
        let known = match &over.data {
            Data::Array(array) if array.is_closed() && !over.taint.is_foreign() => Rc::clone(array),
            _ => return self.foreach_unknown(&over, key, value, body),
        };
        self.looping += 1;
        let mut flow = Flow::Next;
        for (name, item) in &known.items {
            if !self.step() {
                break;
            }
            if let Some(key) = key {
                self.assign(key, key_value(name));
            }
            self.assign(value, item.clone());
            match self.statements(body) {
                Flow::Next | Flow::Continue(1) => {}
                Flow::Break(1) => break,
                Flow::Break(levels) => {
                    flow = Flow::Break(levels - 1);
                    break;
                }
                Flow::Continue(levels) => {
                    flow = Flow::Continue(levels - 1);
                    break;
                }
                other => {
                    flow = other;
                    break;
                }
            }
        }
        self.looping -= 1;
        flow
    }

    fn foreach_unknown(
        &mut self,
        over: &Value,
        key: Option<&Expr>,
        value: &Expr,
        body: &[Statement],
    ) -> Flow {
        self.looping += 1;
        let taint = over.all_taint();
        let item = match &over.data {
            Data::Array(array) => {
                let values = array.values().cloned();
                let joined = values.fold(Value::unknown(), Value::join);
                joined.with(taint)
            }
            _ => Value::tainted(taint),
        };
        let again = if self.looping > 1 { 1 } else { 2 };
        for _ in 0..again {
            self.uncertainly(|machine| {
                if let Some(key) = key {
                    machine.assign(key, Value::tainted(taint.without(Taint::UPLOAD)));
                }
                machine.assign(value, item.clone());
                machine.statements(body)
            });
        }
        self.looping -= 1;
        Flow::Next
    }

    fn switch_statement(
        &mut self,
        subject: &Expr,
        cases: &[(Option<Expr>, Vec<Statement>)],
    ) -> Flow {
        let subject = self.expression(subject);
        let mut start = None;
        let mut open = subject.text().is_none();
        for (at, (value, _)) in cases.iter().enumerate() {
            let Some(value) = value else { continue };
            let value = self.expression(value);
            match (subject.text(), value.text()) {
                (Some(one), Some(other)) if one == other && start.is_none() => start = Some(at),
                (_, None) => open = true,
                _ => {}
            }
        }
        if !open {
            let otherwise = || cases.iter().position(|(value, _)| value.is_none());
            let start = start.or_else(otherwise);
            return self.switch_known(cases, start);
        }
        let mut branches = Vec::new();
        let mut flows = Vec::new();
        for (_, body) in cases {
            let (flow, changes) = self.branch(|machine| machine.statements(body));
            match flow {
                Flow::Next | Flow::Break(1) | Flow::Continue(1) => branches.push(changes),
                other => flows.push(other),
            }
        }
        self.merge(branches, false);
        Flow::Next
    }

    fn switch_known(
        &mut self,
        cases: &[(Option<Expr>, Vec<Statement>)],
        start: Option<usize>,
    ) -> Flow {
        for (at, (_, body)) in cases.iter().enumerate() {
            if Some(at) < start || start.is_none() {
                self.passed_by(body);
                continue;
            }
            match self.statements(body) {
                Flow::Next => {}
                Flow::Break(1) | Flow::Continue(1) => break,
                Flow::Break(levels) => return Flow::Break(levels - 1),
                Flow::Continue(levels) => return Flow::Continue(levels - 1),
                other => return other,
            }
        }
        Flow::Next
    }

    fn try_statement(
        &mut self,
        body: &[Statement],
        others: &[(Option<Text>, Vec<Statement>)],
    ) -> Flow {
        let flow = self.statements(body);
        for (name, other) in others {
            let thrown = self.thrown.clone();
            self.uncertainly(|machine| {
                if let Some(name) = name {
                    machine.set_variable(name, thrown);
                }
                machine.statements(other)
            });
        }
        flow
    }
}

fn is_exit(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"exit") || word.eq_ignore_ascii_case(b"die")
}

/// How branches of which one ran end together: as all of them do, or else they may go on.
fn together(flows: &[Flow]) -> Flow {
    match flows.split_first() {
        Some((first, rest)) if rest.iter().all(|flow| flow == first) => first.clone(),
        _ => Flow::Next,
    }
}
