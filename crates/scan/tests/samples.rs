//! Harmless files that look like what rules look for. They are put together here, at run time, from texts with a `~` in the
//! middle of every word that counts: neither this source nor the test's program holds what a rule looks for.

use std::sync::{Arc, LazyLock};
use yagura_scan::{Report, ScanRules, Scanner};

/// Own rules, compiled once for all tests.
pub(crate) static OWN: LazyLock<Arc<ScanRules>> =
    LazyLock::new(|| Arc::new(ScanRules::own().expect("own rules compile")));

/// Scans with own rules.
pub(crate) fn scan(name: &str, content: &[u8]) -> Report {
    Scanner::new(Arc::clone(&OWN)).scan(name.as_bytes(), content)
}

/// The text without its marks.
pub(crate) fn plain(text: &str) -> String {
    text.replace('~', "")
}

/// A script for an interpreter, such as `sh` or `env python3`.
pub(crate) fn script(interpreter: &str, text: &str) -> Vec<u8> {
    let path = match interpreter.starts_with("env ") {
        true => "/usr/bin/",
        false => "/bin/",
    };
    plain(&format!("#!{path}{interpreter}\n{text}\n")).into_bytes()
}

/// Any text.
pub(crate) fn text(text: &str) -> Vec<u8> {
    plain(text).into_bytes()
}

/// What a file is, as the ELF header says.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// Not linked yet: kernel modules.
    Object = 1,
    /// A program at a fixed address.
    Program = 2,
    /// A library or a program at any address.
    Library = 3,
}

/// A 64 bit ELF header, the texts behind it, each ended by a zero byte, and a table of sections at the end.
pub(crate) fn elf_of(kind: Kind, sections: u16, texts: &[&str]) -> Vec<u8> {
    let parts: Vec<Vec<u8>> = texts.iter().map(|text| plain(text).into_bytes()).collect();
    let mut file = header(kind, sections, 2);
    file.resize(512, 0x90);
    for part in parts {
        file.extend(part);
        file.push(0);
    }
    file.resize(file.len().next_multiple_of(64) + 8192, 0x11);
    file
}

/// A program with texts.
pub(crate) fn elf(texts: &[&str]) -> Vec<u8> {
    elf_of(Kind::Program, 20, texts)
}

/// A library with texts.
pub(crate) fn library(texts: &[&str]) -> Vec<u8> {
    elf_of(Kind::Library, 20, texts)
}

/// A kernel module with texts.
pub(crate) fn module(texts: &[&str]) -> Vec<u8> {
    elf_of(Kind::Object, 20, texts)
}

/// A Go program with texts, each so many times as functions of one package are.
pub(crate) fn go(times: usize, texts: &[&str]) -> Vec<u8> {
    let mut file = header(Kind::Program, 20, 2);
    file.extend(b"\xff Go");
    file.extend(b" buildinf:");
    for number in 0..times {
        for text in texts {
            file.extend(plain(text).into_bytes());
            file.extend(format!("Function{number}\0").into_bytes());
        }
    }
    file
}

/// A program that holds bytes.
pub(crate) fn elf_with(bytes: &[u8]) -> Vec<u8> {
    let mut file = header(Kind::Program, 20, 2);
    file.resize(256, 0x90);
    file.extend(bytes);
    file.resize(file.len() + 8192, 0x11);
    file
}

/// A 64 bit ELF header with so many sections and program headers, in the right places.
pub(crate) fn header(kind: Kind, sections: u16, parts: u16) -> Vec<u8> {
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    file.extend((kind as u16).to_le_bytes());
    file.extend(62_u16.to_le_bytes());
    file.extend(1_u32.to_le_bytes());
    file.extend(0x40_0078_u64.to_le_bytes());
    file.extend(64_u64.to_le_bytes());
    file.extend(0_u64.to_le_bytes());
    file.extend(0_u32.to_le_bytes());
    for half in [64, 56, parts, 64, sections, 0] {
        file.extend(half.to_le_bytes());
    }
    file
}

/// The bytes, each changed by the same mask.
pub(crate) fn masked(mask: u8, text: &str) -> Vec<u8> {
    plain(text).bytes().map(|byte| byte ^ mask).collect()
}
