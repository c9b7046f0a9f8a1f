//! Packs the rules and lists of `catalogue/yara` into one compressed blob.
//!
//! Compressed, because the executable would otherwise hold every text that the rules look for, and be a finding of its
//! own rules and of other scanners'.

use flate2::Compression;
use flate2::write::DeflateEncoder;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let folder = Path::new("../../catalogue/yara");
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut paths = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<Vec<PathBuf>>>()?;
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "yar" || extension == "txt")
    });
    // The order of the folder is the machine's; two builds of one source must be alike.
    paths.sort();
    let mut blob = Vec::new();
    for path in paths {
        println!("cargo:rerun-if-changed={}", path.display());
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        for part in [name.as_bytes(), &fs::read(&path)?] {
            let length = u32::try_from(part.len()).map_err(io::Error::other)?;
            blob.extend_from_slice(&length.to_le_bytes());
            blob.extend_from_slice(part);
        }
    }
    let out = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("OUT_DIR is not set"))?;
    let file = fs::File::create(Path::new(&out).join("own.deflate"))?;
    let mut encoder = DeflateEncoder::new(file, Compression::best());
    encoder.write_all(&blob)?;
    encoder.finish()?.flush()
}
