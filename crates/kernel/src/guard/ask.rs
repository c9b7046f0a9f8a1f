//! Asks the kernel what it would decide, so that its decision can be compared with the policy's.

use crate::guard::rows::{InForce, Rows};
use crate::guard::{GuardError, pins};
use libbpf_rs::{MapCore as _, MapFlags, MapHandle, Object, ProgramInput};
use yagura_event::{CellAction, ContainerKey, Denied, EnforcementRow};

const OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/guard_ask.bpf.o"));

/// The program that is asked.
const ASK: &str = "ask_row";
/// Bytes of one path (`PATH_BYTES_MAX`).
const PATH_BYTES: usize = 1024;
/// Programs above a process that are compared (`ANCESTORS_MAX`).
const ANCESTORS: usize = 16;
/// Where the answer stands in `struct guard_asked`.
const ANSWER_AT: usize = 32 + 3 * PATH_BYTES + ANCESTORS * 4 + ANCESTORS * PATH_BYTES;
/// Size of `struct guard_asked`.
const ASKED_BYTES: usize = ANSWER_AT + 8;
/// The row that is asked.
const ROW: ContainerKey = ContainerKey(1);

/// What is to happen, as the kernel side sees it.
#[derive(Debug, Clone, Copy)]
pub struct KernelQuestion<'a> {
    /// What.
    pub what: Denied,
    /// Path of the program that acts; of drift, of the file that is to run. `None` if it could not be told.
    pub program: Option<&'a [u8]>,
    /// Path of the parent's program.
    pub parent: Option<&'a [u8]>,
    /// Paths of the programs above, the parent's first; 16 are compared.
    pub ancestors: &'a [&'a [u8]],
    /// Path of the file that is acted on; of drift it is not looked at.
    pub file: Option<&'a [u8]>,
}

/// The kernel's decision, without anything being enforced.
pub struct RowJudge {
    object: Object,
    rows: Rows,
    question: MapHandle,
}

impl std::fmt::Debug for RowJudge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RowJudge").finish_non_exhaustive()
    }
}

impl RowJudge {
    /// Loads the program that is asked, and nothing else. Nothing is attached or pinned.
    ///
    /// # Errors
    /// If the kernel refuses it.
    pub fn load() -> Result<RowJudge, GuardError> {
        let object = pins::open(OBJECT)?.load().map_err(GuardError::Load)?;
        Ok(RowJudge {
            rows: Rows::new(map(&object, "guard_rows")?, map(&object, "guard_allow")?),
            question: map(&object, "guard_question")?,
            object,
        })
    }

    /// Takes the row that is asked from now on.
    ///
    /// # Errors
    /// If it has more than the kernel has room for.
    pub fn set_row(&mut self, row: &EnforcementRow) -> Result<(), GuardError> {
        self.rows.put(ROW, row, InForce::Enforced)
    }

    /// What the kernel does, and the rule that it is told under. Of paths the last 1,024 bytes are compared.
    ///
    /// # Errors
    /// If the kernel cannot be asked.
    pub fn decide(&self, question: &KernelQuestion<'_>) -> Result<(CellAction, u32), GuardError> {
        let write = |source| GuardError::Write {
            map: "guard_question",
            source,
        };
        let key = 0u32.to_ne_bytes();
        self.question
            .update(&key, &encode(question), MapFlags::ANY)
            .map_err(write)?;
        let program = self
            .object
            .progs_mut()
            .find(|program| program.name() == ASK)
            .ok_or(GuardError::Missing(ASK))?;
        program
            .test_run(ProgramInput::default())
            .map_err(GuardError::Load)?;
        let answer = self.question.lookup(&key, MapFlags::ANY).map_err(write)?;
        let answer = answer.unwrap_or_default();
        let field = |at: usize| {
            let bytes = answer.get(at..).and_then(<[u8]>::first_chunk);
            bytes.map_or(0, |bytes| u32::from_ne_bytes(*bytes))
        };
        let action = match field(ANSWER_AT) {
            2 => CellAction::Deny,
            1 => CellAction::Watch,
            _ => CellAction::None,
        };
        Ok((action, field(ANSWER_AT + 4)))
    }
}

/// As `struct guard_asked` has it.
fn encode(question: &KernelQuestion<'_>) -> Vec<u8> {
    let (subject, number, texts) = match question.what {
        Denied::Behaviour(behaviour) => (
            0u32,
            u32::from(behaviour as u8),
            [question.program, question.file, question.parent],
        ),
        Denied::Drift(kind, class) => (
            1,
            kind as u32 * 4 + class as u32,
            [None, question.program, question.parent],
        ),
    };
    let kept = |text: Option<&[u8]>| text.map_or(0, |text| text.len().min(PATH_BYTES));
    let ancestors = question.ancestors.len().min(ANCESTORS);
    let number_of = |count: usize| u32::try_from(count).unwrap_or(0).to_ne_bytes();
    let mut bytes = Vec::with_capacity(ASKED_BYTES);
    bytes.extend(subject.to_ne_bytes());
    bytes.extend(number.to_ne_bytes());
    bytes.extend(ROW.0.to_ne_bytes());
    for text in texts {
        bytes.extend(number_of(kept(text)));
    }
    bytes.extend(number_of(ancestors));
    for text in texts {
        extend_path(&mut bytes, text.unwrap_or_default());
    }
    let above = || (0..ANCESTORS).map(|level| question.ancestors.get(level).copied());
    for text in above() {
        bytes.extend(number_of(kept(text)));
    }
    for text in above() {
        extend_path(&mut bytes, text.unwrap_or_default());
    }
    bytes.resize(ASKED_BYTES, 0);
    bytes
}

fn extend_path(bytes: &mut Vec<u8>, text: &[u8]) {
    let end = bytes.len() + PATH_BYTES;
    bytes.extend(text.iter().take(PATH_BYTES));
    bytes.resize(end, 0);
}

fn map(object: &Object, name: &'static str) -> Result<MapHandle, GuardError> {
    let found = object
        .maps()
        .find(|map| map.name() == name)
        .ok_or(GuardError::Missing(name))?;
    MapHandle::try_from(&found).map_err(GuardError::Open)
}
