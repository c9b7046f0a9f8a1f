//! The kernel's decision is the policy's, on random rows and questions.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::cell::RefCell;
use yagura_event::{
    AllowRow, Behaviour, BehaviourSet, CellAction, DefenceSlot, Denied, DriftCell, DriftKind,
    EnforcementRow, OriginClass,
};
use yagura_kernel::{KernelQuestion, RowJudge};
use yagura_policy::{RowQuestion, decide_row};

pub(super) const CASES: &[crate::Case] = &[("as_the_policy_does", as_the_policy_does)];

/// Rows and questions that are tried.
const ROUNDS: u32 = 400;
/// Behaviours that rules and questions are about: few, so that they meet.
const BEHAVIOURS: [Behaviour; 3] = [
    Behaviour::NamespaceEntry,
    Behaviour::Mount,
    Behaviour::SpliceReadOnly,
];

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just(String::new()),
        2 => "[ab*?]{1,4}",
        2 => "/[ab*?/]{1,6}",
        1 => "[*?][ab/]{1,4}",
        1 => "/a{60}\\*b{1,60}",
    ]
}

fn paths() -> impl Strategy<Value = Option<Vec<u8>>> {
    prop_oneof![
        1 => Just(None),
        4 => "/[ab]{1,3}".prop_map(Some),
        4 => "/[ab]{1,2}/[ab]{1,3}".prop_map(Some),
        2 => "memfd:[ab/]{1,4}".prop_map(Some),
        1 => "/a{60,900}b{1,60}".prop_map(Some),
    ]
    .prop_map(|path| path.map(String::into_bytes))
}

fn allow() -> impl Strategy<Value = AllowRow> {
    (texts(), texts(), texts(), texts()).prop_map(|(program, parent, ancestor, file)| AllowRow {
        program,
        parent,
        ancestor,
        file,
    })
}

fn bits() -> impl Strategy<Value = BehaviourSet> {
    prop::sample::subsequence(&BEHAVIOURS[..], 0..=3).prop_map(|some| some.into_iter().collect())
}

fn slots() -> impl Strategy<Value = DefenceSlot> {
    let allow = prop::collection::vec(allow(), 0..4);
    (1u32..9, bits(), bits(), allow).prop_map(|(rule, deny, watch, allow)| DefenceSlot {
        rule,
        deny,
        watch,
        allow,
    })
}

fn cells() -> impl Strategy<Value = DriftCell> {
    let action = prop::sample::select(&[CellAction::None, CellAction::Watch, CellAction::Deny][..]);
    let allow = prop::collection::vec(allow(), 0..4);
    (action, 1u32..9, allow).prop_map(|(action, rule, allow)| DriftCell {
        action,
        rule,
        allow,
    })
}

fn rows() -> impl Strategy<Value = EnforcementRow> {
    let drift = prop::array::uniform3(prop::array::uniform4(cells()));
    let defence = prop::collection::vec(slots(), 0..=EnforcementRow::SLOTS_MAX);
    (defence, drift).prop_map(|(defence, drift)| EnforcementRow { defence, drift })
}

fn whats() -> impl Strategy<Value = Denied> {
    let kind = prop::sample::select(&DriftKind::ALL[..]);
    let class = prop::sample::select(&OriginClass::ALL[..]);
    prop_oneof![
        prop::sample::select(&BEHAVIOURS[..]).prop_map(Denied::Behaviour),
        (kind, class).prop_map(|(kind, class)| Denied::Drift(kind, class)),
    ]
}

fn as_the_policy_does() {
    let judge = RefCell::new(RowJudge::load().unwrap());
    let mut runner = TestRunner::new(Config {
        cases: ROUNDS,
        failure_persistence: None,
        ..Config::default()
    });
    let question = (
        whats(),
        paths(),
        paths(),
        paths(),
        prop::collection::vec(paths(), 0..5),
    );
    let questions = prop::collection::vec(question, 8);
    let decided = RefCell::new([0u32; 3]);
    let result = runner.run(&(rows(), questions), |(row, questions)| {
        judge.borrow_mut().set_row(&row).unwrap();
        for (what, program, parent, file, above) in &questions {
            let ancestors: Vec<&[u8]> = above.iter().filter_map(|path| path.as_deref()).collect();
            let expected = decide_row(
                &row,
                &RowQuestion {
                    what: *what,
                    program: program.as_deref(),
                    parent: parent.as_deref(),
                    ancestors: &ancestors,
                    file: file.as_deref(),
                },
            );
            let found = judge.borrow().decide(&KernelQuestion {
                what: *what,
                program: program.as_deref(),
                parent: parent.as_deref(),
                ancestors: &ancestors,
                file: file.as_deref(),
            });
            prop_assert_eq!(found.unwrap(), (expected.action, expected.rule));
            decided.borrow_mut()[expected.action as usize] += 1;
        }
        Ok(())
    });
    let decided = decided.into_inner();
    println!("nothing, watched, denied: {decided:?}");
    result.unwrap();
    assert!(decided.iter().all(|count| *count > 0));
}
