//! The mount table of this process.

use crate::owner::read_proc;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// One line of `/proc/self/mountinfo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mounted {
    pub(crate) point: PathBuf,
    pub(crate) file_system: String,
}

/// Everything mounted, in the order of the table: what lies on top of another comes later.
pub(crate) fn all() -> io::Result<Vec<Mounted>> {
    Ok(parse(&read_proc(Path::new("/proc/self/mountinfo"))?))
}

/// Where something is mounted for a process.
pub(crate) fn of_process(pid: u32) -> io::Result<Vec<PathBuf>> {
    let table = read_proc(Path::new(&format!("/proc/{pid}/mountinfo")))?;
    Ok(parse(&table)
        .into_iter()
        .map(|mounted| mounted.point)
        .collect())
}

/// What is mounted on `dir` or below it.
pub(crate) fn below(dir: &Path) -> io::Result<Vec<PathBuf>> {
    Ok(all()?
        .into_iter()
        .map(|mounted| mounted.point)
        .filter(|point| point.starts_with(dir))
        .collect())
}

/// Mount points of file systems of these types.
pub(crate) fn of_types(types: &[&str]) -> io::Result<Vec<PathBuf>> {
    Ok(all()?
        .into_iter()
        .filter(|mounted| types.contains(&mounted.file_system.as_str()))
        .map(|mounted| mounted.point)
        .collect())
}

fn parse(table: &str) -> Vec<Mounted> {
    table.lines().filter_map(parse_line).collect()
}

/// Fields by proc(5): the fifth is the mount point, the one behind a lone hyphen the file system's type.
fn parse_line(line: &str) -> Option<Mounted> {
    let mut fields = line.split(' ');
    let point = unescape(fields.nth(4)?);
    let file_system = fields.skip_while(|field| *field != "-").nth(1)?;
    Some(Mounted {
        point,
        file_system: file_system.to_owned(),
    })
}

/// Blanks, line ends and backslashes stand as three octal digits behind a backslash.
fn unescape(text: &str) -> PathBuf {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let octal = (first == b'\\')
            .then(|| tail.get(..3))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match octal {
            Some(byte) => {
                out.push(byte);
                rest = tail.get(3..).unwrap_or_default();
            }
            None => {
                out.push(first);
                rest = tail;
            }
        }
    }
    PathBuf::from(OsString::from_vec(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_with_their_escapes() {
        let table = "36 35 98:0 /mnt1 /a\\040b\\134c rw,noatime master:1 - ext3 /dev/root rw\n\
                     37 35 0:5 / /sys/fs/cgroup rw shared:9 propagate_from:2 - cgroup2 none rw\nbroken\n";
        let mounted = parse(table);
        assert_eq!(mounted.len(), 2);
        assert_eq!(mounted[0].point, Path::new("/a b\\c"));
        assert_eq!(mounted[1].file_system, "cgroup2");
    }
}
