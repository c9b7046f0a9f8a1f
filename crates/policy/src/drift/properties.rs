//! Properties that hold for every policy and every subject.

use super::*;
use crate::allow_list::ProcessPattern;
use crate::pattern::PathPattern;
use crate::scope::CloudScope;
use crate::subject::Subject;
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use yagura_event::{
    Cloud, Container, DriftKind, Node, Pod, Provenance, Provider, Runtime, Sha256, WallTime,
};

/// What begins a terminal's control sequence.
pub(crate) const ESCAPE: char = '\x1b';

/// Few words, so that conditions and containers often meet.
pub(crate) fn word() -> impl Strategy<Value = String> {
    select(vec!["a", "b", "ab", "ba", "web"]).prop_map(str::to_owned)
}

/// Anything that may stand in a text that is compared.
pub(crate) fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        select(vec![
            "~",
            "null",
            "- a",
            "a: b",
            "#",
            "\u{feff}",
            "\u{85}\u{2028}",
            "'\"\\",
            " x ",
            "{}",
            "\u{1b}[31m\r\u{7}\u{7f}\u{9b}"
        ])
        .prop_map(str::to_owned),
    ]
    .prop_map(|text| text.replace('\0', ""))
    .prop_filter("not empty", |text| !text.is_empty())
}

pub(crate) fn prose() -> impl Strategy<Value = String> {
    hostile()
        .prop_map(|text| text.replace(|c: char| c.is_control() && c != '\n' && c != '\t', ""))
        .prop_filter("not empty", |text| !text.is_empty())
}

fn field(key: impl Strategy<Value = String>) -> impl Strategy<Value = Field> {
    (0..6, key).prop_map(|(choice, key)| match choice {
        0 => Field::ContainerName,
        1 => Field::ImageName,
        2 => Field::Namespace,
        3 => Field::PodName,
        4 => Field::ClusterName,
        _ => Field::PodLabel(key),
    })
}

pub(crate) fn scope<S: Strategy<Value = String> + 'static>(
    text: fn() -> S,
    values: std::ops::Range<usize>,
) -> impl Strategy<Value = Scope> {
    let cloud =
        (select(Provider::ALL.to_vec()), of(vec(text(), 1..3))).prop_map(|(provider, accounts)| {
            CloudScope {
                provider,
                accounts: accounts.map(distinct),
            }
        });
    let condition = (
        field(text()),
        select(Operator::ALL.to_vec()),
        vec(text(), values),
    )
        .prop_map(|(field, operator, values)| Condition {
            field,
            operator,
            values: distinct(values),
        });
    (of(prose()), vec(cloud, 0..2), vec(condition, 0..3)).prop_map(
        |(description, clouds, conditions)| Scope {
            description,
            clouds,
            conditions,
        },
    )
}

fn distinct(mut texts: Vec<String>) -> Vec<String> {
    texts.sort();
    texts.dedup();
    texts
}

pub(crate) fn path_pattern() -> impl Strategy<Value = PathPattern> {
    prop_oneof!["[ab*?]{1,4}", "/[ab*?/]{0,4}[ab*]", "\\*/\\PC{0,5}[ab\n]"]
        .prop_filter_map("a pattern", |text| PathPattern::new(&text).ok())
}

fn allow_entry() -> impl Strategy<Value = AllowEntry> {
    let process = prop_oneof![
        path_pattern().prop_map(ProcessPattern::Path),
        (0..3_u8).prop_map(|byte| ProcessPattern::Sha256(Sha256([byte; 32]))),
    ];
    (process, of(path_pattern()), of(path_pattern()), of(prose())).prop_map(
        |(process, parent, ancestor, reason)| AllowEntry {
            process,
            parent,
            ancestor,
            reason,
        },
    )
}

fn rule(scope: impl Strategy<Value = Scope>) -> impl Strategy<Value = DriftRule> {
    let counted = (
        subsequence(DriftKind::ALL.to_vec(), 1..=3),
        subsequence(Provenance::DRIFTED.to_vec(), 1..=7),
        any::<bool>(),
    );
    let expires = of(select(vec![
        "1970-01-01",
        "1970-01-01T00:00:05.5Z",
        "2200-01-01T00:00:00+09:00",
    ]));
    (
        (
            select(RuleAction::ALL.to_vec()),
            prop::bool::weighted(0.9),
            scope,
            counted,
        ),
        vec(allow_entry(), 0..3),
        (of(prose()), expires, any::<bool>(), 1..=100_u8),
    )
        .prop_map(
            |((action, enabled, scope, counted), allow, (reason, expires, observe, percent))| {
                let (kinds, provenances, every) = counted;
                DriftRule {
                    enabled,
                    scope,
                    kinds: KindSet::of(kinds),
                    provenances: if every {
                        ProvenanceSet::ALL
                    } else {
                        ProvenanceSet::of(provenances)
                    },
                    allow,
                    owner: None,
                    reason,
                    expires: expires.map(|text| Expiry::new(text).unwrap()),
                    observe,
                    nodes_percent: percent,
                    ..DriftRule::new("", action)
                }
            },
        )
}

pub(crate) fn policy(scope: impl Strategy<Value = Scope>) -> impl Strategy<Value = DriftPolicy> {
    let names = vec("[^\\p{C}\\p{Z}]{1,20}", 8);
    (
        names,
        vec(rule(scope), 0..7),
        select(RuleAction::ALL.to_vec()),
        of(any::<u64>()),
    )
        .prop_map(|(names, mut rules, default_action, version)| {
            for (index, (rule, name)) in rules.iter_mut().zip(&names).enumerate() {
                // Unassigned and invisible characters are filtered here: the classes above are not exactly ours.
                let plain = |c: &char| {
                    *c != '\\' && yagura_event::escape(c.to_string().as_bytes()).starts_with(*c)
                };
                rule.name = name.chars().filter(plain).collect();
                rule.name.push_str(&index.to_string());
                rule.owner = (index % 2 == 0).then(|| rule.name.clone());
            }
            DriftPolicy::assemble(None, version, rules, default_action)
        })
}

/// A subject with everything that it borrows.
#[derive(Debug)]
struct Case {
    node: Node,
    container: Option<Container>,
    kind: DriftKind,
    provenance: Provenance,
    path: String,
    sha256: Option<Sha256>,
    parent: Option<String>,
    ancestors: Option<Vec<String>>,
}

impl Case {
    fn ask<R>(&self, ask: impl FnOnce(&Subject<'_>) -> R) -> R {
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
            now: WallTime(10_000_000_000),
        })
    }
}

pub(crate) fn container() -> impl Strategy<Value = Container> {
    let text = || prop_oneof![word(), Just(String::new())];
    let pod =
        (text(), text(), btree_map(word(), word(), 0..3)).prop_map(|(name, namespace, labels)| {
            Pod {
                name,
                namespace,
                labels,
                uid: String::new(),
            }
        });
    let runtime = select(vec![Runtime::Containerd, Runtime::Runc, Runtime::Unknown]);
    (text(), text(), of(pod), any::<bool>(), runtime).prop_map(
        |(name, image, pod, gap, runtime)| Container {
            name,
            image,
            pod,
            runtime,
            gaps: if gap {
                vec!["gap".to_owned()]
            } else {
                Vec::new()
            },
            ..Container::default()
        },
    )
}

fn case() -> impl Strategy<Value = Case> {
    let cloud = (
        select(Provider::ALL.to_vec()),
        prop_oneof![word(), Just(String::new())],
    )
        .prop_map(|(provider, account)| Cloud { provider, account });
    let path = || "(memfd:)?(/[ab]{1,2}){1,2}";
    (
        (of(word()), of(cloud), of(container())),
        (
            select(DriftKind::ALL.to_vec()),
            select(Provenance::DRIFTED.to_vec()),
            path(),
        ),
        (
            of((0..3_u8).prop_map(|b| Sha256([b; 32]))),
            of(path()),
            of(vec(path(), 0..3)),
        ),
    )
        .prop_map(
            |(
                (cluster, cloud, container),
                (kind, provenance, path),
                (sha256, parent, ancestors),
            )| {
                Case {
                    node: Node {
                        name: "node".to_owned(),
                        cluster,
                        cloud,
                    },
                    container,
                    kind,
                    provenance,
                    path,
                    sha256,
                    parent,
                    ancestors,
                }
            },
        )
}

/// The rules of evaluation word for word: `None` is unknown. Shares nothing with the evaluator but the values.
mod naive {
    use super::*;

    pub(super) fn decide(policy: &DriftPolicy, s: &Subject<'_>) -> (Verdict, usize) {
        let mut possible = None;
        for (index, rule) in policy.rules().iter().enumerate() {
            let expired = rule.expires.as_ref().is_some_and(|e| e.at().0 <= s.now.0);
            let counts = rule.kinds.iter().any(|k| k == s.kind)
                && rule.provenances.iter().any(|p| p == s.provenance);
            if !rule.enabled || expired || !counts {
                continue;
            }
            let listed = rule.allow.iter().any(|e| allows(e, s) == Some(true));
            let verdict = if listed {
                Verdict::Allowed
            } else {
                rule.action.into()
            };
            match in_scope(&rule.scope, s) {
                Some(false) => {}
                None if verdict.reports() => possible = possible.or(Some(index)),
                None => {}
                Some(true) => return end(verdict, index, possible),
            }
        }
        end(
            policy.default_action().into(),
            policy.rules().len(),
            possible,
        )
    }

    fn end(verdict: Verdict, index: usize, possible: Option<usize>) -> (Verdict, usize) {
        match possible {
            Some(possible) if !verdict.reports() => (Verdict::Alert, possible),
            _ => (verdict, index),
        }
    }

    fn all(parts: impl IntoIterator<Item = Option<bool>>) -> Option<bool> {
        let parts: Vec<_> = parts.into_iter().collect();
        if parts.contains(&Some(false)) {
            Some(false)
        } else if parts.contains(&None) {
            None
        } else {
            Some(true)
        }
    }

    fn any(parts: impl IntoIterator<Item = Option<bool>>) -> Option<bool> {
        all(parts.into_iter().map(|part| part.map(|p| !p))).map(|none| !none)
    }

    fn in_scope(scope: &Scope, s: &Subject<'_>) -> Option<bool> {
        let clouds = if scope.clouds.is_empty() {
            Some(true)
        } else {
            any(scope.clouds.iter().map(|wanted| {
                let cloud = s.node.cloud.as_ref()?;
                if cloud.provider != wanted.provider {
                    return Some(false);
                }
                let Some(accounts) = &wanted.accounts else {
                    return Some(true);
                };
                (!cloud.account.is_empty()).then(|| accounts.contains(&cloud.account))
            }))
        };
        let conditions = all(scope.conditions.iter().map(|condition| holds(condition, s)));
        all([clouds, conditions])
    }

    fn holds(condition: &Condition, s: &Subject<'_>) -> Option<bool> {
        let found = match &condition.field {
            Field::ClusterName => s.node.cluster.clone()?,
            field => value(field, s.container?)?,
        };
        // A text that is known to be empty fits nothing, since no value is empty.
        Some(
            condition
                .values
                .iter()
                .any(|wanted| match condition.operator {
                    Operator::Equals => found == *wanted,
                    Operator::StartsWith => found.starts_with(wanted.as_str()),
                    Operator::EndsWith => found.ends_with(wanted.as_str()),
                    Operator::Contains => found.contains(wanted.as_str()),
                }),
        )
    }

    fn value(field: &Field, c: &Container) -> Option<String> {
        let gaps = !c.gaps.is_empty();
        let plain = |text: &str| (!text.is_empty() || !gaps).then(|| text.to_owned());
        let pod = match &c.pod {
            None if gaps && c.runtime != Runtime::Runc => None,
            pod => Some(pod.clone()),
        };
        match field {
            Field::ContainerName => plain(&c.name),
            Field::ImageName => plain(&c.image),
            Field::Namespace => pod?.map_or(Some(String::new()), |p| plain(&p.namespace)),
            Field::PodName => pod?.map_or(Some(String::new()), |p| plain(&p.name)),
            Field::PodLabel(key) => match pod? {
                Some(pod) if pod.labels.is_empty() => plain(""),
                Some(pod) => Some(pod.labels.get(key).cloned().unwrap_or_default()),
                None => Some(String::new()),
            },
            Field::ClusterName => None,
        }
    }

    fn allows(entry: &AllowEntry, s: &Subject<'_>) -> Option<bool> {
        let process = match &entry.process {
            ProcessPattern::Sha256(digest) => s.sha256.map(|found| found == *digest),
            ProcessPattern::Path(pattern) => Some(
                pattern.matches(s.path)
                    && !(s.provenance == Provenance::Memfd && pattern.as_str().contains('/')),
            ),
        };
        let parent = match &entry.parent {
            None => Some(true),
            Some(pattern) => s.parent.map(|path| pattern.matches(path)),
        };
        let ancestor = match &entry.ancestor {
            None => Some(true),
            Some(pattern) => s
                .ancestors
                .map(|all| all.iter().any(|path| pattern.matches(path))),
        };
        all([process, parent, ancestor])
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_first_match_decides(policy in policy(scope(word, 1..3)), case in case()) {
        let decision = case.ask(|subject| {
            let decision = decide(&policy, subject);
            (decision.verdict, decision.rule.index)
        });
        prop_assert_eq!(decision, case.ask(|subject| naive::decide(&policy, subject)));
    }

    #[test]
    fn explanations_agree_with_decisions(policy in policy(scope(word, 1..3)), case in case()) {
        let (decision, explanation) =
            case.ask(|subject| (decide(&policy, subject), explain(&policy, subject)));
        prop_assert_eq!(decision, explanation.decision);
        let last = explanation.steps.last().map(|step| &step.outcome);
        let matched = matches!(last, Some(Outcome::Matched { .. }));
        prop_assert!(matched);
        let possible = explanation.steps.iter().find(|step| {
            matches!(step.outcome, Outcome::Unknown { possible: true, .. })
        });
        if decision.is_possible_only() {
            prop_assert_eq!(possible.map(|step| step.rule), Some(decision.rule));
        } else {
            prop_assert_eq!(explanation.steps.last().map(|step| step.rule), Some(decision.rule));
        }
        prop_assert!(!explanation.to_string().contains(ESCAPE));
    }

    #[test]
    fn a_printed_policy_reads_back_the_same(policy in policy(scope(hostile, 1..3))) {
        let text = print(&policy);
        let parsed = parse("printed", text.as_bytes());
        let errors: Vec<_> = parsed
            .diagnostics
            .iter()
            .filter(|d| d.severity == crate::Severity::Error)
            .map(ToString::to_string)
            .collect();
        prop_assert_eq!(errors, Vec::<String>::new(), "{}", text);
        prop_assert_eq!(parsed.policy, Some(policy));
    }

    #[test]
    fn a_policy_differs_from_itself_in_nothing_and_from_others_in_something(
        a in policy(scope(hostile, 1..3)),
        b in policy(scope(hostile, 1..3)),
    ) {
        prop_assert!(diff(&a, &a).is_empty());
        let found = diff(&a, &b);
        prop_assert_eq!(found.is_empty(), a == b);
        prop_assert!(!found.to_string().contains(ESCAPE));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>(), bytes in any::<Vec<u8>>()) {
        parse("any", text.as_bytes());
        parse("any", &bytes);
    }

    #[test]
    fn no_yaml_like_text_makes_the_parser_panic(
        text in "(rules|name|spec|[-\\[\\]{}:,?&*!|>'\"%@# \n\t~a]){0,60}",
    ) {
        parse("any", text.as_bytes());
        parse("any", format!("spec:\n  rules:\n    - {text}").as_bytes());
    }
}
