//! What a file is, by its name and its first bytes.

use crate::Language;

/// Endings that web servers hand to an interpreter.
const ENDINGS: [(&str, Language); 37] = [
    ("php", Language::Php),
    ("php3", Language::Php),
    ("php4", Language::Php),
    ("php5", Language::Php),
    ("php7", Language::Php),
    ("php8", Language::Php),
    ("phps", Language::Php),
    ("pht", Language::Php),
    ("phtm", Language::Php),
    ("phtml", Language::Php),
    ("phar", Language::Php),
    ("inc", Language::Php),
    ("module", Language::Php),
    ("jsp", Language::Jsp),
    ("jspx", Language::Jsp),
    ("jspf", Language::Jsp),
    ("jspa", Language::Jsp),
    ("jsw", Language::Jsp),
    ("jsv", Language::Jsp),
    ("jhtml", Language::Jsp),
    ("asp", Language::Asp),
    ("asa", Language::Asp),
    ("cer", Language::Asp),
    ("cdx", Language::Asp),
    ("aspx", Language::Aspx),
    ("ashx", Language::Aspx),
    ("asmx", Language::Aspx),
    ("ascx", Language::Aspx),
    ("asax", Language::Aspx),
    ("master", Language::Aspx),
    ("py", Language::Python),
    ("wsgi", Language::Python),
    ("pl", Language::Perl),
    ("pm", Language::Perl),
    ("js", Language::Node),
    ("cjs", Language::Node),
    ("mjs", Language::Node),
];

/// Bytes at the start that are searched for what tells a language.
const HEAD_BYTES: usize = 4096;

/// The language of a file, by its name (any path; the last component counts) and, where that says nothing or too
/// little, by its content. `None` for what is no script of a known language.
pub fn language_of(name: &[u8], content: &[u8]) -> Option<Language> {
    let head = content.get(..HEAD_BYTES).unwrap_or(content);
    let base = name.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    // `shell.php.jpg` runs as PHP under a common misconfiguration, so every ending counts, the last first.
    let by_name = base.rsplit(|&byte| byte == b'.').find_map(|ending| {
        let known = ENDINGS
            .iter()
            .find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(ending))?;
        Some(known.1)
    });
    if by_name.is_some() && base.contains(&b'.') {
        return by_name;
    }
    // Settings of a folder that can make anything in it run as PHP.
    if base == b".htaccess" || base == b".user.ini" {
        return Some(Language::Php);
    }
    by_first_line(head)
        .or_else(|| by_opening(head))
        .or_else(|| in_picture(content))
}

fn by_first_line(head: &[u8]) -> Option<Language> {
    let line = head
        .strip_prefix(b"#!")?
        .split(|&byte| byte == b'\n')
        .next()?;
    let has = |name: &[u8]| memchr::memmem::find(line, name).is_some();
    [
        (&b"php"[..], Language::Php),
        (b"python", Language::Python),
        (b"perl", Language::Perl),
        (b"node", Language::Node),
        (b"sh", Language::Shell),
    ]
    .into_iter()
    .find_map(|(name, language)| has(name).then_some(language))
}

fn by_opening(head: &[u8]) -> Option<Language> {
    let lower = head.to_ascii_lowercase();
    let has = |text: &[u8]| memchr::memmem::find(&lower, text).is_some();
    if has(b"<?php") || has(b"<?=") || has(b"<script language=\"php\"") {
        return Some(Language::Php);
    }
    if has(b"<jsp:") || (has(b"<%@") && (has(b"java") || has(b"taglib"))) {
        return Some(Language::Jsp);
    }
    if has(b"<%@") && (has(b"c#") || has(b"webhandler") || has(b"inherits")) {
        return Some(Language::Aspx);
    }
    (has(b"<%") && (has(b"vbscript") || has(b"server.createobject") || has(b"response.write")))
        .then_some(Language::Asp)
}

/// PHP at any place in a picture: an upload that shows and runs.
fn in_picture(content: &[u8]) -> Option<Language> {
    const PICTURES: [&[u8]; 5] = [b"GIF8", b"\x89PNG", b"\xff\xd8\xff", b"BM", b"RIFF"];
    let picture = PICTURES.iter().any(|magic| content.starts_with(magic));
    (picture && memchr::memmem::find(content, b"<?php").is_some()).then_some(Language::Php)
}

#[cfg(test)]
mod tests {
    use super::language_of;
    use crate::Language;

    #[test]
    fn names_and_contents_tell_php() {
        let php = Some(Language::Php);
        for name in [
            "a.php",
            "A.PHTML",
            "x/shell.php.jpg",
            "/srv/.htaccess",
            ".user.ini",
        ] {
            assert_eq!(language_of(name.as_bytes(), b""), php, "{name}");
        }
        assert_eq!(language_of(b"page", b"<?php a();"), php);
        assert_eq!(language_of(b"run", b"#!/usr/bin/env php\n"), php);
        let picture = [b"GIF89a".as_slice(), &[0; 8192], b"<?php a();"].concat();
        assert_eq!(language_of(b"a.gif", &picture), php);
        assert_eq!(language_of(b"a.gif", b"GIF89a"), None);
        assert_eq!(language_of(b"notes.txt", b"plain words"), None);
    }
}
