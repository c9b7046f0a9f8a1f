//! JSON files that people give.

use crate::exit::Failure;
use crate::input::{self, Source};
use anyhow::anyhow;
use serde_json::Value;
use std::path::Path;

/// Bytes of a file: certificates may be in it.
const BYTES_MAX: usize = 256 * 1024;

/// Reads a file, `-` for standard input.
///
/// # Errors
/// [`Failure::BadInput`] if it can't be read, or is no JSON; then with line and column.
pub(super) fn read(file: &Path) -> Result<Value, Failure> {
    let source = Source::from(file);
    let name = source.name();
    let bytes = source.read(BYTES_MAX);
    let bytes =
        bytes.map_err(|error| Failure::BadInput(anyhow!(input::unreadable(&name, &error))))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Failure::BadInput(anyhow!("{name} is no JSON: {error}")))
}
