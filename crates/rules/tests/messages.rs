//! What is said of a match.

use crate::common::{compile, event, rule_yaml};
use yagura_rules::{Explanation, RuleId, Truth};

/// Checks the message that an output makes.
fn check(output: &str, values: &[(&str, &str)], expected: &str) {
    let yaml = rule_yaml("proc.name exists").replace("output: o", &format!("output: '{output}'"));
    let message = compile(&yaml).message(RuleId(0), &event("execve", values));
    assert_eq!(message, expected, "{output}");
}

#[test]
fn fields_become_values() {
    let values = &[
        ("proc.name", "bash"),
        ("proc.pid", "7"),
        ("proc.aname", "[sshd, init]"),
        ("evt.arg[flags]", "O_RDONLY"),
        ("proc.exepath", "/usr/bin/BASH"),
    ][..];
    check(
        "Shell (name=%proc.name pid=%proc.pid)",
        values,
        "Shell (name=bash pid=7)",
    );
    check("*%proc.name.", values, "bash.");
    check("%proc.aname[1] %proc.aname", values, "init (sshd,init)");
    check("%evt.arg.flags", values, "O_RDONLY");
    check("%(proc.name)x", values, "bashx");
    check("%tolower(basename(proc.exepath))!", values, "bash!");
    check("%user.name", values, "<NA>");
    check("100%% sure", values, "100% sure");
    check("50% of it", values, "50% of it");
}

#[test]
fn values_are_escaped_and_cut() {
    check(
        "%proc.name",
        &[("proc.name", "a\u{202e}b\n\u{1b}]0;x")],
        "a\\u{202e}b\\n\\x1b]0;x",
    );
    let long = "x".repeat(5000);
    let yaml = rule_yaml("proc.name exists").replace("output: o", "output: '%proc.cmdline'");
    let message = compile(&yaml).message(RuleId(0), &event("execve", &[("proc.cmdline", &long)]));
    assert_eq!(message.chars().count(), 1025);
    let yaml = rule_yaml("proc.name exists").replace(
        "output: o",
        &format!("output: '{}'", "%proc.cmdline ".repeat(100)),
    );
    let message = compile(&yaml).message(RuleId(0), &event("execve", &[("proc.cmdline", &long)]));
    assert!(message.len() < 17 * 1024, "{}", message.len());
}

fn lines(explanation: &Explanation, depth: usize, into: &mut Vec<String>) {
    let value = explanation
        .value
        .as_ref()
        .map(|value| format!(" <{value}>"));
    into.push(format!(
        "{}{}{} {:?}",
        "  ".repeat(depth),
        explanation.text,
        value.unwrap_or_default(),
        explanation.holds
    ));
    for child in &explanation.children {
        lines(child, depth + 1, into);
    }
}

#[test]
fn explanations_hold_what_decided() {
    let condition =
        "evt.type = execve and (proc.name = sh or proc.name in (a, b, c, d, e, f, bash))
      and not proc.pname = cron and not (user.uid = 0 and proc.tty = 5)";
    let set = compile(&rule_yaml(condition));
    let values = [("proc.name", "bash"), ("user.uid", "0"), ("proc.tty", "1")];
    let explanation = set.explain(RuleId(0), &event("execve", &values)).unwrap();
    let mut found = Vec::new();
    lines(&explanation, 0, &mut found);
    assert_eq!(
        found,
        [
            "and True",
            "  evt.type = execve <execve> True",
            "  or True",
            "    proc.name in (a, b, c, d, e, … 2 more) <bash> True",
            "  not proc.pname = cron <<NA>> True",
            "  not True",
            "    and False",
            "      proc.tty = 5 <1> False",
        ]
    );
    assert_eq!(explanation.holds, Truth::True);
}
