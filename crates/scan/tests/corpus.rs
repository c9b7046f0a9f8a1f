//! Ordinary files must give no finding at all.
//!
//! `YAGURA_CORPUS=/usr:/srv/images cargo test -p yagura-scan --test main corpus` looks at whole folders of yours.

use crate::samples::OWN;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use yagura_scan::Scanner;

/// Folders that are looked at, each for a while.
const FOLDERS: [&str; 6] = [
    "/usr/bin",
    "/usr/sbin",
    "/usr/lib",
    "/usr/share",
    "/etc",
    env!("CARGO_MANIFEST_DIR"),
];
/// How long each is looked at, unless a corpus is given.
const FOLDER_TIME_MAX: Duration = Duration::from_secs(2);
/// Bytes of a file that is looked at, unless a corpus is given.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// Programs that are there to be found.
const WANTED: [&str; 3] = ["/nmap", "/masscan", "/upx-ucl"];

#[test]
fn ordinary_files_give_no_finding() {
    let given = std::env::var_os("YAGURA_CORPUS");
    let mut folders: Vec<PathBuf> = match &given {
        Some(paths) => std::env::split_paths(paths).collect(),
        None => FOLDERS.iter().map(PathBuf::from).collect(),
    };
    if given.is_none()
        && let Some(home) = std::env::var_os("HOME")
    {
        folders.push(Path::new(&home).join(".cargo/registry/src"));
    }
    let mut scanner = Scanner::new(Arc::clone(&OWN));
    let mut files = 0_usize;
    let mut found = Vec::new();
    for folder in folders {
        if !folder.is_dir() {
            eprintln!("SKIPPED: {} is not there", folder.display());
            continue;
        }
        let end = given.is_none().then(|| Instant::now() + FOLDER_TIME_MAX);
        walk(&folder, &mut |path, size| {
            if end.is_some_and(|end| Instant::now() > end || size > FILE_BYTES_MAX) {
                return;
            }
            let Ok(file) = File::open(path) else { return };
            let name = path.as_os_str().as_encoded_bytes();
            let Ok(report) = scanner.scan_reader(name, size, file) else {
                return;
            };
            files += 1;
            let wanted = WANTED.iter().any(|wanted| path.ends_with(&wanted[1..]));
            for finding in report.findings.into_iter().filter(|_| !wanted) {
                found.push(format!(
                    "{}: {} {} {}",
                    path.display(),
                    finding.rule,
                    finding.score,
                    finding.reasons.join("; ")
                ));
            }
        });
    }
    eprintln!("{files} files");
    assert!(files > 0, "nothing was looked at");
    assert!(
        found.is_empty(),
        "{} findings:\n{}",
        found.len(),
        found.join("\n")
    );
}

fn walk(folder: &Path, look: &mut impl FnMut(&Path, u64)) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.sort();
    for path in paths {
        let Ok(facts) = fs::symlink_metadata(&path) else {
            continue;
        };
        if facts.is_dir() {
            walk(&path, look);
        } else if facts.is_file() && facts.len() > 0 {
            look(&path, facts.len());
        }
    }
}
