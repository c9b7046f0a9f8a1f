//! What holds of every rule and event: compiled is naive, and what the pre-filter drops no rule matches.

use crate::common::{outcome, outcomes};
use proptest::prelude::*;
use std::collections::HashMap;
use yagura_event::MonotonicNs;
use yagura_rules::ast::{Expr, Item, Operand, Operator, Position, Test};
use yagura_rules::fields::{Argument, Field, Source};
use yagura_rules::rule::{Priority, Rule, RuleSeverity};
use yagura_rules::{
    EventKind, Outcome, PathOpen, RuleSet, RuleState, Subject, Truth, Value, kinds_of,
};

/// Values that fields and constants are drawn from: few, so that they meet.
const TEXTS: [&str; 7] = ["", "a", "/etc", "/etc/passwd", "/etc/ssh/key", "sh", "bash"];
const TEXT_FIELDS: [&str; 4] = ["fd.name", "proc.name", "proc.aname", "container.name"];
const KINDS: [&str; 5] = ["open", "openat", "creat", "execve", "connect"];
const FLAGS: [u32; 5] = [0, 1, 2, 0o101, 0o102];

fn rule(condition: Expr) -> Rule {
    Rule {
        name: "R".to_owned(),
        position: Position::default(),
        description: String::new(),
        source: Source::Syscall,
        condition: Some(condition),
        output: String::new(),
        priority: Priority::Notice,
        tags: Vec::new(),
        enabled: true,
        key: None,
        severity: RuleSeverity::Reminder,
        techniques: Vec::new(),
        reason: String::new(),
        remedy: String::new(),
        title_en: None,
        title_ja: None,
        fold_by: Vec::new(),
        sequence: None,
        threshold: None,
        first_seen: None,
        exceptions: Vec::new(),
        tests: Vec::new(),
        warn_event_types: true,
    }
}

fn test(field: &str, operator: Operator, items: Vec<&str>) -> Expr {
    let at = Position::default();
    let right = items
        .into_iter()
        .map(|item| Item::Literal(at, item.to_owned()))
        .collect();
    Expr::Test(Test {
        at,
        left: Operand {
            at,
            transformers: Vec::new(),
            field: field.to_owned(),
            argument: None,
        },
        operator,
        right,
    })
}

fn text_test() -> impl Strategy<Value = Expr> {
    let field = prop::sample::select(&TEXT_FIELDS[..]);
    let operator = prop::sample::select(vec![
        Operator::Equal,
        Operator::NotEqual,
        Operator::In,
        Operator::Intersects,
        Operator::StartsWith,
        Operator::EndsWith,
        Operator::Contains,
        Operator::IContains,
        Operator::Less,
        Operator::PathMatch,
        Operator::Exists,
    ]);
    let items = prop::collection::vec(prop::sample::select(&TEXTS[..]), 1..4);
    (field, operator, items).prop_map(|(field, operator, mut items)| {
        match operator {
            Operator::In | Operator::Intersects | Operator::PathMatch => {}
            Operator::Exists => items.clear(),
            _ => items.truncate(1),
        }
        test(field, operator, items)
    })
}

fn any_test() -> impl Strategy<Value = Expr> {
    prop_oneof![
        4 => text_test(),
        1 => prop::sample::subsequence(&KINDS[..], 1..3)
            .prop_map(|kinds| test("evt.type", Operator::In, kinds)),
        1 => prop::sample::select(&KINDS[..])
            .prop_map(|kind| test("evt.type", Operator::NotEqual, vec![kind])),
        1 => prop::sample::select(vec!["true", "false"])
            .prop_map(|yes| test("evt.is_open_write", Operator::Equal, vec![yes])),
        1 => any::<bool>().prop_map(Expr::Constant),
    ]
}

fn condition() -> impl Strategy<Value = Expr> {
    any_test().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Expr::And),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Expr::Or),
            inner.prop_map(|inner| Expr::Not(Box::new(inner))),
        ]
    })
}

/// An event whose every field is known, absent, or unknown.
#[derive(Debug, Clone)]
struct Event {
    kind: EventKind,
    flags: u32,
    texts: HashMap<&'static str, Option<Vec<&'static str>>>,
}

fn event(unknowns: bool) -> impl Strategy<Value = Event> {
    let text = prop::sample::select(&TEXTS[..]);
    // Absent: an empty list; unknown: none.
    let known = prop::collection::vec(text, 0..3).prop_map(Some);
    let value = if unknowns {
        prop_oneof![3 => known, 1 => Just(None)].boxed()
    } else {
        known.boxed()
    };
    let kind = prop::sample::select(&KINDS[..]);
    let flags = prop::sample::select(&FLAGS[..]);
    (kind, flags, prop::collection::vec(value, TEXT_FIELDS.len())).prop_map(
        |(kind, flags, values)| Event {
            kind: EventKind::from_name(kind).unwrap(),
            flags,
            texts: TEXT_FIELDS.into_iter().zip(values).collect(),
        },
    )
}

impl Event {
    fn path(&self) -> Option<&'static str> {
        self.texts.get("fd.name")?.as_ref()?.first().copied()
    }

    fn is_open(&self) -> bool {
        !matches!(self.kind.as_str(), "execve" | "connect")
    }
}

impl Subject for Event {
    fn kind(&self) -> EventKind {
        self.kind
    }

    fn time(&self) -> MonotonicNs {
        MonotonicNs(0)
    }

    fn value(&self, field: Field, _: &Argument) -> Value<'_> {
        match field {
            Field::EvtType => Value::text(self.kind.as_str()),
            Field::EvtIsOpenWrite if self.is_open() => Value::Boolean(self.flags & 3 != 0),
            Field::EvtIsOpenWrite => Value::Absent,
            _ => match self.texts.get(field.name()).unwrap() {
                None => Value::Unknown,
                Some(texts) if field == Field::ProcAname => {
                    Value::List(texts.iter().map(|text| Value::text(*text)).collect())
                }
                Some(texts) => texts.first().map_or(Value::Absent, Value::text),
            },
        }
    }
}

/// What a condition means, without anything clever.
fn naive(expr: &Expr, event: &Event) -> Truth {
    match expr {
        Expr::And(children) => children
            .iter()
            .map(|child| naive(child, event))
            .min()
            .unwrap(),
        Expr::Or(children) => children
            .iter()
            .map(|child| naive(child, event))
            .max()
            .unwrap(),
        Expr::Not(inner) => !naive(inner, event),
        Expr::Constant(holds) => (*holds).into(),
        Expr::Macro(..) => unreachable!(),
        Expr::Test(test) => naive_test(test, event),
    }
}

fn naive_test(test: &Test, event: &Event) -> Truth {
    let field = yagura_rules::fields::find(&test.left.field).unwrap().field;
    let items: Vec<&[u8]> = test
        .right
        .iter()
        .map(|item| match item {
            Item::Literal(_, text) => text.as_bytes(),
            _ => unreachable!(),
        })
        .collect();
    let single = |value: &Value<'_>| match value {
        Value::Boolean(yes) => yes.to_string().into_bytes(),
        Value::Text(text) => text.to_vec(),
        other => panic!("{other:?}"),
    };
    let values: Vec<Vec<u8>> = match event.value(field, &Argument::None) {
        Value::Absent => return Truth::False,
        Value::Unknown => return Truth::Unknown,
        Value::List(entries) => entries.iter().map(single).collect(),
        one => vec![single(&one)],
    };
    if values.is_empty() {
        return Truth::False;
    }
    let below = |path: &[u8], item: &[u8]| {
        let parts = |path: &[u8]| -> Vec<Vec<u8>> {
            let parts = path.split(|byte| *byte == b'/');
            parts
                .filter(|part| !part.is_empty())
                .map(<[u8]>::to_vec)
                .collect()
        };
        parts(path).starts_with(&parts(item))
    };
    let contains = |text: &[u8], item: &[u8]| {
        item.is_empty() || text.windows(item.len()).any(|window| window == item)
    };
    let any = |compare: &dyn Fn(&[u8], &[u8]) -> bool| {
        values
            .iter()
            .any(|value| items.iter().any(|item| compare(value, item)))
    };
    let holds = match test.operator {
        Operator::Equal | Operator::In | Operator::Intersects => any(&|value, item| value == item),
        Operator::NotEqual => !any(&|value, item| value == item),
        Operator::StartsWith => any(&|value, item| value.starts_with(item)),
        Operator::EndsWith => any(&|value, item| value.ends_with(item)),
        Operator::Contains | Operator::IContains => any(&contains),
        Operator::Less => any(&|value, item| value < item),
        Operator::PathMatch => any(&below),
        Operator::Exists => true,
        _ => unreachable!(),
    };
    holds.into()
}

fn expected(truth: Truth) -> Option<Outcome> {
    match truth {
        Truth::True => Some(Outcome::Matches),
        Truth::Unknown => Some(Outcome::Unknown),
        Truth::False => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn compiled_conditions_mean_what_the_tree_says(
        condition in condition(),
        events in prop::collection::vec(event(true), 1..5),
    ) {
        let set = RuleSet::compile(vec![rule(condition.clone())]).unwrap();
        let mut state = RuleState::new(&set);
        for event in &events {
            let mut found = None;
            set.evaluate(event, &mut state, &mut |matched| found = Some(matched.outcome));
            prop_assert_eq!(found, expected(naive(&condition, event)));
        }
    }

    #[test]
    fn many_rules_say_what_each_says(
        conditions in prop::collection::vec(condition(), 1..12),
        events in prop::collection::vec(event(true), 1..5),
    ) {
        let rules = conditions.iter().cloned().map(rule).collect();
        let set = RuleSet::compile(rules).unwrap();
        let mut state = RuleState::new(&set);
        for event in &events {
            let mut found = vec![None; conditions.len()];
            set.evaluate(event, &mut state, &mut |matched| {
                found[matched.id.0 as usize] = Some(matched.outcome);
            });
            for (condition, found) in conditions.iter().zip(found) {
                prop_assert_eq!(found, expected(naive(condition, event)));
            }
        }
    }

    #[test]
    fn kinds_hold_every_kind_that_matches(condition in condition(), event in event(false)) {
        if naive(&condition, &event) == Truth::True {
            prop_assert!(kinds_of(&condition).contains(event.kind));
            let set = RuleSet::compile(vec![rule(condition)]).unwrap();
            prop_assert!(set.kinds().contains(event.kind));
        }
    }

    #[test]
    fn the_prefilter_drops_nothing_that_matches(condition in condition(), event in event(false)) {
        let EventKind::Call(call) = event.kind else { return Ok(()) };
        let Some(path) = event.path().filter(|_| event.is_open()) else { return Ok(()) };
        let set = RuleSet::compile(vec![rule(condition)]).unwrap();
        let mut found = false;
        set.evaluate(&event, &mut RuleState::new(&set), &mut |_| found = true);
        let open = PathOpen { call, path: path.as_bytes(), flags: event.flags };
        prop_assert!(!found || set.prefilter().could_match(&open));
    }
}

#[test]
fn the_prefilter_drops_what_no_rule_asks_for() {
    let set = crate::common::compile(&crate::common::rule_yaml(
        "evt.type in (open, openat) and evt.is_open_write = true and fd.name startswith /etc and proc.name = vi",
    ));
    let mut prefilter = set.prefilter();
    let mut could = |call, path: &str, flags| {
        prefilter.could_match(&PathOpen {
            call,
            path: path.as_bytes(),
            flags,
        })
    };
    use yagura_event::Call;
    assert!(could(Call::Openat, "/etc/passwd", 1));
    assert!(!could(Call::Openat, "/etc/passwd", 0));
    assert!(!could(Call::Openat, "/usr/lib/x.so", 1));
    assert!(!could(Call::Openat2, "/etc/passwd", 1));
    assert_eq!(set.kinds().iter().count(), 2);
    // The helpers of the other tests, on the same rule.
    let subject = crate::common::event(
        "openat",
        &[
            ("fd.name", "/etc/x"),
            ("evt.is_open_write", "true"),
            ("proc.name", "vi"),
        ],
    );
    assert_eq!(outcome(&set, &subject), Some(Outcome::Matches));
    assert_eq!(outcomes(&set, &mut RuleState::new(&set), &subject).len(), 1);
}
