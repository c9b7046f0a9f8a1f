//! One record after the other out of JSON Lines, lists, and objects that hold a list.

use crate::document::input::Input;
use crate::document::scanner::{DEPTH_MAX, Scanner, Step};
use crate::document::{SkipReason, SkippedRecord, cut};
use serde_json::Value;
use std::io::Read;

/// Bytes of one record. The API server takes objects of 3 MiB at most and an event can hold two; more is an attack on
/// memory.
pub(crate) const RECORD_BYTES_MAX: usize = 8 << 20;
/// Bytes of what the parser says of a malformed record: it may quote from it.
const DETAIL_BYTES_MAX: usize = 200;
/// Bytes of an object's key that are looked at.
const KEY_BYTES_MAX: usize = 16;
/// Bytes that may be read again for one candidate when looking for the next record behind a damaged one. Stops a crafted
/// file from having each of its bytes read many times.
const RETRY_BYTES_MAX: usize = 64 * 1024;

/// What tells the records of one kind from everything else.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// Keys of an outer object under which its records stand in a list.
    pub(crate) lists: &'static [&'static str],
    /// Whether a value is such a record. Asked only behind a damaged record, where any fragment may look like a value.
    pub(crate) is_record: fn(&Value) -> bool,
}

/// A value and where it was.
#[derive(Debug)]
pub(crate) struct Found {
    /// Number of the record, the first is 1.
    pub(crate) position: u64,
    /// Where it begins.
    pub(crate) byte_offset: u64,
    /// The value.
    pub(crate) value: Value,
}

/// Where in the file we are.
#[derive(Debug)]
enum Place {
    /// Between values.
    Top,
    /// Between the members of a list.
    List,
    /// Between the members of a list in an object, which is scanned this far.
    InnerList(Scanner),
    /// Behind the list of an object.
    Tail(Scanner),
    /// Nothing more can be read.
    Over,
}

/// How the scan of one value ended.
enum Scanned {
    /// It has so many bytes.
    Value(usize),
    /// It is an object that holds a list, whose first so many bytes lead into the list.
    List(Scanner, usize),
    /// It is no good.
    Bad(Bad),
}

/// A value that is no good.
struct Bad {
    reason: SkipReason,
    /// Where it begins.
    byte_offset: u64,
    /// Its bytes that were looked at and are still kept.
    bytes: usize,
    /// Its end is known for sure: what follows needn't be searched.
    whole: bool,
}

/// Reads records.
#[derive(Debug)]
pub(crate) struct Records<R> {
    input: Input<R>,
    shape: Shape,
    place: Place,
    position: u64,
    /// A damaged record was reported and the next good one is being looked for.
    recovering: bool,
}

impl<R: Read> Records<R> {
    pub(crate) fn new(reader: R, shape: Shape) -> Records<R> {
        Records {
            input: Input::new(reader),
            shape,
            place: Place::Top,
            position: 0,
            recovering: false,
        }
    }

    fn advance(&mut self) -> std::io::Result<Option<Result<Found, SkippedRecord>>> {
        loop {
            if self.recovering && !self.seek_candidate()? {
                self.place = Place::Over;
            }
            match std::mem::replace(&mut self.place, Place::Top) {
                Place::Over => {
                    self.place = Place::Over;
                    return Ok(None);
                }
                Place::Tail(scanner) => self.skip_tail(scanner)?,
                place => {
                    if let Some(item) = self.member(place)? {
                        return Ok(Some(item));
                    }
                }
            }
        }
    }

    /// Reads what comes next at a place between values. `None` if it was only punctuation.
    fn member(&mut self, place: Place) -> std::io::Result<Option<Result<Found, SkippedRecord>>> {
        let listed = !matches!(place, Place::Top);
        let Some(byte) = self.skip_blanks()? else {
            self.place = Place::Over;
            let cut_off = listed && !self.recovering;
            let offset = self.input.offset();
            return Ok(cut_off.then(|| Err(self.skipped(SkipReason::Truncated, offset))));
        };
        match (byte, place) {
            (b'[', Place::Top) if !self.recovering => {
                self.input.consume(1);
                self.place = Place::List;
                return Ok(None);
            }
            // At the top it belongs to a list whose beginning was damaged.
            (b']', Place::List | Place::Top) => {
                self.input.consume(1);
                self.place = Place::Top;
                return Ok(None);
            }
            (b']', Place::InnerList(mut scanner)) => {
                self.input.consume(1);
                // The list itself was kept from the scanner: an empty one stands for it.
                scanner.push(b'[');
                scanner.push(b']');
                self.place = Place::Tail(scanner);
                return Ok(None);
            }
            (_, place) => self.place = place,
        }
        match self.scan(!listed)? {
            Scanned::Value(bytes) => Ok(self.take(bytes)),
            Scanned::List(scanner, bytes) => {
                self.input.consume(bytes);
                self.recovering = false;
                self.place = Place::InnerList(scanner);
                Ok(None)
            }
            Scanned::Bad(bad) => Ok(self.give_up(bad)),
        }
    }

    /// Skips what stands between values: blanks, and commas, which hand-made files have outside of lists too.
    fn skip_blanks(&mut self) -> std::io::Result<Option<u8>> {
        loop {
            match self.input.byte(0)? {
                Some(b' ' | b'\t' | b'\n' | b'\r' | b',') => self.input.consume(1),
                other => return Ok(other),
            }
        }
    }

    /// Finds the end of the value that begins here.
    fn scan(&mut self, may_hold_list: bool) -> std::io::Result<Scanned> {
        let byte_offset = self.input.offset();
        let bad = |reason, bytes, whole| {
            Ok(Scanned::Bad(Bad {
                reason,
                byte_offset,
                bytes,
                whole,
            }))
        };
        let mut scanner = Scanner::new();
        let mut outer_key = OuterKey::default();
        let mut too_large = false;
        let mut at = 0;
        loop {
            let Some(byte) = self.input.byte(at)? else {
                return match scanner.push(b'\n') {
                    _ if too_large => bad(SkipReason::TooLarge, at, true),
                    Step::EndBefore => Ok(Scanned::Value(at)),
                    _ => bad(SkipReason::Truncated, at, false),
                };
            };
            if may_hold_list && outer_key.opens_list(&scanner, byte, self.shape.lists) {
                return Ok(Scanned::List(scanner, at.saturating_add(1)));
            }
            outer_key.observe(&scanner, byte);
            let step = scanner.push(byte);
            if step != Step::EndBefore {
                at = at.saturating_add(1);
            }
            match step {
                Step::More => {}
                _ if too_large => {
                    return bad(SkipReason::TooLarge, at, step != Step::Malformed);
                }
                Step::End | Step::EndBefore => return Ok(Scanned::Value(at)),
                Step::Malformed if scanner.too_deep() => {
                    return bad(SkipReason::TooDeep, at, false);
                }
                Step::Malformed => {
                    let detail = format!("unexpected byte {byte:#04x}, {at} bytes in");
                    return bad(SkipReason::Malformed(detail), at, false);
                }
            }
            if at > RECORD_BYTES_MAX {
                too_large = true;
                self.input.consume(at);
                at = 0;
            }
        }
    }

    /// Takes the bytes of a scanned value.
    fn take(&mut self, bytes: usize) -> Option<Result<Found, SkippedRecord>> {
        let kept = self.input.kept(bytes);
        let byte_offset = self.input.offset();
        let value: Value = match parse(kept) {
            Ok(value) => value,
            Err(error) => {
                // Of brackets that match the end is known. A bare word may be anything: a line of another log.
                let whole = matches!(kept.first(), Some(b'{' | b'['));
                return self.give_up(Bad {
                    reason: SkipReason::Malformed(cut(error.to_string(), DETAIL_BYTES_MAX)),
                    byte_offset,
                    bytes,
                    whole,
                });
            }
        };
        if self.recovering && !(self.shape.is_record)(&value) {
            // A fragment of what was damaged. There may be a record inside it.
            self.retry_behind(bytes);
            return None;
        }
        self.input.consume(bytes);
        self.recovering = false;
        self.position = self.position.saturating_add(1);
        Some(Ok(Found {
            position: self.position,
            byte_offset,
            value,
        }))
    }

    /// Gives up a value; one report for a whole damaged stretch.
    fn give_up(&mut self, bad: Bad) -> Option<Result<Found, SkippedRecord>> {
        let report = (!self.recovering).then(|| Err(self.skipped(bad.reason, bad.byte_offset)));
        if bad.whole && !self.recovering {
            self.input.consume(bad.bytes);
        } else {
            self.recovering = true;
            self.retry_behind(bad.bytes);
        }
        report
    }

    /// Goes on behind the first byte of a value, or behind all of it if that would read too much again.
    fn retry_behind(&mut self, bytes: usize) {
        self.input
            .consume(if bytes <= RETRY_BYTES_MAX { 1 } else { bytes });
    }

    fn skipped(&mut self, reason: SkipReason, byte_offset: u64) -> SkippedRecord {
        self.position = self.position.saturating_add(1);
        SkippedRecord {
            position: self.position,
            byte_offset,
            reason,
        }
    }

    /// Goes to the next `{` that begins a line or follows `},`. False if there is none.
    ///
    /// Such a place may also lie inside a record. Whoever reads there asks [`Shape::is_record`].
    fn seek_candidate(&mut self) -> std::io::Result<bool> {
        /// What stands before, blanks aside.
        enum Before {
            Other,
            Close,
            CloseComma,
            LineStart,
            Indent,
        }
        let mut before = Before::Other;
        while let Some(byte) = self.input.byte(0)? {
            before = match (byte, before) {
                (b'{', Before::LineStart) => {
                    // Without a comma and indentation it is a value of its own: the list around was cut off.
                    self.place = Place::Top;
                    return Ok(true);
                }
                (b'{', Before::CloseComma | Before::Indent) => return Ok(true),
                (b' ' | b'\t' | b'\r', Before::LineStart) => Before::Indent,
                (b' ' | b'\t' | b'\r', before) => before,
                (b'\n', Before::CloseComma) => Before::CloseComma,
                (b'\n', _) => Before::LineStart,
                (b'}', _) => Before::Close,
                (b',', Before::Close) => Before::CloseComma,
                _ => Before::Other,
            };
            self.input.consume(1);
        }
        Ok(false)
    }

    /// Skips what follows the list of an object.
    fn skip_tail(&mut self, mut scanner: Scanner) -> std::io::Result<()> {
        while let Some(byte) = self.input.byte(0)? {
            match scanner.push(byte) {
                Step::More => self.input.consume(1),
                Step::End => {
                    self.input.consume(1);
                    break;
                }
                // Whatever this is, it begins something else.
                Step::EndBefore | Step::Malformed => break,
            }
        }
        self.place = Place::Top;
        Ok(())
    }
}

impl<R: Read> Iterator for Records<R> {
    type Item = Result<Found, SkippedRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.advance() {
            Ok(item) => item,
            Err(error) => {
                self.place = Place::Over;
                self.recovering = false;
                let offset = self.input.offset();
                Some(Err(self.skipped(SkipReason::Unreadable(error), offset)))
            }
        }
    }
}

/// Reads one value, leniently: a byte that is no UTF-8, half of a surrogate pair or a control character, any of which an
/// attacker can put into a name, must not hide the event.
fn parse(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    let text = String::from_utf8_lossy(bytes);
    serde_json::from_str(&text).or_else(|error| {
        let blank = |c: char| if c.is_ascii_control() { ' ' } else { c };
        let mended: String = text.chars().map(blank).collect();
        serde_json::from_str(&without_surrogates(&mended)).map_err(|_| error)
    })
}

/// Puts the replacement character for every escape of a surrogate, paired or not.
fn without_surrogates(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let bytes = escape.as_bytes();
        let surrogate = matches!(
            bytes.get(1..6),
            Some(
                [
                    b'u',
                    b'd' | b'D',
                    b'8' | b'9' | b'a'..=b'f' | b'A'..=b'F',
                    _,
                    _,
                ],
            )
        );
        // Whatever follows a backslash belongs to it, another backslash above all.
        let bytes = if surrogate {
            out.push_str("\\ufffd");
            6
        } else {
            let bytes = escape.chars().take(2).map(char::len_utf8).sum();
            out.push_str(escape.get(..bytes).unwrap_or_default());
            bytes
        };
        rest = escape.get(bytes..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// The last key of the outermost object.
#[derive(Debug, Default)]
struct OuterKey(Vec<u8>);

impl OuterKey {
    /// Whether this byte, about to be scanned, opens a list of records.
    fn opens_list(&self, scanner: &Scanner, byte: u8, lists: &[&str]) -> bool {
        byte == b'['
            && scanner.depth() == 1
            && scanner.at_value()
            && lists.iter().any(|key| key.as_bytes() == self.0)
    }

    /// Takes note of a byte that is about to be scanned.
    fn observe(&mut self, scanner: &Scanner, byte: u8) {
        if scanner.before_outer_key() {
            self.0.clear();
        } else if scanner.in_outer_key() && byte != b'"' && self.0.len() <= KEY_BYTES_MAX {
            self.0.push(byte);
        }
    }
}

const _: () = assert!(DEPTH_MAX < 128, "the parser itself gives up at 128 levels");

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SHAPE: Shape = Shape {
        lists: &["items"],
        is_record: |value| value.get("id").is_some(),
    };

    /// The ids of what is read, and the positions of what is skipped, as `!n`.
    fn check(input: impl AsRef<[u8]>) -> String {
        let mut out = Vec::new();
        for item in Records::new(input.as_ref(), SHAPE) {
            out.push(match item {
                Ok(found) => format!("{}", found.value.get("id").unwrap_or(&Value::Null)),
                Err(skipped) => format!("!{}", skipped.position),
            });
        }
        out.join(" ")
    }

    #[test]
    fn every_wrapping_gives_the_records() {
        assert_eq!(check("{\"id\":1}\n{\"id\":2}\n"), "1 2");
        assert_eq!(check("\u{feff}{\"id\":1}\r\n{\"id\":2}"), "1 2");
        assert_eq!(check("[{\"id\":1},\n {\"id\":2}]"), "1 2");
        assert_eq!(check("{\"id\":1},{\"id\":2}"), "1 2");
        assert_eq!(check("{\n \"id\": 1\n}\n{\n \"id\": 2\n}"), "1 2");
        let list = r#"{"kind":"List","metadata":{"items":[7]},"items":[{"id":1,"items":[{}]},{"id":2}],"x":[{"id":9}]}"#;
        assert_eq!(check(list), "1 2");
        assert_eq!(check(format!("{list}\n{list}\n{{\"id\":3}}")), "1 2 1 2 3");
        assert_eq!(check(r#"{"items" : [ ]}{"id":3}"#), "3");
        assert_eq!(check(""), "");
        assert_eq!(check(" \n\n"), "");
    }

    #[test]
    fn utf16_is_read() {
        let text = "{\"id\":\"ä\u{1f600}\"}\r\n{\"id\":2}";
        let little: Vec<u8> = std::iter::once(0xfeff)
            .chain(text.encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect();
        let big: Vec<u8> = std::iter::once(0xfeff)
            .chain(text.encode_utf16())
            .flat_map(u16::to_be_bytes)
            .collect();
        assert_eq!(check(little), "\"ä\u{1f600}\" 2");
        assert_eq!(check(big), "\"ä\u{1f600}\" 2");
    }

    #[test]
    fn a_damaged_line_costs_only_itself() {
        assert_eq!(check("{\"id\":1}\n{\"id\":\"tw\n{\"id\":3}\n"), "1 !2 3");
        assert_eq!(
            check("{\"id\":1}\n{\"id\":\n{\"id\":3}\n{\"id\":4}"),
            "1 !2 3 4"
        );
        assert_eq!(
            check("{\"id\":1}\n{\"id\":{\n{\"id\":3}\n{\"id\":4}"),
            "1 !2 3 4"
        );
        assert_eq!(check("{\"id\":1}\n}}}\n{\"id\":3}"), "1 !2 3");
        assert_eq!(check("I1122 started {x}\n{\"id\":3}"), "!1 3");
        assert_eq!(check("{\"id\":1}\n{\"id\":01}\n{\"id\":3}"), "1 !2 3");
        assert_eq!(check("{\"id\":1}\n{\"id\":2"), "1 !2");
        assert_eq!(check("{\"id\":1}\n\0\0\0\0"), "1 !2");
    }

    #[test]
    fn a_damaged_member_costs_only_itself() {
        assert_eq!(check("[{\"id\":1},{\"id\" 2},{\"id\":3}]"), "1 !2 3");
        assert_eq!(
            check("{\"items\":[{\"id\":1},{\"id\":\"x},{\"id\":3},{\"id\":4}]}\n{\"id\":5}"),
            "1 !2 3 4 5"
        );
        assert_eq!(check("[{\"id\":1},\n{\"id\":2"), "1 !2");
        assert_eq!(check("[{\"id\":1}"), "1 !2");
        // The list is cut off and another file was put behind it.
        assert_eq!(
            check("{\"items\":[{\"id\":1},{\"id\":\n{\"items\":[{\"id\":3}]}"),
            "1 !2 3"
        );
        // A fragment of the damaged member is not a record.
        assert_eq!(
            check("[{\"a\":[{},{\"b\":1},{\"b\":2}],},{\"id\":3}]"),
            "!1 3"
        );
    }

    #[test]
    fn too_deep_and_too_large_records_are_passed_over() {
        let deep = format!("{{\"id\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
        assert_eq!(
            check(format!("{{\"id\":1}}\n{deep}\n{{\"id\":3}}")),
            "1 !2 3"
        );
        let large = format!("{{\"id\":\"{}\"}}", "x".repeat(RECORD_BYTES_MAX + 10));
        assert_eq!(
            check(format!("[{{\"id\":1}},{large},{{\"id\":3}}]")),
            "1 !2 3"
        );
        let endless = format!("{{\"id\":\"{}", "x".repeat(2 * RECORD_BYTES_MAX));
        assert_eq!(
            check(format!("{{\"id\":1}}\n{endless}\n{{\"id\":3}}")),
            "1 !2 3"
        );
    }

    #[test]
    fn bad_text_does_not_hide_a_record() {
        assert_eq!(check(b"{\"id\":\"a\xffb\"}"), "\"a\u{fffd}b\"");
        assert_eq!(
            check(r#"{"id":"\ud800x\\ud800"}"#),
            "\"\u{fffd}x\\\\ud800\""
        );
        assert_eq!(check("{\"id\":\"a\tb\"}"), "\"a b\"");
    }

    #[test]
    fn positions_and_offsets_are_those_of_the_file() {
        let items: Vec<_> = Records::new(&b"{\"id\":1}\n{\"id\"\n{\"id\":3}"[..], SHAPE).collect();
        let places: Vec<_> = items
            .iter()
            .map(|item| match item {
                Ok(found) => (found.position, found.byte_offset),
                Err(skipped) => (skipped.position, skipped.byte_offset),
            })
            .collect();
        assert_eq!(places, [(1, 0), (2, 9), (3, 15)]);
    }

    proptest! {
        #[test]
        fn any_bytes_come_to_an_end(bytes in proptest::collection::vec(
            prop_oneof![Just(b'{'), Just(b'}'), Just(b'['), Just(b']'), Just(b','), Just(b':'), Just(b'"'), Just(b'\n'), Just(b'1'), Just(b'\\'), any::<u8>()], 0..200)) {
            let count = Records::new(&bytes[..], SHAPE).count();
            prop_assert!(count <= bytes.len());
        }

        #[test]
        fn damage_to_one_line_leaves_the_others(line in 1_usize..5, at in 0_usize..40, byte in any::<u8>()) {
            prop_assume!(byte != b'\n');
            let good = |id: usize| format!("{{\"id\":{id},\"user\":{{\"name\":\"n\",\"groups\":[\"a\",\"b\"]}}}}");
            let mut lines: Vec<Vec<u8>> = (0..7).map(|id| good(id).into_bytes()).collect();
            let place = at % lines[line].len();
            lines[line][place] = byte;
            let text = lines.join(&b'\n');
            let ids: Vec<u64> = Records::new(&text[..], SHAPE)
                .filter_map(|item| item.ok()?.value.get("id")?.as_u64())
                .collect();
            for id in [0, 1, 2, 3, 4, 5, 6] {
                prop_assert!(id == line || ids.contains(&(id as u64)), "{id} of {ids:?}");
            }
        }
    }
}
