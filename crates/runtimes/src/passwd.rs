//! A container's password file, read without being led outside the container or made to wait.

use crate::limits::{PASSWD_BYTES_MAX, USER_NAME_BYTES_MAX, USERS_MAX};
use crate::proc::{ReadError, read_to};
use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, fstat, openat2};
use std::path::Path;
use yagura_event::Text;

/// Reads the users of the container whose root directory is `root` (`/proc/PID/root`).
///
/// Symbolic links resolve inside the container. Another mount is not entered: a container may put a file system of
/// its own over `/etc`, whose server never answers.
///
/// # Errors
/// [`ReadError::Io`] if there is no such file or it lies on another mount, [`ReadError::NotRegular`] if it is a pipe
/// or a device.
pub(crate) fn read(root: &Path) -> Result<Vec<(u32, Text)>, ReadError> {
    let directory = rustix::fs::open(
        root,
        OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    let file = openat2(
        directory,
        "etc/passwd",
        OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC,
        Mode::empty(),
        ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV,
    )?;
    if FileType::from_raw_mode(fstat(&file)?.st_mode) != FileType::RegularFile {
        return Err(ReadError::NotRegular);
    }
    Ok(parse(&read_to(file.into(), PASSWD_BYTES_MAX)?.bytes))
}

/// Parses lines `name:password:uid:…`. Lines that are not so are skipped, names over the bound too; the first name
/// of an id counts, as for getpwuid(3).
pub(crate) fn parse(bytes: &[u8]) -> Vec<(u32, Text)> {
    let mut users: Vec<(u32, Text)> = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        if users.len() == USERS_MAX {
            break;
        }
        let mut fields = line.split(|byte| *byte == b':');
        let (Some(name), Some(_), Some(uid)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let uid = std::str::from_utf8(uid)
            .ok()
            .and_then(|uid| uid.parse().ok());
        if let Some(uid) = uid
            && !name.is_empty()
            && name.len() <= USER_NAME_BYTES_MAX
            && seen.insert(uid)
        {
            users.push((uid, Text::from(name)));
        }
    }
    users
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn users_are_parsed_and_bad_lines_skipped() {
        let long = "l".repeat(USER_NAME_BYTES_MAX + 1);
        let file = format!(
            "root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/:/bin/sh\n\n:x:3:3\nbad\n{long}:x:5:5\n\
             app:x:1000:1000::/:/bin/sh\nminus:x:-1:1\nbig:x:4294967296:1"
        );
        assert_eq!(
            parse(file.as_bytes()),
            [(0, Text::from("root")), (1000, Text::from("app"))]
        );
    }

    #[test]
    fn the_number_of_users_is_bounded() {
        let file: String = (0..5000).map(|n| format!("u{n}:x:{n}:0\n")).collect();
        assert_eq!(parse(file.as_bytes()).len(), USERS_MAX);
    }

    #[test]
    fn links_stay_inside_and_pipes_are_refused() {
        let dir = crate::test_dir::TestDir::new("passwd");
        let etc = dir.path().join("etc");
        std::fs::create_dir(&etc).expect("etc");
        // An absolute link to a path that exists on the host only.
        symlink("/proc/self/status", etc.join("passwd")).expect("link");
        assert!(matches!(read(dir.path()), Err(ReadError::Io(_))));
        std::fs::remove_file(etc.join("passwd")).expect("remove");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            etc.join("passwd"),
            FileType::Fifo,
            Mode::RUSR,
            0,
        )
        .expect("fifo");
        assert!(matches!(read(dir.path()), Err(ReadError::NotRegular)));
        std::fs::remove_file(etc.join("passwd")).expect("remove");
        std::fs::write(dir.path().join("users"), "me:x:7:7\n").expect("write");
        symlink("/users", etc.join("passwd")).expect("link");
        assert_eq!(read(dir.path()).expect("users"), [(7, Text::from("me"))]);
    }

    proptest! {
        #[test]
        fn no_input_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
            parse(&bytes);
        }
    }
}
