//! What scanning a file's content says.

use crate::{InspectionError, InspectionRequest, Sha256, Text};
use serde::{Deserialize, Serialize};

/// Why a file is scanned; the earlier in this list, the sooner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ScanReason {
    /// It ran, was mapped executable or read by an interpreter, and is not the image's.
    DriftUsed,
    /// It was written and closed at a place where programs, scripts or jobs are looked for.
    Written,
    /// It ran, was mapped executable or read by an interpreter.
    Used,
    /// It is in the image of a container that began.
    Image,
    /// A user named it.
    Asked,
}

impl ScanReason {
    /// The name in alerts and rules.
    pub fn as_str(self) -> &'static str {
        match self {
            ScanReason::DriftUsed => "drift-used",
            ScanReason::Written => "written",
            ScanReason::Used => "used",
            ScanReason::Image => "image",
            ScanReason::Asked => "asked",
        }
    }
}

/// What the pipeline asks to have scanned. The answer is a [`ScanAnswer`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanRequest {
    /// The file and the ways to it; its token ties the answer to the question. Tokens of scans and inspections are not
    /// each other's.
    pub file: InspectionRequest,
    /// Why.
    pub reason: ScanReason,
    /// TLSH digest of the program that wrote the file, to be compared with the file's.
    pub writer_fuzzy: Option<String>,
}

/// What found something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ScanEngine {
    /// A list of digests.
    Hash,
    /// A YARA rule.
    Yara,
    /// Analysis of a script in its own syntax.
    Webshell,
    /// Likeness to a known sample, or of a file to the program that wrote it.
    Fuzzy,
    /// A list of images.
    Image,
}

impl ScanEngine {
    /// The name in alerts and rules.
    pub fn as_str(self) -> &'static str {
        match self {
            ScanEngine::Hash => "hash",
            ScanEngine::Yara => "yara",
            ScanEngine::Webshell => "webshell",
            ScanEngine::Fuzzy => "fuzzy",
            ScanEngine::Image => "image",
        }
    }
}

/// A place in a file that a rule named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanMatch {
    /// Identifier of the string in its rule, such as `$login`; for scripts what was found there.
    pub name: String,
    /// Offset in bytes from the start of the content.
    pub offset: u64,
    /// Length in bytes.
    pub length: u64,
    /// The beginning of what is there, at most 64 bytes, not escaped.
    pub data: Text,
}

/// Something found in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Catalogue key, such as `malware.miner`.
    pub key: String,
    /// Family, such as `xmrig`; the kind of thing where no family is known.
    pub family: String,
    /// How sure it is, 1 to 100.
    pub score: u8,
    /// What found it.
    pub engine: ScanEngine,
    /// The rule, list or language that found it.
    pub rule: String,
    /// Why, a sentence each. Parts from the file are escaped.
    pub reasons: Vec<String>,
    /// Where, at most 32.
    pub matches: Vec<ScanMatch>,
}

/// What scanning one file said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanAnswer {
    /// The token of the request.
    pub token: u64,
    /// Digest of the whole content, where it could be read.
    pub sha256: Option<Sha256>,
    /// Bytes of the content.
    pub size: u64,
    /// TLSH digest, where the content has enough variety for one.
    pub fuzzy: Option<String>,
    /// Distance of that digest to the one that the request named.
    pub distance: Option<u32>,
    /// What was found, the surest first; empty for an ordinary file.
    pub findings: Vec<Finding>,
    /// What was not looked at, in words: a file beyond a bound, a rule that took too long.
    pub gaps: Vec<String>,
    /// Why the file could not be read; then nothing else is known.
    pub error: Option<InspectionError>,
}
