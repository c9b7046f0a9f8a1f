//! A user's rules: collections with errors, includes, links and rules that never end.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use yagura_event::ScanEngine;
use yagura_scan::{Report, RuleProblem, ScanConfig, ScanRules, Scanner};

/// A folder of this test's own.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("yagura-rules-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("rules")).expect("temporary folder");
        Folder(path)
    }

    fn rules(&self) -> PathBuf {
        self.0.join("rules")
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("temporary folder");
        fs::write(&path, content).expect("temporary file");
        path
    }

    fn load(&self) -> (Arc<ScanRules>, Vec<RuleProblem>) {
        let config = ScanConfig {
            rule_folders: vec![self.rules()],
            own_rules: false,
            file_time_max: Duration::from_secs(2),
            ..ScanConfig::default()
        };
        let (rules, problems) = ScanRules::load(&config).expect("the folder is there");
        (Arc::new(rules), problems)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn scan(rules: &Arc<ScanRules>, name: &str, content: &[u8]) -> Report {
    Scanner::new(Arc::clone(rules)).scan(name.as_bytes(), content)
}

fn names(report: &Report) -> Vec<&str> {
    report
        .findings
        .iter()
        .map(|finding| finding.rule.as_str())
        .collect()
}

fn at(problem: &RuleProblem) -> (String, Option<u32>) {
    let name = Path::new(&problem.file).file_name().expect("a file");
    (name.to_string_lossy().into_owned(), problem.line)
}

const GOOD: &str = "rule good { strings: $a = \"needle\" condition: $a }\n";

#[test]
fn a_rule_that_does_not_compile_is_named_and_the_others_load() {
    let folder = Folder::new("errors");
    folder.file(
        "rules/deep/a.YAR",
        format!("{GOOD}rule unknown {{ condition: no_such_thing }}\nrule good {{ condition: true }}\nrule after {{ strings: $a = \"needle\" condition: #a == 1 }}\n"),
    );
    folder.file(
        "rules/syntax.yara",
        format!("rule broken {{ strings: $a = condition: }}\n\n{GOOD}"),
    );
    folder.file(
        "rules/latin.yar",
        b"// caf\xe9\nrule latin { strings: $a = \"needle\" condition: $a }\n",
    );
    folder.file("rules/modules.yar", "import \"cuckoo\"\nimport \"nothing\"\nrule sandbox { condition: cuckoo.sync.mutex(/a/) }\n");
    folder.file("rules/notes.txt", "rule not_loaded { condition: true }");
    folder.file("rules/.hidden/x.yar", "rule hidden { condition: true }");
    let (rules, problems) = folder.load();
    let report = scan(&rules, "x", b"a needle");
    let mut found = names(&report);
    found.sort_unstable();
    assert_eq!(found, ["after", "good", "good", "latin"], "{problems:#?}");
    let mut places: Vec<_> = problems.iter().map(at).collect();
    places.sort();
    for wanted in [
        ("a.YAR", 2),
        ("a.YAR", 3),
        ("latin.yar", 1),
        ("modules.yar", 2),
        ("syntax.yara", 1),
    ] {
        assert!(
            places.contains(&(wanted.0.to_owned(), Some(wanted.1))),
            "{wanted:?} in {problems:#?}"
        );
    }
    assert!(
        problems
            .iter()
            .any(|problem| problem.reason.contains("no_such_thing")),
        "{problems:#?}"
    );
    let file = report.findings[0].reasons[1].clone();
    assert!(
        file.starts_with("A rule of yours, in ") && file.contains("rules"),
        "{file}"
    );
}

#[test]
fn metadata_of_collections_is_understood() {
    let folder = Folder::new("meta");
    let rule = |name: &str, meta: &str| {
        format!("rule {name} {{ meta: {meta} strings: $a = \"needle\" condition: $a }}\n")
    };
    folder.file(
        "rules/meta.yar",
        [
            rule("a", "key = \"malware.miner\" family = \"m\" score = 90 reason = \"Mines.\""),
            rule("b", "key = \"malware.unheard_of\" malware_family = \"b\\x1b[0m\" severity = \"high\" description = \"D\""),
            rule("c", "severity = 8 malware = \"M\""),
            rule("d", "score = 100000"),
            rule("e", "score = -5"),
        ]
        .concat(),
    );
    let (rules, problems) = folder.load();
    assert_eq!(problems, []);
    let mut report = scan(&rules, "x", b"needle");
    report.findings.sort_by(|a, b| a.rule.cmp(&b.rule));
    let told: Vec<_> = report
        .findings
        .iter()
        .map(|f| {
            (
                f.key.as_str(),
                f.family.as_str(),
                f.score,
                f.reasons[0].as_str(),
            )
        })
        .collect();
    let program = "malware.malicious_program";
    assert_eq!(
        told,
        [
            ("malware.miner", "m", 90, "Mines"),
            (program, "b\\x1b[0m", 85, "D"),
            (program, "M", 80, "c"),
            (program, "d", 100, "d"),
            (program, "e", 1, "e"),
        ]
    );
    assert!(
        report
            .findings
            .iter()
            .all(|finding| finding.engine == ScanEngine::Yara)
    );
}

#[test]
fn rules_may_ask_for_the_name() {
    let folder = Folder::new("names");
    folder.file(
        "rules/names.yar",
        "rule by_name { condition: filename == \"ab.sh\" and extension == \".sh\" and filepath contains \"/tmp/\" and filetype == \"SCRIPT\" and owner == \"\" and md5 == \"\" }",
    );
    let (rules, problems) = folder.load();
    assert_eq!(problems, []);
    assert_eq!(
        names(&scan(&rules, "/tmp/ab.sh", b"#!/bin/sh\n")),
        ["by_name"]
    );
    assert!(names(&scan(&rules, "/tmp/ab.txt", b"#!/bin/sh\n")).is_empty());
}

#[test]
fn includes_and_links_stay_within_the_folder() {
    let folder = Folder::new("includes");
    folder.file("outside.yar", "rule outside { condition: true }");
    folder.file(
        "rules/parts/base.yar",
        "private rule base { strings: $a = \"needle\" condition: $a }",
    );
    folder.file("rules/index.yar", "include \"./parts/base.yar\"\ninclude \"../outside.yar\"\n\ninclude \"/etc/passwd\"\nrule uses { condition: base }");
    folder.file(
        "rules/round_a.yar",
        "include \"round_b.yar\"\nrule round_a { condition: true }",
    );
    folder.file(
        "rules/round_b.yar",
        "include \"round_a.yar\"\nrule round_b { condition: true }",
    );
    symlink(
        folder.0.join("outside.yar"),
        folder.0.join("rules/link.yar"),
    )
    .expect("link");
    symlink(folder.rules(), folder.0.join("rules/loop")).expect("link");
    symlink("parts/base.yar", folder.0.join("rules/again.yar")).expect("link");
    let (rules, problems) = folder.load();
    let report = scan(&rules, "x", b"needle");
    let mut found = names(&report);
    found.sort_unstable();
    assert_eq!(found, ["round_a", "round_b", "uses"], "{problems:#?}");
    let mut places: Vec<_> = problems.iter().map(at).collect();
    places.sort();
    let place = |name: &str, line| (name.to_owned(), line);
    assert_eq!(
        places,
        [
            place("index.yar", Some(2)),
            place("index.yar", Some(4)),
            place("link.yar", None)
        ],
        "{problems:#?}"
    );
}

#[test]
fn a_rule_that_never_ends_is_given_up_and_others_go_on() {
    let folder = Folder::new("endless");
    folder.file(
        "rules/endless.yar",
        "rule endless { condition: for all i in (0..9000000000000) : (for all j in (0..9000000000000) : (i + j != 7000000000000)) }\n",
    );
    folder.file(
        "rules/slow.yar",
        "rule slow { strings: $a = { 00 [1-2] 01 } condition: #a > 100000 }\n",
    );
    let (rules, problems) = folder.load();
    assert!(
        problems
            .iter()
            .any(|problem| problem.reason.contains("slow")),
        "{problems:?}"
    );
    let mut scanner = Scanner::new(rules);
    let start = Instant::now();
    let report = scanner.scan(b"x", b"content");
    assert!(
        start.elapsed() < Duration::from_secs(8),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(report.findings, []);
    assert!(report.gaps[0].contains("given up"), "{:?}", report.gaps);
    // The scanner is as good as before.
    assert!(scanner.scan(b"x", b"content").gaps[0].contains("given up"));
}

#[test]
fn deeply_nested_conditions_are_problems_only() {
    let folder = Folder::new("nested");
    let nested = format!("{}true{}", "(".repeat(3000), ")".repeat(3000));
    folder.file(
        "rules/nested.yar",
        format!("rule nested {{ condition: {nested} }}\n"),
    );
    folder.file("rules/good.yar", GOOD);
    let (rules, _) = folder.load();
    assert!(names(&scan(&rules, "x", b"needle")).contains(&"good"));
}
