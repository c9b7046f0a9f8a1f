//! The Markdown files of `testdata/`: prose, a policy, and what it decides.
//!
//! A block ```` ```yaml ```` is a policy for the blocks ```` ```decisions ```` behind it. A line of those says what
//! runs and, behind `=>`, what comes of it:
//!
//! ```text
//! process=/tmp/x namespace=kube-system => alert: Alert on Kube-System namespace
//! ```
//!
//! `maybe alert` is a rule that decides although a fact is missing; what is missing follows in parentheses.

use crate::policy_of;
use std::collections::BTreeMap;
use std::path::Path;
use yagura_event::{
    Cloud, Container, DriftKind, Node, Pod, Provenance, Provider, Sha256, WallTime,
};
use yagura_policy::Subject;
use yagura_policy::drift::{Decision, DriftPolicy, Expiry, decide, explain};

#[test]
fn every_decision_of_the_test_data() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let mut failures = Vec::new();
    let mut checked = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        checked += check_file(&name, &text, &mut failures);
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
    assert!(checked > 60, "only {checked} decisions found");
}

/// Checks all decisions of a file and returns their number.
fn check_file(name: &str, text: &str, failures: &mut Vec<String>) -> usize {
    let mut policy = DriftPolicy::built_in();
    let mut checked = 0;
    let mut lines = text.lines().enumerate();
    while let Some((_, line)) = lines.next() {
        let Some(language) = line.strip_prefix("```") else {
            continue;
        };
        let block: Vec<_> = lines
            .by_ref()
            .take_while(|(_, line)| *line != "```")
            .collect();
        match language {
            "yaml" => {
                let lines: Vec<&str> = block.iter().map(|(_, line)| *line).collect();
                policy = policy_of(&lines.join("\n"));
            }
            "decisions" => {
                for (number, line) in block {
                    if line.is_empty() {
                        continue;
                    }
                    checked += 1;
                    if let Err(found) = check_line(&policy, line) {
                        failures.push(format!("{name}:{}: {line}\n  found: {found}", number + 1));
                    }
                }
            }
            other => panic!("{name}: unknown block {other}"),
        }
    }
    checked
}

fn check_line(policy: &DriftPolicy, line: &str) -> Result<(), String> {
    let (facts, expected) = line.split_once(" => ").expect("a line has =>");
    let found = Case::of(facts).ask(|subject| {
        assert_eq!(decide(policy, subject), explain(policy, subject).decision);
        describe(&decide(policy, subject))
    });
    if found == expected.trim() {
        Ok(())
    } else {
        Err(found)
    }
}

fn describe(decision: &Decision<'_>) -> String {
    let maybe = if decision.is_possible_only() {
        "maybe "
    } else {
        ""
    };
    let gap = decision
        .gap
        .map(|gap| format!(" ({})", gap.missing))
        .unwrap_or_default();
    format!(
        "{maybe}{}: {}{gap}",
        decision.verdict.as_str(),
        decision.rule.name
    )
}

/// What a line says, in the form that a subject borrows.
pub(crate) struct Case {
    node: Node,
    container: Option<Container>,
    kind: DriftKind,
    provenance: Provenance,
    path: String,
    sha256: Option<Sha256>,
    parent: Option<String>,
    ancestors: Option<Vec<String>>,
    now: WallTime,
}

impl Default for Case {
    fn default() -> Self {
        Case {
            node: Node::default(),
            container: Some(Container::default()),
            kind: DriftKind::Binaries,
            provenance: Provenance::Written,
            path: "/tmp/x".to_owned(),
            sha256: None,
            parent: None,
            ancestors: None,
            now: WallTime(0),
        }
    }
}

impl Case {
    pub(crate) fn of(facts: &str) -> Case {
        let mut case = Case::default();
        for fact in facts.split_whitespace() {
            let (key, value) = fact.split_once('=').expect("a fact has =");
            case.set(key, value);
        }
        case
    }

    fn set(&mut self, key: &str, value: &str) {
        let text = value.to_owned();
        match key {
            "process" => self.path = text,
            "kind" => {
                let kind = DriftKind::ALL.into_iter().find(|k| k.singular() == value);
                self.kind = kind.expect("a kind");
            }
            "provenance" => {
                let found = Provenance::DRIFTED
                    .into_iter()
                    .find(|p| p.as_str() == value);
                self.provenance = found.expect("a provenance");
            }
            "sha256" => self.sha256 = Some(Sha256([value.parse().expect("a byte"); 32])),
            "parent" => self.parent = Some(text),
            "ancestors" => self.ancestors = Some(value.split(',').map(str::to_owned).collect()),
            "now" => self.now = Expiry::new(value).expect("a date-time").at(),
            "cluster" => self.node.cluster = Some(text),
            "cloud" => {
                let (provider, account) = value.split_once('/').unwrap_or((value, ""));
                self.node.cloud = Some(Cloud {
                    provider: Provider::from_name(provider).expect("a provider"),
                    account: account.to_owned(),
                });
            }
            "metadata" => self.container = None,
            "container" => self.container().name = text,
            "image" => self.container().image = text,
            "gap" => self.container().gaps.push(text),
            "namespace" => self.pod().namespace = text,
            "pod" => self.pod().name = text,
            other => {
                let label = other.strip_prefix("label.").expect("a known fact");
                let labels: &mut BTreeMap<_, _> = &mut self.pod().labels;
                labels.insert(label.to_owned(), text);
            }
        }
    }

    fn container(&mut self) -> &mut Container {
        self.container.get_or_insert_default()
    }

    fn pod(&mut self) -> &mut Pod {
        self.container().pod.get_or_insert_default()
    }

    pub(crate) fn ask<R>(&self, ask: impl FnOnce(&Subject<'_>) -> R) -> R {
        let ancestors: Option<Vec<&[u8]>> = self
            .ancestors
            .as_ref()
            .map(|all| all.iter().map(String::as_bytes).collect());
        ask(&Subject {
            node: &self.node,
            container: self.container.as_ref(),
            kind: self.kind,
            provenance: self.provenance,
            path: self.path.as_bytes(),
            sha256: self.sha256,
            parent: self.parent.as_ref().map(String::as_bytes),
            ancestors: ancestors.as_deref(),
            now: self.now,
        })
    }
}
