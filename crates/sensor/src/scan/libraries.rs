//! The libraries of a program that is the image's: the kernel side tells of mappings of other files only.

use super::limits::{LIBRARIES_MAX, MAPS_BYTES_MAX};
use crate::inspect::{Found, Lookup, Process, look_up};
use rustix::fd::AsFd;
use rustix::fs::{Mode, OFlags, openat};
use std::fs::File;
use std::io::Read as _;

/// Paths of what a process has mapped executable, without its program, each once.
pub(super) fn paths(process: &Process, exe: &[u8]) -> Vec<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let mut maps = Vec::new();
    let is_read = openat(process.directory(), "maps", flags, Mode::empty())
        .map(File::from)
        .is_ok_and(|file| file.take(MAPS_BYTES_MAX).read_to_end(&mut maps).is_ok());
    if !is_read {
        return Vec::new();
    }
    let mut paths: Vec<Vec<u8>> = Vec::new();
    for path in maps.split(|&byte| byte == b'\n').filter_map(executable) {
        if path != exe && paths.len() < LIBRARIES_MAX && !paths.iter().any(|known| known == path) {
            paths.push(path.to_vec());
        }
    }
    paths
}

/// The path of a line of `/proc/PID/maps` whose mapping is executable and of a file.
///
/// Source: proc_pid_maps(5). What is deleted has ` (deleted)` behind its path, and so leads to nothing.
fn executable(line: &[u8]) -> Option<&[u8]> {
    let permissions = line.split(|&byte| byte == b' ').nth(1)?;
    let start = line.iter().position(|&byte| byte == b'/')?;
    (permissions.get(2) == Some(&b'x'))
        .then(|| line.get(start..))
        .flatten()
}

/// Finds a library below a root directory, without following links out of it.
pub(super) fn find(root: impl AsFd, path: &[u8]) -> Option<Found> {
    let found = look_up(root, path, Lookup::InRoot).and_then(Found::new);
    found.ok().filter(|found| found.facts.size > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_executable_mappings_of_files_count() {
        let lib = b"7f00-7f10 r-xp 00001000 08:01 99  /lib/lib with space.so";
        assert_eq!(executable(lib), Some(&b"/lib/lib with space.so"[..]));
        for other in [
            &b"7f00-7f10 r--p 00001000 08:01 99  /lib/libc.so"[..],
            b"7f00-7f10 r-xp 00000000 00:00 0   [vdso]",
            b"7f00-7f10 rwxp 00000000 00:00 0",
            b"",
        ] {
            assert_eq!(executable(other), None);
        }
    }
}
