//! Warns of what is probably not meant.

use crate::ast::{Expr, Item, Operand, Operator, Position, Test};
use crate::check::value_type;
use crate::collect::Collection;
use crate::diagnostic::{Code, Diagnostics};
use crate::fields::{self, ArgumentKind, Field, FieldType};
use crate::kinds::{KindSet, kinds_of};
use crate::matcher::parse_number;
use crate::resolve::Resolver;
use crate::rule::{Exception, Rule, RuleSource};
use crate::source::Source;
use std::collections::{BTreeSet, HashMap};
use yagura_yaml::quote;

/// Rows of exceptions that are compared with one another: that takes quadratic time.
const ROWS_COMPARED_MAX: usize = 100;
/// Values of one test that are compared one by one.
const VALUES_COMPARED_MAX: usize = 100;

/// Warns of conditions that never hold, of those that look at every event, and of exceptions that never apply.
pub(crate) fn rule(rule: &Rule, diagnostics: &mut Diagnostics) {
    let sequence = rule.sequence.as_ref();
    let steps = sequence.iter().flat_map(|sequence| &sequence.steps);
    let conditions: Vec<&Expr> = rule
        .condition
        .iter()
        .chain(steps.map(|step| &step.condition))
        .collect();
    for condition in &conditions {
        never_holds(rule, condition, diagnostics);
    }
    every_event(rule, &conditions, diagnostics);
    exceptions(rule, diagnostics);
}

/// Warns of macros and lists in the user's own files that nothing uses.
pub(crate) fn unused(collection: &Collection, sources: &[Source<'_>], resolver: &mut Resolver<'_>) {
    let is_own = |at: Position| {
        let source = sources.get(usize::from(at.file));
        source.is_some_and(|source| source.own)
    };
    for (entry, used) in collection.macros.iter().zip(&resolver.macros_used) {
        if !used && is_own(entry.at) {
            let message = format!("nothing uses macro {}", quote(&entry.name));
            resolver
                .diagnostics
                .report(Code::UnusedMacro, entry.at, message);
        }
    }
    for (entry, used) in collection.lists.iter().zip(&resolver.lists_used) {
        if !used && is_own(entry.at) {
            let message = format!("nothing uses list {}", quote(&entry.name));
            resolver
                .diagnostics
                .report(Code::UnusedList, entry.at, message);
        }
    }
}

fn never_holds(rule: &Rule, condition: &Expr, diagnostics: &mut Diagnostics) {
    let name = quote(&rule.name);
    if *condition == Expr::Constant(false) {
        let message = format!("rule {name} never matches as it is configured");
        let hint = "a macro in it stands for \"never\", or a list in it is empty";
        diagnostics.report_with_hint(Code::NeverHolds, rule.position, message, hint);
        return;
    }
    let mut found = Vec::new();
    contradictions(condition, &mut found);
    if found.is_empty() && kinds_of(condition).is_empty() {
        let message =
            format!("rule {name} never matches: no event is of the types that it asks for");
        diagnostics.report(Code::NeverHolds, rule.position, message);
    }
    for (first, second) in found {
        let message = format!(
            "this never holds together with the test of {} in line {}",
            quote(&first.left.field),
            first.at.line
        );
        diagnostics.report(Code::NeverHolds, second.at, message);
    }
}

/// A rule for system calls that does not say which would be asked of every event.
fn every_event(rule: &Rule, conditions: &[&Expr], diagnostics: &mut Diagnostics) {
    if !rule.warn_event_types || rule.source != RuleSource::Syscall {
        return;
    }
    let all = KindSet::all();
    let is_constant = |expr: &Expr| matches!(expr, Expr::Constant(_));
    let looks_at_all = match rule.sequence {
        // The common condition may narrow what the steps leave open.
        Some(_) => conditions
            .iter()
            .all(|condition| kinds_of(condition) == all),
        None => conditions
            .iter()
            .any(|condition| kinds_of(condition) == all && !is_constant(condition)),
    };
    if looks_at_all {
        let message = format!("rule {} looks at every event", quote(&rule.name));
        let hint = "say which: evt.type in (execve, execveat), or set warn_evttypes: false";
        diagnostics.report_with_hint(Code::EveryEvent, rule.position, message, hint);
    }
}

/// Pairs of tests that must both hold and never do.
fn contradictions<'e>(expr: &'e Expr, found: &mut Vec<(&'e Test, &'e Test)>) {
    match expr {
        Expr::And(_) => {
            let mut parts = Vec::new();
            flatten(expr, &mut parts);
            found.extend(contradiction(&parts));
            for part in parts
                .into_iter()
                .filter(|part| !matches!(part, Expr::Test(_)))
            {
                contradictions(part, found);
            }
        }
        Expr::Or(children) => {
            for child in children {
                contradictions(child, found);
            }
        }
        // What is excluded may well be impossible: placeholders are written so.
        Expr::Not(_) | Expr::Test(_) | Expr::Macro(..) | Expr::Constant(_) => {}
    }
}

/// All that must hold for an `and` to hold.
fn flatten<'e>(expr: &'e Expr, parts: &mut Vec<&'e Expr>) {
    match expr {
        Expr::And(children) => {
            for child in children {
                flatten(child, parts);
            }
        }
        other => parts.push(other),
    }
}

/// Two of several tests that exclude one another.
fn contradiction<'e>(parts: &[&'e Expr]) -> Option<(&'e Test, &'e Test)> {
    let mut allowed: HashMap<Key<'e>, (BTreeSet<&'e str>, &'e Test)> = HashMap::new();
    for (key, values, test) in parts.iter().filter_map(|part| values_of(part)) {
        match allowed.get_mut(&key) {
            None => {
                allowed.insert(key, (values, test));
            }
            Some((left, first)) => {
                left.retain(|value| values.contains(value));
                if left.is_empty() {
                    return Some((first, test));
                }
            }
        }
    }
    for part in parts {
        let Some((key, excluded, test)) = excluded_by(part) else {
            continue;
        };
        if let Some((left, first)) = allowed.get_mut(&key) {
            left.retain(|value| !excluded.contains(value));
            if left.is_empty() {
                return Some((first, test));
            }
        }
    }
    None
}

/// A field with its argument and transformers.
type Key<'e> = (&'e str, Option<&'e str>, &'e [crate::ast::Transformer]);

fn key(operand: &Operand) -> Key<'_> {
    (
        &operand.field,
        operand.argument.as_deref(),
        &operand.transformers,
    )
}

/// The only values with which a part can hold: of `=`, `in`, and of several such of one field joined by `or`.
fn values_of(expr: &Expr) -> Option<(Key<'_>, BTreeSet<&str>, &Test)> {
    match expr {
        Expr::Test(test) if matches!(test.operator, Operator::Equal | Operator::In) => {
            let values = constants(test)?;
            Some((key(&test.left), values, test))
        }
        Expr::Or(children) => {
            let mut all: Option<(Key<'_>, BTreeSet<&str>, &Test)> = None;
            for child in children {
                let (key, values, test) = values_of(child)?;
                match &mut all {
                    None => all = Some((key, values, test)),
                    Some((first, known, _)) if *first == key => known.extend(values),
                    Some(_) => return None,
                }
            }
            all
        }
        _ => None,
    }
}

/// Values with which a part does not hold.
fn excluded_by(expr: &Expr) -> Option<(Key<'_>, BTreeSet<&str>, &Test)> {
    match expr {
        Expr::Test(test) if test.operator == Operator::NotEqual => {
            Some((key(&test.left), constants(test)?, test))
        }
        Expr::Not(inner) => values_of(inner),
        _ => None,
    }
}

/// The constants of a test on a field that has one value, and whose values are the same only if their texts are.
fn constants(test: &Test) -> Option<BTreeSet<&str>> {
    let (row, _) = fields::lookup(&test.left.field, test.left.argument.as_deref()).ok()?;
    let is_comparable = match value_type(row, &test.left) {
        FieldType::Text => row.field != Field::EvtArg,
        FieldType::Number | FieldType::Port => true,
        _ => false,
    };
    let has_many = match row.argument {
        ArgumentKind::OptionalIndex | ArgumentKind::OptionalKey | ArgumentKind::OptionalAny => {
            test.left.argument.is_none()
        }
        ArgumentKind::None
        | ArgumentKind::RequiredIndex
        | ArgumentKind::RequiredKey
        | ArgumentKind::RequiredAny => false,
    };
    // Ports are those of both sides.
    if !is_comparable || has_many || row.name == "fd.port" {
        return None;
    }
    let is_number = value_type(row, &test.left) != FieldType::Text;
    let texts = test.right.iter().map(|item| match item {
        // Numbers can be written in several ways.
        Item::Literal(_, text) if is_number => {
            parse_number(text).filter(|n| n.to_string() == *text)?;
            Some(text.as_str())
        }
        Item::Literal(_, text) => Some(text.as_str()),
        Item::Name(..) | Item::Field(_) => None,
    });
    texts.collect()
}

/// Warns of exceptions that others cover, or that the condition excludes.
fn exceptions(rule: &Rule, diagnostics: &mut Diagnostics) {
    let mut earlier: Vec<(&Exception, Vec<&Expr>)> = Vec::new();
    for exception in &rule.exceptions {
        for row in rows(&exception.holds) {
            let mut parts = Vec::new();
            flatten(row, &mut parts);
            if let Some((by, _)) = earlier.iter().find(|(_, other)| covers(other, &parts)) {
                let message = format!(
                    "this of exception {} never applies: exception {} in line {} lets it pass already",
                    quote(&exception.name),
                    quote(&by.name),
                    by.at.line
                );
                let at = position(row).unwrap_or(exception.at);
                diagnostics.report(Code::ShadowedException, at, message);
            } else if let Some(condition) = &rule.condition {
                let mut all = parts.clone();
                flatten(condition, &mut all);
                if contradiction(&all).is_some() {
                    let message = format!(
                        "this of exception {} never applies: the condition excludes it already",
                        quote(&exception.name)
                    );
                    let at = position(row).unwrap_or(exception.at);
                    diagnostics.report(Code::ShadowedException, at, message);
                }
            }
            earlier.push((exception, parts));
            if earlier.len() > ROWS_COMPARED_MAX {
                return;
            }
        }
    }
}

/// What an exception lets pass, one by one.
fn rows(holds: &Expr) -> &[Expr] {
    match holds {
        Expr::Or(rows) => rows,
        row => std::slice::from_ref(row),
    }
}

fn position(row: &Expr) -> Option<Position> {
    match row {
        Expr::And(children) | Expr::Or(children) => children.first().and_then(position),
        Expr::Not(child) => position(child),
        Expr::Test(test) => Some(test.at),
        Expr::Macro(at, _) => Some(*at),
        Expr::Constant(_) => None,
    }
}

/// Whether all that holds for the second holds for the first.
fn covers(wide: &[&Expr], narrow: &[&Expr]) -> bool {
    wide.iter()
        .all(|wide| narrow.iter().any(|narrow| is_implied(wide, narrow)))
}

/// Whether the first holds wherever the second does.
fn is_implied(wide: &Expr, narrow: &Expr) -> bool {
    let (Expr::Test(wide), Expr::Test(narrow)) = (wide, narrow) else {
        return false;
    };
    if key(&wide.left) != key(&narrow.left) {
        return false;
    }
    if wide.right.len().max(narrow.right.len()) > VALUES_COMPARED_MAX {
        return false;
    }
    let literals = |test: &Test| -> Option<Vec<String>> {
        let texts = test.right.iter().map(|item| match item {
            Item::Literal(_, text) => Some(text.clone()),
            _ => None,
        });
        texts.collect()
    };
    let (Some(wide_values), Some(values)) = (literals(wide), literals(narrow)) else {
        return false;
    };
    let is_constant = |test: &Test| matches!(test.operator, Operator::Equal | Operator::In);
    let any = |value: &str| {
        wide_values.iter().any(|wanted| match wide.operator {
            Operator::StartsWith => value.starts_with(wanted),
            Operator::EndsWith => value.ends_with(wanted),
            Operator::Contains => value.contains(wanted),
            Operator::Equal | Operator::In => value == wanted,
            _ => false,
        })
    };
    if is_constant(narrow) {
        return !values.is_empty() && values.iter().all(|value| any(value));
    }
    match (wide.operator, narrow.operator) {
        (Operator::Contains, Operator::StartsWith | Operator::EndsWith | Operator::Contains)
        | (Operator::StartsWith, Operator::StartsWith)
        | (Operator::EndsWith, Operator::EndsWith) => values.iter().all(|value| any(value)),
        (wide, narrow) => wide == narrow && wide_values == values,
    }
}
