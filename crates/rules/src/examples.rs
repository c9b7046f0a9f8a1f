//! The examples that rules hold, run.

use crate::evaluate::{Outcome, RuleError, RuleSet, Unknowns};
use crate::map_subject::{MapSubject, MapSubjectError};
use crate::rule::{Rule, RuleTest};
use crate::state::RuleState;

/// An example that does not do what it says.
#[derive(Debug, thiserror::Error)]
pub enum FailedExample {
    /// The rule fired where it should not, or did not where it should.
    #[error("rule {rule:?} should {} on {test:?}, but did not", if *fires { "fire" } else { "stay silent" })]
    Outcome {
        /// Name of the rule.
        rule: String,
        /// Name of the example.
        test: String,
        /// Whether it should fire.
        fires: bool,
    },
    /// An event of the example can't be made.
    #[error("rule {rule:?}, test {test:?}: {source}")]
    Event {
        /// Name of the rule.
        rule: String,
        /// Name of the example.
        test: String,
        /// Why.
        source: MapSubjectError,
    },
    /// The rule can't be compiled.
    #[error(transparent)]
    Rule(#[from] RuleError),
}

/// Runs the examples of all rules, each rule alone; returns those that do not do what they say.
pub fn run_examples(rules: &[Rule]) -> Vec<FailedExample> {
    let mut failed = Vec::new();
    for rule in rules {
        let alone = Rule {
            enabled: true,
            ..rule.clone()
        };
        match RuleSet::compile(vec![alone]) {
            Ok(set) => failed.extend(
                rule.tests
                    .iter()
                    .filter_map(|test| run(&set, rule, test).err()),
            ),
            Err(errors) => failed.extend(errors.into_iter().map(FailedExample::from)),
        }
    }
    failed
}

fn run(set: &RuleSet, rule: &Rule, test: &RuleTest) -> Result<(), FailedExample> {
    let mut state = RuleState::new(set);
    let mut fired = false;
    for event in &test.events {
        let subject =
            MapSubject::from_test(event, rule.source).map_err(|source| FailedExample::Event {
                rule: rule.name.clone(),
                test: test.name.clone(),
                source,
            })?;
        let mut undecided = Vec::new();
        set.evaluate(&subject, &mut state, &mut |found| match found.outcome {
            Outcome::Matches => fired = true,
            Outcome::MatchesUnlessExcused | Outcome::Unknown => undecided.push(found.id),
        });
        // What is not known stays so, as it does where nothing more arrives.
        for rule in undecided {
            set.evaluate_rule(rule, Unknowns::Settle, &subject, &mut state, &mut |_| {
                fired = true;
            });
        }
    }
    if fired == test.fires {
        return Ok(());
    }
    Err(FailedExample::Outcome {
        rule: rule.name.clone(),
        test: test.name.clone(),
        fires: test.fires,
    })
}
