//! Which loader and libraries a program of the host needs.

use crate::command::{self, CommandError, Input};
use crate::limits::LIST_TIMEOUT;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Program headers that are looked at: real programs have about a dozen.
const SEGMENTS_MAX: u16 = 64;
/// Bytes of a loader's path, as the kernel allows.
const LOADER_BYTES_MAX: u64 = 4096;
/// Size in bytes of the file header and of one program header in 64-bit ELF.
const HEADER_SIZE: usize = 64;
const SEGMENT_SIZE: usize = 56;
/// `PT_INTERP` of elf(5).
const SEGMENT_LOADER: u32 = 3;

/// Reads the path of the dynamic loader out of a 64-bit ELF file; `None` for a static program or another kind of file.
///
/// # Errors
/// If the file can't be read or its headers point nowhere.
pub(crate) fn loader(program: &Path) -> io::Result<Option<PathBuf>> {
    let mut file = File::open(program)?;
    let mut header = [0u8; HEADER_SIZE];
    match file.read_exact(&mut header) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        result => result?,
    }
    if !header.starts_with(b"\x7fELF\x02") {
        return Ok(None);
    }
    let (Some(table), Some(count)) = (u64_at(&header, 32), u16_at(&header, 56)) else {
        return Ok(None);
    };
    file.seek(SeekFrom::Start(table))?;
    for _ in 0..count.min(SEGMENTS_MAX) {
        let mut segment = [0u8; SEGMENT_SIZE];
        file.read_exact(&mut segment)?;
        if u32_at(&segment, 0) != Some(SEGMENT_LOADER) {
            continue;
        }
        let (Some(offset), Some(size)) = (u64_at(&segment, 8), u64_at(&segment, 32)) else {
            return Ok(None);
        };
        let mut path = Vec::new();
        file.seek(SeekFrom::Start(offset))?;
        file.take(size.min(LOADER_BYTES_MAX))
            .read_to_end(&mut path)?;
        let path = path.split(|&byte| byte == 0).next().unwrap_or_default();
        return Ok(Some(PathBuf::from(OsStr::from_bytes(path))));
    }
    Ok(None)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// Asks the loader which libraries it would load for `program`. Only for programs of the host's own folders: a loader
/// believes what the file says.
///
/// # Errors
/// As for any command.
pub(crate) fn libraries(loader: &Path, program: &Path) -> Result<Vec<PathBuf>, CommandError> {
    // Understood by both glibc's and musl's loader.
    let mut list = Command::new(loader);
    list.arg("--list").arg(program).env_clear();
    let output = command::run(&mut list, Input::Empty, LIST_TIMEOUT)?;
    Ok(parse(&output.stdout))
}

/// Lines are `name => /path (0x…)` or `/path (0x…)`; the kernel's own vdso has no path.
fn parse(list: &[u8]) -> Vec<PathBuf> {
    String::from_utf8_lossy(list)
        .lines()
        .filter_map(|line| {
            let place = line.rsplit("=>").next().unwrap_or_default().trim();
            let path = place.split(" (").next().unwrap_or_default();
            path.starts_with('/').then(|| PathBuf::from(path))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_of_both_loaders_are_read() {
        let glibc = b"\tlinux-vdso.so.1 (0x00007f)\n\tlibc.so.6 => /lib/x/libc.so.6 (0x00007f)\n\
                      \tlibno.so => not found\n\t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n";
        let paths = ["/lib/x/libc.so.6", "/lib64/ld-linux-x86-64.so.2"].map(PathBuf::from);
        assert_eq!(parse(glibc), paths);
        let musl = b"\t/lib/ld-musl-x86_64.so.1 (0x7f)\n\tlibc.musl-x86_64.so.1 => /lib/ld-musl-x86_64.so.1 (0x7f)\n";
        assert_eq!(parse(musl).len(), 2);
    }

    #[test]
    fn the_loader_of_our_own_programs_is_read() {
        let dir = std::env::temp_dir().join(crate::owner::Owner::this().unwrap().name());
        std::fs::create_dir(&dir).unwrap();
        let dynamic = dir.join("dynamic");
        let fixed = dir.join("static");
        std::fs::write(&dynamic, crate::programs::DRIFTED_DYNAMIC).unwrap();
        std::fs::write(&fixed, crate::programs::DRIFTED).unwrap();
        let found = (loader(&dynamic).unwrap(), loader(&fixed).unwrap());
        std::fs::write(&fixed, b"\x7fELF\x02 cut").unwrap();
        let cut = loader(&fixed).unwrap();
        std::fs::remove_dir_all(&dir).unwrap();
        assert!(found.0.is_some_and(|path| path.is_absolute()));
        assert_eq!((found.1, cut), (None, None));
    }
}
