//! Help, usage errors, and output that nobody reads.

use super::{command, yagura};
use std::process::Stdio;

#[test]
fn every_command_says_its_exit_codes() {
    for arguments in [
        &["--help"][..],
        &["doctor", "--help"],
        &["policy", "--help"],
        &["policy", "check", "--help"],
        &["policy", "test", "--help"],
        &["policy", "diff", "--help"],
        &["policy", "print", "--help"],
        &["schema", "--help"],
        &["schema", "alert", "--help"],
        &["sensor", "--help"],
        &["simulate", "--help"],
        &["simulate", "drift", "--help"],
        &["replay", "--help"],
        &["demo", "--help"],
    ] {
        let ran = yagura(arguments).expect(0);
        assert!(
            ran.stdout.contains("Exit codes: 0"),
            "{arguments:?}: {}",
            ran.stdout
        );
    }
}

#[test]
fn the_version_is_printed() {
    let ran = yagura(&["--version"]).expect(0);
    assert_eq!(
        ran.stdout,
        concat!("yagura ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn wrong_usage_is_2() {
    for arguments in [
        &[][..],
        &["nonsense"],
        &["policy"],
        &["policy", "check"],
        &["policy", "diff", "one"],
        &["policy", "print"],
        &["policy", "print", "f", "--built-in"],
        &["policy", "check", "f", "--output", "xml"],
        &["--log", "loud", "doctor"],
        &["schema", "nothing"],
    ] {
        let ran = yagura(arguments).expect(2);
        assert_eq!(ran.stdout, "", "{arguments:?}");
        assert!(!ran.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_bad_filter_is_2() {
    let output = command()
        .env("YAGURA_LOG", "a=b=c")
        .args(["schema", "alert"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("YAGURA_LOG"));
}

#[test]
fn output_that_nobody_reads_ends_it_quietly() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let child = command()
        .args(["schema", "alert"])
        .stdout(writer)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn output_that_does_not_fit_is_a_failure() {
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let child = command()
        .args(["schema", "alert"])
        .stdout(full)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("standard output"));
}
