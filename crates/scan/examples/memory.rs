//! Prints how long loading takes and how much memory it leaves resident, with and without a large set of user's rules.
//!
//! `cargo run --release -p yagura-scan --example memory -- [RULES | FOLDER]`

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, fs, io};
use yagura_scan::{ScanConfig, ScanRules, Scanner};

/// Rules in each generated file.
const RULES_OF_FILE: usize = 100;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut config = ScanConfig::for_node();
    let argument = env::args().nth(1);
    let generated = match argument.as_deref().map(str::parse::<usize>) {
        None => None,
        Some(Ok(count)) => Some(generate(count)?),
        Some(Err(_)) => {
            config.rule_folders.extend(argument.map(PathBuf::from));
            None
        }
    };
    config.rule_folders.extend(generated.clone());
    let before = resident_kb()?;
    let start = Instant::now();
    let (rules, problems) = ScanRules::load(&config)?;
    let loaded = start.elapsed();
    let after = resident_kb()?;
    if let Some(folder) = generated {
        fs::remove_dir_all(folder)?;
    }
    let mut out = io::stdout().lock();
    let rules = Arc::new(rules);
    let (own, user) = (rules.own_rules().len(), rules.user_rules_count());
    writeln!(
        out,
        "rules: {own} own, {user} of the user; problems: {}",
        problems.len()
    )?;
    for problem in problems.iter().take(5) {
        writeln!(out, "  {problem}")?;
    }
    let mut scanner = Scanner::new(rules);
    let content = fs::read(env::current_exe()?)?;
    let start = Instant::now();
    let report = scanner.scan(b"example", &content);
    let scanned = start.elapsed();
    writeln!(out, "load: {} ms", loaded.as_millis())?;
    writeln!(
        out,
        "resident: {before} kB before, {after} kB loaded, {} kB after a scan",
        resident_kb()?
    )?;
    writeln!(
        out,
        "this program, {} MB: {} ms, findings: {}, gaps: {:?}",
        content.len() >> 20,
        scanned.as_millis(),
        report.findings.len(),
        report.gaps
    )?;
    many_small(&mut scanner, &mut out)
}

/// How long a small file takes.
fn many_small(
    scanner: &mut Scanner,
    out: &mut impl io::Write,
) -> Result<(), Box<dyn std::error::Error>> {
    let script = b"#!/bin/sh\nexec /usr/bin/env true\n";
    let start = Instant::now();
    let mut count = 0_u32;
    while start.elapsed() < Duration::from_secs(1) {
        scanner.scan(b"/usr/bin/x", script);
        count += 1;
    }
    writeln!(out, "small scripts: {count} a second")?;
    Ok(())
}

fn resident_kb() -> io::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| io::Error::other("no VmRSS"))
}

/// Rules as collections have them: a few texts, a wide text, a hexadecimal string and a pattern each.
fn generate(count: usize) -> io::Result<PathBuf> {
    let folder = env::temp_dir().join(format!("yagura-generated-rules-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let mut state = 1_u64;
    let mut word = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        format!("{:012x}", state >> 16)
    };
    for file in 0..count.div_ceil(RULES_OF_FILE) {
        let mut text = String::from("import \"pe\"\n");
        for index in (file * RULES_OF_FILE..count).take(RULES_OF_FILE) {
            let (a, b, c, d, e) = (word(), word(), word(), word(), word());
            let _ = writeln!(
                text,
                "rule generated_{index} {{ meta: description = \"Number {index}\" score = 70 strings: $a = \"{a}.exe\" ascii wide \
                 $b = \"Mozilla {b}\" nocase $c = {{ {} ?? 48 8b [2-4] e8 }} $d = /{d}[0-9a-f]{{4,8}}/ $e = \"{e}\" fullword \
                 condition: filesize < 5MB and (2 of them or (pe.is_pe and $c)) }}",
                c.as_bytes()
                    .chunks(2)
                    .filter_map(|pair| std::str::from_utf8(pair).ok())
                    .collect::<Vec<_>>()
                    .join(" ")
            );
        }
        fs::write(folder.join(format!("{file:05}.yar")), text)?;
    }
    Ok(folder)
}
