//! `yagura scan` on real files, trees and archives.

use crate::harness::{Output, run, trial, yagura};
use anyhow::{Context as _, Result, ensure};
use libtest_mimic::Trial;
use rustix::fs::{CWD, Mode, mkfifoat};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use yagura_testkit::ScratchDir;

/// Rules are compiled at every start.
const LONGEST: Duration = Duration::from_secs(120);

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "scan_finds_files_and_members_of_archives",
            &["tar"],
            findings,
        ),
        trial("scan_of_clean_files_ends_with_0", &[], clean),
        trial("scan_survives_hostile_trees", &["tar"], hostile),
        trial("scan_takes_rules_and_digests", &[], own_rules),
        trial("scan_refuses_what_it_cannot_read", &[], bad_input),
        trial("scan_names_gaps", &[], gaps),
        trial(
            "scan_leaves_unreadable_files",
            &["root", "setpriv"],
            unreadable,
        ),
        trial("scan_ends_in_order_when_interrupted", &[], interrupted),
        trial("scan_prints_in_the_same_order_with_any_threads", &[], order),
    ]
}

/// The test file of the antivirus industry, put together here so that no scanner finds this source.
fn eicar() -> String {
    let parts = [
        "X5O!P%@AP[4\\PZX54(P^)7CC)7}$",
        "EICAR-STANDARD-",
        "ANTIVIRUS-TEST-",
        "FILE!$H+H*",
    ];
    parts.concat()
}

fn scan(arguments: &[&str], directory: &Path) -> Result<Output> {
    let mut command = yagura();
    command.arg("scan").args(arguments).current_dir(directory);
    run(&mut command, LONGEST)
}

fn lines(output: &Output) -> Result<Vec<Value>> {
    let text = output.text();
    let lines = text.lines().map(serde_json::from_str);
    lines
        .collect::<Result<_, _>>()
        .with_context(|| text.clone())
}

fn paths<'v>(lines: &'v [Value], key: &str) -> Vec<&'v str> {
    let of_key = lines.iter().filter(|line| line[key].is_string());
    let mut paths: Vec<&str> = of_key.filter_map(|line| line["path"].as_str()).collect();
    paths.dedup();
    paths
}

fn tar(directory: &Path, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("tar");
    run(command.args(arguments).current_dir(directory), LONGEST)?.expect(0)?;
    Ok(())
}

fn findings() -> Result<()> {
    let dir = ScratchDir::new()?;
    fs::create_dir_all(dir.join("in/www"))?;
    fs::write(dir.join("in/www/e.com"), eicar())?;
    fs::write(dir.join("in/plain.txt"), "nothing")?;
    tar(dir.path(), &["-cf", "layer.tar", "in"])?;
    tar(dir.path(), &["-czf", "image.tgz", "layer.tar"])?;
    let output = scan(&[".", "--output", "json"], dir.path())?.expect(1)?;
    let found = lines(&output)?;
    let all = paths(&found, "key");
    for path in [
        "./image.tgz!layer.tar!in/www/e.com",
        "./in/www/e.com",
        "./layer.tar!in/www/e.com",
    ] {
        ensure!(all.contains(&path), "{path} in {all:?}");
    }
    ensure!(!all.contains(&"./in/plain.txt"), "{all:?}");
    let first = found
        .iter()
        .find(|line| line["path"] == "./in/www/e.com")
        .context("a finding")?;
    ensure!(
        first["key"]
            .as_str()
            .is_some_and(|key| key.starts_with("malware.")),
        "{first}"
    );
    ensure!(
        first["score"].as_u64().is_some_and(|score| score > 50),
        "{first}"
    );
    ensure!(first["size"] == 68, "{first}");
    let digest = [
        "275a021bbfb6489e54d471899f7db9d1",
        "663fc695ec2fe2a2c4538aabf651fd0f",
    ]
    .concat();
    ensure!(first["sha256"] == digest.as_str(), "{first}");
    ensure!(
        first["reasons"]
            .as_array()
            .is_some_and(|reasons| !reasons.is_empty()),
        "{first}"
    );
    ensure!(output.stderr.contains("finding"), "{}", output.stderr);

    let text = scan(&["in"], dir.path())?.expect(1)?.text();
    ensure!(
        text.contains("in/www/e.com") && text.contains(&digest),
        "{text}"
    );
    let whole = scan(
        &["layer.tar", "--no-archives", "--output", "json"],
        dir.path(),
    )?;
    ensure!(
        paths(&lines(&whole)?, "key")
            .iter()
            .all(|path| !path.contains('!')),
        "{}",
        whole.text()
    );
    let none = scan(&["in", "--exclude", "*.com"], dir.path())?.expect(0)?;
    ensure!(none.stderr.contains("1 excluded path"), "{}", none.stderr);
    Ok(())
}

fn clean() -> Result<()> {
    let dir = ScratchDir::new()?;
    fs::write(dir.join("a"), "text")?;
    let output = scan(&["."], dir.path())?.expect(0)?;
    ensure!(output.stdout.is_empty(), "{}", output.text());
    ensure!(output.stderr.contains("1 file, 4 B"), "{}", output.stderr);
    fs::create_dir(dir.join("empty"))?;
    scan(&["empty"], dir.path())?.expect(0)?;
    Ok(())
}

fn hostile() -> Result<()> {
    let dir = ScratchDir::new()?;
    mkfifoat(CWD, dir.join("pipe"), Mode::RUSR | Mode::WUSR)?;
    symlink(".", dir.join("loop"))?;
    symlink("/", dir.join("host"))?;
    let odd = dir.path().join(OsStr::from_bytes(b"new\nline\xff\x1b[2J"));
    fs::write(&odd, eicar())?;
    fs::hard_link(&odd, dir.join("z"))?;
    File::create(dir.join("sparse"))?.set_len(10 << 30)?;
    let output = scan(
        &[".", "--output", "json", "--max-file-size", "1M"],
        dir.path(),
    )?
    .expect(1)?;
    let found = lines(&output)?;
    ensure!(
        paths(&found, "key") == ["./new\\nline\\xff\\x1b[2J"],
        "{}",
        output.text()
    );
    ensure!(
        paths(&found, "gap").contains(&"./sparse"),
        "{}",
        output.text()
    );
    for part in ["2 symbolic links", "1 special file", "1 further name"] {
        ensure!(output.stderr.contains(part), "{part}: {}", output.stderr);
    }
    let text = scan(&[".", "--all", "--max-file-size", "1M"], dir.path())?
        .expect(1)?
        .text();
    ensure!(!text.contains('\x1b') && text.contains("sparse"), "{text}");
    // A named link is followed, and /proc entered, which has files that can't be read.
    symlink("/proc/self", dir.join("self"))?;
    let output = scan(
        &["self", "--max-file-size", "1M", "--exclude", "task"],
        dir.path(),
    )?;
    ensure!(matches!(output.code, Some(0 | 1)), "{}", output.stderr);
    Ok(())
}

fn own_rules() -> Result<()> {
    let dir = ScratchDir::new()?;
    fs::create_dir_all(dir.join("rules"))?;
    let rule = "rule my_rule { strings: $a = \"a certain text\" condition: $a }\n";
    fs::write(dir.join("rules/a.yar"), rule)?;
    fs::write(
        dir.join("rules/b.yar"),
        "rule broken { condition: nothing_known }\n",
    )?;
    fs::write(dir.join("f"), "here is a certain text")?;
    let arguments = [
        "f",
        "--rules",
        "rules",
        "--no-own-rules",
        "--output",
        "json",
    ];
    let output = scan(&arguments, dir.path())?.expect(1)?;
    let found = lines(&output)?;
    ensure!(
        found.len() == 1 && found[0]["scan_rule"] == "my_rule",
        "{}",
        output.text()
    );
    let place = &found[0]["matches"][0];
    ensure!(place["offset"] == 8 && place["length"] == 14, "{place}");
    ensure!(
        output.stderr.contains("warning") && output.stderr.contains("b.yar"),
        "{}",
        output.stderr
    );
    let digest = found[0]["sha256"].as_str().context("a digest")?;
    fs::write(dir.join("hashes"), format!("{digest}  known file\n"))?;
    let arguments = [
        "f",
        "--hashes",
        "hashes",
        "--no-own-rules",
        "--output",
        "json",
    ];
    let found = lines(&scan(&arguments, dir.path())?.expect(1)?)?;
    ensure!(found[0]["engine"] == "hash", "{found:?}");
    // A list of images meets a layout's index.
    fs::create_dir(dir.join("layout"))?;
    let index = r#"{"schemaVersion":2,"manifests":[{"digest":"sha256:00","annotations":
        {"io.containerd.image.name":"docker.io/evil/miner:latest"}}]}"#;
    fs::write(dir.join("layout/index.json"), index)?;
    fs::write(dir.join("images"), "evil/miner\n")?;
    let arguments = [
        "layout",
        "--images",
        "images",
        "--no-own-rules",
        "--output",
        "json",
    ];
    let found = lines(&scan(&arguments, dir.path())?.expect(1)?)?;
    ensure!(found[0]["engine"] == "image", "{found:?}");
    Ok(())
}

fn bad_input() -> Result<()> {
    let dir = ScratchDir::new()?;
    fs::write(dir.join("f"), "x")?;
    mkfifoat(CWD, dir.join("pipe"), Mode::RUSR | Mode::WUSR)?;
    for arguments in [
        &["none"] as &[&str],
        &["f", "none"],
        &["pipe"],
        &["/dev/null"],
        &[],
        &["f", "--rules", "none"],
        &["f", "--hashes", "none"],
        &["f", "--threads", "0"],
        &["f", "--max-file-size", "huge"],
        &["f", "--exclude", ""],
    ] {
        let output = scan(arguments, dir.path())?;
        ensure!(
            output.code == Some(2),
            "{arguments:?}: {:?} {}",
            output.code,
            output.stderr
        );
        ensure!(!output.stderr.is_empty(), "{arguments:?}");
    }
    Ok(())
}

fn gaps() -> Result<()> {
    let dir = ScratchDir::new()?;
    fs::write(dir.join("a.xz"), b"\xfd7zXZ\0\0\x04rest of an archive")?;
    // Zeros of a gigabyte, by pieces that gzip itself would put behind each other.
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&vec![0; 64 << 20])?;
    let piece = encoder.finish()?;
    fs::write(dir.join("bomb.gz"), piece.repeat(16))?;
    let output = scan(&[".", "--output", "json"], dir.path())?.expect(0)?;
    let found = lines(&output)?;
    let all = paths(&found, "gap");
    ensure!(
        all.contains(&"./a.xz") && all.contains(&"./bomb.gz!bomb"),
        "{}",
        output.text()
    );
    let silent = scan(&["."], dir.path())?.expect(0)?;
    ensure!(
        silent.stdout.is_empty() && silent.stderr.contains("gaps"),
        "{}",
        silent.stderr
    );
    Ok(())
}

/// As a user whom files and folders refuse.
fn unreadable() -> Result<()> {
    let dir = ScratchDir::new()?;
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755))?;
    for (name, mode) in [("open", 0o644), ("closed", 0o600)] {
        fs::write(dir.join(name), eicar())?;
        fs::set_permissions(dir.join(name), fs::Permissions::from_mode(mode))?;
    }
    fs::create_dir(dir.join("folder"))?;
    fs::set_permissions(dir.join("folder"), fs::Permissions::from_mode(0o700))?;
    let binary = dir.join("yagura");
    fs::copy(env!("CARGO_BIN_EXE_yagura"), &binary)?;
    let scan = |arguments: &[&str]| {
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(&binary);
        command.args(["scan", "--output", "json", "--exclude", "yagura"]);
        run(command.args(arguments).current_dir(dir.path()), LONGEST)
    };
    let output = scan(&["."])?.expect(1)?;
    let found = lines(&output)?;
    ensure!(paths(&found, "key") == ["./open"], "{}", output.text());
    ensure!(
        paths(&found, "gap") == ["./closed", "./folder"],
        "{}",
        output.text()
    );
    scan(&["closed"])?.expect(2)?;
    fs::remove_file(dir.join("open"))?;
    let output = scan(&["."])?.expect(3)?;
    ensure!(
        output.stderr.contains("nothing could be read"),
        "{}",
        output.stderr
    );
    Ok(())
}

fn interrupted() -> Result<()> {
    let dir = ScratchDir::new()?;
    fs::write(dir.join("a"), eicar())?;
    File::create(dir.join("b"))?.set_len(3 << 30)?;
    let mut command = yagura();
    command
        .args(["scan", ".", "--output", "json", "--threads", "1"])
        .current_dir(dir.path());
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let mut child = command.spawn()?;
    // The first finding is printed while three gigabytes are still to be read.
    let mut stdout = BufReader::new(child.stdout.take().context("stdout")?);
    let mut line = String::new();
    stdout.read_line(&mut line)?;
    ensure!(line.contains("\"path\":\"./a\""), "{line}");
    let pid = i32::try_from(child.id())
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    rustix::process::kill_process(pid.context("pid")?, rustix::process::Signal::INT)?;
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut stdout, &mut rest)?;
    let output = child.wait_with_output()?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.code() == Some(1),
        "{}: {stderr}",
        output.status
    );
    ensure!(
        stderr.contains("interrupted") && stderr.contains(" in 1 file"),
        "{stderr}"
    );
    Ok(())
}

fn order() -> Result<()> {
    let dir = ScratchDir::new()?;
    for number in 0..300 {
        let folder = dir.join(&format!("{:02}", number % 7));
        fs::create_dir_all(&folder)?;
        let padding = "x".repeat(number * 37 % 5000);
        fs::write(folder.join(format!("{number:03}.gz")), "\u{1f}")?;
        fs::write(
            folder.join(format!("{number:03}.com")),
            eicar() + &padding.replace('x', " "),
        )?;
    }
    let printed =
        |threads: &str| scan(&[".", "--threads", threads, "--output", "json"], dir.path());
    let (one, many) = (printed("1")?.expect(1)?, printed("8")?.expect(1)?);
    ensure!(one.stdout == many.stdout, "the order differs");
    let found = lines(&one)?;
    ensure!(paths(&found, "key").is_sorted(), "not sorted");
    Ok(())
}
