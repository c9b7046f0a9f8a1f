//! What a rule says of itself.

use crate::limits::{FAMILY_CHARS_MAX, REASON_CHARS_MAX};
use crate::report::shown;
use yara_x::{MetaValue, Rule};

/// The key of what no rule says otherwise of.
pub(crate) const KEY_DEFAULT: &str = "malware.malicious_program";

/// The score of a user's rule that names none: sure enough to look, not to act.
const SCORE_DEFAULT: u8 = 75;

/// What a rule says of itself, with defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Meta {
    /// A key of the catalogue.
    pub(crate) key: String,
    /// The family; the rule's name where it tells none.
    pub(crate) family: String,
    /// 1 to 100.
    pub(crate) score: u8,
    /// A sentence; the rule's name where it tells none.
    pub(crate) reason: String,
}

impl Meta {
    /// Reads a rule's metadata by the names that own rules and public collections use.
    pub(crate) fn of(rule: &Rule<'_, '_>) -> Meta {
        let (mut key, mut family, mut score, mut reason) = (None, None, None, None);
        for (name, value) in rule.metadata() {
            match name {
                "key" => key = text(&value).filter(|key| is_key(key)),
                "family" | "malware_family" | "malware" => {
                    family = family.or_else(|| text(&value));
                }
                "score" => score = number(&value).or(score),
                "severity" => score = score.or_else(|| number(&value)),
                "reason" | "description" => reason = reason.or_else(|| text(&value)),
                _ => {}
            }
        }
        let name = rule.identifier();
        Meta {
            key: key.unwrap_or(KEY_DEFAULT).to_owned(),
            family: shown(family.unwrap_or(name).as_bytes(), FAMILY_CHARS_MAX),
            score: score.unwrap_or(SCORE_DEFAULT),
            reason: shown(
                reason.unwrap_or(name).trim_end_matches('.').as_bytes(),
                REASON_CHARS_MAX,
            ),
        }
    }
}

/// Whether the catalogue has such a key.
pub(crate) fn is_key(key: &str) -> bool {
    include_str!("../../../../catalogue/items.tsv")
        .lines()
        .filter_map(|line| line.split('\t').next())
        .any(|known| known == key && known.contains('.'))
}

fn text<'r>(value: &MetaValue<'r>) -> Option<&'r str> {
    let text = match value {
        MetaValue::String(text) => text,
        // A text with escapes in it.
        MetaValue::Bytes(bytes) => std::str::from_utf8(bytes).ok()?,
        _ => return None,
    };
    Some(text.trim()).filter(|text| !text.is_empty())
}

/// A score of 1 to 100. Collections count to ten or a hundred, or use words.
fn number(value: &MetaValue<'_>) -> Option<u8> {
    let number = match value {
        MetaValue::Integer(number) => *number,
        MetaValue::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "critical" => 95,
            "high" => 85,
            "medium" | "moderate" => 65,
            "low" => 40,
            "informational" | "info" => 20,
            digits => digits.parse().ok()?,
        },
        _ => return None,
    };
    let number = match number {
        1..=10 => number * 10,
        _ => number.clamp(1, 100),
    };
    u8::try_from(number).ok()
}
