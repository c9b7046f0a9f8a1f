//! `cargo xtask vm count`: instructions that enforcement adds to an exec and to an open.
//!
//! In a machine whose clock goes by a nanosecond for each instruction, the time that a storm takes is the number of
//! instructions that it takes, however busy the host is.

use super::disk::Tree;
use super::kernel::Kernel;
use super::lane::Kept;
use super::machine::{Clock, Machine};
use super::{Place, cache, script};
use crate::command::run as run_command;
use crate::workspace::root;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// How long the compiler may take.
const COMPILE_TIME_MAX: Duration = Duration::from_secs(60);
/// How long the machine may take: several times what it takes on two idle cores.
const TIME_MAX: Duration = Duration::from_secs(1800);
/// Drift of every kind is blocked in the container that rules are about.
const DRIFT: &str = "apiVersion: yagura.dev/v1
kind: DriftPolicy
spec:
  rules:
    - name: Everything
      action: block
      kinds: [binaries, libraries, scripts]
      scope: { conditions: [{ field: container-name, operator: equals, values: [guarded] }] }
  default: { action: ignore }
";
/// What the shipped rule says of its own effect, and what is put in its place.
const OBSERVES: &str = "  observe: true\n";
const BLOCKS: &str =
    "  scope: { conditions: [{ field: container-name, operator: equals, values: [guarded] }] }\n";
const PLACES: [(&str, &str); 3] = [
    ("host", "on the host"),
    ("bystander", "in a container without rules"),
    ("guarded", "in a container under all rules"),
];

/// Measures, and writes a table of it in Markdown.
///
/// # Errors
/// There is no QEMU or kernel, or the machine or something in it fails.
pub(super) fn run(yagura: &Path) -> Result<String> {
    let place = Place::make()?;
    let kernel = Kernel::fetch(&cache())?;
    let mut tree = Tree::build(&place.dir.join("tree"), &kernel)?;
    tree.add(yagura, Path::new("/usr/bin/yagura"))?;
    let storm = place.dir.join("storm");
    compile_storm(&storm)?;
    tree.add(&storm, Path::new("/storm"))?;
    tree.write("data", &".".repeat(4096))?;
    tree.write("vm/policy.yaml", &policy()?)?;
    tree.write_program("vm/count", include_str!("../../programs/vm/count.sh"))?;
    let disk = place.dir.join("disk.img");
    tree.finish(&disk)?;
    let machine = Machine {
        kernel: &kernel,
        dir: &place.dir,
        disk: &disk,
        cache: None,
        clock: Clock::Instructions,
    };
    let (out, err) = (Kept::default(), Kept::default());
    let words = ["/vm/count", "/vm/policy.yaml"].map(str::to_owned);
    let ended = machine.run(&script(&[], &words)?, TIME_MAX, out.clone(), err.clone())?;
    ensure!(ended.code == 0, "{}\n{}", out.text(), err.text());
    place.remove()?;
    table(&out.text())
}

fn compile_storm(storm: &Path) -> Result<()> {
    let mut compile = Command::new("gcc");
    compile
        .args(["-O2", "-static", "-Wall", "-Wextra", "-Werror", "-o"])
        .arg(storm)
        .arg(root().join("crates/xtask/programs/storm.c"));
    run_command(&mut compile, Instant::now() + COMPILE_TIME_MAX)
}

/// Drift is blocked, and the shipped rule blocks as well.
fn policy() -> Result<String> {
    let shipped = fs::read_to_string(root().join("catalogue/defence/container-escape.yaml"))?;
    ensure!(
        shipped.contains(OBSERVES),
        "the shipped rule does not observe"
    );
    Ok(format!(
        "{DRIFT}---\n{}",
        shipped.replacen(OBSERVES, BLOCKS, 1)
    ))
}

/// The least instructions of a kind of storm, by its count: what comes in between only adds.
type Storms = BTreeMap<u64, u64>;

/// What the guest told, as tables.
fn table(told: &str) -> Result<String> {
    let mut storms: BTreeMap<(&str, &str, &str), Storms> = BTreeMap::new();
    let mut verified: BTreeMap<u64, u64> = BTreeMap::new();
    let mut programs = Value::Null;
    for line in told.lines() {
        let words: Vec<&str> = line.splitn(5, ' ').collect();
        match *words.as_slice() {
            ["programs", ..] => {
                programs = serde_json::from_str(line.trim_start_matches("programs "))?;
            }
            ["verified", id, instructions] => {
                verified.insert(id.parse()?, instructions.parse()?);
            }
            [when, place, kind, count, time] => {
                let least = storms.entry((when, place, kind)).or_default();
                let (count, time) = (count.parse()?, time.parse()?);
                let least = least.entry(count).or_insert(time);
                *least = time.min(*least);
            }
            _ => anyhow::bail!("the guest said `{line}`"),
        }
    }
    let mut text =
        String::from("| instructions | before | after | added |\n| --- | --- | --- | --- |\n");
    for kind in ["exec", "open"] {
        for (place, name) in PLACES {
            let of = |when| {
                let storms = storms.get(&(when, place, kind));
                storms
                    .and_then(each)
                    .with_context(|| format!("no {kind} {when}, {name}"))
            };
            let (before, after) = (of("before")?, of("after")?);
            let added = i128::from(after) - i128::from(before);
            writeln!(text, "| {kind} {name} | {before} | {after} | {added} |")?;
        }
    }
    text.push_str("\n| program | translated to bytes | instructions that the verifier walked |\n| --- | --- | --- |\n");
    for program in programs.as_array().context("no programs")? {
        let number = |key: &str| program.get(key).and_then(Value::as_u64).unwrap_or_default();
        let name = program
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        // Runtimes leave programs for devices.
        if let Some(walked) = verified.get(&number("id")) {
            writeln!(text, "| `{name}` | {} | {walked} |", number("bytes_xlated"))?;
        }
    }
    Ok(text)
}

/// What one round of a storm takes: between a short and a long one, everything else is the same.
fn each(storms: &Storms) -> Option<u64> {
    let (short, short_time) = storms.first_key_value()?;
    let (long, long_time) = storms.last_key_value()?;
    long_time
        .checked_sub(*short_time)?
        .checked_div(long.checked_sub(*short)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_of_a_round_is_left_out() {
        let mut told = String::new();
        for (when, each) in [("before", 100), ("after", 130)] {
            for (place, _) in PLACES {
                for (kind, count) in [("exec", 10), ("exec", 20), ("open", 5), ("open", 25)] {
                    for noise in [7, 0] {
                        let time = 5000 + each * count + noise;
                        told.push_str(&format!("{when} {place} {kind} {count} {time}\n"));
                    }
                }
            }
        }
        told.push_str(
            "verified 7 1234\nprograms [{\"id\": 7, \"name\": \"guard\", \"bytes_xlated\": 800}]\n",
        );
        let table = table(&told).unwrap();
        assert!(
            table.contains("| exec on the host | 100 | 130 | 30 |"),
            "{table}"
        );
        assert!(table.contains("| `guard` | 800 | 1234 |"), "{table}");
        assert!(super::table("nonsense\n").is_err());
    }

    #[test]
    fn the_shipped_rule_is_made_to_block() {
        let policy = policy().unwrap();
        assert!(policy.contains(BLOCKS) && !policy.contains("observe: true"));
    }
}
