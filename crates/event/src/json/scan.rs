//! What scanning found, as JSON.

use super::alert::{FileJson, ProgramJson, WriterJson, name, path, sentences};
use super::escaped::bounded;
use crate::{AlertProcess, Finding, ScanEngine, ScanEvidence, ScanMatch, ScanReason};
use schemars::JsonSchema;
use serde::Serialize;

/// Findings of one file shown: as many as the scanner keeps.
const FINDINGS_MAX: usize = 16;
/// Reasons of one finding shown.
const REASONS_MAX: usize = 64;
/// Matches of one finding shown: as many as the scanner keeps.
const MATCHES_MAX: usize = 32;
/// Bytes of a match shown, before escaping.
const DATA_BYTES_MAX: usize = 64;
/// Bytes of all arguments of one process that ran the file, before escaping.
const ARGV_BYTES_MAX: usize = 1024;

/// What scanning a file found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Scan")]
pub struct ScanJson {
    /// Path of the file in the container; empty for a finding about an image itself.
    pub path: String,
    /// Which file.
    pub file: FileJson,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 of the content, 64 hexadecimal digits; null if it could not be read whole.
    pub sha256: Option<String>,
    /// TLSH digest of the content; null if none was made.
    pub tlsh: Option<String>,
    /// Why it was scanned: it ran and is not the image's, was written, ran, or is an image's.
    #[schemars(extend("enum" = [
        ScanReason::DriftUsed.as_str(), ScanReason::Written.as_str(), ScanReason::Used.as_str(), ScanReason::Image.as_str(),
    ]))]
    pub reason: &'static str,
    /// What was found.
    #[serde(flatten)]
    pub finding: FindingJson,
    /// What else was found in the file.
    pub others: Vec<FindingJson>,
    /// Who wrote the file; null if that was not seen.
    pub written_by: Option<WriterJson>,
    /// Processes that ran it; the first is the alert's own.
    pub run_by: Vec<ProgramJson>,
}

/// Something found in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Finding")]
pub struct FindingJson {
    /// Catalogue key.
    pub key: String,
    /// Family; the kind of thing where no family is known.
    pub family: String,
    /// How sure it is, 1 to 100.
    pub score: u8,
    /// What found it.
    #[schemars(extend("enum" = [
        ScanEngine::Hash.as_str(), ScanEngine::Yara.as_str(), ScanEngine::Webshell.as_str(), ScanEngine::Fuzzy.as_str(),
        ScanEngine::Image.as_str(),
    ]))]
    pub engine: &'static str,
    /// The rule, list or language that found it.
    pub scan_rule: String,
    /// Why, a sentence each.
    pub reasons: Vec<String>,
    /// Where.
    pub matches: Vec<MatchJson>,
}

/// A place in a file that a rule named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Match")]
pub struct MatchJson {
    /// Identifier of the string in its rule; for scripts what was found there.
    pub name: String,
    /// Offset in bytes from the start of the content.
    pub offset: u64,
    /// Length in bytes.
    pub length: u64,
    /// The beginning of what is there.
    pub data: String,
}

impl From<&ScanEvidence> for ScanJson {
    fn from(scan: &ScanEvidence) -> ScanJson {
        let runner = |process: &AlertProcess| ProgramJson::new(process, ARGV_BYTES_MAX);
        ScanJson {
            path: path(&scan.path),
            file: FileJson::from(scan.file),
            size: scan.size,
            sha256: scan.sha256.map(|digest| digest.to_string()),
            tlsh: scan.fuzzy.as_ref().map(name),
            reason: scan.reason.as_str(),
            finding: FindingJson::from(&scan.finding),
            others: scan
                .others
                .iter()
                .take(FINDINGS_MAX)
                .map(FindingJson::from)
                .collect(),
            written_by: scan.written_by.as_ref().map(WriterJson::from),
            run_by: scan.run_by.iter().map(runner).collect(),
        }
    }
}

impl From<&Finding> for FindingJson {
    fn from(finding: &Finding) -> FindingJson {
        let reasons = finding.reasons.iter().take(REASONS_MAX);
        FindingJson {
            key: name(&finding.key),
            family: name(&finding.family),
            score: finding.score,
            engine: finding.engine.as_str(),
            scan_rule: name(&finding.rule),
            reasons: reasons.map(|reason| sentences(reason)).collect(),
            matches: finding
                .matches
                .iter()
                .take(MATCHES_MAX)
                .map(MatchJson::from)
                .collect(),
        }
    }
}

impl From<&ScanMatch> for MatchJson {
    fn from(found: &ScanMatch) -> MatchJson {
        MatchJson {
            name: sentences(&found.name),
            offset: found.offset,
            length: found.length,
            data: bounded(found.data.as_bytes(), DATA_BYTES_MAX),
        }
    }
}
