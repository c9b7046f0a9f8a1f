//! Why a rule matched: its condition as a tree, with the values at the time.

use crate::ast::{Expr, Item, Operator, Test};
use crate::evaluate::{RuleId, RuleSet};
use crate::format::name_of;
use crate::program::{Memo, Node, NodeId, Run};
use crate::state::shown;
use crate::subject::{Subject, Value};
use crate::truth::Truth;

/// Tests and joints of one explanation. Stops a condition of thousands of tests from filling every alert.
const NODES_MAX: usize = 100;
/// Items of a list that are shown.
const ITEMS_MAX: usize = 5;
/// Characters of one item.
const ITEM_CHARS_MAX: usize = 80;

/// A part of a condition, with what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The test as in the rule, long lists cut; of joints `and`, `or`, `not`.
    pub text: String,
    /// Whether it held.
    pub holds: Truth,
    /// The value that was tested, escaped and cut. Only of tests.
    pub value: Option<String>,
    /// The parts that decided: of `or` those that held.
    pub children: Vec<Explanation>,
}

/// What walks a condition together with the nodes of its tests.
struct Walk<'w, 'r, 's, S: Subject + ?Sized> {
    run: &'w mut Run<'r, 's, S>,
    /// The node of each test, in the order of the tree.
    tests: std::slice::Iter<'w, NodeId>,
    left: usize,
}

impl RuleSet {
    /// Explains what a rule says of an event: the condition, pruned to what decided. For a rule with a sequence, the steps.
    /// `None` if the rule has neither, or there is no such rule.
    pub fn explain<S: Subject + ?Sized>(&self, id: RuleId, subject: &S) -> Option<Explanation> {
        let (rule, tests) = self.traced(id)?;
        let steps = rule.sequence.iter().flat_map(|sequence| &sequence.steps);
        let conditions = rule
            .condition
            .iter()
            .chain(steps.map(|step| &step.condition));
        let mut memo = Memo::default();
        let mut run = Run::new(self.program(), subject, &mut memo);
        let mut walk = Walk {
            run: &mut run,
            tests: tests.iter(),
            left: NODES_MAX,
        };
        let mut explained: Vec<Explanation> = conditions.map(|expr| walk.explain(expr)).collect();
        if rule.sequence.is_some() {
            // The event is one of the steps; the others were met by the events before it.
            explained.retain(|explanation| explanation.holds == Truth::True);
        }
        match explained.len() {
            0 | 1 => explained.pop(),
            _ => Some(Explanation {
                text: "and".to_owned(),
                holds: Truth::True,
                value: None,
                children: explained,
            }),
        }
    }
}

impl<S: Subject + ?Sized> Walk<'_, '_, '_, S> {
    fn explain(&mut self, expr: &Expr) -> Explanation {
        match expr {
            Expr::And(children) => {
                let children: Vec<_> = children.iter().map(|child| self.explain(child)).collect();
                self.joint("and", children, true)
            }
            Expr::Or(children) => {
                let children: Vec<_> = children.iter().map(|child| self.explain(child)).collect();
                self.joint("or", children, false)
            }
            Expr::Not(inner) => {
                let inner = self.explain(inner);
                let (text, value, children) = match inner.children.is_empty() {
                    true => (format!("not {}", inner.text), inner.value, Vec::new()),
                    false => ("not".to_owned(), None, vec![inner.clone()]),
                };
                Explanation {
                    text,
                    holds: !inner.holds,
                    value,
                    children,
                }
            }
            Expr::Constant(holds) => Explanation {
                text: if *holds { "always" } else { "never" }.to_owned(),
                holds: (*holds).into(),
                value: None,
                children: Vec::new(),
            },
            Expr::Macro(_, name) => Explanation {
                text: name.clone(),
                holds: Truth::Unknown,
                value: None,
                children: Vec::new(),
            },
            Expr::Test(test) => self.test(test),
        }
    }

    /// Keeps the parts that decided: those with the truth of the whole, and all of a whole that holds because all do.
    fn joint(&mut self, text: &str, children: Vec<Explanation>, and: bool) -> Explanation {
        let truths = children.iter().map(|child| child.holds);
        let holds = if and {
            truths.min().unwrap_or(Truth::True)
        } else {
            truths.max().unwrap_or(Truth::False)
        };
        let mut decisive: Vec<_> = children
            .into_iter()
            .filter(|child| child.holds == holds)
            .collect();
        // One that holds is enough for `or`, and one that doesn't for the failure of `and`.
        let enough = if and == (holds == Truth::True) {
            self.left.max(1)
        } else {
            3
        };
        decisive.truncate(enough);
        self.left = self.left.saturating_sub(decisive.len());
        Explanation {
            text: text.to_owned(),
            holds,
            value: None,
            children: decisive,
        }
    }

    fn test(&mut self, test: &Test) -> Explanation {
        let node = self.tests.next().copied();
        let holds = node.map_or(Truth::Unknown, |node| self.run.truth(node));
        let operand = node.and_then(|node| match self.run.program().node(node) {
            Node::Test(id) => self.run.program().test(*id).map(|test| test.operand),
            _ => None,
        });
        let value = operand.map_or(&Value::Absent, |operand| self.run.value(operand));
        Explanation {
            text: text_of(test),
            holds,
            value: Some(shown(value)),
            children: Vec::new(),
        }
    }
}

/// A test as in rules, with few of the items of long lists.
fn text_of(test: &Test) -> String {
    let mut text = format!("{} {}", name_of(&test.left), test.operator.as_str());
    if test.operator == Operator::Exists {
        return text;
    }
    let shown = test.right.iter().take(ITEMS_MAX).map(|item| match item {
        Item::Literal(_, literal) | Item::Name(_, literal) => {
            let mut short: String = literal.chars().take(ITEM_CHARS_MAX).collect();
            if short.len() < literal.len() {
                short.push('…');
            }
            yagura_event::escape(short.as_bytes()).into_owned()
        }
        Item::Field(operand) => format!("val({})", name_of(operand)),
    });
    let mut items: Vec<String> = shown.collect();
    if test.right.len() > ITEMS_MAX {
        items.push(format!("… {} more", test.right.len() - ITEMS_MAX));
    }
    text.push(' ');
    if test.operator.takes_list() {
        text.push('(');
        text.push_str(&items.join(", "));
        text.push(')');
    } else {
        text.push_str(&items.join(", "));
    }
    text
}
