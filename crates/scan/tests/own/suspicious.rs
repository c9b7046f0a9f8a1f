//! `malware.suspicious_program`.

use super::{Case, case};
use crate::samples::{Kind, elf, elf_of, elf_with, header, masked, script};

pub(crate) fn cases() -> Vec<Case> {
    let tiny = |flags: u32| {
        let mut file = header(Kind::Program, 0, 1);
        file.extend(1_u32.to_le_bytes());
        file.extend(flags.to_le_bytes());
        file.resize(250, 0x90);
        file
    };
    let calls = |second: u8| {
        let call = |number: u8| [&[0xb8, number, 0x01, 0, 0][..], &[0x90, 0x0f, 0x05]].concat();
        elf_with(&[call(0x3f), call(second)].concat())
    };
    let stub = "PROT_EXEC|PROT_~WRITE failed.";
    let encoded = "ZWNobyBoZWxsbyB3b3JsZCBhbmQgZ29vZCBuaWdodCBhbmQgdGhlIHJlc3Q".repeat(2);
    let appended = |sign: u8| {
        let mut file = script(
            "sh",
            "tail -n~ +5 \"$0\" > /tmp/x\nch~mod +x /tmp/x\nexec /tmp/x\n",
        );
        file.extend(masked(sign, "\u{7f}ELF\u{2}\u{1}\u{1}"));
        file
    };
    vec![
        case(
            "suspicious_packed_upx",
            elf_of(Kind::Program, 0, &["UP~X!"]),
            elf_of(Kind::Program, 20, &["UP~X!"]),
        ),
        case(
            "suspicious_packed_upx_tampered",
            elf_of(Kind::Program, 0, &["YT~S!", stub]),
            elf_of(Kind::Program, 20, &["YT~S!", stub]),
        ),
        case("suspicious_tiny_writable_code", tiny(7), tiny(5)),
        case("suspicious_memory_loader", calls(0x42), calls(0x41)),
        case(
            "suspicious_compiled_script",
            elf(&[
                "E: neither argv[0]~ nor $_ works.",
                "x%~lx",
                "=%lu~ %d",
                "location has~ changed!",
            ]),
            elf(&["x%~lx", "=%lu~ %d", "location has~ changed!"]),
        ),
        case(
            "suspicious_kernel_thread_name",
            elf(&["[kwork~er/0:1]", "prc~tl"]),
            elf(&["[kwork~er/0:1] was blocked", "prc~tl"]),
        ),
        case(
            "suspicious_encoded_shell_script",
            script("sh", &format!("echo {encoded} | base~64 -d | ba~sh\n")),
            script("sh", &format!("echo {encoded} | base~64 -d > /etc/motd\n")),
        ),
        case("suspicious_script_with_program", appended(0), appended(1)),
        case(
            "suspicious_process_name_script",
            script("bash", "exec~ -a '[kwork~er/0:0]' ./x\n"),
            script("bash", "exec~ -a nginx ./x\n"),
        ),
    ]
}
