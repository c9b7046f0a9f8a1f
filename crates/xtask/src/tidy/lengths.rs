//! Files stay short enough to be read in one go.

use super::Repository;

/// The most lines of a file, by extension.
const LINES_MAX: &[(&str, usize)] = &[("rs", 600), ("c", 700), ("h", 700)];

/// Longer files, each with the reason why it is better whole.
const LONG: &[(&str, &str)] = &[];

pub(super) fn check(repository: &Repository) -> Vec<String> {
    let mut problems = check_against(repository, LONG);
    problems.extend(
        LONG.iter()
            .filter(|(path, _)| repository.file(path).is_none())
            .map(|(path, _)| format!("{path} is gone: take it off the list of long files")),
    );
    problems
}

fn check_against(repository: &Repository, long: &[(&str, &str)]) -> Vec<String> {
    let mut problems = Vec::new();
    for (extension, lines_max) in LINES_MAX {
        for file in repository.with_extension(extension) {
            let lines = file.text().lines().count();
            let listed = long.iter().any(|(path, _)| *path == file.path);
            if lines > *lines_max && !listed {
                problems.push(format!(
                    "{}: {lines} lines, more than {lines_max}: split it, or list it with a reason",
                    file.path
                ));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::super::tests::repository;
    use super::*;

    #[test]
    fn long_files_need_a_reason() {
        let long = repository("a/b.rs", &"\n".repeat(601));
        assert_eq!(check_against(&long, &[]).len(), 1);
        assert_eq!(check_against(&long, &[("a/b.rs", "a table")]).len(), 0);
        let enough = repository("a/b.rs", &"\n".repeat(600));
        assert_eq!(check_against(&enough, &[]).len(), 0);
        assert_eq!(
            check_against(&repository("a/b.c", &"\n".repeat(701)), &[]).len(),
            1
        );
    }
}
