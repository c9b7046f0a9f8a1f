//! `yagura demo`: what a newcomer sees.

use crate::harness::{run, trial, yagura};
use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use std::time::Duration;

const DEMO_MAX: Duration = Duration::from_secs(60);
/// The recording that the demo falls back on.
const RECORDING: &[u8] = include_bytes!("../crates/yagura/demo/drift.capture");
/// One for each thing that the demo does.
const DETECTIONS: [&str; 4] = ["/tmp/dropped", "memfd:", "/tmp/dropped.sh", "reverse shell"];

pub(crate) fn trials() -> Vec<Trial> {
    let is_empty = RECORDING.is_empty();
    if is_empty {
        eprintln!("SKIPPED demo::recorded: the recording is empty");
    }
    vec![
        trial("demo::live", &["root", "runc"], live),
        trial("demo::recorded", &[], recorded).with_ignored_flag(is_empty),
    ]
}

fn live() -> Result<()> {
    let output = run(yagura().args(["demo", "--stop"]), DEMO_MAX)?.expect(0)?;
    let text = output.text();
    shows_detections(&text)?;
    for part in [
        "4 of 4 were detected",
        "is in the store",
        "its status is now `handled`",
        "How to go on",
    ] {
        ensure!(text.contains(part), "{part} is missing: {text}");
    }
    Ok(())
}

fn recorded() -> Result<()> {
    // As a user without rights: a recording needs none.
    let output = run(yagura().args(["demo", "--recorded"]), DEMO_MAX)?.expect(0)?;
    let text = output.text();
    shows_detections(&text)?;
    ensure!(
        text.contains("recording") && text.contains("How to go on"),
        "{text}"
    );
    Ok(())
}

fn shows_detections(text: &str) -> Result<()> {
    for path in DETECTIONS {
        ensure!(text.contains(path), "{path} is missing: {text}");
    }
    // Nothing but text where nobody asked for colours.
    ensure!(!text.contains('\u{1b}'), "{text:?}");
    Ok(())
}
