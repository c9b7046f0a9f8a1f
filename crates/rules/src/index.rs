//! Rules by the kind of event, and inside a kind by the tests that few events pass.

use crate::compile::Compiler;
use crate::program::NodeId;
use crate::subject::EventKind;

/// A rule as it applies to one kind of event.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The rule's place in the set.
    pub(crate) rule: usize,
    /// What must hold; for a rule with a sequence: of at least one step.
    pub(crate) condition: NodeId,
    /// What excuses the event, by the order of the rule's exceptions.
    pub(crate) exceptions: Box<[NodeId]>,
    /// Steps of the rule's sequence that this kind of event can be, with their conditions.
    pub(crate) steps: Box<[(usize, NodeId)]>,
}

/// The rules for one kind of event.
#[derive(Debug, Default)]
pub(crate) struct KindIndex {
    pub(crate) entries: Vec<Entry>,
}

/// A rule's conditions before it is known what kind of event they meet.
#[derive(Debug)]
pub(crate) struct Conditions {
    pub(crate) condition: NodeId,
    pub(crate) exceptions: Vec<NodeId>,
    pub(crate) steps: Vec<NodeId>,
}

impl KindIndex {
    /// Adds a rule, unless no event of the kind can match it.
    pub(crate) fn add(
        &mut self,
        compiler: &mut Compiler,
        kind: EventKind,
        rule: usize,
        conditions: &Conditions,
    ) {
        let mut steps = Vec::with_capacity(conditions.steps.len());
        for (place, step) in conditions.steps.iter().enumerate() {
            let step = compiler.specialise(kind, *step);
            if !compiler.is_never(step) {
                steps.push((place, step));
            }
        }
        let mut condition = compiler.specialise(kind, conditions.condition);
        if !conditions.steps.is_empty() {
            let any = compiler.or(steps.iter().map(|(_, step)| *step).collect());
            condition = compiler.and(vec![condition, any]);
        }
        if compiler.is_never(condition) {
            return;
        }
        let exceptions = conditions
            .exceptions
            .iter()
            .map(|exception| compiler.specialise(kind, *exception))
            .collect();
        self.entries.push(Entry {
            rule,
            condition,
            exceptions,
            steps: steps.into(),
        });
    }
}
