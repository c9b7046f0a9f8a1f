//! Every BPF program file has a test of the same name; the guard's stand together in a test binary of their own.

use super::Repository;

const PROGRAMS: &str = "crates/kernel/bpf/programs/";
const TESTS: &str = "crates/kernel/tests/programs/";
/// Programs that are tested by what they keep real containers from, in `crates/kernel/tests/guard`.
const GUARD: &str = "guard/";

pub(super) fn check(repository: &Repository) -> Vec<String> {
    repository
        .files
        .iter()
        .filter_map(|file| file.path.strip_prefix(PROGRAMS)?.strip_suffix(".bpf.c"))
        .filter(|name| !name.starts_with(GUARD))
        .map(|name| format!("{TESTS}{name}.rs"))
        .filter(|test| repository.file(test).is_none())
        .map(|test| format!("{test} is missing: every BPF program file has a test of its name"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::repository;
    use super::*;

    #[test]
    fn a_program_without_a_test_is_found() {
        let mut repository = repository("crates/kernel/bpf/programs/exec.bpf.c", "");
        assert_eq!(check(&repository).len(), 1);
        let test = super::super::tests::repository("crates/kernel/tests/programs/exec.rs", "");
        repository.files.extend(test.files);
        assert_eq!(check(&repository).len(), 0);
    }
}
