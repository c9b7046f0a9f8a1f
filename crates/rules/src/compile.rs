//! From the tree of a condition to the shared [`Program`].

use crate::ast::{Expr, Item, Operand, Operator, Position, Test, Transformer};
use crate::fields::{self, Argument, Availability, Field, FieldType, LookupError};
use crate::hash::FixedMap;
use crate::limits::RESOLVED_DEPTH_MAX;
use crate::matcher::{Matcher, MatcherError};
use crate::program::{
    Entries, Node, NodeId, OperandId, OperandProgram, Program, TestId, TestProgram,
};
use crate::subject::{EventKind, Value};
use std::cmp::Ordering;
use std::collections::HashMap;

/// Why a rule can't be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// The field, or what stands in its brackets.
    #[error("{error}")]
    Field {
        /// Where it stands.
        at: Position,
        /// What is wrong.
        #[source]
        error: LookupError,
    },
    /// The right side of a test.
    #[error("{error}")]
    Right {
        /// Where the test stands.
        at: Position,
        /// What is wrong.
        #[source]
        error: MatcherError,
    },
    /// A macro or list that was not put in: the tree was not resolved.
    #[error("{name:?} is not resolved")]
    Unresolved {
        /// Where it stands.
        at: Position,
        /// Its name.
        name: String,
    },
    /// A pattern taken from the event.
    #[error("this operator needs constants on its right side")]
    PatternFromField {
        /// Where the test stands.
        at: Position,
    },
    /// The tree is too deep to be walked safely.
    #[error("the condition is nested more than {RESOLVED_DEPTH_MAX} deep")]
    Depth,
}

impl CompileError {
    /// Where it is.
    pub fn position(&self) -> Option<Position> {
        match self {
            CompileError::Field { at, .. }
            | CompileError::Right { at, .. }
            | CompileError::Unresolved { at, .. }
            | CompileError::PatternFromField { at } => Some(*at),
            CompileError::Depth => None,
        }
    }
}

/// Makes a [`Program`] out of conditions.
#[derive(Debug, Default)]
pub(crate) struct Compiler {
    pub(crate) program: Program,
    nodes: FixedMap<Node, NodeId>,
    estimates: Vec<Estimate>,
    tests: HashMap<TestKey, TestId>,
    operands: FixedMap<OperandProgram, OperandId>,
    /// The node of each test since the trace was last taken, in the order of the tree.
    pub(crate) trace: Vec<NodeId>,
    /// Per kind of event: what is left of a node for it.
    specialised: HashMap<(EventKind, NodeId), NodeId>,
}

/// What makes two tests the same.
#[derive(Debug, PartialEq, Eq, Hash)]
struct TestKey {
    operand: OperandId,
    operator: Operator,
    constants: Vec<String>,
    fields: Vec<OperandId>,
}

/// What evaluating a node probably takes and gives.
#[derive(Debug, Clone, Copy)]
struct Estimate {
    /// Work, in units of one cheap comparison.
    work: f32,
    /// Chance that it holds.
    chance: f32,
}

impl Compiler {
    /// Compiles a condition. Adds everything that is wrong to `errors`; the node then means nothing.
    pub(crate) fn condition(&mut self, expr: &Expr, errors: &mut Vec<CompileError>) -> NodeId {
        self.expr(expr, 0, errors)
    }

    fn expr(&mut self, expr: &Expr, depth: usize, errors: &mut Vec<CompileError>) -> NodeId {
        if depth > RESOLVED_DEPTH_MAX {
            errors.push(CompileError::Depth);
            return self.node(Node::Constant(false));
        }
        let mut all = |this: &mut Self, children: &[Expr]| -> Vec<NodeId> {
            children
                .iter()
                .map(|child| this.expr(child, depth + 1, errors))
                .collect()
        };
        match expr {
            Expr::And(children) => {
                let children = all(self, children);
                self.and(children)
            }
            Expr::Or(children) => {
                let children = all(self, children);
                self.or(children)
            }
            Expr::Not(inner) => {
                let inner = self.expr(inner, depth + 1, errors);
                self.not(inner)
            }
            Expr::Constant(holds) => self.node(Node::Constant(*holds)),
            Expr::Test(test) => {
                let node = self.test(test).unwrap_or_else(|error| {
                    errors.push(error);
                    self.node(Node::Constant(false))
                });
                self.trace.push(node);
                node
            }
            Expr::Macro(at, name) => {
                errors.push(CompileError::Unresolved {
                    at: *at,
                    name: name.clone(),
                });
                self.node(Node::Constant(false))
            }
        }
    }

    /// Compiles an operand.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the field.
    pub(crate) fn operand(&mut self, operand: &Operand) -> Result<OperandId, CompileError> {
        self.typed_operand(operand).map(|(id, _)| id)
    }

    fn typed_operand(&mut self, operand: &Operand) -> Result<(OperandId, FieldType), CompileError> {
        let (row, argument) =
            fields::lookup(&operand.field, operand.argument.as_deref()).map_err(|error| {
                CompileError::Field {
                    at: operand.at,
                    error,
                }
            })?;
        let mut value = row.value;
        let mut id = self.intern(OperandProgram::Field(row.field, argument));
        for transformer in operand.transformers.iter().rev() {
            if matches!(transformer, Transformer::Value | Transformer::Storage) {
                continue;
            }
            value = match transformer {
                Transformer::Length => FieldType::Number,
                Transformer::Join => FieldType::Text,
                _ => value,
            };
            id = self.intern(OperandProgram::Transformed(*transformer, id));
        }
        Ok((id, value))
    }

    fn intern(&mut self, operand: OperandProgram) -> OperandId {
        let next = OperandId(count(self.program.operands.len()));
        let program = &mut self.program;
        *self.operands.entry(operand).or_insert_with_key(|operand| {
            program.operands.push(operand.clone());
            next
        })
    }

    fn test(&mut self, test: &Test) -> Result<NodeId, CompileError> {
        let (operand, value) = self.typed_operand(&test.left)?;
        let (mut constants, mut fields) = (Vec::new(), Vec::new());
        for item in &test.right {
            match item {
                Item::Literal(_, text) => constants.push(text.as_str()),
                Item::Field(operand) => fields.push(self.operand(operand)?),
                Item::Name(at, name) => {
                    return Err(CompileError::Unresolved {
                        at: *at,
                        name: name.clone(),
                    });
                }
            }
        }
        let right = |error| CompileError::Right { at: test.at, error };
        let matcher = if constants.is_empty() && !fields.is_empty() {
            None
        } else {
            Some(Matcher::new(value, test.operator, &constants).map_err(right)?)
        };
        if !fields.is_empty() && !compares_fields(test.operator) {
            return Err(CompileError::PatternFromField { at: test.at });
        }
        if self.is_never_supplied(operand) {
            return Ok(self.node(Node::Constant(false)));
        }
        // Items of a set have no order and no number.
        constants.sort_unstable();
        constants.dedup();
        let key = TestKey {
            operand,
            operator: test.operator,
            constants: constants.into_iter().map(str::to_owned).collect(),
            fields,
        };
        let next = TestId(count(self.program.tests.len()));
        let fields = key.fields.clone();
        let id = *self.tests.entry(key).or_insert(next);
        if id == next {
            self.program.tests.push(TestProgram {
                operand,
                operator: test.operator,
                matcher,
                fields: fields.into(),
                entries: if value == FieldType::List && test.operator == Operator::In {
                    Entries::All
                } else {
                    Entries::Any
                },
                share: None,
            });
        }
        Ok(self.node(Node::Test(id)))
    }

    /// Whether an operand's field is one that no event has.
    fn is_never_supplied(&self, operand: OperandId) -> bool {
        let (field, _) = self.field_of(operand);
        matches!(field.row().availability, Availability::NotSupplied(_))
    }

    /// The field that an operand begins with, and whether it is taken as it is.
    fn field_of(&self, operand: OperandId) -> (Field, bool) {
        match self.program.operand(operand) {
            Some(OperandProgram::Transformed(_, inner)) => (self.field_of(*inner).0, false),
            Some(OperandProgram::Field(field, argument)) => (*field, *argument == Argument::None),
            None => (Field::EvtType, false),
        }
    }

    fn node(&mut self, node: Node) -> NodeId {
        if let Some(id) = self.nodes.get(&node) {
            return *id;
        }
        let id = NodeId(count(self.program.nodes.len()));
        let estimate = self.estimate(&node);
        self.estimates.push(estimate);
        self.program.nodes.push(node.clone());
        self.nodes.insert(node, id);
        id
    }

    pub(crate) fn not(&mut self, inner: NodeId) -> NodeId {
        match self.program.node(inner) {
            Node::Constant(holds) => {
                let holds = !*holds;
                self.node(Node::Constant(holds))
            }
            Node::Not(twice) => *twice,
            _ => self.node(Node::Not(inner)),
        }
    }

    pub(crate) fn and(&mut self, children: Vec<NodeId>) -> NodeId {
        self.join(children, true)
    }

    pub(crate) fn or(&mut self, children: Vec<NodeId>) -> NodeId {
        self.join(children, false)
    }

    /// Joins nodes: by `and` if `neutral`, by `or` if not.
    fn join(&mut self, children: Vec<NodeId>, neutral: bool) -> NodeId {
        let mut flat = Vec::with_capacity(children.len());
        for child in children {
            match self.program.node(child) {
                Node::Constant(holds) if *holds == neutral => {}
                Node::Constant(_) => return self.node(Node::Constant(!neutral)),
                Node::And(inner) if neutral => flat.extend_from_slice(inner),
                Node::Or(inner) if !neutral => flat.extend_from_slice(inner),
                _ => flat.push(child),
            }
        }
        flat.sort_unstable();
        flat.dedup();
        // The best first: the least work for the greatest chance to decide the whole.
        flat.sort_by(|left, right| {
            let rank = |id: &NodeId| {
                let estimate = self.estimate_of(*id);
                let decides = if neutral {
                    1.0 - estimate.chance
                } else {
                    estimate.chance
                };
                estimate.work / decides.max(0.001)
            };
            rank(left)
                .partial_cmp(&rank(right))
                .unwrap_or(Ordering::Equal)
        });
        match flat.as_slice() {
            [] => self.node(Node::Constant(neutral)),
            [only] => *only,
            _ if neutral => self.node(Node::And(flat.into())),
            _ => self.node(Node::Or(flat.into())),
        }
    }

    /// Whether a node holds of nothing.
    pub(crate) fn is_never(&self, id: NodeId) -> bool {
        matches!(self.program.node(id), Node::Constant(false))
    }

    fn estimate_of(&self, id: NodeId) -> Estimate {
        self.estimates
            .get(id.0 as usize)
            .copied()
            .unwrap_or(Estimate {
                work: 1.0,
                chance: 0.5,
            })
    }

    fn estimate(&self, node: &Node) -> Estimate {
        match node {
            Node::Constant(holds) => Estimate {
                work: 0.1,
                chance: if *holds { 1.0 } else { 0.0 },
            },
            Node::Test(id) => self.estimate_test(*id),
            Node::Not(inner) => {
                let inner = self.estimate_of(*inner);
                Estimate {
                    work: inner.work,
                    chance: 1.0 - inner.chance,
                }
            }
            Node::And(children) => self.estimate_joined(children, true),
            Node::Or(children) => self.estimate_joined(children, false),
        }
    }

    /// The work until the first that decides, and the chance of all (`and`) or any.
    fn estimate_joined(&self, children: &[NodeId], and: bool) -> Estimate {
        let (mut work, mut reached) = (0.0, 1.0);
        for child in children {
            let child = self.estimate_of(*child);
            work += reached * child.work;
            reached *= if and {
                child.chance
            } else {
                1.0 - child.chance
            };
        }
        Estimate {
            work,
            chance: if and { reached } else { 1.0 - reached },
        }
    }

    fn estimate_test(&self, id: TestId) -> Estimate {
        let Some(test) = self.program.test(id) else {
            return Estimate {
                work: 1.0,
                chance: 0.5,
            };
        };
        let (field, plain) = self.field_of(test.operand);
        let (work, chance) = match test.operator {
            Operator::Equal => (1.0, 0.05),
            Operator::In | Operator::Intersects => (1.5, 0.1),
            Operator::NotEqual => (1.0, 0.95),
            Operator::StartsWith | Operator::BStartsWith | Operator::EndsWith => (1.0, 0.1),
            Operator::PathMatch => (4.0, 0.1),
            Operator::Contains | Operator::BContains | Operator::IContains => (3.0, 0.05),
            Operator::Glob | Operator::IGlob | Operator::Regex => (15.0, 0.05),
            Operator::Exists => (1.0, 0.8),
            Operator::Less
            | Operator::LessOrEqual
            | Operator::Greater
            | Operator::GreaterOrEqual => (1.0, 0.4),
        };
        let chance = if field.row().value == FieldType::Boolean {
            0.5
        } else {
            chance
        };
        Estimate {
            work: work + work_of(field) + if plain { 0.0 } else { 2.0 },
            chance,
        }
    }

    /// What is left of a condition for one kind of event: tests that the kind alone decides are gone.
    pub(crate) fn specialise(&mut self, kind: EventKind, id: NodeId) -> NodeId {
        if let Some(known) = self.specialised.get(&(kind, id)) {
            return *known;
        }
        let special = match self.program.node(id).clone() {
            Node::Constant(_) => id,
            Node::Test(test) => match self.decided_by_kind(kind, test) {
                Some(holds) => self.node(Node::Constant(holds)),
                None => id,
            },
            Node::Not(inner) => {
                let inner = self.specialise(kind, inner);
                self.not(inner)
            }
            Node::And(children) => {
                let children = self.specialise_all(kind, &children);
                self.and(children)
            }
            Node::Or(children) => {
                let children = self.specialise_all(kind, &children);
                self.or(children)
            }
        };
        self.specialised.insert((kind, id), special);
        special
    }

    fn specialise_all(&mut self, kind: EventKind, children: &[NodeId]) -> Vec<NodeId> {
        children
            .iter()
            .map(|child| self.specialise(kind, *child))
            .collect()
    }

    /// Whether a test holds of every event, or of no event, of a kind.
    fn decided_by_kind(&self, kind: EventKind, id: TestId) -> Option<bool> {
        let test = self.program.test(id)?;
        let (field, plain) = self.field_of(test.operand);
        let matcher = test.matcher.as_ref().filter(|_| test.fields.is_empty())?;
        if !plain {
            return None;
        }
        let holds = |text: &str| {
            matcher.matches(&Value::text(text)) != (test.operator == Operator::NotEqual)
        };
        match field {
            Field::EvtDir => Some(holds("<")),
            Field::EvtSource => Some(holds(kind.source().as_str())),
            Field::EvtType => {
                let holds_of_name = holds(kind.as_str());
                let Some(other) = kind.other_name() else {
                    return Some(holds_of_name);
                };
                match (kind, holds_of_name, holds(other)) {
                    // Both names are this kind's: whichever a rule uses.
                    (EventKind::ContainerStarted, one, two) => {
                        Some(if test.operator == Operator::NotEqual {
                            one && two
                        } else {
                            one || two
                        })
                    }
                    (_, one, two) => (one == two).then_some(one),
                }
            }
            _ => None,
        }
    }
}

/// Work of getting a field's value, beyond that of one that is at hand.
fn work_of(field: Field) -> f32 {
    match field {
        Field::EvtType | Field::EvtDir => 0.0,
        Field::ProcAname
        | Field::ProcAexe
        | Field::ProcAexepath
        | Field::ProcApid
        | Field::ProcImageLineage => 6.0,
        Field::ProcCmdline
        | Field::ProcPcmdline
        | Field::ProcArgs
        | Field::ProcExeline
        | Field::ProcEnv
        | Field::ProcEnvNames
        | Field::EvtArgs
        | Field::EvtInfo => 10.0,
        Field::ProcAcmdline | Field::ProcAenv => 30.0,
        Field::EvtArg | Field::EvtRawArg | Field::JevtValue | Field::JsonValue => 3.0,
        Field::JevtObj | Field::JsonObj => 100.0,
        _ => 0.5,
    }
}

/// Whether an operator can compare two fields.
fn compares_fields(operator: Operator) -> bool {
    !matches!(
        operator,
        Operator::Glob
            | Operator::IGlob
            | Operator::Regex
            | Operator::BContains
            | Operator::BStartsWith
            | Operator::Exists
    )
}

/// A number of things that can't reach 2³²: rule files are bounded.
fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
