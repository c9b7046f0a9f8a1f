//! Puts the files of the catalogue into the crate: one list of names and contents.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Asked of the build, not of the compiler: a build script may have been compiled in another checkout.
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("../../catalogue");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut files = Vec::new();
    // Lists come first: macros and rules name them.
    for folder in ["lists", "rules"] {
        let first = files.len();
        gather(&root.join(folder), &mut files)?;
        if let Some(added) = files.get_mut(first..) {
            // A file whose name begins with `_` holds what the others of its folder build on, and a folder's own files come
            // before those of the folders in it.
            added.sort_by_key(|path: &PathBuf| {
                (
                    depth(path),
                    path.parent().map(Path::to_owned),
                    !is_shared(path),
                    path.clone(),
                )
            });
        }
    }
    let mut code = String::from("pub(crate) static FILES: &[(&str, &[u8])] = &[\n");
    for path in &files {
        let name = path.strip_prefix(&root)?;
        writeln!(code, "    ({name:?}, include_bytes!({path:?})),")?;
    }
    code.push_str("];\n");
    let out = std::env::var("OUT_DIR")?;
    std::fs::write(Path::new(&out).join("catalogue_files.rs"), code)?;
    Ok(())
}

fn gather(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    println!("cargo::rerun-if-changed={}", folder.display());
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            gather(&path, files)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            println!("cargo::rerun-if-changed={}", path.display());
            files.push(path);
        }
    }
    Ok(())
}

fn depth(path: &Path) -> usize {
    path.components().count()
}

fn is_shared(path: &Path) -> bool {
    path.file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| name.starts_with('_'))
}
