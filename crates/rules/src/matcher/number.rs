//! Tests of numbers.

use super::MatcherError;
use crate::ast::Operator;
use crate::fields::FieldType;
use crate::hash::FixedSet;

/// Sets up to this size are searched one by one: faster than hashing.
const LINEAR_ITEMS_MAX: usize = 6;

/// A test of a number.
#[derive(Debug)]
pub(crate) enum NumberTest {
    /// One of a few.
    Few(Box<[i64]>),
    /// One of many.
    Many(FixedSet<i64>),
    /// Less than it.
    Less(i64),
    /// At most it.
    LessOrEqual(i64),
    /// Greater than it.
    Greater(i64),
    /// At least it.
    GreaterOrEqual(i64),
}

impl NumberTest {
    pub(crate) fn new(
        value: FieldType,
        operator: Operator,
        items: &[&str],
    ) -> Result<NumberTest, MatcherError> {
        let parse = |item: &&str| {
            let number = match value {
                FieldType::Duration => parse_number(item).or_else(|| parse_duration(item)),
                _ => parse_number(item),
            };
            number.ok_or_else(|| MatcherError::Number((*item).to_owned()))
        };
        let numbers: Vec<i64> = items.iter().map(parse).collect::<Result<_, _>>()?;
        let first = numbers.first().copied().ok_or(MatcherError::Empty)?;
        match operator {
            Operator::Equal | Operator::NotEqual | Operator::In | Operator::Intersects => {
                Ok(if numbers.len() <= LINEAR_ITEMS_MAX {
                    NumberTest::Few(numbers.into())
                } else {
                    NumberTest::Many(numbers.into_iter().collect())
                })
            }
            Operator::Less => Ok(NumberTest::Less(first)),
            Operator::LessOrEqual => Ok(NumberTest::LessOrEqual(first)),
            Operator::Greater => Ok(NumberTest::Greater(first)),
            Operator::GreaterOrEqual => Ok(NumberTest::GreaterOrEqual(first)),
            _ => Err(MatcherError::Operator {
                value: value.as_str(),
            }),
        }
    }

    pub(crate) fn matches(&self, number: i64) -> bool {
        match self {
            NumberTest::Few(items) => items.contains(&number),
            NumberTest::Many(items) => items.contains(&number),
            NumberTest::Less(bound) => number < *bound,
            NumberTest::LessOrEqual(bound) => number <= *bound,
            NumberTest::Greater(bound) => number > *bound,
            NumberTest::GreaterOrEqual(bound) => number >= *bound,
        }
    }

    /// The numbers, if it is a test for one of some.
    pub(crate) fn items(&self) -> Option<Vec<i64>> {
        match self {
            NumberTest::Few(items) => Some(items.to_vec()),
            NumberTest::Many(items) => Some(items.iter().copied().collect()),
            _ => None,
        }
    }
}

/// A whole number: decimal, or hexadecimal behind `0x`.
pub(crate) fn parse_number(text: &str) -> Option<i64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok().map(u64::cast_signed),
        None => text.parse().ok(),
    }
}

/// Nanoseconds of a time with its unit: `90s`, `5m`.
fn parse_duration(text: &str) -> Option<i64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text.strip_prefix(digits)? {
        "ns" => 1,
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60 * 1_000_000_000,
        "h" => 3_600 * 1_000_000_000,
        "d" => 86_400 * 1_000_000_000,
        _ => return None,
    };
    digits.parse::<i64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_durations_are_read() {
        assert_eq!(parse_number("-1"), Some(-1));
        assert_eq!(parse_number("0x1f"), Some(31));
        assert_eq!(parse_number("1f"), None);
        assert_eq!(parse_duration("90s"), Some(90_000_000_000));
        assert_eq!(
            parse_duration("9223372036s"),
            Some(9_223_372_036_000_000_000)
        );
        assert_eq!(parse_duration("9223372037s"), None);
        assert_eq!(parse_duration("5 parsecs"), None);
    }
}
