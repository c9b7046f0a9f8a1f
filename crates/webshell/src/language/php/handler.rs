//! Settings of a folder (`.htaccess`, `.user.ini`) that make the server run other files as PHP.

use crate::evidence::Evidence;

/// Endings that ordinary settings hand to PHP.
const ORDINARY: [&[u8]; 12] = [
    b"php", b"phtml", b"php3", b"php4", b"php5", b"php7", b"php8", b"phps", b"inc", b"html",
    b"htm", b"module",
];

/// Looks at a file without PHP tags.
pub(super) fn look(content: &[u8], evidence: &mut Evidence) {
    let mut offset = 0;
    for line in content.split(|byte| *byte == b'\n').take(10_000) {
        look_at_line(line, offset, evidence);
        offset += line.len() + 1;
    }
}

fn look_at_line(line: &[u8], offset: usize, evidence: &mut Evidence) {
    let text = line.trim_ascii().to_ascii_lowercase();
    if text.len() > 4_096 || matches!(text.first(), None | Some(b'#' | b';')) {
        return;
    }
    let words: Vec<&[u8]> = text
        .split(|byte| byte.is_ascii_whitespace() || matches!(byte, b'=' | b'"' | b'\''))
        .filter(|word| !word.is_empty())
        .collect();
    let at = |name: &[u8]| words.iter().position(|word| *word == name);
    let include = at(b"auto_prepend_file").or_else(|| at(b"auto_append_file"));
    if let Some(path) = include.and_then(|include| words.get(include + 1)) {
        let weight = included_weight(path);
        if weight > 0 {
            evidence.add(
                weight,
                "every script of the folder runs another file first",
                offset,
                line.len(),
            );
            evidence.family(weight, "handler");
        }
    }
    let runs = words
        .iter()
        .any(|word| memchr::memmem::find(word, b"x-httpd-php").is_some());
    let adds = matches!(words.first(), Some(&(b"addtype" | b"addhandler")));
    if adds && runs {
        let odd = words
            .iter()
            .skip(2)
            .map(|word| word.strip_prefix(b".").unwrap_or(word))
            .any(|ending| !ORDINARY.contains(&ending));
        if odd {
            evidence.add(
                70,
                "files that are no scripts by their names run as PHP",
                offset,
                line.len(),
            );
            evidence.family(70, "handler");
        }
    }
    if matches!(words.first(), Some(&b"sethandler")) && runs {
        evidence.add(25, "a handler makes files run as PHP", offset, line.len());
        evidence.family(25, "handler");
    }
}

fn included_weight(path: &[u8]) -> u8 {
    let wrapped = [&b"php://"[..], b"data:", b"http://", b"https://", b"ftp://"];
    if wrapped.iter().any(|start| path.starts_with(start)) {
        return 88;
    }
    let ending = path.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
    match path {
        b"none" | b"off" | b"" => 0,
        _ if path.starts_with(b"/tmp/") || path.starts_with(b"/dev/shm/") => 75,
        _ if ORDINARY.contains(&ending) => 20,
        _ => 72,
    }
}

#[cfg(test)]
mod tests {
    use crate::{Language, analyze};

    fn score(settings: &str) -> u8 {
        analyze(Language::Php, settings.as_bytes()).score
    }

    #[test]
    fn settings_that_run_other_files_are_found() {
        let verdict = analyze(Language::Php, b"# x\nauto_prepend_file = shell.jpg\n");
        assert!(verdict.score >= 60);
        assert_eq!(verdict.family, "handler");
        assert_eq!(verdict.reasons[0].offset, 4);
        assert!(score("php_value auto_append_file \"php://input\"") >= 80);
        assert!(score("AddType application/x-httpd-php .jpg .htaccess") >= 60);
    }

    #[test]
    fn ordinary_settings_are_passed_by() {
        for settings in [
            "RewriteEngine On\nRewriteRule ^(.*)$ index.php [L]\n",
            "AddType application/x-httpd-php .php .phtml\n",
            "php_value auto_prepend_file /var/www/waf.php\n",
            "auto_prepend_file = none\n",
            "<FilesMatch \\.php$>\nSetHandler application/x-httpd-php\n</FilesMatch>\n",
        ] {
            assert!(score(settings) < 60, "{settings}");
        }
    }
}
