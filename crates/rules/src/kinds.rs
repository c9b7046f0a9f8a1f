//! Sets of event kinds, and which kinds a condition can match.

use crate::ast::{Expr, Operator};
use crate::fields::{self, Field};
use crate::matcher::Matcher;
use crate::subject::{EventKind, Value};

/// Words of a set.
const WORDS: usize = EventKind::INDEX_MAX / 64;

/// A set of event kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct KindSet([u64; WORDS]);

impl KindSet {
    /// No kind.
    pub const NONE: KindSet = KindSet([0; WORDS]);

    /// Every kind.
    pub fn all() -> KindSet {
        EventKind::all().collect()
    }

    /// Adds a kind.
    pub fn insert(&mut self, kind: EventKind) {
        if let Some(word) = self.0.get_mut(kind.index() / 64) {
            *word |= 1 << (kind.index() % 64);
        }
    }

    /// Whether a kind is in it.
    pub fn contains(self, kind: EventKind) -> bool {
        self.0
            .get(kind.index() / 64)
            .is_some_and(|word| word & 1 << (kind.index() % 64) != 0)
    }

    /// Whether no kind is in it.
    pub fn is_empty(self) -> bool {
        self == KindSet::NONE
    }

    /// Its kinds.
    pub fn iter(self) -> impl Iterator<Item = EventKind> {
        EventKind::all().filter(move |kind| self.contains(*kind))
    }

    /// The kinds of both.
    #[must_use]
    pub fn and(mut self, other: KindSet) -> KindSet {
        for (word, other) in self.0.iter_mut().zip(other.0) {
            *word &= other;
        }
        self
    }

    /// The kinds of either.
    #[must_use]
    pub fn or(mut self, other: KindSet) -> KindSet {
        for (word, other) in self.0.iter_mut().zip(other.0) {
            *word |= other;
        }
        self
    }
}

impl FromIterator<EventKind> for KindSet {
    fn from_iter<I: IntoIterator<Item = EventKind>>(kinds: I) -> KindSet {
        let mut set = KindSet::NONE;
        for kind in kinds {
            set.insert(kind);
        }
        set
    }
}

/// The kinds of event that a condition can match: every kind that it does match is among them. Only tests of `evt.type`
/// narrow it. Conditions must be resolved; what can't be compiled matches nothing.
pub fn kinds_of(condition: &Expr) -> KindSet {
    bounds(condition).holds
}

/// Kinds for which a condition can hold, and for which it can fail.
struct Bounds {
    holds: KindSet,
    fails: KindSet,
}

fn bounds(condition: &Expr) -> Bounds {
    match condition {
        Expr::And(children) => children.iter().map(bounds).fold(
            Bounds {
                holds: KindSet::all(),
                fails: KindSet::NONE,
            },
            |all, next| Bounds {
                holds: all.holds.and(next.holds),
                fails: all.fails.or(next.fails),
            },
        ),
        Expr::Or(children) => children.iter().map(bounds).fold(
            Bounds {
                holds: KindSet::NONE,
                fails: KindSet::all(),
            },
            |any, next| Bounds {
                holds: any.holds.or(next.holds),
                fails: any.fails.and(next.fails),
            },
        ),
        Expr::Not(inner) => {
            let Bounds { holds, fails } = bounds(inner);
            Bounds {
                holds: fails,
                fails: holds,
            }
        }
        Expr::Constant(true) => Bounds {
            holds: KindSet::all(),
            fails: KindSet::NONE,
        },
        Expr::Constant(false) => Bounds {
            holds: KindSet::NONE,
            fails: KindSet::all(),
        },
        Expr::Macro(..) => Bounds {
            holds: KindSet::all(),
            fails: KindSet::all(),
        },
        Expr::Test(test) => {
            let constants: Option<Vec<&str>> = test
                .right
                .iter()
                .map(|item| match item {
                    crate::ast::Item::Literal(_, text) => Some(text.as_str()),
                    _ => None,
                })
                .collect();
            let row = fields::find(&test.left.field)
                .filter(|row| row.field == Field::EvtType && test.left.transformers.is_empty());
            let matcher = row.zip(constants).and_then(|(row, constants)| {
                Matcher::new(row.value, test.operator, &constants).ok()
            });
            match matcher {
                Some(matcher) => by_type(&matcher, test.operator),
                None => Bounds {
                    holds: KindSet::all(),
                    fails: KindSet::all(),
                },
            }
        }
    }
}

fn by_type(matcher: &Matcher, operator: Operator) -> Bounds {
    let holds =
        |name: &str| matcher.matches(&Value::text(name)) != (operator == Operator::NotEqual);
    let names = |kind: EventKind| std::iter::once(kind.as_str()).chain(kind.other_name());
    Bounds {
        holds: EventKind::all()
            .filter(|kind| names(*kind).any(holds))
            .collect(),
        fails: EventKind::all()
            .filter(|kind| names(*kind).any(|name| !holds(name)))
            .collect(),
    }
}
