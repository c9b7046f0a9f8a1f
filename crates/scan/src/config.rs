//! What a scanner looks with and how far.

use std::path::PathBuf;
use std::time::Duration;

/// What a scanner looks with and how far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanConfig {
    /// Folders with a user's YARA rules, searched for `*.yar` and `*.yara` at any depth.
    pub rule_folders: Vec<PathBuf>,
    /// Lists of SHA-256 digests of malicious files.
    pub digest_lists: Vec<PathBuf>,
    /// Lists of malicious images.
    pub image_lists: Vec<PathBuf>,
    /// Lists of TLSH digests of malicious files.
    pub fuzzy_lists: Vec<PathBuf>,
    /// Bytes of a file that YARA looks at; all of them are hashed, however many. That is also the greatest buffer.
    pub file_bytes_max: u64,
    /// How long YARA may look at one file, in whole seconds, at least two; each of own and user's rules has this time.
    pub file_time_max: Duration,
    /// Whether Yagura's own rules and digests are used.
    pub own_rules: bool,
    /// Whether each report has a TLSH digest. Costs about as much time as all else together; with a fuzzy list it is
    /// made anyway.
    pub want_fuzzy: bool,
}

impl ScanConfig {
    /// For a sensor on a node, whose memory counts.
    pub fn for_node() -> Self {
        ScanConfig {
            file_bytes_max: 32 << 20,
            file_time_max: Duration::from_secs(10),
            ..ScanConfig::on_demand()
        }
    }

    /// For a scan that somebody waits for.
    pub fn on_demand() -> Self {
        ScanConfig {
            rule_folders: Vec::new(),
            digest_lists: Vec::new(),
            image_lists: Vec::new(),
            fuzzy_lists: Vec::new(),
            file_bytes_max: 256 << 20,
            file_time_max: Duration::from_secs(60),
            own_rules: true,
            want_fuzzy: false,
        }
    }
}

impl Default for ScanConfig {
    fn default() -> Self {
        ScanConfig::on_demand()
    }
}
