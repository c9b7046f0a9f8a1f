//! Words of users in messages.

use yagura_event::escape;

/// Characters of user text that one message quotes.
const QUOTE_CHARS_MAX: usize = 80;

/// User text for a message: in quotes, escaped, cut at a bound.
pub fn quote(text: &str) -> String {
    match text.char_indices().nth(QUOTE_CHARS_MAX) {
        Some((end, _)) => {
            let head = text.get(..end).unwrap_or_default();
            format!("\"{}…\"", escape(head.as_bytes()))
        }
        None => format!("\"{}\"", escape(text.as_bytes())),
    }
}

/// The word of `known` that `word` was probably meant to be.
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let folded = fold(word)?;
    known
        .into_iter()
        .filter_map(|candidate| {
            let target = fold(candidate)?;
            let distance = edit_distance(&folded, &target);
            let bound = target.len().max(folded.len()).div_ceil(3);
            (distance <= bound).then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Letters and digits in lower case: `podName`, `pod_name` and `pod-name` are one word. `None` for anything too
/// long to be a slip: the distance below takes quadratic time.
fn fold(word: &str) -> Option<Vec<char>> {
    const WORD_BYTES_MAX: usize = 40;
    (word.len() <= WORD_BYTES_MAX).then(|| {
        word.chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect()
    })
}

/// Insertions, deletions and replacements that lead from `a` to `b` (Levenshtein).
fn edit_distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.iter().enumerate() {
        let mut diagonal = i;
        let mut before = i + 1;
        for (slot, right) in row.iter_mut().skip(1).zip(b) {
            let replaced = diagonal + usize::from(left != right);
            diagonal = *slot;
            before = replaced.min(*slot + 1).min(before + 1);
            *slot = before;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_word_forgives_slips_and_spelling_styles() {
        let known = ["namespace", "pod-name", "pod-label"];
        assert_eq!(nearest("namespce", known), Some("namespace"));
        assert_eq!(nearest("podName", known), Some("pod-name"));
        assert_eq!(nearest("image", known), None);
        assert_eq!(nearest(&"n".repeat(100), known), None);
    }

    #[test]
    fn edit_distance_counts_single_edits() {
        let d = |a: &str, b: &str| {
            edit_distance(
                &a.chars().collect::<Vec<_>>(),
                &b.chars().collect::<Vec<_>>(),
            )
        };
        assert_eq!(d("kitten", "sitting"), 3);
        assert_eq!(d("", "abc"), 3);
        assert_eq!(d("abc", ""), 3);
        assert_eq!(d("abc", "abc"), 0);
    }

    #[test]
    fn quoted_text_is_bounded_and_escaped() {
        assert_eq!(quote("a\u{1b}b"), "\"a\\x1bb\"");
        assert_eq!(quote(&"x".repeat(200)).chars().count(), QUOTE_CHARS_MAX + 3);
    }
}
