//! Tells at once what cannot be a webshell: a script that executes nothing of its own choosing, or that neither takes
//! anything in nor hides anything.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group {
    Executes,
    Takes,
    Hides,
    /// Puts names together, if something calls them.
    Pieces,
    /// Executes a file, if it isn't one that is named plainly.
    Includes,
}

use Group::{Executes, Hides, Includes, Pieces, Takes};

const WORDS: &[(&str, Group)] = &[
    ("eval", Executes),
    ("assert", Executes),
    ("system", Executes),
    ("exec", Executes),
    ("passthru", Executes),
    ("popen", Executes),
    ("proc_open", Executes),
    ("create_function", Executes),
    ("call_user_func", Executes),
    ("forward_static_call", Executes),
    ("array_map", Executes),
    ("array_filter", Executes),
    ("array_walk", Executes),
    ("array_reduce", Executes),
    ("sort(", Executes),
    ("_ukey", Executes),
    ("array_u", Executes),
    ("_uassoc", Executes),
    ("register_", Executes),
    ("preg_replace", Executes),
    ("preg_filter", Executes),
    ("ereg", Executes),
    ("ob_start", Executes),
    ("set_error_handler", Executes),
    ("set_exception_handler", Executes),
    ("filter_var", Executes),
    ("iterator", Executes),
    ("reflection", Executes),
    ("fromcallable", Executes),
    ("move_uploaded_file", Executes),
    ("file_put_contents", Executes),
    ("fwrite", Executes),
    ("fputs", Executes),
    ("copy(", Executes),
    ("rename(", Executes),
    ("unserialize", Executes),
    ("ffi", Executes),
    ("com(", Executes),
    ("dl(", Executes),
    ("mail(", Executes),
    ("imap_open", Executes),
    ("putenv", Executes),
    ("`", Executes),
    ("include", Includes),
    ("require", Includes),
    ("_get", Takes),
    ("_post", Takes),
    ("_request", Takes),
    ("_cookie", Takes),
    ("_server", Takes),
    ("_files", Takes),
    ("_session", Takes),
    ("_env", Takes),
    ("globals", Takes),
    ("php://", Takes),
    ("http_", Takes),
    ("://", Takes),
    ("getallheaders", Takes),
    ("apache_", Takes),
    ("filter_input", Takes),
    ("get_defined", Takes),
    ("curl_exec", Takes),
    ("file_get_contents", Takes),
    ("fopen", Takes),
    ("sockopen", Takes),
    ("socket", Takes),
    ("getenv", Takes),
    ("import_request", Takes),
    ("/dev/tcp", Takes),
    ("sh -i", Takes),
    ("nc -e", Takes),
    ("/etc/", Takes),
    ("str_replace", Pieces),
    ("implode", Pieces),
    ("join(", Pieces),
    ("explode", Pieces),
    ("strtr", Pieces),
    ("substr", Pieces),
    ("sprintf", Pieces),
    ("str_split", Pieces),
    ("trim(", Pieces),
    ("base64", Hides),
    ("gzinflate", Hides),
    ("gzuncompress", Hides),
    ("gzdecode", Hides),
    ("zlib", Hides),
    ("rot13", Hides),
    ("strrev", Hides),
    ("hex2bin", Hides),
    ("uudecode", Hides),
    ("urldecode", Hides),
    ("chr(", Hides),
    ("pack(", Hides),
    ("\\x", Hides),
    ("\\1", Hides),
    ("goto ", Hides),
    ("${", Hides),
    ("$$", Hides),
    ("^", Hides),
    ("~", Hides),
    ("eval", Hides),
    ("create_function", Hides),
    ("__halt", Hides),
];

static FINDER: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build(WORDS.iter().map(|(word, _)| word))
        .ok()
});

/// Whether a script, its comments blanked, is worth reading closely.
pub(super) fn worth(plain: &[u8]) -> bool {
    let Some(finder) = FINDER.as_ref() else {
        return true;
    };
    let values = calls_values(plain);
    let (mut executes, mut takes, mut hides) = (values, false, false);
    for found in finder.find_overlapping_iter(plain) {
        match WORDS
            .get(found.pattern().as_usize())
            .map(|(_, group)| *group)
        {
            Some(Executes) => executes = true,
            Some(Takes) => takes = true,
            Some(Hides) => hides = true,
            Some(Pieces) => hides |= values,
            Some(Includes) => executes |= !is_plain_include(plain, found.end()),
            None => {}
        }
        if executes && (takes || hides) {
            return true;
        }
    }
    false
}

/// Whether what is included is named in plain words.
fn is_plain_include(plain: &[u8], from: usize) -> bool {
    let rest = plain.get(from..).unwrap_or_default();
    let end = memchr::memchr3(b';', b'>', b'\n', rest).unwrap_or(rest.len());
    let path = rest.get(..end).unwrap_or_default();
    let odd = path
        .iter()
        .any(|byte| matches!(byte, b'$' | b'\\' | b':' | b'~' | b'^'));
    let script = [&b".php"[..], b".inc", b".phtml", b".tpl", b".html"]
        .iter()
        .any(|ending| memchr::memmem::find(path, ending).is_some());
    // A word in a sentence is no inclusion.
    let quoted = memchr::memchr2(b'\'', b'"', path).is_some();
    !odd && (script || !quoted)
}

/// Whether something other than a name is called: `$f(…)`, `$f[1](…)`, `('…')(…)`.
fn calls_values(plain: &[u8]) -> bool {
    for at in memchr::memchr_iter(b'(', plain) {
        let before = plain.get(..at).unwrap_or_default().trim_ascii_end();
        match before.last() {
            Some(b']' | b'}' | b')' | b'"' | b'\'') => return true,
            Some(byte) if byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80 => {
                let word = before.iter().rev().take_while(|byte| {
                    byte.is_ascii_alphanumeric() || **byte == b'_' || **byte >= 0x80
                });
                let start = before.len() - word.count();
                if start.checked_sub(1).and_then(|at| before.get(at)) == Some(&b'$') {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::worth;

    #[test]
    fn ordinary_parts_are_passed_by() {
        for script in [
            "<?php class A { function b($c) { return strlen($c) + 1; } }",
            "<?php require __DIR__ . '/autoload.php'; echo 'hello';",
            "<?php return ['a' => 1, 'b' => $_SERVER['x']];",
            "<?php call_user_func($this->callback, 1);",
        ] {
            assert!(!worth(script.as_bytes()), "{script}");
        }
    }

    #[test]
    fn nothing_that_runs_input_is_passed_by() {
        for script in [
            "<?php $_GET[0]($_POST[1]);",
            "<?php $f = 'a'; $f ($_POST[1]);",
            "<?=`$_GET[1]`?>",
            "<?php include $_GET['x'];",
            "<?php (\"a\".\"b\")(\"\\x41\");",
            "<?php @include \"\\x2f\\x74mp/.x.ico\";",
            "<?php $_=~'abc'; $_($$x);",
        ] {
            assert!(worth(script.as_bytes()), "{script}");
        }
    }
}
