//! Statements: the ways through a script.

use super::DEPTH_MAX;
use super::machine::{Argument, Machine};
use super::node::{Assign, Class, Each, Node, Scope};
use super::value::{Shape, Taint, Value};

/// Loops within loops whose bodies are walked through twice, so that one round's values reach the next.
const TWICE_LOOPS_MAX: usize = 2;

/// Entries of a map that are told apart. Stops scripts that fill maps.
const ENTRIES_MAX: usize = 256;

/// How a statement ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// The next statement follows.
    Goes,
    /// What follows in the block is not reached.
    Leaves,
}

impl Machine<'_> {
    /// Walks through a statement.
    pub(super) fn run(&mut self, node: &Node) -> Flow {
        if self.depth >= DEPTH_MAX {
            self.evidence.gap("the script is nested too deeply");
            return Flow::Goes;
        }
        if !self.step() {
            return Flow::Goes;
        }
        self.depth += 1;
        let flow = match node {
            Node::Block(nodes) => self.run_block(nodes),
            Node::If(parts) => self.run_if(parts),
            Node::While(parts) => self.run_while(parts),
            Node::Each(each) if !each.collects => self.run_each(each),
            Node::Return(value) => {
                let value = self.eval(value);
                self.give_back(value);
                Flow::Leaves
            }
            Node::Leave => Flow::Leaves,
            Node::Class(class) => {
                self.run_class(class);
                Flow::Goes
            }
            Node::And(parts) => self.run_guarded(parts, true),
            Node::Or(parts) => self.run_guarded(parts, false),
            other => {
                self.eval(other);
                Flow::Goes
            }
        };
        self.depth -= 1;
        flow
    }

    /// Functions are there before the statements that stand above them.
    pub(super) fn hoist(&mut self, nodes: &[Node]) {
        for node in nodes {
            if let Node::Assign(assign) = node
                && is_definition(assign)
            {
                self.run_assign(assign);
            }
        }
    }

    fn run_block(&mut self, nodes: &[Node]) -> Flow {
        self.hoist(nodes);
        for node in nodes {
            if matches!(node, Node::Assign(assign) if is_definition(assign)) {
                continue;
            }
            if self.run(node) == Flow::Leaves {
                return Flow::Leaves;
            }
        }
        Flow::Goes
    }

    fn run_if(&mut self, parts: &[Node; 3]) -> Flow {
        let [condition, then, otherwise] = parts;
        self.eval(condition);
        let (yes, yes_left) = self.branch(|machine| {
            machine.refine(condition, true);
            machine.run(then)
        });
        let (no, no_left) = self.branch(|machine| {
            machine.refine(condition, false);
            machine.run(otherwise)
        });
        match (yes, no) {
            (Flow::Leaves, Flow::Leaves) => return Flow::Leaves,
            (Flow::Leaves, Flow::Goes) => self.adopt(no_left),
            (Flow::Goes, Flow::Leaves) => self.adopt(yes_left),
            (Flow::Goes, Flow::Goes) => self.adopt_either(yes_left, no_left),
        }
        Flow::Goes
    }

    /// `condition && rest` or `condition || rest` as a statement.
    fn run_guarded(&mut self, parts: &[Node; 2], holds: bool) -> Flow {
        let [condition, rest] = parts;
        self.eval(condition);
        let (flow, left) = self.branch(|machine| {
            machine.refine(condition, holds);
            machine.run(rest)
        });
        match flow {
            Flow::Leaves => self.refine(condition, !holds),
            Flow::Goes => self.adopt_either(left, Vec::new()),
        }
        Flow::Goes
    }

    fn run_while(&mut self, parts: &[Node; 2]) -> Flow {
        let [condition, body] = parts;
        for _ in 0..self.times() {
            self.eval(condition);
            self.loops += 1;
            let (_, left) = self.branch(|machine| {
                machine.refine(condition, true);
                machine.run(body)
            });
            self.loops -= 1;
            self.adopt_either(left, Vec::new());
        }
        Flow::Goes
    }

    fn times(&self) -> usize {
        match self.loops < TWICE_LOOPS_MAX {
            true => 2,
            false => 1,
        }
    }

    fn run_each(&mut self, each: &Each) -> Flow {
        let over = self.eval(&each.over);
        let known = self.known_elements(&over);
        self.loops += 1;
        match known {
            Some(elements) => {
                for element in elements {
                    self.assign_here(&each.target, element);
                    self.run(&each.body);
                }
            }
            None => {
                let element = element_of(&over);
                for _ in 0..self.times() {
                    let element = element.clone();
                    let (_, left) = self.branch(|machine| {
                        machine.assign_here(&each.target, element);
                        machine.run(&each.body)
                    });
                    self.adopt_either(left, Vec::new());
                }
            }
        }
        self.loops -= 1;
        Flow::Goes
    }

    /// A list made from elements.
    pub(super) fn collect(&mut self, each: &Each) -> Value {
        let over = self.eval(&each.over);
        match self.known_elements(&over) {
            Some(elements) => {
                let mut made = Vec::new();
                for element in elements {
                    self.assign_here(&each.target, element);
                    made.push(self.eval(&each.body));
                }
                let list = Value::list(made);
                match over.hidden {
                    true => list.uncovered(),
                    false => list,
                }
            }
            None => {
                self.assign_here(&each.target, element_of(&over));
                let made = self.eval(&each.body);
                match made.shape {
                    // Elements that are all of the platform's are such a list.
                    Shape::Entity(_) => made,
                    _ => Value::tainted(made.taint),
                }
            }
        }
    }

    /// The elements of a list that is known, where going through them is still within bounds.
    pub(crate) fn known_elements(&mut self, over: &Value) -> Option<Vec<Value>> {
        let elements: Vec<Value> = match &over.shape {
            Shape::List(values) => values.to_vec(),
            Shape::Text(text) if text.len() <= 1 << 16 => text
                .iter()
                .map(|byte| Value::text(std::slice::from_ref(byte)))
                .collect(),
            _ => return None,
        };
        let rounds = u32::try_from(elements.len()).ok()?;
        self.rounds = self.rounds.checked_sub(rounds)?;
        Some(elements)
    }

    fn run_class(&mut self, class: &Class) {
        for (name, member) in &class.members {
            let value = self.eval(member);
            for object in ["self", &class.name] {
                self.set_script(format!("{object}.{name}").into(), value.clone());
            }
        }
        let entity = Value::entity(&format!("class:{}", class.name));
        self.set_here(class.name.clone(), entity);
    }

    /// Gives a variable a value.
    pub(super) fn run_assign(&mut self, assign: &Assign) -> Value {
        let value = self.eval(&assign.value);
        self.assign(&assign.target, value.clone(), assign.scope);
        value
    }

    /// Gives variables of the running function their values.
    pub(super) fn assign_here(&mut self, target: &Node, value: Value) {
        self.assign(target, value, Scope::Here);
    }

    fn assign(&mut self, target: &Node, value: Value, scope: Scope) {
        match target {
            Node::Name(name) => match scope {
                Scope::Here => self.set_here(name.clone(), value),
                Scope::Found => self.set_found(name.clone(), value),
            },
            Node::List(targets) => self.assign_parts(targets, &value, scope),
            Node::Map(targets) => {
                for (key, target) in targets {
                    let key = self.eval(key);
                    let part = self.index(&value, &key);
                    self.assign(target, part, scope);
                }
            }
            Node::Assign(inner) => {
                // A target with its default.
                let value = match value.is_unknown() {
                    true => self.eval(&inner.value),
                    false => value,
                };
                self.assign(&inner.target, value, scope);
            }
            Node::Member(object, name) => self.assign_member(object, name, value),
            Node::Index(object, key) => {
                let key = self.eval(key);
                match key.str().map(str::to_owned) {
                    Some(key) => self.assign_member(object, &key, value),
                    None => self.taint_owner(object, value.taint),
                }
            }
            _ => {}
        }
    }

    fn assign_parts(&mut self, targets: &[Node], value: &Value, scope: Scope) {
        let elements = value.elements().map(<[Value]>::to_vec);
        for (index, target) in targets.iter().enumerate() {
            // Perl's lists and hashes take all that is left.
            let greedy = matches!(target, Node::Name(name) if name.starts_with(['@', '%']));
            let part = match &elements {
                Some(elements) if greedy => {
                    Value::list(elements.get(index..).unwrap_or_default().to_vec())
                }
                Some(elements) => elements.get(index).cloned().unwrap_or_default(),
                None => element_of(value),
            };
            self.assign(target, part, scope);
        }
    }

    fn assign_member(&mut self, object: &Node, name: &str, value: Value) {
        let owner = self.eval(object);
        if let Some(entity) = owner.as_entity() {
            if entity == "self" {
                let path: super::node::Name = format!("self.{name}").into();
                // Another method may have set it otherwise.
                let joined = match self.lookup(&path) {
                    Some(before) => value.or(before.clone()),
                    None => value,
                };
                self.set_script(path, joined);
            }
            return;
        }
        let Node::Name(variable) = object else {
            return self.taint_owner(object, value.taint);
        };
        let mut entries = match owner.shape {
            Shape::Map(entries) => entries,
            Shape::Unknown => Vec::new().into(),
            _ => return,
        };
        let all = std::rc::Rc::make_mut(&mut entries);
        let known = all.iter().position(|(key, _)| **key == *name.as_bytes());
        let room = all.len() < ENTRIES_MAX;
        match known.and_then(|at| all.get_mut(at)) {
            Some(entry) => entry.1 = value,
            None if room => all.push((name.as_bytes().into(), value)),
            None => {}
        }
        let owner = Value {
            shape: Shape::Map(entries),
            taint: owner.taint,
            hidden: owner.hidden,
        };
        self.set_found(variable.clone(), owner);
    }

    /// A call that puts something into a variable.
    pub(super) fn mutate(&mut self, owner: &Node, name: &str, args: &[Argument]) {
        let taint = args
            .iter()
            .fold(Taint::NONE, |taint, arg| taint.and(arg.value.taint));
        if let (Node::Name(variable), "push" | "append", [added]) = (owner, name, args)
            && let Some(Shape::List(values)) =
                self.lookup(variable).map(|value| value.shape.clone())
            && self.budget.take(values.len()).is_some()
        {
            let mut values = values.to_vec();
            values.push(added.value.clone());
            self.set_found(variable.clone(), Value::list(values));
            return;
        }
        self.taint_owner(owner, taint);
    }

    /// Something in a variable came from outside; which element is not known.
    pub(crate) fn taint_owner(&mut self, object: &Node, taint: Taint) {
        if !taint.any() {
            return;
        }
        let mut owner = object;
        while let Node::Member(inner, _) | Node::Index(inner, _) = owner {
            owner = inner;
        }
        let Node::Name(name) = owner else { return };
        let mut value = self.lookup(name).cloned().unwrap_or_default();
        if value.as_entity().is_none() {
            value.taint = value.taint.and(taint);
            self.set_found(name.clone(), value);
        }
    }
}

fn is_definition(assign: &Assign) -> bool {
    matches!(
        (&assign.target, &assign.value),
        (Node::Name(_), Node::Function(_))
    )
}

/// What an element of a list is, of which only the list is known.
pub(super) fn element_of(over: &Value) -> Value {
    match &over.shape {
        // Going through a request's body or a connection's messages gives what was sent.
        Shape::Entity(entity) if matches!(&**entity, "request" | "websocket") => Value::request(),
        Shape::Entity(_) => over.clone(),
        _ => Value {
            taint: over.taint,
            hidden: over.hidden,
            ..Value::default()
        },
    }
}
