//! Tests of texts.

use super::glob::{Pattern, glob_regex, whole_regex};
use super::literals::Inside;
use super::{MatcherError, PathSet};
use crate::ast::Operator;
use crate::hash::FixedSet;
use aho_corasick::AhoCorasick;
use memchr::memmem::{self, Finder};

/// A test of a text.
#[derive(Debug)]
pub(crate) enum TextTest {
    /// It is this.
    Equal(Box<[u8]>),
    /// It is one of these.
    In(TextSet),
    /// It comes before this.
    Less(Box<[u8]>),
    /// It comes before this or is it.
    LessOrEqual(Box<[u8]>),
    /// It comes after this.
    Greater(Box<[u8]>),
    /// It comes after this or is it.
    GreaterOrEqual(Box<[u8]>),
    /// It contains this.
    Contains(Box<Finder<'static>>),
    /// It contains this in any case.
    IContains(Box<[u8]>, AhoCorasick),
    /// It begins with this.
    StartsWith(Box<[u8]>),
    /// It ends with this.
    EndsWith(Box<[u8]>),
    /// It matches this as a whole.
    Pattern(Box<Pattern>),
    /// It is one of these paths or lies below.
    PathMatch(PathSet),
}

/// Texts, hashed.
#[derive(Debug)]
pub(crate) struct TextSet {
    items: FixedSet<Box<[u8]>>,
    bytes_min: usize,
    bytes_max: usize,
}

impl TextSet {
    fn new(items: &[&str]) -> TextSet {
        TextSet {
            items: items.iter().map(|item| item.as_bytes().into()).collect(),
            bytes_min: items.iter().map(|item| item.len()).min().unwrap_or(0),
            bytes_max: items.iter().map(|item| item.len()).max().unwrap_or(0),
        }
    }

    fn contains(&self, text: &[u8]) -> bool {
        (self.bytes_min..=self.bytes_max).contains(&text.len()) && self.items.contains(text)
    }

    /// Every text.
    pub(crate) fn items(&self) -> impl Iterator<Item = &[u8]> {
        self.items.iter().map(AsRef::as_ref)
    }
}

impl TextTest {
    pub(crate) fn new(operator: Operator, items: &[&str]) -> Result<TextTest, MatcherError> {
        let text = *items.first().ok_or(MatcherError::Empty)?;
        let bytes = || Box::<[u8]>::from(text.as_bytes());
        Ok(match operator {
            Operator::Equal | Operator::NotEqual | Operator::In | Operator::Intersects
                if items.len() == 1 =>
            {
                TextTest::Equal(bytes())
            }
            Operator::Equal | Operator::NotEqual | Operator::In | Operator::Intersects => {
                TextTest::In(TextSet::new(items))
            }
            Operator::Less => TextTest::Less(bytes()),
            Operator::LessOrEqual => TextTest::LessOrEqual(bytes()),
            Operator::Greater => TextTest::Greater(bytes()),
            Operator::GreaterOrEqual => TextTest::GreaterOrEqual(bytes()),
            Operator::Contains => TextTest::Contains(finder(text.as_bytes())),
            Operator::BContains => TextTest::Contains(finder(&hexadecimal(text)?)),
            Operator::IContains => TextTest::IContains(bytes(), searcher_in_any_case(text)?),
            Operator::StartsWith => TextTest::StartsWith(bytes()),
            Operator::BStartsWith => TextTest::StartsWith(hexadecimal(text)?),
            Operator::EndsWith => TextTest::EndsWith(bytes()),
            Operator::Glob => TextTest::Pattern(Box::new(glob_regex(text, ".", "", false)?)),
            Operator::IGlob => TextTest::Pattern(Box::new(glob_regex(text, ".", "", true)?)),
            Operator::Regex => TextTest::Pattern(Box::new(whole_regex(text)?)),
            Operator::PathMatch => TextTest::PathMatch(PathSet::new(items)?),
            Operator::Exists => return Err(MatcherError::Operator { value: "text" }),
        })
    }

    pub(crate) fn matches(&self, text: &[u8]) -> bool {
        match self {
            TextTest::Equal(item) => text == item.as_ref(),
            TextTest::In(items) => items.contains(text),
            TextTest::Less(item) => text < item.as_ref(),
            TextTest::LessOrEqual(item) => text <= item.as_ref(),
            TextTest::Greater(item) => text > item.as_ref(),
            TextTest::GreaterOrEqual(item) => text >= item.as_ref(),
            TextTest::Contains(finder) => finder.find(text).is_some(),
            TextTest::IContains(_, searcher) => searcher.is_match(text),
            TextTest::StartsWith(item) => text.starts_with(item),
            TextTest::EndsWith(item) => text.ends_with(item),
            TextTest::Pattern(pattern) => pattern.is_match(text),
            TextTest::PathMatch(paths) => paths.contains(text),
        }
    }

    /// Parts of which a text must have one to match, in each of several ways that say enough alone.
    pub(crate) fn keys(&self) -> Vec<Vec<TextKey<'_>>> {
        let one = |key| vec![vec![key]];
        match self {
            TextTest::Equal(item) => one(TextKey::Whole(item)),
            TextTest::In(items) => vec![items.items().map(TextKey::Whole).collect()],
            TextTest::Contains(finder) => one(TextKey::Inside(finder.needle())),
            TextTest::IContains(item, _) => one(TextKey::InsideInAnyCase(item)),
            TextTest::StartsWith(item) => one(TextKey::Beginning(item)),
            TextTest::EndsWith(item) => one(TextKey::End(item)),
            TextTest::PathMatch(paths) => match paths.paths() {
                Some(paths) => vec![paths.iter().map(|path| TextKey::Above(path)).collect()],
                None => Vec::new(),
            },
            TextTest::Pattern(pattern) => keys_of_pattern(pattern),
            TextTest::Less(_)
            | TextTest::LessOrEqual(_)
            | TextTest::Greater(_)
            | TextTest::GreaterOrEqual(_) => Vec::new(),
        }
    }
}

fn keys_of_pattern(pattern: &Pattern) -> Vec<Vec<TextKey<'_>>> {
    let literals = &pattern.literals;
    let ways = [
        literals
            .beginnings
            .as_ref()
            .map(|texts| texts.iter().map(|text| TextKey::Beginning(text)).collect()),
        literals
            .ends
            .as_ref()
            .map(|texts| texts.iter().map(|text| TextKey::End(text)).collect()),
        literals
            .inside
            .as_ref()
            .map(|texts| texts.iter().map(key_inside).collect()),
    ];
    ways.into_iter().flatten().collect()
}

fn key_inside(one: &Inside) -> TextKey<'_> {
    if one.any_case {
        TextKey::InsideInAnyCase(&one.text)
    } else {
        TextKey::Inside(&one.text)
    }
}

/// A part that a text must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextKey<'k> {
    /// The text is this.
    Whole(&'k [u8]),
    /// It begins with this.
    Beginning(&'k [u8]),
    /// It ends with this.
    End(&'k [u8]),
    /// It contains this.
    Inside(&'k [u8]),
    /// It contains this in any case.
    InsideInAnyCase(&'k [u8]),
    /// It is this path or lies below.
    Above(&'k [u8]),
}

fn finder(text: &[u8]) -> Box<Finder<'static>> {
    Box::new(Finder::new(text).into_owned())
}

fn searcher_in_any_case(text: &str) -> Result<AhoCorasick, MatcherError> {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build([text])
        .map_err(|failed| MatcherError::Pattern {
            pattern: text.to_owned(),
            reason: failed.to_string(),
        })
}

fn hexadecimal(text: &str) -> Result<Box<[u8]>, MatcherError> {
    let wrong = || MatcherError::Hexadecimal(text.to_owned());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() || pairs.is_empty() {
        return Err(wrong());
    }
    let byte = |pair: &[u8; 2]| {
        let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
        u8::try_from(high? * 16 + low?).ok()
    };
    pairs
        .iter()
        .map(byte)
        .collect::<Option<Box<[u8]>>>()
        .ok_or_else(wrong)
}

/// Whether two texts of an event compare so. Patterns can't come from an event: whoever wrote it would choose what they cost.
pub(crate) fn compare_texts(operator: Operator, left: &[u8], right: &[u8]) -> bool {
    match operator {
        Operator::Equal | Operator::NotEqual | Operator::In | Operator::Intersects => left == right,
        Operator::Less => left < right,
        Operator::LessOrEqual => left <= right,
        Operator::Greater => left > right,
        Operator::GreaterOrEqual => left >= right,
        Operator::Contains => memmem::find(left, right).is_some(),
        Operator::IContains => {
            memmem::find(&left.to_ascii_lowercase(), &right.to_ascii_lowercase()).is_some()
        }
        Operator::StartsWith => left.starts_with(right),
        Operator::EndsWith => left.ends_with(right),
        Operator::PathMatch => left
            .strip_prefix(right)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/") || right.ends_with(b"/")),
        Operator::BContains
        | Operator::BStartsWith
        | Operator::Glob
        | Operator::IGlob
        | Operator::Regex
        | Operator::Exists => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_operator_compares_as_it_says() {
        for (operator, items, text, matches) in [
            (Operator::Equal, &["a"][..], "a", true),
            (Operator::In, &["a", "bc"], "bc", true),
            (Operator::In, &["a", "bc"], "b", false),
            (Operator::Less, &["b"], "a", true),
            (Operator::Contains, &["bc"], "abcd", true),
            (Operator::Contains, &[""], "abcd", true),
            (Operator::IContains, &["BC"], "abcd", true),
            (Operator::BContains, &["6263"], "abcd", true),
            (Operator::BStartsWith, &["6162"], "abcd", true),
            (Operator::StartsWith, &["ab"], "abcd", true),
            (Operator::EndsWith, &["cd"], "abcd", true),
            (Operator::EndsWith, &["abcde"], "abcd", false),
            (Operator::Glob, &["a*d"], "abcd", true),
            (Operator::IGlob, &["A*D"], "abcd", true),
            (Operator::Regex, &["b"], "abcd", false),
            (Operator::PathMatch, &["/a"], "/a/b", true),
        ] {
            let test = TextTest::new(operator, items).unwrap();
            assert_eq!(
                test.matches(text.as_bytes()),
                matches,
                "{operator:?} {items:?} {text}"
            );
        }
        assert!(TextTest::new(Operator::BContains, &["6"]).is_err());
        assert!(TextTest::new(Operator::BContains, &["zz"]).is_err());
    }
}
