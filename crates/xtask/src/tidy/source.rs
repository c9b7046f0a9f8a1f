//! Rust source as the checks want to see it: code without comments, strings and tests.

/// The same text with comments and the content of strings replaced by spaces; lines stay where they were.
pub(super) fn code(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (skipped, blank) = match blank_length(rest, out.chars().next_back()) {
            Some(length) => (length, true),
            None => (first.len_utf8(), false),
        };
        let (piece, after) = rest.split_at(skipped);
        if blank {
            out.extend(
                piece
                    .chars()
                    .map(|letter| if letter == '\n' { '\n' } else { ' ' }),
            );
        } else {
            out.push_str(piece);
        }
        rest = after;
    }
    out
}

/// How many bytes at the beginning of `rest` are a comment, string or character, if it begins with one.
fn blank_length(rest: &str, before: Option<char>) -> Option<usize> {
    let in_word = before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(block_comment_length(rest));
    }
    if rest.starts_with('"') {
        return Some(string_length(rest));
    }
    if !in_word {
        let raw = rest.trim_start_matches(['b', 'c']);
        let prefix = rest.len() - raw.len();
        if prefix <= 1 && raw.starts_with('r') {
            return raw_string_length(raw).map(|length| prefix + length);
        }
    }
    if rest.starts_with('\'') {
        return character_length(rest);
    }
    None
}

fn block_comment_length(rest: &str) -> usize {
    let mut depth = 0usize;
    let mut at = 0;
    while let Some(tail) = rest.get(at..).filter(|tail| !tail.is_empty()) {
        if tail.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if tail.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += tail.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

fn string_length(rest: &str) -> usize {
    let mut escaped = false;
    for (index, letter) in rest.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return index + 1,
            _ => {}
        }
    }
    rest.len()
}

fn raw_string_length(raw: &str) -> Option<usize> {
    let hashes = raw.chars().skip(1).take_while(|&c| c == '#').count();
    let body = raw.get(1 + hashes..)?.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let inside = body.find(&end).unwrap_or(body.len());
    Some((2 + hashes + inside + end.len()).min(raw.len()))
}

/// The length of a character literal; `None` for a lifetime.
fn character_length(rest: &str) -> Option<usize> {
    let mut letters = rest.char_indices().skip(1);
    let (_, first) = letters.next()?;
    if first == '\\' {
        letters.next();
        return rest
            .get(3..)?
            .find('\'')
            .map(|index| index + 4)
            .filter(|&length| length <= 14);
    }
    let (index, second) = letters.next()?;
    (second == '\'').then_some(index + 1)
}

/// Whether a whole file is test code.
pub(super) fn is_test_file(path: &str) -> bool {
    path.split('/')
        .any(|part| matches!(part, "tests" | "benches" | "tests.rs"))
}

/// Code with its `#[cfg(test)]` modules blanked too.
pub(super) fn product_code(text: &str) -> String {
    let mut code = code(text);
    let mut from = 0;
    while let Some(found) = code.get(from..).and_then(|tail| tail.find("#[cfg(test)]")) {
        let start = from + found;
        let end = item_end(&code, start);
        let blank: String = code
            .get(start..end)
            .unwrap_or_default()
            .chars()
            .map(|letter| if letter == '\n' { '\n' } else { ' ' })
            .collect();
        from = start + blank.len();
        code.replace_range(start..end, &blank);
    }
    code
}

/// The end of the item that begins at `start`: its closing brace, or its semicolon where it has no body.
fn item_end(code: &str, start: usize) -> usize {
    let mut depth = 0usize;
    for (index, letter) in code.get(start..).unwrap_or_default().char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return start + index + 1;
                }
            }
            ';' if depth == 0 => return start + index + 1,
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_vanish_and_lines_stay() {
        let text = "a /* b /* c */ d */ e // f\n\"g\\\"h\" i r#\"j\"k\"# l br\"m\" n b\"o\" p";
        let code = code(text);
        assert_eq!(code.lines().count(), 2);
        let words: Vec<_> = code.split_whitespace().collect();
        // Only a raw prefix belongs to its string; the letter of a byte string stays, which harms nothing.
        assert_eq!(words, ["a", "e", "i", "l", "n", "b", "p"]);
    }

    #[test]
    fn characters_vanish_and_lifetimes_stay() {
        let code = code(r#"'a' '\'' '"' '\u{1F600}' &'static str <'x> bar"#);
        let words: Vec<_> = code.split_whitespace().collect();
        assert_eq!(words, ["&'static", "str", "<'x>", "bar"]);
    }

    #[test]
    fn an_unfinished_literal_ends_with_the_file() {
        for text in ["\"a", "/* a", "r#\"a", "'", "'\\", "b"] {
            assert_eq!(code(text).chars().count(), text.chars().count(), "{text}");
        }
    }

    #[test]
    fn test_modules_vanish() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests { fn b() { if c {} } }\nfn d() {}\n\
                    #[cfg(test)]\nmod more;\nfn e() {}";
        let code = product_code(text);
        assert!(code.contains("fn a") && code.contains("fn d") && code.contains("fn e"));
        assert!(!code.contains("fn b") && !code.contains("more"), "{code}");
    }
}
