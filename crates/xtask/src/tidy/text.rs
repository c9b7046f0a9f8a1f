//! Files are clean text, and speak of the product alone.

use super::{Repository, SourceFile};

/// Endings of the files that are not text, each with what it is.
const BINARY: &[(&str, &str)] = &[
    (".capture", "a recording of the event stream"),
    (".bin", "bytes for a decoder's tests"),
    (".webp", "a picture of the console"),
];

/// Paths that exist on the machine of whoever wrote the line, and nowhere else. Split, since this file is checked too.
const MACHINE_PATHS: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/root/", ".cargo"),
    concat!("/tmp/", "bash_jobs"),
];

/// Marks of unfinished work. Split for the same reason.
const UNFINISHED: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X:"),
];

pub(super) fn check(repository: &Repository) -> Vec<String> {
    repository.files.iter().flat_map(check_file).collect()
}

fn check_file(file: &SourceFile) -> Vec<String> {
    if BINARY.iter().any(|(ending, _)| file.path.ends_with(ending)) {
        return Vec::new();
    }
    let Ok(text) = std::str::from_utf8(&file.bytes) else {
        return vec![format!(
            "{}: not UTF-8, and not listed as binary",
            file.path
        )];
    };
    let mut problems = Vec::new();
    for (index, line) in text.split('\n').enumerate() {
        let mut problem =
            |what: &str| problems.push(format!("{}:{}: {what}", file.path, index + 1));
        if line.ends_with([' ', '\t', '\r']) {
            problem("white space at the end of the line");
        }
        if line.contains('\0') {
            problem("a zero byte");
        }
        if MACHINE_PATHS.iter().any(|path| names_path(line, path)) {
            problem("a path of one machine");
        }
        if UNFINISHED.iter().any(|mark| line.contains(mark)) {
            problem("a mark of unfinished work");
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        problems.push(format!("{}: no newline at the end", file.path));
    }
    if text.ends_with("\n\n") {
        problems.push(format!("{}: empty lines at the end", file.path));
    }
    problems
}

/// Whether the line holds the path itself, and not a longer one that ends in it.
fn names_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line.get(..at).unwrap_or_default().chars().next_back();
        !before.is_some_and(|letter| letter.is_alphanumeric() || "._-}/*$".contains(letter))
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::repository;
    use super::*;

    #[test]
    fn unclean_text_is_found() {
        let check = |text| check(&repository("a.md", text)).len();
        assert_eq!(check("fine\n\nstill fine\n"), 0);
        assert_eq!(check(""), 0);
        assert_eq!(check("space \n"), 1);
        assert_eq!(check("return\r\n"), 1);
        assert_eq!(check("no newline"), 1);
        assert_eq!(check("too many\n\n"), 1);
        assert_eq!(check("zero\0byte\n"), 1);
    }

    #[test]
    fn machine_paths_are_found_and_longer_paths_are_not() {
        let check = |text: String| check(&repository("a.md", &text)).len();
        assert_eq!(check(format!("see `{}main`\n", MACHINE_PATHS[0])), 1);
        assert_eq!(check(format!("overlay{}dir\n", MACHINE_PATHS[0])), 0);
        assert_eq!(check(format!("{}: later\n", UNFINISHED[0])), 1);
    }

    #[test]
    fn binary_files_are_left_alone_only_where_listed() {
        let mut repository = repository("a.md", "");
        repository.files[0].bytes = vec![0xff, 0xfe];
        assert_eq!(check(&repository).len(), 1);
        repository.files[0].path = "a.capture".to_owned();
        assert_eq!(check(&repository).len(), 0);
    }
}
