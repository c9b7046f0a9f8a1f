//! Properties that hold for every set of policies: what is printed reads back, and rows agree with decisions.

use crate::at_risk::{AtRiskImageRule, ImageAction};
use crate::compile::Lack;
use crate::defence::{
    Cover, Covered, DefenceAction, DefenceAllow, DefenceRule, DefenceSubject, Fuse,
};
use crate::drift::properties::{
    ESCAPE, container, hostile, path_pattern, policy, prose, scope, word,
};
use crate::drift::{self, DriftPolicy, Verdict};
use crate::set::{RuleKind, parse, print};
use crate::*;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use yagura_event::{
    Behaviour, BehaviourSet, CellAction, Container, Denied, Dimension, DriftKind, Node,
    OriginClass, Provenance, Sha256, WallTime,
};

/// The time of every decision: behind one of the expiries that policies are made with, before another.
const NOW: WallTime = WallTime(10_000_000_000);

/// Few behaviours, so that rules, entries and questions often meet.
const SOME: [Behaviour; 6] = [
    Behaviour::NamespaceEntry,
    Behaviour::Integrity,
    Behaviour::CorePattern,
    Behaviour::RuntimeSocket,
    Behaviour::Mount,
    Behaviour::Bpf,
];

fn expiry() -> impl Strategy<Value = Option<Expiry>> {
    let texts = vec!["1970-01-01T00:00:05.5Z", "2200-01-01T00:00:00+09:00"];
    prop_oneof![
        4 => Just(None),
        1 => select(texts).prop_map(|text| Some(Expiry::new(text).unwrap())),
    ]
}

fn behaviours(of_dimension: Option<Dimension>) -> impl Strategy<Value = BehaviourSet> {
    let fits = move |b: &Behaviour| of_dimension.is_none_or(|d| b.dimension() == d);
    let some: Vec<Behaviour> = SOME.into_iter().filter(fits).collect();
    let count = some.len();
    subsequence(some, 1..=count).prop_map(|chosen| chosen.into_iter().collect())
}

fn cover(dimension: Dimension) -> impl Strategy<Value = Cover> {
    prop_oneof![
        Just(Cover::Nothing),
        Just(Cover::All),
        behaviours(Some(dimension)).prop_map(Cover::Only),
        behaviours(Some(dimension)).prop_map(Cover::Except),
    ]
}

fn covered() -> impl Strategy<Value = Covered> {
    let [process, file, syscall] = Dimension::ALL.map(cover);
    (process, file, syscall)
        .prop_map(|(process, file, syscall)| Covered {
            process,
            file,
            syscall,
        })
        .prop_filter("covers something", |covered| !covered.set().is_empty())
}

fn image(text: impl Strategy<Value = String>) -> impl Strategy<Value = ImagePattern> {
    prop_oneof![text, "[ab*?]{1,3}"].prop_map(|text| ImagePattern::new(&text).unwrap())
}

fn allow<S: Strategy<Value = String> + 'static>(
    text: fn() -> S,
) -> impl Strategy<Value = DefenceAllow> {
    (
        (of(path_pattern()), of(path_pattern()), of(path_pattern())),
        (
            of(path_pattern()),
            prop::option::weighted(0.3, image(text())),
        ),
        (of(behaviours(None)), expiry(), of(prose())),
    )
        .prop_map(
            |((process, parent, ancestor), (file, image), (behaviours, expires, reason))| {
                DefenceAllow {
                    process,
                    parent,
                    ancestor,
                    file,
                    image,
                    behaviours,
                    expires,
                    reason,
                }
            },
        )
        .prop_filter("names something", DefenceAllow::names_something)
}

fn fuse() -> impl Strategy<Value = Fuse> {
    let after = (1..=Fuse::RESTARTS_MAX, 1..=Fuse::WITHIN_MAX.seconds());
    prop_oneof![
        Just(Fuse::DEFAULT),
        Just(Fuse::Off),
        after.prop_map(|(restarts, seconds)| Fuse::After {
            restarts,
            within: Span::of_seconds(seconds),
        }),
    ]
}

fn defence_rules<S: Strategy<Value = String> + 'static>(
    text: fn() -> S,
    count: std::ops::Range<usize>,
) -> impl Strategy<Value = Vec<DefenceRule>> {
    let rule = (
        (
            select(DefenceAction::ALL.to_vec()),
            prop::bool::weighted(0.9),
        ),
        (any::<bool>(), prop_oneof![Just(100), 1..=100_u8]),
        (scope(text, 1..3), covered(), vec(allow(text), 0..3)),
        (expiry(), of(prose()), fuse()),
    )
        .prop_map(
            |(
                (action, enabled),
                (observe, nodes_percent),
                (scope, behaviours, allow),
                (expires, reason, fuse),
            )| DefenceRule {
                enabled,
                observe,
                nodes_percent,
                scope,
                behaviours,
                allow,
                expires,
                reason,
                fuse,
                ..DefenceRule::new("", action)
            },
        );
    vec(rule, count).prop_map(|mut rules| {
        for (index, rule) in rules.iter_mut().enumerate() {
            rule.name = format!("rule {index}");
        }
        rules
    })
}

fn image_rules() -> impl Strategy<Value = Vec<AtRiskImageRule>> {
    let age = 1..=AtRiskImageRule::AGE_MAX.seconds();
    let rule = (
        (
            select(ImageAction::ALL.to_vec()),
            any::<bool>(),
            scope(hostile, 1..3),
        ),
        vec(image(hostile()), 0..3),
        vec(any::<[u8; 32]>().prop_map(Sha256), 0..2),
        age.prop_map(Span::of_seconds),
    )
        .prop_map(
            |((action, enabled, scope), images, digests, age)| AtRiskImageRule {
                enabled,
                scope,
                scan_older_than: images.is_empty().then_some(age),
                images,
                digests,
                ..AtRiskImageRule::new("", action)
            },
        );
    vec(rule, 0..3).prop_map(|mut rules| {
        for (index, rule) in rules.iter_mut().enumerate() {
            rule.name = format!("image rule {index}");
        }
        rules
    })
}

fn path() -> impl Strategy<Value = String> {
    "(memfd:)?(/[ab]{1,2}){1,2}"
}

/// A process and where it runs.
#[derive(Debug)]
struct Scene {
    node: Node,
    container: Option<Container>,
    program: String,
    parent: String,
    ancestors: Vec<String>,
    file: String,
}

fn scene() -> impl Strategy<Value = Scene> {
    let node = (word(), of(word())).prop_map(|(name, cluster)| Node {
        name,
        cluster,
        cloud: None,
    });
    let around = (path(), path(), vec(path(), 0..3), path());
    let container = prop::option::weighted(0.9, container());
    (node, container, around).prop_map(|(node, container, (program, parent, ancestors, file))| {
        Scene {
            node,
            container,
            program,
            parent,
            ancestors,
            file,
        }
    })
}

impl Scene {
    fn compile(&self, set: &PolicySet) -> Compiled {
        let facts = ContainerFacts {
            container: self.container.as_ref(),
            now: NOW,
            blown_fuses: &[],
        };
        compile(set, &facts, &self.node)
    }

    fn ask_row(&self, compiled: &Compiled, what: Denied) -> RowDecision {
        let ancestors: Vec<&[u8]> = self.ancestors.iter().map(String::as_bytes).collect();
        let question = RowQuestion {
            what,
            program: Some(self.program.as_bytes()),
            parent: Some(self.parent.as_bytes()),
            ancestors: &ancestors,
            file: Some(self.file.as_bytes()),
        };
        decide_row(&compiled.row, &question)
    }

    /// What the drift policy says, as the kernel would do it.
    fn ask_drift(&self, set: &PolicySet, kind: DriftKind, provenance: Provenance) -> RowDecision {
        let ancestors: Vec<&[u8]> = self.ancestors.iter().map(String::as_bytes).collect();
        let subject = Subject {
            node: &self.node,
            container: self.container.as_ref(),
            kind,
            provenance,
            path: self.program.as_bytes(),
            sha256: Some(Sha256([0; 32])),
            parent: Some(self.parent.as_bytes()),
            ancestors: Some(&ancestors),
            now: NOW,
        };
        let decision = drift::decide(set.drift(), &subject);
        if decision.verdict != Verdict::Block {
            return RowDecision::default();
        }
        let rule = set.drift().rules().get(decision.rule.index);
        let blocks = rule.is_none_or(|rule| rule.blocks_on(&self.node.name));
        RowDecision {
            action: if blocks {
                CellAction::Deny
            } else {
                CellAction::Watch
            },
            rule: set.number_of(RuleKind::Drift, decision.rule.index),
        }
    }

    fn with_subject<R>(
        &self,
        behaviour: Behaviour,
        ask: impl FnOnce(&DefenceSubject<'_>) -> R,
    ) -> R {
        let ancestors: Vec<&[u8]> = self.ancestors.iter().map(String::as_bytes).collect();
        ask(&DefenceSubject {
            node: &self.node,
            container: self.container.as_ref(),
            behaviour,
            program: Some(self.program.as_bytes()),
            parent: Some(self.parent.as_bytes()),
            ancestors: Some(&ancestors),
            file: Some(self.file.as_bytes()),
            now: NOW,
        })
    }

    /// What defence rules say, as the kernel would do it.
    fn ask_defence(&self, set: &PolicySet, behaviour: Behaviour) -> RowDecision {
        let decision = self.with_subject(behaviour, |s| defence::decide(set.defence(), s));
        RowDecision {
            action: decision.action,
            rule: decision
                .rule
                .map(|rule| set.number_of(RuleKind::Defence, rule.index))
                .unwrap_or_default(),
        }
    }
}

/// Whether the row lacks entries of an allow list, so that it may deny what they would excuse.
fn lacks_entries(compiled: &Compiled) -> bool {
    compiled.gaps.iter().any(|gap| {
        matches!(
            gap.lack,
            Lack::Digest { .. } | Lack::LongText { .. } | Lack::Entries { .. }
        )
    })
}

fn drift_only(policy: DriftPolicy) -> PolicySet {
    PolicySet::assemble(Some(policy), Vec::new(), Vec::new())
}

fn class_of(provenance: Provenance) -> OriginClass {
    let mut classes = OriginClass::ALL.into_iter();
    classes
        .find(|c| c.provenances().contains(&provenance))
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn rows_agree_with_the_drift_policy(
        policy in policy(scope(word, 1..3)),
        scene in scene(),
        kind in select(DriftKind::ALL.to_vec()),
    ) {
        let set = drift_only(policy);
        let compiled = scene.compile(&set);
        for provenance in Provenance::DRIFTED {
            let decided = scene.ask_drift(&set, kind, provenance);
            let row = scene.ask_row(&compiled, Denied::Drift(kind, class_of(provenance)));
            if compiled.gaps.is_empty() {
                prop_assert_eq!(row, decided, "{:?} {:?}", provenance, compiled);
            } else if row.action == CellAction::Deny && !lacks_entries(&compiled) {
                prop_assert_eq!(decided.action, CellAction::Deny, "{:?} {:?}", provenance, compiled);
            }
        }
    }

    #[test]
    fn rows_agree_with_defence_rules(rules in defence_rules(word, 0..4), scene in scene()) {
        let set = PolicySet::assemble(None, rules, Vec::new());
        let compiled = scene.compile(&set);
        prop_assert!(compiled.row.defence.len() <= yagura_event::EnforcementRow::SLOTS_MAX);
        for behaviour in SOME {
            let decided = scene.ask_defence(&set, behaviour);
            let row = scene.ask_row(&compiled, Denied::Behaviour(behaviour));
            if compiled.gaps.is_empty() {
                prop_assert_eq!(row, decided, "{:?} {:?}", behaviour, compiled);
            } else if row.action == CellAction::Deny && !lacks_entries(&compiled) {
                prop_assert_eq!(decided.action, CellAction::Deny, "{:?} {:?}", behaviour, compiled);
            }
        }
    }

    #[test]
    fn explanations_of_defence_agree_with_decisions(
        rules in defence_rules(word, 0..4),
        scene in scene(),
        behaviour in select(SOME.to_vec()),
    ) {
        let (decision, explanation) = scene.with_subject(behaviour, |subject| {
            (defence::decide(&rules, subject), defence::explain(&rules, subject))
        });
        prop_assert_eq!(decision, explanation.decision);
        prop_assert_eq!(explanation.steps.len(), rules.len());
        prop_assert!(!explanation.to_string().contains(ESCAPE));
    }

    #[test]
    fn every_text_of_a_row_means_what_the_pattern_means(pattern in path_pattern(), path in path()) {
        prop_assert_eq!(
            crate::pattern::text_matches(pattern.as_str(), path.as_bytes()),
            pattern.matches(path.as_bytes())
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn more_rules_than_slots_never_deny_more(rules in defence_rules(word, 7..14), scene in scene()) {
        let set = PolicySet::assemble(None, rules, Vec::new());
        let compiled = scene.compile(&set);
        prop_assert!(compiled.row.defence.len() <= yagura_event::EnforcementRow::SLOTS_MAX);
        for behaviour in SOME {
            let row = scene.ask_row(&compiled, Denied::Behaviour(behaviour));
            if row.action == CellAction::Deny && !lacks_entries(&compiled) {
                prop_assert_eq!(scene.ask_defence(&set, behaviour).action, CellAction::Deny);
            }
        }
    }

    #[test]
    fn a_printed_set_reads_back_the_same(
        drift in of(policy(scope(hostile, 1..3))),
        rules in defence_rules(hostile, 0..3),
        images in image_rules(),
        other in defence_rules(hostile, 0..3),
    ) {
        let set = PolicySet::assemble(drift, rules, images);
        let text = print(&set);
        let parsed = if text.is_empty() {
            set::parse_all(&[])
        } else {
            parse("printed", text.as_bytes())
        };
        let errors: Vec<String> = parsed
            .diagnostics
            .iter()
            .filter(|d| d.severity == Severity::Error)
            .map(ToString::to_string)
            .collect();
        prop_assert_eq!(errors, Vec::<String>::new(), "{}", text);
        prop_assert_eq!(parsed.set.as_ref(), Some(&set));
        prop_assert!(set::diff(&set, &set).is_empty());
        let found = defence::diff(set.defence(), &other);
        prop_assert_eq!(found.is_empty(), set.defence() == other);
        prop_assert!(!found.to_string().contains(ESCAPE));
    }

    #[test]
    fn no_text_makes_the_reader_of_sets_panic(
        text in "(kind|name|spec|[-\\[\\]{}:,?&*!|>'\"%@# \n\t~a]){0,60}",
        bytes in any::<Vec<u8>>(),
    ) {
        parse("any", text.as_bytes());
        parse("any", &bytes);
        for kind in ["DefenceRule", "AtRiskImageRule"] {
            parse("any", format!("kind: {kind}\nmetadata: {{name: a}}\nspec:\n  {text}").as_bytes());
        }
    }
}
