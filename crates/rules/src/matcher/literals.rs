//! What a text must have to match a pattern.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::literal::{ExtractKind, Extractor};
use regex_syntax::hir::{Class, Hir, HirKind};

/// Alternatives of one kind; more are not worth looking up.
const LITERALS_MAX: usize = 64;
/// Bytes that a literal has at least; shorter ones are everywhere.
const LITERAL_BYTES_MIN: usize = 3;

/// Texts of which a matching text must have one, three times: any of the three says enough.
#[derive(Debug, Default)]
pub(crate) struct Literals {
    /// It begins with one of these.
    pub(crate) beginnings: Option<Vec<Vec<u8>>>,
    /// It ends with one of these.
    pub(crate) ends: Option<Vec<Vec<u8>>>,
    /// It contains one of these.
    pub(crate) inside: Option<Vec<Inside>>,
}

/// A text that is contained.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Inside {
    /// The text; in lower case if the case doesn't matter.
    pub(crate) text: Vec<u8>,
    /// Whether the case doesn't matter.
    pub(crate) any_case: bool,
}

/// Finds what a text must have to match a regular expression as a whole. `unicode` and `ignore_case` are those of the compiled
/// expression.
pub(crate) fn literals_of(regex: &str, unicode: bool, ignore_case: bool) -> Literals {
    let parsed = ParserBuilder::new()
        .unicode(unicode)
        .utf8(false)
        .case_insensitive(ignore_case)
        .build()
        .parse(regex);
    let Ok(hir) = parsed else {
        return Literals::default();
    };
    let at_edge = |kind| {
        let found = Extractor::new().kind(kind).extract(&hir);
        let literals = found.literals()?;
        let texts: Vec<Vec<u8>> = literals
            .iter()
            .map(|literal| literal.as_bytes().to_vec())
            .collect();
        let is_useful = !texts.is_empty()
            && texts.len() <= LITERALS_MAX
            && texts.iter().all(|text| text.len() >= LITERAL_BYTES_MIN);
        is_useful.then_some(texts)
    };
    Literals {
        beginnings: at_edge(ExtractKind::Prefix),
        ends: at_edge(ExtractKind::Suffix),
        inside: inside(&hir).filter(|literals| literals.len() <= LITERALS_MAX),
    }
}

/// Texts of which every match contains one.
fn inside(hir: &Hir) -> Option<Vec<Inside>> {
    match hir.kind() {
        HirKind::Literal(literal) => useful(vec![Inside {
            text: literal.0.to_vec(),
            any_case: false,
        }]),
        HirKind::Capture(capture) => inside(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => inside(&repetition.sub),
        HirKind::Concat(parts) => inside_any(parts),
        HirKind::Alternation(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(inside(part)?);
                if all.len() > LITERALS_MAX {
                    return None;
                }
            }
            Some(all)
        }
        HirKind::Empty | HirKind::Class(_) | HirKind::Look(_) | HirKind::Repetition(_) => None,
    }
}

fn useful(literals: Vec<Inside>) -> Option<Vec<Inside>> {
    let is_useful = literals
        .iter()
        .all(|literal| literal.text.len() >= LITERAL_BYTES_MIN);
    is_useful.then_some(literals)
}

/// The best of what the parts of a concatenation must contain: runs of parts that are one of a few texts each, or what one part
/// must contain.
fn inside_any(parts: &[Hir]) -> Option<Vec<Inside>> {
    let mut candidates: Vec<Vec<Inside>> = Vec::new();
    let mut run = vec![Inside::default()];
    for part in parts {
        let longer = texts(part).and_then(|texts| product(&run, &texts));
        match longer {
            Some(longer) => run = longer,
            None => {
                candidates.push(std::mem::take(&mut run));
                candidates.extend(inside(part));
                run = texts(part).unwrap_or_else(|| vec![Inside::default()]);
            }
        }
    }
    candidates.push(run);
    candidates
        .into_iter()
        .filter_map(useful)
        .max_by_key(|literals| {
            let shortest = literals.iter().map(|literal| literal.text.len()).min();
            // Many alternatives are found more often than few.
            shortest.unwrap_or(0) * 12 / (3 + literals.len().ilog2() as usize)
        })
}

/// Every text that an expression matches, if they are few.
fn texts(hir: &Hir) -> Option<Vec<Inside>> {
    if let Some(letter) = letter_in_any_case(hir) {
        return Some(vec![Inside {
            text: vec![letter],
            any_case: true,
        }]);
    }
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Some(vec![Inside::default()]),
        HirKind::Literal(literal) => Some(vec![Inside {
            text: literal.0.to_vec(),
            any_case: false,
        }]),
        HirKind::Capture(capture) => texts(&capture.sub),
        HirKind::Concat(parts) => parts.iter().try_fold(vec![Inside::default()], |all, part| {
            product(&all, &texts(part)?)
        }),
        HirKind::Alternation(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(texts(part)?);
            }
            (all.len() <= LITERALS_MAX).then_some(all)
        }
        HirKind::Class(_) | HirKind::Repetition(_) => None,
    }
}

/// Each text with each other behind it, if they are few.
fn product(texts: &[Inside], behind: &[Inside]) -> Option<Vec<Inside>> {
    (texts.len() * behind.len() <= LITERALS_MAX).then(|| {
        let pairs = texts
            .iter()
            .flat_map(|text| behind.iter().map(move |behind| (text, behind)));
        pairs
            .map(|(text, behind)| {
                let mut both = Inside {
                    text: [text.text.as_slice(), &behind.text].concat(),
                    any_case: text.any_case || behind.any_case,
                };
                if both.any_case {
                    both.text.make_ascii_lowercase();
                }
                both
            })
            .collect()
    })
}

/// The lower-case letter of a class that is one ASCII letter in both cases: what `(?i)` makes of letters.
fn letter_in_any_case(hir: &Hir) -> Option<u8> {
    let HirKind::Class(class) = hir.kind() else {
        return None;
    };
    let letters: Vec<u8> = match class {
        Class::Bytes(class) => {
            let ranges = class.iter().map(|range| (range.start(), range.end()));
            singles(ranges)?
        }
        Class::Unicode(class) => {
            let ranges = class.iter().map(|range| {
                let byte = |c: char| u8::try_from(c).ok().filter(u8::is_ascii);
                Some((byte(range.start())?, byte(range.end())?))
            });
            singles(ranges.collect::<Option<Vec<_>>>()?.into_iter())?
        }
    };
    match letters.as_slice() {
        [upper, lower] if upper.is_ascii_uppercase() && upper.to_ascii_lowercase() == *lower => {
            Some(*lower)
        }
        _ => None,
    }
}

/// The bytes of ranges of one byte each.
fn singles(ranges: impl Iterator<Item = (u8, u8)>) -> Option<Vec<u8>> {
    ranges
        .take(3)
        .map(|(start, end)| (start == end).then_some(start))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(regex: &str, beginnings: &[&str], ends: &[&str], expected_inside: &[(&str, bool)]) {
        let found = literals_of(&format!("^(?:{regex})$"), false, false);
        let texts = |found: &Option<Vec<Vec<u8>>>| -> Vec<String> {
            let found = found.iter().flatten();
            found
                .map(|text| String::from_utf8_lossy(text).into_owned())
                .collect()
        };
        assert_eq!(texts(&found.beginnings), beginnings, "{regex}");
        assert_eq!(texts(&found.ends), ends, "{regex}");
        let inside: Vec<(String, bool)> = found
            .inside
            .iter()
            .flatten()
            .map(|one| {
                (
                    String::from_utf8_lossy(&one.text).into_owned(),
                    one.any_case,
                )
            })
            .collect();
        let expected: Vec<(String, bool)> = expected_inside
            .iter()
            .map(|(text, any_case)| ((*text).to_owned(), *any_case))
            .collect();
        assert_eq!(inside, expected, "{regex}");
    }

    #[test]
    fn what_must_be_there_is_found() {
        check("/proc/.+/mem", &["/proc/"], &["/mem"], &[("/proc/", false)]);
        check(
            "(?s).*core_pattern=.*",
            &[],
            &[],
            &[("core_pattern=", false)],
        );
        check(
            "(abc|defg)",
            &["abc", "defg"],
            &["abc", "defg"],
            &[("abc", false), ("defg", false)],
        );
        check("(abc|.*)", &[], &[], &[]);
        check("(abc)*", &[], &[], &[]);
        check(
            "(abc)?def",
            &["abcdef", "def"],
            &["abcdef", "def"],
            &[("def", false)],
        );
    }

    #[test]
    fn case_may_not_matter() {
        let found = literals_of("^(?:(?i).*linpeas.*)$", false, false);
        let expected = Inside {
            text: b"linpeas".to_vec(),
            any_case: true,
        };
        assert_eq!(found.inside, Some(vec![expected]));
    }
}
