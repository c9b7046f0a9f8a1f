//! PHP: parsed, run in part to see through what hides it, and followed from the request to what executes it.

mod ast;
mod builtin;
mod features;
mod handler;
mod lower;
mod machine;
mod precheck;
mod sink;
mod source;
#[cfg(test)]
mod tests;
mod value;

use crate::evidence::Evidence;
use machine::Machine;

/// What the files of pictures begin with.
const PICTURES: [&[u8]; 6] = [
    b"GIF8",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"BM",
    b"RIFF",
    b"%PDF",
];

/// Looks at one script.
pub(crate) fn look(content: &[u8], evidence: &mut Evidence) {
    let plain = source::plain(content);
    let code = memchr::memmem::find(&plain, b"<?");
    let Some(code) = code else {
        return handler::look(content, evidence);
    };
    let picture = PICTURES.iter().any(|magic| content.starts_with(magic)) && calls(&plain, code);
    if !picture && !precheck::worth(&plain) {
        return;
    }
    if picture {
        evidence.add(65, "a picture has PHP code in it", code, 5);
        evidence.family(40, "code in a picture");
    }
    let mut machine = Machine::new(content, evidence);
    match lower::read(&plain) {
        Some(program) => machine.run(&program),
        None => {
            machine
                .evidence
                .gap("the script's syntax took too long to read");
            features::unread(&plain, machine.evidence);
        }
    }
    if machine.budget.exhausted() {
        machine
            .evidence
            .gap("encodings beyond a bound were not undone");
    }
    let mut found = std::mem::take(&mut machine.found);
    features::judge(&plain, &mut found, evidence);
}

/// Whether code is more than two bytes that happen to look like a tag.
fn calls(plain: &[u8], code: usize) -> bool {
    let rest = plain.get(code..).unwrap_or_default();
    let opens = rest.starts_with(b"<?php") || rest.starts_with(b"<?=") || rest.starts_with(b"<? ");
    opens && memchr::memchr(b'$', rest).is_some() && memchr::memchr2(b'(', b'`', rest).is_some()
}
