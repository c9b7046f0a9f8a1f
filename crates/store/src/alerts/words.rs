//! Splits texts into the words that alerts are found by, alike for both databases: their own parsers would take a path or
//! a host name for one word, and each would do it in its own way.

use crate::StoreError;
use crate::limits::{SEARCH_QUERY_WORDS_MAX, SEARCH_WORD_BYTES_MAX, SEARCH_WORDS_MAX};
use crate::text::check_count;
use std::collections::{BTreeSet, HashSet};

/// The different words of some texts with spaces between them, at most [`SEARCH_WORDS_MAX`], those of the first texts first.
pub(super) fn words_of<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let mut all = String::new();
    let mut ends = Vec::with_capacity(2 * SEARCH_WORDS_MAX);
    for text in texts {
        if text.is_ascii() {
            for run in text.split(|character: char| !character.is_ascii_alphanumeric()) {
                let kept = run.get(..SEARCH_WORD_BYTES_MAX).unwrap_or(run);
                if !kept.is_empty() {
                    all.extend(kept.chars().map(|character| character.to_ascii_lowercase()));
                    ends.push(all.len());
                }
            }
        } else {
            for word in split(text) {
                all.push_str(&word);
                ends.push(all.len());
            }
        }
    }
    let mut start = 0;
    let mut words = Vec::with_capacity(ends.len());
    for end in ends {
        words.extend(all.get(start..end));
        start = end;
    }
    if words.len() > SEARCH_WORDS_MAX {
        let mut seen = HashSet::new();
        words.retain(|word| seen.len() < SEARCH_WORDS_MAX && seen.insert(*word));
    }
    words.sort_unstable();
    words.dedup();
    words.join(" ")
}

/// The words of a search: each must be the beginning of a word of the alert.
pub(super) fn words_of_query(text: &str) -> Result<Vec<String>, StoreError> {
    let words: BTreeSet<String> = split(text)
        .take(SEARCH_QUERY_WORDS_MAX.saturating_add(1))
        .collect();
    check_count("words of a search", words.len(), SEARCH_QUERY_WORDS_MAX)?;
    Ok(words.into_iter().collect())
}

/// The search for PostgreSQL's `tsquery`. Words consist of letters and digits alone, so that quotes need no care.
pub(super) fn postgres_query(words: &[String]) -> String {
    let parts: Vec<String> = words.iter().map(|word| format!("'{word}':*")).collect();
    parts.join(" & ")
}

/// The search for SQLite's FTS5.
pub(super) fn sqlite_query(words: &[String]) -> String {
    let parts: Vec<String> = words.iter().map(|word| format!("\"{word}\"*")).collect();
    parts.join(" AND ")
}

fn split(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|character: char| !character.is_alphanumeric())
        .filter(|run| !run.is_empty())
        .flat_map(|run| {
            if run.chars().any(is_unspaced) {
                pairs(run)
            } else {
                vec![bounded(run)]
            }
        })
}

/// Scripts that put no spaces between words: kana and Han.
fn is_unspaced(character: char) -> bool {
    matches!(character, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

/// Every two neighbouring characters as a word, which finds any part of such a text.
fn pairs(run: &str) -> Vec<String> {
    let characters: Vec<char> = run.chars().collect();
    if characters.len() == 1 {
        return vec![run.to_owned()];
    }
    characters
        .windows(2)
        .map(|pair| bounded(&pair.iter().collect::<String>()))
        .collect()
}

fn bounded(word: &str) -> String {
    let mut kept = String::with_capacity(word.len().min(SEARCH_WORD_BYTES_MAX));
    for character in word.chars().flat_map(char::to_lowercase) {
        // Lower case of one letter may bring along a mark that is no letter.
        if !character.is_alphanumeric() {
            continue;
        }
        if kept.len().saturating_add(character.len_utf8()) > SEARCH_WORD_BYTES_MAX {
            break;
        }
        kept.push(character);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(text: &str) -> Vec<String> {
        let words = words_of(std::iter::once(text));
        words.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn paths_names_and_images_are_split() {
        assert_eq!(words("/usr/bin/Nc -e sh"), ["bin", "e", "nc", "sh", "usr"]);
        assert_eq!(
            words("registry.local:5000/web@sha256:ab"),
            ["5000", "ab", "local", "registry", "sha256", "web"]
        );
        assert_eq!(words("'; DROP"), ["drop"]);
        assert_eq!(words("不審なファイル").len(), 6);
    }

    #[test]
    fn long_words_and_many_words_are_bounded() {
        assert_eq!(
            words(&"x".repeat(1_000)),
            ["x".repeat(SEARCH_WORD_BYTES_MAX)]
        );
        let many: String = (0..1_000).map(|number| format!("w{number} ")).collect();
        assert_eq!(words(&many).len(), SEARCH_WORDS_MAX);
        assert!(words_of_query(&many).is_err());
    }

    #[test]
    fn the_words_of_the_first_texts_count() {
        let many: String = (0..1_000).map(|number| format!("w{number} ")).collect();
        let words = words_of(["zebra zebra", &many].into_iter());
        assert_eq!(words.split(' ').count(), SEARCH_WORDS_MAX);
        assert!(words.ends_with(" zebra"));
    }

    proptest! {
        #[test]
        fn ascii_is_split_as_other_texts_are(text in "[ -~]{0,180}") {
            // Too short for more words than are kept.
            let all: BTreeSet<String> = split(&text).collect();
            prop_assert_eq!(words(&text), all.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn words_need_no_quoting(text in any::<String>()) {
            for word in words(&text) {
                prop_assert!(!word.is_empty() && word.chars().all(char::is_alphanumeric));
                prop_assert!(word.len() <= SEARCH_WORD_BYTES_MAX);
            }
        }
    }
}
