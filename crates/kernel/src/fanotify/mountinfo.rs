//! `/proc/PID/mountinfo`, which a container fills as it likes.

use std::collections::HashMap;

/// Mounts of one namespace that are looked at. The kernel has a limit of its own (`fs.mount-max`), a hundred times as high,
/// at which a container could keep the sensor busy.
pub(super) const MOUNTS_MAX: usize = 1024;
/// Bytes of the table that are read, for the same reason.
pub(super) const TABLE_BYTES_MAX: u64 = 1 << 20;

/// A line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) id: u64,
    pub(super) parent: u64,
    /// Major and minor number of the file system.
    pub(super) device: (u32, u32),
    /// What of the file system is mounted.
    pub(super) root: Vec<u8>,
    /// Where, as the process sees it.
    pub(super) point: Vec<u8>,
    pub(super) kind: Vec<u8>,
}

/// Reads a table. Lines that are none are left out; `true` if there were more than are looked at.
pub(super) fn parse(table: &[u8]) -> (Vec<Mount>, bool) {
    let mut mounts = table.split(|&byte| byte == b'\n').filter_map(parse_line);
    let looked_at: Vec<_> = mounts.by_ref().take(MOUNTS_MAX).collect();
    (looked_at, mounts.next().is_some())
}

fn parse_line(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|&byte| byte == b' ');
    let id = number(fields.next()?)?;
    let parent = number(fields.next()?)?;
    let (major, minor) = std::str::from_utf8(fields.next()?).ok()?.split_once(':')?;
    let device = (major.parse().ok()?, minor.parse().ok()?);
    let root = unescape(fields.next()?);
    let point = unescape(fields.next()?);
    // Options, then any number of optional fields up to a hyphen.
    let kind = fields.skip_while(|field| field != b"-").nth(1)?.to_vec();
    Some(Mount {
        id,
        parent,
        device,
        root,
        point,
        kind,
    })
}

fn number(field: &[u8]) -> Option<u64> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

/// Undoes the kernel's `\ooo` for blanks, line ends and backslashes.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        match (first, octal(behind)) {
            (b'\\', Some(byte)) => {
                text.push(byte);
                rest = behind.get(3..).unwrap_or_default();
            }
            _ => text.push(first),
        }
    }
    text
}

fn octal(digits: &[u8]) -> Option<u8> {
    let digits = digits.get(..3)?;
    digits.iter().try_fold(0u8, |value, &digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 8)?;
        value.checked_mul(8)?.checked_add(digit)
    })
}

/// The mounts that a program in user space serves, or that stand below one: looking at a path there waits for that program,
/// which may be the container's.
pub(super) fn served_by_programs(mounts: &[Mount]) -> Vec<bool> {
    let by_id: HashMap<u64, &Mount> = mounts.iter().map(|mount| (mount.id, mount)).collect();
    let is_served = |mount: &Mount| {
        let mut current = mount;
        // No deeper than there are mounts: a table that leads in circles is none of the kernel's.
        for _ in 0..mounts.len() {
            if is_program_s(&current.kind) {
                return true;
            }
            match by_id.get(&current.parent) {
                Some(above) if above.id != current.id => current = above,
                _ => return false,
            }
        }
        true
    };
    mounts.iter().map(is_served).collect()
}

fn is_program_s(kind: &[u8]) -> bool {
    kind == b"autofs" || kind == b"fuse" || kind == b"fuseblk" || kind.starts_with(b"fuse.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TABLE: &[u8] = b"\
36 35 98:0 / / rw,noatime master:1 - overlay overlay rw,lowerdir=/a\n\
37 36 0:52 / /dev\\040x\\134 rw,nosuid - tmpfs tmpfs rw\n\
garbage\n\
38 36 0:53 /sub /fuse rw shared:2 master:3 - fuse.sshfs x rw\n\
39 38 0:54 / /fuse/below rw - tmpfs x rw\n";

    #[test]
    fn lines_are_read_and_others_left_out() {
        let (mounts, has_more) = parse(TABLE);
        assert!(!has_more);
        let seen: Vec<_> = mounts
            .iter()
            .map(|mount| (mount.id, mount.device, mount.point.as_slice()))
            .collect();
        assert_eq!(
            seen,
            [
                (36, (98, 0), b"/".as_slice()),
                (37, (0, 52), b"/dev x\\"),
                (38, (0, 53), b"/fuse"),
                (39, (0, 54), b"/fuse/below"),
            ]
        );
        assert_eq!(mounts[0].kind, b"overlay");
        assert_eq!(mounts[2].root, b"/sub");
        assert_eq!(served_by_programs(&mounts), [false, false, true, true]);
    }

    #[test]
    fn more_than_the_bound_is_told() {
        let line = b"36 35 98:0 / / rw - tmpfs x rw\n";
        let (mounts, has_more) = parse(&line.repeat(MOUNTS_MAX));
        assert_eq!((mounts.len(), has_more), (MOUNTS_MAX, false));
        let (mounts, has_more) = parse(&line.repeat(MOUNTS_MAX + 1));
        assert_eq!((mounts.len(), has_more), (MOUNTS_MAX, true));
    }

    #[test]
    fn circles_end() {
        let (mounts, _) = parse(b"1 2 0:1 / /a rw - tmpfs x rw\n2 1 0:1 / /b rw - tmpfs x rw\n");
        assert_eq!(served_by_programs(&mounts), [true, true]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_within_bounds(table in proptest::collection::vec(any::<u8>(), 0..2048)) {
            let (mounts, _) = parse(&table);
            prop_assert_eq!(served_by_programs(&mounts).len(), mounts.len());
        }

        #[test]
        fn names_come_back_as_they_were(name in proptest::collection::vec(1u8.., 1..64)) {
            let escaped: Vec<u8> = name
                .iter()
                .flat_map(|&byte| match byte {
                    b' ' | b'\t' | b'\n' | b'\\' | b'#' => format!("\\{byte:03o}").into_bytes(),
                    _ => vec![byte],
                })
                .collect();
            prop_assert_eq!(unescape(&escaped), name);
        }
    }
}
