use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(decoded: Option<Vec<u8>>, expected: &str) {
    let decoded = decoded.map(|text| String::from_utf8(text).unwrap());
    assert_eq!(decoded.as_deref(), Some(expected));
}

#[test]
fn texts_decode_as_interpreters_do() {
    let budget = &mut Budget::default();
    check(base64(b"aGVs\nbG8*gdGhlcmU=", budget), "hello there");
    check(base64(b"Pz8_Pj4-", budget), "???>>>");
    check(base32(b"NBSWY3DP", budget), "hello");
    check(hex(b"68 656c6C6f", budget), "hello");
    check(
        escapes(br"\x68\145\u006c\u{6c}\U0000006f\q\\", budget),
        r"hello\q\",
    );
    check(url(b"a%20b+c%zz", true, budget), "a b c%zz");
    check(url(b"a+b", false, budget), "a+b");
    check(
        html_entities(b"&lt;&#104;&#x69;&gt;&what", budget),
        "<hi>&what",
    );
    check(quoted_printable(b"h=65llo=\r\n!", budget), "hello!");
    check(uuencoded(b"%:&5L;&\\\n`\n", budget), "hello");
    assert_eq!(hex(b"68656", budget), None);
    assert_eq!(hex(b"xy", budget), None);
    assert_eq!(base64(b"", budget), None);
}

#[test]
fn bytes_decode() {
    let budget = &mut Budget::default();
    check(rot13(b"Uryyb, 1!", budget), "Hello, 1!");
    check(reverse(b"abc", budget), "cba");
    check(xor(&[b'a' ^ 1, b'b' ^ 2, b'c' ^ 1], &[1, 2], budget), "abc");
    assert_eq!(xor(b"abc", b"", budget), None);
}

#[test]
fn compression_is_undone() {
    let budget = &mut Budget::default();
    let plain = b"the same words, the same words";
    let mut raw = DeflateEncoder::new(Vec::new(), Compression::best());
    raw.write_all(plain).unwrap();
    let raw = raw.finish().unwrap();
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
    zlib.write_all(plain).unwrap();
    let zlib = zlib.finish().unwrap();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(plain).unwrap();
    let gzip = gzip.finish().unwrap();
    assert_eq!(inflate(&raw, budget).as_deref(), Some(&plain[..]));
    assert_eq!(unzlib(&zlib, budget).as_deref(), Some(&plain[..]));
    assert_eq!(gunzip(&gzip, budget).as_deref(), Some(&plain[..]));
    for packed in [&raw, &zlib, &gzip] {
        assert_eq!(inflate_any(packed, budget).as_deref(), Some(&plain[..]));
    }
    assert_eq!(
        unzlib(&zlib[..zlib.len() - 3], budget).as_deref(),
        Some(&plain[..])
    );
    assert_eq!(gunzip(b"no gzip at all", budget), None);
}

#[test]
fn a_bomb_costs_no_more_than_the_budget() {
    let mut bomb = DeflateEncoder::new(Vec::new(), Compression::best());
    for _ in 0..256 {
        bomb.write_all(&[0; 256 * 1024]).unwrap();
    }
    let bomb = bomb.finish().unwrap();
    let mut budget = Budget::default();
    assert_eq!(inflate(&bomb, &mut budget), None);
    assert!(budget.exhausted());
}

#[test]
fn depth_is_bounded_and_given_back() {
    fn sink(budget: &mut Budget) -> usize {
        if !budget.enter() {
            return 0;
        }
        let below = sink(budget);
        budget.leave();
        1 + below
    }
    let mut budget = Budget::default();
    assert_eq!(sink(&mut budget), DECODE_DEPTH_MAX);
    assert!(budget.exhausted());
    assert!(budget.enter());
}

proptest! {
    #[test]
    fn decoders_bear_anything(text: Vec<u8>, key: Vec<u8>) {
        let budget = &mut Budget::default();
        let _ = base64(&text, budget);
        let _ = base32(&text, budget);
        let _ = hex(&text, budget);
        let _ = escapes(&text, budget);
        let _ = url(&text, true, budget);
        let _ = html_entities(&text, budget);
        let _ = quoted_printable(&text, budget);
        let _ = uuencoded(&text, budget);
        let _ = xor(&text, &key, budget);
        let _ = inflate_any(&text, budget);
        let twice = rot13(&text, budget).and_then(|once| rot13(&once, budget));
        prop_assert_eq!(twice, Some(text));
    }
}
