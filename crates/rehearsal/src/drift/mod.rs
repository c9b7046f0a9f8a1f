//! What is rehearsed: the ways in which drift comes about, and what only looks like it.

mod benign;
mod cases;
mod hidden_cases;

use crate::bundle::Privileges;
use yagura_event::{DriftKind, DriftVector};

pub use benign::BENIGN;

/// Every drift case, in the order of the vectors.
pub const CASES: [&[DriftCase]; 12] = [
    cases::WRITTEN,
    cases::MODIFIED,
    cases::COPIED,
    cases::VOLUME,
    hidden_cases::MEMFD,
    hidden_cases::DELETED,
    hidden_cases::LOADER,
    hidden_cases::LIBRARY,
    cases::SCRIPT,
    cases::ENTERED,
    hidden_cases::NAMESPACE,
    hidden_cases::DESCRIPTOR,
];

/// Goes through every drift case, in the order of the vectors.
pub fn cases() -> impl Iterator<Item = &'static DriftCase> {
    CASES.iter().copied().flatten()
}

/// One way in which something that is not the image's comes to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DriftCase {
    /// Short name, unique among the cases, beginning with the vector's.
    pub name: &'static str,
    /// The vector that it is an example of. Others may apply too.
    pub vector: DriftVector,
    /// What kind of file drifts.
    pub kind: DriftKind,
    /// One line for people.
    pub description: &'static str,
    /// Paths in the container under which the drifted file may rightly be reported: more than one where a mount gives it
    /// several. For memory files the name.
    pub paths: &'static [&'static str],
    /// What it can't do without.
    pub needs: Needs,
    /// What to run.
    pub how: How,
}

impl DriftCase {
    /// Whether a reported path names this case's file. What the kernel adds to names of memory files and of deleted
    /// files is ignored.
    pub fn matches_path(&self, reported: &[u8]) -> bool {
        let reported = reported.strip_suffix(b" (deleted)").unwrap_or(reported);
        let reported = if self.vector == DriftVector::Memfd {
            let reported = reported.strip_prefix(b"/").unwrap_or(reported);
            reported.strip_prefix(b"memfd:").unwrap_or(reported)
        } else {
            reported
        };
        self.paths.iter().any(|path| path.as_bytes() == reported)
    }
}

/// Something that a sensor must not report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BenignCase {
    /// Short name, unique among the benign cases.
    pub name: &'static str,
    /// Why it is not drift though it looks like it.
    pub why: &'static str,
    /// What it can't do without.
    pub needs: Needs,
    /// What to run.
    pub how: How,
}

/// What a case can't do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// Privileges of the container, at the least.
    pub privileges: Privileges,
    /// Programs of the host that the image must have.
    pub programs: &'static [&'static str],
    /// Whether the image must have a dynamic loader.
    pub loader: bool,
}

impl Needs {
    const NOTHING: Needs = Needs {
        privileges: Privileges::Default,
        programs: &[],
        loader: false,
    };
    const LOADER: Needs = Needs {
        loader: true,
        ..Needs::NOTHING
    };

    const fn programs(programs: &'static [&'static str]) -> Needs {
        Needs {
            programs,
            ..Needs::NOTHING
        }
    }

    const fn admin(programs: &'static [&'static str]) -> Needs {
        Needs {
            privileges: Privileges::Admin,
            programs,
            loader: false,
        }
    }
}

/// How a case is run. Scripts are for `/bin/sh` in the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// A script, by the runtime's `exec`.
    Shell(&'static str),
    /// The same with standard input.
    ShellWithInput(&'static str, PreparedInput),
    /// After a script that prepares, a command of its own by the runtime's `exec`.
    Exec {
        /// The script that prepares; empty for none.
        prepare: &'static str,
        /// The command.
        argv: &'static [&'static str],
    },
    /// After a script that prepares, a command by the host's `nsenter`, which does not enter the cgroup.
    Enter {
        /// The script that prepares; empty for none.
        prepare: &'static str,
        /// The command.
        argv: &'static [&'static str],
    },
}

/// What a script is given as standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreparedInput {
    /// The program that drifts in.
    Drifted,
    /// The same, in base64.
    DriftedBase64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_vector_has_several_cases_in_its_place() {
        for (vector, cases) in DriftVector::ALL.into_iter().zip(CASES) {
            assert!(cases.len() >= 3, "{vector}");
            assert!(cases.iter().all(|case| case.vector == vector), "{vector}");
        }
    }

    #[test]
    fn names_and_paths_are_unique() {
        let mut names = BTreeSet::new();
        let mut paths = BTreeSet::new();
        for case in cases() {
            let vector = case.vector.as_str();
            let prefix = vector.strip_suffix("-exec").unwrap_or(vector);
            assert!(case.name.starts_with(prefix), "{}", case.name);
            assert!(names.insert(case.name), "{}", case.name);
            for path in case.paths {
                assert!(paths.insert(path), "{path}");
            }
        }
        for case in BENIGN {
            assert!(names.insert(case.name), "{}", case.name);
        }
    }

    #[test]
    fn kernel_decorations_of_paths_are_ignored() {
        let find = |vector| cases().find(|case| case.vector == vector).unwrap();
        let memfd = find(DriftVector::Memfd);
        let name = memfd.paths[0];
        for reported in [
            name.to_owned(),
            format!("memfd:{name}"),
            format!("/memfd:{name} (deleted)"),
        ] {
            assert!(memfd.matches_path(reported.as_bytes()), "{reported}");
        }
        assert!(!memfd.matches_path(b"/tmp/x"));
        let written = find(DriftVector::Written);
        assert!(written.matches_path(written.paths[0].as_bytes()));
        assert!(!written.matches_path(b"memfd:x"));
    }
}
