//! Event log files, whole and damaged.

use crate::evtx_writer::{CHUNK_BYTES, Element, HEADER_BYTES, chunk, event, file};
use proptest::prelude::*;
use serde_json::json;
use yagura_event::{DocumentEvent, WallTime};
use yagura_sources::{EvtxReader, SkipReason, SkippedRecord};

const SYSMON: &[(&str, &str)] = &[("Name", "Microsoft-Windows-Sysmon")];

fn process(command_line: &str) -> Vec<u8> {
    file(&[process_event(command_line)])
}

fn process_event(command_line: &str) -> Element<'_> {
    // The element keeps what it is given: a test may leak a few bytes.
    let data: &'static [_] = Box::leak(Box::new([
        (
            command_line.to_owned().leak() as &str,
            &[("Name", "CommandLine")][..],
        ),
        ("C:\\a.exe", &[("Name", "Image")][..]),
    ]));
    event("1", "Microsoft-Windows-Sysmon/Operational", SYSMON, data)
}

fn read(bytes: &[u8]) -> Vec<Result<DocumentEvent, SkippedRecord>> {
    EvtxReader::new(bytes).collect()
}

/// The command lines that are read, and `!` for what is skipped.
fn command_lines(bytes: &[u8]) -> Vec<String> {
    read(bytes)
        .into_iter()
        .map(|item| match item {
            Ok(event) => event.value["data"]["CommandLine"]
                .as_str()
                .unwrap_or("?")
                .to_owned(),
            Err(_) => "!".to_owned(),
        })
        .collect()
}

#[test]
fn a_record_has_all_of_its_values() {
    let events = read(&process("cmd /c \"whoami ä\""));
    let event = events.into_iter().next().unwrap().unwrap();
    assert_eq!(event.position, 1);
    assert_eq!(event.time, WallTime(1_577_836_801_500_000_000));
    assert_eq!(
        event.value,
        json!({
            "event_id": 1, "channel": "Microsoft-Windows-Sysmon/Operational", "provider": "Microsoft-Windows-Sysmon",
            "computer": "WS01", "time": "2020-01-01T00:00:01.5Z", "record_id": 1,
            "data": {"CommandLine": "cmd /c \"whoami ä\"", "Image": "C:\\a.exe"},
        })
    );
}

#[test]
fn a_damaged_chunk_costs_only_itself() {
    let mut bytes = file(&[process_event("a")]);
    bytes.extend(chunk(&[process_event("b")], 2));
    bytes.extend(chunk(&[process_event("c")], 3));
    assert_eq!(command_lines(&bytes), ["a", "b", "c"]);
    let second = HEADER_BYTES + CHUNK_BYTES;
    bytes[second] = b'X';
    assert_eq!(command_lines(&bytes), ["a", "!", "c"]);
    let skipped = read(&bytes).remove(1).unwrap_err();
    assert_eq!((skipped.position, skipped.byte_offset), (2, second as u64));
}

#[test]
fn a_damaged_record_costs_only_itself() {
    let mut bytes = file(&[
        process_event("aaaa"),
        process_event("bbbb"),
        process_event("cccc"),
    ]);
    let place = bytes
        .windows(8)
        .position(|window| window == b"b\0b\0b\0b\0")
        .unwrap();
    // The token before the text: its type and length stand between.
    bytes[place - 4] = 0xee;
    assert_eq!(command_lines(&bytes), ["aaaa", "!", "cccc"]);
}

#[test]
fn a_file_that_ends_early_gives_what_it_has() {
    let bytes = file(&[process_event("a"), process_event("b")]);
    let short = &bytes[..HEADER_BYTES + 900];
    let events = read(short);
    assert!(matches!(
        events[0].as_ref().unwrap_err().reason,
        SkipReason::Truncated
    ));
    assert!(events.len() > 1);
    assert!(read(b"").first().unwrap().is_err());
    assert!(read(b"ElfFile\0").is_empty());
    assert_eq!(read(b"PK\x03\x04 not a log").len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_damage_comes_to_an_end(changes in proptest::collection::vec((0_usize..3000, any::<u8>()), 1..40), end in 0_usize..6000) {
        let mut bytes = file(&[process_event("aaaa"), process_event("bbbb")]);
        for (at, byte) in changes {
            bytes[HEADER_BYTES + at] = byte;
        }
        let mut kept = bytes.clone();
        kept.truncate(HEADER_BYTES + end);
        for bytes in [&bytes, &kept] {
            let events = read(bytes);
            prop_assert!(events.len() < 3000);
            let sound = events.iter().all(|event| match event {
                Ok(event) => event.value.is_object(),
                Err(skipped) => !skipped.reason.to_string().contains("gave up"),
            });
            prop_assert!(sound);
        }
    }
}
