//! What scanning one file said, and how findings are put in order and in bounds.

use std::cmp::Reverse;
use yagura_event::{Finding, Sha256};

/// Findings kept of one file, the surest first.
pub const FINDINGS_MAX: usize = 16;

/// Matches kept of one finding.
pub const MATCHES_MAX: usize = 32;

/// What scanning one file said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Digest of the whole content.
    pub sha256: Sha256,
    /// Bytes of the content.
    pub size: u64,
    /// TLSH digest, where it was wanted and the content has enough variety for one.
    pub fuzzy: Option<String>,
    /// What was found, the surest first; empty for an ordinary file.
    pub findings: Vec<Finding>,
    /// What was not looked at, in words.
    pub gaps: Vec<String>,
}

/// Sorts findings, the surest first, and leaves out what is beyond the bounds.
pub(crate) fn settle(findings: &mut Vec<Finding>) {
    findings.sort_by(|a, b| {
        let order = |finding: &Finding| (Reverse(finding.score), finding.engine);
        order(a).cmp(&order(b)).then_with(|| a.rule.cmp(&b.rule))
    });
    findings.truncate(FINDINGS_MAX);
    for finding in findings {
        finding.matches.truncate(MATCHES_MAX);
    }
}

/// Text of a rule or list as it may be shown: escaped, at most so many characters.
pub(crate) fn shown(text: &[u8], chars_max: usize) -> String {
    // A character has at most four bytes, and none is shorter once escaped.
    let cut = text.get(..chars_max * 4).unwrap_or(text);
    yagura_event::escape(cut).chars().take(chars_max).collect()
}
