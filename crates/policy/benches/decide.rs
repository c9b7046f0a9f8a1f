//! Time of one decision, for policies of 1, 100 and 1,000 rules of which the last decides.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use std::fmt::Write as _;
use std::hint::black_box;
use yagura_event::{Container, DriftKind, Node, Pod, Provenance, Runtime, WallTime};
use yagura_policy::Subject;
use yagura_policy::drift::{DriftPolicy, decide, parse};

/// A policy of rules on namespaces of their own.
fn policy(rules: usize, operator: &str) -> DriftPolicy {
    let mut text = "apiVersion: yagura.dev/v1\nkind: DriftPolicy\nspec:\n  rules:\n".to_owned();
    for number in 1..=rules {
        // Writing to a String does not fail.
        let _ = writeln!(
            text,
            "    - name: rule {number}\n      action: alert\n      scope:\n        conditions:\n          - {{ field: namespace, operator: {operator}, values: [team-{number}-blue, team-{number}-green] }}"
        );
    }
    parse("bench", text.as_bytes()).policy.unwrap_or_default()
}

fn benchmark(c: &mut Criterion) {
    let node = Node::default();
    for operator in ["equals", "starts-with"] {
        let mut group = c.benchmark_group(format!("decide/{operator}"));
        for rules in [1, 100, 1_000] {
            let policy = policy(rules, operator);
            assert_eq!(policy.rules().len(), rules);
            let container = Container {
                name: "web".to_owned(),
                image: "registry.example/web:1".to_owned(),
                runtime: Runtime::Containerd,
                pod: Some(Pod {
                    name: "web-7d4b9c".to_owned(),
                    namespace: format!("team-{rules}-green"),
                    ..Pod::default()
                }),
                ..Container::default()
            };
            let subject = Subject {
                node: &node,
                container: Some(&container),
                kind: DriftKind::Binaries,
                provenance: Provenance::Written,
                path: b"/tmp/dropped",
                sha256: None,
                parent: Some(b"/bin/sh"),
                ancestors: None,
                now: WallTime(0),
            };
            assert_eq!(decide(&policy, &subject).rule.index, rules - 1);
            group.bench_function(BenchmarkId::from_parameter(rules), |b| {
                b.iter(|| decide(black_box(&policy), black_box(&subject)));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, benchmark);
criterion_main!(benches);
