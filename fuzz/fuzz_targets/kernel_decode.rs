//! Feeds `yagura_kernel::decode`: any bytes give an event or an error, and no event is larger than its record.

#![no_main]

use libfuzzer_sys::fuzz_target;
use yagura_event::KernelEvent;
use yagura_kernel::decode;

/// Bytes before the part that the kind of a record decides, and where its size stands in them.
const HEADER_BYTES: usize = 8;

fuzz_target!(|bytes: &[u8]| {
    // As it is, and with the size put right, so that what follows it is looked at.
    check(bytes);
    let mut sized = bytes.to_vec();
    if let (Some(place), Ok(size)) = (sized.get_mut(4..HEADER_BYTES), u32::try_from(bytes.len())) {
        place.copy_from_slice(&size.to_ne_bytes());
        check(&sized);
    }
});

fn check(bytes: &[u8]) {
    let Ok(KernelEvent::Exec(exec)) = decode(bytes) else {
        return;
    };
    let arguments: usize = exec.argv.iter().map(|word| word.as_bytes().len()).sum();
    let paths: usize = [&exec.file.path, &exec.filename, &exec.interpreter, &exec.cwd]
        .iter()
        .map(|path| path.as_bytes().len())
        .sum();
    assert!(arguments + paths <= bytes.len());
}
