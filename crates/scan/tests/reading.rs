//! Reports: digests, bounds, readers that misbehave, lists.

use crate::samples::{OWN, elf, plain, scan, script};
use std::fs;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use yagura_event::ScanEngine;
use yagura_scan::{FINDINGS_MAX, ScanConfig, ScanRules, Scanner, fuzzy_digest};

/// A folder of this test's own.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("yagura-scan-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("temporary folder");
        Folder(path)
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).expect("temporary file");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn eicar() -> String {
    plain("X5O!P%@AP[4\\PZX54(P^)7CC)7}$EI~CAR-STANDARD-ANTI~VIRUS-TEST-FILE!$H+H*")
}

/// Gives its bytes a few at a time, and an error or an interruption between them.
struct Slow<'a> {
    rest: &'a [u8],
    turn: u32,
    fails: bool,
}

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.turn += 1;
        if self.turn.is_multiple_of(3) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if self.fails && self.turn > 10 {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let count = buffer.len().min(1000).min(self.rest.len());
        buffer[..count].copy_from_slice(&self.rest[..count]);
        self.rest = &self.rest[count..];
        Ok(count)
    }
}

fn scanner(config: &ScanConfig) -> Scanner {
    Scanner::new(Arc::new(ScanRules::load(config).expect("rules").0))
}

#[test]
fn the_test_file_is_found_by_digest_and_by_rule() {
    let report = scan("/tmp/x", eicar().as_bytes());
    let engines: Vec<_> = report
        .findings
        .iter()
        .map(|finding| finding.engine)
        .collect();
    assert_eq!(engines, [ScanEngine::Hash, ScanEngine::Yara]);
    for finding in &report.findings {
        assert_eq!(
            (finding.key.as_str(), finding.score),
            ("malware.malicious_program", 100)
        );
        assert_eq!(finding.family, "EICAR-Test-File");
    }
    let found = &report.findings[1].matches[0];
    assert_eq!(
        (found.name.as_str(), found.offset, found.length),
        ("$start", 0, 33)
    );
    assert_eq!(found.data.as_bytes(), &eicar().as_bytes()[..33]);
    assert_eq!(report.size, 68);
}

#[test]
fn a_reader_gives_the_same_report_as_the_bytes() {
    let content = [
        elf(&["rx/~wow", "cn-heavy/~xhv", "argon2/~chukwa", "N5x~mrig"]),
        vec![7; 50_000],
    ]
    .concat();
    let mut scanner = Scanner::new(Arc::clone(&OWN));
    let whole = scanner.scan(b"/tmp/x", &content);
    assert_eq!(whole.findings.len(), 1);
    for hint in [0, 10, u64::MAX] {
        let reader = Slow {
            rest: &content,
            turn: 0,
            fails: false,
        };
        let read = scanner.scan_reader(b"/tmp/x", hint, reader).expect("read");
        assert_eq!(read, whole);
    }
    let reader = Slow {
        rest: &content,
        turn: 0,
        fails: true,
    };
    let error = scanner
        .scan_reader(b"/tmp/x", 0, reader)
        .expect_err("an error of the reader");
    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
}

#[test]
fn beyond_the_bound_content_is_hashed_but_not_looked_at() {
    let config = ScanConfig {
        file_bytes_max: 20_000,
        ..ScanConfig::default()
    };
    let mut scanner = scanner(&config);
    let marks = elf(&["rx/~wow", "cn-heavy/~xhv", "argon2/~chukwa", "N5x~mrig"]);
    let behind = [elf(&["ordinary"]), vec![1; 20_000], marks.clone()].concat();
    let before = [marks, vec![1; 40_000]].concat();
    for (content, findings) in [(&behind, 0), (&before, 1)] {
        let report = scanner
            .scan_reader(b"x", 0, content.as_slice())
            .expect("read");
        assert_eq!(report, scanner.scan(b"x", content));
        assert_eq!(
            (report.findings.len(), report.size),
            (findings, content.len() as u64)
        );
        let gap = format!("only the first 20000 of {} bytes", content.len());
        assert!(report.gaps[0].starts_with(&gap), "{:?}", report.gaps);
        assert_eq!(report.sha256, scan("x", content).sha256);
    }
    let exact = vec![3; 20_000];
    assert_eq!(
        scanner
            .scan_reader(b"x", 0, exact.as_slice())
            .expect("read")
            .gaps,
        Vec::<String>::new()
    );
}

#[test]
fn lists_add_findings_and_wrong_lines_are_named() {
    let folder = Folder::new("lists");
    let content = script("sh", &"echo one two three four five; ".repeat(40));
    let digest = scan("x", &content).sha256;
    let mut copy = content.clone();
    copy[200] = b'#';
    let fuzzy = fuzzy_digest(&content).expect("enough variety");
    let digests = folder.file(
        "digests.txt",
        &format!("{digest} Sample.One # from a report\nnonsense\n"),
    );
    let fuzzies = folder.file("fuzzy.txt", &format!("{fuzzy} Sample.Two\nT1FF Sample\n"));
    let images = folder.file("images.txt", "evil/miner # mines\nsha256:zz\n");
    let config = ScanConfig {
        digest_lists: vec![digests.clone()],
        fuzzy_lists: vec![fuzzies],
        image_lists: vec![images],
        ..ScanConfig::default()
    };
    let (rules, problems) = ScanRules::load(&config).expect("lists");
    let lines: Vec<_> = problems.iter().filter_map(|problem| problem.line).collect();
    assert_eq!(lines, [2, 2, 2], "{problems:?}");
    assert!(
        problems[0]
            .to_string()
            .starts_with(&format!("{}:2: ", digests.display()))
    );
    assert_eq!(
        rules
            .image_threat("evil/miner:3", None)
            .expect("listed")
            .reason,
        "mines"
    );

    let mut scanner = Scanner::new(Arc::new(rules));
    let report = scanner.scan(b"x", &content);
    assert_eq!(report.fuzzy.as_deref(), Some(fuzzy.as_str()));
    let found: Vec<_> = report
        .findings
        .iter()
        .map(|f| (f.engine, f.family.as_str(), f.score))
        .collect();
    assert_eq!(
        found,
        [
            (ScanEngine::Hash, "Sample.One", 100),
            (ScanEngine::Fuzzy, "Sample.Two", 95)
        ]
    );
    assert_eq!(report.findings[0].reasons[1], "from a report");
    let report = scanner.scan(b"x", &copy);
    let [near] = report.findings.as_slice() else {
        panic!("{:?}", report.findings)
    };
    assert_eq!(
        (near.engine, near.family.as_str()),
        (ScanEngine::Fuzzy, "Sample.Two")
    );
    assert!((55..95).contains(&near.score));
}

#[test]
fn what_is_not_there_is_an_error() {
    for config in [
        ScanConfig {
            rule_folders: vec!["/nonexistent/rules".into()],
            ..ScanConfig::default()
        },
        ScanConfig {
            digest_lists: vec!["/nonexistent/list".into()],
            ..ScanConfig::default()
        },
    ] {
        let error = ScanRules::load(&config).expect_err("not there");
        assert!(error.to_string().contains("/nonexistent/"), "{error}");
    }
}

#[test]
fn a_webshell_is_a_finding_with_its_reasons() {
    let shell = plain("<?php @ev~al($_PO~ST['x']); ?>");
    let report = scan("/var/www/html/a.php", shell.as_bytes());
    let finding = report
        .findings
        .iter()
        .find(|finding| finding.engine == ScanEngine::Webshell)
        .expect("a webshell");
    assert_eq!(
        (finding.key.as_str(), finding.rule.as_str()),
        ("webshell.file", "php")
    );
    assert!(!finding.reasons.is_empty() && finding.reasons.len() == finding.matches.len());
    let page = "<?php echo htmlspecialchars($_GET['name']); ?>";
    assert_eq!(scan("/var/www/html/a.php", page.as_bytes()).findings, []);
}

#[test]
fn findings_are_bounded_and_the_surest_come_first() {
    let folder = Folder::new("many");
    let rules: String = (1..=60)
        .map(|n| format!("rule r{n} {{ meta: score = {} strings: $a = \"aa\" $b = \"a\" condition: any of them }}\n", n + 30))
        .collect();
    folder.file("many.yar", &rules);
    let config = ScanConfig {
        rule_folders: vec![folder.0.clone()],
        ..ScanConfig::default()
    };
    let report = scanner(&config).scan(b"x", &[b'a'; 100_000]);
    assert_eq!(report.findings.len(), FINDINGS_MAX);
    assert_eq!(
        (report.findings[0].rule.as_str(), report.findings[0].score),
        ("r60", 90)
    );
    assert!(
        report
            .findings
            .iter()
            .all(|finding| finding.matches.len() == 8)
    );
    assert!(
        report
            .findings
            .windows(2)
            .all(|pair| pair[0].score >= pair[1].score)
    );
}
