//! Paths as callers write them, made absolute.

use yagura_event::Text;

/// Joins a path to its directory and takes out `.`, `..` and repeated slashes; `None` if it is absolute and plain already,
/// or is no path (empty). Links are not followed: only the kernel could, and it is asked wherever a file was opened.
pub(crate) fn absolute(directory: &Text, path: &Text) -> Option<Text> {
    let bytes = path.as_bytes();
    if bytes.is_empty() || (bytes.starts_with(b"/") && is_plain(bytes)) {
        return None;
    }
    let mut parts: Vec<&[u8]> = Vec::new();
    let directory = match bytes.starts_with(b"/") {
        true => &[],
        false => directory.as_bytes(),
    };
    if directory.is_empty() && !bytes.starts_with(b"/") {
        return None;
    }
    for part in directory.split(is_slash).chain(bytes.split(is_slash)) {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let mut joined = Vec::with_capacity(directory.len() + bytes.len() + 2);
    for part in &parts {
        joined.push(b'/');
        joined.extend_from_slice(part);
    }
    if joined.is_empty() {
        joined.push(b'/');
    }
    Some(Text(joined))
}

fn is_slash(byte: &u8) -> bool {
    *byte == b'/'
}

fn is_plain(path: &[u8]) -> bool {
    let rest = path.strip_prefix(b"/").unwrap_or(path);
    rest.is_empty()
        || rest
            .split(is_slash)
            .all(|part| !matches!(part, b"" | b"." | b".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(directory: &str, path: &str, expected: Option<&str>) {
        let found = absolute(&Text::from(directory), &Text::from(path));
        assert_eq!(found, expected.map(Text::from), "{directory} {path}");
    }

    #[test]
    fn paths_are_made_absolute() {
        check("/root", "a/b", Some("/root/a/b"));
        check("/root/", "./a/../b", Some("/root/b"));
        check("/x", "/etc//passwd", Some("/etc/passwd"));
        check("/x", "../../../etc", Some("/etc"));
        check("/x", "..", Some("/"));
        check("/x", "/etc/passwd", None);
        check("/x", "/", None);
        check("", "a", None);
        check("/x", "", None);
    }
}
