//! Rows as the programs on a cgroup read them (`bpf/lib/cgroup.h`).

use yagura_event::{AllowRow, Behaviour, BehaviourSet, DefenceSlot, EnforcementRow, Membership};

/// Size of a row (`struct cgroup_row`).
pub(super) const ROW_BYTES: usize = 8 + SLOTS_MAX * SLOT_BYTES + TEXTS_MAX * TEXT_ENTRY_BYTES;
const SLOTS_MAX: usize = EnforcementRow::SLOTS_MAX;
const SLOT_BYTES: usize = 24;
/// Texts of all allow lists of a container (`CGROUP_TEXTS_MAX`).
const TEXTS_MAX: usize = 24;
const TEXT_BYTES: usize = 128;
const TEXT_ENTRY_BYTES: usize = 4 + TEXT_BYTES;

const _: () = assert!(ROW_BYTES == 3368);

/// What the programs decide.
const COVERED: [Behaviour; 8] = [
    Behaviour::CorePattern,
    Behaviour::ModprobePath,
    Behaviour::UeventHelper,
    Behaviour::KernelSettings,
    Behaviour::BlockDevice,
    Behaviour::DeviceNode,
    Behaviour::KernelMemory,
    Behaviour::RuntimeSocket,
];
/// Those of which the programs know no path.
const WITHOUT_PATH: [Behaviour; 3] = [
    Behaviour::BlockDevice,
    Behaviour::DeviceNode,
    Behaviour::KernelMemory,
];

/// A row for the kernel, and what is not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Encoded {
    pub(super) bytes: Vec<u8>,
    /// What some rule denies or watches by it.
    pub(super) decided: BehaviourSet,
    /// What a rule denies or watches, but the programs can't tell whom it lets through.
    pub(super) left_out: BehaviourSet,
}

impl Encoded {
    /// Whether the programs have nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        self.decided.is_empty()
    }
}

fn covered() -> u64 {
    BehaviourSet::from_iter(COVERED).0
}

/// Puts together what a container's processes are judged by.
pub(super) fn encode(membership: &Membership, row: &EnforcementRow) -> Encoded {
    let mut slots = Vec::with_capacity(SLOTS_MAX * SLOT_BYTES);
    let mut texts: Vec<&str> = Vec::new();
    let mut decided = 0;
    let mut left_out = 0;
    for slot in row.defence.iter().take(SLOTS_MAX) {
        let wanted = (slot.deny.0 | slot.watch.0) & covered();
        let (kept, used) = keep(slot, wanted, &mut texts);
        decided |= kept;
        left_out |= used.lost;
        slots.extend((slot.deny.0 & kept).to_ne_bytes());
        slots.extend((slot.watch.0 & kept).to_ne_bytes());
        slots.extend(slot.rule.to_ne_bytes());
        slots.extend(used.texts.to_ne_bytes());
    }
    slots.resize(SLOTS_MAX * SLOT_BYTES, 0);
    let mut bytes = membership.container.0.to_ne_bytes().to_vec();
    bytes.extend(slots);
    for text in texts {
        // Bounded by `fits`.
        bytes.push(u8::try_from(text.len()).unwrap_or(0));
        bytes.extend([u8::from(text.contains('/')), 0, 0]);
        bytes.extend(text.as_bytes());
        bytes.resize(bytes.len() + TEXT_BYTES - text.len(), 0);
    }
    bytes.resize(ROW_BYTES, 0);
    Encoded {
        bytes,
        decided: BehaviourSet(decided),
        left_out: BehaviourSet(left_out),
    }
}

/// What a slot's allow list comes to.
#[derive(Default)]
struct Used {
    /// Bits of 1 << index of its texts.
    texts: u32,
    /// Behaviours that can't be decided.
    lost: u64,
}

/// Tells which of the behaviours can be decided. Nothing is ever denied that the list may let through: an entry that asks
/// for a program and a file lets the file through by itself, and behaviours that an entry may excuse in a way that can't be
/// seen here are left to other means.
fn keep<'a>(slot: &'a DefenceSlot, wanted: u64, texts: &mut Vec<&'a str>) -> (u64, Used) {
    let mut used = Used::default();
    if wanted == 0 || slot.allow.iter().any(allows_all) {
        return (0, used);
    }
    let without_path = wanted & BehaviourSet::from_iter(WITHOUT_PATH).0;
    for entry in &slot.allow {
        if entry.file.is_empty() {
            used.lost = wanted;
            continue;
        }
        used.lost |= without_path;
        match place(entry, texts) {
            Some(index) => used.texts |= 1 << index,
            None => used.lost = wanted,
        }
    }
    (wanted & !used.lost, used)
}

fn allows_all(entry: &AllowRow) -> bool {
    *entry == AllowRow::default()
}

/// The index of an entry's file among the texts.
fn place<'a>(entry: &'a AllowRow, texts: &mut Vec<&'a str>) -> Option<usize> {
    let text = entry.file.as_str();
    if let Some(index) = texts.iter().position(|known| *known == text) {
        return Some(index);
    }
    if text.len() > AllowRow::TEXT_BYTES_MAX || texts.len() == TEXTS_MAX {
        return None;
    }
    texts.push(text);
    Some(texts.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set<const N: usize>(behaviours: [Behaviour; N]) -> BehaviourSet {
        behaviours.into_iter().collect()
    }

    fn allow(program: &str, file: &str) -> AllowRow {
        AllowRow {
            program: program.to_owned(),
            file: file.to_owned(),
            ..AllowRow::default()
        }
    }

    fn encode_slot(allow: Vec<AllowRow>) -> Encoded {
        let slot = DefenceSlot {
            rule: 7,
            deny: set([
                Behaviour::KernelSettings,
                Behaviour::BlockDevice,
                Behaviour::Mount,
            ]),
            watch: set([Behaviour::RuntimeSocket]),
            allow,
        };
        let row = EnforcementRow {
            defence: vec![slot],
            ..EnforcementRow::default()
        };
        encode(&Membership::default(), &row)
    }

    #[test]
    fn what_is_not_covered_is_not_in_the_row() {
        let encoded = encode_slot(Vec::new());
        let decided = set([
            Behaviour::KernelSettings,
            Behaviour::BlockDevice,
            Behaviour::RuntimeSocket,
        ]);
        assert_eq!(encoded.decided, decided);
        assert!(encoded.left_out.is_empty());
        let deny = set([Behaviour::KernelSettings, Behaviour::BlockDevice]).0;
        assert_eq!(encoded.bytes[8..16], deny.to_ne_bytes());
    }

    #[test]
    fn a_list_by_file_leaves_out_what_has_no_path() {
        let encoded = encode_slot(vec![allow("", "/proc/sys/net/*")]);
        assert_eq!(encoded.left_out, set([Behaviour::BlockDevice]));
        assert!(encoded.decided.contains(Behaviour::KernelSettings));
        let text = &encoded.bytes[8 + SLOTS_MAX * SLOT_BYTES..];
        assert_eq!(text[..2], [15, 1]);
        assert_eq!(&text[4..19], b"/proc/sys/net/*");
    }

    #[test]
    fn a_list_by_program_is_left_to_others() {
        let encoded = encode_slot(vec![allow("sysctl", "")]);
        assert!(encoded.is_empty());
        assert_eq!(encoded.left_out.iter().count(), 3);
        let everything = encode_slot(vec![allow("", "")]);
        assert!(everything.is_empty() && everything.left_out.is_empty());
    }

    proptest! {
        #[test]
        fn any_list_fits_and_nothing_is_forgotten(
            files in proptest::collection::vec("[a-z/*]{0,140}", 0..40),
        ) {
            let encoded = encode_slot(files.iter().map(|file| allow("x", file)).collect());
            prop_assert_eq!(encoded.bytes.len(), ROW_BYTES);
            let all = encoded.decided.0 | encoded.left_out.0;
            prop_assert_eq!(all, encode_slot(Vec::new()).decided.0);
        }
    }
}
