//! What conditions mean.

use crate::common::{compile, event, outcome, outcomes, rule_yaml};
use yagura_rules::{Outcome, RuleState};

const YES: Option<Outcome> = Some(Outcome::Matches);
const NO: Option<Outcome> = None;
const UNKNOWN: Option<Outcome> = Some(Outcome::Unknown);

/// Checks what a condition says of an event of a kind with these values.
fn check(condition: &str, kind: &str, values: &[(&str, &str)], expected: Option<Outcome>) {
    let set = compile(&rule_yaml(condition));
    let found = outcome(&set, &event(kind, values));
    assert_eq!(found, expected, "{condition}\n{kind} {values:?}");
}

/// Checks a condition on an exec.
fn exec(condition: &str, values: &[(&str, &str)], expected: Option<Outcome>) {
    check(condition, "execve", values, expected);
}

#[test]
fn single_values_compare() {
    let bash = &[("proc.name", "bash")][..];
    exec("proc.name = bash", bash, YES);
    exec("proc.name == bash", bash, YES);
    exec("proc.name = zsh", bash, NO);
    exec("proc.name != zsh", bash, YES);
    exec("proc.name != bash", bash, NO);
    exec("proc.name in (zsh, bash)", bash, YES);
    exec("proc.name in (zsh, dash)", bash, NO);
    exec("not proc.name in (zsh, dash)", bash, YES);
    exec("proc.name startswith ba", bash, YES);
    exec("proc.name endswith sh", bash, YES);
    exec("proc.name contains as", bash, YES);
    exec("proc.name icontains AS", bash, YES);
    exec("proc.name bcontains 6173", bash, YES);
    exec("proc.name bstartswith 6261", bash, YES);
    exec("proc.name glob b*h", bash, YES);
    exec("proc.name glob b?h", bash, NO);
    exec("proc.name iglob B*H", bash, YES);
    exec("proc.name regex '[a-c]+sh'", bash, YES);
    exec("proc.name regex 'as'", bash, NO);
    exec("proc.name exists", bash, YES);
}

#[test]
fn numbers_booleans_and_addresses_compare() {
    exec("proc.pid = 7", &[("proc.pid", "7")], YES);
    exec("proc.pid > 6 and proc.pid <= 7", &[("proc.pid", "7")], YES);
    exec("proc.pid in (1, 2, 7)", &[("proc.pid", "7")], YES);
    exec("proc.pid != 7", &[("proc.pid", "7")], NO);
    exec("user.loginuid = -1", &[("user.loginuid", "-1")], YES);
    exec(
        "proc.is_drifted = true",
        &[("proc.is_drifted", "true")],
        YES,
    );
    exec(
        "proc.is_drifted = false",
        &[("proc.is_drifted", "true")],
        NO,
    );
    exec(
        "proc.is_drifted != false",
        &[("proc.is_drifted", "true")],
        YES,
    );
    let connect = &[
        ("fd.sip", "10.1.2.3"),
        ("fd.snet", "10.1.2.3"),
        ("fd.sport", "443"),
    ][..];
    check("fd.sip = 10.1.2.3", "connect", connect, YES);
    check("fd.sip = \"10.1.2.4\"", "connect", connect, NO);
    check(
        "fd.snet in (\"10.0.0.0/8\", \"192.168.0.0/16\")",
        "connect",
        connect,
        YES,
    );
    check("fd.snet != \"10.0.0.0/8\"", "connect", connect, NO);
    check("fd.sport in (80, 443)", "connect", connect, YES);
    check("fd.sport >= 1024", "connect", connect, NO);
}

#[test]
fn paths_match_with_all_below() {
    let open = &[("fd.name", "/etc/ssh/sshd_config")][..];
    check("fd.name pmatch (/etc, /usr)", "openat", open, YES);
    check("fd.name pmatch (/etc/ss, /usr)", "openat", open, NO);
    check("fd.name pmatch (/etc/ssh/sshd_config)", "openat", open, YES);
}

#[test]
fn nothing_holds_of_what_is_absent_but_not() {
    for condition in [
        "proc.name = bash",
        "proc.name != bash",
        "proc.name in (bash)",
        "proc.name exists",
        "proc.pid < 5",
        "proc.pid >= 0",
        "proc.is_drifted != true",
        "proc.name = val(proc.pname)",
        "proc.name != val(proc.pname)",
    ] {
        exec(condition, &[], NO);
        exec(&format!("not ({condition})"), &[], YES);
    }
    exec("proc.name != val(proc.pname)", &[("proc.name", "a")], NO);
}

#[test]
fn what_is_unknown_decides_nothing() {
    let unknown = &[("container.name", "?"), ("proc.name", "bash")][..];
    exec("container.name = web", unknown, UNKNOWN);
    exec("container.name != web", unknown, UNKNOWN);
    exec("not container.name = web", unknown, UNKNOWN);
    exec("container.name exists", unknown, UNKNOWN);
    exec("proc.name = bash or container.name = web", unknown, YES);
    exec("proc.name = zsh and container.name = web", unknown, NO);
    exec(
        "proc.name = bash and container.name = web",
        unknown,
        UNKNOWN,
    );
    exec("tolower(container.name) = web", unknown, UNKNOWN);
    exec("proc.name = val(container.name)", unknown, UNKNOWN);
}

#[test]
fn a_list_matches_if_an_entry_does() {
    let ancestors = &[
        ("proc.aname", "[bash, sshd]"),
        ("fd.ip", "[10.0.0.1, 8.8.8.8]"),
    ][..];
    exec("proc.aname = sshd", ancestors, YES);
    exec("proc.aname != sshd", ancestors, NO);
    exec("proc.aname != nginx", ancestors, YES);
    exec("proc.aname in (nginx, sshd)", ancestors, YES);
    exec("proc.aname startswith ss", ancestors, YES);
    exec("proc.aname[1] = sshd", ancestors, YES);
    exec("proc.aname[7] = sshd", ancestors, NO);
    exec("proc.aname = sshd", &[("proc.aname", "[]")], NO);
    exec("proc.aname exists", &[("proc.aname", "[]")], NO);
    exec("proc.aname = sshd", &[("proc.aname", "[bash, ?]")], UNKNOWN);
    exec("proc.aname = bash", &[("proc.aname", "[bash, ?]")], YES);
    check("fd.ip = 8.8.8.8", "connect", ancestors, YES);
    check("fd.ip != 8.8.8.8", "connect", ancestors, NO);
}

#[test]
fn list_fields_are_in_a_set_only_as_a_whole() {
    let images = |condition: &str, images: &str, expected| {
        let values = &[("ka.req.pod.containers.image", images)];
        check(condition, "k8s_audit", values, expected);
    };
    images("ka.req.pod.containers.image in (a, b)", "[a, b]", YES);
    images("ka.req.pod.containers.image in (a, b)", "[a, c]", NO);
    images("not ka.req.pod.containers.image in (a, b)", "[a, c]", YES);
    images(
        "ka.req.pod.containers.image intersects (a, b)",
        "[a, c]",
        YES,
    );
    images("ka.req.pod.containers.image intersects (a, b)", "[c]", NO);
    images("ka.req.pod.containers.image in (a, b)", "[]", NO);
}

#[test]
fn transformers_apply_before_comparing() {
    exec("tolower(proc.name) = bash", &[("proc.name", "BaSh")], YES);
    exec(
        "toupper(proc.name) in (BASH)",
        &[("proc.name", "bash")],
        YES,
    );
    exec(
        "basename(proc.exepath) = ls",
        &[("proc.exepath", "/usr/bin/ls")],
        YES,
    );
    exec(
        "b64(proc.args) contains evil",
        &[("proc.args", "ZXZpbCBjb21tYW5k")],
        YES,
    );
    exec("len(proc.args) > 3", &[("proc.args", "four")], YES);
    exec(
        "len(proc.env.names) = 2",
        &[("proc.env.names", "[A, B]")],
        YES,
    );
    exec(
        "tolower(basename(proc.exepath)) = ls",
        &[("proc.exepath", "/bin/LS")],
        YES,
    );
}

#[test]
fn fields_compare_with_fields() {
    let values = &[
        ("proc.name", "sh"),
        ("proc.pname", "sh"),
        ("proc.exepath", "/bin/SH"),
        ("proc.pid", "7"),
        ("proc.ppid", "6"),
        ("proc.aname", "[sh, init]"),
    ][..];
    exec("proc.name = val(proc.pname)", values, YES);
    exec("proc.name != val(proc.pname)", values, NO);
    exec("proc.pid > val(proc.ppid)", values, YES);
    exec("proc.name = tolower(basename(proc.exepath))", values, YES);
    exec("proc.exepath endswith val(proc.name)", values, NO);
    exec("proc.name = val(proc.aname)", values, YES);
}

#[test]
fn kinds_have_their_names() {
    check("evt.type in (open, openat)", "openat", &[], YES);
    check("evt.type in (open, openat)", "connect", &[], NO);
    check("evt.type = openat and evt.dir = <", "openat", &[], YES);
    check("evt.type != openat", "connect", &[], YES);
    check("evt.type startswith open", "open_by_handle_at", &[], YES);
    check(
        "evt.type = execveat",
        "execve",
        &[("evt.type", "execveat")],
        YES,
    );
    check(
        "evt.type = execveat",
        "execve",
        &[("evt.type", "execve")],
        NO,
    );
    check(
        "evt.type in (execve, execveat)",
        "execve",
        &[("evt.type", "execveat")],
        YES,
    );
    check("evt.type = container", "container_started", &[], YES);
    check(
        "evt.type = container_started",
        "container_started",
        &[],
        YES,
    );
    check(
        "evt.type = drift",
        "drift",
        &[("drift.vector", "memfd")],
        YES,
    );
}

#[test]
fn sources_are_kept_apart() {
    check("ka.verb = get or not ka.verb = get", "execve", &[], NO);
    check("ka.verb = get", "k8s_audit", &[("ka.verb", "get")], YES);
}

#[test]
fn unknown_exceptions_excuse_nothing() {
    let set = compile(
        "
- rule: Shell
  desc: d
  priority: INFO
  output: o
  condition: evt.type = execve and proc.name = sh
  exceptions:
    - name: images
      fields: [container.image.repository]
      comps: [in]
      values: [[[builder]]]
    - name: parents
      fields: [proc.pname]
      comps: [=]
      values: [[cron]]
",
    );
    let mut state = RuleState::new(&set);
    let mut of = |values: &[(&str, &str)]| {
        let outcomes = outcomes(&set, &mut state, &event("execve", values));
        outcomes.first().map(|(_, outcome)| *outcome)
    };
    let image = "container.image.repository";
    assert_eq!(of(&[("proc.name", "sh"), (image, "web")]), YES);
    assert_eq!(of(&[("proc.name", "sh"), (image, "builder")]), NO);
    assert_eq!(
        of(&[("proc.name", "sh"), ("proc.pname", "cron"), (image, "?")]),
        NO
    );
    assert_eq!(
        of(&[("proc.name", "sh"), (image, "?")]),
        Some(Outcome::MatchesUnlessExcused)
    );
    assert_eq!(of(&[("proc.name", "?"), (image, "?")]), UNKNOWN);
    let stats: Vec<_> = state.stats().collect();
    assert_eq!(
        (stats[0].matches, stats[0].excused.as_slice()),
        (1, &[1, 1][..])
    );
}

#[test]
fn an_undecided_rule_is_settled_alone() {
    use yagura_rules::Unknowns;
    let set = compile(&rule_yaml("proc.name = sh and container.name = web"));
    let mut state = RuleState::new(&set);
    let mut id = None;
    set.evaluate(
        &event("execve", &[("proc.name", "sh"), ("container.name", "?")]),
        &mut state,
        &mut |found| id = Some(found.id),
    );
    let mut settle = |container: &str| {
        let mut outcome = None;
        let subject = event(
            "execve",
            &[("proc.name", "sh"), ("container.name", container)],
        );
        set.evaluate_rule(
            id.unwrap(),
            Unknowns::Settle,
            &subject,
            &mut state,
            &mut |found| {
                outcome = Some(found.outcome);
            },
        );
        outcome
    };
    assert_eq!(settle("web"), YES);
    assert_eq!(settle("db"), NO);
    assert_eq!(settle("?"), NO);
}

#[test]
fn disabled_rules_never_match() {
    let yaml = rule_yaml("proc.name = sh").replace("  desc: d", "  desc: d\n  enabled: false");
    assert_eq!(
        outcome(&compile(&yaml), &event("execve", &[("proc.name", "sh")])),
        NO
    );
}
