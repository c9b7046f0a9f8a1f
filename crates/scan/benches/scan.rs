//! How fast ordinary files are scanned on one core, with Yagura's own rules.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use yagura_scan::{ScanConfig, ScanRules, Scanner};

/// Bytes of ordinary programs that are scanned in one round.
const PROGRAMS_BYTES: usize = 64 << 20;
/// Bytes of ordinary scripts that are scanned in one round.
const SCRIPTS_BYTES: usize = 8 << 20;

/// Files of some folders that `wanted` takes, up to so many bytes.
fn ordinary(
    folders: &[&str],
    bytes_max: usize,
    wanted: fn(&[u8]) -> bool,
) -> Vec<(PathBuf, Vec<u8>)> {
    let mut paths: Vec<PathBuf> = folders
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_file())
        .collect();
    paths.sort();
    let mut left = bytes_max;
    let mut files = Vec::new();
    for path in paths {
        let Ok(content) = fs::read(&path) else {
            continue;
        };
        if wanted(&content) && content.len() <= left {
            left -= content.len();
            files.push((path, content));
        }
    }
    files
}

fn scan(c: &mut Criterion) {
    let elf = |content: &[u8]| content.starts_with(b"\x7fELF");
    let other = |content: &[u8]| !content.starts_with(b"\x7fELF");
    let programs = ordinary(
        &["/usr/bin", "/usr/lib/x86_64-linux-gnu"],
        PROGRAMS_BYTES,
        elf,
    );
    let scripts = ordinary(
        &[
            "/usr/bin",
            "/usr/sbin",
            "/usr/share/perl5",
            "/usr/lib/python3/dist-packages",
        ],
        SCRIPTS_BYTES,
        other,
    );
    for (name, files, want_fuzzy) in [
        ("programs", &programs, false),
        ("programs_with_fuzzy", &programs, true),
        ("scripts", &scripts, false),
    ] {
        let config = ScanConfig {
            want_fuzzy,
            ..ScanConfig::default()
        };
        let Ok((rules, _)) = ScanRules::load(&config) else {
            continue;
        };
        let mut scanner = Scanner::new(Arc::new(rules));
        let bytes: usize = files.iter().map(|(_, content)| content.len()).sum();
        let mut group = c.benchmark_group("scan");
        group.sample_size(10);
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(name, |b| {
            b.iter(|| {
                files
                    .iter()
                    .map(|(path, content)| {
                        scanner
                            .scan(path.as_os_str().as_encoded_bytes(), content)
                            .findings
                            .len()
                    })
                    .sum::<usize>()
            });
        });
        group.finish();
    }
}

fn load(c: &mut Criterion) {
    c.benchmark_group("load")
        .sample_size(10)
        .bench_function("own_rules", |b| b.iter(ScanRules::own));
}

criterion_group!(benches, scan, load);
criterion_main!(benches);
