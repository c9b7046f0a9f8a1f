//! What an event must have to match a condition.

use crate::ast::{Operator, Transformer};
use crate::fields::{Argument, Field, FieldType};
use crate::matcher::{Matcher, NumberTest, TextKey, TextTest};
use crate::program::{Node, NodeId, OperandId, OperandProgram, Program, TestId};

/// Something that the value of an operand must have.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// It is this text.
    Whole(Box<[u8]>),
    /// It is this number.
    Number(i64),
    /// It begins with this.
    Beginning(Box<[u8]>),
    /// It ends with this.
    End(Box<[u8]>),
    /// It is this path or lies below.
    Above(Box<[u8]>),
    /// It contains this.
    Inside(Box<[u8]>),
    /// It contains this in any case.
    InsideInAnyCase(Box<[u8]>),
}

/// Keys of a test, of which a value must have one for the test to hold.
#[derive(Debug)]
pub(crate) struct TestKeys {
    pub(crate) keys: Vec<Key>,
    pub(crate) share: Share,
}

/// How many events probably have some keys.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Share {
    /// Share of events that have any of them.
    any: f32,
    /// Share of events that have the most common of them.
    most_common: f32,
}

/// A key that more events have is of no use for choosing rules.
const MOST_COMMON_MAX: f32 = 0.3;
/// Keys of one test. More cost memory without end.
const KEYS_MAX: usize = 16 * 1024;

/// Tests of which one must hold for a condition to hold, all with keys; `None` if none are known that leave out many events.
pub(crate) fn keys_of(program: &Program, condition: NodeId) -> Option<Vec<TestId>> {
    choose(program, condition, MOST_COMMON_MAX).map(|(tests, _)| tests)
}

/// Tests of which one must hold for a condition to hold, all with keys, however common.
pub(crate) fn guards_of(program: &Program, condition: NodeId) -> Option<Vec<TestId>> {
    choose(program, condition, f32::INFINITY).map(|(tests, _)| tests)
}

fn choose(program: &Program, node: NodeId, most_common_max: f32) -> Option<(Vec<TestId>, Share)> {
    match program.node(node) {
        Node::Constant(true) | Node::Not(_) => None,
        Node::Constant(false) => Some((Vec::new(), Share::NONE)),
        Node::Test(id) => {
            let test = program.test(*id)?;
            let share = test.share.filter(|_| test.operator != Operator::NotEqual)?;
            (share.most_common < most_common_max).then(|| (vec![*id], share))
        }
        // One part of many must hold: that which leaves out most.
        Node::And(children) => children
            .iter()
            .filter_map(|child| choose(program, *child, most_common_max))
            .min_by(|(_, left), (_, right)| left.any.total_cmp(&right.any)),
        Node::Or(children) => {
            let (mut tests, mut share) = (Vec::new(), Share::NONE);
            for child in children {
                let (more, of_more) = choose(program, *child, most_common_max)?;
                tests.extend(more);
                share = share.or(of_more);
            }
            Some((tests, share))
        }
    }
}

impl Share {
    const NONE: Share = Share {
        any: 0.0,
        most_common: 0.0,
    };

    fn or(self, other: Share) -> Share {
        Share {
            any: self.any + other.any,
            most_common: self.most_common.max(other.most_common),
        }
    }
}

/// The keys of a test with this matcher, if it has some. A test that is turned round (`!=`) has those of what it turns round.
pub(crate) fn keys_of_test(
    program: &Program,
    operand: OperandId,
    matcher: &Matcher,
) -> Option<TestKeys> {
    let commonness = commonness_of(program, operand)?;
    let numbers = |number: &NumberTest| -> Option<Vec<Key>> {
        Some(number.items()?.into_iter().map(Key::Number).collect())
    };
    let keys = match matcher {
        Matcher::Number(number) => numbers(number)?,
        Matcher::Text(text) => best_of(text)?,
        // The value may be either.
        Matcher::Either(number, text) => [numbers(number)?, best_of(text)?].concat(),
        Matcher::Exists | Matcher::Boolean { .. } | Matcher::Address(_) => return None,
    };
    let shares = keys.iter().map(|key| commonness * base_share(key));
    let share = shares.fold(Share::NONE, |all, one| {
        all.or(Share {
            any: one,
            most_common: one,
        })
    });
    (keys.len() <= KEYS_MAX).then_some(TestKeys { keys, share })
}

/// The keys of a text that the fewest texts have.
fn best_of(text: &TextTest) -> Option<Vec<Key>> {
    let ways = text.keys().into_iter().map(|keys| {
        let keys: Vec<Key> = keys.into_iter().map(Key::from).collect();
        let share: f32 = keys.iter().map(base_share).sum();
        (share, keys)
    });
    ways.min_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, keys)| keys)
}

impl From<TextKey<'_>> for Key {
    fn from(key: TextKey<'_>) -> Key {
        match key {
            TextKey::Whole(text) => Key::Whole(text.into()),
            TextKey::Beginning(text) => Key::Beginning(text.into()),
            TextKey::End(text) => Key::End(text.into()),
            TextKey::Inside(text) => Key::Inside(text.into()),
            TextKey::InsideInAnyCase(text) => Key::InsideInAnyCase(text.into()),
            TextKey::Above(path) => Key::Above(path.into()),
        }
    }
}

/// How much more often an event has a certain value of an operand than of one with many values.
fn commonness_of(program: &Program, operand: OperandId) -> Option<f32> {
    match program.operand(operand)? {
        OperandProgram::Field(field, Argument::Index(_)) if is_of_ancestors(*field) => Some(1.5),
        OperandProgram::Field(field, _) => Some(commonness(*field)),
        OperandProgram::Transformed(Transformer::Length, _) => Some(1000.0),
        OperandProgram::Transformed(_, inner) => commonness_of(program, *inner),
    }
}

fn is_of_ancestors(field: Field) -> bool {
    matches!(
        field,
        Field::ProcAname
            | Field::ProcAexe
            | Field::ProcAexepath
            | Field::ProcAcmdline
            | Field::ProcImageLineage
    )
}

/// Names of programs that most containers run all the time.
const COMMON_NAMES: [&str; 24] = [
    "sh",
    "bash",
    "dash",
    "ash",
    "busybox",
    "python",
    "python3",
    "perl",
    "ruby",
    "php",
    "php-fpm",
    "java",
    "node",
    "nginx",
    "httpd",
    "apache2",
    "postgres",
    "mysqld",
    "redis-server",
    "cat",
    "ls",
    "grep",
    "sed",
    "runc",
];

/// Share of many different texts that probably have a key: the longer it is, the fewer.
fn base_share(key: &Key) -> f32 {
    let (text, weight) = match key {
        Key::Number(_) => return 0.0005,
        Key::Whole(text) if text.is_empty() => return 0.2,
        Key::Whole(text) if COMMON_NAMES.iter().any(|name| name.as_bytes() == &**text) => {
            return 0.03;
        }
        Key::Whole(_) => return 0.0005,
        Key::Beginning(text) | Key::Above(text) => (text, 0.3),
        Key::End(text) => (text, 0.1),
        Key::Inside(text) | Key::InsideInAnyCase(text) => (text, 0.15),
    };
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let length = text.len().max(1) as f32;
    weight / length.powf(1.5)
}

fn commonness(field: Field) -> f32 {
    match field {
        Field::EvtType
        | Field::SyscallType
        | Field::FdType
        | Field::FdTypechar
        | Field::FdL4proto
        | Field::FdSockfamily
        | Field::EvtRes
        | Field::EvtRawRes
        | Field::EvtCategory
        | Field::EvtIoDir
        | Field::EvtCount
        | Field::UserName
        | Field::UserUid
        | Field::UserLoginuid
        | Field::GroupGid
        | Field::GroupName
        | Field::ProcTty
        | Field::ContainerType
        | Field::ContainerId
        | Field::K8sNsName
        | Field::KaStage
        | Field::KaVerb
        | Field::KaResponseCode
        | Field::KaAuthDecision
        | Field::WinChannel
        | Field::WinProvider => 1000.0,
        Field::EvtArg | Field::EvtRawArg | Field::ProcVpid | Field::KaTargetResource => 200.0,
        // Many values each, and of all ancestors: more often found, and dearer to look up.
        _ if is_of_ancestors(field) => 10.0,
        // Long to search.
        Field::ProcCmdline
        | Field::ProcPcmdline
        | Field::ProcArgs
        | Field::ProcExeline
        | Field::EvtBuffer
        | Field::EvtArgs
        | Field::WinScriptText => 1.5,
        _ if field.row().value == FieldType::Boolean => 1000.0,
        _ => 1.0,
    }
}
