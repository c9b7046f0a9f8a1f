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
use anyhow::{Context, Result, bail, ensure};
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
/// Size of one instruction of a BPF program.
const INSTRUCTION_BYTES: u64 = 8;
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

/// What the guest told.
#[derive(Debug, Default)]
struct Told {
    /// By when, place and kind.
    storms: BTreeMap<(String, String, String), Storms>,
    /// Kind and count of a storm, and the programs after it.
    programs: Vec<(String, u64, Vec<Program>)>,
}

/// One of the kernel's programs, as bpftool tells of it.
#[derive(Debug, Clone)]
struct Program {
    id: u64,
    name: String,
    kind: String,
    /// Size in bytes, of its own instructions and of the processor's.
    translated: u64,
    native: u64,
    /// Runs so far, and the instructions that they took.
    runs: u64,
    instructions: u64,
}

impl Program {
    /// What bpftool does not tell is zero: a program that never ran has no counters.
    fn read(told: &Value) -> Program {
        let number = |key: &str| told.get(key).and_then(Value::as_u64).unwrap_or_default();
        let text = |key: &str| told.get(key).and_then(Value::as_str).unwrap_or_default();
        Program {
            id: number("id"),
            name: text("name").to_owned(),
            kind: text("type").to_owned(),
            translated: number("bytes_xlated"),
            native: number("bytes_jited"),
            runs: number("run_cnt"),
            instructions: number("run_time_ns"),
        }
    }
}

impl Told {
    fn read(text: &str) -> Result<Told> {
        let mut told = Told::default();
        for line in text.lines() {
            match *line.splitn(4, ' ').collect::<Vec<_>>().as_slice() {
                ["programs", kind, count, programs] => {
                    let programs: Vec<Value> = serde_json::from_str(programs)?;
                    let programs = programs.iter().map(Program::read).collect();
                    told.programs
                        .push((kind.to_owned(), count.parse()?, programs));
                }
                [when, place, kind, numbers] => {
                    let (count, time) = numbers.split_once(' ').context("no time")?;
                    let key = [when, place, kind].map(str::to_owned).into();
                    let time = time.parse()?;
                    let least = told.storms.entry(key).or_default();
                    let least = least.entry(count.parse()?).or_insert(time);
                    *least = time.min(*least);
                }
                _ => bail!("the guest said `{line}`"),
            }
        }
        Ok(told)
    }

    fn each(&self, when: &str, place: &str, kind: &str) -> Result<u64> {
        let key = [when, place, kind].map(str::to_owned).into();
        let storms = self.storms.get(&key);
        storms
            .and_then(each)
            .with_context(|| format!("no storms of {kind} at {place} {when}"))
    }
}

/// What the guest told, as tables.
fn table(told: &str) -> Result<String> {
    let told = Told::read(told)?;
    let mut text =
        String::from("| instructions | before | after | added |\n| --- | --- | --- | --- |\n");
    for kind in ["exec", "open"] {
        for (place, name) in PLACES {
            let before = told.each("before", place, kind)?;
            let after = told.each("after", place, kind)?;
            let added = i128::from(after) - i128::from(before);
            writeln!(text, "| {kind} {name} | {before} | {after} | {added} |")?;
        }
    }
    text.push_str(
        "\n| program | its own | native bytes | storm | runs for each round | instructions of a run |\n\
         | --- | --- | --- | --- | --- | --- |\n",
    );
    let mut earlier: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    for (kind, count, programs) in &told.programs {
        for program in programs.iter().filter(|program| is_guard(program)) {
            let now = (program.runs, program.instructions);
            let before = earlier.insert(program.id, now).unwrap_or_default();
            let runs = now.0.saturating_sub(before.0);
            let instructions = now.1.saturating_sub(before.1);
            // Starting the storm runs some, too.
            let (Some(rounds @ 1..), Some(each)) =
                (runs.checked_div(*count), instructions.checked_div(runs))
            else {
                continue;
            };
            let Program { name, native, .. } = program;
            let own = program.translated / INSTRUCTION_BYTES;
            writeln!(
                text,
                "| `{name}` | {own} | {native} | {kind} | {rounds} | {each} |"
            )?;
        }
    }
    Ok(text)
}

/// Runtimes leave programs for devices.
fn is_guard(program: &Program) -> bool {
    program.kind != "cgroup_device"
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
        for (kind, runs) in [("exec", 45), ("open", 48)] {
            let time = runs * 50;
            told.push_str(&format!(
                "programs {kind} 20 [{{\"id\": 7, \"name\": \"guard\", \"type\": \"lsm\", \"bytes_xlated\": 800, \
                 \"run_cnt\": {runs}, \"run_time_ns\": {time}}}]\n"
            ));
        }
        let table = table(&told).unwrap();
        assert!(
            table.contains("| exec on the host | 100 | 130 | 30 |"),
            "{table}"
        );
        assert!(
            table.contains("| `guard` | 100 | 0 | exec | 2 | 50 |"),
            "{table}"
        );
        assert_eq!(table.matches("`guard`").count(), 1, "{table}");
        assert!(super::table("nonsense\n").is_err());
    }

    #[test]
    fn the_shipped_rule_is_made_to_block() {
        let policy = policy().unwrap();
        assert!(policy.contains(BLOCKS) && !policy.contains("observe: true"));
    }
}
