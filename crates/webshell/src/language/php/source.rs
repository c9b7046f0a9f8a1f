//! Makes a script's spelling plain before it is parsed, byte for byte in place so that offsets stay.
//!
//! Comments become spaces, old forms of tags and of string offsets become those that the grammar knows.

/// The opening tags that the grammar doesn't know, and what they become.
static OLD_TAGS: [&[u8]; 4] = [
    b"<script language=\"php\">",
    b"<script language='php'>",
    b"<script language=php>",
    b"<%",
];

/// Times that code is read again after what looked like a tag. Stops pictures made of tags.
const REREADS_MAX: usize = 64;

/// The script with its spelling made plain; as long as the script.
pub(super) fn plain(script: &[u8]) -> Vec<u8> {
    let mut plain = Plain {
        out: script.to_vec(),
        at: 0,
        asp: false,
        // Templates for browsers write `<%` beside PHP's own tags.
        tags: match memchr::memmem::find(script, b"<?") {
            Some(_) => OLD_TAGS.get(..3).unwrap_or_default(),
            None => &OLD_TAGS,
        },
        offsets: Vec::new(),
        depth: 0,
    };
    plain.run();
    plain.out
}

struct Plain {
    out: Vec<u8>,
    at: usize,
    /// Whether the code began with `<%` and so ends with `%>`.
    asp: bool,
    tags: &'static [&'static [u8]],
    /// Depths of braces at which an old string offset, `$s{3}`, was opened.
    offsets: Vec<usize>,
    depth: usize,
}

impl Plain {
    fn run(&mut self) {
        let mut rereads = REREADS_MAX;
        while self.find_code() {
            let start = self.at;
            if self.code() {
                continue;
            }
            // No PHP has such bytes: what looked like a tag was something else.
            self.blank(start.saturating_sub(5), start);
            rereads -= 1;
            if rereads == 0 {
                let end = self.out.len();
                self.blank(start, end);
                return;
            }
            self.at = start;
            self.offsets.clear();
            self.depth = 0;
        }
    }

    fn rest(&self) -> &[u8] {
        self.out.get(self.at..).unwrap_or_default()
    }

    fn starts(&self, text: &[u8]) -> bool {
        self.rest()
            .get(..text.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(text))
    }

    fn blank(&mut self, from: usize, to: usize) {
        for byte in self.out.get_mut(from..to).unwrap_or_default() {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
    }

    fn write(&mut self, at: usize, text: &[u8]) {
        if let Some(place) = self.out.get_mut(at..at + text.len()) {
            place.copy_from_slice(text);
        }
    }

    /// Goes behind the next opening tag; `false` at the end.
    fn find_code(&mut self) -> bool {
        while let Some(found) = memchr::memchr(b'<', self.rest()) {
            self.at += found;
            if self.starts(b"<?") {
                self.at += if self.starts(b"<?php") { 5 } else { 2 };
                self.asp = false;
                return true;
            }
            if let Some(tag) = self.tags.iter().find(|tag| self.starts(tag)) {
                self.asp = tag.len() == 2;
                self.blank(self.at, self.at + tag.len());
                self.write(self.at, if self.asp { b"<?" } else { b"<?php" });
                self.at += tag.len();
                return true;
            }
            self.at += 1;
        }
        false
    }

    /// Goes to the end of the code; `false` where it can't be code.
    fn code(&mut self) -> bool {
        while let [first, second, ..] = *self.rest() {
            match (first, second) {
                (b'?', b'>') => {
                    self.at += 2;
                    return true;
                }
                (0..=8 | 14..=31, _) => return false,
                (b'%', b'>') if self.asp => {
                    self.write(self.at, b"?>");
                    self.at += 2;
                    return true;
                }
                (b'<', b'/') if self.starts(b"</script>") => {
                    self.blank(self.at, self.at + 9);
                    self.write(self.at, b"?>");
                    self.at += 9;
                    return true;
                }
                (b'#', b'[') => self.at += 2,
                (b'#', _) | (b'/', b'/') => self.line_comment(),
                (b'/', b'*') => self.block_comment(),
                (b'\'' | b'"' | b'`', _) => self.quoted(first),
                (b'<', b'<') if self.starts(b"<<<") => self.heredoc(),
                (b'{' | b'}', _) => self.brace(first),
                (b'_', b'_') if self.starts(b"__halt_compiler") => {
                    self.at = self.out.len();
                }
                _ => self.at += 1,
            }
        }
        self.at = self.out.len();
        true
    }

    fn line_comment(&mut self) {
        let rest = self.rest();
        let line = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let text = rest.get(..line).unwrap_or_default();
        let end = self.at + memchr::memmem::find(text, b"?>").unwrap_or(line);
        self.blank(self.at, end);
        self.at = end;
    }

    fn block_comment(&mut self) {
        let end = memchr::memmem::find(self.rest(), b"*/").map(|found| self.at + found + 2);
        let end = end.unwrap_or(self.out.len());
        self.blank(self.at, end);
        self.at = end;
    }

    fn quoted(&mut self, quote: u8) {
        self.at += 1;
        while let Some(found) = memchr::memchr2(quote, b'\\', self.rest()) {
            self.at += found;
            if self.rest().first() == Some(&quote) {
                self.at += 1;
                return;
            }
            self.at += 2;
        }
        self.at = self.out.len();
    }

    fn heredoc(&mut self) {
        let rest = self.rest();
        let line = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let head = rest.get(3..line).unwrap_or_default();
        let name: Vec<u8> = head
            .iter()
            .copied()
            .filter(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
            .collect();
        self.at += line;
        if name.is_empty() {
            return;
        }
        while let Some(found) = memchr::memchr(b'\n', self.rest()) {
            self.at += found + 1;
            let indent = self
                .rest()
                .iter()
                .take_while(|byte| matches!(byte, b' ' | b'\t'));
            let indent = indent.count();
            let line = self.rest().get(indent..).unwrap_or_default();
            let after = line.get(name.len()).copied().unwrap_or(b';');
            if line.starts_with(&name) && !after.is_ascii_alphanumeric() && after != b'_' {
                self.at += indent + name.len();
                return;
            }
        }
        self.at = self.out.len();
    }

    /// `$s{3}` is `$s[3]`: no other brace follows a variable's name at once.
    fn brace(&mut self, brace: u8) {
        if brace == b'{' {
            if self.is_offset() {
                self.write(self.at, b"[");
                self.offsets.push(self.depth);
            }
            self.depth += 1;
        } else {
            self.depth = self.depth.saturating_sub(1);
            if self.offsets.last() == Some(&self.depth) {
                self.offsets.pop();
                self.write(self.at, b"]");
            }
        }
        self.at += 1;
    }

    fn is_offset(&self) -> bool {
        let before = self.out.get(..self.at).unwrap_or_default();
        if before.last() == Some(&b']') {
            return true;
        }
        let word =
            before.iter().rev().take(128).take_while(|byte| {
                byte.is_ascii_alphanumeric() || **byte == b'_' || **byte >= 0x80
            });
        let word = word.count();
        word > 0
            && before
                .get(before.len() - word - 1..)
                .is_some_and(|tail| tail.first() == Some(&b'$'))
    }
}

#[cfg(test)]
mod tests {
    use super::plain;

    fn check(script: &str, expected: &str) {
        let made = plain(script.as_bytes());
        assert_eq!(String::from_utf8(made).unwrap(), expected);
    }

    #[test]
    fn comments_become_spaces() {
        check(
            "<?php a/*b*/(1); // c\n#d ?>e//f",
            "<?php a     (1);     \n   ?>e//f",
        );
        check(
            "<?php '/*' . \"//\" . '\\'#';",
            "<?php '/*' . \"//\" . '\\'#';",
        );
        check("<?php <<<X\n//a\nX;//b", "<?php <<<X\n//a\nX;   ");
        check("<?php a(); /* open", "<?php a();        ");
        check("<?php #[A] f();", "<?php #[A] f();");
    }

    #[test]
    fn old_forms_become_new_ones() {
        check("<% a() %>b", "<? a() ?>b");
        check(
            "<script language=\"PHP\">a();</script>b",
            "<?php                  a();?>       b",
        );
        check(
            "<?php $s{3}.$s[1]{$t{0}};if($a){b();}",
            "<?php $s[3].$s[1][$t[0]];if($a){b();}",
        );
    }

    #[test]
    fn no_text_is_too_odd() {
        for script in [
            "<?php <<<",
            "<?php '",
            "<?php }}}{{",
            "<?php $s{",
            "<",
            "<?",
            "",
        ] {
            assert_eq!(plain(script.as_bytes()).len(), script.len());
        }
    }
}
