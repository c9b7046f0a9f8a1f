//! What was asked for.

use super::lines::Form;
use crate::exit::Failure;
use anyhow::{Context as _, anyhow};
use rustix::fs::OFlags;
use std::fs::OpenOptions;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use yagura_event::escape;
use yagura_policy::PathPattern;
use yagura_scan::ScanConfig;
use yagura_scan::archive::ArchiveLimits;
use yagura_scan::walk::{Excludes, WalkOptions};

/// Threads that scan. Each may hold a file of the greatest size that is looked at whole.
const THREADS_MAX: usize = 64;
/// Threads if nothing is said: more would only take memory from what runs beside.
const THREADS_USUAL_MAX: usize = 8;

/// Look for malware and webshells in files, folders, archives and images
///
/// Goes through everything below each PATH: symbolic links are followed only if they are named, special files are never
/// opened, pseudo file systems such as /proc are entered only if named. Goes into tar, gzip, zstd, zip (jar, war, apk,
/// whl) and Debian packages, images saved by Docker and OCI layouts, however they are named; a member's path is written
/// behind its archive's, with `!` between. What is not looked at is a gap. Exit codes: 0 nothing found, 1 findings or
/// interrupted, 2 bad usage, or a named path, folder or list can't be read, 3 nothing could be read.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Files and folders
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Form of findings: text, or a JSON object on each line, gaps included
    #[arg(long, value_enum, default_value_t = Form::Text)]
    output: Form,
    /// YARA rules beside Yagura's own: a folder of .yar and .yara files; repeatable
    #[arg(long, value_name = "DIR")]
    rules: Vec<PathBuf>,
    /// SHA-256 digests of malicious files, one a line; repeatable
    #[arg(long, value_name = "FILE")]
    hashes: Vec<PathBuf>,
    /// TLSH digests of malicious files, one a line; repeatable
    #[arg(long, value_name = "FILE")]
    fuzzy: Vec<PathBuf>,
    /// Malicious images, one digest or name pattern a line; looked for in OCI layouts and saved images; repeatable
    #[arg(long, value_name = "FILE")]
    images: Vec<PathBuf>,
    /// Only the rules and lists that are given here, without Yagura's own
    #[arg(long)]
    no_own_rules: bool,
    /// Scan archives as a whole only
    #[arg(long)]
    no_archives: bool,
    /// Bytes of a file that rules look at, such as 64M; that much memory may be needed for each thread
    #[arg(long, value_name = "N", value_parser = bytes, default_value = "256M")]
    max_file_size: u64,
    /// Files scanned at once; without it, one for each processor, at most 8
    #[arg(long, value_name = "N", value_parser = threads)]
    threads: Option<usize>,
    /// Leave out paths with this name, or with this whole path if it holds a slash; `*` and `?` are wildcards; repeatable
    #[arg(long, value_name = "GLOB", value_parser = PathPattern::new)]
    exclude: Vec<PathPattern>,
    /// Stay on the file systems of the named paths
    #[arg(long)]
    one_file_system: bool,
    /// Also print what was not looked at
    #[arg(long)]
    all: bool,
}

/// What was asked for, checked.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) config: ScanConfig,
    pub(super) targets: Vec<PathBuf>,
    pub(super) form: Form,
    pub(super) all: bool,
    pub(super) threads: usize,
    /// None: archives are scanned as a whole only.
    pub(super) archives: Option<ArchiveLimits>,
    excludes: Vec<PathPattern>,
    one_file_system: bool,
    /// Where relative paths begin, for patterns of whole paths.
    directory: PathBuf,
}

impl Arguments {
    /// Checks what can be checked before rules are loaded.
    ///
    /// # Errors
    /// [`Failure::BadInput`] if a named path can't be read.
    pub(super) fn settings(&self) -> Result<Settings, Failure> {
        for path in &self.paths {
            let name = || escape(path.as_os_str().as_bytes()).into_owned();
            readable(path)
                .with_context(name)
                .map_err(Failure::BadInput)?;
        }
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Settings {
            config: ScanConfig {
                rule_folders: self.rules.clone(),
                digest_lists: self.hashes.clone(),
                image_lists: self.images.clone(),
                fuzzy_lists: self.fuzzy.clone(),
                file_bytes_max: self.max_file_size,
                own_rules: !self.no_own_rules,
                ..ScanConfig::on_demand()
            },
            targets: self.paths.clone(),
            form: self.output,
            all: self.all,
            threads: self.threads.unwrap_or(processors.min(THREADS_USUAL_MAX)),
            archives: (!self.no_archives).then(ArchiveLimits::default),
            excludes: self.exclude.clone(),
            one_file_system: self.one_file_system,
            directory: std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/")),
        })
    }
}

impl Settings {
    /// How trees are walked.
    pub(super) fn walk_options(&self) -> WalkOptions {
        let patterns = self.excludes.clone();
        let directory = self.directory.as_os_str().as_bytes().to_vec();
        let excludes = move |path: &[u8]| {
            let joined;
            let path = match path.starts_with(b"/") {
                true => path,
                false => {
                    let path = path.strip_prefix(b"./").unwrap_or(path);
                    joined = [&directory, b"/".as_slice(), path].concat();
                    &joined
                }
            };
            patterns.iter().any(|pattern| pattern.matches(path))
        };
        WalkOptions {
            one_file_system: self.one_file_system,
            excludes: (!self.excludes.is_empty()).then(|| Box::new(excludes) as Excludes),
        }
    }
}

/// Whether a named path can be read; it is not read, and nothing but a file or a folder is opened.
fn readable(path: &Path) -> anyhow::Result<()> {
    let kind = std::fs::metadata(path)
        .context("can't be read")?
        .file_type();
    if !kind.is_file() && !kind.is_dir() {
        return Err(anyhow!("is neither a file nor a folder"));
    }
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).context("flag of open(2)")?;
    OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)
        .map(drop)
        .context("can't be read")
}

/// Reads a number of bytes, with K, M or G for powers of 1024.
fn bytes(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.trim_end_matches(['K', 'M', 'G']) {
        digits if digits.len() + 1 < text.len() => return Err("more than one unit".to_owned()),
        digits => (digits, text.get(digits.len()..).unwrap_or_default()),
    };
    let shift = match unit {
        "K" => 10,
        "M" => 20,
        "G" => 30,
        _ => 0,
    };
    let number: u64 = digits
        .parse()
        .map_err(|_| "a number of bytes such as 64M is needed".to_owned())?;
    match number.checked_mul(1 << shift) {
        None | Some(0) => Err("out of range".to_owned()),
        Some(bytes) => Ok(bytes),
    }
}

fn threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(threads @ 1..=THREADS_MAX) => Ok(threads),
        _ => Err(format!("a number from 1 to {THREADS_MAX} is needed")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        assert_eq!(bytes("1"), Ok(1));
        assert_eq!(bytes("64M"), Ok(64 << 20));
        assert_eq!(bytes("2G"), Ok(2 << 30));
        for text in ["", "0", "M", "-1", "1KK", "1T", "99999999999G", "1.5M"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn threads_are_bounded() {
        assert_eq!(threads("64"), Ok(64));
        assert!(threads("0").is_err() && threads("65").is_err() && threads("x").is_err());
    }

    #[test]
    fn what_is_no_file_is_not_opened() {
        assert!(readable(Path::new("/dev/null")).is_err());
        assert!(readable(Path::new("/nonexistent")).is_err());
        assert!(readable(Path::new("/")).is_ok());
    }
}
