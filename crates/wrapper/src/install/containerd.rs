//! containerd: `BinaryName` among the options of each runtime that its CRI plugin knows.
//!
//! A configuration may import others, and versions of containerd differ in how they put tables of several files together.
//! So a runtime is changed in every file that speaks of it, and nothing new is written beside.

use super::{Edit, InstallOptions, Left, Wraps};
use crate::limits::IMPORTS_MAX;
use crate::places;
use std::path::{Path, PathBuf};
use toml_edit::{DocumentMut, Item, Table, TableLike, value};

/// Types of runtimes behind which runc or crun is.
const OCI_TYPES: [&str; 2] = ["io.containerd.runc.v2", "io.containerd.runc.v1"];
const DEFAULT_HANDLER: &str = "runc";

/// Edits of containerd's files.
pub(super) fn edits(options: &InstallOptions, wraps: &mut Wraps) -> Result<Vec<Edit>, Left> {
    let mut files = read_files(options)?;
    let plugin = plugin_name(version(&files)?);
    let default = files
        .iter()
        .rev()
        .find_map(|file| file.default_handler(plugin));
    let default = default.unwrap_or_else(|| DEFAULT_HANDLER.to_owned());
    let mut wrapped = Vec::new();
    for file in &mut files {
        wrapped.extend(file.wrap_all(plugin, wraps));
    }
    if !wrapped.contains(&default) {
        let is_named = files.iter().any(|file| file.names(plugin, &default));
        if is_named || default != DEFAULT_HANDLER {
            return Err(Left::Default(default));
        }
        // Nobody speaks of it: it is what containerd has by itself.
        let at = files
            .iter()
            .rposition(|file| file.has_plugin(plugin))
            .unwrap_or(0);
        let program = wraps.program(DEFAULT_HANDLER)?;
        files
            .get_mut(at)
            .ok_or(Left::Malformed)?
            .add_default(plugin, &program)?;
    }
    let changed = files.into_iter().filter_map(|file| {
        let after = file.document.to_string().into_bytes();
        (file.before.as_deref() != Some(after.as_slice())).then_some(Edit {
            file: file.path,
            before: file.before,
            after,
        })
    });
    Ok(changed.collect())
}

/// Takes the programs in `folder` out of a configuration, as `before` had it where it spoke of the same runtime.
pub(super) fn take_out(now: &[u8], before: Option<&[u8]>, folder: &Path) -> Option<Vec<u8>> {
    let mut document = parse(now)?;
    let original = before.and_then(parse).unwrap_or_default();
    let folder = folder.to_string_lossy();
    for plugin in [plugin_name(2), plugin_name(3)] {
        let path = ["plugins", plugin, "containerd", "runtimes"];
        let Some(runtimes) = table_mut(&mut document, &path) else {
            continue;
        };
        let handlers: Vec<String> = runtimes.iter().map(|(name, _)| name.to_owned()).collect();
        for handler in handlers {
            let is_ours = binary_name(runtimes, &handler)
                .is_some_and(|binary| binary.starts_with(folder.as_ref()));
            if !is_ours {
                continue;
            }
            let known = table(&original, &path);
            let was_there = known.is_some_and(|known| known.contains_key(&handler));
            let old = known.and_then(|known| binary_name(known, &handler));
            let options = options_mut(runtimes, &handler)?;
            match old {
                Some(old) => drop(options.insert("BinaryName", value(old))),
                None => drop(options.remove("BinaryName")),
            }
            if !was_there && options.is_empty() {
                runtimes.remove(&handler);
            }
        }
    }
    Some(document.to_string().into_bytes())
}

struct ConfigFile {
    path: PathBuf,
    before: Option<Vec<u8>>,
    document: DocumentMut,
}

impl ConfigFile {
    fn runtimes_mut(&mut self, plugin: &str) -> Option<&mut dyn TableLike> {
        table_mut(
            &mut self.document,
            &["plugins", plugin, "containerd", "runtimes"],
        )
    }

    fn has_plugin(&self, plugin: &str) -> bool {
        table(&self.document, &["plugins", plugin]).is_some()
    }

    fn names(&self, plugin: &str, handler: &str) -> bool {
        let runtimes = table(
            &self.document,
            &["plugins", plugin, "containerd", "runtimes"],
        );
        runtimes.is_some_and(|runtimes| runtimes.contains_key(handler))
    }

    fn default_handler(&self, plugin: &str) -> Option<String> {
        let containerd = table(&self.document, &["plugins", plugin, "containerd"])?;
        let name = containerd.get("default_runtime_name")?.as_str()?;
        (!name.is_empty()).then(|| name.to_owned())
    }

    /// Wraps every runtime that can be; their names.
    fn wrap_all(&mut self, plugin: &str, wraps: &mut Wraps) -> Vec<String> {
        let Some(runtimes) = self.runtimes_mut(plugin) else {
            return Vec::new();
        };
        let handlers: Vec<String> = runtimes.iter().map(|(name, _)| name.to_owned()).collect();
        let mut wrapped = Vec::new();
        for handler in handlers {
            match wrap(runtimes, &handler, wraps) {
                Ok(()) => wrapped.push(handler),
                Err(left) => wraps.leave(&handler, &left),
            }
        }
        wrapped
    }

    fn add_default(&mut self, plugin: &str, program: &str) -> Result<(), Left> {
        let path = ["plugins", plugin, "containerd", "runtimes", DEFAULT_HANDLER];
        let mut at: &mut dyn TableLike = self.document.as_table_mut();
        for key in path {
            let next = at.entry(key).or_insert_with(|| {
                let mut table = Table::new();
                table.set_implicit(true);
                Item::Table(table)
            });
            at = next.as_table_like_mut().ok_or(Left::Malformed)?;
        }
        at.insert("runtime_type", value(OCI_TYPES[0]));
        let mut options = Table::new();
        options.insert("BinaryName", value(program));
        at.insert("options", Item::Table(options));
        Ok(())
    }
}

fn wrap(runtimes: &mut dyn TableLike, handler: &str, wraps: &mut Wraps) -> Result<(), Left> {
    let entry = runtimes
        .get(handler)
        .and_then(Item::as_table_like)
        .ok_or(Left::Malformed)?;
    if let Some(kind) = entry.get("runtime_type").and_then(Item::as_str)
        && !OCI_TYPES.contains(&kind)
    {
        return Err(Left::OtherType(kind.to_owned()));
    }
    let binary = binary_name(runtimes, handler).filter(|binary| !binary.is_empty());
    let program = wraps.program(binary.as_deref().unwrap_or(DEFAULT_HANDLER))?;
    let options = options_mut(runtimes, handler).ok_or(Left::Malformed)?;
    match options.get_mut("BinaryName").and_then(Item::as_value_mut) {
        // What stands around it, such as a comment, stays.
        Some(old) => {
            let decor = old.decor().clone();
            *old = program.into();
            *old.decor_mut() = decor;
        }
        None => drop(options.insert("BinaryName", value(program))),
    }
    Ok(())
}

fn binary_name(runtimes: &dyn TableLike, handler: &str) -> Option<String> {
    let options = runtimes
        .get(handler)?
        .as_table_like()?
        .get("options")?
        .as_table_like()?;
    Some(options.get("BinaryName")?.as_str()?.to_owned())
}

/// The options of a runtime, made if there are none.
fn options_mut<'a>(
    runtimes: &'a mut dyn TableLike,
    handler: &str,
) -> Option<&'a mut dyn TableLike> {
    let entry = runtimes.get_mut(handler)?;
    let is_inline = entry.is_inline_table();
    let options = entry
        .as_table_like_mut()?
        .entry("options")
        .or_insert_with(|| {
            if is_inline {
                value(toml_edit::InlineTable::new())
            } else {
                Item::Table(Table::new())
            }
        });
    options.as_table_like_mut()
}

fn plugin_name(version: i64) -> &'static str {
    if version == 2 {
        "io.containerd.grpc.v1.cri"
    } else {
        "io.containerd.cri.v1.runtime"
    }
}

/// The version of all files, which must be one.
fn version(files: &[ConfigFile]) -> Result<i64, Left> {
    let mut versions = files.iter().map(|file| {
        // An empty file may have any.
        let is_empty = file.document.is_empty();
        let found = file.document.get("version").and_then(Item::as_integer);
        if is_empty { 2 } else { found.unwrap_or(1) }
    });
    let first = versions.next().ok_or(Left::Malformed)?;
    for version in std::iter::once(first).chain(versions) {
        if version != first || !matches!(version, 2 | 3) {
            return Err(Left::Version(version));
        }
    }
    Ok(first)
}

/// The configuration and what it imports, in the order in which containerd reads them.
fn read_files(options: &InstallOptions) -> Result<Vec<ConfigFile>, Left> {
    let mut files = Vec::new();
    let mut waiting = vec![options.files.containerd.clone()];
    while let Some(path) = waiting.pop() {
        let is_known = files.iter().any(|file: &ConfigFile| file.path == path);
        if is_known || files.len() >= IMPORTS_MAX {
            continue;
        }
        let before = places::read_optional(&options.seen(&path));
        let before = before.map_err(|error| Left::File(error.to_string()))?;
        let document = match &before {
            Some(bytes) => parse(bytes).ok_or(Left::Malformed)?,
            // Without a file containerd has its defaults; a new one must only say its version.
            None => "version = 2\n".parse().map_err(|_| Left::Malformed)?,
        };
        let imports = document.get("imports").and_then(Item::as_array);
        let imports = imports
            .into_iter()
            .flatten()
            .filter_map(toml_edit::Value::as_str);
        let folder = path.parent().unwrap_or(Path::new("/")).to_owned();
        let mut imported: Vec<PathBuf> = imports
            .flat_map(|pattern| expand(options, &folder.join(pattern)))
            .collect();
        imported.reverse();
        waiting.extend(imported);
        files.push(ConfigFile {
            path,
            before,
            document,
        });
    }
    Ok(files)
}

/// The files that an import means: a path, or a pattern `FOLDER/PREFIX*SUFFIX`.
fn expand(options: &InstallOptions, pattern: &Path) -> Vec<PathBuf> {
    let name = pattern
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let (Some(name), Some(folder)) = (name, pattern.parent()) else {
        return Vec::new();
    };
    let Some((prefix, suffix)) = name.split_once('*') else {
        return vec![pattern.to_owned()];
    };
    let entries = std::fs::read_dir(options.seen(folder))
        .into_iter()
        .flatten()
        .flatten();
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|entry| {
            entry.len() >= prefix.len() + suffix.len()
                && entry.starts_with(prefix)
                && entry.ends_with(suffix)
        })
        .map(|entry| folder.join(entry))
        .take(IMPORTS_MAX)
        .collect();
    found.sort();
    found
}

fn parse(bytes: &[u8]) -> Option<DocumentMut> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

fn table<'a>(document: &'a DocumentMut, path: &[&str]) -> Option<&'a dyn TableLike> {
    let mut at: &dyn TableLike = document.as_table();
    for key in path {
        at = at.get(key)?.as_table_like()?;
    }
    Some(at)
}

fn table_mut<'a>(document: &'a mut DocumentMut, path: &[&str]) -> Option<&'a mut dyn TableLike> {
    let mut at: &mut dyn TableLike = document.as_table_mut();
    for key in path {
        at = at.get_mut(key)?.as_table_like_mut()?;
    }
    Some(at)
}
