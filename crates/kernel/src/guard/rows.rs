//! Rows and allow lists as the kernel side reads them (`bpf/lib/guard/rows.h`).

use crate::guard::GuardError;
use libbpf_rs::{MapCore as _, MapFlags, MapHandle};
use std::collections::HashMap;
use std::time::{Duration, Instant};
use yagura_event::{AllowRow, ContainerKey, EnforcementRow};

/// Bytes of one text of an entry (`GUARD_TEXT_BYTES`).
const TEXT_BYTES: usize = 128;
/// Texts of an entry (`TEXT_PLACES`).
const TEXTS: usize = 4;
/// Size of a list's entry (`struct guard_allow_entry`).
const ENTRY_BYTES: usize = 2 * TEXTS + TEXTS * TEXT_BYTES;
/// Size of a reference to a list (`struct guard_list`).
const LIST_BYTES: usize = 16;
/// Size of a slot (`struct guard_slot`).
const SLOT_BYTES: usize = 8 + 8 + LIST_BYTES + 8;
/// Size of a cell of the drift table (`struct guard_cell`).
const CELL_BYTES: usize = LIST_BYTES + 8;
/// Bytes before the first slot.
const ROW_HEAD_BYTES: usize = 8 + 8 + 8 + 4 + 4;
/// Size of a row (`struct guard_row`).
pub(super) const ROW_BYTES: usize = 640;
/// Where a row has its flags.
const FLAGS_AT: usize = ROW_HEAD_BYTES - 4;
/// Nothing is enforced (`ROW_RELEASED`).
const RELEASED: u8 = 1;
/// How long a list that no row names any more is kept: a program may be reading the row that was.
const RETIRED_FOR: Duration = Duration::from_secs(1);

const _: () = assert!(
    ROW_HEAD_BYTES + EnforcementRow::SLOTS_MAX * SLOT_BYTES + 12 * CELL_BYTES == ROW_BYTES
        && ENTRY_BYTES == 520
        && AllowRow::TEXT_BYTES_MAX < TEXT_BYTES
);

/// Whether anything is enforced by a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InForce {
    Enforced,
    Released,
}

/// An allow list by its content.
struct List {
    id: u64,
    entries: Vec<[u8; ENTRY_BYTES]>,
    needs: u32,
}

/// Writes rows, and the lists that they name.
pub(super) struct Rows {
    rows: MapHandle,
    allow: MapHandle,
    /// By list: how many rows name it, and its entries.
    used: HashMap<u64, (usize, u32)>,
    retired: Vec<(Instant, u64, u32)>,
}

impl Rows {
    /// Takes the maps as they are: rows that are there already name lists that are.
    pub(super) fn new(rows: MapHandle, allow: MapHandle) -> Rows {
        let mut taken = Rows {
            rows,
            allow,
            used: HashMap::new(),
            retired: Vec::new(),
        };
        for key in taken.rows.keys() {
            if let Ok(Some(row)) = taken.rows.lookup(&key, MapFlags::ANY) {
                for (id, count) in lists_of(&row) {
                    taken.used.entry(id).or_insert((0, count)).0 += 1;
                }
            }
        }
        taken
    }

    /// Puts a container's row in force by one write. What it names is there before, and what was named before goes after.
    pub(super) fn put(
        &mut self,
        container: ContainerKey,
        row: &EnforcementRow,
        in_force: InForce,
    ) -> Result<(), GuardError> {
        let (bytes, lists) = encode(container, row, in_force)?;
        let before = self.get(container);
        self.drop_retired();
        for list in &lists {
            self.take(list)?;
        }
        self.write(container, &bytes)?;
        self.let_go(before.as_deref());
        Ok(())
    }

    /// Changes whether a container's row is in force. `false` if it has none.
    pub(super) fn set_in_force(
        &self,
        container: ContainerKey,
        in_force: InForce,
    ) -> Result<bool, GuardError> {
        let Some(mut bytes) = self.get(container) else {
            return Ok(false);
        };
        if let Some(flags) = bytes.get_mut(FLAGS_AT) {
            *flags = flags_of(in_force);
        }
        self.write(container, &bytes)?;
        Ok(true)
    }

    /// Takes a container's row away. It is no error if there is none.
    pub(super) fn remove(&mut self, container: ContainerKey) {
        let before = self.get(container);
        if before.is_some() && self.rows.delete(&container.0.to_ne_bytes()).is_ok() {
            self.let_go(before.as_deref());
        }
        self.drop_retired();
    }

    /// Every container that has a row, and whether it is in force.
    pub(super) fn list(&self) -> Vec<(ContainerKey, InForce)> {
        let containers = self.rows.keys().filter_map(|key| {
            let container = ContainerKey(u64::from_ne_bytes(*key.first_chunk()?));
            Some((container, self.in_force(container)?))
        });
        containers.collect()
    }

    /// Whether a container's row is in force; `None` if it has none.
    pub(super) fn in_force(&self, container: ContainerKey) -> Option<InForce> {
        let row = self.get(container)?;
        let flags = row.get(FLAGS_AT).copied()?;
        Some(if flags & RELEASED == 0 {
            InForce::Enforced
        } else {
            InForce::Released
        })
    }

    fn get(&self, container: ContainerKey) -> Option<Vec<u8>> {
        let key = container.0.to_ne_bytes();
        self.rows.lookup(&key, MapFlags::ANY).ok().flatten()
    }

    fn write(&self, container: ContainerKey, bytes: &[u8]) -> Result<(), GuardError> {
        let key = container.0.to_ne_bytes();
        self.rows
            .update(&key, bytes, MapFlags::ANY)
            .map_err(|source| GuardError::Write {
                map: "guard_rows",
                source,
            })
    }

    /// Counts a list as used, and writes it if it is new.
    fn take(&mut self, list: &List) -> Result<(), GuardError> {
        if let Some((users, _)) = self.used.get_mut(&list.id) {
            *users += 1;
            return Ok(());
        }
        for (index, entry) in (0u32..).zip(&list.entries) {
            self.allow
                .update(&entry_key(list.id, index), entry, MapFlags::ANY)
                .map_err(|source| GuardError::Write {
                    map: "guard_allow",
                    source,
                })?;
        }
        self.retired.retain(|(_, id, _)| *id != list.id);
        let count = u32::try_from(list.entries.len()).unwrap_or(0);
        self.used.insert(list.id, (1, count));
        Ok(())
    }

    fn let_go(&mut self, row: Option<&[u8]>) {
        for (id, _) in row.map(lists_of).unwrap_or_default() {
            let Some((users, count)) = self.used.get_mut(&id) else {
                continue;
            };
            *users = users.saturating_sub(1);
            if *users == 0 {
                self.retired.push((Instant::now(), id, *count));
                self.used.remove(&id);
            }
        }
    }

    fn drop_retired(&mut self) {
        let (gone, kept) = std::mem::take(&mut self.retired)
            .into_iter()
            .partition(|(since, ..)| since.elapsed() > RETIRED_FOR);
        self.retired = kept;
        let gone: Vec<(Instant, u64, u32)> = gone;
        for (_, id, count) in gone {
            for index in 0..count {
                // It only takes room.
                let _ = self.allow.delete(&entry_key(id, index));
            }
        }
    }
}

fn entry_key(list: u64, index: u32) -> [u8; 16] {
    let mut key = [0; 16];
    put(
        &mut key,
        0,
        [list.to_ne_bytes().as_slice(), &index.to_ne_bytes()],
    );
    key
}

/// Writes fields one after the other, from a place on.
fn put<'a>(bytes: &mut [u8], at: usize, fields: impl IntoIterator<Item = &'a [u8]>) {
    let places = bytes.iter_mut().skip(at);
    for (to, from) in places.zip(fields.into_iter().flatten()) {
        *to = *from;
    }
}

fn flags_of(in_force: InForce) -> u8 {
    match in_force {
        InForce::Enforced => 0,
        InForce::Released => RELEASED,
    }
}

/// The lists that an encoded row names, and how many entries they have.
fn lists_of(row: &[u8]) -> Vec<(u64, u32)> {
    let slots = (0..EnforcementRow::SLOTS_MAX).map(|slot| ROW_HEAD_BYTES + slot * SLOT_BYTES + 16);
    let cells_at = ROW_HEAD_BYTES + EnforcementRow::SLOTS_MAX * SLOT_BYTES;
    let cells = (0..12).map(|cell| cells_at + cell * CELL_BYTES);
    let list_at = |at: usize| {
        let (id, rest) = row.get(at..)?.split_first_chunk()?;
        Some((
            u64::from_ne_bytes(*id),
            u32::from_ne_bytes(*rest.first_chunk()?),
        ))
    };
    slots
        .chain(cells)
        .filter_map(list_at)
        .filter(|(_, count)| *count > 0)
        .collect()
}

fn encode(
    container: ContainerKey,
    row: &EnforcementRow,
    in_force: InForce,
) -> Result<([u8; ROW_BYTES], Vec<List>), GuardError> {
    if row.defence.len() > EnforcementRow::SLOTS_MAX {
        return Err(GuardError::TooManySlots(row.defence.len()));
    }
    let mut bytes = [0; ROW_BYTES];
    let mut lists = Vec::new();
    let watched = row.defence.iter().fold(0, |bits, slot| bits | slot.watch.0);
    let denied = row.denied().0;
    let slots = u32::try_from(row.defence.len()).unwrap_or(0);
    let head = [
        container.0.to_ne_bytes(),
        (denied | watched).to_ne_bytes(),
        denied.to_ne_bytes(),
    ];
    put(&mut bytes, 0, head.iter().map(<[u8; 8]>::as_slice));
    put(&mut bytes, 24, [slots.to_ne_bytes().as_slice()]);
    put(&mut bytes, FLAGS_AT, [[flags_of(in_force)].as_slice()]);
    for (index, slot) in row.defence.iter().enumerate() {
        let list = encode_list(&slot.allow)?;
        let at = ROW_HEAD_BYTES + index * SLOT_BYTES;
        let bits = [slot.deny.0.to_ne_bytes(), slot.watch.0.to_ne_bytes()];
        put(&mut bytes, at, bits.iter().map(<[u8; 8]>::as_slice));
        put_list(&mut bytes, at + 16, &list);
        put(
            &mut bytes,
            at + 16 + LIST_BYTES,
            [slot.rule.to_ne_bytes().as_slice()],
        );
        lists.push(list);
    }
    let cells_at = ROW_HEAD_BYTES + EnforcementRow::SLOTS_MAX * SLOT_BYTES;
    for (index, cell) in row.drift.iter().flatten().enumerate() {
        let list = encode_list(&cell.allow)?;
        let at = cells_at + index * CELL_BYTES;
        put_list(&mut bytes, at, &list);
        let fields = [
            cell.rule.to_ne_bytes(),
            u32::from(cell.action as u8).to_ne_bytes(),
        ];
        put(
            &mut bytes,
            at + LIST_BYTES,
            fields.iter().map(<[u8; 4]>::as_slice),
        );
        lists.push(list);
    }
    lists.retain(|list| !list.entries.is_empty());
    Ok((bytes, lists))
}

fn put_list(bytes: &mut [u8], at: usize, list: &List) {
    let count = u32::try_from(list.entries.len()).unwrap_or(0);
    put(
        bytes,
        at,
        [
            list.id.to_ne_bytes().as_slice(),
            &count.to_ne_bytes(),
            &list.needs.to_ne_bytes(),
        ],
    );
}

fn encode_list(allow: &[AllowRow]) -> Result<List, GuardError> {
    if allow.len() > EnforcementRow::ALLOW_MAX {
        return Err(GuardError::TooManyAllowed(allow.len()));
    }
    let mut list = List {
        id: 0,
        entries: Vec::with_capacity(allow.len()),
        needs: 0,
    };
    for row in allow {
        let mut entry = [0; ENTRY_BYTES];
        let texts = [&row.program, &row.parent, &row.ancestor, &row.file];
        for (place, text) in texts.into_iter().enumerate() {
            if text.len() > AllowRow::TEXT_BYTES_MAX {
                return Err(GuardError::TooLong(text.len()));
            }
            let length = u8::try_from(text.len()).unwrap_or(0);
            put(&mut entry, place, [[length].as_slice()]);
            let is_path = u8::from(text.contains('/'));
            put(&mut entry, TEXTS + place, [[is_path].as_slice()]);
            put(
                &mut entry,
                2 * TEXTS + place * TEXT_BYTES,
                [text.as_bytes()],
            );
            if length > 0 {
                list.needs |= 1 << place;
            }
        }
        list.entries.push(entry);
    }
    list.id = content_number(list.entries.iter().flatten());
    Ok(list)
}

/// A number for a content (FNV-1a). Rows are written by whoever may change the rules: nobody looks for two of one number.
pub(super) fn content_number<'a>(bytes: impl IntoIterator<Item = &'a u8>) -> u64 {
    bytes
        .into_iter()
        .fold(0xcbf2_9ce4_8422_2325, |number, byte| {
            (number ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use yagura_event::{BehaviourSet, CellAction, DefenceSlot};

    fn allowing(program: &str) -> AllowRow {
        AllowRow {
            program: program.to_owned(),
            ..AllowRow::default()
        }
    }

    #[test]
    fn a_row_names_the_lists_that_it_needs() {
        let mut row = EnforcementRow::default();
        row.defence.push(DefenceSlot {
            rule: 7,
            deny: BehaviourSet(1 << 32),
            watch: BehaviourSet(1 << 3),
            allow: vec![allowing("runc"), allowing("/usr/bin/x")],
        });
        row.drift[2][3].action = CellAction::Deny;
        row.drift[2][3].allow = vec![allowing("a*")];
        let (bytes, lists) = encode(ContainerKey(5), &row, InForce::Released).unwrap();
        assert_eq!(bytes[..8], 5u64.to_ne_bytes());
        assert_eq!(bytes[8..16], (1u64 << 32 | 1 << 3).to_ne_bytes());
        assert_eq!(bytes[16..24], (1u64 << 32).to_ne_bytes());
        assert_eq!(bytes[FLAGS_AT], RELEASED);
        let named: Vec<_> = lists
            .iter()
            .map(|list| (list.id, u32::try_from(list.entries.len()).unwrap()))
            .collect();
        assert_eq!(lists_of(&bytes), named);
        assert_eq!(lists[0].needs, 1);
    }

    #[test]
    fn what_the_kernel_has_no_room_for_is_refused() {
        let long = [allowing(&"x".repeat(AllowRow::TEXT_BYTES_MAX + 1))];
        assert!(matches!(encode_list(&long), Err(GuardError::TooLong(128))));
        let many = vec![allowing("x"); EnforcementRow::ALLOW_MAX + 1];
        assert!(matches!(
            encode_list(&many),
            Err(GuardError::TooManyAllowed(65))
        ));
        let row = EnforcementRow {
            defence: vec![DefenceSlot::default(); EnforcementRow::SLOTS_MAX + 1],
            ..EnforcementRow::default()
        };
        assert!(matches!(
            encode(ContainerKey(1), &row, InForce::Enforced),
            Err(GuardError::TooManySlots(9))
        ));
    }
}
