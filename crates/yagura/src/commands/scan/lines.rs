//! Lines of output: findings and gaps, for people and for programs.

use crate::output::table::{Tone, toned};
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};
use std::fmt::Write as _;
use yagura_event::json::FindingJson;
use yagura_event::{Finding, escape};
use yagura_scan::Report;

/// Matches that are shown to people; programs get all.
const MATCHES_SHOWN_MAX: usize = 3;
/// Bytes of a member's name that are shown. Stops archives whose names are longer than any file system takes.
const NAME_BYTES_MAX: usize = 4096;
/// From this score on a finding is shown as something to act on.
const SURE: u8 = 75;

/// The form of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Form {
    /// For people
    #[value(alias = "table")]
    Text,
    /// JSON Lines
    Json,
}

/// A file, or what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The file's path on disk. Escaped.
    file: String,
    /// Names on the way into it. Escaped.
    members: Vec<String>,
}

impl Place {
    pub(super) fn new(file: &[u8], members: &[Vec<u8>]) -> Place {
        let member = |name: &Vec<u8>| match name.get(..NAME_BYTES_MAX) {
            Some(head) if head.len() < name.len() => format!("{}…", escape(head)),
            _ => escape(name).into_owned(),
        };
        Place {
            file: escape(file).into_owned(),
            members: members.iter().map(member).collect(),
        }
    }

    /// The file's path and the names of members, with `!` between them.
    fn path(&self) -> String {
        let names = std::iter::once(&self.file).chain(&self.members);
        names.map(String::as_str).collect::<Vec<_>>().join("!")
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Place", 3)?;
        fields.serialize_field("path", &self.path())?;
        fields.serialize_field("file", &self.file)?;
        fields.serialize_field("members", &self.members)?;
        fields.end()
    }
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Found {
    #[serde(flatten)]
    place: Place,
    #[serde(flatten)]
    finding: FindingJson,
    /// Digest of the whole content; null if not all of it was read.
    sha256: Option<String>,
    /// Bytes of the content that were read.
    size: u64,
    /// TLSH digest of the content; null if none was made.
    tlsh: Option<String>,
}

/// A line of output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(super) enum Line {
    /// Something was found.
    Finding(Box<Found>),
    /// Something was not looked at.
    Gap {
        #[serde(flatten)]
        place: Place,
        /// What and why, in words.
        gap: String,
    },
}

impl Line {
    pub(super) fn finding(
        place: Place,
        finding: &Finding,
        report: &Report,
        is_whole: bool,
    ) -> Line {
        Line::Finding(Box::new(Found {
            place,
            finding: FindingJson::from(finding),
            sha256: is_whole.then(|| report.sha256.to_string()),
            size: report.size,
            tlsh: report.fuzzy.clone().filter(|_| is_whole),
        }))
    }

    /// The line in that form, with its end.
    pub(super) fn text(&self, form: Form, colours: bool) -> String {
        if form == Form::Json {
            // Strings and numbers alone: this can't fail.
            let json = serde_json::to_string(self).unwrap_or_default();
            return json + "\n";
        }
        match self {
            Line::Finding(found) => found.text(colours),
            Line::Gap { place, gap } => {
                let word = toned("gap", Tone::Doubtful, colours);
                format!("{word}  {}: {gap}\n", place.path())
            }
        }
    }
}

impl Found {
    fn text(&self, colours: bool) -> String {
        let finding = &self.finding;
        let tone = match finding.score >= SURE {
            true => Tone::Bad,
            false => Tone::Doubtful,
        };
        let key = toned(&finding.key, tone, colours);
        let mut text = format!(
            "{key}  {}  score {}  {}\n",
            finding.family,
            finding.score,
            self.place.path()
        );
        for reason in &finding.reasons {
            let _ = writeln!(text, "    {reason}");
        }
        let _ = writeln!(
            text,
            "    found by {} {}",
            finding.engine, finding.scan_rule
        );
        for found in finding.matches.iter().take(MATCHES_SHOWN_MAX) {
            let _ = writeln!(
                text,
                "    {} at byte {}: {}",
                found.name, found.offset, found.data
            );
        }
        if let Some(digest) = &self.sha256 {
            let _ = writeln!(text, "    sha256 {digest}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use yagura_event::{ScanEngine, ScanMatch, Sha256};

    fn lines() -> [Line; 2] {
        let finding = Finding {
            key: "malware.trojan".to_owned(),
            family: "fam\u{1b}ily".to_owned(),
            score: 90,
            engine: ScanEngine::Yara,
            rule: "a_rule".to_owned(),
            reasons: vec!["Because".to_owned()],
            matches: vec![ScanMatch {
                name: "$a".to_owned(),
                offset: 7,
                length: 3,
                data: b"\x1b[2J\xff".as_slice().into(),
            }],
        };
        let report = Report {
            sha256: Sha256([1; 32]),
            size: 10,
            fuzzy: None,
            findings: Vec::new(),
            gaps: Vec::new(),
        };
        let place = Place::new(b"/a\nb", &[b"x\xff".to_vec(), b"y".to_vec()]);
        let gap = Line::Gap {
            place: place.clone(),
            gap: "not looked at".to_owned(),
        };
        [Line::finding(place, &finding, &report, true), gap]
    }

    #[test]
    fn programs_get_one_object_on_one_line() {
        for line in lines() {
            let text = line.text(Form::Json, true);
            assert_eq!(text.matches('\n').count(), 1);
            let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
            assert_eq!(value["path"], "/a\\nb!x\\xff!y");
            assert_eq!(value["file"], "/a\\nb");
            assert_eq!(value["members"], serde_json::json!(["x\\xff", "y"]));
            assert_ne!(value["gap"].is_string(), value["key"].is_string());
        }
        let found: serde_json::Value =
            serde_json::from_str(&lines()[0].text(Form::Json, false)).expect("JSON");
        for key in [
            "key", "family", "score", "reasons", "sha256", "engine", "matches", "size",
        ] {
            assert!(!found[key].is_null(), "{key}");
        }
    }

    #[test]
    fn nothing_of_a_file_reaches_the_terminal_as_it_is() {
        for line in lines() {
            let text = line.text(Form::Text, false);
            assert!(
                text.chars().all(|c| c == '\n' || !c.is_control()),
                "{text:?}"
            );
        }
    }
}
