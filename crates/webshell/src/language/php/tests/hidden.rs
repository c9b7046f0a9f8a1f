//! What hides is undone.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::DeflateEncoder;

use super::{fill, found, judge, silent};

fn packed(text: &str) -> String {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text.as_bytes()).unwrap();
    STANDARD.encode(encoder.finish().unwrap())
}

#[test]
fn names_put_together_are_read() {
    let names = [
        "'sys' . 'tem'",
        "chr(115).chr(121).chr(115).chr(116).chr(101).chr(109)",
        "\"\\x73ys\\164em\"",
        "strrev('metsys')",
        "str_rot13('flfgrz')",
        "@b('c3lzdGVt')",
        "hex2bin('73797374656d')",
        "pack('H*', '73797374656d')",
        "urldecode('%73%79stem')",
        "str_replace('zz', '', 'syzzstzzem')",
        "implode('', array('s', 'y', 's', 't', 'e', 'm'))",
        "substr('xsystemx', 1, 6)",
        "sprintf('%s%s', 'sys', 'tem')",
        "('CICDUM' ^ '0000' . '00')",
        "strtr('0y0tem', '0', 's')",
        "preg_replace('/[0-9]/', '', 's1y2s3tem')",
        "array('x' => 'sys')['x'] . 'tem'",
        "$q[3] . 'ystem'",
        "$q{3} . 'ystem'",
        "ucfirst('system')",
        "n()",
    ];
    for name in names {
        let template = format!(
            "$q = 'abcs'; function n() {{ return 'sys' . 'tem'; }} $f = {name}; $f(@p['x']);"
        );
        let verdict = judge(&template);
        let xor = name.contains('^');
        assert!(verdict.score >= 60 || xor, "{name}: {verdict:#?}");
    }
}

#[test]
fn names_of_the_request_put_together_are_read() {
    found(&[
        "$v = '_PO' . 'ST'; @e(${$v}['x']);",
        "$v = strrev('TSOP_'); $a = $$v; @s($a['x']);",
        "${'_' . 'GET'}['a'](${'_' . 'GET'}['b']);",
        "$GLOBALS['_PO' . 'ST']['f'](@p['x']);",
        "$a = '~+d()' ^ '!{+{}'; $b = ${$a}['a']; @e('' . $b);",
    ]);
}

#[test]
fn strings_are_built_by_running_what_builds_them() {
    found(&[
        "foreach (array('s', 'y', 's', 't', 'e', 'm') as $c) $f .= $c; $f(@g['a']);",
        "$x = 'a'; for ($i = 0; $i < 18; $i++) $x++; $f = $x . 'ystem'; $f(@g[1]);",
        "$a = explode('|', 'sys|tem'); $f = implode('', $a); $f(@g['a']);",
        "$f = 'sys'; $f .= 'tem'; $f(@g[1]);",
        "goto b; a: $f(@g[1]); goto c; b: $f = 'sys' . 'tem'; goto a; c:",
        "function q($v, $k) { $x = $k . $v; $x(@p['x']); } $a = array('sys' => 'tem'); array_walk($a, 'q');",
        "$f = strtolower(SYSTEM); $f(@p[0]);",
        "$n = ETOD2LB04EHZ ^ \"5&*#m>'@X$+?\"; $n('/x/e', @p['a'], 'x');",
        "$_ = ''; $_ .= 's'; $_ .= 'ystem'; $_(@p[0]);",
    ]);
}

#[test]
fn encoded_code_is_read() {
    let code = fill("@e(@p['a']);").replace("<?php ", "");
    let base = STANDARD.encode(&code);
    let hex: String = code.bytes().map(|byte| format!("{byte:02x}")).collect();
    let numbers: Vec<String> = code.bytes().map(|byte| byte.to_string()).collect();
    let xored: Vec<u8> = code
        .bytes()
        .zip(b"key".iter().cycle())
        .map(|(a, b)| a ^ b)
        .collect();
    let halves = base.split_at(9);
    for template in [
        format!("@e(@b('{base}'));"),
        format!("@e(gzinflate(@b('{}')));", packed(&code)),
        format!("$x = '{base}'; $d = 'base' . '64_decode'; @e($d($x));"),
        format!("preg_replace('/.*/e', \"@e(@b('{base}'))\", '.');"),
        format!("$f = create_function('', @b('{base}')); $f();"),
        format!(
            "$s = '{hex}'; $o = ''; for ($i = 0; $i < strlen($s); $i += 2) $o .= chr(hexdec(substr($s, $i, 2))); @e($o);"
        ),
        format!(
            "@e(implode('', array_map('chr', array({}))));",
            numbers.join(",")
        ),
        format!(
            "$d = @b('{}'); $k = 'key'; for ($i = 0; $i < strlen($d); $i++) $o .= $d[$i] ^ $k[$i % 3]; @e($o);",
            STANDARD.encode(xored)
        ),
        format!("@e(@b(join(array('{}', '{}'))));", halves.0, halves.1),
        format!(
            "include 'data://text/plain;base64,{}';",
            STANDARD.encode(fill("@e(@p['a']);"))
        ),
        format!(
            "file_put_contents('x.php', @b('{}'));",
            STANDARD.encode(fill("@e(@p['a']);"))
        ),
    ] {
        found(&[&template]);
    }
}

#[test]
fn many_layers_are_undone() {
    let mut code = fill("@s(@g['c']);").replace("<?php ", "");
    for _ in 0..15 {
        code = fill(&format!("@e(gzinflate(@b('{}')));", packed(&code))).replace("<?php ", "");
    }
    let verdict = judge(&code);
    assert_eq!(verdict.family, "command execution", "{verdict:#?}");
}

#[test]
fn data_behind_the_end_of_the_code_is_read() {
    let code = fill("@e(@p['a']);").replace("<?php ", "");
    let template = format!(
        "$h = fopen(__FILE__, 'r'); fseek($h, __COMPILER_HALT_OFFSET__); @e(@b(stream_get_contents($h))); __halt_compiler();{}",
        STANDARD.encode(code)
    );
    found(&[&template]);
}

#[test]
fn encrypted_shells_are_found() {
    found(&[
        "$post = openssl_decrypt(file_get_contents('php://input'), 'AES128', $key); $a = explode('|', $post); class C { function __invoke($p) { @e($p . ''); } } call_user_func(new C(), $a[1]);",
        "function enc($D, $K) { for ($i = 0; $i < strlen($D); $i++) { $D[$i] = $D[$i] ^ $K[$i + 1 & 15]; } return $D; } $data = enc(@b(@p['pass']), $key); if (isset($_SESSION['p'])) { $p = enc($_SESSION['p'], $key); @e($p); }",
    ]);
}

#[test]
fn code_without_words_is_found() {
    found(&[
        "$_=[];$__=('#'^'|').('.'^'~').('/'^'`').('|'^'/').('{'^'/');@${$__}[!$_](${$__}[$_]);$_++;$__++;$___=$_.$__;",
    ]);
    silent(&[
        "return ['(' => true, ')' => true, '{' => true, '^' => 1, '~' => 2, '$' => 3, '%' => 4, '&' => 5, '*' => 6, '+' => 7];",
    ]);
}

#[test]
fn ordinary_decoding_is_passed_by() {
    silent(&[
        "$logo = @b('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7'); echo $logo;",
        "$data = gzinflate(@b($row['data'])); return unserialize($data);",
        "$f = 'image' . 'jpeg'; $f($im, null, 90);",
        "@e('?>' . $template);",
        "$code = @b('cmV0dXJuIDE7'); return @e($code);",
        "if (!extension_loaded('ionCube Loader')) { die('The file needs the ionCube loader'); } return sg_load('0123456789ABCDEF');",
    ]);
}
