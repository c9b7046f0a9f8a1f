//! What commands bring that is too large for an answer: files in a folder of the center.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use yagura_proto::server::OutputPart;

/// Writes a piece; the file gets its name when the last one is there.
pub(super) fn write(folder: &Path, part: &OutputPart) -> io::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    // The id is 32 digits: it can be a file's name.
    let unfinished = folder.join(format!("{}.part", part.command));
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&unfinished)?;
    file.write_all_at(&part.content, part.offset)?;
    if part.is_last {
        file.sync_all()?;
        std::fs::rename(&unfinished, folder.join(part.command.as_str()))?;
    }
    Ok(())
}
