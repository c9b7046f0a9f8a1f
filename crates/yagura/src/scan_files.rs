//! What a sensor scans files with.

use crate::exit::Failure;
use anyhow::Context as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use yagura_scan::{RuleProblem, ScanConfig, ScanRules};
use yagura_sensor::ScanSettings;

/// Whether and with what files are scanned.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Scanning of files")]
pub(crate) struct ScanArguments {
    /// Scan no files
    #[arg(long)]
    no_scan: bool,
    /// YARA rules beside Yagura's own: a folder of .yar and .yara files; repeatable
    #[arg(long, value_name = "DIR", conflicts_with = "no_scan")]
    scan_rules: Vec<PathBuf>,
    /// SHA-256 digests of malicious files, one a line; repeatable
    #[arg(long, value_name = "FILE", conflicts_with = "no_scan")]
    scan_hashes: Vec<PathBuf>,
    /// TLSH digests of malicious files, one a line; repeatable
    #[arg(long, value_name = "FILE", conflicts_with = "no_scan")]
    scan_fuzzy: Vec<PathBuf>,
    /// Malicious images, one digest or name pattern a line; repeatable
    #[arg(long, value_name = "FILE", conflicts_with = "no_scan")]
    scan_image_list: Vec<PathBuf>,
    /// Scan all files of an image when its first container starts
    #[arg(long, conflicts_with = "no_scan")]
    scan_images: bool,
}

impl ScanArguments {
    /// Loads rules and lists. What is wrong in them is told on standard error and left out.
    ///
    /// # Errors
    /// [`Failure::BadInput`] if a folder or list that was named can't be read.
    pub(crate) fn load(&self) -> Result<Option<ScanSettings>, Failure> {
        if self.no_scan {
            return Ok(None);
        }
        let config = ScanConfig {
            rule_folders: self.scan_rules.clone(),
            digest_lists: self.scan_hashes.clone(),
            fuzzy_lists: self.scan_fuzzy.clone(),
            image_lists: self.scan_image_list.clone(),
            ..ScanConfig::for_node()
        };
        Ok(Some(ScanSettings {
            rules: load(&config)?,
            images: self.scan_images,
            threads: 1,
        }))
    }
}

/// Yagura's own rules, for a sensor that a command starts for itself.
///
/// # Errors
/// [`Failure::BadInput`] if they can't be loaded.
pub(crate) fn own() -> Result<Option<ScanSettings>, Failure> {
    ScanArguments::default().load()
}

/// Loads rules and lists, and tells of what is wrong in them.
///
/// # Errors
/// [`Failure::BadInput`] if a folder or list that was named can't be read.
pub(crate) fn load(config: &ScanConfig) -> Result<Arc<ScanRules>, Failure> {
    let (rules, problems) = ScanRules::load(config)
        .context("scan rules can't be loaded")
        .map_err(Failure::BadInput)?;
    tell(&problems);
    Ok(Arc::new(rules))
}

fn tell(problems: &[RuleProblem]) {
    let mut stderr = std::io::stderr().lock();
    for problem in problems {
        // A closed standard error is no reason to stop.
        let _ = writeln!(stderr, "warning: {problem}");
    }
}
