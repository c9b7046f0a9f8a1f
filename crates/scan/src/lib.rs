//! Content of files to findings.
//!
//! Does: hashes, matches YARA rules (Yagura's own and the user's), looks digests up, measures likeness, and has scripts
//! analysed as webshells. Every bound has a name, and what a bound cut off is a stated gap.
//! Never: maps a file into memory, runs what it reads, or trusts a length or a name in it.
//!
//! Start at [`ScanRules::load`] (once, shared) and [`Scanner`] (one for each thread).

pub mod archive;
mod config;
mod digest;
mod fuzzy;
mod limits;
mod lists;
mod report;
mod rules;
mod scanner;
pub mod walk;
mod yara;

pub use config::ScanConfig;
pub use fuzzy::{LIKE_DISTANCE_MAX, fuzzy_digest, fuzzy_distance};
pub use lists::{DigestList, FuzzyList, ImageList, ImageThreat};
pub use report::{FINDINGS_MAX, MATCHES_MAX, Report};
pub use rules::{LoadError, OwnRule, RuleProblem, ScanRules};
pub use scanner::Scanner;
