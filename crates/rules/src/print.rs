//! Conditions and rules in one canonical form: equal rules are equal texts, and what is printed can be read again.

use crate::ast::{Expr, Item, Operand, Operator, Test};
use crate::lex::{is_bare_argument, is_bare_text, quote_value};
use crate::rule::{Count, Rule, RuleTest, TestValue};
use std::fmt::Write;

/// A condition in canonical form, on one line.
pub fn condition(expr: &Expr) -> String {
    let mut out = String::new();
    write_expr(&mut out, expr, Within::Nothing);
    out
}

/// A field as it stands in conditions.
pub fn operand(operand: &Operand) -> String {
    let mut out = String::new();
    write_operand(&mut out, operand);
    out
}

/// What stands around a part of a condition, the strongest bond last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Within {
    Nothing,
    Or,
    And,
    Not,
}

fn write_expr(out: &mut String, expr: &Expr, within: Within) {
    // What was written in parentheses stays so, also where they change nothing: `(a or b) or c`.
    match expr {
        Expr::Or(children) => write_joined(out, children, " or ", Within::Or, within >= Within::Or),
        Expr::And(children) => {
            write_joined(out, children, " and ", Within::And, within >= Within::And);
        }
        Expr::Not(child) => {
            // Two in a row would be read as none.
            let twice = within == Within::Not;
            out.push_str(if twice { "(not " } else { "not " });
            write_expr(out, child, Within::Not);
            if twice {
                out.push(')');
            }
        }
        Expr::Macro(_, name) => out.push_str(name),
        Expr::Constant(true) => out.push_str("evt.num >= 0"),
        Expr::Constant(false) => out.push_str("evt.num = 0"),
        Expr::Test(test) => write_test(out, test),
    }
}

fn write_joined(out: &mut String, children: &[Expr], word: &str, within: Within, bracketed: bool) {
    if bracketed {
        out.push('(');
    }
    for (index, child) in children.iter().enumerate() {
        if index > 0 {
            out.push_str(word);
        }
        write_expr(out, child, within);
    }
    if bracketed {
        out.push(')');
    }
}

fn write_test(out: &mut String, test: &Test) {
    write_operand(out, &test.left);
    out.push(' ');
    out.push_str(test.operator.as_str());
    if test.operator == Operator::Exists {
        return;
    }
    out.push(' ');
    if test.operator.takes_list() {
        if let [Item::Field(field)] = test.right.as_slice() {
            write_operand(out, field);
            return;
        }
        out.push('(');
        for (index, item) in test.right.iter().enumerate() {
            if index > 0 {
                out.push_str(", ");
            }
            write_item(out, item, true);
        }
        out.push(')');
    } else {
        for item in &test.right {
            write_item(out, item, false);
        }
    }
}

/// Within a list a word without quotes may be the name of a list: constants have quotes there.
fn write_item(out: &mut String, item: &Item, in_list: bool) {
    match item {
        Item::Literal(_, text) if !in_list && is_bare_text(text) => out.push_str(text),
        Item::Literal(_, text) => out.push_str(&quote_value(text)),
        Item::Name(_, name) => out.push_str(name),
        Item::Field(field) => write_operand(out, field),
    }
}

fn write_operand(out: &mut String, operand: &Operand) {
    for transformer in &operand.transformers {
        out.push_str(transformer.as_str());
        out.push('(');
    }
    out.push_str(&operand.field);
    if let Some(argument) = &operand.argument {
        let is_bare = argument.chars().all(is_bare_argument) && is_bare_text(argument);
        out.push('[');
        if is_bare {
            out.push_str(argument);
        } else {
            out.push_str(&quote_value(argument));
        }
        out.push(']');
    }
    for _ in &operand.transformers {
        out.push(')');
    }
}

/// A rule in canonical form, an item of a rule file. Macros and lists have been put in, and exceptions are part of the
/// condition.
pub fn rule(rule: &Rule) -> String {
    let mut out = String::new();
    write_rule(&mut out, rule);
    out
}

fn write_rule(out: &mut String, rule: &Rule) {
    key(out, "- ", "rule", &rule.name);
    key(out, "  ", "desc", &rule.description);
    plain(out, "source", rule.source.as_str());
    if let Some(whole) = rule.whole_condition() {
        key(out, "  ", "condition", &condition(&whole));
    }
    write_blocks(out, rule);
    key(out, "  ", "output", &rule.output);
    plain(out, "priority", rule.priority.as_str());
    plain(out, "severity", rule.severity.as_str());
    plain(out, "enabled", if rule.enabled { "true" } else { "false" });
    if !rule.warn_event_types {
        plain(out, "warn_evttypes", "false");
    }
    list(out, "tags", &rule.tags);
    if let Some(text) = &rule.key {
        key(out, "  ", "key", text);
    }
    list(out, "techniques", &rule.techniques);
    for (name, text) in [("reason", &rule.reason), ("remedy", &rule.remedy)] {
        if !text.is_empty() {
            key(out, "  ", name, text);
        }
    }
    if rule.title_en.is_some() || rule.title_ja.is_some() {
        out.push_str("  title:\n");
        for (name, text) in [("en", &rule.title_en), ("ja", &rule.title_ja)] {
            if let Some(text) = text {
                key(out, "    ", name, text);
            }
        }
    }
    let fold_by: Vec<String> = rule.fold_by.iter().map(operand).collect();
    list(out, "fold_by", &fold_by);
    write_tests(out, &rule.tests);
}

fn write_blocks(out: &mut String, rule: &Rule) {
    if let Some(sequence) = &rule.sequence {
        out.push_str("  sequence:\n");
        operands(out, "by", &sequence.by);
        let _ = writeln!(out, "    within: {}ms", sequence.within_ms);
        let _ = writeln!(out, "    ordered: {}", sequence.ordered);
        out.push_str("    steps:\n");
        for step in &sequence.steps {
            key(out, "      - ", "name", &step.name);
            key(out, "        ", "condition", &condition(&step.condition));
        }
    }
    if let Some(threshold) = &rule.threshold {
        out.push_str("  threshold:\n");
        operands(out, "by", &threshold.by);
        match &threshold.count {
            Count::Events(count) => {
                let _ = writeln!(out, "    count: {count}");
            }
            Count::Distinct(field, count) => {
                out.push_str("    distinct:\n");
                key(out, "      ", "field", &operand(field));
                let _ = writeln!(out, "      count: {count}");
            }
        }
        let _ = writeln!(out, "    within: {}ms", threshold.within_ms);
    }
    if let Some(first_seen) = &rule.first_seen {
        out.push_str("  first_seen:\n");
        operands(out, "by", &first_seen.by);
        operands(out, "value", &first_seen.value);
        let _ = writeln!(out, "    learning: {}ms", first_seen.learning_ms);
    }
}

fn write_tests(out: &mut String, tests: &[RuleTest]) {
    if tests.is_empty() {
        return;
    }
    out.push_str("  tests:\n");
    for (name, fires) in [("fires", true), ("silent", false)] {
        let mut of_kind = tests.iter().filter(|test| test.fires == fires).peekable();
        if of_kind.peek().is_some() {
            let _ = writeln!(out, "    {name}:");
        }
        for test in of_kind {
            key(out, "      - ", "name", &test.name);
            out.push_str("        events:\n");
            for event in &test.events {
                let _ = writeln!(out, "          - at_ms: {}", event.at_ms);
                for (field, value) in &event.fields {
                    let name = quote_yaml(&operand(field));
                    let _ = writeln!(out, "            {name}: {}", test_value(value));
                }
            }
        }
    }
}

fn test_value(value: &TestValue) -> String {
    match value {
        TestValue::Text(text) => quote_yaml(text),
        TestValue::Absent => "null".to_owned(),
        TestValue::Unknown => ".unknown".to_owned(),
        TestValue::List(values) => {
            let values: Vec<String> = values.iter().map(test_value).collect();
            format!("[{}]", values.join(", "))
        }
    }
}

fn operands(out: &mut String, name: &str, operands: &[Operand]) {
    let texts: Vec<String> = operands.iter().map(|o| quote_yaml(&operand(o))).collect();
    let _ = writeln!(out, "    {name}: [{}]", texts.join(", "));
}

fn list(out: &mut String, name: &str, items: &[String]) {
    if !items.is_empty() {
        let items: Vec<String> = items.iter().map(|item| quote_yaml(item)).collect();
        let _ = writeln!(out, "  {name}: [{}]", items.join(", "));
    }
}

fn plain(out: &mut String, name: &str, word: &str) {
    let _ = writeln!(out, "  {name}: {word}");
}

fn key(out: &mut String, indent: &str, name: &str, text: &str) {
    let _ = writeln!(out, "{indent}{name}: {}", quote_yaml(text));
}

/// A text in double quotes, as YAML and JSON have them.
fn quote_yaml(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str(r"\\"),
            '\n' => out.push_str(r"\n"),
            '\t' => out.push_str(r"\t"),
            c if c.is_control()
                || matches!(
                    c,
                    '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
                ) =>
            {
                let _ = write!(out, "\\U{:08x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ast::{Position, Transformer};
    use crate::parse;
    use crate::source::Text;
    use proptest::prelude::*;

    const NOWHERE: Position = Position {
        file: 0,
        line: 0,
        column: 0,
    };

    fn read(text: &str) -> Expr {
        match parse::condition(&Text::fixed(text, NOWHERE)) {
            Ok(expr) => expr,
            Err(error) => panic!("{text:?}: {}", error.message),
        }
    }

    fn check(text: &str, printed: &str) {
        assert_eq!(condition(&read(text)), printed);
        assert_eq!(condition(&read(printed)), printed);
    }

    #[test]
    fn conditions_have_one_form() {
        check(
            "evt.type=execve   and\n\tproc.name in (nc,ncat , \"a b\")",
            "evt.type = execve and proc.name in (nc, ncat, \"a b\")",
        );
        check("not(a or b)and(c)", "not (a or b) and c");
        check("not not not a", "not a");
        check("(a and b) or c", "a and b or c");
        check("a or b and c or not d", "a or b and c or not d");
        check("fd.name == '/etc/x y'", "fd.name = \"/etc/x y\"");
        check("fd.name='\\'a\\' \\\\'", "fd.name = \"'a' \\\\\"");
        check("proc.aname[2]=sh", "proc.aname[2] = sh");
        check(
            "jevt.value[\"/a b/c\"] exists",
            "jevt.value[\"/a b/c\"] exists",
        );
        check(
            "tolower( b64( fd.name ) ) contains x",
            "tolower(b64(fd.name)) contains x",
        );
        check("proc.name=val(proc.pname)", "proc.name = val(proc.pname)");
        check("proc.name in()", "proc.name in ()");
        check("proc.name in shells", "proc.name in (shells)");
        check("evt.dir=> and evt.dir=<", "evt.dir = > and evt.dir = <");
        check(
            "fd.num>=0 and fd.sport<0x10",
            "fd.num >= 0 and fd.sport < 0x10",
        );
    }

    fn operands() -> impl Strategy<Value = Operand> {
        let fields = prop_oneof!["[a-z]{1,4}(\\.[a-z][a-z0-9_]{0,4}){1,3}"];
        let arguments = prop::option::of(prop_oneof!["[0-9]{1,3}", "[a-z/*.-]{1,8}", ".{1,6}"]);
        let transformers = prop::collection::vec(prop::sample::select(Transformer::ALL), 0..3);
        (fields, arguments, transformers).prop_map(|(field, argument, transformers)| Operand {
            at: NOWHERE,
            transformers,
            field,
            argument,
        })
    }

    fn literals() -> impl Strategy<Value = Item> {
        prop_oneof!["[a-z0-9/*.<>!-]{1,8}", ".{0,8}", "[ \"'\\\\\n\t]{0,4}"]
            .prop_map(|text| Item::Literal(NOWHERE, text))
    }

    fn fields_on_the_right() -> impl Strategy<Value = Item> {
        operands().prop_map(|mut operand| {
            if operand.transformers.is_empty() {
                operand.transformers.push(Transformer::Value);
            }
            Item::Field(operand)
        })
    }

    fn rights(operator: Operator) -> BoxedStrategy<Vec<Item>> {
        let one = |item| vec![item];
        if operator == Operator::Exists {
            Just(Vec::new()).boxed()
        } else if operator.takes_list() {
            let names = "[a-z][a-z0-9_/.-]{0,6}".prop_map(|name| Item::Name(NOWHERE, name));
            let items = prop::collection::vec(prop_oneof![literals(), names], 0..4);
            prop_oneof![items, fields_on_the_right().prop_map(one)].boxed()
        } else if operator.is_order() {
            let numbers = any::<i64>().prop_map(|n| Item::Literal(NOWHERE, n.to_string()));
            prop_oneof![numbers, fields_on_the_right()]
                .prop_map(one)
                .boxed()
        } else {
            prop_oneof![literals(), fields_on_the_right()]
                .prop_map(one)
                .boxed()
        }
    }

    fn expressions() -> impl Strategy<Value = Expr> {
        let tests =
            (operands(), prop::sample::select(Operator::ALL)).prop_flat_map(|(left, operator)| {
                rights(operator).prop_map(move |right| {
                    Expr::Test(Test {
                        at: NOWHERE,
                        left: left.clone(),
                        operator,
                        right,
                    })
                })
            });
        let macros = "m[a-z_]{0,6}".prop_map(|name| Expr::Macro(NOWHERE, name));
        prop_oneof![4 => tests, 1 => macros].prop_recursive(5, 40, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::And),
                prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::Or),
                inner.prop_map(|inner| Expr::Not(Box::new(inner))),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_the_same(expr in expressions()) {
            let printed = condition(&expr);
            prop_assert_eq!(read(&printed), expr, "{}", printed);
        }

        #[test]
        fn no_text_makes_reading_panic(text in "[ ()a-z.=<>\"'\\\\,\\[\\]]{0,40}") {
            let _ = parse::condition(&Text::fixed(&text, NOWHERE));
        }
    }
}
