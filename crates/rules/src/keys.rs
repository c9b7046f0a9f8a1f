//! What an event must have to match a condition.

use crate::ast::{Operator, Transformer};
use crate::fields::{Argument, Field, FieldType};
use crate::matcher::{Matcher, NumberTest, TextKey, TextTest};
use crate::program::{Node, NodeId, OperandId, OperandProgram, Program, TestProgram};

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

/// Keys of which an event must have one.
#[derive(Debug)]
struct Keys {
    keys: Vec<(OperandId, Key)>,
    /// Share of events that probably have one.
    share: f32,
    /// Share of events that probably have the most common one.
    share_of_one_max: f32,
}

/// A key that more events have is of no use.
const SHARE_OF_ONE_MAX: f32 = 0.3;
/// Keys of one rule. More are not looked up faster than the rule is evaluated, and fill memory for each kind of event.
const KEYS_MAX: usize = 4096;

/// Keys of which an event must have one to match a condition; `None` if none are known that leave out many events.
pub(crate) fn keys_of(program: &Program, condition: NodeId) -> Option<Vec<(OperandId, Key)>> {
    keys(program, condition).map(|keys| keys.keys)
}

fn keys(program: &Program, node: NodeId) -> Option<Keys> {
    match program.node(node) {
        Node::Constant(true) | Node::Not(_) => None,
        Node::Constant(false) => Some(Keys {
            keys: Vec::new(),
            share: 0.0,
            share_of_one_max: 0.0,
        }),
        Node::Test(test) => keys_of_test(program, program.test(*test)?)
            .filter(|keys| keys.share_of_one_max < SHARE_OF_ONE_MAX),
        // One part of many must hold: that which leaves out most.
        Node::And(children) => children
            .iter()
            .filter_map(|child| keys(program, *child))
            .min_by(|left, right| left.share.total_cmp(&right.share)),
        Node::Or(children) => {
            let mut all = Keys {
                keys: Vec::new(),
                share: 0.0,
                share_of_one_max: 0.0,
            };
            for child in children {
                let one = keys(program, *child)?;
                all.keys.extend(one.keys);
                all.share += one.share;
                all.share_of_one_max = all.share_of_one_max.max(one.share_of_one_max);
                if all.keys.len() > KEYS_MAX {
                    return None;
                }
            }
            Some(all)
        }
    }
}

fn keys_of_test(program: &Program, test: &TestProgram) -> Option<Keys> {
    let matcher = test.matcher.as_ref().filter(|_| test.fields.is_empty())?;
    if test.operator == Operator::NotEqual {
        return None;
    }
    let operand = test.operand;
    let commonness = commonness_of(program, operand)?;
    let made = |keys: Vec<Key>| Keys {
        share: commonness * keys.iter().map(base_share).sum::<f32>(),
        share_of_one_max: commonness * keys.iter().map(base_share).fold(0.0, f32::max),
        keys: keys.into_iter().map(|key| (operand, key)).collect(),
    };
    let numbers = |number: &NumberTest| -> Option<Vec<Key>> {
        Some(number.items()?.into_iter().map(Key::Number).collect())
    };
    match matcher {
        Matcher::Number(number) => numbers(number).map(made),
        Matcher::Text(text) => best_of(text).map(made),
        // The value may be either.
        Matcher::Either(number, text) => {
            let mut keys = numbers(number)?;
            keys.extend(best_of(text)?);
            Some(made(keys))
        }
        Matcher::Exists | Matcher::Boolean { .. } | Matcher::Address(_) => None,
    }
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
