use super::command::{Place, in_code, in_command};
use super::value::{Piece, Taint, Value};
use crate::decode::Budget;
use crate::{Language, Verdict, analyze};

/// Fills in what samples leave out, so that none of them stands ready here.
pub(crate) fn filled(sample: &str) -> String {
    let run = [
        ("‹system›", ["os.sys", "tem"]),
        ("‹popen›", ["os.po", "pen"]),
        ("‹subprocess›", ["sub", "process"]),
        ("‹exec›", ["ex", "ec"]),
        ("‹eval›", ["ev", "al"]),
        ("‹execsync›", ["exec", "Sync"]),
        ("‹child›", ["child_", "process"]),
        ("‹perlsystem›", ["sys", "tem"]),
        ("‹tick›", ["", "`"]),
        ("‹query›", ["QUERY_", "STRING"]),
    ];
    run.iter().fold(sample.to_owned(), |sample, (gap, parts)| {
        sample.replace(gap, &parts.concat())
    })
}

/// Looks at a filled sample.
pub(crate) fn judged(language: Language, sample: &str) -> Verdict {
    analyze(language, filled(sample).as_bytes())
}

/// Asserts that every sample is a finding.
pub(crate) fn assert_found(language: Language, samples: &[&str]) {
    for sample in samples {
        let verdict = judged(language, sample);
        assert!(
            verdict.score >= crate::FINDING_SCORE,
            "{sample}\n{verdict:?}"
        );
        assert!(!verdict.family.is_empty(), "{sample}");
    }
}

/// Asserts that no sample is a finding.
pub(crate) fn assert_silent(language: Language, samples: &[&str]) {
    for sample in samples {
        let verdict = judged(language, sample);
        assert!(
            verdict.score < crate::FINDING_SCORE,
            "{sample}\n{verdict:?}"
        );
    }
}

/// Digits that base64 is written with.
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64 of a text.
pub(crate) fn base64(text: &str) -> String {
    let mut coded = String::new();
    for three in text.as_bytes().chunks(3) {
        let bits = three
            .iter()
            .chain(&[0, 0])
            .take(3)
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        for place in 0..4 {
            coded.push(match place <= three.len() {
                true => char::from(DIGITS[(bits >> (18 - 6 * place) & 63) as usize]),
                false => '=',
            });
        }
    }
    coded
}

/// Hexadecimal digits of a text.
pub(crate) fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// The codes of a text's characters, with something done to each.
pub(crate) fn codes(text: &str, change: impl Fn(u8) -> u8) -> String {
    let codes: Vec<String> = text.bytes().map(|byte| change(byte).to_string()).collect();
    codes.join(",")
}

fn pieces(parts: &[&str]) -> Vec<Piece> {
    parts
        .iter()
        .map(|part| match *part {
            "?" => Piece::Tainted(Taint::WEB),
            "…" => Piece::Unknown,
            text => Piece::Plain(text.as_bytes().into()),
        })
        .collect()
}

#[test]
fn a_command_is_told_from_an_argument() {
    let command = [
        &["?"][..],
        &["?", " 2>&1"],
        &["cd \"", "?", "\" && ", "?"],
        &["cd /tmp; ", "?"],
        &["sh -c '", "?", "'"],
        &["/bin/bash -c \"", "?"],
        &["cmd.exe /c ", "?"],
        &["timeout 5 sudo ", "?"],
        &["ls | ", "?"],
        &["echo $(", "?", ")"],
        &["A=1 ", "?"],
        &["true\n", "?"],
    ];
    for parts in command {
        assert_eq!(in_command(&pieces(parts)), Place::Command, "{parts:?}");
    }
    let argument = [
        &["ping -c 1 ", "?"][..],
        &["grep '", "?", "' file"],
        &["/usr/bin/", "?"],
        &["echo 2>&1 ", "?"],
        &["…", " ", "?"],
        &["name=", "?"],
        &["python tool.py ", "?"],
    ];
    for parts in argument {
        assert_eq!(in_command(&pieces(parts)), Place::Argument, "{parts:?}");
    }
    assert_eq!(in_command(&pieces(&["ls"])), Place::Absent);
}

#[test]
fn code_is_told_from_a_text_in_it() {
    for parts in [
        &["?"][..],
        &["return (", "?", ")"],
        &["import os; ", "?"],
        &["x = ", "?"],
    ] {
        assert_eq!(in_code(&pieces(parts)), Place::Command, "{parts:?}");
    }
    for parts in [&["module.", "?"][..], &["f('", "?", "')"]] {
        assert_eq!(in_code(&pieces(parts)), Place::Argument, "{parts:?}");
    }
}

#[test]
fn of_two_values_the_one_from_outside_stays() {
    let known = Value::text(b"id");
    let either = known.clone().or(Value::request());
    assert!(either.taint.web() && either.bytes().is_none());
    let either = Value::request().or(known);
    assert!(either.taint.web() && either.bytes().is_none());
}

#[test]
fn the_tests_own_encoders_are_right() {
    let mut budget = Budget::default();
    for text in ["", "a", "ab", "abc", "any carnal pleasure"] {
        let coded = base64(text);
        let plain = crate::decode::base64(coded.as_bytes(), &mut budget).unwrap_or_default();
        assert_eq!(plain, text.as_bytes());
    }
    assert_eq!(hex("Az"), "417a");
}

/// A pattern over and over.
fn repeated(pattern: &str, length: usize) -> Vec<u8> {
    pattern
        .as_bytes()
        .iter()
        .copied()
        .cycle()
        .take(length)
        .collect()
}

#[test]
fn nesting_and_length_are_bounded() {
    let heads = [
        (
            Language::Python,
            "import os\nfrom flask import request\nexec(request.data",
        ),
        (Language::Node, "require('child_process').exec(req.body"),
        (Language::Perl, "system($ENV{QUERY_STRING}"),
        (Language::Shell, "#!/bin/sh\neval $QUERY_STRING\n"),
    ];
    let patterns = [
        "(",
        "[",
        "{",
        "((",
        "a(",
        "a[",
        "a.b(",
        "-",
        "not ",
        "!",
        "+a",
        "a.",
        "a+",
        "\"",
        "'",
        "`",
        "$(",
        "${",
        "$a->[0]",
        "->[0]",
        "if (a) {",
        "if(a){}else ",
        "elsif(a){}",
        "x=>",
        "lambda:",
        "a?b:",
        "a&&",
        "a and ",
        "\n if a:\n",
        "a=b=",
        "<<A;",
        "@{[",
        "f(function(){",
        "q{",
        "s/a/",
        "\u{0}",
        "\u{ff}",
    ];
    for (language, head) in heads {
        for pattern in patterns {
            let mut script = head.as_bytes().to_vec();
            script.extend(repeated(pattern, 6_000));
            analyze(language, &script);
        }
    }
}

#[test]
fn megabytes_on_a_line_are_bounded() {
    let input = "request.args QUERY_STRING .query exec( child_process $ eval ";
    for language in [
        Language::Python,
        Language::Node,
        Language::Perl,
        Language::Shell,
    ] {
        for pattern in ["a+", "('a')"] {
            let mut script = input.as_bytes().to_vec();
            script.extend(repeated(pattern, 1_200_000));
            analyze(language, &script);
        }
    }
}

#[test]
fn loops_and_calls_are_bounded() {
    let python = "from flask import request\nimport os\ndef f(n):\n  for a in range(9999):\n    for b in range(9999):\n      \
        f(a); g(b)\ndef g(n):\n  f(n); f(n); f(n)\nf(1)\nos.system(request.data)\n";
    let verdict = analyze(Language::Python, python.as_bytes());
    assert!(verdict.score < 100);
    let doubles: String = (0..64).map(|_| "s = s + s\n").collect();
    let python = format!(
        "import os\nfrom flask import request\ns = 'x' * 1000000\n{doubles}exec(s)\nrequest.data\n"
    );
    analyze(Language::Python, python.as_bytes());
}

mod any {
    use proptest::prelude::*;

    use crate::{Language, analyze};

    const LANGUAGES: [Language; 4] = [
        Language::Python,
        Language::Node,
        Language::Perl,
        Language::Shell,
    ];

    /// Bits of scripts that together pass the first look and reach every part of the walk.
    const BITS: [&str; 44] = [
        "request.args['c']",
        "os.system(",
        "exec(",
        "eval(",
        "base64.b64decode('",
        "req.query.c",
        "require('",
        ");",
        "child_process",
        ".exec(",
        "$ENV{QUERY_STRING}",
        "`",
        "system(",
        "open(F, \"",
        "|\")",
        "<<EOF\n",
        "EOF\n",
        "$QUERY_STRING",
        "$(",
        ")",
        "bash -c \"",
        "\"",
        "'",
        "\n",
        "    ",
        "def f(a):\n",
        "function(a){",
        "}",
        "sub f {",
        "my ($a) = @_;",
        "=~ s/a/b/e;",
        "if [ \"$x\" = a ]; then\n",
        "fi\n",
        "for x in ",
        "[::-1]",
        "'%s' % ",
        "f'{x}'",
        "${a:1:2}",
        "pack('H*', ",
        "map { chr } (",
        "case $x in\n",
        "esac\n",
        "while read x; do\n",
        "done\n",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn bytes_never_panic(content in proptest::collection::vec(any::<u8>(), 0..512)) {
            for language in LANGUAGES {
                analyze(language, &content);
            }
        }

        #[test]
        fn bits_of_scripts_never_panic(bits in proptest::collection::vec(0..BITS.len(), 0..48)) {
            let script: String = bits.into_iter().map(|at| BITS[at]).collect();
            for language in LANGUAGES {
                let verdict = analyze(language, script.as_bytes());
                prop_assert!(verdict.reasons.iter().all(|reason| reason.offset <= script.len()));
            }
        }
    }
}
