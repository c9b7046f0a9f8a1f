//! How reasons make a score.

use crate::Language;
use crate::limits::REASONS_MAX;

/// Why a script looks like a webshell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// How much it says by itself, 1 to 100.
    pub weight: u8,
    /// A sentence without a full stop. Parts from the script are escaped.
    pub text: String,
    /// Offset in bytes in the script; where the thing was hidden, that of what hides it.
    pub offset: usize,
    /// Length in bytes at that offset.
    pub length: usize,
}

/// What looking at a script said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The language it was read as.
    pub language: Language,
    /// 0 to 100; [`crate::FINDING_SCORE`] and above is a finding.
    pub score: u8,
    /// What kind of webshell, such as `command execution` or `file manager`; empty below a finding.
    pub family: &'static str,
    /// Why, the weightiest first.
    pub reasons: Vec<Reason>,
    /// What was not looked at, in words.
    pub gaps: Vec<&'static str>,
}

/// Reasons as they are found.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    reasons: Vec<Reason>,
    gaps: Vec<&'static str>,
    family: Option<(u8, &'static str)>,
}

impl Evidence {
    /// Notes a reason. The same text counts once, with its greatest weight.
    pub(crate) fn add(
        &mut self,
        weight: u8,
        text: impl Into<String>,
        offset: usize,
        length: usize,
    ) {
        let text = text.into();
        if let Some(known) = self.reasons.iter_mut().find(|known| known.text == text) {
            known.weight = known.weight.max(weight);
            return;
        }
        self.reasons.push(Reason {
            weight,
            text,
            offset,
            length,
        });
        if self.reasons.len() > 2 * REASONS_MAX {
            self.shorten();
        }
    }

    /// Names the kind of webshell; the weightiest name stays.
    pub(crate) fn family(&mut self, weight: u8, family: &'static str) {
        if self.family.is_none_or(|(known, _)| known < weight) {
            self.family = Some((weight, family));
        }
    }

    /// Notes something that was not looked at.
    pub(crate) fn gap(&mut self, gap: &'static str) {
        if !self.gaps.contains(&gap) {
            self.gaps.push(gap);
        }
    }

    fn shorten(&mut self) {
        self.reasons
            .sort_by(|a, b| b.weight.cmp(&a.weight).then(a.offset.cmp(&b.offset)));
        self.reasons.truncate(REASONS_MAX);
    }

    /// Joins the reasons as if they were independent: each leaves of the doubt what its weight does not take.
    pub(crate) fn verdict(mut self, language: Language) -> Verdict {
        self.shorten();
        let doubt = self.reasons.iter().fold(10_000_u32, |doubt, reason| {
            doubt * (100 - u32::from(reason.weight.min(100))) / 100
        });
        let score = u8::try_from((10_000 - doubt) / 100).unwrap_or(100);
        Verdict {
            language,
            score,
            family: match score >= crate::FINDING_SCORE {
                true => self.family.map_or("webshell", |(_, family)| family),
                false => "",
            },
            reasons: self.reasons,
            gaps: self.gaps,
        }
    }
}
