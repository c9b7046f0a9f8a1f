//! Globs and regular expressions.

use super::MatcherError;
use super::literals::{Inside, Literals, literals_of};
use crate::limits::REGEX_BYTES_MAX;
use aho_corasick::AhoCorasick;
use regex::bytes::{Regex, RegexBuilder};

/// Bytes of the longest pattern. Stops a rule file from costing seconds to load.
const PATTERN_BYTES_MAX: usize = 16 * 1024;

/// A pattern, with what a text must have to match it.
#[derive(Debug)]
pub(crate) struct Pattern {
    regex: Regex,
    /// What a matching text must have.
    pub(crate) literals: Literals,
    /// Searches for what a matching text contains: faster than the pattern, and mostly not found.
    inside: Option<AhoCorasick>,
}

impl Pattern {
    fn new(regex: Regex, literals: Literals) -> Pattern {
        let inside = literals.inside.as_ref().and_then(|inside| {
            let any_case = inside.iter().any(|one| one.any_case);
            AhoCorasick::builder()
                .ascii_case_insensitive(any_case)
                .build(inside.iter().map(|Inside { text, .. }| text))
                .ok()
        });
        Pattern {
            regex,
            literals,
            inside,
        }
    }

    pub(crate) fn is_match(&self, text: &[u8]) -> bool {
        self.inside
            .as_ref()
            .is_none_or(|inside| inside.is_match(text))
            && self.regex.is_match(text)
    }
}

/// Compiles a regular expression that must match a whole text.
pub(crate) fn whole_regex(pattern: &str) -> Result<Pattern, MatcherError> {
    build(&format!("^(?:{pattern})$"), pattern, false)
}

/// Compiles a glob, with `any` for the byte that `?` and `*` stand for and `behind` after it.
pub(crate) fn glob_regex(
    glob: &str,
    any: &str,
    behind: &str,
    ignore_case: bool,
) -> Result<Pattern, MatcherError> {
    let regex = translate(glob, any).map_err(|reason| error(glob, reason))?;
    build(&format!("(?s)^{regex}{behind}$"), glob, ignore_case)
}

fn error(pattern: &str, reason: impl Into<String>) -> MatcherError {
    MatcherError::Pattern {
        pattern: pattern.to_owned(),
        reason: reason.into(),
    }
}

fn build(regex: &str, written: &str, ignore_case: bool) -> Result<Pattern, MatcherError> {
    if written.len() > PATTERN_BYTES_MAX {
        let shown: String = written.chars().take(64).collect();
        return Err(error(
            &shown,
            format!("{} bytes, at most {PATTERN_BYTES_MAX}", written.len()),
        ));
    }
    let compiled = RegexBuilder::new(regex)
        // With a pattern in ASCII, `.` is any byte: a name that is not UTF-8 must not hide from a rule.
        .unicode(!regex.is_ascii())
        .case_insensitive(ignore_case)
        .size_limit(REGEX_BYTES_MAX)
        .dfa_size_limit(REGEX_BYTES_MAX)
        .build()
        .map_err(|failed| {
            let reason = match failed {
                regex::Error::CompiledTooBig(bytes) => format!("takes more than {bytes} bytes"),
                other => other
                    .to_string()
                    .lines()
                    .last()
                    .unwrap_or_default()
                    .trim_start_matches("error: ")
                    .to_owned(),
            };
            error(written, reason)
        })?;
    let literals = literals_of(regex, !regex.is_ascii(), ignore_case);
    Ok(Pattern::new(compiled, literals))
}

/// Groups of extended globs: the character before `(` and what the group becomes.
const GROUPS: [(char, &str); 4] = [('?', "?"), ('*', "*"), ('+', "+"), ('@', "")];

/// A glob as a regular expression: `*`, `?`, `[…]`, `\` and the groups `?(a|b)`, `*(…)`, `+(…)`, `@(…)`, as in fnmatch(3).
fn translate(glob: &str, any: &str) -> Result<String, &'static str> {
    let mut regex = String::with_capacity(glob.len() * 2);
    let mut groups: Vec<&str> = Vec::new();
    let mut rest = glob.chars().peekable();
    while let Some(character) = rest.next() {
        if rest.peek() == Some(&'(') {
            if let Some((_, quantifier)) = GROUPS.iter().find(|(mark, _)| *mark == character) {
                rest.next();
                regex.push_str("(?:");
                groups.push(quantifier);
                continue;
            }
            if character == '!' {
                return Err("groups of what must not match (`!(…)`) can't be used");
            }
        }
        match character {
            '*' => {
                regex.push_str(any);
                regex.push('*');
            }
            '?' => regex.push_str(any),
            '[' => translate_class(&mut rest, &mut regex)?,
            '|' if !groups.is_empty() => regex.push('|'),
            ')' if !groups.is_empty() => {
                regex.push(')');
                regex.push_str(groups.pop().unwrap_or_default());
            }
            '\\' => match rest.next() {
                Some(escaped) => push_literal(escaped, &mut regex),
                None => return Err("it ends in `\\`"),
            },
            other => push_literal(other, &mut regex),
        }
    }
    if groups.is_empty() {
        Ok(regex)
    } else {
        Err("a group isn't closed")
    }
}

fn push_literal(character: char, regex: &mut String) {
    let mut buffer = [0; 4];
    regex.push_str(&regex::escape(character.encode_utf8(&mut buffer)));
}

/// What follows `[`: without a closing bracket it is the character itself.
fn translate_class(
    rest: &mut std::iter::Peekable<std::str::Chars<'_>>,
    regex: &mut String,
) -> Result<(), &'static str> {
    let ahead: String = rest.clone().collect();
    let negated = ahead.starts_with(['!', '^']);
    let body_from = usize::from(negated);
    // A closing bracket at the very beginning belongs to the class.
    let closes = ahead
        .char_indices()
        .skip(body_from + 1)
        .find(|(_, character)| *character == ']');
    let Some((end, _)) = closes else {
        regex.push_str("\\[");
        return Ok(());
    };
    let body = ahead.get(body_from..end).unwrap_or_default();
    if body.contains("[:") || body.contains("[.") || body.contains("[=") {
        return Err("named classes can't be used");
    }
    regex.push_str(if negated { "[^" } else { "[" });
    for character in body.chars() {
        if matches!(character, '[' | ']' | '\\' | '^' | '&' | '~') {
            regex.push('\\');
        }
        regex.push(character);
    }
    regex.push(']');
    for _ in 0..ahead.get(..end).unwrap_or_default().chars().count() + 1 {
        rest.next();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_as_in_fnmatch() {
        for (glob, text, matches) in [
            ("/etc/*", "/etc/a/b", true),
            ("/etc/?", "/etc/ab", false),
            ("*.sh", "x.sh", true),
            ("a[0-9]c", "a5c", true),
            ("a[!0-9]c", "a5c", false),
            ("a[]x]c", "a]c", true),
            ("a[c", "a[c", true),
            ("a\\*c", "a*c", true),
            ("a\\*c", "abc", false),
            ("@(cat|dog).txt", "dog.txt", true),
            ("@(cat|dog).txt", "cow.txt", false),
            ("+(ab)", "ababab", true),
            ("a.c", "abc", false),
            ("*", "a\nb", true),
        ] {
            let regex = glob_regex(glob, ".", "", false).unwrap();
            assert_eq!(regex.is_match(text.as_bytes()), matches, "{glob} {text}");
        }
        assert!(
            glob_regex("*", ".", "", false)
                .unwrap()
                .is_match(b"\xff\xfe")
        );
        assert!(glob_regex("*.SH", ".", "", true).unwrap().is_match(b"x.sh"));
        assert!(glob_regex("!(a)", ".", "", false).is_err());
        assert!(glob_regex("@(a", ".", "", false).is_err());
    }

    #[test]
    fn regular_expressions_match_whole_texts_within_bounds() {
        assert!(whole_regex("a|b").unwrap().is_match(b"b"));
        assert!(!whole_regex("a|b").unwrap().is_match(b"ab"));
        assert!(whole_regex("/tmp/.*").unwrap().is_match(b"/tmp/\xff"));
        assert!(whole_regex("(a").is_err());
        assert!(whole_regex("((a{1000}){1000}){10}").is_err());
        assert!(whole_regex(&"a".repeat(PATTERN_BYTES_MAX + 1)).is_err());
    }
}
