//! The sum of what all test programs reported.

use std::fmt;

/// What test programs print behind a test that failed at first.
pub(crate) const AT_SECOND_TRY: &str = ", at the second try";

/// Counts over every test program, and the tests that did not run or did not pass.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    passed: u64,
    failed: u64,
    skipped: u64,
    skips: Vec<String>,
    failures: Vec<String>,
    second_tries: Vec<String>,
    /// Something failed that no test program counted: it did not compile, crashed, or was killed.
    is_broken: bool,
}

impl Summary {
    /// Reads one line of the output of `cargo test`.
    pub(crate) fn read(&mut self, line: &str) {
        if let Some(result) = line.strip_prefix("test result: ") {
            self.passed += count(result, " passed");
            self.failed += count(result, " failed");
            self.skipped += count(result, " ignored");
        } else if let Some((name, outcome)) = line
            .strip_prefix("test ")
            .and_then(|test| test.split_once(" ... "))
        {
            let name = name.trim_end();
            if let Some(reason) = outcome.strip_prefix("ignored") {
                let reason = reason.trim_matches([' ', ',', '(', ')']);
                self.skips.push(match reason {
                    "" => name.to_owned(),
                    reason => format!("{name}: {reason}"),
                });
            } else if outcome.starts_with("FAILED") {
                self.failures.push(name.to_owned());
            } else if outcome.ends_with(AT_SECOND_TRY) {
                self.second_tries.push(name.to_owned());
            }
        }
    }

    /// Takes in how the program itself ended.
    pub(crate) fn finish(&mut self, success: bool) {
        // A program that died named its skipped tests but never counted them.
        self.skipped = self.skipped.max(self.skips.len() as u64);
        if !success && self.failed == 0 {
            self.is_broken = true;
            self.failed = 1;
        }
    }

    /// Takes in another one.
    pub(crate) fn add(&mut self, other: Summary) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.skips.extend(other.skips);
        self.failures.extend(other.failures);
        self.second_tries.extend(other.second_tries);
        self.is_broken |= other.is_broken;
    }

    /// The tests of one finished program that failed, if they are so few and all that is wrong with it.
    pub(crate) fn to_try_again(&self, max: usize) -> Vec<String> {
        let is_told = self.failed == self.failures.len() as u64 && !self.is_broken;
        match is_told && self.failures.len() <= max {
            true => self.failures.clone(),
            false => Vec::new(),
        }
    }

    /// Counts a test that failed as one that passed, and remembers that it did not at once.
    pub(crate) fn passed_at_second_try(&mut self, name: &str) {
        if let Some(at) = self.failures.iter().position(|failed| failed == name) {
            self.second_tries.push(self.failures.remove(at));
            self.failed -= 1;
            self.passed += 1;
        }
    }

    /// Whether nothing failed and something ran.
    pub(crate) fn passed_whole(&self) -> bool {
        self.failed == 0 && self.passed > 0
    }
}

/// The number in front of `word`, e.g. 12 in `ok. 12 passed; 0 failed`.
fn count(result: &str, word: &str) -> u64 {
    result
        .split([';', '.'])
        .find_map(|part| part.strip_suffix(word))
        .and_then(|number| number.trim().parse().ok())
        .unwrap_or(0)
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (heading, names) in [
            ("skipped", &self.skips),
            ("passed at the second try only", &self.second_tries),
            ("failed", &self.failures),
        ] {
            if !names.is_empty() {
                writeln!(f, "\n{heading}:")?;
                names.iter().try_for_each(|name| writeln!(f, "  {name}"))?;
            }
        }
        if self.is_broken {
            writeln!(
                f,
                "\na test program did not compile or ended without a result; it counts as one failure"
            )?;
        }
        writeln!(
            f,
            "\n{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &str, success: bool, closing: &str) -> Summary {
        let mut summary = Summary::default();
        lines.lines().for_each(|line| summary.read(line));
        summary.finish(success);
        let shown = summary.to_string();
        assert_eq!(shown.lines().last(), Some(closing), "{shown}");
        summary
    }

    #[test]
    fn programs_add_up_and_skips_are_named() {
        let output = "\
running 3 tests
test a::one ... ok
test a::two ... ignored, needs root
test a::three ... ok

test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s

test [kernel] exec      ... ok
test [kernel] mprotect  ... ignored (no BTF)
test plain              ... ignored

test result: ok. 1 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.10s
";
        let summary = check(output, true, "3 passed, 0 failed, 3 skipped");
        assert!(summary.passed_whole());
        assert_eq!(
            summary.skips,
            ["a::two: needs root", "[kernel] mprotect: no BTF", "plain"]
        );
    }

    #[test]
    fn a_failed_test_fails_the_whole() {
        let output = "test a ... FAILED\n\
            test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out";
        let summary = check(output, false, "0 passed, 1 failed, 0 skipped");
        assert!(!summary.passed_whole());
        assert_eq!(summary.failures, ["a"]);
    }

    #[test]
    fn a_program_that_dies_counts_as_a_failure() {
        let output = "test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured\n\
            test a ... ignored, needs root";
        let summary = check(output, false, "5 passed, 1 failed, 1 skipped");
        assert!(!summary.passed_whole());
    }

    #[test]
    fn a_test_that_passes_at_its_second_try_is_named() {
        let output = "test a ... FAILED\ntest b ... ok\n\
            test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out";
        let mut summary = check(output, false, "1 passed, 1 failed, 0 skipped");
        assert_eq!(summary.to_try_again(1), ["a"]);
        summary.passed_at_second_try("a");
        assert!(summary.passed_whole());
        let mut whole = Summary::default();
        whole.read("test c ... ok, at the second try");
        whole.read("test result: ok. 1 passed; 0 failed; 0 ignored");
        whole.add(summary);
        let shown = whole.to_string();
        assert!(shown.contains("second try only:\n  c\n  a\n"), "{shown}");
        assert!(
            shown.ends_with("\n3 passed, 0 failed, 0 skipped\n"),
            "{shown}"
        );
    }

    #[test]
    fn many_failures_and_crashes_are_not_tried_again() {
        let many = "test a ... FAILED\ntest b ... FAILED\n\
            test result: FAILED. 0 passed; 2 failed; 0 ignored";
        let summary = check(many, false, "0 passed, 2 failed, 0 skipped");
        assert!(summary.to_try_again(1).is_empty());
        let died = check("test a ... FAILED", false, "0 passed, 1 failed, 0 skipped");
        assert!(died.to_try_again(1).is_empty());
    }

    #[test]
    fn no_test_at_all_is_no_success() {
        let mut summary = Summary::default();
        summary.finish(true);
        assert!(!summary.passed_whole());
    }
}
