//! Hostile scripts end soon and break nothing.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use proptest::prelude::*;

use super::{fill, judge};
use crate::clock::Deadline;
use crate::limits::{FOLLOW_TIME_MAX, PARSE_TIME_MAX};
use crate::{Language, analyze};

/// Time for one hostile script, in a build for tests: every bound used up, twice over.
fn soon(what: &str, script: &[u8]) {
    let deadline = Deadline::after((PARSE_TIME_MAX + FOLLOW_TIME_MAX) * 2);
    let verdict = analyze(Language::Php, script);
    assert!(!deadline.is_over(), "{what}: {verdict:?}");
}

#[test]
fn deep_nesting_ends() {
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("f(", ")"),
        ("{", "}"),
        ("if(1){", "}"),
        ("$a[", "]"),
        ("\"$a{", "}\""),
        ("!", ""),
        ("function(){", "}"),
        ("$x=", ""),
        ("$", ""),
        ("a?b:(", ")"),
    ] {
        let body = format!("{}1{}", open.repeat(30_000), close.repeat(30_000));
        let script = fill(&format!("@g[1](@g[2]); $y = {body};"));
        soon(open, script.as_bytes());
    }
}

#[test]
fn endless_work_ends() {
    for template in [
        "while (1) { $a .= 'x'; } @e(@p[1]);",
        "a: goto a; @e(@p[1]);",
        "function f() { f(); f(); } f(); @e(@p[1]);",
        "function f($x) { return f($x . 'a') . f($x . 'b'); } @e(f('x') . @p[1]);",
        "$a = 'x'; for ($i = 0; $i < 100000; $i++) { $a = $a . $a; } @e(@p[1]);",
        "$a = array(); while (1) { $a = array($a, $a); } @e(@p[1]);",
        "$a = range(0, 99999); for (;;) { $b = $a; $b[] = 1; } @e(@p[1]);",
        "for ($i = 0; ; $i++) { $a['k' . $i] = $i; unset($a['k' . ($i - 5)]); } @e(@p[1]);",
        "$x = str_repeat('a', 999999999); $y = str_pad('a', 999999999); range(0, 1e12); array_fill(0, 1e9, 1); @e(@p[1]);",
        "$c = 'y = 1;'; for (;;) { $c = '@e(\"$' . addslashes($c) . '\");'; @e($c); }",
        "$s = '$z = 1;'; @e($s . '@e($s . $s);');",
        "if (@g[1]) { if (@g[2]) { while (@g[3]) { foreach (@g as $a) { while (@g[4]) { foreach (@p as $b) { @e($b); } } } } } }",
    ] {
        soon(template, fill(template).as_bytes());
    }
}

#[test]
fn long_scripts_end() {
    let line = "$x = @p['a'] . 'b'; if ($x) { f($x); } else { $y[] = $x; }\n";
    soon("many statements", fill(&line.repeat(20_000)).as_bytes());
    let one = format!("$x = 'a'{};@e(@p[1]);", ".'a'".repeat(300_000));
    soon("a long line", fill(&one).as_bytes());
    soon("tags", "<?".repeat(1_000_000).as_bytes());
    soon("tags with bytes", "<?\u{1}'".repeat(500_000).as_bytes());
    soon(
        "comments",
        format!("<?php {}", "//\n".repeat(1_000_000)).as_bytes(),
    );
    soon(
        "heredocs",
        format!("<?php {}", "<<<A\n".repeat(500_000)).as_bytes(),
    );
    soon(
        "variables",
        fill(&format!("{} @e(@p[1]);", "$$".repeat(500_000))).as_bytes(),
    );
}

#[test]
fn a_bomb_is_a_gap() {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    for _ in 0..64 {
        encoder.write_all(&[b' '; 1024 * 1024]).unwrap();
    }
    let bomb = STANDARD.encode(encoder.finish().unwrap());
    let verdict = judge(&format!("@e(gzinflate(@b('{bomb}'))); @e(@p[1]);"));
    assert!(verdict.score >= 60);
    assert!(!verdict.gaps.is_empty());
}

#[test]
fn what_cannot_be_read_is_a_gap_and_still_judged() {
    let script = fill(&format!("@e(@p[1]); {}", "\"$a{".repeat(60_000)));
    let verdict = analyze(Language::Php, script.as_bytes());
    assert!(verdict.score >= 60, "{verdict:?}");
}

/// Pieces that the syntax is made of.
const PIECES: &str = "<?php ¦?>¦$a¦$$a¦${¦}¦{¦(¦)¦[¦]¦'x'¦\"y$b\"¦\"¦'¦=¦.=¦.¦^¦~¦@¦`¦;¦,¦if¦else¦while¦for¦foreach¦as¦=>¦\
    ->¦::¦function ¦class ¦new ¦return ¦goto a;¦a:¦global $a;¦static $b=1;¦try{¦catch(E $e)¦include ¦\
    fn($x)=>¦@e¦@s¦@p¦@g¦@b¦chr(¦array_map¦extract¦<<<X\n¦\nX;\n¦/*¦*/¦//¦#¦1¦0x1f¦-1¦1e9¦?¦:¦&¦&&¦\
    list(¦match(¦switch(¦case 1:¦default:¦break;¦\u{e9}¦__halt_compiler();¦unset(¦isset(¦compact('a')¦\
    str_repeat('a',9999)¦range(0,9999)¦++¦...";

/// Pieces in any order.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(PIECES.split('¦').collect::<Vec<_>>());
    prop::collection::vec(piece, 0..80).prop_map(|pieces| fill(&pieces.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_bytes_are_borne(bytes: Vec<u8>) {
        let verdict = analyze(Language::Php, &bytes);
        prop_assert!(verdict.score <= 100);
        let code = [b"<?php $f($_GET[1]); ".as_slice(), &bytes].concat();
        let verdict = analyze(Language::Php, &code);
        prop_assert!(verdict.reasons.iter().all(|reason| reason.offset <= code.len()));
    }

    #[test]
    fn any_syntax_is_borne(script in pieces()) {
        let verdict = analyze(Language::Php, script.as_bytes());
        prop_assert!(verdict.score <= 100);
        for reason in &verdict.reasons {
            prop_assert!(reason.offset + reason.length <= script.len());
        }
    }
}
